//! DEBUG, where `enable-debug-command` allows it. The replies are those that redis-server 7.0.15
//! gave when it was asked the same.

use std::time::Duration;

use quintlock::clock::Stopwatch;
use quintlock::{Cluster, Options};

use crate::support::client::{Connection, Received};
use crate::support::service::{connect, start};

#[test]
fn debug_is_for_those_whom_the_setting_names() {
    for (value, is_allowed) in [("no", false), ("local", true), ("yes", true)] {
        let server = start(&[("enable-debug-command", value)]);
        let mut client = connect(&server);
        let reply = client.ask("DEBUG SLEEP 0");
        assert_eq!(reply == "+OK", is_allowed, "{value}: {reply}");
        assert_eq!(client.ask("MULTI"), "+OK");
        let reply = client.ask("DEBUG SLEEP 0");
        assert_eq!(reply == "+QUEUED", is_allowed, "{value}: {reply}");
    }
}

#[test]
fn replies_are_those_of_redis() {
    let server = start(&[("enable-debug-command", "yes")]);
    let mut client = connect(&server);
    const UNKNOWN: &str = "-ERR unknown subcommand or wrong number of arguments for";
    for (request, reply) in [
        (
            "DEBUG",
            "-ERR wrong number of arguments for 'debug' command",
        ),
        ("DEBUG foo", &format!("{UNKNOWN} 'foo'. Try DEBUG HELP.")),
        (
            "DEBUG SLEEP",
            &format!("{UNKNOWN} 'SLEEP'. Try DEBUG HELP."),
        ),
        ("DEBUG SLEEP x", "+OK"),
        ("DEBUG SLEEP -1", "+OK"),
        (
            "DEBUG SLEEP 0 1",
            &format!("{UNKNOWN} 'SLEEP'. Try DEBUG HELP."),
        ),
        ("DEBUG SET-ACTIVE-EXPIRE 1", "+OK"),
        ("DEBUG OBJECT nosuch", "-ERR no such key"),
        ("DEBUG ERROR foo", "-foo"),
        ("DEBUG ERROR 'ERR foo bar'", "-ERR foo bar"),
        ("DEBUG LOG hello", "+OK"),
        ("DEBUG STRINGMATCH-LEN a*c abbc", ":1"),
        ("DEBUG STRINGMATCH-LEN a*c abb", ":0"),
    ] {
        assert_eq!(client.ask(request), reply, "{request}");
    }
}

