//! Writing the journal anew: a kill at any moment of it loses nothing, and nothing of it stays.

use std::fs;
use std::time::Duration;

use super::{FIRST, MANIFEST, Place, assert_same, records, state};
use crate::support::client::Connection;
use crate::support::program::serve;
use crate::support::seed::Seed;
use crate::support::service::{connect, eventually};

const SECOND: &str = "appendonly.aof.2.incr.aof";
const BASE: &str = "appendonly.aof.1.base.aof";

/// Two halves of a journal: `a` and `b` are set in the first, `b` is changed in the second.
fn halves() -> (Place, usize) {
    let place = Place::new();
    let server = place.start("guard", &[]);
    let mut client = connect(&server);
    assert_eq!(client.ask("MSET a 1 b 1"), "+OK");
    let half = records(&place.settled_copy().file(FIRST)).len();
    assert_eq!(client.ask("SET b 2 PX 60000"), "+OK");
    assert_eq!(client.ask("SET c 3"), "+OK");
    (place.settled_copy(), half)
}

fn assert_halves(place: &Place) {
    let server = place.start("guard", &[]);
    let mut client = connect(&server);
    assert_eq!(client.ask("MGET a b c"), "*3 $\"1\" $\"2\" $\"3\"");
    assert_eq!(client.ask("DBSIZE"), ":3");
}

#[test]
fn a_base_that_was_not_finished_is_removed() {
    let (place, _) = halves();
    fs::write(place.file("temp-rewriteaof-4711.aof"), "half a reco").expect("a file");
    assert_halves(&place);
    let names = place.names();
    assert!(
        !names.iter().any(|name| name.starts_with("temp-rewriteaof")),
        "{names:?}"
    );
}

/// Moves the second half to a file of its own, with the space that a killed server leaves behind
/// the first.
fn split(place: &Place, half: usize, manifest: &str) {
    let bytes = records(&place.file(FIRST));
    let first = [&bytes[..half], &[0; 5000][..]].concat();
    fs::write(place.file(FIRST), first).expect("a file");
    fs::write(place.file(SECOND), &bytes[half..]).expect("a file");
    fs::write(place.file(MANIFEST), manifest).expect("a file");
}

#[test]
fn two_increments_without_a_base_are_both_loaded() {
    let (place, half) = halves();
    split(
        &place,
        half,
        &format!("file {FIRST} seq 1 type i\nfile {SECOND} seq 2 type i\n"),
    );
    assert_halves(&place);
    // It goes on in the second one.
    let server = place.start("guard", &[]);
    assert_eq!(connect(&server).ask("SET d 4"), "+OK");
    let copy = place.settled_copy();
    assert!(records(&copy.file(SECOND)).ends_with(b"$1\r\nd\r\n$1\r\n4\r\n"));
}

#[test]
fn a_base_that_the_manifest_does_not_name_yet_does_not_count() {
    let (place, half) = halves();
    split(
        &place,
        half,
        &format!("file {FIRST} seq 1 type i\nfile {SECOND} seq 2 type i\n"),
    );
    fs::write(
        place.file(BASE),
        "*1\r\n$8\r\nFLUSHALL\r\n*3\r\n$3\r\nSET\r\n$1\r\nx\r\n$1\r\ny\r\n",
    )
    .expect("a file");
    assert_halves(&place);
    // The next one takes its place.
    let server = rewriting(&place);
    wait_for_base(&place, &mut connect(&server), "appendonly.aof.1.base.aof");
    let expected = state(&mut connect(&server), 2);
    drop(server);
    let server = place.start("guard", &[]);
    assert_same(&state(&mut connect(&server), 2), &expected);
}

#[test]
fn files_of_before_the_base_are_removed() {
    let (place, half) = halves();
    let bytes = records(&place.file(FIRST));
    fs::write(place.file(BASE), &bytes[..half]).expect("a file");
    split(
        &place,
        half,
        &format!(
            "file {BASE} seq 1 type b\nfile {FIRST} seq 1 type h\nfile {SECOND} seq 2 type i\n"
        ),
    );
    assert_halves(&place);
    let names = place.names();
    assert!(!names.iter().any(|name| name == FIRST), "{names:?}");
    let manifest = fs::read_to_string(place.file(MANIFEST)).expect("a manifest");
    assert!(!manifest.contains("type h"), "{manifest}");
}

