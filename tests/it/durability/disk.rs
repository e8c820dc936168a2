//! A disk that is full: nothing is granted, and everything that was granted can be given back.
//!
//! A limit on the size of files stands in for the disk; it can be set and lifted while the program
//! runs.

use std::fs;
use std::net::SocketAddr;
use std::time::Duration;

use rustix::process::{Pid, Resource, Rlimit, prlimit};

use super::{FIRST, Place, number};
use crate::support::client::{Connection, Received};
use crate::support::program::{Running, free_port, serve};
use crate::support::service::eventually;

const RELEASE: &str = "EVAL \"if redis.call('get', KEYS[1]) == ARGV[1] then return \
                       redis.call('del', KEYS[1]) else return 0 end\" 1";
const REFUSED: &str = "-MISCONF Errors writing to the AOF file: File too large (os error 27)";
/// After so long without a reply none is waited for.
const SILENCE: Duration = Duration::from_secs(2);
/// More than fits in the space that is taken ahead.
const PADS_MAX: usize = 600;
/// Names that fill the last reserve when they are deleted.
const LONG_KEYS: usize = 800;
const LONG_KEY_BYTES: usize = 8000;

fn long_key(number: usize) -> String {
    format!("{number:0LONG_KEY_BYTES$}")
}

pub(super) fn limit_files(running: &Running, bytes: Option<u64>) {
    let limit = Rlimit {
        current: bytes,
        maximum: None,
    };
    let pid = Pid::from_child(&running.child);
    prlimit(Some(pid), Resource::Fsize, limit).expect("a limit can be set");
}

/// Fills the space that was taken ahead; tells how many keys have found room.
fn fill(address: SocketAddr) -> usize {
    let mut client = Connection::open(address).expect("the server accepts");
    let pad = "x".repeat(64 * 1024);
    let mut kept = 0;
    for number in 0..PADS_MAX {
        client.send(&["SET", &format!("pad:{number}"), &pad]);
        match client.receive(SILENCE).expect("a reply") {
            Received::Frame(frame) if frame.to_string() == "+OK" => kept += 1,
            Received::Frame(frame) => {
                assert_eq!(frame.to_string(), REFUSED);
                return kept;
            }
            // What found no room at the last moment is answered by nothing, and what found some but
            // could not be synced not before there is space.
            Received::Eof | Received::Silence => {
                client = Connection::open(address).expect("the server accepts");
            }
        }
    }
    panic!("the disk is never full");
}

/// Whatever grants or extends is refused.
fn check_refusals(client: &mut Connection, mode: &str) {
    for refused in [
        "SET new token NX PX 1000",
        "SET kept token XX PX 900000",
        "INCR number",
        "PEXPIRE kept 900000",
        "RENAME kept other",
        "EVAL \"return redis.call('set', KEYS[1], 'x', 'NX', 'PX', 1000)\" 1 new",
    ] {
        let answer = client.ask(refused);
        assert!(
            answer.contains("MISCONF Errors writing to the AOF file: "),
            "{mode}: {answer}"
        );
    }
    assert_eq!(client.ask("MULTI"), "+OK");
    client.ask("SET new token NX PX 1000");
    let answer = client.ask("EXEC");
    assert!(
        answer.contains("MISCONF") || answer.contains("EXECABORT"),
        "{answer}"
    );
}

#[test]
fn with_a_full_disk_locks_are_refused_released_and_read_and_all_comes_back_with_space() {
    for mode in ["guard", "everysec", "always"] {
        let place = Place::new();
        let (mut running, address) = serve(&place.arguments(mode));
        let mut client = Connection::open(address).expect("the server accepts");
        for key in ["kept", "deleted", "released"] {
            assert_eq!(client.ask(&format!("SET {key} token NX PX 600000")), "+OK");
        }
        for number in 0..LONG_KEYS {
            let key = long_key(number);
            assert_eq!(
                client
                    .call(&["SET", &key, "token", "PX", "600000"])
                    .to_string(),
                "+OK"
            );
        }
        let length = fs::metadata(place.file(FIRST)).expect("a journal").len();
        limit_files(&running, Some(length));
        let pads = fill(address);
        check_refusals(&mut client, mode);
        assert_eq!(client.ask("EXISTS new number other"), ":0");
        assert_eq!(client.ask("GET kept"), "$\"token\"");
        assert_eq!(client.ask("DEL deleted"), ":1");
        assert_eq!(client.ask(&format!("{RELEASE} released token")), ":1");
        assert_eq!(client.ask(&format!("{RELEASE} kept other")), ":0");
        // Their releases take more space than is left.
        for number in 0..LONG_KEYS {
            assert_eq!(client.call(&["DEL", &long_key(number)]).to_string(), ":1");
        }
        limit_files(&running, None);
        eventually("locks are granted again", || {
            let answer = client.ask("SET later token NX PX 600000");
            assert!(answer == "+OK" || answer == REFUSED, "{answer}");
            answer == "+OK"
        });
        running.child.kill().expect("it can be killed");
        running.child.wait().expect("it ends");
        let (_running, address) = serve(&place.arguments(mode));
        let mut client = Connection::open(address).expect("the server accepts");
        for (key, expected) in [
            ("kept", 1),
            ("later", 1),
            ("deleted", 0),
            ("released", 0),
            ("new", 0),
        ] {
            assert_eq!(
                client.ask(&format!("EXISTS {key}")),
                format!(":{expected}"),
                "{mode}: {key}"
            );
        }
        for number in 0..LONG_KEYS {
            let answer = client.call(&["EXISTS", &long_key(number)]).to_string();
            assert_eq!(answer, ":0", "{mode}");
        }
        let keys = number(&client.call(&["DBSIZE"]));
        assert!(keys >= pads as i64 + 2, "{keys} of {pads}");
    }
}

#[test]
fn with_a_disk_that_is_full_at_once_the_program_says_so_and_does_not_start() {
    let place = Place::new();
    let command = format!(
        "ulimit -f 100; exec {} --port {} --durability guard --dir {}",
        env!("CARGO_BIN_EXE_quintlock"),
        free_port(),
        place.dir()
    );
    let output = std::process::Command::new("sh")
        .args(["-c", &command])
        .output()
        .expect("a shell");
    assert_eq!(output.status.code(), Some(1));
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(
        told.contains("cannot take space for the journal in") && told.contains("File too large"),
        "{told}"
    );
}
