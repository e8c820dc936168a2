//! Faults on demand: what DEBUG and a Rust test can make go wrong, seen through real clients.
//!
//! Times are on clocks that the test moves. Where silence is expected, the wait for it is long
//! enough for a wrong reply to come and nothing depends on its length.

use std::time::Duration;

use quintlock::{Cluster, Fault, Options, Server};
use rustix::process::Signal;

use crate::support::client::{Connection, Received};
use crate::support::program::{Running, free_port, run, serve};
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

/// Waits until a key is there, by the only command whose reply no fault keeps back.
fn until_set(operator: &mut Connection, key: &str) {
    eventually("the key is set", || {
        let reply = operator.ask(&format!("DEBUG OBJECT {key}"));
        reply.starts_with("+Value")
    });
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

/// A cluster of its own process, on ports that follow each other.
fn cluster_program(more: &[&str]) -> (Running, String) {
    for _ in 0..20 {
        let base = free_port();
        let base_text = base.to_string();
        let neighbours = (1..3).map(|step| std::net::TcpListener::bind(("127.0.0.1", base + step)));
        if neighbours.collect::<Result<Vec<_>, _>>().is_err() {
            continue;
        }
        let fixed = ["cluster", "--instances", "3", "--base-port", &base_text];
        let running = Running::start(&[&fixed, more].concat());
        if running.line().starts_with("instance 1 ") {
            return (running, base_text);
        }
    }
    panic!("no three free ports in a row");
}

/// Runs `quintlock fault` with these words, and tells its exit code and what it said.
fn fault(base: &str, words: &str) -> (Option<i32>, String) {
    let fixed = ["fault", "--instances", "3", "--base-port", base];
    let words: Vec<&str> = fixed.into_iter().chain(words.split(' ')).collect();
    let output = run(&words);
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8(said).expect("text");
    (output.status.code(), said.trim_end().to_owned())
}

#[test]
fn the_program_makes_trouble_for_the_instances_of_a_running_cluster() {
    let (_cluster, base) = cluster_program(&[]);
    let port = |number: u16| base.parse::<u16>().unwrap() + number - 1;
    let open = |number: u16| Connection::open(([127, 0, 0, 1], port(number)).into());
    let mut clients: Vec<Connection> = (1..=3).map(|number| open(number).unwrap()).collect();
    for client in &mut clients {
        assert_eq!(client.ask("SET lock mine PX 60000"), "+OK");
    }
    let told = |number: u16, words: &str| {
        let line = format!("instance {number} (127.0.0.1:{}): {words}", port(number));
        (Some(0), line)
    };
    assert_eq!(fault(&base, "2 refuse 1"), told(2, "REFUSE 1"));
    let replies: Vec<String> = clients.iter_mut().map(|one| one.ask("GET lock")).collect();
    assert_eq!(replies, [r#"$"mine""#, REFUSED, r#"$"mine""#]);
    let (code, said) = fault(&base, "all advance 61s");
    assert_eq!((code, said.lines().count()), (Some(0), 3), "{said}");
    assert!(clients.iter_mut().all(|one| one.ask("GET lock") == "$-1"));
    assert_eq!(
        fault(&base, "3 delay 1h jitter 5m"),
        told(3, "DELAY 3600000 300000")
    );
    clients[2].send(&["PING"]);
    assert!(is_silent(&mut clients[2]));
    assert_eq!(fault(&base, "3 reset"), told(3, "RESET"));
    assert_eq!(clients[2].next(), "+PONG");
    let by_address = format!("127.0.0.1:{}", port(3));
    assert_eq!(fault(&base, &format!("{by_address} pause 1h")).0, Some(0));
    assert_eq!(fault(&base, &format!("{by_address} pause 0")).0, Some(0));
    assert_eq!(fault(&base, "1 restart-empty"), told(1, "RESTART-EMPTY"));
    assert_eq!(clients[0].next(), "closed");
    assert_eq!(fault(&base, "2 crash"), told(2, "CRASH"));
    assert_eq!(clients[1].next(), "closed");
    eventually("it listens no more", || open(2).is_err());
    let (code, said) = fault(&base, "2 reset");
    let expected = format!(
        "quintlock: cannot reach instance 2 (127.0.0.1:{}): ",
        port(2)
    );
    assert!(code == Some(1) && said.starts_with(&expected), "{said}");
    let (code, said) = fault(&base, "all reset");
    assert!(
        said.ends_with("quintlock: 1 of 3 instances did not get the fault"),
        "{said}"
    );
    assert_eq!(code, Some(1));
    assert_eq!(open(1).unwrap().ask("PING"), "+PONG");
}

#[test]
fn the_program_says_why_an_instance_does_not_obey() {
    let (_cluster, base) = cluster_program(&["--", "--enable-debug-command", "no"]);
    let (code, said) = fault(&base, "1 reset");
    assert!(
        said.contains("does not allow DEBUG (start it with"),
        "{said}"
    );
    assert_eq!(code, Some(1));
    let (_cluster, base) = cluster_program(&["--", "--requirepass", "hush"]);
    for (words, told) in [
        ("1 reset", "NOAUTH Authentication required."),
        ("1 reset --password loud", "WRONGPASS"),
    ] {
        let (code, said) = fault(&base, words);
        assert!(
            said.contains("wants another password (--password): "),
            "{said}"
        );
        assert!(said.contains(told), "{said}");
        assert_eq!(code, Some(1));
    }
    // No fault stands between the password and DEBUG.
    for words in ["pause 1h", "delay 1h", "refuse", "reset"] {
        let (code, said) = fault(&base, &format!("1 {words} --password hush"));
        assert_eq!(code, Some(0), "{said}");
    }
    for (words, told) in [
        (
            "4 reset",
            "quintlock: there is no instance '4': name one of 1 to 3, all, or HOST:PORT (--instances says how many there are)",
        ),
        ("0 reset", "quintlock: there is no instance '0': "),
        (
            "1 burn",
            "quintlock: there is no fault 'burn'; the faults are advance, ",
        ),
        (
            "1 delay 200",
            "quintlock: '200' is no span: write a number and a unit",
        ),
        (":x reset", "quintlock: ':x' is no HOST:PORT"),
    ] {
        let (code, said) = fault(&base, words);
        assert!(code == Some(2) && said.starts_with(told), "{said}");
    }
}