#[test]
fn a_crash_that_tears_the_file_before_the_last_is_waited_for() {
    let (place, half) = halves();
    split(
        &place,
        half,
        &format!("file {FIRST} seq 1 type i\nfile {SECOND} seq 2 type i\n"),
    );
    let bytes = fs::read(place.file(FIRST)).expect("a file");
    fs::write(place.file(FIRST), &bytes[..half - 4]).expect("a file");
    place.change_boot();
    let server = place.start("guard", &[]);
    let mut client = connect(&server);
    assert!(client.ask("GET b").starts_with("-LOADING"));
    server.advance(Duration::from_secs(3600));
    assert_eq!(client.ask("GET c"), "$\"3\"");
}

const OFTEN: [(&str, &str); 2] = [
    ("auto-aof-rewrite-percentage", "100"),
    ("auto-aof-rewrite-min-size", "64kb"),
];

/// A server that writes its journal anew all the time.
fn rewriting(place: &Place) -> quintlock::Server {
    place.start("guard", &OFTEN)
}

/// Changes a key until a base of this name is there.
fn wait_for_base(place: &Place, client: &mut Connection, name: &str) {
    let value = "v".repeat(1000);
    eventually("the journal is written anew", || {
        client.call(&["SET", "churn", &value]);
        let manifest = fs::read_to_string(place.file(MANIFEST)).unwrap_or_default();
        manifest.contains(name)
    });
}

/// Requests of which some hundred make a rewrite due.
fn churn(client: &mut Connection, random: &mut Seed, value: &str) {
    let (key, other) = (random.below(300), random.below(300));
    let ttl = 100_000 + random.below(1000);
    let line = match random.below(30) {
        0..18 => format!("SET k{key} {value}{other} PX {ttl}"),
        18..22 => format!("DEL k{key} k{other}"),
        22 => format!("RENAME k{key} k{other}"),
        23 => format!("SELECT {}", random.below(3)),
        24 => format!("SWAPDB {} {}", random.below(3), random.below(3)),
        25 => format!("APPEND k{key} more"),
        26 => format!("COPY k{key} k{other} DB {} REPLACE", random.below(3)),
        27 => format!(
            "EVAL \"for i = 1, 5 do redis.call('set', 'k' .. (i * 7), '{value}{other}') end\" 0"
        ),
        28 if random.is_one_in(10) => "FLUSHDB".to_owned(),
        _ => format!("PEXPIRE k{key} {ttl}"),
    };
    client.ask(&line);
}

#[test]
fn a_kill_in_the_middle_of_rewrites_loses_nothing() {
    let mut random = Seed(11);
    let value = "v".repeat(200);
    let place = Place::new();
    let words: Vec<String> = OFTEN
        .iter()
        .flat_map(|(name, value)| [format!("--{name}"), (*value).to_owned()])
        .collect();
    let more: Vec<&str> = words.iter().map(String::as_str).collect();
    let mut bases = std::collections::BTreeSet::new();
    for round in 0..8 {
        let arguments = [&place.arguments("guard")[..], &more].concat();
        let (mut running, address) = serve(&arguments);
        let mut client = Connection::open(address).expect("the server accepts");
        for _ in 0..1500 + 137 * round {
            churn(&mut client, &mut random, &value);
        }
        client.ask("SELECT 0");
        let expected = values(&mut client);
        running.child.kill().expect("it can be killed");
        running.child.wait().expect("it ends");
        bases.extend(
            place
                .names()
                .into_iter()
                .filter(|name| name.contains(".base.")),
        );
        let (_running, address) = serve(&arguments);
        let mut client = Connection::open(address).expect("the server accepts");
        assert_eq!(values(&mut client), expected, "round {round}");
        let names = place.names();
        assert!(
            !names.iter().any(|name| name.starts_with("temp-")),
            "{names:?}"
        );
    }
    assert!(
        bases.len() > 4,
        "the journal was hardly written anew: {bases:?}"
    );
}

/// Keys and values, without times: these pass by themselves here.
fn values(client: &mut Connection) -> Vec<(usize, Vec<u8>, Vec<u8>)> {
    let all = state(client, 3).into_iter();
    all.map(|((database, key), (value, _))| (database, key, value))
        .collect()
}

#[test]
fn the_times_of_locks_outlive_a_rewrite() {
    let place = Place::new();
    let server = rewriting(&place);
    let mut client = connect(&server);
    assert_eq!(client.ask("SET lock token NX PX 50000"), "+OK");
    wait_for_base(&place, &mut client, BASE);
    server.advance(Duration::from_secs(20));
    // The old files go when the new ones are named.
    eventually("the first file is gone", || !place.file(FIRST).exists());
    let copy = place.copy();
    let server = copy.start("guard", &[]);
    server.advance(Duration::from_secs(20));
    super::assert_rest(&mut connect(&server), "lock", 30_000);
}
