//! DROP and DELAY: replies that never come, or late.

use std::time::Duration;

use quintlock::{Cluster, Fault, Options};

use super::{MS, SILENCE, is_silent, library, start_with_debug, take};
use crate::support::client::{Connection, Received};
use crate::support::service::{connect, eventually};

/// Waits until a key is there, by the only command whose reply no fault keeps back.
fn until_set(operator: &mut Connection, key: &str) {
    eventually("the key is set", || {
        let reply = operator.ask(&format!("DEBUG OBJECT {key}"));
        reply.starts_with("+Value")
    });
}

#[test]
fn a_lost_reply_is_of_a_command_that_was_applied() {
    let server = start_with_debug();
    let mut loser = library(&server);
    loser.set_read_timeout(Some(SILENCE)).unwrap();
    server.fault(Fault::Drop(1));
    let error = take("mine").exec(&mut loser).unwrap_err();
    assert!(error.is_timeout(), "{error}");
    let mut witness = connect(&server);
    assert_eq!(witness.ask("GET lock"), r#"$"mine""#);
    assert_eq!(witness.ask("SET lock theirs NX"), "$-1");
}

#[test]
fn a_connection_that_lost_a_reply_stays_silent_and_its_commands_are_applied() {
    let server = start_with_debug();
    let (mut operator, mut loser, mut other) =
        (connect(&server), connect(&server), connect(&server));
    assert_eq!(operator.ask("DEBUG DROP 2"), "+OK");
    // What works on no key loses no reply, and what came before has its own.
    loser.send_raw(b"PING\r\nSET a 1\r\nSET b 1\r\nCLIENT REPLY ON\r\nRESET\r\nINCR b\r\nPING\r\n");
    assert_eq!(loser.next(), "+PONG");
    assert!(is_silent(&mut loser));
    // Its further commands did not count, so there is one more to lose.
    let unknown = format!("EVALSHA {} 1 c", "0".repeat(40));
    assert!(other.ask(&unknown).starts_with("-NOSCRIPT"));
    other.send(&["EVAL", "return redis.call('set', KEYS[1], 1)", "1", "c"]);
    assert!(is_silent(&mut other));
    assert_eq!(operator.ask("MGET a b c"), r#"*3 $"1" $"2" $"1""#);
    // It can still lift the fault, though it hears nothing of that.
    loser.send(&["DEBUG", "RESET"]);
    assert_eq!(loser.next(), "closed");
    assert_eq!(other.next(), "closed");
    assert_eq!(operator.ask("GET a"), r#"$"1""#);
    assert_eq!(connect(&server).ask("GET a"), r#"$"1""#);
}

#[test]
fn a_transaction_whose_reply_is_lost_is_applied() {
    let server = start_with_debug();
    let (mut operator, mut loser) = (connect(&server), connect(&server));
    assert_eq!(operator.ask("DEBUG DROP 1"), "+OK");
    loser.send_raw(b"MULTI\r\nSET a 1\r\nINCR a\r\nEXEC\r\n");
    assert_eq!(loser.next(), "+OK");
    assert!(is_silent(&mut loser));
    eventually("it is applied", || operator.ask("GET a") == r#"$"2""#);
}

#[test]
fn nothing_is_published_to_who_has_lost_a_reply() {
    let server = start_with_debug();
    let (mut operator, mut loser) = (connect(&server), connect(&server));
    loser.call(&["HELLO", "3"]);
    loser.ask("SUBSCRIBE news");
    assert_eq!(operator.ask("DEBUG DROP 1"), "+OK");
    loser.send(&["SET", "a", "1"]);
    eventually("it is applied", || operator.ask("GET a") == r#"$"1""#);
    assert_eq!(operator.ask("PUBLISH news unheard"), ":1");
    assert!(is_silent(&mut loser));
}

#[test]
fn delayed_replies_come_in_their_order_when_their_time_has_come() {
    let server = start_with_debug();
    let (mut operator, mut client) = (connect(&server), connect(&server));
    assert_eq!(operator.ask("DEBUG DELAY 200"), "+OK");
    client.send(&["SET", "a", "1"]);
    until_set(&mut operator, "a");
    server.advance(MS(100));
    client.send(&["SET", "b", "1"]);
    until_set(&mut operator, "b");
    server.advance(MS(99));
    assert!(is_silent(&mut client));
    server.advance(MS(1));
    assert_eq!(client.next(), "+OK");
    assert!(is_silent(&mut client));
    // A new connection is served as late as the others.
    let mut late = connect(&server);
    late.send(&["SET", "c", "1"]);
    until_set(&mut operator, "c");
    server.advance(MS(100));
    assert_eq!(client.next(), "+OK");
    assert!(is_silent(&mut late));
    // The end of the delay lets go what was kept back.
    assert_eq!(operator.ask("DEBUG DELAY 0"), "+OK");
    assert_eq!(late.next(), "+OK");
    assert_eq!(client.ask("PING"), "+PONG");
}

#[test]
fn jitter_changes_no_order_and_a_closed_connection_gets_its_last_replies() {
    let server = start_with_debug();
    let (mut operator, mut client) = (connect(&server), connect(&server));
    assert_eq!(operator.ask("DEBUG DELAY 100 50"), "+OK");
    for number in 0..20 {
        client.send(&["INCRBY", &format!("n{number}"), &number.to_string()]);
        until_set(&mut operator, &format!("n{number}"));
    }
    client.send(&["QUIT"]);
    server.advance(MS(99));
    assert!(is_silent(&mut client));
    for number in 0..20 {
        let mut reply = None;
        eventually("it comes", || {
            server.advance(MS(1));
            reply = match client.receive(MS(1)) {
                Ok(Received::Frame(frame)) => Some(frame.to_string()),
                _ => None,
            };
            reply.is_some()
        });
        assert_eq!(reply.as_deref(), Some(format!(":{number}").as_str()));
    }
    server.advance(MS(150));
    assert_eq!(client.next(), "+OK");
    assert_eq!(client.next(), "closed");
}

#[test]
fn messages_are_as_late_as_replies_and_other_instances_are_not() {
    let options = Options::manual_clock().set("notify-keyspace-events", "Ex");
    let cluster = Cluster::start(2, &options).unwrap();
    let [slow, quick] = cluster.instances() else {
        panic!("two instances");
    };
    let (mut listener, mut client) = (connect(slow), connect(slow));
    listener.ask("SUBSCRIBE __keyevent@0__:expired");
    assert_eq!(client.ask("SET lock token PX 10"), "+OK");
    slow.fault(Fault::Delay {
        by: MS(3_600_000),
        jitter: Duration::ZERO,
    });
    client.send(&["PING"]);
    slow.advance(MS(10));
    assert!(is_silent(&mut listener) && is_silent(&mut client));
    // The same thread serves the other instance.
    assert_eq!(connect(quick).ask("PING"), "+PONG");
    slow.fault(Fault::Reset);
    let event = r#"*3 $"message" $"__keyevent@0__:expired" $"lock""#;
    assert_eq!(listener.next(), event);
    assert_eq!(client.next(), "+PONG");
}

#[test]
fn the_reply_of_debug_takes_along_what_its_connection_waits_for() {
    let server = start_with_debug();
    let mut client = connect(&server);
    assert_eq!(client.ask("DEBUG DELAY 1000"), "+OK");
    client.send(&["ECHO", "late"]);
    assert!(is_silent(&mut client));
    client.send(&["DEBUG", "STRINGMATCH-LEN", "a", "a"]);
    assert_eq!(client.next(), r#"$"late""#);
    assert_eq!(client.next(), ":1");
}

#[test]
fn a_message_need_not_wait_for_the_replies_before_it_to_be_late_itself() {
    let server = start_with_debug();
    let (mut operator, mut listener) = (connect(&server), connect(&server));
    listener.call(&["HELLO", "3"]);
    listener.ask("SUBSCRIBE news");
    assert_eq!(operator.ask("DEBUG DELAY 100"), "+OK");
    listener.send(&["SET", "a", "1"]);
    until_set(&mut operator, "a");
    server.advance(MS(50));
    operator.send(&["PUBLISH", "news", "hello"]);
    // One thread serves both connections: when it has served this one twice, the other had its turn.
    operator.send(&["DEBUG", "OBJECT", "nosuch"]);
    assert_eq!(operator.next(), ":1");
    assert_eq!(operator.next(), "-ERR no such key");
    until_set(&mut operator, "a");
    server.advance(MS(50));
    assert_eq!(listener.next(), "+OK");
    assert!(is_silent(&mut listener));
    server.advance(MS(50));
    assert_eq!(listener.next(), r#">3 $"message" $"news" $"hello""#);
}