#[test]
fn every_type_of_the_protocol_has_an_example() {
    let server = start(&[("enable-debug-command", "yes")]);
    let mut client = connect(&server);
    for (request, reply) in [
        ("DEBUG PROTOCOL string", r#"$"Hello World""#),
        ("DEBUG PROTOCOL integer", ":12345"),
        ("DEBUG PROTOCOL double", r#"$"3.141""#),
        ("DEBUG PROTOCOL null", "$-1"),
        ("DEBUG PROTOCOL array", "*3 :0 :1 :2"),
        ("DEBUG PROTOCOL set", "*3 :0 :1 :2"),
        ("DEBUG PROTOCOL map", "*6 :0 :0 :1 :1 :2 :0"),
        (
            "DEBUG PROTOCOL attrib",
            r#"$"Some real reply following the attribute""#,
        ),
        (
            "DEBUG PROTOCOL push",
            "-ERR RESP2 is not supported by this command",
        ),
        (
            "DEBUG PROTOCOL verbatim",
            r#"$"This is a verbatim\nstring""#,
        ),
        ("DEBUG PROTOCOL true", ":1"),
        ("DEBUG PROTOCOL false", ":0"),
        (
            "DEBUG PROTOCOL bignum",
            r#"$"1234567999999999999999999999999999999""#,
        ),
        (
            "DEBUG PROTOCOL x",
            "-ERR Wrong protocol type name. Please use one of the following: string|integer|double|bignum|null|array|set|map|attrib|push|verbatim|true|false",
        ),
    ] {
        assert_eq!(client.ask(request), reply, "{request}");
    }
    client.call(&["HELLO", "3"]);
    for (request, reply) in [
        ("DEBUG PROTOCOL double", ",3.141"),
        ("DEBUG PROTOCOL null", "_"),
        ("DEBUG PROTOCOL set", "~3 :0 :1 :2"),
        ("DEBUG PROTOCOL map", "%3 :0 #f :1 #t :2 #f"),
        ("DEBUG PROTOCOL true", "#t"),
        (
            "DEBUG PROTOCOL bignum",
            "(1234567999999999999999999999999999999",
        ),
    ] {
        assert_eq!(client.ask(request), reply, "{request}");
    }
    assert_eq!(
        client.ask("DEBUG PROTOCOL push"),
        r#">2 $"server-cpu-usage" :42"#
    );
    assert_eq!(
        client.next(),
        r#"$"Some real reply following the push reply""#
    );
}

#[test]
fn an_object_is_told_as_redis_would_store_it() {
    let server = start(&[("enable-debug-command", "yes")]);
    let mut client = connect(&server);
    let long = "a".repeat(45);
    for (value, told) in [
        ("hello", "encoding:embstr serializedlength:6"),
        ("12345", "encoding:int serializedlength:3"),
        (long.as_str(), "encoding:raw serializedlength:46"),
    ] {
        assert_eq!(client.ask(&format!("SET k {value}")), "+OK");
        let reply = client.ask("DEBUG OBJECT k");
        assert!(reply.contains(told), "{reply}");
    }
}

#[test]
fn without_active_expiry_a_dead_key_stays_until_somebody_looks() {
    let server = start(&[("enable-debug-command", "yes")]);
    let mut client = connect(&server);
    assert_eq!(client.ask("DEBUG SET-ACTIVE-EXPIRE 0"), "+OK");
    assert_eq!(client.ask("SET a v PX 10"), "+OK");
    assert_eq!(client.ask("SET b v PX 10"), "+OK");
    server.advance(Duration::from_millis(10));
    assert_eq!(client.ask("DBSIZE"), ":2");
    assert_eq!(client.ask("GET a"), "$-1");
    assert_eq!(client.ask("DBSIZE"), ":1");
    assert_eq!(client.ask("DEBUG SET-ACTIVE-EXPIRE 1"), "+OK");
    server.advance(Duration::from_millis(1));
    assert_eq!(client.ask("DBSIZE"), ":0");
}

#[test]
fn a_sleeping_server_answers_nobody_while_the_other_instances_go_on() {
    let options = Options::manual_clock()
        .set("enable-debug-command", "yes")
        .set("io-threads", "1");
    let cluster = Cluster::start(3, &options).unwrap();
    let open = |index: usize| Connection::open(cluster.addresses()[index]).unwrap();
    let (mut sleeper, mut neighbour, mut other) = (open(0), open(0), open(1));
    assert_eq!(other.ask("SET k v"), "+OK");
    let watch = Stopwatch::start();
    sleeper.send(&["DEBUG", "SLEEP", "0.3"]);
    sleeper.send(&["PING"]);
    // The other instance is served by the same thread.
    for _ in 0..100 {
        assert_eq!(other.ask("GET k"), r#"$"v""#);
    }
    assert!(
        watch.elapsed() < Duration::from_millis(300),
        "too slow to tell"
    );
    neighbour.send(&["PING"]);
    let early = neighbour.receive(Duration::from_millis(50));
    assert_eq!(early, Ok(Received::Silence));
    assert_eq!(sleeper.next(), "+OK");
    assert!(watch.elapsed() >= Duration::from_millis(300));
    assert_eq!(sleeper.next(), "+PONG");
    assert_eq!(neighbour.next(), "+PONG");
}

#[test]
fn a_sleeping_server_can_be_stopped() {
    let server = start(&[("enable-debug-command", "yes")]);
    let mut sleeper = connect(&server);
    sleeper.send(&["DEBUG", "SLEEP", "3600"]);
    let mut other = connect(&server);
    other.send(&["PING"]);
    assert_eq!(
        other.receive(Duration::from_millis(50)),
        Ok(Received::Silence)
    );
    let watch = Stopwatch::start();
    drop(server);
    assert!(watch.elapsed() < Duration::from_secs(4));
}
