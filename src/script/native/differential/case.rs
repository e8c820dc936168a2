//! Random cases, and what can be compared after one.

use super::show::quoted;
use crate::resp::reply::Reply;

/// A keyspace and the arguments of one run.
#[derive(Clone)]
pub(crate) struct Case {
    pub(crate) keys: Vec<Vec<u8>>,
    pub(crate) argv: Vec<Vec<u8>>,
    /// What each key of [`KEY_NAMES`] holds before the run.
    pub(crate) before: Vec<(Vec<u8>, Held)>,
}

/// What a key holds.
#[derive(Clone, PartialEq)]
pub(crate) enum Held {
    Nothing,
    Text {
        value: Vec<u8>,
        ttl_ms: Option<i64>,
    },
    /// A list of one element, to provoke WRONGTYPE.
    List,
}

/// The reply of a run and the keyspace it left, in the order of [`KEY_NAMES`].
#[derive(Clone, Debug)]
pub(crate) struct Observed {
    pub(crate) reply: Reply,
    pub(crate) keyspace: Vec<Held>,
}

/// All keys that cases use.
pub(crate) const KEY_NAMES: [&[u8]; 6] = [
    b"lock:a",
    b"lock:b",
    b"lock:c",
    b"{tag}lock",
    b"",
    b"bin\0\r\n\xff",
];

const TOKENS: [&[u8]; 8] = [
    b"token-a",
    b"token-b",
    b"9f1c2f0e-5d3a-4d0b-8a55-3b1f6d3b0c11-and-longer-than-inline",
    b"",
    b"1",
    b"bin\0\xfe",
    b"OK",
    b"yes",
];

const NUMBERS: [&[u8]; 14] = [
    b"100000",
    b"300000",
    b"600000",
    b"100000",
    b"0",
    b"-1",
    b"5",
    b"1e5",
    b"3.5",
    b"0x186a0",
    b"4102444800000",
    b"nan",
    b" 100000",
    b"abc",
];

/// A seeded stream of random numbers (SplitMix64): the same seed gives the same cases everywhere.
pub(crate) struct Seed(pub(crate) u64);

impl Seed {
    pub(crate) fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub(crate) fn below(&mut self, bound: usize) -> usize {
        (self.number() % bound.max(1) as u64) as usize
    }

    /// Any bytes, or a number in any spelling.
    fn anything(&mut self) -> Vec<u8> {
        let (bits, number) = (self.below(64), self.number());
        let integer = (number as i64) >> bits;
        match self.below(8) {
            0 | 1 => integer.to_string().into_bytes(),
            2 => f64::from_bits(number).to_string().into_bytes(),
            3 => format!("{:e}", integer as f64 / 1_000.0).into_bytes(),
            4 => format!("{:#x}", integer.unsigned_abs()).into_bytes(),
            5 => format!(" {}.{} ", integer / 7, number % 1_000).into_bytes(),
            _ => (0..self.below(60)).map(|_| self.number() as u8).collect(),
        }
    }

    fn one_of(&mut self, list: &[&[u8]]) -> Vec<u8> {
        list[self.below(list.len())].to_vec()
    }
}

