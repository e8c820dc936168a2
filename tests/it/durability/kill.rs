//! The program, killed and started again: what was answered is there as soon as it answers.

use std::fs;
use std::net::SocketAddr;

use quintlock::clock::Stopwatch;
use rustix::process::Signal;

use super::{FIRST, MODES, Place, number, records};
use crate::support::client::Connection;
use crate::support::program::{Running, serve};

/// What rounding to milliseconds may add to the rest of a lock, or take.
const ROUNDING_MS: i64 = 2;

/// A lock that was granted between two moments.
struct Lease {
    key: String,
    ttl_ms: u64,
    asked: Stopwatch,
    granted: Stopwatch,
}

impl Lease {
    fn take(client: &mut Connection, key: String, ttl_ms: u64) -> Lease {
        let asked = Stopwatch::start();
        let answer = client.ask(&format!("SET {key} token NX PX {ttl_ms}"));
        assert_eq!(answer, "+OK");
        Lease {
            key,
            ttl_ms,
            asked,
            granted: Stopwatch::start(),
        }
    }

    /// Checks that it is held for as long as it was promised.
    fn assert_kept(&self, client: &mut Connection) {
        let since = |watch: Stopwatch| i64::try_from(watch.elapsed().as_millis()).expect("a time");
        let ttl_ms = i64::try_from(self.ttl_ms).expect("a time");
        let longest_ms = ttl_ms - since(self.granted) + ROUNDING_MS;
        let rest_ms = number(&client.call(&["PTTL", &self.key]));
        let shortest_ms = ttl_ms - since(self.asked) - ROUNDING_MS;
        assert!(
            (shortest_ms..=longest_ms).contains(&rest_ms),
            "{}: {rest_ms} is not within {shortest_ms}..={longest_ms}",
            self.key
        );
        let grant = format!("SET {} other NX PX 1000", self.key);
        assert_eq!(client.ask(&grant), "$-1");
    }
}

fn start(place: &Place, mode: &str) -> (Running, SocketAddr) {
    serve(&place.arguments(mode))
}

fn kill(mut running: Running) {
    running.child.kill().expect("it can be killed");
    running.child.wait().expect("it ends");
}

fn open(address: SocketAddr) -> Connection {
    Connection::open(address).expect("the server accepts")
}

#[test]
fn acknowledged_locks_survive_kills_with_the_rest_of_their_time() {
    for mode in MODES {
        let place = Place::new();
        let mut leases = Vec::new();
        let mut released = Vec::new();
        for generation in 0..4 {
            let (running, address) = start(&place, mode);
            let mut client = open(address);
            for lease in &leases {
                Lease::assert_kept(lease, &mut client);
            }
            for key in &released {
                assert_eq!(client.ask(&format!("GET {key}")), "$-1");
            }
            for number in 0..60 {
                let key = format!("lock:{generation}:{number}");
                let lease = Lease::take(&mut client, key, 60_000 + number * 977);
                if number % 3 == 0 {
                    assert_eq!(client.ask(&format!("DEL {}", lease.key)), ":1");
                    released.push(lease.key);
                } else {
                    leases.push(lease);
                }
            }
            kill(running);
        }
        let (_running, address) = start(&place, mode);
        let mut client = open(address);
        for lease in &leases {
            lease.assert_kept(&mut client);
        }
        assert_eq!(
            client.ask(&format!("SET {} again NX PX 1000", released[0])),
            "+OK"
        );
    }
}

#[test]
fn a_clean_end_leaves_the_mark_of_the_end_and_no_space_behind_it() {
    for mode in MODES {
        for end in ["SIGTERM", "SHUTDOWN"] {
            let place = Place::new();
            let (mut running, address) = start(&place, mode);
            let mut client = open(address);
            let lease = Lease::take(&mut client, "lock".to_owned(), 60_000);
            if end == "SIGTERM" {
                running.signal(Signal::TERM);
            } else {
                client.send(&["SHUTDOWN"]);
            }
            assert_eq!(running.exit_code(), Some(0));
            let bytes = fs::read(place.file(FIRST)).expect("a journal");
            assert_eq!(bytes.len(), records(&place.file(FIRST)).len());
            let text = String::from_utf8(bytes).expect("a journal of text");
            let last = text.lines().last().expect("a line");
            assert!(last.starts_with("#QL:end now="), "{last}");
            assert!(text.ends_with("\r\n"));
            let (_running, address) = start(&place, mode);
            lease.assert_kept(&mut open(address));
        }
    }
}

#[test]
fn a_server_that_keeps_nothing_leaves_nothing_behind() {
    let place = Place::new();
    let (running, address) = start(&place, "none");
    assert_eq!(open(address).ask("SET lock token NX PX 60000"), "+OK");
    kill(running);
    let left = fs::read_dir(place.dir()).expect("a directory").count();
    assert_eq!(left, 0);
    let (_running, address) = start(&place, "none");
    assert_eq!(open(address).ask("GET lock"), "$-1");
}

#[test]
fn an_instance_that_crashes_on_demand_leaves_what_a_kill_leaves() {
    for mode in MODES {
        let place = Place::new();
        let server = place.start(mode, &[]);
        let mut client = open(server.address());
        assert_eq!(client.ask("SET lock token NX PX 600000"), "+OK");
        server.fault(quintlock::Fault::Crash);
        drop(server);
        assert!(place.has_ring(), "{mode}");
        let again = place.start(mode, &[]);
        assert_eq!(open(again.address()).ask("GET lock"), "$\"token\"");
        drop(again);
        // Only the second one has ended in peace.
        assert!(!place.has_ring(), "{mode}");
        let ends = super::positions(&fs::read(place.file(FIRST)).expect("a journal"), b"#QL:end");
        assert_eq!(ends.len(), 1, "{mode}");
    }
}

#[test]
fn check_journal_sees_what_a_killed_server_has_left_and_can_put_it_into_the_file() {
    let place = Place::new();
    let server = place.start("guard", &[]);
    let mut client = open(server.address());
    for number in 0..3 {
        let taken = client.ask(&format!("SET lock:{number} token NX PX 600000"));
        assert_eq!(taken, "+OK");
    }
    server.fault(quintlock::Fault::Crash);
    drop(server);
    let told = place.check(&[]);
    assert!(told.contains("are still in its ring; a server takes them from there, Redis only"));
    // SELECT, and the locks.
    assert!(told.contains("4 commands"), "{told}");
    let told = place.check(&["--fix"]);
    assert!(told.contains("are still in its ring; put here"), "{told}");
    let told = place.check(&[]);
    assert!(
        told.contains("ok, 4 commands") && !told.contains("ring"),
        "{told}"
    );
    let again = place.start("guard", &[]);
    assert_eq!(open(again.address()).ask("GET lock:2"), "$\"token\"");
}
