//! What listeners hear when many locks end at one moment.

use std::collections::BTreeSet;
use std::time::Duration;

use quintlock::Server;

use crate::support::client::Connection;
use crate::support::service::{connect, start};

/// More in each shard than are told of at a time.
const LOCKS: usize = 40_000;
const CHANNEL: &str = "__keyevent@0__:expired";

/// Takes the locks, in all shards, and lets all of them end at once.
fn let_locks_end(server: &Server, count: usize) {
    let mut owner = connect(server);
    for first in (0..count).step_by(1000) {
        let numbers = first..(first + 1000).min(count);
        let requests = numbers
            .clone()
            .map(|number| format!("SET lock:{number} t PX 1000\r\n"));
        owner.send_raw(requests.collect::<String>().as_bytes());
        for _ in numbers {
            assert_eq!(owner.next(), "+OK");
        }
    }
    server.advance(Duration::from_millis(1000));
}

/// The lock that a message tells of.
fn lock_of(message: &str, beginning: &str) -> String {
    let name = message.strip_prefix(beginning).expect(message);
    name.strip_suffix('"').expect(message).to_owned()
}

fn hears_each_lock_once(listener: &mut Connection, beginning: &str) {
    let heard: BTreeSet<String> = (0..LOCKS)
        .map(|_| lock_of(&listener.next(), beginning))
        .collect();
    assert_eq!(heard.len(), LOCKS);
}

#[test]
fn all_who_listen_hear_of_each_of_many_locks_once() {
    let server = start(&[("notify-keyspace-events", "Ex")]);
    let (mut resp2, mut resp3) = (connect(&server), connect(&server));
    resp3.ask("HELLO 3");
    for listener in [&mut resp2, &mut resp3] {
        listener.ask(&format!("SUBSCRIBE {CHANNEL}"));
    }
    let_locks_end(&server, LOCKS);
    hears_each_lock_once(&mut resp2, &format!(r#"*3 $"message" $"{CHANNEL}" $""#));
    hears_each_lock_once(&mut resp3, &format!(r#">3 $"message" $"{CHANNEL}" $""#));
}

#[test]
fn who_listens_in_two_ways_hears_of_each_lock_twice_in_turn() {
    let server = start(&[("notify-keyspace-events", "Ex")]);
    let mut listener = connect(&server);
    listener.ask(&format!("SUBSCRIBE {CHANNEL}"));
    listener.ask("PSUBSCRIBE *:expired");
    let_locks_end(&server, 500);
    for _ in 0..500 {
        let by_name = format!(r#"*3 $"message" $"{CHANNEL}" $""#);
        let by_pattern = format!(r#"*4 $"pmessage" $"*:expired" $"{CHANNEL}" $""#);
        let lock = lock_of(&listener.next(), &by_name);
        assert_eq!(lock_of(&listener.next(), &by_pattern), lock);
    }
}

#[test]
fn the_channel_of_a_lock_is_told_before_that_of_its_event() {
    let server = start(&[("notify-keyspace-events", "KEx")]);
    let mut listener = connect(&server);
    listener.ask(&format!("SUBSCRIBE {CHANNEL}"));
    for number in 0..500 {
        listener.ask(&format!("SUBSCRIBE __keyspace@0__:lock:{number}"));
    }
    let_locks_end(&server, 500);
    for _ in 0..500 {
        let of_lock = listener.next();
        let beginning = r#"*3 $"message" $"__keyspace@0__:"#;
        let lock = lock_of(&of_lock, beginning);
        let by_event = format!(r#"*3 $"message" $"{CHANNEL}" $""#);
        let told = lock_of(&listener.next(), &by_event);
        assert_eq!(lock, format!(r#"{told}" $"expired"#));
    }
}