impl Case {
    /// A case for a script: mostly with as many keys and arguments as its text names.
    pub(crate) fn draw(body: &[u8], seed: &mut Seed) -> Case {
        let mut count = |name: &str, several: bool| {
            let named = named_elements(body, name);
            match seed.below(10) {
                0 => seed.below(5),
                1 => named.saturating_sub(1),
                _ if several => named.max(1) + seed.below(3),
                _ => named,
            }
        };
        let several = contains(body, "(KEYS)") || contains(body, "#KEYS");
        let key_count = count("KEYS[", several);
        let arg_count = count("ARGV[", contains(body, "(ARGV)") || contains(body, "#ARGV"));
        let first = if seed.below(4) == 0 {
            seed.below(KEY_NAMES.len())
        } else {
            0
        };
        let keys: Vec<Vec<u8>> = (0..key_count)
            .map(|index| KEY_NAMES[(first + index) % KEY_NAMES.len()].to_vec())
            .collect();
        let argv: Vec<Vec<u8>> = (0..arg_count)
            .map(|index| {
                let likely_number = if index == 0 { 4 } else { 1 };
                if seed.below(5) >= likely_number {
                    seed.one_of(&NUMBERS)
                } else {
                    seed.one_of(&TOKENS)
                }
            })
            .collect();
        // Agreement of several keys must be likely enough to be met.
        let common = if argv.is_empty() {
            TOKENS[0].to_vec()
        } else {
            argv[0].clone()
        };
        let agree = seed.below(3) == 0;
        let before = KEY_NAMES
            .iter()
            .map(|key| {
                (
                    key.to_vec(),
                    Held::draw(&argv, agree.then_some(&common), seed),
                )
            })
            .collect();
        Case { keys, argv, before }
    }
}

impl Case {
    /// Exchanges some arguments and values for any bytes and for numbers in any spelling.
    pub(crate) fn stir(&mut self, seed: &mut Seed) {
        for arg in &mut self.argv {
            if seed.below(3) == 0 {
                *arg = seed.anything();
            }
        }
        // Some value must equal some argument still.
        let common = self.argv.first().cloned();
        for (_, held) in &mut self.before {
            if let Held::Text { value, .. } = held {
                match (seed.below(6), &common) {
                    (0, _) => *value = seed.anything(),
                    (1, Some(common)) => value.clone_from(common),
                    _ => {}
                }
            }
        }
    }
}

impl Held {
    fn draw(argv: &[Vec<u8>], common: Option<&Vec<u8>>, seed: &mut Seed) -> Held {
        if let Some(common) = common.filter(|_| seed.below(8) != 0) {
            return Held::Text {
                value: common.clone(),
                ttl_ms: ttl(seed),
            };
        }
        let value = match seed.below(20) {
            0..=5 => return Held::Nothing,
            6 => return Held::List,
            7..=13 if !argv.is_empty() => argv[seed.below(argv.len())].clone(),
            14..=16 => seed.one_of(&NUMBERS),
            _ => seed.one_of(&TOKENS),
        };
        Held::Text {
            value,
            ttl_ms: ttl(seed),
        }
    }
}

/// None of [`NUMBERS`], so that no script compares the time left with just that much.
fn ttl(seed: &mut Seed) -> Option<i64> {
    [None, Some(70_000), Some(250_000), Some(450_000)][seed.below(4)]
}

fn contains(body: &[u8], word: &str) -> bool {
    body.windows(word.len())
        .any(|window| window == word.as_bytes())
}

/// The highest literal index behind `name`, such as `KEYS[`.
fn named_elements(body: &[u8], name: &str) -> usize {
    let text = String::from_utf8_lossy(body);
    text.split(name)
        .skip(1)
        .filter_map(|rest| rest.split(']').next()?.trim().parse().ok())
        .filter(|&index| index < 10)
        .max()
        .unwrap_or(0)
}

/// Whether a script reads the time left, so that its replies drift by milliseconds.
fn is_timing(body: &[u8]) -> bool {
    let text = String::from_utf8_lossy(body).to_ascii_lowercase();
    text.contains("ttl") || text.contains("expiretime")
}

impl Observed {
    /// Whether both saw the same.
    pub(crate) fn agrees_with(&self, other: &Observed, timing: Timing) -> bool {
        replies_agree(&self.reply, &other.reply, timing)
            && self.keyspace.len() == other.keyspace.len()
            && self
                .keyspace
                .iter()
                .zip(&other.keyspace)
                .all(|(a, b)| held_agree(a, b, timing))
    }

