//! The program as a user starts it: what it says, how it fails, and how it ends.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::Stdio;

use rustix::process::Signal;

use crate::support::client::{Connection, REPLY_WAIT};
use crate::support::program::{
    Directory, READY, Running, failure, free_port, program, run, serve, text,
};
use crate::support::service::eventually;

fn ping(address: SocketAddr) -> String {
    let mut client = Connection::open(address).expect("the server accepts");
    client.ask("PING")
}

fn assert_port_is_free(address: SocketAddr) {
    assert!(TcpStream::connect(address).is_err(), "somebody listens");
    TcpListener::bind(address).expect("the port can be taken again");
}

#[test]
fn one_line_says_that_the_server_is_ready() {
    let port = free_port().to_string();
    let running = Running::start(&["--bind", "127.0.0.1", "--port", &port]);
    let line = running.line();
    let expected = format!("{READY}127.0.0.1:{port}");
    assert!(line.ends_with(&expected), "{line}");
    let address = format!("127.0.0.1:{port}");
    assert_eq!(ping(address.parse().unwrap()), "+PONG");
}

#[test]
fn sigterm_and_sigint_end_it_with_code_0_and_free_the_port() {
    for signal in [Signal::TERM, Signal::INT] {
        let (mut running, address) = serve(&[]);
        let mut client = Connection::open(address).expect("the server accepts");
        assert_eq!(client.ask("SET k v"), "+OK");
        running.signal(signal);
        assert_eq!(running.exit_code(), Some(0));
        assert_eq!(client.next(), "closed");
        drop(client);
        assert!(TcpStream::connect(address).is_err());
    }
}

#[test]
fn shutdown_ends_it_with_code_0_and_frees_the_port() {
    let (mut running, address) = serve(&[]);
    let mut client = Connection::open(address).expect("the server accepts");
    client.send(&["SHUTDOWN", "NOSAVE"]);
    assert_eq!(client.next(), "closed");
    assert_eq!(running.exit_code(), Some(0));
    assert_port_is_free(address);
}

#[test]
fn an_endless_script_does_not_keep_sigterm_from_ending_it() {
    let (mut running, address) = serve(&[]);
    let mut busy = Connection::open(address).expect("the server accepts");
    let body = "redis.call('SET', 'k', 'v') while true do pcall(redis.call, 'GET', 'k') end";
    busy.send(&["EVAL", body, "0"]);
    running.signal(Signal::TERM);
    assert_eq!(running.exit_code(), Some(0));
}

#[test]
fn a_taken_port_is_named_with_a_way_out() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = taken.local_addr().unwrap().port();
    let words = ["--bind", "127.0.0.1", "--port", &port.to_string()];
    let expected =
        format!("quintlock: cannot bind 127.0.0.1:{port}: address in use (try another --port)");
    assert_eq!(failure(&words), (Some(1), expected));

    // The same inside a cluster, whose first instances must not stay.
    let first = port.saturating_sub(1).to_string();
    let (code, told) = failure(&["cluster", "--base-port", &first, "--instances", "2"]);
    assert_eq!(code, Some(1));
    assert!(told.contains("address in use"), "{told}");
}

#[test]
fn an_address_that_the_machine_does_not_have_is_named() {
    let (code, told) = failure(&["--bind", "192.0.2.1", "--port", "7999"]);
    assert_eq!(code, Some(1));
    assert_eq!(
        told,
        "quintlock: cannot bind 192.0.2.1:7999: this machine has no such address (try another --bind)"
    );
    let (code, told) = failure(&["--bind", "no-such-host.invalid", "--port", "7999"]);
    assert_eq!(code, Some(1));
    assert!(
        told.starts_with("quintlock: cannot bind to 'no-such-host.invalid': "),
        "{told}"
    );
    let (code, told) = failure(&["--port", "70000"]);
    assert_eq!(code, Some(1));
    assert!(told.contains("port"), "{told}");
    let (code, told) = failure(&["--port", "0"]);
    assert_eq!(code, Some(1));
    assert!(told.contains("nothing to listen on"), "{told}");
}

