//! `maxclients` and the limit on open files: what a server takes, lowers, refuses and answers.
//!
//! Each server is a process of its own behind `ulimit`. With `REAL_REDIS` a redis-server is asked the
//! same.

use std::net::SocketAddr;
use std::process::{Command, Stdio};

use crate::journal_files::real::binary;
use crate::support::client::Connection;
use crate::support::program::{Directory, Running, free_port, text};
use crate::support::service::eventually;

const REFUSAL: &str = "-ERR max number of clients reached";
/// What a refused CONFIG SET is answered, but for the number.
const TRY_WITH: &str = "-ERR CONFIG SET failed (possibly related to argument 'maxclients') - The \
                        operating system is not able to handle the specified number of clients, try \
                        with ";

/// A server that can have so many files open, and its directory.
struct Limited {
    running: Running,
    address: SocketAddr,
}

impl Limited {
    fn start(program: &str, files: u32, more: &[&str]) -> Limited {
        let port = free_port();
        let mut running = Limited::spawn(program, files, port, more);
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        eventually("it accepts connections", || {
            let ended = running
                .child
                .try_wait()
                .expect("the child can be waited for");
            assert_eq!(ended, None, "it has ended");
            Connection::open(address).is_ok()
        });
        Limited { running, address }
    }

    fn spawn(program: &str, files: u32, port: u16, more: &[&str]) -> Running {
        let place = Directory::new();
        let command = format!(
            "ulimit -n {files}; exec '{program}' --port {port} --bind 127.0.0.1 --dir '{}' \
             --logfile '{}' {}",
            text(&place.0),
            text(&place.file("log")),
            more.join(" "),
        );
        let child = Command::new("sh")
            .args(["-c", &command])
            .stdin(Stdio::null())
            .spawn()
            .expect("a shell");
        Running::adopt(child, place)
    }

    fn connect(&self) -> Connection {
        Connection::open(self.address).expect("it accepts")
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.running.place().file("log")).expect("a log")
    }
}

fn ours() -> &'static str {
    env!("CARGO_BIN_EXE_quintlock")
}

/// What either server does with 128 files and 10,000 clients asked for.
fn lowers_and_refuses(server: &Limited) {
    let mut client = server.connect();
    assert_eq!(
        client.ask("CONFIG GET maxclients"),
        "*2 $\"maxclients\" $\"96\""
    );
    assert_eq!(client.info("maxclients"), 96);
    for (line, answer) in [
        ("CONFIG SET maxclients 97", format!("{TRY_WITH}96")),
        (
            "CONFIG SET timeout 7 maxclients 2000",
            format!("{TRY_WITH}96"),
        ),
        (
            "CONFIG SET maxclients 2000 timeout 7",
            format!("{TRY_WITH}96"),
        ),
        ("CONFIG GET timeout", "*2 $\"timeout\" $\"0\"".to_owned()),
        (
            "CONFIG GET maxclients",
            "*2 $\"maxclients\" $\"96\"".to_owned(),
        ),
        ("CONFIG SET maxclients 96", "+OK".to_owned()),
        ("CONFIG SET maxclients 50 timeout 7", "+OK".to_owned()),
        (
            "CONFIG SET maxclients 98 timeout 8",
            format!("{TRY_WITH}96"),
        ),
        (
            "CONFIG GET maxclients",
            "*2 $\"maxclients\" $\"50\"".to_owned(),
        ),
        ("CONFIG GET timeout", "*2 $\"timeout\" $\"7\"".to_owned()),
        ("CONFIG SET maxclients 96 timeout 0", "+OK".to_owned()),
    ] {
        assert_eq!(client.ask(line), answer, "{line}");
    }
    let log = server.log();
    for line in [
        "You requested maxclients of 10000 requiring at least 10032 max file descriptors.",
        "Server can't set maximum open files to 10032 because of OS error: Operation not permitted.",
        "Current maximum open files is 128. maxclients has been reduced to 96 to compensate for low \
         ulimit. If you need higher maxclients increase 'ulimit -n'.",
        "Failed applying new configuration. Possibly related to new maxclients setting. Restoring \
         previous settings.",
    ] {
        assert!(log.contains(line), "{line}\n{log}");
    }
}

