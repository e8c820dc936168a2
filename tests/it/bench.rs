//! `quintlock bench` as a user runs it: what it counts, what it refuses, and what it leaves behind.

use std::net::SocketAddr;

use quintlock::{Cluster, Options, Server};
use rustix::process::Signal;
use serde_json::Value;

use crate::support::fake::{Fake, Manners};
use crate::support::program::{Directory, Running, failure, run, serve, text};
use crate::support::service::{connect, eventually, start};

/// The workloads that one server runs.
const SINGLE: [&str; 9] = [
    "cycle",
    "cycle-delex",
    "cycle-delifeq",
    "npm-redlock-1",
    "npm-redlock-3",
    "acquire",
    "refused",
    "extend",
    "get",
];

/// What the program did: exit code, lines of JSON, standard error.
struct Outcome {
    code: Option<i32>,
    reports: Vec<Value>,
    told: String,
}

fn bench(arguments: &[&str]) -> Outcome {
    let output = run(&[&["bench", "--json"], arguments].concat());
    let printed = String::from_utf8(output.stdout).expect("JSON is text");
    Outcome {
        code: output.status.code(),
        reports: printed
            .lines()
            .map(|line| serde_json::from_str(line).expect("each line is JSON"))
            .collect(),
        told: String::from_utf8(output.stderr).expect("messages are text"),
    }
}

/// A small load on `address`.
fn small(address: SocketAddr, more: &[&str]) -> Outcome {
    let port = address.port().to_string();
    let load = [
        "--port",
        &port,
        "--clients",
        "3",
        "--keys",
        "100",
        "--requests",
        "1000",
    ];
    bench(&[&load, more].concat())
}

/// Locks on `all` together; `load` says how many.
fn redlock(all: &[SocketAddr], load: &str) -> Outcome {
    let all = addresses(all);
    let words = ["redlock", "--keys", "1000", "--addresses", &all];
    let load: Vec<&str> = load.split(' ').collect();
    bench(&[&words[..], &load].concat())
}

fn addresses(all: &[SocketAddr]) -> String {
    let all: Vec<String> = all.iter().map(SocketAddr::to_string).collect();
    all.join(",")
}

fn assert_ran(outcome: &Outcome, reports: usize) {
    assert_eq!(outcome.told, "");
    assert_eq!(outcome.code, Some(0));
    assert_eq!(outcome.reports.len(), reports);
}

fn assert_empty(server: &Server) {
    assert_eq!(connect(server).ask("DBSIZE"), ":0");
}

#[test]
fn every_workload_is_answered_right_and_leaves_no_key() {
    let server = start(&[]);
    for more in [&["--pipeline", "7"][..], &["--threads", "2"]] {
        let outcome = small(server.address(), &[&SINGLE, more].concat());
        assert_ran(&outcome, SINGLE.len());
        for (report, name) in outcome.reports.iter().zip(SINGLE) {
            assert_eq!(report["workload"], name);
            assert_eq!(report["requests"], 1000, "{report}");
            assert_eq!(report["wrong_replies"], 0, "{report}");
            assert_eq!(report["clients"], 3);
            assert_eq!(report["target"], server.address().to_string());
            assert_eq!(report["rate"], Value::Null);
            let latency = |name: &str| report["latency_us"][name].as_f64().expect("a number");
            let rising = ["p50", "p90", "p99", "p99_9", "max"].map(latency);
            assert!(rising.is_sorted() && rising[0] > 0.0, "{report}");
            assert!(report["requests_per_second"].as_f64() > Some(0.0));
        }
        assert_empty(&server);
    }
}

#[test]
fn a_load_by_time_with_a_warmup_ends_and_its_keys_are_freed_meanwhile() {
    let server = start(&[]);
    let port = server.address().port().to_string();
    let outcome = bench(&[
        "acquire",
        "--port",
        &port,
        "--clients",
        "2",
        "--keys",
        "64",
        "--pipeline",
        "8",
        "--seconds",
        "0.1",
        "--warmup",
        "0.05",
    ]);
    assert_ran(&outcome, 1);
    let report = &outcome.reports[0];
    assert!(report["seconds"].as_f64() >= Some(0.1), "{report}");
    assert!(report["requests"].as_u64() > Some(64), "{report}");
    assert_eq!(report["wrong_replies"], 0);
    assert_empty(&server);
}