    /// One line of text that is the same on every run: times are rounded.
    pub(crate) fn line(&self, timing: Timing) -> String {
        let mut line = reply_text(&self.reply, timing);
        for held in &self.keyspace {
            line.push_str(" | ");
            line.push_str(&match held {
                Held::Nothing => "-".to_owned(),
                Held::List => "list".to_owned(),
                // It may end before a server is asked for it.
                Held::Text {
                    ttl_ms: Some(..2_000),
                    ..
                } => "-".to_owned(),
                Held::Text { value, ttl_ms } => {
                    let ttl = match ttl_ms {
                        None => "none".to_owned(),
                        Some(ttl) if *ttl > 100_000_000_000 => "far".to_owned(),
                        Some(ttl) => round(*ttl).to_string(),
                    };
                    format!("{} ttl {ttl}", bytes_text(value, timing))
                }
            });
        }
        line
    }
}

/// Whether numbers may differ by the time that passes between two runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Timing {
    Exact,
    Drifts,
}

impl Timing {
    pub(crate) fn of(body: &[u8]) -> Timing {
        if is_timing(body) {
            Timing::Drifts
        } else {
            Timing::Exact
        }
    }
}

fn numbers_agree(a: i64, b: i64, timing: Timing) -> bool {
    a == b || timing == Timing::Drifts && a.min(b) >= 40_000 && a.abs_diff(b) <= 2_000
}

fn bytes_agree(a: &[u8], b: &[u8], timing: Timing) -> bool {
    let number = |bytes: &[u8]| std::str::from_utf8(bytes).ok()?.parse::<i64>().ok();
    a == b
        || number(a)
            .zip(number(b))
            .is_some_and(|(a, b)| numbers_agree(a, b, timing))
}

fn replies_agree(a: &Reply, b: &Reply, timing: Timing) -> bool {
    match (a, b) {
        (Reply::Integer(a), Reply::Integer(b)) => numbers_agree(*a, *b, timing),
        (Reply::Bulk(a), Reply::Bulk(b)) => bytes_agree(a, b, timing),
        (Reply::Array(a), Reply::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| replies_agree(a, b, timing))
        }
        _ => a == b,
    }
}

fn held_agree(a: &Held, b: &Held, timing: Timing) -> bool {
    match (a, b) {
        (
            Held::Text {
                value: a,
                ttl_ms: a_ttl,
            },
            Held::Text {
                value: b,
                ttl_ms: b_ttl,
            },
        ) => {
            let ttls_agree = match (a_ttl, b_ttl) {
                (Some(a), Some(b)) => a.abs_diff(*b) <= 2_000,
                (a, b) => a == b,
            };
            bytes_agree(a, b, timing) && ttls_agree
        }
        // A key may have come to its end before a real server is asked for it.
        (
            Held::Text {
                ttl_ms: Some(left), ..
            },
            Held::Nothing,
        )
        | (
            Held::Nothing,
            Held::Text {
                ttl_ms: Some(left), ..
            },
        ) => *left <= 2_000,
        _ => a == b,
    }
}

fn round(value: i64) -> i64 {
    if value < 2_000 {
        value
    } else {
        (value + 5_000) / 10_000 * 10_000
    }
}

fn bytes_text(bytes: &[u8], timing: Timing) -> String {
    let number = std::str::from_utf8(bytes)
        .ok()
        .and_then(|text| text.parse::<i64>().ok());
    match number.filter(|number| timing == Timing::Drifts && *number >= 40_000) {
        Some(number) => format!("'{}'", round(number)),
        None => quoted(bytes),
    }
}

/// A reply for people.
pub(crate) fn reply_text(reply: &Reply, timing: Timing) -> String {
    match reply {
        Reply::Status(line) => format!("+{}", line.escape_ascii()),
        Reply::Error(line) => format!("-{}", line.escape_ascii()),
        Reply::Integer(value) if timing == Timing::Drifts && *value >= 40_000 => {
            format!(":{}", round(*value))
        }
        Reply::Integer(value) => format!(":{value}"),
        Reply::Bulk(bytes) => bytes_text(bytes, timing),
        Reply::Array(items) => {
            let items: Vec<_> = items.iter().map(|item| reply_text(item, timing)).collect();
            format!("[{}]", items.join(", "))
        }
        other => format!("{other:?}"),
    }
}
