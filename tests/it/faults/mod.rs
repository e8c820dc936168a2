//! Faults on demand: what DEBUG and a Rust test can make go wrong, seen through real clients.
//!
//! Times are on clocks that the test moves. Where silence is expected, the wait for it is long
//! enough for a wrong reply to come and nothing depends on its length.

mod program;
mod replies;

use std::time::Duration;

use quintlock::{Cluster, Fault, Options, Server};
use rustix::process::Signal;

use crate::support::client::{Connection, Received};
use crate::support::program::serve;
use crate::support::service::{assert_no_server_panicked, connect, eventually, start};

/// Long enough for a wrong reply to come.
const SILENCE: Duration = Duration::from_millis(20);

const MS: fn(u64) -> Duration = Duration::from_millis;

const REFUSED: &str = "-ERR refused by DEBUG REFUSE";

fn start_with_debug() -> Server {
    start(&[("enable-debug-command", "local")])
}

fn is_silent(client: &mut Connection) -> bool {
    client.receive(SILENCE) == Ok(Received::Silence)
}

/// A connection of the `redis` crate.
fn library(server: &Server) -> redis::Connection {
    let url = format!("redis://{}", server.address());
    let client = redis::Client::open(url).expect("an address");
    client.get_connection().expect("a connection")
}

fn take(token: &str) -> redis::Cmd {
    let mut take = redis::cmd("SET");
    take.arg("lock").arg(token).arg("NX").arg("PX").arg(1000);
    take
}

#[test]
fn advance_lets_locks_of_this_instance_expire_and_tells_of_it() {
    let options = Options::manual_clock()
        .set("enable-debug-command", "local")
        .set("notify-keyspace-events", "Ex");
    let cluster = Cluster::start(2, &options).unwrap();
    let [first, second] = cluster.instances() else {
        panic!("two instances");
    };
    let mut listener = connect(first);
    listener.ask("SUBSCRIBE __keyevent@0__:expired");
    let mut clients = [first, second].map(library);
    for client in &mut clients {
        take("mine").exec(client).unwrap();
    }
    let mut operator = connect(first);
    // The time has moved for what stands behind it in the same write, too.
    operator.send(&["DEBUG", "ADVANCE", "999"]);
    operator.send(&["PTTL", "lock"]);
    assert_eq!(operator.next(), "+OK");
    assert_eq!(operator.next(), ":1");
    assert_eq!(operator.ask("DEBUG ADVANCE 1"), "+OK");
    let event = r#"*3 $"message" $"__keyevent@0__:expired" $"lock""#;
    assert_eq!(listener.next(), event);
    let taken = clients.map(|mut client| {
        let reply = take("theirs").query::<Option<String>>(&mut client);
        reply.unwrap().is_some()
    });
    assert_eq!(taken, [true, false]);
}

#[test]
fn refused_commands_get_an_error_and_change_nothing() {
    let server = start(&[("enable-debug-command", "local"), ("requirepass", "hush")]);
    let mut client = connect(&server);
    assert_eq!(client.ask("AUTH hush"), "+OK");
    assert_eq!(client.ask("DEBUG REFUSE"), "+OK");
    for request in ["SET lock mine", "PING", "MULTI", "EVAL 'return 1' 0"] {
        assert_eq!(client.ask(request), REFUSED, "{request}");
    }
    // Who has a password to show can still reach DEBUG.
    let mut operator = connect(&server);
    assert_eq!(operator.ask("AUTH hush"), "+OK");
    assert_eq!(operator.ask("DEBUG REFUSE 2"), "+OK");
    assert_eq!(client.ask("SET lock mine"), REFUSED);
    assert_eq!(client.ask("GET lock"), REFUSED);
    assert_eq!(client.ask("GET lock"), "$-1");
    let counted = client.text("INFO errorstats");
    assert!(counted.contains("errorstat_ERR:count=6"), "{counted}");
    server.fault(Fault::Refuse(None));
    let url = format!("redis://:hush@{}", server.address());
    let mut library = redis::Client::open(url).unwrap().get_connection().unwrap();
    let error = take("mine").exec(&mut library).unwrap_err();
    assert_eq!(error.detail(), Some("refused by DEBUG REFUSE"));
    server.fault(Fault::Reset);
    take("mine").exec(&mut library).unwrap();
}

#[test]
fn a_refused_request_spoils_its_transaction() {
    let server = start_with_debug();
    let mut client = connect(&server);
    assert_eq!(client.ask("MULTI"), "+OK");
    server.fault(Fault::Refuse(Some(1)));
    assert_eq!(client.ask("SET a 1"), REFUSED);
    assert_eq!(client.ask("SET b 1"), "+QUEUED");
    let reply = client.ask("EXEC");
    assert!(reply.starts_with("-EXECABORT"), "{reply}");
}

