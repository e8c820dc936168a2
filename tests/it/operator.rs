//! The program as an operator's tools see it: daemons, supervisors, log rotation, signals, names.

use std::fs;
use std::net::SocketAddr;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr as UnixAddress, UnixDatagram};
use std::process::{Command, Stdio};

use rustix::process::{Pid, Signal, kill_process, test_kill_process};

use crate::support::client::{Connection, REPLY_WAIT};
use crate::support::program::{Directory, READY, Running, free_port, program, run, serve, text};
use crate::support::service::eventually;

/// A process that is nobody's child; killed when dropped.
struct Daemon(Pid);

impl Daemon {
    fn of_pidfile(path: &std::path::Path) -> Daemon {
        let number = fs::read_to_string(path).expect("the pid file is there");
        let number = number
            .strip_suffix('\n')
            .expect("a line")
            .parse()
            .expect("a number");
        Daemon(Pid::from_raw(number).expect("a process number"))
    }

    fn is_running(&self) -> bool {
        test_kill_process(self.0).is_ok()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = kill_process(self.0, Signal::KILL);
    }
}

fn connect(port: u16) -> Connection {
    Connection::open(SocketAddr::from(([127, 0, 0, 1], port))).expect("the server accepts")
}

#[test]
fn a_daemon_serves_when_the_command_ends_and_removes_its_pidfile() {
    let directory = Directory::new();
    let port = free_port();
    let config = format!(
        "bind 127.0.0.1\nport {port}\ndaemonize yes\ndir {}\npidfile run.pid\nlogfile server.log\n",
        text(&directory.0)
    );
    let output = run(&[directory.write("server.conf", &config)]);
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(output.stderr, b"");
    // No waiting here: it was ready before the command ended.
    let mut client = connect(port);
    let daemon = Daemon::of_pidfile(&directory.file("run.pid"));
    assert_eq!(client.ask("SET k v"), "+OK");
    let log = fs::read_to_string(directory.file("server.log")).unwrap();
    let start = format!("{}:M ", daemon.0.as_raw_nonzero());
    assert!(log.lines().all(|line| line.starts_with(&start)), "{log}");
    client.send(&["SHUTDOWN"]);
    eventually("the daemon ends", || !daemon.is_running());
    assert!(!directory.file("run.pid").exists());
}

#[test]
fn a_daemon_that_cannot_start_fails_the_command() {
    let (_running, address) = serve(&[]);
    let port = address.port().to_string();
    let words = ["--bind", "127.0.0.1", "--port", &port, "--daemonize", "yes"];
    let output = run(&words);
    assert_eq!(output.status.code(), Some(1));
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(told.contains("address in use"), "{told}");
}

#[test]
fn a_pidfile_is_there_while_the_server_is() {
    let directory = Directory::new();
    let path = directory.file("server.pid");
    let (mut running, _) = serve(&["--pidfile", text(&path)]);
    let written = fs::read_to_string(&path).unwrap();
    assert_eq!(written, format!("{}\n", running.child.id()));
    running.signal(Signal::TERM);
    assert_eq!(running.exit_code(), Some(0));
    assert!(!path.exists());
    // One that cannot be written is told, and no more.
    let nowhere = directory.file("no/such.pid");
    let port = free_port().to_string();
    let words = [
        "--bind",
        "127.0.0.1",
        "--port",
        &port,
        "--pidfile",
        text(&nowhere),
    ];
    let running = Running::start(&words);
    let line = running.line();
    assert!(line.contains(" # Failed to write PID file "), "{line}");
    running.ready();
}

fn supervised(socket: &UnixDatagram, name: &str) {
    socket
        .set_read_timeout(Some(REPLY_WAIT))
        .expect("a limit above zero");
    let port = free_port().to_string();
    let place = Directory::new();
    let mut child = program(&[
        "--bind",
        "127.0.0.1",
        "--port",
        &port,
        "--supervised",
        "auto",
    ])
    .current_dir(&place.0)
    .env("NOTIFY_SOCKET", name)
    .stdout(Stdio::null())
    .spawn()
    .expect("the program starts");
    let hear = || {
        let mut told = [0; 256];
        let length = socket.recv(&mut told).expect("a message in time");
        String::from_utf8_lossy(&told[..length]).into_owned()
    };
    assert_eq!(
        hear(),
        format!(
            "READY=1\nMAINPID={}\nSTATUS=Ready to accept connections\n",
            child.id()
        )
    );
    connect(port.parse().expect("a port"));
    kill_process(Pid::from_child(&child), Signal::TERM).expect("it runs");
    assert_eq!(hear(), "STOPPING=1\nSTATUS=Shutting down\n");
    assert_eq!(child.wait().expect("it ends").code(), Some(0));
}

#[test]
fn systemd_hears_that_it_is_ready_and_that_it_stops() {
    let directory = Directory::new();
    let path = directory.file("notify");
    supervised(&UnixDatagram::bind(&path).unwrap(), text(&path));
    let name = format!("quintlock-test-{}", std::process::id());
    let address = UnixAddress::from_abstract_name(&name).unwrap();
    let socket = UnixDatagram::bind_addr(&address).unwrap();
    supervised(&socket, &format!("@{name}"));
}