#[test]
fn maxclients_is_what_the_limit_on_open_files_permits() {
    let server = Limited::start(ours(), 128, &["--io-threads", "1"]);
    lowers_and_refuses(&server);
    // Redis counts past the end of 32 bits here, and takes it.
    let most = server.connect().ask("CONFIG SET maxclients 4294967295");
    assert_eq!(most, format!("{TRY_WITH}96"));
}

#[test]
fn a_real_redis_lowers_and_refuses_alike() {
    let Some(redis) = binary() else { return };
    let server = Limited::start(text(&redis), 128, &["--save ''"]);
    lowers_and_refuses(&server);
}

#[test]
fn a_limit_that_can_be_raised_is_raised() {
    let more = ["--io-threads", "1", "--maxclients", "50"];
    let server = Limited::start(ours(), 1024, &more);
    let mut client = server.connect();
    assert_eq!(client.ask("CONFIG SET maxclients 900"), "+OK");
    assert_eq!(client.info("maxclients"), 900);
}

#[test]
fn with_too_few_files_for_itself_it_does_not_start() {
    let mut running = Limited::spawn(ours(), 32, 0, &["--io-threads", "1", "--logfile ''"]);
    assert_eq!(running.exit_code(), Some(1));
}

/// All that may be there are there, each further one is told so, and the journal is written anew.
#[test]
fn who_comes_when_all_files_are_used_is_told_so() {
    let server = Limited::start(ours(), 128, &["--io-threads", "1"]);
    let mut first = server.connect();
    eventually("it is the only one", || {
        first.info("connected_clients") == 1
    });
    let mut clients: Vec<Connection> = (1..96).map(|_| server.connect()).collect();
    for client in &mut clients {
        assert_eq!(client.ask("SET key v"), "+OK");
    }
    for _ in 0..100 {
        assert_eq!(server.connect().next(), REFUSAL);
    }
    assert_eq!(first.info("rejected_connections"), 100);
    assert_eq!(
        first.ask("BGREWRITEAOF"),
        "+Background append only file rewriting started"
    );
    eventually("the journal is written anew", || {
        first.info("aof_rewrites") == 1
    });
}

/// Several servers share the limit: the last ones find no descriptor where `maxclients` lets them in.
#[test]
fn a_process_without_a_descriptor_left_tells_those_who_come() {
    let place = Directory::new();
    let command = format!(
        "ulimit -n 200; exec '{}' cluster --base-port 0 --json -- --io-threads 1",
        ours()
    );
    let mut child = Command::new("sh");
    let child = child.args(["-c", &command]).current_dir(&place.0);
    let child = child.stdin(Stdio::null()).stdout(Stdio::piped());
    let mut child = child.stderr(Stdio::piped()).spawn().expect("a shell");
    let mut line = String::new();
    let out = child.stdout.take().expect("its output is piped");
    std::io::BufRead::read_line(&mut std::io::BufReader::new(out), &mut line).expect("a line");
    let log = child.stderr.take().expect("its log is piped");
    let running = Running::adopt(child, place);
    let told: serde_json::Value = serde_json::from_str(&line).expect("JSON");
    let ports = (0..5).map(|i| told["instances"][i]["port"].as_u64().expect("a port") as u16);
    let addresses: Vec<SocketAddr> = ports
        .map(|port| SocketAddr::from(([127, 0, 0, 1], port)))
        .collect();
    let mut held = Vec::new();
    let mut refused = 0;
    for number in 0..400 {
        let address = addresses[number % 5];
        let mut client = Connection::open(address).expect("the system accepts");
        client.send(&["PING"]);
        if client.next() == "+PONG" {
            held.push(client);
        } else {
            refused += 1;
        }
    }
    assert!((100..200).contains(&held.len()), "{} held", held.len());
    assert_eq!(refused, 400 - held.len());
    for address in addresses {
        let mut more = Connection::open(address).expect("the system accepts");
        assert_eq!(more.next(), REFUSAL);
    }
    for client in &mut held {
        assert_eq!(client.ask("PING"), "+PONG");
    }
    drop(running);
    let told = std::io::read_to_string(log).expect("a log");
    assert!(
        told.matches("cannot accept a connection").count() <= 10,
        "{told}"
    );
}
