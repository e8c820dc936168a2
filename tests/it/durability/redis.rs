//! Going both ways: a redis-server loads what is written here, and what it writes is loaded here.
//!
//! Without `REAL_REDIS` what it wrote comes from `tests/journal`, or is written as it does.

use std::fs;
use std::time::Duration;

use quintlock::clock::Clock;

use super::{Place, assert_same, number, records, state};
use crate::journal_files::real::{Redis, binary};
use crate::journal_files::record;
use crate::support::client::Connection;
use crate::support::program::serve;
use crate::support::service::connect;

/// A file of a Redis before version 7, with a transaction and a database of its own.
const LONE: &str = "*2\r\n$6\r\nSELECT\r\n$1\r\n0\r\n*3\r\n$3\r\nSET\r\n$1\r\na\r\n$1\r\n1\r\n\
                    *1\r\n$5\r\nMULTI\r\n*2\r\n$4\r\nINCR\r\n$1\r\na\r\n*1\r\n$4\r\nEXEC\r\n\
                    *2\r\n$6\r\nSELECT\r\n$1\r\n3\r\n*3\r\n$3\r\nSET\r\n$1\r\nb\r\n$1\r\n2\r\n";

#[test]
fn the_one_file_of_an_old_redis_is_moved_into_the_directory() {
    let place = Place::new();
    let old = place.directory.write("appendonly.aof", LONE);
    for _ in 0..2 {
        let server = place.start("guard", &[]);
        let mut client = connect(&server);
        assert_eq!(client.ask("MGET a"), "*1 $\"2\"");
        assert_eq!(client.ask("SELECT 3"), "+OK");
        assert_eq!(client.ask("GET b"), "$\"2\"");
        assert_eq!(client.ask("SET c 3"), "+OK");
        assert!(!old.exists());
        let moved = fs::read_to_string(place.file("appendonly.aof")).expect("it was moved");
        assert_eq!(moved, LONE);
    }
    let manifest = fs::read_to_string(place.file(super::MANIFEST)).expect("a manifest");
    assert!(
        manifest.starts_with("file appendonly.aof seq 1 type b\n"),
        "{manifest}"
    );
}

/// What locks look like on either side.
fn locks(client: &mut Connection) {
    for line in [
        "SET plain value",
        "SET lock:1 token NX PX 600000",
        "SET \"bin\\x00ary\\r\\n\" \"\\xff\\x00\" PX 700000",
        "SET gone x PX 600000",
        "DEL gone",
        "SELECT 2",
        "MSET m 1 n 2",
        "PEXPIRE m 800000",
        "MULTI",
        "INCR n",
        "APPEND n text",
        "EXEC",
        "SWAPDB 2 4",
        "SELECT 0",
    ] {
        let answer = client.ask(line);
        assert!(!answer.starts_with('-'), "{line}: {answer}");
    }
}

/// Both have the same keys; times pass on the way, and wall clocks have whole milliseconds.
pub(super) fn assert_alike(found: &super::State, expected: &super::State, way_ms: i64) {
    let mut found = found.clone();
    for (key, (_, rest)) in &mut found {
        if let Some((_, before)) = expected.get(key)
            && *rest >= 0
            && (before - way_ms..=before + 2).contains(rest)
        {
            *rest = *before;
        }
    }
    assert_same(&found, expected);
}

#[test]
fn a_directory_goes_to_redis_and_back() {
    let Some(redis) = binary() else { return };
    let place = Place::new();
    let way_ms = 20_000;
    let (mut running, address) = serve(&place.arguments("guard"));
    let mut client = Connection::open(address).expect("the server accepts");
    locks(&mut client);
    let ours = state(&mut client, 16);
    assert_eq!(ours.len(), 5);
    running.signal(rustix::process::Signal::TERM);
    assert_eq!(running.exit_code(), Some(0));

    let real = Redis::start(&redis, &place.directory).expect("redis loads what is written here");
    let mut client = real.connect();
    assert_alike(&state(&mut client, 16), &ours, way_ms);
    for line in ["SET by-redis 1 PX 900000", "DEL plain", "INCR counter"] {
        client.ask(line);
    }
    let theirs = state(&mut client, 16);
    drop(real);

    let (mut running, address) = serve(&place.arguments("guard"));
    let mut client = Connection::open(address).expect("the server accepts");
    assert_alike(&state(&mut client, 16), &theirs, way_ms);
    assert_eq!(client.ask("SET by-us 1 PX 900000"), "+OK");
    let ours = state(&mut client, 16);
    running.signal(rustix::process::Signal::TERM);
    assert_eq!(running.exit_code(), Some(0));

    // With a snapshot as the base.
    let real = Redis::start(&redis, &place.directory).expect("redis loads it again");
    let mut client = real.connect();
    assert_alike(&state(&mut client, 16), &ours, way_ms);
    client.ask("BGREWRITEAOF");
    crate::support::service::eventually("redis has written it anew", || {
        place.names().iter().any(|name| name.ends_with(".base.rdb"))
            && client.info("aof_rewrite_in_progress") == 0
    });
    client.ask("SET after-rewrite 1");
    let theirs = state(&mut client, 16);
    drop(real);
    let (_running, address) = serve(&place.arguments("always"));
    let mut client = Connection::open(address).expect("the server accepts");
    assert_alike(&state(&mut client, 16), &theirs, way_ms);
    assert!(number(&client.call(&["PTTL", "by-us"])) > 0);
}

/// What a Redis appends to a journal of this server after the machine was started anew is meant by
/// the wall clock of then, and is no part of what this server wrote before.
#[test]
fn times_of_a_redis_behind_those_of_an_earlier_boot_are_its_own() {
    let begin = || {
        let place = Place::new();
        let server = place.start("guard", &[]);
        assert_eq!(connect(&server).ask("SET ours v PX 500000"), "+OK");
        server.advance(Duration::from_secs(86_400));
        assert_eq!(connect(&server).ask("SET ours v PX 500000"), "+OK");
        (place, server)
    };
    let unix_ms = Clock::system().unix_micros() / 1000;
    let until = unix_ms + 1_000_000;
    for (line, is_peaceful) in [
        (format!("SET theirs v PXAT {until}"), true),
        (format!("SET theirs v NX PXAT {until}"), false),
        (format!("set theirs v pxat {until}"), false),
        (format!("SET theirs v EXAT {}", until / 1000), false),
    ] {
        let (place, server) = begin();
        let place = if is_peaceful {
            drop(server);
            place
        } else {
            place.settled_copy()
        };
        let mut journal = records(&place.file(super::FIRST));
        journal.extend(record(&line));
        fs::write(place.file(super::FIRST), journal).expect("a file can be written");
        place.change_boot();
        fs::remove_file(place.file(super::HORIZON)).expect("a horizon");
        let server = place.start("guard", &[("guard-max", "1")]);
        server.advance(Duration::from_secs(1));
        let mut client = connect(&server);
        for (key, rest_ms) in [("ours", 500_000), ("theirs", 1_000_000)] {
            let found_ms = number(&client.call(&["PTTL", key]));
            let is_near = (rest_ms - 60_000..=rest_ms).contains(&found_ms);
            assert!(is_near, "{line}: {key} has {found_ms}");
        }
    }
}
