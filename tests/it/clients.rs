//! What an operator does to clients: KILL, PAUSE, UNBLOCK, MONITOR; and what becomes of theirs.

use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use quintlock::Server;

use crate::support::client::{Connection, Received};
use crate::support::program::serve;
use crate::support::service::{
    assert_no_server_panicked, connect, eventually, start, start_on_real_time,
};

/// Long enough for a wrong reply to come.
const SILENCE: Duration = Duration::from_millis(20);

fn is_silent(client: &mut Connection) -> bool {
    client.receive(SILENCE) == Ok(Received::Silence)
}

/// The id that a client has.
fn id(client: &mut Connection) -> String {
    client.ask("CLIENT ID").trim_start_matches(':').to_owned()
}

/// The address of a client, as CLIENT LIST tells it.
fn address(client: &mut Connection) -> String {
    let line = client.text("CLIENT INFO");
    let address = line.split(' ').find_map(|word| word.strip_prefix("addr="));
    address.expect("an address").to_owned()
}

fn clients(witness: &mut Connection) -> usize {
    witness.text("CLIENT LIST").lines().count()
}

#[test]
fn a_killed_client_runs_nothing_more_and_is_gone_from_the_list() {
    let server = start(&[("io-threads", "3")]);
    let mut operator = connect(&server);
    for round in 0..50 {
        let mut victim = connect(&server);
        let id = id(&mut victim);
        assert_eq!(operator.ask(&format!("CLIENT KILL ID {id}")), ":1");
        assert_eq!(clients(&mut operator), 1);
        let key = format!("after{round}");
        victim.send(&["SET", &key, "v"]);
        assert_eq!(victim.next(), "closed");
        assert_eq!(operator.ask(&format!("EXISTS {key}")), ":0");
    }
    assert_no_server_panicked();
}

#[test]
fn every_form_of_kill_finds_its_client() {
    let server = start(&[]);
    let mut operator = connect(&server);
    let local = server.address().to_string();
    for form in ["old", "ADDR", "LADDR", "USER", "TYPE", "MAXAGE"] {
        let mut victim = connect(&server);
        let peer = address(&mut victim);
        if form == "MAXAGE" {
            assert_eq!(operator.ask("CLIENT KILL MAXAGE 5"), ":0");
            server.advance(Duration::from_secs(5));
        }
        let (request, reply) = match form {
            "old" => (format!("CLIENT KILL {peer}"), "+OK"),
            "ADDR" => (format!("CLIENT KILL ADDR {peer}"), ":1"),
            "LADDR" => (format!("CLIENT KILL LADDR {local}"), ":1"),
            "USER" => ("CLIENT KILL USER default SKIPME yes".to_owned(), ":1"),
            "TYPE" => ("CLIENT KILL TYPE normal".to_owned(), ":1"),
            _ => ("CLIENT KILL MAXAGE 5".to_owned(), ":1"),
        };
        assert_eq!(operator.ask(&request), reply, "{request}");
        assert_eq!(victim.next(), "closed", "{request}");
    }
    let own = id(&mut operator);
    assert_eq!(operator.ask(&format!("CLIENT KILL ID {own}")), ":0");
    assert_eq!(
        operator.ask(&format!("CLIENT KILL ID {own} SKIPME no")),
        ":1"
    );
    assert_eq!(operator.next(), "closed");
}

