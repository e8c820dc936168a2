//! `quintlock torture` as a user runs it: a sound service passes, a broken one is found, and what was
//! started is ended.

use std::net::SocketAddr;
use std::process::Output;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use quintlock::{Cluster, Options, Server};
use rustix::process::Signal;
use serde_json::Value;

use crate::support::client::Connection;
use crate::support::program::{Directory, Running, failure, free_port, program, run, text};
use crate::support::service::{connect, eventually, start_on_real_time};

/// What the program did: exit code, its line of JSON, standard error.
struct Outcome {
    code: Option<i32>,
    report: Value,
    told: String,
}

impl Outcome {
    fn of(output: &Output) -> Outcome {
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        let report = serde_json::from_slice(&output.stdout);
        Outcome {
            code: output.status.code(),
            report: report.unwrap_or_else(|error| panic!("{error}: {told}")),
            told,
        }
    }
}

fn torture(arguments: &[&str]) -> Outcome {
    Outcome::of(&run(&[&["torture", "--json"], arguments].concat()))
}

fn joined(addresses: &[SocketAddr]) -> String {
    let addresses: Vec<String> = addresses.iter().map(SocketAddr::to_string).collect();
    addresses.join(",")
}

fn count(report: &Value, name: &str) -> u64 {
    report[name].as_u64().unwrap_or_else(|| panic!("{report}"))
}

fn rows<'a>(report: &'a Value, name: &str) -> &'a Vec<Value> {
    report[name]
        .as_array()
        .unwrap_or_else(|| panic!("{report}"))
}

/// A fast schedule on short locks.
const SHORT: [&str; 8] = [
    "--ttl",
    "200",
    "--pause",
    "60",
    "--seconds",
    "1.5",
    "--seed",
    "11",
];

#[test]
fn five_sound_servers_pass_while_their_network_fails() {
    let cluster = Cluster::start(5, &Options::new()).expect("five servers");
    let addresses = joined(&cluster.addresses());
    let outcome = torture(&[&["--addresses", &addresses, "--overlap", "2"], &SHORT[..]].concat());
    assert_eq!((outcome.code, outcome.told.as_str()), (Some(0), ""));
    let report = outcome.report;
    assert_eq!(rows(&report, "violations").len(), 0, "{report}");
    assert_eq!(rows(&report, "lost_locks").len(), 0, "{report}");
    assert!(count(&report, "acquired") > 0, "{report}");
    assert!(rows(&report, "injected").len() > 2, "{report}");
    let left_out = &report["left_out"];
    assert_eq!(left_out.as_array().map(Vec::len), Some(3), "{left_out}");
}

#[test]
fn a_server_that_forgets_its_locks_is_found_and_drawn() {
    let server = start_on_real_time(&[]);
    let address = server.address().to_string();
    let directory = Directory::new();
    let picture = directory.file("first.svg");
    let is_over = AtomicBool::new(false);
    let outcome = thread::scope(|scope| {
        scope.spawn(|| forget_often(&server, &is_over));
        let words = ["--addresses", &address, "--faults", "none", "--picture"];
        let words = [&words[..], &[text(&picture)], &SHORT].concat();
        let output = program(&[&["torture", "--json"], &words[..]].concat()).output();
        // Before anything can fail, which would wait for the other thread.
        is_over.store(true, Ordering::Relaxed);
        Outcome::of(&output.expect("the program runs"))
    });
    assert_eq!(outcome.code, Some(1));
    assert!(outcome.told.contains("mutual exclusion was violated"));
    let report = outcome.report;
    let violations = rows(&report, "violations");
    assert!(!violations.is_empty() && !rows(&report, "lost_locks").is_empty());
    let first = &violations[0];
    assert!(
        first["from_s"].as_f64() < first["until_s"].as_f64(),
        "{first}"
    );
    assert_eq!(first["first"]["lock"], first["second"]["lock"]);
    let drawn = std::fs::read_to_string(picture).expect("a picture");
    assert!(drawn.starts_with("<svg ") && drawn.contains(">instance 1</text>"));
}