#[test]
fn a_log_file_that_was_moved_away_is_made_again() {
    let directory = Directory::new();
    let (path, moved) = (directory.file("a.log"), directory.file("a.log.1"));
    let port = free_port();
    let words = [
        "--bind",
        "127.0.0.1",
        "--port",
        &port.to_string(),
        "--logfile",
        text(&path),
    ];
    let _running = Running::start(&words);
    let holds = |path, word| fs::read_to_string(path).is_ok_and(|log| log.contains(word));
    eventually("the log says that it is ready", || holds(&path, READY));
    let mut client = connect(port);
    fs::rename(&path, &moved).unwrap();
    client.ask("EVAL \"return redis.log(redis.LOG_WARNING, 'a later word')\" 0");
    assert!(holds(&path, " # a later word\n"));
    assert!(!holds(&moved, "a later word"));
    assert_eq!(client.ask("CONFIG SET loglevel nothing"), "+OK");
    client.ask("EVAL \"return redis.log(redis.LOG_WARNING, 'an unheard word')\" 0");
    assert!(!holds(&path, "an unheard word"));
}

#[test]
fn a_hangup_ends_nothing() {
    let (mut running, address) = serve(&[]);
    running.signal(Signal::HUP);
    let mut client = connect(address.port());
    assert_eq!(client.ask("PING"), "+PONG");
    running.signal(Signal::TERM);
    assert_eq!(running.exit_code(), Some(0));
}

#[test]
fn a_checked_configuration_starts_nothing() {
    let directory = Directory::new();
    let port = free_port().to_string();
    let path = directory.write("a.conf", "cluster-enabled yes\nsave 900 1\nhz 20\n");
    let output = run(&["--check-config", text(&path), "--port", &port]);
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(output.stderr, b"");
    let told = String::from_utf8(output.stdout).unwrap();
    let lines: Vec<&str> = told.lines().collect();
    assert_eq!(lines.len(), 4, "{told}");
    let note = "Without effect, as there is no periodic work, timers fire when they are due: hz";
    assert_eq!(lines[2], note);
    let first = format!(
        "{}, line 1: 'cluster-enabled yes' is not honoured: ",
        text(&path)
    );
    assert!(
        lines[0].starts_with(&first) || lines[1].starts_with(&first),
        "{told}"
    );
    assert_eq!(
        lines[3],
        "The configuration is fine: the server would start with it."
    );

    let path = directory.write("b.conf", "port 7\nmaxclient 10\n");
    let output = run(&["--check-config", text(&path)]);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(output.stdout, b"");
    let told = String::from_utf8(output.stderr).unwrap();
    let block = "\n*** FATAL CONFIG FILE ERROR (Quintlock 0.1.0) ***\n\
                 Reading the configuration file, at line 2\n\
                 >>> 'maxclient 10'\n\
                 Bad directive or wrong number of arguments\n";
    let (start, last) = told.split_at(block.len());
    assert_eq!(start, block);
    assert_eq!(
        last,
        format!(
            "quintlock: {}, line 2: 'maxclient 10': no such setting; did you mean 'maxclients'?\n",
            text(&path)
        )
    );
}

#[test]
fn a_link_in_the_place_of_redis_server_is_one() {
    let directory = Directory::new();
    let link = |name: &str| {
        let path = directory.file(name);
        std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_quintlock"), &path).unwrap();
        Command::new(path)
    };
    let output = link("redis-server").arg("--version").output().unwrap();
    let told = String::from_utf8(output.stdout).unwrap();
    assert!(
        told.starts_with("Redis server v=7.2.4 sha=00000000:0 malloc="),
        "{told}"
    );
    let output = link("redis-sentinel").arg("a.conf").output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(told.contains("no Sentinel"), "{told}");

    let port = free_port();
    let mut child = Command::new(directory.file("redis-server"))
        .args(["--bind", "127.0.0.1", "--port", &port.to_string()])
        .current_dir(&directory.0)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let out = child.stdout.take().unwrap();
    let running = Running::adopt(child, Directory::new());
    let mut line = String::new();
    std::io::BufRead::read_line(&mut std::io::BufReader::new(out), &mut line).unwrap();
    assert!(line.contains(READY), "{line}");
    assert_eq!(connect(port).ask("PING"), "+PONG");
    running.signal(Signal::TERM);
}

/// By these lines tools find the file of a server, and the ways in.
#[test]
fn info_names_the_configuration_file_and_the_listeners() {
    let directory = Directory::new();
    let port = free_port();
    let lines = format!(
        "port {port}\nbind 127.0.0.1 -::1\nunixsocket {}\n",
        text(&directory.file("s"))
    );
    let path = directory.write("q.conf", &lines);
    // The directory is another one, and the path a relative one.
    let running = Running::start(&[path.as_os_str()]);
    running.ready();
    let address = SocketAddr::from(([127, 0, 0, 1], port));
    let mut client = Connection::open(address).expect("the server accepts");
    let info = client.text("INFO server");
    let has_ipv6 = std::net::TcpListener::bind("[::1]:0").is_ok();
    let second = if has_ipv6 { ",bind=-::1" } else { "" };
    for line in [
        format!("config_file:{}", text(&path)),
        format!("listener0:name=tcp,bind=127.0.0.1{second},port={port}"),
        format!("listener1:name=unix,bind={}", text(&directory.file("s"))),
    ] {
        assert!(info.contains(&format!("\r\n{line}\r\n")), "{line}\n{info}");
    }
    let server = crate::support::service::start(&[]);
    let port = server.address().port();
    let info = crate::support::service::connect(&server).text("INFO server");
    assert!(info.contains("\r\nconfig_file:\r\n"), "{info}");
    assert!(info.contains(&format!(
        "\r\nlistener0:name=tcp,bind=127.0.0.1,port={port}\r\n"
    )));
    assert!(!info.contains("listener1"), "{info}");
}
