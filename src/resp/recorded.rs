//! What Redis 7.0.15 answers to raw bytes, recorded, and the parser and encoder beside it.
//!
//! A row is what a client sends on a new connection, what it reads, and whether the server then
//! waits or hangs up. The only commands are PING and ECHO. With `REAL_REDIS` in the
//! environment the rows are also sent to that server, which checks the record itself.

use std::io::{Read, Write};
use std::net::Shutdown;

use super::Protocol;
use super::encode::encode;
use super::hostile::hear;
use super::reply::Reply;
use super::request::{Limits, Parser};
use crate::real_redis::RealRedis;

/// What the server does after its answer.
#[derive(Clone, Copy, Debug, PartialEq)]
enum End {
    Open,
    Closed,
}
use End::{Closed, Open};

/// What a client of a server with two commands reads, and how it ends.
fn answer<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> (Vec<u8>, End) {
    let heard = hear(&mut Parser::default(), pieces, &Limits::default());
    let mut out = Vec::new();
    for request in &heard.requests {
        let words: Vec<&[u8]> = request.iter().map(Vec::as_slice).collect();
        encode(&run(&words), Protocol::Resp2, &mut out);
    }
    match heard.end {
        Ok(_) => (out, Open),
        Err(error) => {
            encode(&error.into_reply(), Protocol::Resp2, &mut out);
            (out, Closed)
        }
    }
}

fn run(words: &[&[u8]]) -> Reply {
    let name = words.first().copied().unwrap_or_default();
    match (name.to_ascii_lowercase().as_slice(), words) {
        (b"ping", [_]) => Reply::status("PONG"),
        (b"echo", [_, text]) => Reply::bulk(text),
        (b"echo", _) => Reply::Error(b"ERR wrong number of arguments for 'echo' command".into()),
        _ => {
            let mut line = b"ERR unknown command '".to_vec();
            line.extend_from_slice(name);
            line.extend_from_slice(b"', with args beginning with: ");
            for argument in words.iter().skip(1) {
                line.extend_from_slice(&[b"'", *argument, b"' "].concat());
            }
            Reply::Error(line.into())
        }
    }
}

fn shown(answer: &(Vec<u8>, End)) -> String {
    format!("{} {:?}", answer.0.escape_ascii(), answer.1)
}

#[test]
fn every_row_is_answered_as_redis_does() {
    for (bytes, reply, end) in ROWS {
        let expected = shown(&(reply.to_vec(), *end));
        assert_eq!(
            shown(&answer([*bytes])),
            expected,
            "for {}",
            bytes.escape_ascii()
        );
    }
}

#[test]
fn every_row_is_answered_the_same_when_cut_anywhere() {
    for (bytes, reply, end) in ROWS {
        let expected = shown(&(reply.to_vec(), *end));
        for position in 0..bytes.len() {
            let (head, tail) = bytes.split_at(position);
            assert_eq!(
                shown(&answer([head, tail])),
                expected,
                "for {} | {}",
                head.escape_ascii(),
                tail.escape_ascii()
            );
        }
        assert_eq!(
            shown(&answer(bytes.chunks(1))),
            expected,
            "for single bytes of {}",
            bytes.escape_ascii()
        );
    }
}

#[test]
fn the_real_server_still_answers_as_recorded() {
    let Some(redis) = RealRedis::from_environment() else {
        return;
    };
    for (bytes, reply, _) in ROWS {
        let mut stream = redis.connect();
        stream.write_all(bytes).unwrap();
        // The end of what the client says lets the server hang up, so nothing has to be timed.
        stream.shutdown(Shutdown::Write).unwrap();
        let mut read = Vec::new();
        stream.read_to_end(&mut read).unwrap();
        assert_eq!(
            read.escape_ascii().to_string(),
            reply.escape_ascii().to_string(),
            "for {}",
            bytes.escape_ascii()
        );
    }
}

