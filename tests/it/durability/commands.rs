//! Every command that changes a key: a server on what a kill would leave has the same keys.

use std::time::Duration;

use super::{MODES, Place, assert_same, state, state_after_kill};
use crate::support::client::Connection;
use crate::support::seed::Seed;
use crate::support::service::connect;

/// A line for each way to change keys. Numbers of databases are below 16.
const LINES: &[&str] = &[
    "SET lock:1 token NX PX 30000",
    "SET plain value",
    "SET keep value PX 5000",
    "SET keep other KEEPTTL",
    "SETEX a 100 1",
    "PSETEX b 100500 2",
    "SETNX c 3",
    "GETSET c 4",
    "GETEX c PX 70000",
    "GETEX b PERSIST",
    "GETDEL a",
    "MSET d 1 e 2 f 3",
    "MSETNX g 1 h 2",
    "MSETNX g 1 i 2",
    "INCR n",
    "INCRBY n 41",
    "DECRBY n 2",
    "INCRBYFLOAT n 0.5",
    "APPEND d more",
    "APPEND made-by-append text",
    "SETRANGE d 10 far",
    "SETBIT bits 100 1",
    "EXPIRE e 1000",
    "PEXPIRE f 1500",
    "PERSIST e",
    "EXPIRE g -1",
    "RENAME h h2",
    "RENAMENX h2 c",
    "COPY d d2",
    "COPY keep keep2 REPLACE",
    "MOVE keep2 3",
    "DEL d2",
    "UNLINK plain nothing",
    "SELECT 5",
    "SET in-five 1 PX 40000",
    "SELECT 0",
    "SWAPDB 5 6",
    "SET in-zero 1",
    "MULTI",
    "SET m1 1 PX 12345",
    "INCR m2",
    "DEL in-zero",
    "SELECT 2",
    "SET m3 in-two",
    "EXEC",
    "SELECT 0",
    "EVAL \"for i = 1, 20 do redis.call('set', KEYS[1] .. i, i, 'PX', 60000 + i) end\" 1 loop",
    "EVAL \"if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('del', KEYS[1]) else \
     return 0 end\" 1 lock:1 token",
    "EVAL \"redis.call('set', KEYS[1], 'x') redis.call('pexpire', KEYS[1], 777) return 1\" 1 native",
    "EVAL \"redis.call('select', 4) redis.call('set', 'by-script', 1) redis.call('nothing')\" 0",
    "SET after-script 1",
    "SET \"binary\\x00\\r\\n\\xff*3\\r\\n$3\" \"\\x00\\x01\\r\\n$-1\\r\\n*1\\r\\n$8\\r\\nFLUSHALL\"",
    "SET \"\" empty-key",
    "SET empty-value \"\"",
    "SELECT 6",
    "FLUSHDB",
    "SET again 1",
    "SELECT 0",
];

#[test]
fn a_killed_server_has_lost_no_change() {
    for mode in MODES {
        let place = Place::new();
        let server = place.start(mode, &[]);
        let mut client = connect(&server);
        let mut advanced = Duration::ZERO;
        for (number, line) in LINES.iter().enumerate() {
            client.ask(line);
            server.advance(Duration::from_micros(700));
            advanced += Duration::from_micros(700);
            let is_inside = LINES[..number]
                .iter()
                .rev()
                .take(8)
                .any(|line| *line == "MULTI");
            if number % 7 == 0 && !is_inside {
                let expected = state(&mut connect(&server), 16);
                assert_same(&state_after_kill(&place, mode, advanced), &expected);
            }
        }
        let expected = state(&mut connect(&server), 16);
        assert!(expected.len() > 30, "{}", expected.len());
        assert_same(&state_after_kill(&place, mode, advanced), &expected);
        assert_eq!(client.ask("FLUSHALL"), "+OK");
        assert_eq!(client.ask("SET alone 1"), "+OK");
        let expected = state(&mut connect(&server), 16);
        assert_eq!(expected.len(), 1);
        assert_same(&state_after_kill(&place, mode, advanced), &expected);
    }
}

#[test]
fn expired_locks_do_not_come_back_and_what_follows_them_does() {
    let place = Place::new();
    let server = place.start("guard", &[]);
    let mut client = connect(&server);
    assert_eq!(client.ask("SET lock first NX PX 1000"), "+OK");
    assert_eq!(client.ask("SET other first NX PX 1000"), "+OK");
    server.advance(Duration::from_millis(1000));
    assert_eq!(client.ask("SET lock second NX PX 2000"), "+OK");
    let expected = state(&mut client, 1);
    assert_eq!(expected.len(), 1);
    let found = state_after_kill(&place, "guard", Duration::from_millis(1000));
    assert_same(&found, &expected);
}

/// One random request for few keys, so that they meet.
fn random_line(random: &mut Seed) -> String {
    let (key, other) = (random.below(5), random.below(5));
    let (ms, value) = (1 + random.below(60), random.below(1000));
    match random.below(20) {
        0 | 1 => format!("SET k{key} {value} NX PX {ms}"),
        2 => format!("SET k{key} {value} PX {ms}"),
        3 => format!("SET k{key} {value}"),
        4 => format!("SET k{key} {value} KEEPTTL"),
        5 => format!("PEXPIRE k{key} {ms}"),
        6 => format!("PERSIST k{key}"),
        7 => format!("DEL k{key} k{other}"),
        8 => format!("RENAME k{key} k{other}"),
        9 => format!("COPY k{key} k{other} DB {} REPLACE", random.below(3)),
        10 => format!("MOVE k{key} {}", random.below(3)),
        11 => format!("SELECT {}", random.below(3)),
        12 => format!("SWAPDB {} {}", random.below(3), random.below(3)),
        13 => format!("APPEND k{key} {value}"),
        14 => format!("MSET k{key} {value} k{other} {value}"),
        15 if random.below(4) == 0 => "FLUSHDB".to_owned(),
        15 => format!("GETEX k{key} PX {ms}"),
        16 => format!(
            "EVAL \"if redis.call('get',KEYS[1]) then return redis.call('del',KEYS[1]) end \
             redis.call('set',KEYS[2],ARGV[1],'PX',ARGV[2])\" 2 k{key} k{other} {value} {ms}"
        ),
        17 => format!(
            "EVAL \"for i = 1, 3 do redis.call('select', i - 1) redis.call('set', 'k{key}', i) \
             redis.call('pexpire', 'k{key}', {ms} + i) end\" 0"
        ),
        18 => format!("INCRBY k{key} {value}"),
        _ => format!("GETDEL k{key}"),
    }
}

fn random_requests(client: &mut Connection, random: &mut Seed) {
    if random.below(6) == 0 {
        client.ask("MULTI");
        for _ in 0..random.below(4) {
            client.ask(&random_line(random));
        }
        client.ask("EXEC");
    } else {
        client.ask(&random_line(random));
    }
}

#[test]
fn after_random_requests_a_killed_server_has_the_same_keys() {
    let mut random = Seed(5);
    for mode in ["guard", "always"] {
        let place = Place::new();
        let server = place.start(mode, &[]);
        let (mut client, mut looker) = (connect(&server), connect(&server));
        let mut advanced = Duration::ZERO;
        for _ in 0..25 {
            for _ in 0..40 {
                random_requests(&mut client, &mut random);
                let step = Duration::from_millis(random.below(4) as u64);
                server.advance(step);
                advanced += step;
            }
            let expected = state(&mut looker, 3);
            assert_same(&state_after_kill(&place, mode, advanced), &expected);
        }
    }
}
