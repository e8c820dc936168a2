//! `dump.rdb`: the keys of a Redis that had no append-only file.

use std::fs;
use std::time::Duration;

use quintlock::{Cluster, Options, Server};
use rustix::process::Signal;

use super::{MANIFEST, MODES, Place, state};
use crate::journal_files::fixture;
use crate::journal_files::real::{Redis, binary};
use crate::support::client::Connection;
use crate::support::program::serve;
use crate::support::service::connect;

/// What `tests/journal/redis-7` holds, and how many of its keys have an end.
const KEYS: usize = 8;
const BASE: &str = "appendonly.aof.dump.rdb";

/// A directory with a snapshot of a redis-server in it.
fn place_with_dump() -> Place {
    let place = Place::new();
    put(&place, "redis-7/appendonly.aof.2.base.rdb");
    place
}

fn put(place: &Place, snapshot: &str) {
    let to = place.directory.file("dump.rdb");
    fs::copy(fixture(snapshot), to).expect("a file can be copied");
}

/// A snapshot of one key that expired in 2001, one that lives and one of database 3. Its checksum is
/// switched off.
fn put_expired(place: &Place) {
    let mut file = b"REDIS0010\xfe\x00".to_vec();
    for (end_ms, key) in [(1_000_000_000_000u64, b"p"), (4_102_444_800_000, b"f")] {
        file.push(0xfc);
        file.extend(end_ms.to_le_bytes());
        file.extend([&b"\x00\x01"[..], key, b"\x01v"].concat());
    }
    file.extend(b"\xfe\x03\x00\x01o\x01v\xff\0\0\0\0\0\0\0\0");
    fs::write(place.directory.file("dump.rdb"), file).expect("a file can be written");
}

#[test]
fn a_snapshot_is_loaded_where_there_is_no_journal() {
    for mode in ["none", "guard", "everysec", "always"] {
        let place = place_with_dump();
        let server = place.start(mode, &[]);
        let mut client = connect(&server);
        let keys = state(&mut client, 16);
        assert_eq!(keys.len(), KEYS, "{mode}");
        assert_eq!(client.info("rdb_last_load_keys_loaded"), KEYS as u64);
        assert_eq!(client.ask("SET lock:order:42 other NX PX 1000"), "$-1");
    }
}

#[test]
fn the_keys_of_a_snapshot_outlive_a_kill_and_what_became_of_them_counts() {
    for mode in MODES {
        let place = place_with_dump();
        let server = place.start(mode, &[]);
        let loaded = state(&mut connect(&server), 16);
        let killed = place.copy();
        let again = killed.start(mode, &[]);
        super::assert_same(&state(&mut connect(&again), 16), &loaded);
        drop(again);

        let mut client = connect(&server);
        assert_eq!(client.ask("DEL lock:order:42"), ":1");
        assert_eq!(client.ask("SET int8 new"), "+OK");
        drop(server);
        let server = place.start(mode, &[]);
        let mut client = connect(&server);
        assert_eq!(client.ask("EXISTS lock:order:42"), ":0", "{mode}");
        assert_eq!(client.ask("GET int8"), "$\"new\"");
        assert_eq!(client.info("rdb_last_load_keys_loaded"), 0);
    }
}

#[test]
fn without_durability_a_snapshot_is_loaded_at_each_start() {
    let place = place_with_dump();
    for _ in 0..2 {
        let server = place.start("none", &[]);
        assert_eq!(connect(&server).ask("DEL lock:order:42"), ":1");
    }
    assert!(!place.file("").exists(), "nothing is written");
}

#[test]
fn what_has_expired_is_passed_over() {
    for mode in ["none", "guard"] {
        let place = Place::new();
        put_expired(&place);
        let server = place.start(mode, &[]);
        let mut client = connect(&server);
        assert_eq!(client.ask("KEYS *"), "*1 $\"f\"");
        assert_eq!(client.ask("PEXPIRETIME f"), ":4102444800000");
        assert_eq!(client.info("rdb_last_load_keys_loaded"), 2);
        assert_eq!(client.info("rdb_last_load_keys_expired"), 1);
        assert_eq!(client.info("expired_keys"), 0);
    }
}

#[test]
fn times_of_a_snapshot_are_those_of_its_first_start() {
    let place = Place::new();
    put_expired(&place);
    let server = place.start("guard", &[]);
    let before_ms = super::number(&connect(&server).call(&["PTTL", "f"]));
    let copy = place.copy();
    let server = copy.start("guard", &[]);
    server.advance(Duration::from_secs(100));
    let after_ms = super::number(&connect(&server).call(&["PTTL", "f"]));
    assert!(
        (-1001..=0).contains(&(after_ms + 99_000 - before_ms)),
        "{before_ms} {after_ms}"
    );
}

