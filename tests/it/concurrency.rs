//! Several worker threads on one keyspace: what must happen at once happens at once.
//!
//! Each test runs clients on eight threads against four workers, on few keys, and checks something
//! that a torn command would break. They are short; what they could miss is the simulation's part.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use quintlock::Server;

use crate::support::client::Connection;
use crate::support::frame::Frame;
use crate::support::service::{assert_no_server_panicked, connect, start};

const THREADS: usize = 8;
const KEYS: usize = 3;

fn four_workers() -> Server {
    start(&[("io-threads", "4")])
}

/// Runs `work` on each of the threads, with a connection and the thread's number.
fn on_threads(server: &Server, work: impl Fn(&mut Connection, usize) + Sync) {
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let work = &work;
            scope.spawn(move || work(&mut connect(server), thread));
        }
    });
    assert_no_server_panicked();
}

#[test]
fn no_lock_ever_has_two_holders() {
    let server = four_workers();
    let holders: [AtomicBool; KEYS] = Default::default();
    let taken = AtomicUsize::new(0);
    let release = "if redis.call('get',KEYS[1]) == ARGV[1] then \
                   return redis.call('del',KEYS[1]) else return 0 end";
    // One that only Lua can run.
    let release_in_lua = format!("local unused = string.rep('x', 1) {release}");
    on_threads(&server, |client, thread| {
        let token = thread.to_string();
        for turn in 0..150 {
            let lock = (thread + turn) % KEYS;
            let key = format!("lock {lock}");
            if client.call(&["SET", &key, &token, "NX", "PX", "60000"]) != ok() {
                continue;
            }
            taken.fetch_add(1, Ordering::Relaxed);
            assert!(!holders[lock].swap(true, Ordering::SeqCst), "{key}");
            std::thread::yield_now();
            // A token that is not the holder's releases nothing.
            let body = if turn % 3 == 0 {
                &release_in_lua
            } else {
                release
            };
            let wrong = client.call(&["EVAL", body, "1", &key, "nobody"]);
            assert_eq!(wrong, integer(0));
            assert!(holders[lock].swap(false, Ordering::SeqCst), "{key}");
            let freed = client.call(&["EVAL", body, "1", &key, &token]);
            assert_eq!(freed, integer(1));
        }
    });
    assert!(taken.into_inner() >= THREADS);
    assert_eq!(connect(&server).ask("DBSIZE"), ":0");
}

#[test]
fn a_reader_of_several_keys_sees_all_of_a_write_or_nothing() {
    let server = four_workers();
    assert_eq!(connect(&server).ask("MSET a 0 b 0 c 0 d 0"), "+OK");
    on_threads(&server, |client, thread| {
        for turn in 0..200 {
            if thread % 2 == 0 {
                let value = format!("{thread}-{turn}");
                // In another order each time: shards must be locked in their own.
                let mut keys = ["a", "b", "c", "d"];
                keys.rotate_left(turn % 4);
                let pairs = keys.iter().flat_map(|key| [*key, &value]);
                let request: Vec<&str> = std::iter::once("MSET").chain(pairs).collect();
                assert_eq!(client.call(&request), ok());
            } else {
                assert_all_same(client.call(&["MGET", "a", "b", "c", "d"]));
            }
        }
    });
}

