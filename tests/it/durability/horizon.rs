//! A horizon that is missing or damaged, and what is made of it.

use std::fs;
use std::time::Duration;

use super::{FIRST, HORIZON, Place, records};
use crate::support::client::Connection;
use crate::support::program::{Running, free_port, serve};
use crate::support::service::connect;

/// `guard-max`.
const LONGEST_S: u64 = 3600;

fn is_loading(client: &mut Connection) -> bool {
    client.ask("GET lock").starts_with("-LOADING")
}

/// A server in `mode` has granted `lock` for 30 s and was killed.
fn killed(mode: &str) -> Place {
    let place = Place::new();
    let server = place.start(mode, &[]);
    assert_eq!(connect(&server).ask("SET lock token NX PX 30000"), "+OK");
    place.settled_copy()
}

/// What may be wrong with a horizon.
#[derive(Clone, Copy, PartialEq)]
enum Fault {
    Missing,
    Empty,
    Zeros,
    Nonsense,
}

const FAULTS: [Fault; 4] = [Fault::Missing, Fault::Empty, Fault::Zeros, Fault::Nonsense];

fn spoil(place: &Place, fault: Fault) {
    let path = place.file(HORIZON);
    let written = match fault {
        Fault::Missing => fs::remove_file(path),
        Fault::Empty => fs::write(path, ""),
        Fault::Zeros => fs::write(path, [0; 1024]),
        Fault::Nonsense => fs::write(path, "a horizon that somebody has edited\n"),
    };
    written.expect("a file can be changed");
}

#[test]
fn without_a_horizon_a_crash_is_waited_for_as_long_as_any_lock_may_live() {
    for fault in FAULTS {
        let place = killed("guard");
        spoil(&place, fault);
        place.change_boot();
        let server = place.start("guard", &[]);
        let mut client = connect(&server);
        assert!(is_loading(&mut client));
        server.advance(Duration::from_secs(LONGEST_S) - Duration::from_millis(1));
        assert!(is_loading(&mut client));
        server.advance(Duration::from_millis(1));
        assert!(!is_loading(&mut client));
    }
}

#[test]
fn without_a_horizon_a_kill_is_no_crash() {
    for fault in FAULTS {
        let place = killed("guard");
        spoil(&place, fault);
        let server = place.start("guard", &[]);
        assert_eq!(connect(&server).ask("GET lock"), "$\"token\"");
    }
}

#[test]
fn a_damaged_horizon_beside_a_journal_that_is_lost_is_waited_for() {
    for fault in [Fault::Zeros, Fault::Nonsense] {
        let place = killed("guard");
        spoil(&place, fault);
        // The space was allocated, and no page of it had come to the disk.
        let length = fs::metadata(place.file(FIRST)).expect("a journal").len();
        fs::write(place.file(FIRST), vec![0; length as usize]).expect("a file");
        place.change_boot();
        let server = place.start("guard", &[]);
        assert!(is_loading(&mut connect(&server)));
    }
}

#[test]
fn without_a_horizon_a_clean_end_is_waited_for_by_nobody() {
    for fault in FAULTS {
        let place = Place::new();
        let server = place.start("guard", &[]);
        assert_eq!(connect(&server).ask("SET lock token NX PX 30000"), "+OK");
        drop(server);
        spoil(&place, fault);
        place.change_boot();
        let server = place.start("guard", &[]);
        assert_eq!(connect(&server).ask("GET lock"), "$\"token\"");
    }
}

#[test]
fn a_half_written_promise_leaves_the_one_before() {
    let place = killed("guard");
    let promised = place.promised("until");
    // The next one would have gone into the other slot, and some of it did.
    let count: usize = place.promised("count").parse().expect("a number");
    let mut bytes = fs::read(place.file(HORIZON)).expect("a horizon");
    bytes.resize(1024, b'\n');
    let other = (count + 1) % 2 * super::SLOT_BYTES;
    bytes[other..other + 40].copy_from_slice(&[b'7'; 40]);
    fs::write(place.file(HORIZON), bytes).expect("a file");
    assert_eq!(place.promised("until"), promised);
    place.lose_machine(FIRST, 0);
    let server = place.start("guard", &[]);
    let mut client = connect(&server);
    assert!(is_loading(&mut client));
    server.advance(Duration::from_secs(40));
    assert!(!is_loading(&mut client));
}

#[test]
fn the_log_says_what_is_waited_for_and_why() {
    let place = killed("guard");
    let length = records(&place.file(FIRST)).len();
    place.lose_machine(FIRST, length as u64);
    let running = run(&place);
    let line = told(&running, "is lost");
    assert!(
        line.contains("locks that were granted before may live for another 40 s")
            && line.contains("answered LOADING"),
        "{line}"
    );
    for (fault, word) in [(Fault::Missing, "missing"), (Fault::Nonsense, "damaged")] {
        let place = killed("guard");
        spoil(&place, fault);
        place.change_boot();
        let running = run(&place);
        let line = told(&running, "horizon");
        assert!(line.contains(word) && line.contains("guard-max"), "{line}");
    }
}

/// The program, whose log was not read yet.
fn run(place: &Place) -> Running {
    let port = free_port().to_string();
    let own = ["--bind", "127.0.0.1", "--port", &port];
    Running::start(&[&own[..], &place.arguments("guard")].concat())
}

/// The first line of the log that has `word`.
fn told(running: &Running, word: &str) -> String {
    loop {
        let line = running.line();
        if line.contains(word) {
            return line;
        }
    }
}

#[test]
fn the_program_serves_on_a_directory_that_must_be_waited_for() {
    let place = killed("guard");
    place.change_boot();
    let (_running, address) = serve(&place.arguments("guard"));
    let mut client = Connection::open(address).expect("the server accepts");
    assert!(is_loading(&mut client));
    assert_eq!(client.ask("SELECT 1"), "+OK");
}