#[test]
fn a_paused_instance_answers_afterwards_and_its_locks_have_expired_meanwhile() {
    let server = start_with_debug();
    let (mut client, mut other) = (connect(&server), connect(&server));
    assert_eq!(client.ask("SET lock mine PX 300"), "+OK");
    assert_eq!(connect(&server).ask("DEBUG PAUSE 1000"), "+OK");
    client.send(&["SET", "lock", "theirs", "NX"]);
    // It accepts, and does not answer.
    let mut late = connect(&server);
    late.send(&["HELLO"]);
    assert!(is_silent(&mut client) && is_silent(&mut late));
    server.advance(MS(999));
    other.send(&["GET", "lock"]);
    assert!(is_silent(&mut client) && is_silent(&mut other));
    server.advance(MS(1));
    assert_eq!(client.next(), "+OK");
    other.next();
    let hello = late.next();
    assert!(
        hello.contains("quintlock") || hello.contains("redis"),
        "{hello}"
    );
    assert_eq!(client.ask("GET lock"), r#"$"theirs""#);
}

#[test]
fn a_pause_is_lifted_from_any_other_connection() {
    let server = start_with_debug();
    let (mut client, mut idle) = (connect(&server), connect(&server));
    assert_eq!(client.ask("DEBUG PAUSE 3600000"), "+OK");
    client.send(&["PING"]);
    assert!(is_silent(&mut client));
    assert_eq!(idle.ask("DEBUG OBJECT nosuch"), "-ERR no such key");
    assert_eq!(connect(&server).ask("DEBUG RESET"), "+OK");
    assert_eq!(client.next(), "+PONG");
    assert_eq!(idle.ask("PING"), "+PONG");
}

#[test]
fn what_was_sent_to_a_paused_instance_is_run_though_its_sender_has_gone() {
    let server = start_with_debug();
    let mut gone = connect(&server);
    assert_eq!(gone.ask("PING"), "+PONG");
    server.fault(Fault::Pause(MS(1000)));
    gone.send(&["SET", "lock", "of the one who gave up", "NX"]);
    drop(gone);
    let mut witness = connect(&server);
    witness.send(&["PING"]);
    assert!(is_silent(&mut witness));
    server.advance(MS(1000));
    assert_eq!(witness.next(), "+PONG");
    eventually("the request of the one who is gone has run", || {
        witness.ask("EXISTS lock") == ":1"
    });
}

#[test]
fn a_paused_server_can_be_stopped_and_a_crash_is_heard_in_a_pause() {
    let server = start_with_debug();
    let mut client = connect(&server);
    server.fault(Fault::Pause(MS(3_600_000)));
    client.send(&["PING"]);
    assert!(is_silent(&mut client));
    server.fault(Fault::Crash);
    assert_eq!(client.next(), "closed");
    drop(server);
    assert_no_server_panicked();
}

#[test]
fn a_crash_in_a_cluster_ends_one_instance_and_answers_nobody() {
    let options = Options::manual_clock().set("enable-debug-command", "local");
    let cluster = Cluster::start(3, &options).unwrap();
    let open = |index: usize| connect(&cluster.instances()[index]);
    let (mut operator, mut victim, mut other) = (open(1), open(1), open(2));
    assert_eq!(victim.ask("SET lock mine"), "+OK");
    cluster.instances()[1].fault(Fault::Delay {
        by: MS(10),
        jitter: Duration::ZERO,
    });
    victim.send(&["GET", "lock"]);
    assert!(is_silent(&mut victim));
    operator.send_raw(b"PING\r\nDEBUG CRASH\r\nPING\r\n");
    assert_eq!(victim.next(), "closed");
    assert_eq!(operator.next(), "closed");
    let address = cluster.addresses()[1];
    eventually("it listens no more", || Connection::open(address).is_err());
    assert_eq!(other.ask("PING"), "+PONG");
    assert_eq!(open(0).ask("PING"), "+PONG");
    // It stays dead.
    cluster.instances()[1].fault(Fault::Reset);
    assert!(Connection::open(address).is_err());
}

#[test]
fn a_transaction_may_end_the_server_that_runs_it() {
    let server = start_with_debug();
    let (mut client, mut other) = (connect(&server), connect(&server));
    assert_eq!(other.ask("SET a 1"), "+OK");
    client.send_raw(b"MULTI\r\nDEBUG RESTART-EMPTY\r\nDBSIZE\r\nEXEC\r\nPING\r\n");
    for reply in ["+OK", "+QUEUED", "+QUEUED", "*2 +OK :0", "closed"] {
        assert_eq!(client.next(), reply);
    }
    assert_eq!(other.next(), "closed");
    let mut client = connect(&server);
    assert_eq!(client.ask("MULTI"), "+OK");
    assert_eq!(client.ask("DEBUG CRASH"), "+QUEUED");
    client.send_raw(b"EXEC\r\nPING\r\n");
    assert_eq!(client.next(), "closed");
    drop(server);
    assert_no_server_panicked();
}

#[test]
fn a_server_of_its_own_kills_itself() {
    let (mut server, address) = serve(&["--enable-debug-command", "local"]);
    let mut client = Connection::open(address).unwrap();
    client.send(&["DEBUG", "CRASH"]);
    assert_eq!(client.next(), "closed");
    let status = server.child.wait().unwrap();
    let signal = std::os::unix::process::ExitStatusExt::signal(&status);
    assert_eq!(signal, Some(Signal::KILL.as_raw()));
}

#[test]
fn a_restart_without_persistence_leaves_nothing_but_the_port() {
    let server = start_with_debug();
    let (mut client, mut listener) = (connect(&server), connect(&server));
    assert_eq!(client.ask("SET lock mine PX 1000"), "+OK");
    let sha1 = client.text("SCRIPT LOAD 'return 1'");
    listener.ask("SUBSCRIBE news");
    let run_id = |client: &mut Connection| {
        let info = client.text("INFO server");
        let line = info.lines().find(|line| line.starts_with("run_id:"));
        line.expect("a run_id").to_owned()
    };
    let before = run_id(&mut client);
    server.advance(MS(5000));
    assert_eq!(client.ask("SET lock mine PX 1000"), "+OK");
    assert_eq!(client.ask("SET for:ever mine"), "+OK");
    assert_eq!(client.ask("DEBUG REFUSE"), "+OK");
    assert_eq!(client.ask("DEBUG RESTART-EMPTY"), "+OK");
    assert_eq!(client.next(), "closed");
    assert_eq!(listener.next(), "closed");
    let mut next = connect(&server);
    assert_eq!(next.ask("DBSIZE"), ":0");
    assert_eq!(next.ask("SET lock theirs NX PX 1000"), "+OK");
    let reply = next.ask(&format!("EVALSHA {sha1} 0"));
    assert!(reply.starts_with("-NOSCRIPT"), "{reply}");
    assert_eq!(next.ask("PUBLISH news unheard"), ":0");
    assert_ne!(run_id(&mut next), before);
    assert_eq!(next.info("uptime_in_seconds"), 0);
    assert_eq!(next.info("expired_keys"), 0);
    // The timers of the new life work.
    server.advance(MS(1000));
    assert_eq!(next.ask("DBSIZE"), ":0");
    assert_eq!(next.info("expired_keys"), 1);
}

#[test]
fn debug_takes_numbers_within_their_bounds_and_only_from_whom_it_may() {
    let server = start_with_debug();
    let mut client = connect(&server);
    const RANGE: &str = "-ERR value is not an integer or out of range";
    for request in [
        "ADVANCE x",
        "ADVANCE -1",
        "ADVANCE 31536000001",
        "DELAY 31536000001",
        "DELAY 1 x",
        "DROP 1000000001",
        "DROP -1",
        "REFUSE x",
        "PAUSE -5",
    ] {
        assert_eq!(client.ask(&format!("DEBUG {request}")), RANGE, "{request}");
    }
    for request in [
        "ADVANCE",
        "CRASH now",
        "DELAY 1 2 3",
        "DROP",
        "PAUSE",
        "RESET 1",
    ] {
        let reply = client.ask(&format!("DEBUG {request}"));
        assert!(
            reply.starts_with("-ERR unknown subcommand or wrong"),
            "{reply}"
        );
    }
    for request in [
        "ADVANCE 31536000000",
        "delay 0",
        "Drop 0",
        "REFUSE 0",
        "PAUSE 0",
        "RESET",
    ] {
        assert_eq!(client.ask(&format!("DEBUG {request}")), "+OK", "{request}");
    }
    let server = start(&[]);
    let mut client = connect(&server);
    for request in ["CRASH", "RESTART-EMPTY", "REFUSE", "DROP 1", "ADVANCE 1"] {
        let reply = client.ask(&format!("DEBUG {request}"));
        assert!(reply.contains("DEBUG command not allowed"), "{reply}");
    }
    assert_eq!(client.ask("PING"), "+PONG");
}

#[test]
fn every_fault_is_in_the_help() {
    let server = start_with_debug();
    let help = connect(&server).ask("DEBUG HELP");
    for kind in quintlock::fault::FaultKind::ALL {
        let line = format!("+\"{}", kind.name().to_ascii_uppercase());
        let bare = format!("+{}", kind.name().to_ascii_uppercase());
        assert!(
            help.contains(&line) || help.contains(&bare),
            "{line} in {help}"
        );
    }
}