#[test]
fn redlock_takes_every_lock_on_five_servers() {
    let cluster = Cluster::start(5, &Options::manual_clock()).unwrap();
    let all = cluster.addresses();
    let outcome = redlock(&all, "--clients 4 --threads 2 --requests 500");
    assert_ran(&outcome, 1);
    let report = &outcome.reports[0];
    assert_eq!(report["requests"], 500);
    assert_eq!(report["acquired"], 500);
    assert_eq!(report["failed"], 0);
    assert_eq!(report["target"], addresses(&all));
    for server in cluster.instances() {
        assert_empty(server);
    }
}

#[test]
fn redlock_goes_on_without_a_minority_and_ends_without_a_majority() {
    let servers = [start(&[]), start(&[])];
    let dropping = || Fake::start(Manners::DropAt { set: 20 });
    let (fake, other) = (dropping(), dropping());
    let (a, b) = (servers[0].address(), servers[1].address());
    let voting = |all: &[SocketAddr]| redlock(all, "--clients 2 --requests 200");
    let outcome = voting(&[a, fake.address(), b]);
    assert_ran(&outcome, 1);
    let report = &outcome.reports[0];
    assert_eq!(report["acquired"], 200, "{report}");
    assert_eq!(report["lost_connections"], 2, "{report}");
    let outcome = voting(&[other.address(), a, fake.address()]);
    assert_eq!(outcome.code, Some(1));
    assert!(
        outcome.told.contains("dropped a connection"),
        "{}",
        outcome.told
    );
}

#[test]
fn redlock_fails_where_a_majority_refuses_and_releases_all_the_same() {
    let server = start(&[]);
    let fakes = [Manners::Refuse, Manners::Refuse].map(Fake::start);
    let all = [fakes[0].address(), server.address(), fakes[1].address()];
    let outcome = redlock(&all, "--clients 2 --requests 50");
    assert_ran(&outcome, 1);
    let report = &outcome.reports[0];
    assert_eq!(
        (&report["acquired"], &report["failed"]),
        (&0.into(), &50.into())
    );
    assert_eq!(report["wrong_replies"], 0, "{report}");
    assert_empty(&server);
}

#[test]
fn wrong_replies_are_counted_shown_and_fail_the_program() {
    let fake = Fake::start(Manners::WrongRelease);
    for more in [&["--pipeline", "5"][..], &[]] {
        let outcome = small(fake.address(), &[&["cycle"], more].concat());
        assert_eq!(outcome.code, Some(1));
        assert_eq!(outcome.reports[0]["requests"], 1000);
        assert_eq!(outcome.reports[0]["wrong_replies"], 500);
        assert_eq!(
            outcome.told.trim_end(),
            "quintlock: 500 of 1000 replies to cycle were wrong: (integer) 0 instead of (integer) 1"
        );
    }
}

#[test]
fn a_server_that_cannot_run_the_load_is_told_of() {
    let told = |outcome: Outcome, text: &str| {
        assert_eq!(outcome.code, Some(1));
        assert_eq!(outcome.reports.len(), 0);
        assert!(outcome.told.contains(text), "{}", outcome.told);
    };
    let fake = Fake::start(Manners::WrongRelease);
    let text = "cannot run the workload `cycle-delex`: ERR unknown command 'DELEX'";
    told(small(fake.address(), &["cycle-delex"]), text);
    let fake = Fake::start(Manners::DropAt { set: 20 });
    told(
        small(fake.address(), &[]),
        "dropped a connection: it was closed by the server",
    );
    let fake = Fake::start(Manners::Http);
    told(
        small(fake.address(), &[]),
        "does not speak RESP2: 'HTTP/1.1 400 Bad Request",
    );

    let locked = start(&[("requirepass", "hush")]);
    told(small(locked.address(), &[]), "wants a password: NOAUTH");
    told(
        small(locked.address(), &["--password", "hash"]),
        "wants a password: WRONGPASS",
    );
    assert_ran(&small(locked.address(), &["--password", "hush"]), 1);

    let narrow = start(&[("maxclients", "3")]);
    told(
        small(narrow.address(), &[]),
        "refuses PING: ERR max number of clients reached",
    );

    let address = locked.address();
    drop(locked);
    let expected = format!("cannot connect to {address}: Connection refused");
    told(small(address, &[]), &expected);
}

#[test]
fn a_key_of_somebody_else_is_left_alone_and_one_of_an_earlier_bench_is_not() {
    let server = start(&[]);
    let mut client = connect(&server);
    client.ask("SET lock:orders:000000000042 bench-0123456789");
    assert_ran(&small(server.address(), &[]), 1);
    client.ask("SET lock:orders:000000000042 mine");
    let outcome = small(server.address(), &["acquire"]);
    assert_eq!(outcome.code, Some(1));
    let text = "has a key lock:orders:000000000042 that is not from here";
    assert!(outcome.told.contains(text), "{}", outcome.told);
    assert_eq!(client.ask("GET lock:orders:000000000042"), "$\"mine\"");
    assert_eq!(client.ask("DBSIZE"), ":1");
}

