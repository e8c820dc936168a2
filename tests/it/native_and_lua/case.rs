//! Cases: keys, arguments and a keyspace, drawn at random, and the requests they stand for.

use std::fmt;

use crate::support::seed::Seed;
use crate::support::words::quoted;

/// All keys there are.
pub(super) const KEYS: [&[u8]; 5] = [b"lock:a", b"lock:b", b"{tag}c", b"", b"bin\0\r\n\xff"];

const TOKENS: [&[u8]; 7] = [
    b"held",
    b"token-a",
    b"9f1c2f0e-5d3a-4d0b-8a55-3b1f6d3b0c11-and-longer-than-inline",
    b"",
    b"1",
    b"41",
    b"bin\0\xfe",
];

/// No deadline is beyond the 292,000 years up to which it is kept to the microsecond: the two
/// servers did not start at the same microsecond, so later ones are rounded apart.
const MILLIS: [&str; 9] = [
    "100000",
    "30000",
    "7",
    "1",
    "0",
    "-1",
    "1e5",
    "9223372036854775808",
    "abc",
];

const SECONDS: [&str; 7] = ["100", "30", "1", "0", "-1", "3.5", "4000000000"];

/// Keys, arguments and what is there before a run.
#[derive(Clone)]
pub(super) struct Case {
    pub(super) database: usize,
    pub(super) keys: Vec<Vec<u8>>,
    pub(super) argv: Vec<Vec<u8>>,
    /// A key, its value and its time to live in milliseconds.
    pub(super) before: Vec<(Vec<u8>, Vec<u8>, Option<u64>)>,
    pub(super) wrapping: Wrapping,
    /// How far the clock moves after the run: never about as far as a deadline is away.
    pub(super) advance_ms: u64,
}

/// How the script is called.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Wrapping {
    Plain,
    ReadOnly,
    Transaction,
}

impl fmt::Debug for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words = |list: &[Vec<u8>]| {
            let words: Vec<String> = list.iter().map(|word| quoted(word)).collect();
            words.join(" ")
        };
        let (keys, argv) = (words(&self.keys), words(&self.argv));
        let (database, wrapping) = (self.database, self.wrapping);
        writeln!(f, "{wrapping:?} in database {database}")?;
        write!(f, "KEYS {keys}\nARGV {argv}\nbefore")?;
        for (key, value, ttl_ms) in &self.before {
            write!(f, " {}={} {ttl_ms:?};", quoted(key), quoted(value))?;
        }
        write!(f, "\nthe clock moves by {} ms", self.advance_ms)
    }
}

impl Case {
    /// A case with so many keys and arguments, at `unix_ms`.
    pub(super) fn draw(
        seed: &mut Seed,
        key_count: usize,
        argument_count: usize,
        unix_ms: u64,
    ) -> Case {
        let first = if seed.is_one_in(4) {
            seed.below(KEYS.len())
        } else {
            0
        };
        let keys = (0..key_count).map(|index| KEYS[(first + index) % KEYS.len()].to_vec());
        let token = seed.one_of(&TOKENS).to_vec();
        let mut before = Vec::new();
        for key in KEYS {
            let value = match seed.below(6) {
                0 | 1 => continue,
                2..=4 => token.clone(),
                _ => seed.one_of(&TOKENS).to_vec(),
            };
            let ttl_ms = seed.one_of(&[None, Some(7), Some(30_000), Some(250_000)]);
            before.push((key.to_vec(), value, ttl_ms));
        }
        let deadline_ms =
            unix_ms + seed.one_of(&[5_u64, 30_000, 3_600_000]) - seed.below(2) as u64 * 10_000;
        let mut argv: Vec<Vec<u8>> = vec![
            if seed.is_one_in(4) {
                seed.one_of(&TOKENS).to_vec()
            } else {
                token
            },
            seed.one_of(&MILLIS).into(),
            seed.one_of(&SECONDS).into(),
            deadline_ms.to_string().into(),
            (deadline_ms / 1000).to_string().into(),
            b"0123456789abcdef".to_vec(),
            (seed.number() as i64 >> (14 + seed.below(50)))
                .to_string()
                .into(),
        ];
        argv.resize(argument_count, b"1".to_vec());
        Case {
            database: seed.below(3),
            keys: keys.collect(),
            argv,
            before,
            wrapping: match seed.below(8) {
                0 => Wrapping::ReadOnly,
                1 => Wrapping::Transaction,
                _ => Wrapping::Plain,
            },
            advance_ms: seed.one_of(&[1, 5, 30_017, 250_017, 4_000_017]),
        }
    }

    /// The requests that empty the server and fill it again.
    pub(super) fn preparation(&self) -> Vec<Vec<Vec<u8>>> {
        let mut requests = vec![
            vec![b"FLUSHALL".to_vec()],
            vec![b"SELECT".to_vec(), self.database.to_string().into()],
            vec![b"CONFIG".to_vec(), b"RESETSTAT".to_vec()],
        ];
        for (key, value, ttl_ms) in &self.before {
            let mut request = vec![b"SET".to_vec(), key.clone(), value.clone()];
            if let Some(ttl_ms) = ttl_ms {
                request.extend([b"PX".to_vec(), ttl_ms.to_string().into()]);
            }
            requests.push(request);
        }
        requests
    }

    /// The requests that run the script of this SHA-1.
    pub(super) fn run(&self, sha1: &str) -> Vec<Vec<Vec<u8>>> {
        let command = match self.wrapping {
            Wrapping::ReadOnly => "EVALSHA_RO",
            Wrapping::Plain | Wrapping::Transaction => "EVALSHA",
        };
        let mut request: Vec<Vec<u8>> = vec![
            command.into(),
            sha1.into(),
            self.keys.len().to_string().into(),
        ];
        request.extend(self.keys.iter().chain(&self.argv).cloned());
        match self.wrapping {
            Wrapping::Transaction => vec![vec![b"MULTI".to_vec()], request, vec![b"EXEC".to_vec()]],
            Wrapping::Plain | Wrapping::ReadOnly => vec![request],
        }
    }
}
