//! Writing the journal anew: a kill at any moment of it loses nothing, and nothing of it stays.

use std::fs;
use std::time::Duration;

use super::{FIRST, MANIFEST, Place, assert_same, records, state, strings};
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
fn a_base_or_manifest_that_was_not_finished_is_removed() {
    let (place, _) = halves();
    fs::write(place.file("temp-rewriteaof-4711.aof"), "half a reco").expect("a file");
    fs::write(place.file("temp-appendonly.aof.manifest"), "file appe").expect("a file");
    assert_eq!(place.unfinished().len(), 2);
    assert_halves(&place);
    assert_eq!(place.unfinished(), [""; 0]);
}

/// Moves the second half to a file of its own, with the space that a killed server leaves behind
/// the first.
fn split(place: &Place, half: usize, manifest: &str) {
    let bytes = records(&place.file(FIRST));
    let first = [&bytes[..half], &[0; 5000][..]].concat();
    fs::write(place.file(FIRST), first).expect("a file");
    fs::write(place.file(SECOND), &bytes[half..]).expect("a file");
    fs::write(place.file(MANIFEST), manifest).expect("a file");
    let length = (bytes.len() - half) as u64;
    place.end_journal_at(2, length, length);
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

/// Kinds of requests; the last ones swap databases, which spoils a rewrite that is under way.
const KINDS: usize = 32;
const KINDS_WITHOUT_SWAPS: usize = 30;

/// Requests, of the first so many kinds, of which some hundred make a rewrite due.
fn churn(client: &mut Connection, random: &mut Seed, kinds: usize) {
    let value = "v".repeat(200);
    let (key, other) = (random.below(300), random.below(300));
    // No key's time is over while the test runs.
    let ttl = 3_000_000 + random.below(1000);
    let line = match random.below(kinds) {
        0..18 => format!("SET k{key} {value}{other} PX {ttl}"),
        18..22 => format!("DEL k{key} k{other}"),
        22 => format!("RENAME k{key} k{other}"),
        23 => format!("SELECT {}", random.below(3)),
        24 => format!("APPEND k{key} more"),
        25 => format!("COPY k{key} k{other} DB {} REPLACE", random.below(3)),
        26 => format!(
            "EVAL \"for i = 1, 5 do redis.call('set', 'k' .. (i * 7), '{value}{other}') end\" 0"
        ),
        27 if random.is_one_in(10) => "FLUSHDB".to_owned(),
        30 => format!("SWAPDB {} {}", random.below(3), random.below(3)),
        31 => format!(
            "EVAL \"redis.call('swapdb', {}, {}) redis.call('set', 'k{key}', '{value}') for i = 1, \
             2000 do redis.call('get', 'k' .. i) end\" 0",
            random.below(3),
            random.below(3)
        ),
        _ => format!("PEXPIRE k{key} {ttl}"),
    };
    client.ask(&line);
}

/// Keys and values of three databases, without times: these pass by themselves here. They are got
/// at once, so that a rewrite does not come far meanwhile.
fn values(client: &mut Connection) -> Vec<Vec<Vec<u8>>> {
    let script = "local all = {} for d = 0, 2 do redis.call('select', d) \
                  for _, k in ipairs(redis.call('keys', '*')) do \
                  local n = #all all[n + 1] = tostring(d) all[n + 2] = k \
                  all[n + 3] = redis.call('get', k) end end return all";
    let all = strings(client.call(&["EVAL", script, "0"]));
    let mut all: Vec<_> = all.chunks(3).map(<[Vec<u8>]>::to_vec).collect();
    all.sort();
    all
}

impl Place {
    /// The base that the manifest names.
    fn base(&self) -> Option<String> {
        let manifest = fs::read_to_string(self.file(MANIFEST)).unwrap_or_default();
        let mut names = manifest.split(' ').map(str::to_owned);
        names.find(|name| name.contains(".base."))
    }

    /// Files that only a rewrite under way has.
    fn unfinished(&self) -> Vec<String> {
        let mut names = self.names();
        names.retain(|name| name.starts_with("temp-"));
        names
    }
}

/// Changes keys until a rewrite has ended and, in every other round, another one is at its base.
fn churn_into_rewrite(place: &Place, client: &mut Connection, random: &mut Seed, round: usize) {
    let before = place.base();
    for _ in 0..500 {
        churn(client, random, KINDS);
    }
    eventually("the journal is written anew", || {
        churn(client, random, KINDS_WITHOUT_SWAPS);
        place.base() != before
    });
    if round.is_multiple_of(2) {
        eventually("the next rewrite is at its base", || {
            churn(client, random, KINDS);
            !place.unfinished().is_empty()
        });
    } else {
        for _ in 0..random.below(500) {
            churn(client, random, KINDS);
        }
    }
}

#[test]
fn a_kill_in_the_middle_of_rewrites_loses_nothing() {
    let mut random = Seed(11);
    let place = Place::new();
    let calm = place.arguments("guard");
    let often = OFTEN.map(|(name, value)| [format!("--{name}"), value.to_owned()]);
    let often: Vec<&str> = often.iter().flatten().map(String::as_str).collect();
    let mut expected = Vec::new();
    for round in 0..10 {
        let (mut running, address) = serve(&[&calm[..], &often].concat());
        let mut client = Connection::open(address).expect("the server accepts");
        assert_eq!(values(&mut client), expected, "before round {round}");
        churn_into_rewrite(&place, &mut client, &mut random, round);
        expected = values(&mut client);
        running.child.kill().expect("it can be killed");
        running.child.wait().expect("it ends");
        let left = place.unfinished();
        // This one has no reason to write anything anew itself.
        let (_running, address) = serve(&calm);
        let mut client = Connection::open(address).expect("the server accepts");
        assert_eq!(values(&mut client), expected, "round {round}");
        assert_eq!(place.unfinished(), [""; 0], "of {left:?}");
    }
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
