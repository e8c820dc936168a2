//! A case on a real server.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;

use super::{Case, Held, KEY_NAMES, Observed};
use crate::real_redis::RealRedis;
use crate::resp::reply::Reply;

pub(super) struct RealServer {
    stream: BufReader<TcpStream>,
    /// Ends with the last case.
    _redis: RealRedis,
}

impl RealServer {
    /// The server that `REAL_REDIS` names.
    pub(super) fn from_environment() -> Option<RealServer> {
        let redis = RealRedis::from_environment()?;
        Some(RealServer {
            stream: BufReader::new(redis.connect()),
            _redis: redis,
        })
    }

    /// Prepares the keyspace, runs the script and reads the keyspace, in one round trip.
    /// Answers also the server's time at the run, Unix milliseconds.
    pub(super) fn run(&mut self, body: &[u8], case: &Case) -> (Observed, i64) {
        let mut request = Vec::new();
        let mut prepared = 1;
        push(&mut request, &[b"FLUSHALL"]);
        for (key, held) in &case.before {
            match held {
                Held::Nothing => continue,
                Held::List => push(&mut request, &[b"RPUSH", key, b"x"]),
                Held::Text {
                    value,
                    ttl_ms: None,
                } => push(&mut request, &[b"SET", key, value]),
                Held::Text {
                    value,
                    ttl_ms: Some(ttl),
                } => {
                    push(
                        &mut request,
                        &[b"SET", key, value, b"PX", ttl.to_string().as_bytes()],
                    );
                }
            }
            prepared += 1;
        }
        push(&mut request, &[b"TIME"]);
        let key_count = case.keys.len().to_string();
        let mut eval: Vec<&[u8]> = vec![b"EVAL", body, key_count.as_bytes()];
        eval.extend(case.keys.iter().chain(&case.argv).map(Vec::as_slice));
        push(&mut request, &eval);
        for key in KEY_NAMES {
            for command in ["TYPE", "PTTL", "GET"] {
                push(&mut request, &[command.as_bytes(), key]);
            }
        }
        self.stream
            .get_mut()
            .write_all(&request)
            .expect("the server reads");
        for _ in 0..prepared {
            assert!(!self.reply().is_error(), "the keyspace is prepared");
        }
        let now = unix_ms(&self.reply());
        let reply = self.reply();
        let keyspace = KEY_NAMES.iter().map(|_| self.held()).collect();
        (Observed { reply, keyspace }, now)
    }

    fn held(&mut self) -> Held {
        let (kind, ttl, value) = (self.reply(), self.reply(), self.reply());
        let ttl_ms = match ttl {
            Reply::Integer(ttl) if ttl >= 0 => Some(ttl),
            _ => None,
        };
        match (kind, value) {
            (Reply::Status(kind), _) if &*kind == b"list" => Held::List,
            (_, Reply::Bulk(value)) => Held::Text {
                value: value.to_vec(),
                ttl_ms,
            },
            _ => Held::Nothing,
        }
    }

    fn reply(&mut self) -> Reply {
        let mut line = Vec::new();
        self.stream
            .read_until(b'\n', &mut line)
            .expect("the server answers");
        // Lines may hold a lone CR or LF only if the server is wrong.
        let line = line
            .strip_suffix(b"\r\n")
            .expect("a line ends in CR LF")
            .to_vec();
        let (kind, rest) = line.split_first().expect("a reply has a kind");
        let number = || {
            String::from_utf8_lossy(rest)
                .parse::<i64>()
                .expect("a number")
        };
        match kind {
            b'+' => Reply::Status(rest.to_vec().into()),
            b'-' => Reply::Error(rest.to_vec().into()),
            b':' => Reply::Integer(number()),
            b'$' if number() < 0 => Reply::Null,
            b'$' => {
                let mut bytes = vec![0; number() as usize + 2];
                self.stream
                    .read_exact(&mut bytes)
                    .expect("a bulk string is complete");
                bytes.truncate(bytes.len() - 2);
                Reply::bulk(bytes)
            }
            b'*' if number() < 0 => Reply::NullArray,
            b'*' => Reply::Array((0..number()).map(|_| self.reply()).collect()),
            other => panic!("unknown kind of reply: {}", other.escape_ascii()),
        }
    }
}

fn push(request: &mut Vec<u8>, args: &[&[u8]]) {
    request.extend_from_slice(format!("*{}\r\n", args.len()).as_bytes());
    for arg in args {
        request.extend_from_slice(format!("${}\r\n", arg.len()).as_bytes());
        request.extend_from_slice(arg);
        request.extend_from_slice(b"\r\n");
    }
}

fn unix_ms(time: &Reply) -> i64 {
    let Reply::Array(parts) = time else {
        panic!("TIME answers {time:?}");
    };
    let part = |index: usize| match &parts[index] {
        Reply::Bulk(digits) => String::from_utf8_lossy(digits)
            .parse::<i64>()
            .expect("a number"),
        other => panic!("TIME answers {other:?}"),
    };
    part(0) * 1_000 + part(1) / 1_000
}