#[test]
fn a_copy_that_was_not_finished_is_made_again() {
    let place = place_with_dump();
    fs::create_dir(place.file("")).expect("a new directory");
    fs::write(place.file(BASE), "REDIS0010").expect("a file can be written");
    for _ in 0..2 {
        let server = place.start("guard", &[]);
        assert_eq!(connect(&server).ask("DBSIZE"), format!(":{}", KEYS - 1));
    }
    let manifest = fs::read_to_string(place.file(MANIFEST)).expect("a manifest");
    assert!(
        manifest.starts_with(&format!("file {BASE} seq 1 type b\n")),
        "{manifest}"
    );
    let server = place.start("guard", &[]);
    assert_eq!(
        connect(&server).ask("BGREWRITEAOF"),
        "+Background append only file rewriting started"
    );
    crate::support::service::eventually("the copy is needed no more", || {
        !place.file(BASE).exists()
    });
}

#[test]
fn a_snapshot_that_cannot_be_kept_keeps_the_server_from_starting_and_nothing_else() {
    for (snapshot, what) in [
        ("list.rdb", "holds a list: Quintlock keeps strings only"),
        ("function.rdb", "functions"),
        ("redis-6-single.aof", "no such database"),
    ] {
        for mode in ["none", "guard"] {
            let place = Place::new();
            put(&place, snapshot);
            let fault = place.try_start(mode, &[("databases", "1")]).err();
            let fault = fault.expect("it does not start");
            assert!(fault.contains("dump.rdb cannot be loaded: "), "{fault}");
            assert!(fault.contains(what), "{fault}");
            assert!(
                fault.contains("move the file away to start without its keys"),
                "{fault}"
            );
            fs::remove_file(place.directory.file("dump.rdb")).expect("a snapshot");
            assert_eq!(connect(&place.start(mode, &[])).ask("DBSIZE"), ":0");
        }
    }
}

#[test]
fn the_program_says_what_it_has_read_and_what_not() {
    let place = place_with_dump();
    let told = |running: &crate::support::program::Running| {
        let mut lines = String::new();
        loop {
            let line = running.line();
            lines += &line;
            if line.contains("Ready to accept connections") {
                return lines;
            }
        }
    };
    let start = || {
        let mut arguments = place.arguments("guard").to_vec();
        arguments.extend(["--port", "0", "--unixsocket", "socket"]);
        let mut running = crate::support::program::Running::start(&arguments);
        let lines = told(&running);
        running.signal(Signal::TERM);
        assert_eq!(running.exit_code(), Some(0));
        lines
    };
    let lines = start();
    assert!(
        lines.contains("Done loading RDB, keys loaded: 8, keys expired: 0."),
        "{lines}"
    );
    assert!(lines.contains("DB loaded from disk: 0."), "{lines}");
    let lines = start();
    let unread = "dump.rdb is not read: there is an append-only file, which counts";
    assert!(lines.contains(unread), "{lines}");
    assert!(!lines.contains("RDB"), "{lines}");
    fs::write(place.directory.file("dump.rdb"), "text").expect("a file can be written");
    assert!(start().contains(unread));
}

/// Several servers would all have the same locks; one inside of a program would take up what it is
/// started beside.
#[test]
fn who_is_not_asked_to_loads_no_snapshot() {
    let place = place_with_dump();
    let options = || Options::manual_clock().set("dir", place.dir());
    let cluster = Cluster::start(2, &options()).expect("a cluster");
    for instance in cluster.instances() {
        assert_eq!(connect(instance).ask("DBSIZE"), ":0");
    }
    let none = options().set("dbfilename", "");
    let server = Server::start(&none).expect("a server");
    assert_eq!(connect(&server).ask("DBSIZE"), ":0");
    let server = Server::start(&options()).expect("a server");
    assert_eq!(connect(&server).ask("DBSIZE"), ":7");
}

#[test]
fn a_snapshot_of_a_real_redis_comes_here_and_goes_back() {
    let Some(redis) = binary() else { return };
    let place = Place::new();
    let real = Redis::start_with(&redis, &place.directory, "no").expect("redis starts");
    let mut client = real.connect();
    for line in [
        "SET lock:1 token PX 600000",
        "SELECT 2",
        "SET plain v",
        "SAVE",
    ] {
        assert_eq!(client.ask(line), "+OK", "{line}");
    }
    let theirs = state(&mut client, 16);
    drop(real);
    let (mut running, address) = serve(&place.arguments("guard"));
    let mut client = Connection::open(address).expect("the server accepts");
    let ours = state(&mut client, 16);
    super::redis::assert_alike(&ours, &theirs, 20_000);
    assert_eq!(client.ask("SET more v"), "+OK");
    let ours = state(&mut client, 16);
    running.signal(Signal::TERM);
    assert_eq!(running.exit_code(), Some(0));
    let real = Redis::start(&redis, &place.directory).expect("redis loads what is written here");
    super::redis::assert_alike(&state(&mut real.connect(), 16), &ours, 20_000);
}
