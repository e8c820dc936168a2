//! Every limit that a user can set, and what happens to a client that reaches it.

use std::os::fd::{BorrowedFd, RawFd};
use std::time::Duration;

use quintlock::Server;
use socket2::SockRef;

use crate::support::alone::{alone, resident_bytes};
use crate::support::client::{Connection, Received};
use crate::support::program::serve;
use crate::support::service::{assert_no_server_panicked, connect, eventually, start};

const MIB: usize = 1 << 20;

/// Long enough for a wrong reply to come.
const SILENCE: Duration = Duration::from_millis(20);

fn clients(witness: &mut Connection) -> usize {
    witness.text("CLIENT LIST").lines().count()
}

/// Sends `GET big` again and again, reading nothing, until the server closes the connection.
fn never_read(server: &Server, witness: &mut Connection) {
    let mut deaf = connect(server);
    let connected = clients(witness);
    for _ in 0..200 {
        deaf.send(&["GET", "big"]);
    }
    eventually("the client that does not read is disconnected", || {
        clients(witness) < connected
    });
}

#[test]
fn a_client_that_never_reads_is_disconnected_at_the_hard_limit() {
    let server = start(&[("client-output-buffer-limit", "normal 4mb 0 0")]);
    let mut witness = connect(&server);
    let big = vec![b'x'; MIB];
    witness.call(&[b"SET", &b"big"[..], &big]);
    never_read(&server, &mut witness);
    assert_no_server_panicked();
}

#[test]
fn a_client_that_never_reads_is_disconnected_after_its_time_over_the_soft_limit() {
    let server = start(&[("client-output-buffer-limit", "normal 0 1mb 0")]);
    let mut witness = connect(&server);
    let big = vec![b'x'; MIB];
    witness.call(&[b"SET", &b"big"[..], &big]);
    never_read(&server, &mut witness);
    assert_eq!(
        witness.ask("CONFIG SET client-output-buffer-limit 'normal 0 1mb 3600'"),
        "+OK"
    );
    // Within the hour nobody is disconnected, and all replies come.
    let mut slow = connect(&server);
    for _ in 0..40 {
        slow.send(&["GET", "big"]);
    }
    assert_eq!(witness.ask("PING"), "+PONG");
    for _ in 0..40 {
        assert_eq!(slow.next().len(), MIB + 3);
    }
}

#[test]
fn a_subscriber_that_never_reads_is_disconnected_at_either_limit() {
    let server = start(&[]);
    let mut publisher = connect(&server);
    let message = vec![b'x'; 64 * 1024];
    for limits in ["pubsub 1mb 0 0", "pubsub 0 64kb 0"] {
        let request = ["CONFIG", "SET", "client-output-buffer-limit", limits];
        assert_eq!(publisher.call(&request).to_string(), "+OK");
        let mut deaf = connect(&server);
        deaf.ask("SUBSCRIBE news");
        let mut sent = 0;
        while publisher
            .call(&[b"PUBLISH", &b"news"[..], &message])
            .to_string()
            == ":1"
        {
            sent += 1;
            assert!(sent < 1_000, "{limits} does not hold");
        }
        eventually("the subscriber is gone", || clients(&mut publisher) == 1);
    }
}

#[test]
#[cfg(target_os = "linux")]
fn the_memory_of_unread_replies_is_given_back() {
    alone("limits::the_memory_of_unread_replies_is_given_back", || {
        let server = start(&[("client-output-buffer-limit", "normal 64mb 0 0")]);
        let mut witness = connect(&server);
        let big = vec![b'x'; MIB];
        witness.call(&[b"SET", &b"big"[..], &big]);
        let before = resident_bytes();
        for _ in 0..3 {
            never_read(&server, &mut witness);
        }
        eventually("the memory is given back", || {
            resident_bytes().saturating_sub(before) < 16 * MIB
        });
    });
}

