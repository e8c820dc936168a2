//! Scripts that do not end: others are told, SCRIPT KILL reaches them, and nothing that they catch
//! keeps them alive.

mod hostile;

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use quintlock::{Cluster, Options, Server};
use rustix::process::Signal;

use crate::support::client::{Connection, REPLY_WAIT, Received};
use crate::support::program::{Directory, Running, free_port, text};
use crate::support::service::{
    assert_no_server_panicked, connect, eventually, start, start_on_real_time,
};

const ENDLESS: &str = "while true do end";
const BUSY: &str =
    "-BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.";

/// A server that calls itself busy soon.
fn impatient() -> Server {
    start(&[("busy-reply-threshold", "50"), ("io-threads", "2")])
}

/// Starts a script that does not end, and waits until others are told so.
fn keep_busy(server: &Server, body: &str) -> Connection {
    let mut busy = connect(server);
    busy.send(&["EVAL", body, "0"]);
    let mut other = connect(server);
    eventually("others are told that it is busy", || {
        other.ask("GET k") == BUSY
    });
    busy
}

#[test]
fn an_endless_script_is_answered_with_busy_and_ended_by_script_kill() {
    let server = impatient();
    let mut busy = keep_busy(&server, ENDLESS);
    let mut other = connect(&server);
    for refused in ["GET k", "SET k v", "PING", "EVAL 'return 1' 0", "INFO"] {
        assert_eq!(other.ask(refused), BUSY, "{refused}");
    }
    assert_eq!(other.ask("SCRIPT KILL"), "+OK");
    let told = busy.next();
    assert!(
        told.starts_with("-ERR Script killed by user with SCRIPT KILL..."),
        "{told}"
    );
    assert_eq!(connect(&server).ask("SET k v"), "+OK");
    assert_eq!(busy.ask("GET k"), r#"$"v""#);
    assert_eq!(
        busy.ask("SCRIPT KILL"),
        "-NOTBUSY No scripts in execution right now."
    );
    assert_no_server_panicked();
}

#[test]
fn a_script_that_catches_every_error_is_ended_all_the_same() {
    let server = impatient();
    for body in [
        "while true do pcall(function() while true do end end) end",
        "local function again() pcall(again) while true do end end again()",
        "while true do pcall(redis.call, 'GET', 'k') end",
        "while true do redis.pcall('NOSUCH') end",
        "local f = coroutine and coroutine.wrap(function() while true do end end) or \
         function() while true do end end while true do pcall(f) end",
        "while true do xpcall(function() error('x') end, function() while true do end end) end",
        "return xpcall(function() while true do end end, function() while true do end end)",
        "local function again() return xpcall(again, again) end while true do again() end",
        "return setmetatable({}, {__index = function() while true do end end}).x",
        "while true do pcall(string.gsub, 'aaaa', '.', function() while true do end end) end",
        "while true do pcall(table.sort, {3, 2, 1}, function() while true do end end) end",
    ] {
        let mut busy = keep_busy(&server, body);
        assert_eq!(connect(&server).ask("SCRIPT KILL"), "+OK", "{body}");
        let told = busy.next();
        assert!(told.starts_with("-ERR Script killed by user"), "{told}");
        assert_eq!(connect(&server).ask("PING"), "+PONG", "{body}");
    }
    assert_no_server_panicked();
}

#[test]
fn a_script_that_has_written_cannot_be_killed_but_the_server_can_be_shut_down() {
    let server = impatient();
    let address = server.address();
    let body = format!("redis.call('SET', 'k', 'v') {ENDLESS}");
    let mut busy = keep_busy(&server, &body);
    let mut other = connect(&server);
    let told = other.ask("SCRIPT KILL");
    assert!(told.starts_with("-UNKILLABLE "), "{told}");
    assert_eq!(other.ask("GET k"), BUSY);
    other.send(&["SHUTDOWN", "NOSAVE"]);
    assert_eq!(other.next(), "closed");
    assert!(matches!(
        busy.receive(REPLY_WAIT),
        Ok(Received::Eof | Received::Frame(_))
    ));
    eventually("nobody listens any more", || {
        Connection::open(address).is_err()
    });
    drop(server);
    assert_no_server_panicked();
}

#[test]
fn a_transaction_of_endless_scripts_does_not_keep_the_server_from_stopping() {
    let server = impatient();
    let mut busy = connect(&server);
    assert_eq!(busy.ask("MULTI"), "+OK");
    for _ in 0..3 {
        assert_eq!(busy.call(&["EVAL", ENDLESS, "0"]).to_string(), "+QUEUED");
    }
    busy.send(&["EXEC"]);
    let mut other = connect(&server);
    eventually("others are told that it is busy", || {
        other.ask("GET k") == BUSY
    });
    let before = quintlock::clock::Stopwatch::start();
    drop(server);
    assert!(before.elapsed() < Duration::from_secs(4));
}

#[test]
fn script_kill_ends_one_script_of_a_transaction_and_the_others_run() {
    let server = impatient();
    let mut busy = connect(&server);
    assert_eq!(busy.ask("MULTI"), "+OK");
    assert_eq!(busy.ask("SET before 1"), "+QUEUED");
    assert_eq!(busy.call(&["EVAL", ENDLESS, "0"]).to_string(), "+QUEUED");
    assert_eq!(busy.ask("SET after 1"), "+QUEUED");
    busy.send(&["EXEC"]);
    let mut other = connect(&server);
    eventually("others are told that it is busy", || {
        other.ask("GET k") == BUSY
    });
    // Of the transaction nobody sees a part.
    assert_eq!(other.ask("GET before"), BUSY);
    assert_eq!(other.ask("SCRIPT KILL"), "+OK");
    let replies = busy.next();
    assert!(replies.starts_with("*3 +OK -"), "{replies}");
    assert!(replies.ends_with(" +OK"), "{replies}");
    assert_eq!(other.ask("MGET before after"), r#"*2 $"1" $"1""#);
}

#[test]
fn other_connections_wait_for_a_slow_script_and_then_see_all_of_it() {
    let server = start(&[("io-threads", "1")]);
    let mut slow = connect(&server);
    let body = "redis.call('SET', 'a', '1') for i = 1, 2e6 do end redis.call('SET', 'b', '1')";
    let mut other = connect(&server);
    assert_eq!(other.ask("PING"), "+PONG");
    slow.send(&["EVAL", body, "0"]);
    eventually("the script has begun or ended", || {
        let seen = other.ask("MGET a b");
        assert!(seen == "*2 $-1 $-1" || seen == r#"*2 $"1" $"1""#, "{seen}");
        seen != "*2 $-1 $-1"
    });
    assert_eq!(slow.next(), "$-1");
}

#[test]
fn instances_of_one_process_run_scripts_at_the_same_time() {
    let options = Options::manual_clock().set("busy-reply-threshold", "50");
    let cluster = Cluster::start(2, &options).unwrap();
    let [first, second] = cluster.instances() else {
        panic!("two instances");
    };
    // Both have the same, single thread.
    let mut one = keep_busy(first, ENDLESS);
    let mut two = keep_busy(second, ENDLESS);
    assert_eq!(connect(first).ask("SCRIPT KILL"), "+OK");
    assert!(one.next().starts_with("-ERR Script killed by user"));
    assert_eq!(connect(first).ask("SET k v"), "+OK");
    let lua = "EVAL 'return string.rep(KEYS[1], 2)' 1 ab";
    assert_eq!(connect(first).ask(lua), r#"$"abab""#);
    assert_eq!(connect(second).ask("GET k"), BUSY);
    assert_eq!(connect(second).ask("SCRIPT KILL"), "+OK");
    assert!(two.next().starts_with("-ERR Script killed by user"));
    assert_eq!(connect(second).ask("EXISTS k"), ":0");
    assert_no_server_panicked();
}

#[test]
fn a_client_that_leaves_while_its_script_runs_harms_nobody() {
    let server = impatient();
    let busy = keep_busy(&server, ENDLESS);
    drop(busy);
    let mut other = connect(&server);
    assert_eq!(other.ask("GET k"), BUSY);
    assert_eq!(other.ask("SCRIPT KILL"), "+OK");
    eventually("it is served again", || other.ask("GET k") == "$-1");
    eventually("nothing is left of the client", || {
        other.text("CLIENT LIST").lines().count() == 1
    });
    assert_no_server_panicked();
}

#[test]
fn whoever_holds_the_keyspace_too_long_is_called_busy_though_it_does_not_look_around() {
    let server = impatient();
    let mut others: Vec<_> = (0..4).map(|_| connect(&server)).collect();
    let whole = server.instance().gate.whole_blocking();
    for other in &mut others {
        assert_eq!(other.ask("GET k"), BUSY);
        assert_eq!(
            other.ask("SCRIPT KILL"),
            "-NOTBUSY No scripts in execution right now."
        );
    }
    drop(whole);
    for other in &mut others {
        assert_eq!(other.ask("GET k"), "$-1");
    }
    assert_no_server_panicked();
}

#[test]
fn who_waits_for_the_keyspace_leaves_when_the_server_stops() {
    let server = start(&[("busy-reply-threshold", "0"), ("io-threads", "2")]);
    let mut others: Vec<_> = (0..4).map(|_| connect(&server)).collect();
    let whole = server.instance().gate.whole_blocking();
    for other in &mut others {
        other.send(&["GET", "k"]);
    }
    server.instance().stop();
    for other in &mut others {
        assert_eq!(other.next(), "closed");
    }
    drop(server);
    drop(whole);
    assert_no_server_panicked();
}

#[test]
fn a_script_that_a_stop_cuts_leaves_nothing_that_outlives_the_process() {
    for mode in ["guard", "everysec", "always"] {
        let directory = Directory::new();
        let keeping = || {
            start_on_real_time(&[
                ("dir", text(&directory.0)),
                ("durability", mode),
                ("busy-reply-threshold", "50"),
            ])
        };
        let server = keeping();
        assert_eq!(connect(&server).ask("SET kept 1"), "+OK");
        let body = "redis.call('SET', 'half', '1') redis.call('DEL', 'kept') while true do end";
        let mut busy = keep_busy(&server, body);
        drop(server);
        assert_eq!(busy.next(), "closed");
        let server = keeping();
        assert_eq!(
            connect(&server).ask("MGET half kept"),
            r#"*2 $-1 $"1""#,
            "{mode}"
        );
    }
    assert_no_server_panicked();
}

/// A signal that comes before the worker has begun finds a server that can stop.
fn wait_until_nobody_is_answered(address: SocketAddr) {
    let mut probe = TcpStream::connect(address).expect("a connection");
    let unanswered = Duration::from_millis(500);
    probe.set_read_timeout(Some(unanswered)).expect("a timeout");
    let mut reply = [0; 7];
    loop {
        probe.write_all(b"PING\r\n").expect("a request");
        if probe.read_exact(&mut reply).is_err() {
            return;
        }
    }
}

#[test]
fn a_program_that_cannot_stop_ends_as_if_it_was_killed() {
    let port = free_port().to_string();
    let mut running = Running::start(&["--port", &port, "--io-threads", "1"]);
    running.ready();
    let address = format!("127.0.0.1:{port}").parse().unwrap();
    let mut client = Connection::open(address).unwrap();
    assert_eq!(client.ask("SET lock:1 token"), "+OK");
    let word = "lock ".repeat(1_000);
    assert_eq!(client.call(&["SET", "word", &word]).to_string(), "+OK");
    // Each takes long, and nothing is looked at between them.
    client.send_raw("LCS word word LEN\r\n".repeat(1_000).as_bytes());
    wait_until_nobody_is_answered(address);
    running.signal(Signal::TERM);
    assert_eq!(running.exit_code(), Some(1));
    let again = Running::start(&["--port", &port, "--dir", text(&running.place().0)]);
    again.ready();
    let mut client = Connection::open(address).unwrap();
    assert_eq!(client.ask("GET lock:1"), r#"$"token""#);
}
