//! `timeout`: who is idle, and who only looks so.
//!
//! All connections of a server here are on one thread, and the search for idle clients is one turn
//! of it: once an idle client has been closed, everybody was looked at.

use std::time::Duration;

use quintlock::Server;

use crate::support::client::{Connection, REPLY_WAIT};
use crate::support::service::{assert_no_server_panicked, connect, eventually, start};

const TIMEOUT: Duration = Duration::from_secs(30);

fn start_with_timeout(settings: &[(&str, &str)]) -> Server {
    let all = [settings, &[("timeout", "30"), ("io-threads", "1")]].concat();
    start(&all)
}

/// Lets more than the timeout pass, and waits until all who were idle meanwhile are closed.
fn let_idle_time_pass(server: &Server) {
    let mut idle = connect(server);
    idle.ask("PING");
    let_idle_time_pass_for(server, &mut idle);
}

fn let_idle_time_pass_for(server: &Server, idle: &mut Connection) {
    // Not by `Server::advance`, which waits for scripts.
    let step = TIMEOUT + Duration::from_secs(1);
    server.instance().advance(step);
    assert_eq!(idle.next(), "closed");
}

fn is_listed_as_blocked(operator: &mut Connection, count: u64) -> bool {
    operator.info("blocked_clients") == count
}

#[test]
fn a_client_idle_for_longer_than_the_timeout_is_disconnected_but_no_subscriber_or_monitor() {
    let server = start_with_timeout(&[]);
    let (mut idle, mut half) = (connect(&server), connect(&server));
    let (mut subscriber, mut monitor) = (connect(&server), connect(&server));
    assert_eq!(idle.ask("PING"), "+PONG");
    half.send_raw(b"*2\r\n$4\r\nPI");
    subscriber.ask("SUBSCRIBE news");
    assert_eq!(monitor.ask("MONITOR"), "+OK");
    server.advance(TIMEOUT);
    assert_eq!(connect(&server).text("CLIENT LIST").lines().count(), 5);
    let_idle_time_pass(&server);
    assert_eq!(idle.next(), "closed");
    assert_eq!(half.next(), "closed");
    assert_eq!(connect(&server).ask("PUBLISH news x"), ":1");
    assert!(subscriber.next().contains("message"));
    assert_eq!(connect(&server).ask("ECHO audible"), r#"$"audible""#);
    eventually("the monitor is told", || monitor.next().contains("ECHO"));
}

#[test]
fn who_waits_is_not_idle_and_is_again_once_it_has_its_answer() {
    let server = start_with_timeout(&[]);
    let (mut endless, mut timed) = (connect(&server), connect(&server));
    let id = endless.ask("CLIENT ID").replace(':', "");
    endless.send(&["WAIT", "1", "0"]);
    timed.send(&["WAIT", "1", "31000"]);
    let mut operator = connect(&server);
    eventually("both wait", || is_listed_as_blocked(&mut operator, 2));
    let_idle_time_pass(&server);
    assert_eq!(timed.next(), ":0");
    let_idle_time_pass(&server);
    assert_eq!(timed.next(), "closed");
    let mut operator = connect(&server);
    let line = operator.text(&format!("CLIENT LIST ID {id}"));
    assert!(line.contains(" idle=62 flags=b "), "{line}");
    assert_eq!(operator.ask(&format!("CLIENT UNBLOCK {id}")), ":1");
    assert_eq!(endless.next(), ":0");
    let line = operator.text(&format!("CLIENT LIST ID {id}"));
    assert!(line.contains(" idle=0 flags=N "), "{line}");
    let_idle_time_pass(&server);
    assert_eq!(endless.next(), "closed");
    assert_no_server_panicked();
}

#[test]
fn who_is_held_back_by_a_pause_is_not_idle() {
    let server = start_with_timeout(&[]);
    let mut operator = connect(&server);
    assert_eq!(operator.ask("CLIENT PAUSE 1000000 WRITE"), "+OK");
    let mut paused = connect(&server);
    paused.send(&["SET", "lock", "mine", "NX"]);
    eventually("it is held back", || is_listed_as_blocked(&mut operator, 1));
    let_idle_time_pass(&server);
    let mut operator = connect(&server);
    assert_eq!(operator.ask("CLIENT UNPAUSE"), "+OK");
    assert_eq!(paused.next(), "+OK");
    assert_eq!(operator.ask("GET lock"), r#"$"mine""#);
    let_idle_time_pass(&server);
    assert_eq!(paused.next(), "closed");
}

#[test]
fn who_runs_a_script_is_not_idle() {
    let server = start_with_timeout(&[("busy-reply-threshold", "50")]);
    let (mut runs, mut operator) = (connect(&server), connect(&server));
    runs.send(&["EVAL", "while true do end", "0"]);
    eventually("the script has run for long", || {
        operator.ask("GET k").starts_with("-BUSY")
    });
    let_idle_time_pass(&server);
    assert_eq!(connect(&server).ask("SCRIPT KILL"), "+OK");
    assert!(runs.next().contains("Script killed"));
    assert_eq!(runs.ask("PING"), "+PONG");
}

#[test]
fn whose_reply_a_fault_keeps_back_is_not_idle() {
    let server = start_with_timeout(&[("enable-debug-command", "yes")]);
    let (mut idle, mut operator) = (connect(&server), connect(&server));
    idle.ask("PING");
    assert_eq!(operator.ask("DEBUG DELAY 1000000"), "+OK");
    let mut late = connect(&server);
    late.send(&["SET", "lock", "mine", "NX"]);
    eventually("it has run", || {
        operator.ask("DEBUG OBJECT lock").starts_with("+Value")
    });
    let_idle_time_pass_for(&server, &mut idle);
    assert_eq!(connect(&server).ask("DEBUG RESET"), "+OK");
    assert_eq!(late.next(), "+OK");
}

#[test]
fn who_reads_a_long_reply_slowly_is_not_idle_and_who_does_not_read_it_is() {
    const BYTES: usize = 32 << 20;
    let server = start_with_timeout(&[]);
    let (mut slow, mut deaf) = (connect(&server), connect(&server));
    let long = vec![b'x'; BYTES];
    slow.call(&[b"SET", &b"long"[..], &long]);
    for client in [&mut slow, &mut deaf] {
        client.send(&["GET", "long"]);
        client.send(&["GET", "long"]);
    }
    let mut idle = connect(&server);
    idle.ask("PING");
    server.advance(TIMEOUT * 2 / 3);
    // The socket has room for less than a reply, so the server sends while this one is read.
    assert_eq!(slow.next().len(), BYTES + 3);
    server.advance(TIMEOUT * 2 / 3);
    assert_eq!(idle.next(), "closed");
    assert_eq!(slow.next().len(), BYTES + 3);
    let cut = deaf.receive(REPLY_WAIT);
    assert!(cut.is_err(), "closed within a reply: {cut:?}");
}