#[test]
fn a_transaction_sees_no_part_of_another_one() {
    let server = four_workers();
    on_threads(&server, |client, thread| {
        for _ in 0..60 {
            let request = if thread % 4 == 3 {
                "*1\r\n$5\r\nMULTI\r\nGET a\r\nGET b\r\nGET c\r\nEXEC\r\n"
            } else {
                "MULTI\r\nINCR a\r\nINCR b\r\nINCR c\r\nEXEC\r\n"
            };
            client.send_raw(request.as_bytes());
            assert_eq!(client.next(), "+OK");
            for _ in 0..3 {
                assert_eq!(client.next(), "+QUEUED");
            }
            let Frame::Aggregate(..) = assert_all_same(receive(client)) else {
                panic!("EXEC runs");
            };
        }
    });
    let increments = (THREADS - 2) * 60;
    let expected = format!(r#"*3 $"{increments}" $"{increments}" $"{increments}""#);
    assert_eq!(connect(&server).ask("MGET a b c"), expected);
}

#[test]
fn no_update_is_lost_between_watch_and_exec() {
    const UPDATES: u64 = 25;
    let server = four_workers();
    assert_eq!(connect(&server).ask("SET n 0"), "+OK");
    on_threads(&server, |client, _| {
        let mut updates = 0;
        while updates < UPDATES {
            assert_eq!(client.ask("WATCH n"), "+OK");
            let seen: u64 = client.text("GET n").parse().unwrap();
            assert_eq!(client.ask("MULTI"), "+OK");
            assert_eq!(client.ask(&format!("SET n {}", seen + 1)), "+QUEUED");
            match client.ask("EXEC").as_str() {
                "*1 +OK" => updates += 1,
                "*-1" => {}
                other => panic!("{other}"),
            }
        }
    });
    let expected = UPDATES * THREADS as u64;
    assert_eq!(connect(&server).text("GET n"), expected.to_string());
}

#[test]
fn scripts_on_keys_they_do_not_declare_are_atomic_against_plain_commands() {
    let server = four_workers();
    assert_eq!(connect(&server).ask("MSET a 0 b 0"), "+OK");
    let body = "local n = redis.call('GET', 'a') \
                redis.call('SET', 'a', string.format('%d', n + 1)) \
                redis.call('SET', 'b', string.format('%d', n + 1)) return n";
    on_threads(&server, |client, thread| match thread % 4 {
        0 => (0..100).for_each(|_| drop(client.call(&["EVAL", body, "0"]))),
        1 => (0..100).for_each(|_| {
            assert_eq!(client.call(&["MSET", "a", "5", "b", "5"]), ok());
        }),
        2 => (0..100).for_each(|_| {
            client.send_raw(b"MULTI\r\nINCR a\r\nINCR b\r\nEXEC\r\n");
            (0..3).for_each(|_| drop(client.next()));
            assert_all_same(receive(client));
        }),
        _ => (0..200).for_each(|_| {
            assert_all_same(client.call(&["MGET", "a", "b"]));
        }),
    });
    assert_all_same(connect(&server).call(&["MGET", "a", "b"]));
}

#[test]
fn native_and_lua_increments_lose_nothing_to_each_other() {
    let server = four_workers();
    let native = "return redis.call('incr', KEYS[1])";
    let lua = "return redis.call('SET', KEYS[1], string.format('%d', \
               (redis.call('GET', KEYS[1]) or 0) + 1))";
    on_threads(&server, |client, thread| {
        for _ in 0..100 {
            let reply = match thread % 3 {
                0 => client.call(&["EVAL", native, "1", "n"]),
                1 => client.call(&["EVAL", lua, "1", "n"]),
                _ => client.call(&["INCR", "n"]),
            };
            assert!(!matches!(reply, Frame::Line(b'-', _)), "{reply}");
        }
    });
    let expected = (THREADS * 100).to_string();
    assert_eq!(connect(&server).text("GET n"), expected);
}

#[test]
fn a_key_that_is_renamed_and_moved_is_always_in_one_place() {
    let server = four_workers();
    let names = ["a", "b", "c", "d"];
    assert_eq!(connect(&server).ask("SET a token PX 60000"), "+OK");
    let places = "local found = 0 for database = 0, 1 do redis.call('SELECT', database) \
                  found = found + redis.call('EXISTS', 'a', 'b', 'c', 'd') end return found";
    on_threads(&server, |client, thread| {
        let database = (thread % 2).to_string();
        assert_eq!(client.call(&["SELECT", &database]), ok());
        for turn in 0..300 {
            let (from, to) = (names[turn % 4], names[(turn * 3 + thread) % 4]);
            match (thread + turn) % 8 {
                0 => assert_eq!(client.call(&["EVAL", places, "0"]), integer(1)),
                1 => assert_eq!(client.call(&["SWAPDB", "0", "1"]), ok()),
                // In both directions at a time, so shards must be locked in their own order.
                2..5 => {
                    let other = if database == "0" { "1" } else { "0" };
                    drop(client.call(&["MOVE", from, other]));
                }
                5 => drop(client.call(&["RENAMENX", from, to])),
                _ => drop(client.call(&["RENAME", from, to])),
            }
        }
    });
    let mut client = connect(&server);
    assert_eq!(client.call(&["EVAL", places, "0"]), integer(1));
    let deadline = "for database = 0, 1 do redis.call('SELECT', database) \
                    local name = redis.call('RANDOMKEY') \
                    if name then return redis.call('PTTL', name) end end";
    assert_eq!(client.call(&["EVAL", deadline, "0"]), integer(60_000));
}

#[test]
fn two_strings_are_compared_as_one_write_left_them() {
    let server = four_workers();
    assert_eq!(connect(&server).ask("MSET a 0000 b 0000"), "+OK");
    on_threads(&server, |client, thread| {
        for turn in 0..200 {
            if thread % 2 == 0 {
                let value = format!("{:04}", thread * 1000 + turn);
                let (one, other) = if turn % 2 == 0 {
                    ("a", "b")
                } else {
                    ("b", "a")
                };
                assert_eq!(client.call(&["MSET", one, &value, other, &value]), ok());
            } else {
                assert_eq!(client.call(&["LCS", "a", "b", "LEN"]), integer(4));
            }
        }
    });
}

#[test]
fn no_append_is_lost() {
    let server = four_workers();
    on_threads(&server, |client, _| {
        for _ in 0..100 {
            drop(client.call(&["APPEND", "k", "x"]));
        }
    });
    let expected = format!(":{}", THREADS * 100);
    assert_eq!(connect(&server).ask("STRLEN k"), expected);
}

fn receive(client: &mut Connection) -> Frame {
    use crate::support::client::{REPLY_WAIT, Received};
    match client.receive(REPLY_WAIT) {
        Ok(Received::Frame(frame)) => frame,
        other => panic!("{other:?}"),
    }
}

/// Checks that the elements of an array are equal, and returns it.
fn assert_all_same(reply: Frame) -> Frame {
    let Frame::Aggregate(_, items) = &reply else {
        panic!("{reply}");
    };
    assert!(items.windows(2).all(|two| two[0] == two[1]), "{reply}");
    reply
}

fn ok() -> Frame {
    Frame::Line(b'+', b"OK".to_vec())
}

fn integer(number: i64) -> Frame {
    Frame::Line(b':', number.to_string().into_bytes())
}
