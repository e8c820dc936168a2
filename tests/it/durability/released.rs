//! Locks that are released before they come to the file: nothing of them is left, and nothing else
//! is lost or comes back.

use super::{FIRST, Place, assert_same, positions, records, state, state_after_kill};
use crate::support::client::Connection;
use crate::support::seed::Seed;
use crate::support::service::{connect, eventually};

const RELEASE: &str = "EVAL \"if redis.call('get', KEYS[1]) == ARGV[1] then return \
     redis.call('del', KEYS[1]) else return 0 end\" 1";

#[test]
fn a_lock_that_is_released_at_once_leaves_nothing() {
    let place = Place::new();
    let server = place.start("guard", &[]);
    let mut client = connect(&server);
    // The first one waits for the horizon, which counts on all that there is.
    assert_eq!(client.ask("SET first mine NX PX 30000"), "+OK");
    for key in ["lock:1", "lock:2", "lock:3"] {
        assert_eq!(client.ask(&format!("SET {key} mine NX PX 30000")), "+OK");
    }
    let with_locks = client.info("aof_current_size");
    assert_eq!(client.ask(&format!("{RELEASE} lock:2 mine")), ":1");
    assert_eq!(client.ask("DEL lock:1"), ":1");
    let copy = place.settled_copy();
    let bytes = records(&copy.file(FIRST));
    for (key, times) in [("lock:1", 0), ("lock:2", 0), ("lock:3", 1)] {
        assert_eq!(positions(&bytes, key.as_bytes()).len(), times, "{key}");
    }
    assert_eq!(client.info("aof_current_size"), bytes.len() as u64);
    assert!(with_locks > bytes.len() as u64);
}

#[test]
fn a_key_that_was_there_before_does_not_come_back() {
    let place = Place::new();
    let server = place.start("guard", &[]);
    let mut client = connect(&server);
    for line in [
        "SET over old",
        "SET over new PX 30000",
        "DEL over",
        "SET extended token PX 30000",
        "PEXPIRE extended 60000",
        "DEL extended",
        "SET same 1",
        "SELECT 1",
        "SET same 2",
        "SELECT 0",
        "DEL same",
        "SET swapped 1",
        "SWAPDB 0 2",
        "SET swapped 2",
        "DEL swapped",
        "SWAPDB 0 2",
        "DEL swapped",
        "MULTI",
        "SET several 1",
        "SET more 1",
        "EXEC",
        "DEL several",
    ] {
        let answer = client.ask(line);
        assert!(!answer.starts_with('-'), "{line}: {answer}");
    }
    let expected = state(&mut client, 16);
    let keys: Vec<_> = expected
        .keys()
        .map(|(database, key)| (*database, &key[..]))
        .collect();
    assert_eq!(keys, [(0, &b"more"[..]), (1, &b"same"[..])]);
    assert_same(
        &state_after_kill(&place, "guard", std::time::Duration::ZERO),
        &expected,
    );
}

/// One request of many that take, extend and release a few locks.
fn line(random: &mut Seed) -> String {
    let key = random.below(12);
    match random.below(40) {
        0..14 => format!(
            "SET lock:{key} token NX PX {}",
            100_000 + random.below(1000)
        ),
        14..26 => format!("{RELEASE} lock:{key} token"),
        26..29 => format!("DEL lock:{key} lock:{}", random.below(12)),
        29..31 => format!("PEXPIRE lock:{key} {}", 100_000 + random.below(1000)),
        31 => format!("SET lock:{key} other"),
        32 => format!("SELECT {}", random.below(2)),
        33 => format!("RENAME lock:{key} lock:{}", random.below(12)),
        34 => format!("EVAL \"for i = 1, 2 do redis.call('set', 'lock:{key}', i) end\" 0"),
        35 => format!("EVAL \"for i = 1, 2 do redis.call('del', 'lock:{key}') end\" 0"),
        36 if random.is_one_in(8) => "FLUSHDB".to_owned(),
        37 if random.is_one_in(8) => "SWAPDB 0 1".to_owned(),
        // With this the ring comes to its end now and then.
        38 => format!("SET filler:{key} {}", "f".repeat(20_000)),
        _ => format!("GETDEL lock:{key}"),
    }
}

fn ask_all(client: &mut Connection, random: &mut Seed, count: usize) {
    for _ in 0..count {
        client.ask(&line(random));
    }
}

#[test]
fn whatever_was_taken_and_released_a_killed_server_has_the_same_locks() {
    let mut random = Seed(23);
    for durability in ["guard", "everysec"] {
        let place = Place::new();
        let server = place.start(durability, &[]);
        let mut client = connect(&server);
        for round in 0..24 {
            // Every other time a rewrite begins, goes on and ends somewhere in between.
            if round % 2 == 0 {
                let before = client.info("aof_rewrites");
                client.ask("BGREWRITEAOF");
                ask_all(&mut client, &mut random, 40 * round);
                eventually("it is written anew", || {
                    client.info("aof_rewrites") > before
                });
            }
            ask_all(&mut client, &mut random, 10 + 7 * round);
            let expected = state(&mut client, 2);
            let found = state_after_kill(&place, durability, std::time::Duration::ZERO);
            assert_same(&found, &expected);
        }
    }
}
