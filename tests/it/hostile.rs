//! Bytes and habits that no well-behaved client has. Whatever they are, the server says what is
//! wrong or ends the connection, no thread panics, others are served, and nothing is left of the
//! connection.

use quintlock::Server;

use crate::support::alone::{alone, resident_bytes};
use crate::support::client::{Connection, REPLY_WAIT, Received};
use crate::support::service::{assert_no_server_panicked, connect, eventually, start};

const MIB: usize = 1 << 20;

/// Checks that another client is served and that every other connection is gone.
fn assert_unharmed(server: &Server) {
    let mut other = connect(server);
    assert_eq!(other.ask("SET still here"), "+OK");
    assert_eq!(other.ask("GET still"), r#"$"here""#);
    assert_alone(&mut other);
    assert_no_server_panicked();
}

fn assert_alone(client: &mut Connection) {
    eventually("CLIENT LIST names nobody else", || {
        client.text("CLIENT LIST").lines().count() == 1
    });
}

/// Reads replies until the server closes; tells how many there were.
fn drain(client: &mut Connection) -> usize {
    let mut replies = 0;
    loop {
        match client.receive(REPLY_WAIT) {
            Ok(Received::Frame(_)) => replies += 1,
            Ok(Received::Eof) => return replies,
            other => panic!("after {replies} replies: {other:?}"),
        }
    }
}

#[test]
fn a_request_cut_at_any_byte_is_not_run() {
    let server = start(&[]);
    let request = b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$5\r\nvalue\r\n";
    for length in 0..request.len() {
        let mut client = connect(&server);
        client.send_raw(&request[..length]);
        client.cut();
        assert_eq!(client.next(), "closed", "after {length} bytes");
    }
    assert_eq!(connect(&server).ask("GET k"), "$-1");
    assert_unharmed(&server);
}

#[test]
fn bytes_that_are_no_request_are_answered_with_what_is_wrong_and_the_end() {
    let server = start(&[]);
    // One byte more than a line may have without its end: the server reads all of it, so that its
    // answer is not lost to a reset.
    let endless = |head: &str| [head.as_bytes(), &vec![b'1'; 65_537 - head.len()]].concat();
    let long_bulk_header = [&b"*1\r\n"[..], &endless("$")].concat();
    for (bytes, wrong) in [
        (&b"*2147483648\r\n"[..], "invalid multibulk length"),
        (b"*abc\r\n", "invalid multibulk length"),
        (b"*1x\r\n", "invalid multibulk length"),
        (b"*99999999999999999999\r\n", "invalid multibulk length"),
        (b"*1\r\n$-1\r\n", "invalid bulk length"),
        (b"*1\r\n$-2147483648\r\n", "invalid bulk length"),
        (b"*1\r\n$536870913\r\n", "invalid bulk length"),
        (b"*1\r\n$9223372036854775807\r\n", "invalid bulk length"),
        (b"*1\r\n$abc\r\n", "invalid bulk length"),
        (b"*1\r\n:5\r\n", "expected '$', got ':'"),
        (b"*2\r\n$4\r\nPING\r\n*1\r\n", "expected '$', got '*'"),
        (b"SET k 'open\r\n", "unbalanced quotes in request"),
        (b"SET k \"x\"y\r\n", "unbalanced quotes in request"),
        (&endless("P"), "too big inline request"),
        (&endless("*"), "too big mbulk count string"),
        (&long_bulk_header, "too big bulk count string"),
    ] {
        let mut client = connect(&server);
        client.send_raw(bytes);
        let expected = format!("-ERR Protocol error: {wrong}");
        let shown = client.next().replace(['"', '\\'], "");
        assert_eq!(shown, expected);
        assert_eq!(client.next(), "closed", "after {wrong}");
    }
    assert_unharmed(&server);
}

#[test]
fn requests_without_arguments_are_passed_over() {
    let server = start(&[]);
    let mut client = connect(&server);
    client.send_raw(b"*0\r\n*-1\r\n*-2147483648\r\n\r\n   \r\nPING\r\n");
    assert_eq!(client.next(), "+PONG");
    drop(client);
    assert_unharmed(&server);
}

#[test]
fn frames_nested_forty_kilobytes_deep_end_the_connection_and_nothing_else() {
    let server = start(&[]);
    for level in [&b"*1\r\n"[..], b"*2\r\n", b"%1\r\n", b">1\r\n", b"~1\r\n"] {
        let mut client = connect(&server);
        client.send_raw(&level.repeat(10_000));
        client.cut();
        drain(&mut client);
    }
    assert_unharmed(&server);
}

#[test]
#[cfg(target_os = "linux")]
fn a_claim_of_two_billion_arguments_costs_nothing() {
    alone(
        "hostile::a_claim_of_two_billion_arguments_costs_nothing",
        || {
            let server = start(&[]);
            let before = resident_bytes();
            let claimants: Vec<Connection> = (0..200)
                .map(|_| {
                    let mut client = connect(&server);
                    client.send_raw(b"*2147483647\r\n$536870912\r\n");
                    client
                })
                .collect();
            let mut other = connect(&server);
            assert_eq!(other.ask("PING"), "+PONG");
            let grown = resident_bytes().saturating_sub(before);
            assert!(grown < 16 * MIB, "{grown} bytes for 200 claims");
            drop((claimants, other));
            assert_unharmed(&server);
        },
    );
}

#[test]
fn ten_thousand_requests_and_half_a_one_are_run_without_the_half() {
    let server = start(&[("io-threads", "2")]);
    let mut client = connect(&server);
    let mut pipeline = b"*2\r\n$4\r\nINCR\r\n$1\r\nn\r\n".repeat(10_000);
    pipeline.extend_from_slice(b"*2\r\n$4\r\nINCR\r\n$1\r");
    client.send_raw(&pipeline);
    client.cut();
    assert_eq!(drain(&mut client), 10_000);
    assert_eq!(connect(&server).ask("GET n"), r#"$"10000""#);

    let mut rude = connect(&server);
    rude.send_raw(&pipeline);
    drop(rude);
    let mut other = connect(&server);
    assert_alone(&mut other);
    let after: u32 = other.text("GET n").parse().unwrap();
    assert!((10_000..=20_000).contains(&after), "{after}");
    drop(other);
    assert_unharmed(&server);
}

#[test]
fn replies_to_a_client_that_has_gone_reach_nobody_else() {
    let server = start(&[]);
    let mut witness = connect(&server);
    let pipeline = b"*2\r\n$4\r\nINCR\r\n$1\r\nn\r\n".repeat(10_000);
    for _ in 0..20 {
        let mut rude = connect(&server);
        rude.send_raw(&pipeline);
        drop(rude);
        assert_eq!(witness.ask("PING"), "+PONG");
        assert_eq!(connect(&server).ask("PING"), "+PONG");
    }
    drop(witness);
    assert_unharmed(&server);
}

#[test]
fn keys_and_values_hold_every_byte() {
    let server = start(&[]);
    let mut client = connect(&server);
    let every: Vec<u8> = (0..=255).collect();
    for byte in 0..=255_u8 {
        assert_eq!(
            client.call(&[b"SET", &[byte][..], &every]).to_string(),
            "+OK"
        );
    }
    assert_eq!(client.ask("DBSIZE"), ":256");
    assert_eq!(
        client.call(&[b"SET", &every[..], b"\0\r\n"]).to_string(),
        "+OK"
    );
    assert_eq!(
        client.call(&[b"GET", &every[..]]).encode(),
        b"$3\r\n\0\r\n\r\n"
    );
    for byte in 0..=255_u8 {
        let value = client.call(&[b"GET", &[byte][..]]).encode();
        assert_eq!(value[6..value.len() - 2], every);
        assert_eq!(client.call(&[b"DEL", &[byte][..]]).to_string(), ":1");
    }
    assert_eq!(client.ask("DBSIZE"), ":1");
}

#[test]
#[cfg(target_os = "linux")]
fn ten_megabytes_come_back_and_their_memory_too() {
    alone(
        "hostile::ten_megabytes_come_back_and_their_memory_too",
        || {
            let server = start(&[]);
            let before = resident_bytes();
            let value: Vec<u8> = (0..10 * MIB).map(|i| (i % 251) as u8).collect();
            let mut client = connect(&server);
            for key in ["a", "b", "c"] {
                let request = [b"SET", key.as_bytes(), &value];
                assert_eq!(client.call(&request).to_string(), "+OK");
                let reply = client.call(&["GET", key]).encode();
                assert_eq!(&reply[11..reply.len() - 2], &value[..]);
            }
            // Half of another one, left hanging.
            let mut hanging = connect(&server);
            hanging.send_raw(b"*3\r\n$3\r\nSET\r\n$1\r\nd\r\n$10485760\r\n");
            hanging.send_raw(&value[..6 * MIB]);
            assert_eq!(client.ask("DEL a b c"), ":3");
            drop((hanging, value, client));
            assert_unharmed(&server);
            eventually("the memory is given back", || {
                resident_bytes().saturating_sub(before) < 8 * MIB
            });
        },
    );
}

#[test]
fn a_web_browser_reaches_no_command() {
    let server = start(&[]);
    for request in [
        "POST / HTTP/1.1\r\nHost: localhost\r\n\r\nSET evil 1\r\n",
        "GET / HTTP/1.1\r\nHost: localhost\r\n\r\nSET evil 1\r\n",
        "OPTIONS * HTTP/1.1\r\nhost: localhost\r\n\r\nSET evil 1\r\n",
    ] {
        let mut client = connect(&server);
        client.send_raw(request.as_bytes());
        drain(&mut client);
    }
    assert_eq!(connect(&server).ask("EXISTS evil"), ":0");
    assert_unharmed(&server);
}

#[test]
fn random_bytes_on_many_connections_harm_nobody() {
    let server = start(&[("io-threads", "2")]);
    let mut random = Random(0x5eed_1234_abcd_0001);
    let sample =
        b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$5\r\nvalue\r\n*1\r\n$4\r\nPING\r\n*3\r\n$4\r\nEVAL\r\n\
                   $8\r\nreturn 1\r\n$1\r\n0\r\n*2\r\n$9\r\nSUBSCRIBE\r\n$1\r\nc\r\nPING\r\n";
    for round in 0..200 {
        let mut bytes = if round % 2 == 0 {
            (0..random.below(4096)).map(|_| random.byte()).collect()
        } else {
            sample.repeat(3)
        };
        // Of a well-formed pipeline a few bytes are replaced, removed or doubled.
        for _ in 0..random.below(8) {
            let Some(at) = bytes
                .len()
                .checked_sub(1)
                .map(|last| random.below(last + 1))
            else {
                break;
            };
            match random.below(3) {
                0 => bytes[at] = random.byte(),
                1 => drop(bytes.remove(at)),
                _ => bytes.insert(at, bytes[at]),
            }
        }
        let mut client = connect(&server);
        client.send_raw(&bytes);
        client.cut();
        while !matches!(client.receive(REPLY_WAIT), Ok(Received::Eof) | Err(_)) {}
    }
    assert_unharmed(&server);
}

/// A small generator, so that a failure can be seen again.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, limit: usize) -> usize {
        (self.next() >> 11) as usize % limit
    }

    fn byte(&mut self) -> u8 {
        (self.next() >> 32) as u8
    }
}