/// The text of a socket's own address is the judge: it has the brackets that RFC 3986 asks for.
#[test]
fn a_client_over_ipv6_is_named_with_brackets_wherever_it_is_named() {
    if TcpListener::bind("[::1]:0").is_err() {
        // The machine has no IPv6.
        return;
    }
    let (_server, local) = serve(&["--bind", "::1", "--durability", "none"]);
    let connect = || Connection::open(local).expect("a connection");
    let (mut monitor, mut operator) = (connect(), connect());
    let stream = TcpStream::connect(local).expect("a connection");
    let peer = stream.local_addr().expect("its address").to_string();
    let mut holder = Connection::over(stream).expect("a connection");
    assert!(peer.starts_with("[::1]:"));
    let ends = format!(" addr={peer} laddr={local} ");
    let line = holder.text("CLIENT INFO");
    assert!(line.contains(&ends), "{line}");
    assert_eq!(operator.ask("CONFIG SET slowlog-log-slower-than 0"), "+OK");
    assert_eq!(monitor.ask("MONITOR"), "+OK");
    assert_eq!(holder.ask("SET lock mine NX PX 60000"), "+OK");
    let shown = monitor.next();
    assert!(shown.contains(&format!(" [0 {peer}] ")), "{shown}");
    let slow = operator.ask("SLOWLOG GET");
    assert!(slow.contains(&format!(r#"$"{peer}""#)), "{slow}");
    assert_eq!(operator.ask("SET lock other NX"), "$-1");
    let lock = operator.ask("LOCK INFO lock");
    let holder_addr = format!(r#"$"holder-addr" $"{peer}""#);
    assert!(lock.contains(&holder_addr), "{lock}");
    let bare = peer.replace(['[', ']'], "");
    assert_eq!(
        operator.ask(&format!("CLIENT KILL {bare}")),
        "-ERR No such client"
    );
    assert_eq!(operator.ask(&format!("CLIENT KILL ADDR {bare}")), ":0");
    assert_eq!(operator.ask(&format!("CLIENT KILL ADDR {peer}")), ":1");
    assert_eq!(holder.next(), "closed");
    let mut next = connect();
    let peer = address(&mut next);
    assert_eq!(operator.ask(&format!("CLIENT KILL {peer}")), "+OK");
    assert_eq!(next.next(), "closed");
    assert_eq!(operator.ask(&format!("CLIENT KILL LADDR {local}")), ":1");
}

#[test]
fn a_pause_ends_by_itself_and_frees_all_who_wait() {
    let server = start(&[("io-threads", "2")]);
    let mut operator = connect(&server);
    assert_eq!(operator.ask("CLIENT PAUSE 1000"), "+OK");
    let mut waiting: Vec<Connection> = (0..4).map(|_| connect(&server)).collect();
    for (number, client) in waiting.iter_mut().enumerate() {
        client.send(&["SET", &format!("k{number}"), "v"]);
        client.send(&["GET", &format!("k{number}")]);
    }
    operator.send(&["CLIENT", "UNPAUSE"]);
    assert!(waiting.iter_mut().all(is_silent));
    assert!(
        is_silent(&mut operator),
        "a pause of ALL holds UNPAUSE back"
    );
    server.advance(Duration::from_millis(1000));
    for client in &mut waiting {
        assert_eq!(client.next(), "+OK");
        assert_eq!(client.next(), r#"$"v""#);
    }
    assert_eq!(operator.next(), "+OK");
    assert_no_server_panicked();
}

#[test]
fn a_pause_ends_on_time_by_a_real_clock() {
    let server = start_on_real_time(&[]);
    let mut operator = connect(&server);
    assert_eq!(operator.ask("CLIENT PAUSE 50 WRITE"), "+OK");
    let mut client = connect(&server);
    assert_eq!(client.ask("SET k v"), "+OK");
}

#[test]
fn the_request_of_a_client_that_is_gone_is_not_run_after_the_pause() {
    let server = start(&[]);
    let mut operator = connect(&server);
    assert_eq!(operator.ask("CLIENT PAUSE 60000 WRITE"), "+OK");
    let mut impatient = connect(&server);
    impatient.send(&["SET", "lock", "token", "NX", "PX", "30000"]);
    let mut killed = connect(&server);
    let killed_id = id(&mut killed);
    killed.send(&["SET", "other", "token", "NX"]);
    assert!(is_silent(&mut killed));
    drop(impatient);
    eventually("the server has seen its end", || {
        clients(&mut operator) == 2
    });
    assert_eq!(operator.ask(&format!("CLIENT KILL ID {killed_id}")), ":1");
    assert_eq!(killed.next(), "closed");
    assert_eq!(operator.ask("CLIENT UNPAUSE"), "+OK");
    assert_eq!(operator.ask("EXISTS lock other"), ":0");
    assert_no_server_panicked();
}

#[test]
fn no_write_is_under_way_when_a_pause_is_answered() {
    let server = start_on_real_time(&[("io-threads", "2")]);
    let mut operator = connect(&server);
    let mut writers: Vec<Connection> = (0..3).map(|_| connect(&server)).collect();
    for round in 0..20 {
        for writer in &mut writers {
            for _ in 0..20 {
                writer.send(&["INCR", "count"]);
            }
        }
        assert_eq!(operator.ask("CLIENT PAUSE 60000 WRITE"), "+OK");
        let counted = operator.ask("GET count");
        assert_eq!(operator.ask("GET count"), counted, "round {round}");
        assert_eq!(operator.ask("CLIENT UNPAUSE"), "+OK");
        for writer in &mut writers {
            for _ in 0..20 {
                assert!(writer.next().starts_with(':'));
            }
        }
    }
    assert_eq!(operator.ask("GET count"), r#"$"1200""#);
}

#[test]
fn expired_events_come_when_the_pause_is_over() {
    let server = start(&[("notify-keyspace-events", "Ex")]);
    let mut listener = connect(&server);
    listener.ask("SUBSCRIBE __keyevent@0__:expired");
    let mut operator = connect(&server);
    assert_eq!(operator.ask("SET lock token PX 10"), "+OK");
    assert_eq!(operator.ask("CLIENT PAUSE 1000 WRITE"), "+OK");
    server.advance(Duration::from_millis(500));
    assert_eq!(operator.ask("GET lock"), "$-1");
    assert!(is_silent(&mut listener));
    server.advance(Duration::from_millis(500));
    assert_eq!(
        listener.next(),
        r#"*3 $"message" $"__keyevent@0__:expired" $"lock""#
    );
    assert_eq!(operator.info("lock_expired_while_held"), 1);
}

#[test]
fn a_dead_key_that_is_set_anew_during_a_pause_is_there_once() {
    let server = start(&[("enable-debug-command", "yes")]);
    let mut operator = connect(&server);
    assert_eq!(operator.ask("DEBUG SET-ACTIVE-EXPIRE 0"), "+OK");
    assert_eq!(operator.ask("SET lock old PX 10"), "+OK");
    server.advance(Duration::from_millis(10));
    assert_eq!(operator.ask("MULTI"), "+OK");
    assert_eq!(operator.ask("CLIENT PAUSE 1000 WRITE"), "+QUEUED");
    assert_eq!(operator.ask("SET lock new NX"), "+QUEUED");
    assert_eq!(operator.ask("EXEC"), "*2 +OK +OK");
    assert_eq!(operator.ask("DBSIZE"), ":1");
    assert_eq!(operator.ask("GET lock"), r#"$"new""#);
    assert_eq!(operator.info("lock_expired_while_held"), 1);
}

#[test]
fn wait_is_ended_by_unblock_with_a_number_or_an_error() {
    let server = start(&[]);
    let mut operator = connect(&server);
    let mut client = connect(&server);
    let id = id(&mut client);
    let unblock = |operator: &mut Connection, reason: &str| {
        eventually("it waits", || operator.info("blocked_clients") == 1);
        assert!(operator.text("CLIENT LIST").contains("flags=b"));
        assert_eq!(operator.ask(&format!("CLIENT UNBLOCK {id} {reason}")), ":1");
    };
    client.send(&["WAIT", "1", "0"]);
    client.send(&["PING"]);
    unblock(&mut operator, "TIMEOUT");
    assert_eq!(client.next(), ":0");
    assert_eq!(client.next(), "+PONG");
    client.send(&["WAIT", "1", "0"]);
    unblock(&mut operator, "ERROR");
    assert_eq!(
        client.next(),
        "-UNBLOCKED client unblocked via CLIENT UNBLOCK"
    );
    assert_eq!(operator.ask(&format!("CLIENT UNBLOCK {id}")), ":0");
    assert_eq!(operator.info("blocked_clients"), 0);
}

/// The line of MONITOR without its time and address.
fn shown(monitor: &mut Connection) -> String {
    let line = monitor.next();
    let (_, command) = line.split_once("] ").expect("a line of MONITOR");
    command.to_owned()
}

#[test]
fn a_monitor_sees_the_commands_of_all_threads_and_then_no_more() {
    let server = start(&[("io-threads", "3")]);
    let mut monitor = connect(&server);
    assert_eq!(monitor.ask("MONITOR"), "+OK");
    let mut clients: Vec<Connection> = (0..6).map(|_| connect(&server)).collect();
    for (number, client) in clients.iter_mut().enumerate() {
        assert_eq!(client.ask(&format!("SET k{number} v")), "+OK");
        assert_eq!(
            shown(&mut monitor),
            format!(r#"\"SET\" \"k{number}\" \"v\"""#)
        );
    }
    assert_eq!(monitor.ask("RESET"), "+RESET");
    assert_eq!(clients[0].ask("PING"), "+PONG");
    assert!(is_silent(&mut monitor));
}

fn lock_counts(server: &Server) -> Vec<u64> {
    let mut client = connect(server);
    [
        "lock_grants",
        "lock_refusals",
        "lock_releases",
        "lock_releases_by_wrong_token",
        "lock_releases_too_late",
        "lock_extensions",
        "lock_expired_while_held",
        "lock_scripts_native",
        "lock_scripts_lua",
    ]
    .iter()
    .map(|name| client.info(name))
    .collect()
}

#[test]
fn the_life_of_locks_is_counted() {
    const RELEASE: &str = "if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('del', KEYS[1]) else return 0 end";
    let server = start(&[]);
    let mut client = connect(&server);
    for request in [
        "SET a mine NX PX 1000",
        "SET a theirs NX PX 1000",
        "SETNX b mine",
        "SETNX b theirs",
        "SETNX b theirs",
        "PEXPIRE a 2000",
        "SET a mine XX PX 2000",
        "SET a mine XX",
        "PEXPIRE nosuch 2000",
        "DELEX b IFEQ theirs",
        "DELEX b IFEQ mine",
        "DELEX b IFEQ mine",
        "SET c mine NX PX 10",
    ] {
        client.ask(request);
    }
    server.advance(Duration::from_millis(10));
    let mut release = |token: &str| client.call(&["EVAL", RELEASE, "1", "a", token]).to_string();
    assert_eq!(release("theirs"), ":0");
    assert_eq!(release("mine"), ":1");
    assert_eq!(release("mine"), ":0");
    client.call(&["EVAL", "while false do end return 1", "0"]);
    assert_eq!(lock_counts(&server), [3, 3, 2, 2, 2, 3, 1, 3, 1]);

    // While somebody watches, the same counts come another way.
    let mut monitor = connect(&server);
    assert_eq!(monitor.ask("MONITOR"), "+OK");
    client.ask("SET a mine NX");
    let mut release = |token: &str| client.call(&["EVAL", RELEASE, "1", "a", token]).to_string();
    assert_eq!(release("theirs"), ":0");
    assert_eq!(release("mine"), ":1");
    assert_eq!(release("mine"), ":0");
    assert_eq!(lock_counts(&server), [4, 3, 3, 3, 3, 3, 1, 6, 1]);
    assert_eq!(client.ask("CONFIG RESETSTAT"), "+OK");
    assert_eq!(lock_counts(&server), [0; 9]);
}

#[test]
fn each_of_several_locks_that_are_taken_at_once_counts() {
    let server = start(&[]);
    let (mut holder, mut other) = (connect(&server), connect(&server));
    assert_eq!(holder.ask("MSETEX 3 a mine b mine a mine NX PX 100"), ":1");
    assert_eq!(lock_counts(&server)[..2], [2, 0]);
    assert_eq!(other.ask("MSETEX 3 c it b it a it NX PX 100"), ":0");
    assert_eq!(lock_counts(&server)[..2], [2, 2]);
    assert_eq!(other.ask("MSETNX c it d it"), ":1");
    assert_eq!(other.ask("MSETNX d it e it"), ":0");
    assert_eq!(lock_counts(&server)[..2], [4, 3]);
    // One that is given in any case is none.
    assert_eq!(other.ask("MSETEX 1 e it"), ":1");
    assert_eq!(lock_counts(&server)[..2], [4, 3]);
    assert_eq!(holder.ask("MSETEX 2 a mine b mine XX PX 200"), ":1");
    assert_eq!(holder.ask("MSETEX 2 a mine nosuch mine XX"), ":0");
    assert_eq!(lock_counts(&server)[5], 2);
    // LOCK knows who made each, and who was refused.
    let id = holder.ask("CLIENT ID");
    let info = holder.ask("LOCK INFO b");
    assert!(info.contains(&format!("$\"holder-id\" {id} ")), "{info}");
    assert!(info.contains("$\"refusals\" :1 "), "{info}");
}

#[test]
fn the_lateness_of_expiry_is_told() {
    let server = start(&[]);
    let mut client = connect(&server);
    assert_eq!(client.ask("SET k v PX 10"), "+OK");
    server.advance(Duration::from_millis(13));
    assert_eq!(client.info("lock_expiry_lateness_usec_max"), 3000);
    assert_eq!(client.info("lock_expiry_lateness_usec_p50"), 3000);
}