#[test]
fn a_wrong_line_of_a_file_is_named_with_file_line_and_setting() {
    let directory = Directory::new();
    let path = directory.write("wrong.conf", "# a comment\nport 7777\n\nmaxclients many\n");
    let (code, told) = failure(&[text(&path)]);
    assert_eq!(code, Some(1));
    for part in [text(&path), "4", "maxclients many"] {
        assert!(told.contains(part), "{part} is not in: {told}");
    }
    let path = directory.write("unknown.conf", "maxclient 10\n");
    let (code, told) = failure(&[text(&path)]);
    assert_eq!(code, Some(1));
    for part in [
        text(&path),
        "1",
        "maxclient 10",
        "did you mean 'maxclients'?",
    ] {
        assert!(told.contains(part), "{part} is not in: {told}");
    }
}

#[test]
fn a_file_that_cannot_be_read_is_named() {
    let directory = Directory::new();
    let missing = directory.file("missing.conf");
    let mut unreadable = vec![
        (missing, "No such file"),
        (directory.0.clone(), "directory"),
    ];
    let locked = directory.write("locked.conf", "port 7777\n");
    std::fs::set_permissions(&locked, PermissionsExt::from_mode(0o0)).unwrap();
    // To the superuser no file is locked.
    if std::fs::read(&locked).is_err() {
        unreadable.push((locked, "denied"));
    }
    for (path, why) in unreadable {
        let (code, told) = failure(&[&path]);
        assert_eq!(code, Some(1));
        assert!(told.contains(text(&path)), "{told}");
        assert!(told.contains(why), "{told}");
    }
}

#[test]
fn a_setting_on_the_command_line_that_is_no_setting_is_named() {
    let (code, told) = failure(&["--maxclient", "10"]);
    assert_eq!(code, Some(1));
    assert!(told.contains("maxclient"), "{told}");
    let (code, told) = failure(&["--databases"]);
    assert_eq!(code, Some(1));
    assert!(told.contains("databases"), "{told}");
    let output = run(&["cluster", "--nosuch"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("--nosuch"));
}

#[test]
fn a_lone_dash_reads_settings_from_standard_input() {
    let port = free_port();
    let place = Directory::new();
    let mut child = program(&["-", "--databases", "3"])
        .current_dir(&place.0)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let mut input = child.stdin.take().expect("its input is piped");
    write!(input, "bind 127.0.0.1\nport {port}\ndatabases 7\n").unwrap();
    drop(input);
    let mut out = BufReader::new(child.stdout.take().expect("its output is piped"));
    let mut running = Running::adopt(child, place);
    let mut line = String::new();
    out.read_line(&mut line).unwrap();
    assert!(line.contains(READY), "{line}");
    let address = format!("127.0.0.1:{port}");
    let mut client = Connection::open(address.parse().unwrap()).expect("the server accepts");
    assert_eq!(
        client.ask("CONFIG GET databases"),
        r#"*2 $"databases" $"3""#
    );
    running.signal(Signal::TERM);
    assert_eq!(running.exit_code(), Some(0));
}

#[test]
fn a_cluster_announces_itself_in_one_line_once_all_instances_accept() {
    let mut running = Running::start(&["cluster", "--base-port", "0", "--json"]);
    let line = running.line();
    let told: serde_json::Value = serde_json::from_str(&line).expect("one line of JSON");
    let instances = told["instances"].as_array().expect("a list");
    assert_eq!(instances.len(), 5);
    let mut addresses = Vec::new();
    for (number, instance) in (1..).zip(instances) {
        assert_eq!(instance["number"], number);
        let (host, port) = (&instance["host"], &instance["port"]);
        let address = instance["address"].as_str().unwrap();
        assert_eq!(
            address,
            format!("{}:{port}", host.as_str().unwrap()),
            "{line}"
        );
        let address: SocketAddr = address.parse().unwrap();
        let mut client = Connection::open(address).expect("every instance accepts");
        // They share nothing.
        assert_eq!(client.ask("SET k v NX"), "+OK");
        addresses.push(address);
    }
    running.signal(Signal::INT);
    assert_eq!(running.exit_code(), Some(0));
    assert!(running.lines.try_recv().is_err(), "nothing but that line");
    for address in addresses {
        assert!(TcpStream::connect(address).is_err());
    }
}

#[test]
fn a_cluster_ends_when_each_instance_was_shut_down() {
    let mut running = Running::start(&["cluster", "--base-port", "0", "--instances", "2"]);
    let mut addresses: Vec<SocketAddr> = Vec::new();
    loop {
        let line = running.line();
        match line.split_once("redis://") {
            Some((_, address)) => addresses.push(address.parse().unwrap()),
            None => break assert!(line.starts_with("ready: "), "{line}"),
        }
    }
    let mut first = Connection::open(addresses[0]).unwrap();
    first.send(&["SHUTDOWN", "NOSAVE"]);
    assert_eq!(first.next(), "closed");
    assert_eq!(ping(addresses[1]), "+PONG");
    let mut second = Connection::open(addresses[1]).unwrap();
    second.send(&["SHUTDOWN", "NOSAVE"]);
    assert_eq!(running.exit_code(), Some(0));
}

#[test]
fn a_unix_socket_has_its_permissions_and_goes_with_the_server() {
    let directory = Directory::new();
    let path = directory.file("lock.sock");
    let words = [
        "--port",
        "0",
        "--unixsocket",
        text(&path),
        "--unixsocketperm",
        "750",
    ];
    let mut running = Running::start(&words);
    assert_eq!(running.ready(), text(&path));
    let mode = std::fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o750);
    assert_eq!(ping_unix(&path), "+PONG\r\n");
    running.signal(Signal::TERM);
    assert_eq!(running.exit_code(), Some(0));
    assert!(!path.exists(), "the socket file is removed");
}