#[test]
fn a_rate_is_kept_or_missed_aloud() {
    let server = start(&[]);
    let outcome = small(server.address(), &["get", "--rate", "5000"]);
    assert_ran(&outcome, 1);
    let report = &outcome.reports[0];
    // The last of 1000 is due after 999 intervals.
    assert!(report["seconds"].as_f64() > Some(0.199), "{report}");
    assert_eq!(report["rate"], 5000.0);
    let outcome = small(server.address(), &["get", "--rate", "1e9"]);
    assert_eq!(outcome.reports[0]["rate_reached"], false);
    let port = server.address().port().to_string();
    let output = run(&[
        "bench",
        "get",
        "--port",
        &port,
        "--keys",
        "1000",
        "--requests",
        "100",
        "--rate",
        "1e9",
    ]);
    let table = String::from_utf8(output.stdout).unwrap();
    assert!(table.contains("was not reached"), "{table}");
    assert!(
        table.contains("wrong replies                  0"),
        "{table}"
    );
}

#[test]
fn an_interrupt_ends_it_with_the_figures_so_far() {
    let server = start(&[]);
    let port = server.address().port().to_string();
    let words = [
        "bench",
        "get",
        "cycle",
        "--keys",
        "1000",
        "--json",
        "--port",
        &port,
        "--seconds",
        "600",
    ];
    let mut running = Running::start(&words);
    let mut client = connect(&server);
    eventually("the load runs", || client.ask("DBSIZE") == ":1000");
    running.signal(Signal::INT);
    let report: Value = serde_json::from_str(&running.line()).unwrap();
    assert_eq!(report["workload"], "get");
    assert_eq!(running.exit_code(), Some(0));
    assert_empty(&server);
}

#[test]
fn a_unix_socket_is_as_good() {
    let directory = Directory::new();
    let path = directory.file("lock.sock");
    // In a process of its own: time that ended threads of this one have used is not seen.
    let (server, _) = serve(&["--unixsocket", text(&path)]);
    let outcome = bench(&[
        "--unixsocket",
        text(&path),
        "--requests",
        "100",
        "--server-pid",
        &server.child.id().to_string(),
    ]);
    assert_ran(&outcome, 1);
    assert_eq!(outcome.reports[0]["target"], text(&path));
    assert!(outcome.reports[0]["server_cpu_us_per_request"].as_f64() > Some(0.0));
}

#[test]
fn bad_options_are_explained() {
    for (words, text) in [
        (&["nosuch"][..], "the workloads are cycle, cycle-delex"),
        (&["--clients", "0"], "0 is not in 1..=10000"),
        (&["--pipeline", "1001"], "1001 is not in 1..=1000"),
        (
            &["--threads", "8", "--clients", "7"],
            "8 threads need at least as many clients",
        ),
        (
            &["--keys", "799", "--pipeline", "16"],
            "50 clients with 16 in flight use 800",
        ),
        (
            &["npm-redlock-3", "--keys", "149"],
            "use 150 at a time for npm-redlock-3",
        ),
        (&["--token-length", "15"], "15 is not in 16..=4096"),
        (&["--ttl", "0"], "0 is not in 1..=86400000"),
        (&["--seconds", "0"], "0 is not in 0.01..=86400"),
        (&["--seconds", "NaN"], "NaN is not in"),
        (
            &["--seconds", "1", "--requests", "1"],
            "cannot be used with",
        ),
        (&["--rate", "-1"], "-1 is not in 0.1..=1000000000"),
        (&["--rate", "fast"], "it is not a number"),
        (&["--addresses", "localhost"], "an address is HOST:PORT"),
        (&["--addresses", "[::1:7001"], "an address is HOST:PORT"),
        (&["redlock", "--pipeline", "2"], "--pipeline must be 1"),
        (
            &["--unixsocket", "/s", "--port", "1"],
            "cannot be used with",
        ),
        (&["--port", "0"], "0 is not in 1..=65535"),
    ] {
        let output = run(&[&["bench"], words].concat());
        assert_eq!(output.status.code(), Some(2), "{words:?}");
        let told = String::from_utf8(output.stderr).unwrap();
        assert!(told.contains(text), "{words:?}: {told}");
    }
    let (code, told) = failure(&["bench", "--server-pid", "4294967295", "--port", "1"]);
    assert_eq!(code, Some(1));
    assert!(told.contains("--server-pid"), "{told}");
}