#[test]
fn a_request_larger_than_the_query_buffer_ends_its_connection() {
    let server = start(&[]);
    let mut witness = connect(&server);
    assert_eq!(
        witness.ask("CONFIG SET client-query-buffer-limit 1mb"),
        "+OK"
    );
    let fitting = vec![b'x'; MIB - 1024];
    assert_eq!(
        witness
            .call(&[b"SET", &b"fits"[..], &fitting[..]])
            .to_string(),
        "+OK"
    );
    let mut greedy = connect(&server);
    greedy.send_raw(b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$4194304\r\n");
    greedy.send_raw(&vec![b'x'; 3 * MIB]);
    assert_eq!(greedy.next(), "closed");
    assert_eq!(witness.ask("EXISTS k"), ":0");
    eventually("its connection is gone", || clients(&mut witness) == 1);
}

#[test]
fn an_argument_is_as_long_as_proto_max_bulk_len_and_no_longer() {
    let server = start(&[]);
    let mut client = connect(&server);
    assert_eq!(client.ask("CONFIG SET proto-max-bulk-len 1mb"), "+OK");
    let fitting = vec![b'x'; MIB];
    assert_eq!(
        client.call(&[b"SET", &b"k"[..], &fitting]).to_string(),
        "+OK"
    );
    client.send_raw(b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$1048577\r\n");
    assert_eq!(client.next(), "-ERR Protocol error: invalid bulk length");
    assert_eq!(client.next(), "closed");
}

#[test]
fn a_request_has_as_many_arguments_as_proto_max_multibulk_len_and_no_more() {
    let server = start(&[]);
    let mut client = connect(&server);
    assert_eq!(client.ask("CONFIG SET proto-max-multibulk-len 4"), "+OK");
    assert_eq!(client.ask("SET k v NX"), "+OK");
    client.send_raw(b"*5\r\n");
    assert_eq!(
        client.next(),
        "-ERR Protocol error: invalid multibulk length"
    );
    assert_eq!(client.next(), "closed");
}

#[test]
fn a_line_without_an_end_is_as_long_as_proto_inline_max_size_and_no_longer() {
    let server = start(&[]);
    let mut client = connect(&server);
    assert_eq!(client.ask("CONFIG SET proto-inline-max-size 1kb"), "+OK");
    client.send_raw(&[b'x'; 1024]);
    client.send_raw(b"\r\n");
    assert!(client.next().starts_with("-"));
    assert_eq!(client.ask("PING"), "+PONG");
    client.send_raw(&[b'x'; 1025]);
    assert_eq!(client.next(), "-ERR Protocol error: too big inline request");
    assert_eq!(client.next(), "closed");
}

#[test]
fn one_connection_more_than_maxclients_is_told_so_and_closed() {
    let server = start(&[("maxclients", "2")]);
    let mut first = connect(&server);
    assert_eq!(first.ask("PING"), "+PONG");
    let mut second = connect(&server);
    assert_eq!(second.ask("PING"), "+PONG");
    let mut third = connect(&server);
    assert_eq!(third.next(), "-ERR max number of clients reached");
    assert_eq!(third.next(), "closed");
    assert_eq!(first.info("rejected_connections"), 1);
    drop(second);
    eventually("its place is free", || clients(&mut first) == 1);
    assert_eq!(connect(&server).ask("PING"), "+PONG");
    assert_eq!(first.ask("CONFIG SET maxclients 1"), "+OK");
    eventually("the other one is gone", || clients(&mut first) == 1);
    assert_eq!(
        connect(&server).next(),
        "-ERR max number of clients reached"
    );
}

#[test]
fn select_chooses_from_as_many_databases_as_there_are() {
    let server = start(&[("databases", "3")]);
    let mut client = connect(&server);
    assert_eq!(client.ask("SELECT 2"), "+OK");
    for index in ["3", "-1", "16", "2147483647"] {
        assert_eq!(
            client.ask(&format!("SELECT {index}")),
            "-ERR DB index is out of range"
        );
    }
    assert_eq!(
        client.ask("SELECT 2147483648"),
        "-ERR value is out of range, value must between -2147483648 and 2147483647"
    );
    assert_eq!(client.ask("SET k v"), "+OK");
    assert_eq!(connect(&server).ask("EXISTS k"), ":0");
}

const WRONG: &str = "-WRONGPASS invalid username-password pair or user is disabled.";

#[test]
fn who_guesses_passwords_waits_for_the_answers_and_nobody_else_does() {
    let server = start(&[("requirepass", "hush"), ("auth-failures-per-second", "10")]);
    let (mut guesser, mut other, mut honest) =
        (connect(&server), connect(&server), connect(&server));
    for guess in 0..9 {
        assert_eq!(guesser.ask(&format!("AUTH {guess}")), WRONG);
    }
    assert_eq!(other.ask("HELLO 3 AUTH default guess"), WRONG);
    // A second's worth was answered at once. From here on each waits for its turn.
    guesser.send_raw(b"AUTH 10\r\nAUTH hush\r\nPING\r\n");
    eventually("the guess was counted", || guesses(&mut honest) == 11);
    other.send_raw(b"HELLO 2 AUTH default guess\r\n");
    eventually("the other one was counted", || guesses(&mut honest) == 12);
    assert_eq!(honest.info("blocked_clients"), 2);
    server.advance(Duration::from_millis(99));
    assert_eq!(guesser.receive(SILENCE), Ok(Received::Silence));
    server.advance(Duration::from_millis(1));
    assert_eq!(
        [guesser.next(), guesser.next(), guesser.next()],
        [WRONG, "+OK", "+PONG"]
    );
    assert_eq!(other.receive(SILENCE), Ok(Received::Silence));
    server.advance(Duration::from_millis(100));
    assert_eq!(other.next(), WRONG);
    assert_eq!(honest.info("acl_access_denied_auth"), 12);
    assert!(
        honest
            .text("INFO errorstats")
            .contains("errorstat_WRONGPASS:count=12")
    );
    let calls = honest.text("INFO commandstats");
    for (command, failed) in [("auth", 10), ("hello", 2)] {
        let mut lines = calls.lines();
        let line = lines.find(|line| line.starts_with(&format!("cmdstat_{command}:")));
        let ending = format!("failed_calls={failed}");
        assert!(line.is_some_and(|line| line.ends_with(&ending)), "{calls}");
    }
    assert_eq!(honest.ask("CONFIG SET auth-failures-per-second 0"), "+OK");
    for guess in 0..100 {
        assert_eq!(guesser.ask(&format!("AUTH {guess}")), WRONG);
    }
}

/// How many wrong passwords the server has seen, asked with the right one.
fn guesses(honest: &mut Connection) -> u64 {
    assert_eq!(honest.ask("AUTH hush"), "+OK");
    honest.info("acl_access_denied_auth")
}

#[test]
fn the_log_tells_of_wrong_passwords_but_not_of_each() {
    let (server, address) = serve(&["--requirepass", "hush", "--durability", "none"]);
    let mut guesser = Connection::open(address).expect("a connection");
    for guess in 0..50 {
        assert_eq!(guesser.ask(&format!("AUTH {guess}")), WRONG);
    }
    assert_eq!(guesser.ask("AUTH hush"), "+OK");
    guesser.send(&["SHUTDOWN", "NOSAVE"]);
    assert_eq!(guesser.next(), "closed");
    let lines: Vec<String> = std::iter::from_fn(|| server.lines.recv().ok()).collect();
    let told: Vec<_> = lines
        .iter()
        .filter(|line| line.contains("wrong password"))
        .collect();
    let expected = "wrong passwords: 1 since the last such line, the latest from client ";
    assert!(
        matches!(&told[..], [line] if line.contains(expected)),
        "{lines:#?}"
    );
    assert!(
        !lines.iter().any(|line| line.contains("hush")),
        "{lines:#?}"
    );
}

#[test]
fn a_client_without_the_password_may_send_little() {
    let server = start(&[("requirepass", "hush")]);
    for (bytes, wrong) in [
        (&b"*11\r\n"[..], "unauthenticated multibulk length"),
        (b"*1\r\n$16385\r\n", "unauthenticated bulk length"),
    ] {
        let mut stranger = connect(&server);
        assert_eq!(stranger.ask("GET k"), "-NOAUTH Authentication required.");
        stranger.send_raw(bytes);
        assert_eq!(stranger.next(), format!("-ERR Protocol error: {wrong}"));
        assert_eq!(stranger.next(), "closed");
    }
    let mut friend = connect(&server);
    assert_eq!(friend.ask("AUTH hush"), "+OK");
    let long = vec![b'x'; 20_000];
    assert_eq!(friend.call(&[b"SET", &b"k"[..], &long]).to_string(), "+OK");
}

#[test]
fn signing_in_and_out_holds_for_the_requests_that_came_with_it() {
    let server = start(&[("requirepass", "hush")]);
    let mut client = connect(&server);
    let many = "MSET a 1 b 2 c 3 d 4 e 5 f 6\r\n";
    client.send_raw(format!("AUTH hush\r\n{many}SET k v\r\nRESET\r\nGET k\r\n").as_bytes());
    for reply in ["+OK", "+OK", "+OK", "+RESET"] {
        assert_eq!(client.next(), reply);
    }
    assert_eq!(client.next(), "-NOAUTH Authentication required.");
    client.send_raw(b"AUTH hush\r\nRESET\r\n*11\r\n");
    assert_eq!(client.next(), "+OK");
    assert_eq!(client.next(), "+RESET");
    let wrong = "-ERR Protocol error: unauthenticated multibulk length";
    assert_eq!(client.next(), wrong);
    assert_eq!(client.next(), "closed");
}

#[test]
fn tcp_keepalive_is_set_on_the_socket_of_a_new_connection() {
    let server = start(&[]);
    let mut client = connect(&server);
    assert_eq!(keepalive_s(&mut client), Some(300));
    assert_eq!(client.ask("CONFIG SET tcp-keepalive 77"), "+OK");
    assert_eq!(keepalive_s(&mut connect(&server)), Some(77));
    assert_eq!(client.ask("CONFIG SET tcp-keepalive 0"), "+OK");
    assert_eq!(keepalive_s(&mut connect(&server)), None);
}

/// What the server's end of this connection is set to: it is a socket of this process.
fn keepalive_s(client: &mut Connection) -> Option<u64> {
    let line = client.text("CLIENT INFO");
    let mut words = line.split(' ');
    let descriptor: RawFd = words
        .find_map(|word| word.strip_prefix("fd="))
        .and_then(|number| number.parse().ok())
        .expect("CLIENT INFO names the descriptor");
    #[expect(
        unsafe_code,
        reason = "the server's socket is known by its number alone"
    )]
    // SAFETY: the connection lives while its client waits here, so the descriptor is open.
    let socket = unsafe { BorrowedFd::borrow_raw(descriptor) };
    let socket = SockRef::from(&socket);
    let is_on = socket.keepalive().expect("a socket has the option");
    is_on.then(|| {
        let time = socket.tcp_keepalive_time();
        time.expect("a TCP socket has the option").as_secs()
    })
}