const ROWS: &[(&[u8], &[u8], End)] = &[
    // Counts of arguments.
    (b"*2\r\n$4\r\nECHO\r\n$2\r\nok\r\n", b"$2\r\nok\r\n", Open),
    (b"*2\r\n$4\r\nECHO\r\n$2\r\nok\r\n*2\r\n$4\r\nECHO\r\n$2\r\nok\r\n*1\r\n$4\r\nPING\r\n", b"$2\r\nok\r\n$2\r\nok\r\n+PONG\r\n", Open),
    (b"*01\r\n$4\r\nECHO\r\n$2\r\nok\r\n", b"-ERR Protocol error: invalid multibulk length\r\n", Closed),
    (b"*+2\r\n$4\r\nECHO\r\n$2\r\nok\r\n", b"-ERR Protocol error: invalid multibulk length\r\n", Closed),
    (b"*-0\r\nPING\r\n", b"-ERR Protocol error: invalid multibulk length\r\n", Closed),
    (b"*00\r\nPING\r\n", b"-ERR Protocol error: invalid multibulk length\r\n", Closed),
    (b"*\r\nPING\r\n", b"-ERR Protocol error: invalid multibulk length\r\n", Closed),
    (b"* 2\r\n$4\r\nECHO\r\n$2\r\nok\r\n", b"-ERR Protocol error: invalid multibulk length\r\n", Closed),
    (b"*2 \r\n$4\r\nECHO\r\n$2\r\nok\r\n", b"-ERR Protocol error: invalid multibulk length\r\n", Closed),
    (b"*0\r\nPING\r\n", b"+PONG\r\n", Open),
    (b"*-1\r\nPING\r\n", b"+PONG\r\n", Open),
    (b"*-5\r\nPING\r\n", b"+PONG\r\n", Open),
    (b"*-9223372036854775808\r\nPING\r\n", b"+PONG\r\n", Open),
    (b"*-9223372036854775809\r\n", b"-ERR Protocol error: invalid multibulk length\r\n", Closed),
    (b"*2147483647\r\n", b"", Open),
    (b"*2147483648\r\n", b"-ERR Protocol error: invalid multibulk length\r\n", Closed),
    (b"*9223372036854775808\r\n", b"-ERR Protocol error: invalid multibulk length\r\n", Closed),
    (b"*-\r\n", b"-ERR Protocol error: invalid multibulk length\r\n", Closed),
    (b"*--1\r\n", b"-ERR Protocol error: invalid multibulk length\r\n", Closed),
    (b"*1a\r\n", b"-ERR Protocol error: invalid multibulk length\r\n", Closed),
    (b"*1000a\r\n", b"-ERR Protocol error: invalid multibulk length\r\n", Closed),
    (b"*-1X PING\r\n", b"-ERR Protocol error: invalid multibulk length\r\n", Closed),
    (b"*1\nPING\r\n", b"-ERR Protocol error: invalid multibulk length\r\n", Closed),
    (b"*a\r", b"", Open),
    (b"*a\rX", b"-ERR Protocol error: invalid multibulk length\r\n", Closed),
    (b"*a\0\r\n", b"", Open),
    (b"*\x001\r\n$4\r\nPING\r\n", b"", Open),
    (b"*1\xff\r\n", b"-ERR Protocol error: invalid multibulk length\r\n", Closed),
    (b"*0001\r\n", b"-ERR Protocol error: invalid multibulk length\r\n", Closed),
    (b"*012\r\n", b"-ERR Protocol error: invalid multibulk length\r\n", Closed),
    (b"*1048577\r\n", b"", Open),
    (b"*0\rX*1\r\n$4\r\nPING\r\n", b"+PONG\r\n", Open),
    // Lengths of arguments.
    (b"*2\r\n$04\r\nECHO\r\n", b"-ERR Protocol error: invalid bulk length\r\n", Closed),
    (b"*2\r\n$+4\r\nECHO\r\n", b"-ERR Protocol error: invalid bulk length\r\n", Closed),
    (b"*2\r\n$-0\r\nECHO\r\n", b"-ERR Protocol error: invalid bulk length\r\n", Closed),
    (b"*1\r\n$ 4\r\n", b"-ERR Protocol error: invalid bulk length\r\n", Closed),
    (b"*1\r\n$4 \r\n", b"-ERR Protocol error: invalid bulk length\r\n", Closed),
    (b"*1\r\n$\r\n", b"-ERR Protocol error: invalid bulk length\r\n", Closed),
    (b"*1\r\n$00\r\n", b"-ERR Protocol error: invalid bulk length\r\n", Closed),
    (b"*1\r\n$012\r\n", b"-ERR Protocol error: invalid bulk length\r\n", Closed),
    (b"*1\r\n$0123\r\n", b"-ERR Protocol error: invalid bulk length\r\n", Closed),
    (b"*1\r\n$-1\r\n", b"-ERR Protocol error: invalid bulk length\r\n", Closed),
    (b"*1\r\n$-5\r\n", b"-ERR Protocol error: invalid bulk length\r\n", Closed),
    (b"*1\r\n$abc\r\n", b"-ERR Protocol error: invalid bulk length\r\n", Closed),
    (b"*1\r\n$1:\r\n", b"-ERR Protocol error: invalid bulk length\r\n", Closed),
    (b"*1\r\n$12/\r\n", b"-ERR Protocol error: invalid bulk length\r\n", Closed),
    (b"*2\r\n$4\r\nECHO\r\n$0\r\n\r\n", b"$0\r\n\r\n", Open),
    (b"*1\r\n$0\r\n\r\n", b"-ERR unknown command '', with args beginning with: \r\n", Open),
    (b"*1\r\n$536870912\r\n", b"", Open),
    (b"*1\r\n$536870913\r\n", b"-ERR Protocol error: invalid bulk length\r\n", Closed),
    (b"*1\r\n$18446744073709551616\r\n", b"-ERR Protocol error: invalid bulk length\r\n", Closed),
    (b"*1\r\n$99999999999999999999\r\n", b"-ERR Protocol error: invalid bulk length\r\n", Closed),
    (b"*1\r\n$9223372036854775807\r\n", b"-ERR Protocol error: invalid bulk length\r\n", Closed),
    (b"*2\r\n$4\r\nECHO\r\n$10\r\n0123456789\r\n", b"$10\r\n0123456789\r\n", Open),
    (b"*2\r\n$4\r\nECHO\r\n$100\r\nxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\r\n", b"$100\r\nxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\r\n", Open),
    (b"*2\r\n$4\r\nECHO\r\n$4\r\na\r\n\0\r\n", b"$4\r\na\r\n\0\r\n", Open),
    // Marks, line ends and NUL.
    (b"*2\rX$4\rXECHOXX$2\rXokXXPING\r\n", b"$2\r\nok\r\n+PONG\r\n", Open),
    (b"*1\r\n\r\nX", b"-ERR Protocol error: expected '$', got ' '\r\n", Closed),
    (b"*1\r\n\nX\r\n", b"-ERR Protocol error: expected '$', got ' '\r\n", Closed),
    (b"*1\r\n\xffX\r\n", b"-ERR Protocol error: expected '$', got '\xff'\r\n", Closed),
    (b"*1\r\n\0X\r\n", b"", Open),
    (b"*1\r\n+PING", b"", Open),
    (b"*1\r\n+PING\r", b"", Open),
    (b"*1\r\n+PING\rX", b"-ERR Protocol error: expected '$', got '+'\r\n", Closed),
    (b"*1\r\n*1\r\n$4\r\nPING\r\n", b"-ERR Protocol error: expected '$', got '*'\r\n", Closed),
    (b"*1\r\n$4\0\r\nPING\r\n", b"", Open),
    (b"*1\r\nPING\r\n", b"-ERR Protocol error: expected '$', got 'P'\r\n", Closed),
    (b"*1\r\n:4\r\nPING\r\n", b"-ERR Protocol error: expected '$', got ':'\r\n", Closed),
    (b"*1\r\n\r", b"", Open),
    (b"*1\r\n$4\r\nPIN", b"", Open),
    // Inline commands.
    (b"PING\r\n", b"+PONG\r\n", Open),
    (b"PING\n", b"+PONG\r\n", Open),
    (b"ping\r\nPING\r\n", b"+PONG\r\n+PONG\r\n", Open),
    (b"\r\n", b"", Open),
    (b"\n", b"", Open),
    (b"PING", b"", Open),
    (b"\r", b"", Open),
    (b"PING\0\r\nPING\r\n", b"", Open),
    (b"\0\nPING\r\n", b"", Open),
    (b"\n\n\nPING\r\n", b"+PONG\r\n", Open),
    (b"\r\r\nPING\r\r\n", b"+PONG\r\n", Open),
    (b"\rPING\n", b"+PONG\r\n", Open),
    (b" \t\x0b\x0cPING\r\n", b"+PONG\r\n", Open),
    (b"ECHO a\x0bb\r\n", b"$3\r\na\x0bb\r\n", Open),
    (b"ECHO \x0ba\x0b\r\n", b"$2\r\na\x0b\r\n", Open),
    (b"ECHO \"a\"\x0b\r\n", b"$1\r\na\r\n", Open),
    (b"ECHO a\rb\n", b"-ERR wrong number of arguments for 'echo' command\r\n", Open),
    (b"ECHO\ra\n", b"$1\r\na\r\n", Open),
    (b"ECHO \"a\"b\r\n", b"-ERR Protocol error: unbalanced quotes in request\r\n", Closed),
    (b"ECHO a\"b c\"\r\n", b"$4\r\nab c\r\n", Open),
    (b"ECHO a\"b\"'c'\r\n", b"-ERR Protocol error: unbalanced quotes in request\r\n", Closed),
    (b"ECHO a'b c'\r\n", b"$4\r\nab c\r\n", Open),
    (b"ECHO '\\'a\\n\"'\r\n", b"$5\r\n'a\\n\"\r\n", Open),
    (b"ECHO \"\\n\\r\\t\\b\\a\\x41\\x4g\\xzz\\q\\\\\\\"'\"\r\n", b"$16\r\n\n\r\t\x08\x07Ax4gxzzq\\\"'\r\n", Open),
    (b"ECHO \"\\\r\n", b"-ERR Protocol error: unbalanced quotes in request\r\n", Closed),
    (b"ECHO \"abc\\\"\r\n", b"-ERR Protocol error: unbalanced quotes in request\r\n", Closed),
    (b"ECHO 'abc\\'\r\n", b"-ERR Protocol error: unbalanced quotes in request\r\n", Closed),
    (b"ECHO 'abc\r\n", b"-ERR Protocol error: unbalanced quotes in request\r\n", Closed),
    (b"ECHO 'abc'd\r\n", b"-ERR Protocol error: unbalanced quotes in request\r\n", Closed),
    (b"ECHO \"\"\r\n", b"$0\r\n\r\n", Open),
    (b"ECHO ''\r\n", b"$0\r\n\r\n", Open),
    (b"ECHO a\\nb\r\n", b"$4\r\na\\nb\r\n", Open),
    (b"ECHO \xff\xa0\x85\r\n", b"$3\r\n\xff\xa0\x85\r\n", Open),
    (b"ECHO \"\\x4\"\r\n", b"$2\r\nx4\r\n", Open),
    (b"ECHO \"\\x\"\r\n", b"$1\r\nx\r\n", Open),
    (b"ECHO \"\\x41\"\r\n", b"$1\r\nA\r\n", Open),
    (b"ECHO \"\\xFf\\x0A\"\r\n", b"$2\r\n\xff\n\r\n", Open),
    (b"ECHO \"\\x00\"\r\n", b"$1\r\n\0\r\n", Open),
    (b"\"\"\r\n", b"-ERR unknown command '', with args beginning with: \r\n", Open),
    (b"   \r\n", b"", Open),
    (b"ECHO \"a\rb\"\n", b"$3\r\na\rb\r\n", Open),
    (b"ECHO \"a\0b\"\nPING\r\n", b"", Open),
    (b"$4\r\nPING\r\n", b"-ERR unknown command '$4', with args beginning with: \r\n+PONG\r\n", Open),
    (b"+OK\r\nPING\r\n", b"-ERR unknown command '+OK', with args beginning with: \r\n+PONG\r\n", Open),
    (b"\"PI\"NG\r\n", b"-ERR Protocol error: unbalanced quotes in request\r\n", Closed),
    (b"PI\"NG\"\r\n", b"+PONG\r\n", Open),
    (b"PING\r\n*1\r\n$4\r\nPING\r\nPING\n", b"+PONG\r\n+PONG\r\n+PONG\r\n", Open),
    (b" *1\r\n", b"-ERR unknown command '*1', with args beginning with: \r\n", Open),
];