#[test]
fn a_socket_file_left_by_a_killed_server_keeps_no_new_one_out() {
    let directory = Directory::new();
    let path = directory.file("lock.sock");
    let words = ["--port", "0", "--unixsocket", text(&path)];
    let mut killed = Running::start(&words);
    killed.ready();
    killed.signal(Signal::KILL);
    assert_eq!(killed.exit_code(), None);
    assert!(path.exists(), "a killed server leaves its file");
    let running = Running::start(&words);
    assert_eq!(running.ready(), text(&path));
    assert_eq!(ping_unix(&path), "+PONG\r\n");
    drop(running);
    let nowhere = directory.file("no/such/directory.sock");
    let (code, told) = failure(&["--port", "0", "--unixsocket", text(&nowhere)]);
    assert_eq!(code, Some(1));
    assert!(told.contains(text(&nowhere)), "{told}");
}

fn ping_unix(path: &Path) -> String {
    let mut stream = UnixStream::connect(path).expect("the server accepts");
    let limited = stream.set_read_timeout(Some(REPLY_WAIT));
    limited.expect("a limit above zero");
    stream.write_all(b"PING\r\n").expect("the server reads");
    let mut reply = [0; 7];
    let read = stream.read_exact(&mut reply);
    read.expect("a reply in time");
    String::from_utf8_lossy(&reply).into_owned()
}

#[test]
#[cfg(target_os = "linux")]
fn it_forgoes_huge_pages_unless_it_is_told_not_to() {
    let may_have = |id: &dyn std::fmt::Display| {
        let status = std::fs::read_to_string(format!("/proc/{id}/status")).expect("a process");
        let line = status.lines().find(|line| line.starts_with("THP_enabled"));
        line.map(str::to_owned)
    };
    let (as_by_default, _) = serve(&[]);
    let (with_them, _) = serve(&["--disable-thp", "no"]);
    // A system that has no huge pages has no such line.
    let own = may_have(&"self");
    let forgone = own.as_ref().map(|_| "THP_enabled:\t0".to_owned());
    assert_eq!(may_have(&as_by_default.child.id()), forgone);
    assert_eq!(may_have(&with_them.child.id()), own);
}