/// Deletes every lock about twenty times in the life of one, once the clients have begun: before
/// that the service is tried, and must do what it should.
fn forget_often(server: &Server, is_over: &AtomicBool) {
    let mut connection = connect(server);
    eventually("a client has the lock", || {
        is_over.load(Ordering::Relaxed) || connection.ask("EXISTS lock:torture:0") == ":1"
    });
    while !is_over.load(Ordering::Relaxed) {
        assert_eq!(connection.ask("FLUSHALL"), "+OK");
        thread::park_timeout(Duration::from_millis(10));
    }
}

#[test]
fn servers_that_it_starts_are_killed_and_started_and_ended() {
    let port = free_port().to_string();
    let words = [
        "--instances",
        "1",
        "--faults",
        "kill,stop",
        "--restart-delay",
        "250",
    ];
    let words = [
        &words[..],
        &["--base-port", &port, "--release", "delex"],
        &SHORT,
    ]
    .concat();
    let outcome = torture(&words);
    // The next process starts when no lock of the former one lives any more.
    assert_eq!((outcome.code, outcome.told.as_str()), (Some(0), ""));
    let report = outcome.report;
    assert!(count(&report["faults"], "kill") > 0, "{report}");
    assert!(count(&report, "acquired") > 0, "{report}");
    assert_nobody_listens(&port);
}

fn assert_nobody_listens(port: &str) {
    let address: SocketAddr = format!("127.0.0.1:{port}").parse().expect("an address");
    let connected = std::net::TcpStream::connect(address);
    assert!(connected.is_err(), "a server still listens on {port}");
}

#[test]
fn the_same_seed_gives_the_same_schedule() {
    let server = start_on_real_time(&[]);
    let address = server.address().to_string();
    let schedule = |seed| {
        let words = [
            "--addresses",
            &address,
            "--ttl",
            "50",
            "--seconds",
            "0.3",
            "--seed",
            seed,
        ];
        torture(&words).report["schedule"].clone()
    };
    let first = schedule("5");
    assert!(first.as_array().is_some_and(|faults| !faults.is_empty()));
    assert_eq!(first, schedule("5"));
    assert_ne!(first, schedule("6"));
}

#[test]
fn an_interrupt_ends_it_with_what_was_seen_and_leaves_no_server() {
    let port = free_port().to_string();
    let mut running = Running::start(&[
        "torture",
        "--instances",
        "1",
        "--base-port",
        &port,
        "--seconds",
        "600",
        "--faults",
        "none",
    ]);
    let address: SocketAddr = format!("127.0.0.1:{port}").parse().expect("an address");
    eventually("a client has the lock", || {
        Connection::open(address)
            .is_ok_and(|mut connection| connection.ask("EXISTS lock:torture:0") == ":1")
    });
    running.signal(Signal::INT);
    assert_eq!(running.exit_code(), Some(0));
    assert!(running.line().contains("torture of 1 x `"));
    assert_nobody_listens(&port);
}

#[test]
fn what_cannot_be_run_is_told_in_a_line() {
    let server = start_on_real_time(&[("requirepass", "hush")]);
    let address = server.address().to_string();
    let free = format!("127.0.0.1:{}", free_port());
    for (words, expected) in [
        (
            ["torture", "--addresses", &address],
            "SET NX PX was answered with NOAUTH",
        ),
        (["torture", "--addresses", &free], "Connection refused"),
        (
            ["torture", "--server-command", "no-such-server {port}"],
            "instance 1 (`no-such-server ",
        ),
        (
            [
                "torture",
                "--server-command",
                "sh -c 'echo no; exit 3' {port}",
            ],
            "instance 1 ended by itself: exit status: 3, its last line: no",
        ),
    ] {
        let (code, line) = failure(&words);
        assert_eq!(code, Some(1), "{line}");
        assert!(line.contains(expected), "{line}");
    }
}
