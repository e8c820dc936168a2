//! A disk that is full: nothing is granted, and everything that was granted can be given back.
//!
//! A limit on the size of files stands in for the disk; it can be set and lifted while the program
//! runs.

use std::fs;

use rustix::process::{Pid, Resource, Rlimit, prlimit};

use super::{FIRST, Place};
use crate::support::client::Connection;
use crate::support::program::{Running, free_port, serve};
use crate::support::service::eventually;

const RELEASE: &str = "EVAL \"if redis.call('get', KEYS[1]) == ARGV[1] then return \
                       redis.call('del', KEYS[1]) else return 0 end\" 1";
const REFUSED: &str = "-MISCONF Errors writing to the AOF file: File too large (os error 27)";
/// More than fits in the space that is taken ahead.
const PADS_MAX: usize = 600;

fn limit_files(running: &Running, bytes: Option<u64>) {
    let limit = Rlimit {
        current: bytes,
        maximum: None,
    };
    let pid = Pid::from_child(&running.child);
    prlimit(Some(pid), Resource::Fsize, limit).expect("a limit can be set");
}

/// Fills the space that was taken ahead; tells how many keys have found room.
fn fill(client: &mut Connection) -> usize {
    let pad = "x".repeat(64 * 1024);
    for number in 0..PADS_MAX {
        eprint!("{number} ");
        let answer = client.call(&["SET", &format!("pad:{number}"), &pad]);
        if answer.to_string() != "+OK" {
            assert_eq!(answer.to_string(), REFUSED);
            return number;
        }
    }
    panic!("the disk is never full");
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
        let length = fs::metadata(place.file(FIRST)).expect("a journal").len();
        limit_files(&running, Some(length));
        eprintln!("MODE {mode} {length}");
        let pads = fill(&mut client);
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
        assert_eq!(client.ask("EXISTS new number other"), ":0");
        assert_eq!(client.ask("GET kept"), "$\"token\"");
        assert_eq!(client.ask("DEL deleted"), ":1");
        assert_eq!(client.ask(&format!("{RELEASE} released token")), ":1");
        assert_eq!(client.ask(&format!("{RELEASE} kept other")), ":0");
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
        assert_eq!(client.ask("DBSIZE"), format!(":{}", pads + 2));
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