#[test]
fn the_log_goes_to_the_logfile_at_the_level_that_is_asked_for() {
    let directory = Directory::new();
    let path = directory.file("server.log");
    let log = || std::fs::read_to_string(&path).unwrap_or_default();
    let port = free_port().to_string();
    let words = [
        "--bind",
        "127.0.0.1",
        "--port",
        &port,
        "--logfile",
        text(&path),
    ];
    let mut running = Running::start(&words);
    eventually("the log says that it is ready", || log().contains(READY));
    let address: SocketAddr = format!("127.0.0.1:{port}").parse().unwrap();
    let mut client = Connection::open(address).unwrap();
    let tell = |level: &str, text: &str| {
        format!("EVAL \"return redis.log(redis.LOG_{level}, '{text}')\" 0")
    };
    client.ask(&tell("NOTICE", "first word"));
    client.ask(&tell("DEBUG", "unheard word"));
    assert_eq!(client.ask("CONFIG SET loglevel warning"), "+OK");
    client.ask(&tell("NOTICE", "swallowed word"));
    client.ask(&tell("WARNING", "second word"));
    assert_eq!(client.ask("CONFIG SET loglevel debug"), "+OK");
    client.ask(&tell("DEBUG", "third word"));
    running.signal(Signal::TERM);
    assert_eq!(running.exit_code(), Some(0));
    for word in ["first word", "second word", "third word"] {
        assert!(log().contains(word), "{word} is not in: {}", log());
    }
    for word in ["unheard word", "swallowed word"] {
        assert!(!log().contains(word), "{word} is in: {}", log());
    }
    assert!(running.lines.try_recv().is_err(), "nothing is printed");
    let nowhere = directory.file("no/such/server.log");
    let (code, told) = failure(&["--port", &port, "--logfile", text(&nowhere)]);
    assert_eq!(code, Some(1));
    assert!(told.contains(text(&nowhere)), "{told}");
}

#[test]
fn help_and_version_are_printed_and_that_is_all() {
    for (words, part) in [
        (&["--help"][..], "quintlock cluster"),
        (&["-h"], "quintlock cluster"),
        (&["cluster", "--help"], "NOT Redis Cluster"),
        (&["--version"], "Quintlock server v="),
    ] {
        let output = run(words);
        assert_eq!(output.status.code(), Some(0));
        assert_eq!(output.stderr, b"");
        let printed = String::from_utf8(output.stdout).unwrap();
        assert!(printed.contains(part), "{words:?}: {printed}");
    }
}

#[test]
fn explain_says_how_each_script_runs() {
    let directory = Directory::new();
    let body = "if redis.call('get', KEYS[1]) == ARGV[1] then \
                return redis.call('del', KEYS[1]) else return 0 end";
    let native = directory.write("unlock.lua", body);
    let lua = directory.write("other.lua", "return string.rep('x', tonumber(ARGV[1]))");
    let output = run(&["explain", text(&native), text(&lua)]);
    assert_eq!(output.status.code(), Some(0));
    let printed = String::from_utf8(output.stdout).unwrap();
    let lines: Vec<&str> = printed.lines().collect();
    assert_eq!(lines[0], format!("{}: runs natively", native.display()));
    let start = format!("{}: runs in Lua (", lua.display());
    assert!(lines[1].starts_with(&start), "{}", lines[1]);
    let missing = directory.file("missing.lua");
    let (code, told) = failure(&["explain", text(&missing)]);
    assert_eq!(code, Some(1));
    assert!(told.contains(text(&missing)), "{told}");
}
