//! What the clients of a simulation ask for: requests that a seed chooses, each with what it does to
//! which keys and what its replies say of that.

use redis_protocol::resp2::types::OwnedFrame;

use super::model::{Fate, Found, Part, Texts, Ttl, Value, What};
use crate::torture::random::Random;

/// Keys that are taken as locks.
pub(crate) const LOCKS: std::ops::Range<usize> = 0..4;
/// Keys that are written in every way.
const DATA: std::ops::Range<usize> = 4..7;
/// Two keys that are only ever written together.
pub(crate) const PAIR: [usize; 2] = [7, 8];
/// All names.
pub(crate) const NAMES: [&str; 9] = [
    "lock:0", "lock:1", "lock:2", "lock:3", "data:0", "data:1", "data:2", "pair:0", "pair:1",
];

/// A value that is longer than the ring, and one that is shorter.
const LONG_BYTES: [usize; 3] = [600_000, 120_000, 20_000];

const RELEASE: &str = "if redis.call('get',KEYS[1]) == ARGV[1] then return redis.call('del',KEYS[1]) else return 0 end";
const EXTEND: &str = "if redis.call('get',KEYS[1]) == ARGV[1] then return redis.call('pexpire',KEYS[1],ARGV[2]) else return 0 end";
/// The same, behind a loop that makes it a script for Lua, and lets it park.
const SLOW_RELEASE: &str = "local s=0 for i=1,tonumber(ARGV[2]) do s=s+i end if redis.call('get',KEYS[1]) == ARGV[1] then return redis.call('del',KEYS[1]) else return 0 end";
/// Takes a lock, thinks, and writes another key.
const SLOW_TAKE: &str = "if not redis.call('set',KEYS[1],ARGV[1],'NX','PX',ARGV[2]) then return 0 end local s=0 for i=1,tonumber(ARGV[3]) do s=s+i end redis.call('set',KEYS[2],ARGV[4]) return 1";
/// Takes a lock natively.
const TAKE: &str =
    "if redis.call('set',KEYS[1],ARGV[1],'NX','PX',ARGV[2]) then return 1 else return 0 end";

/// What may be asked for in one seed.
#[derive(Clone, Debug)]
pub(crate) struct Habits {
    /// How often each kind is asked for, beside the others.
    weights: Vec<(Kind, u64)>,
    /// Times to live, in milliseconds.
    ttls_ms: Vec<u64>,
}

/// Kinds of requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Take,
    TakeByScript,
    SlowTake,
    Release,
    SlowRelease,
    Delex,
    Extend,
    Get,
    Pttl,
    Del,
    Set,
    SetLong,
    Append,
    SetRange,
    Expire,
    Persist,
    Mset,
    Msetnx,
    ExecPair,
    Exec,
    Flush,
    Swap,
    Rewrite,
    WaitAof,
}

/// Every kind, and how often it is asked for where it is.
const KINDS: [(Kind, u64); 24] = [
    (Kind::Take, 40),
    (Kind::TakeByScript, 10),
    (Kind::SlowTake, 4),
    (Kind::Release, 20),
    (Kind::SlowRelease, 4),
    (Kind::Delex, 8),
    (Kind::Extend, 10),
    (Kind::Get, 12),
    (Kind::Pttl, 6),
    (Kind::Del, 6),
    (Kind::Set, 10),
    (Kind::SetLong, 2),
    (Kind::Append, 16),
    (Kind::SetRange, 6),
    (Kind::Expire, 6),
    (Kind::Persist, 2),
    (Kind::Mset, 6),
    (Kind::Msetnx, 4),
    (Kind::ExecPair, 6),
    (Kind::Exec, 8),
    (Kind::Flush, 1),
    (Kind::Swap, 2),
    (Kind::Rewrite, 3),
    (Kind::WaitAof, 3),
];

/// A request, or several that belong together.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) bytes: Vec<u8>,
    /// How many replies there will be.
    pub(crate) replies: usize,
    pub(crate) parts: Vec<Part>,
    form: Form,
}

/// How replies tell of parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// One reply, of the first part.
    One,
    /// One reply, of all parts.
    All,
    /// The last reply has one for each part.
    Exec,
    /// 1 for all parts, 0 for none but the first, which was refused.
    TakeAndWrite,
    /// Of no key.
    Nothing,
    /// WAITAOF.
    Sync,
}

/// What replies have told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Told {
    /// As they do of any request.
    Parts(Fate),
    /// Everything from before is on the disk.
    Synced,
}

impl Habits {
    /// What is asked for in a seed: some kinds are left out.
    pub(crate) fn new(random: &mut Random) -> Habits {
        let mut weights = KINDS.to_vec();
        for (kind, weight) in &mut weights {
            let is_left_out = *kind != Kind::Take && random.below(4) == 0;
            let factor = random.choice(&[1, 1, 1, 3]);
            *weight *= if is_left_out { 0 } else { factor };
        }
        let few = random.below(3) == 0;
        let ttls_ms = match few {
            true => vec![random.choice(&[500, 3_000, 10_000, 30_000])],
            false => vec![60, 1_000, 5_000, 20_000, 60_000],
        };
        Habits { weights, ttls_ms }
    }

    fn draw(&self, random: &mut Random) -> Kind {
        let total = self.weights.iter().map(|(_, weight)| weight).sum();
        let mut drawn = random.below(total);
        for (kind, weight) in &self.weights {
            if drawn < *weight {
                return *kind;
            }
            drawn -= weight;
        }
        Kind::Take
    }
}

/// Who makes requests, with tokens that nobody else has.
pub(crate) struct Author<'a> {
    pub(crate) random: &'a mut Random,
    pub(crate) texts: &'a mut Texts,
    pub(crate) habits: &'a Habits,
    /// Tokens that were given out, by lock.
    pub(crate) tokens: &'a mut [Vec<Value>],
    pub(crate) serial: &'a mut u64,
}

impl Author<'_> {
    /// A request of a client that is in `database`.
    pub(crate) fn request(&mut self, database: usize) -> Request {
        match self.habits.draw(self.random) {
            Kind::Take => {
                let (name, what) = self.take();
                self.one(database, name, what)
            }
            Kind::TakeByScript => {
                let (name, what) = self.take();
                let bytes = self.script(TAKE, &[name], what, &[]);
                request(bytes, Form::One, vec![part(database, name, what)])
            }
            Kind::SlowTake => self.slow_take(database),
            Kind::Release => self.compare(database, RELEASE, What::CompareDel, &[]),
            Kind::SlowRelease => {
                let steps = self.steps();
                self.compare(database, SLOW_RELEASE, What::CompareDel, &[steps])
            }
            Kind::Delex => {
                let (name, token) = self.token();
                self.one(database, name, What::CompareDel(token))
            }
            Kind::Extend => {
                let ttl_ms = self.ttl_ms();
                let what = |token| What::CompareExpire(token, ttl_ms);
                self.compare(database, EXTEND, what, &[])
            }
            Kind::Mset => self.pair(database, What::Set as fn(_, _) -> _, "MSET"),
            Kind::Msetnx => self.pair(database, |value, _| What::SetNxAll(value), "MSETNX"),
            Kind::ExecPair => {
                let value = self.value(12);
                let parts = PAIR.map(|name| part(database, name, What::Set(value, Ttl::Never)));
                self.exec(parts.to_vec())
            }
            Kind::Exec => {
                let count = self.random.between(1, 4);
                let parts = (0..count).map(|_| self.any_part(database)).collect();
                self.exec(parts)
            }
            Kind::Flush => {
                let bytes = encode(&[b"FLUSHDB"]);
                request(bytes, Form::All, vec![Part::Flush(database)])
            }
            Kind::Swap => {
                let bytes = encode(&[b"SWAPDB", b"0", b"1"]);
                request(bytes, Form::All, vec![Part::Swap])
            }
            Kind::Rewrite => request(encode(&[b"BGREWRITEAOF"]), Form::Nothing, Vec::new()),
            Kind::WaitAof => {
                let bytes = encode(&[b"WAITAOF", b"1", b"0", b"2000"]);
                request(bytes, Form::Sync, Vec::new())
            }
            kind => {
                let (name, what) = self.data(kind);
                self.one(database, name, what)
            }
        }
    }

    fn value(&mut self, bytes: usize) -> Value {
        *self.serial += 1;
        let mut text = format!("<{}>", *self.serial).into_bytes();
        // What a cut-off value has in it must not look like the end of the file, or like a record.
        while text.len() < bytes {
            let filler: &[u8] = match self.random.below(3) {
                0 => b"*1\r\n$4\r\nPING\r\n",
                1 => b"................................",
                _ => &[b'x'; 1000],
            };
            text.extend_from_slice(filler);
        }
        self.texts.number(&text)
    }

    fn ttl_ms(&mut self) -> u64 {
        self.random.choice(&self.habits.ttls_ms)
    }

    fn lock(&mut self) -> usize {
        self.random
            .between(LOCKS.start as u64, LOCKS.end as u64 - 1) as usize
    }

    fn take(&mut self) -> (usize, What) {
        let name = self.lock();
        let token = self.value(1);
        self.tokens[name].push(token);
        (name, What::SetNx(token, Ttl::Ms(self.ttl_ms())))
    }

    /// A token that a lock had, and perhaps has.
    fn token(&mut self) -> (usize, Value) {
        let name = self.lock();
        let known = self.tokens[name].len() as u64;
        // Mostly one of the last.
        let back = match self.random.below(3) {
            0 => self.random.below(known.min(8)),
            _ => 0,
        };
        match known {
            0 => (name, self.value(1)),
            _ => (name, self.tokens[name][(known - 1 - back) as usize]),
        }
    }

    fn steps(&mut self) -> Vec<u8> {
        let steps = self.random.choice(&[10, 20_000, 60_000, 150_000]);
        steps.to_string().into_bytes()
    }

    fn data(&mut self, kind: Kind) -> (usize, What) {
        let mut name = self.random.between(DATA.start as u64, DATA.end as u64 - 1) as usize;
        let is_of_locks = matches!(kind, Kind::Get | Kind::Pttl | Kind::Del | Kind::Expire);
        if is_of_locks && self.random.below(2) == 0 {
            name = self.lock();
        }
        let what = match kind {
            Kind::Get => What::Get,
            Kind::Pttl => What::Pttl,
            Kind::Del => What::Del,
            Kind::Expire => What::Expire(self.ttl_ms()),
            Kind::Persist => What::Persist,
            Kind::Append => {
                let bytes = self.random.choice(&[1, 10, 100, 3000]);
                What::Append(self.value(bytes))
            }
            Kind::SetRange => {
                let at = self.random.choice(&[0, 5, 2000, 30_000]);
                What::SetRange(at, self.value(6))
            }
            Kind::SetLong => {
                let bytes = self.random.choice(&LONG_BYTES);
                What::Set(self.value(bytes), Ttl::Never)
            }
            _ => {
                let ttl_ms = self.ttl_ms();
                let bytes = self.random.choice(&[1, 1, 50, 5000]);
                let ttl = self
                    .random
                    .choice(&[Ttl::Never, Ttl::Keep, Ttl::Ms(ttl_ms)]);
                What::Set(self.value(bytes), ttl)
            }
        };
        (name, what)
    }

    fn any_part(&mut self, database: usize) -> Part {
        let kinds = [Kind::Get, Kind::Set, Kind::Append, Kind::Del, Kind::Expire];
        let (name, what) = match self.random.below(3) {
            0 => self.take(),
            _ => {
                let kind = self.random.choice(&kinds);
                self.data(kind)
            }
        };
        part(database, name, what)
    }

    fn one(&self, database: usize, name: usize, what: What) -> Request {
        let bytes = self.command(name, what);
        request(bytes, Form::One, vec![part(database, name, what)])
    }

    fn exec(&self, parts: Vec<Part>) -> Request {
        let mut bytes = encode(&[b"MULTI"]);
        for part in &parts {
            if let Part::Key { name, what, .. } = part {
                bytes.extend(self.command(*name, *what));
            }
        }
        bytes.extend(encode(&[b"EXEC"]));
        request(bytes, Form::Exec, parts)
    }

    fn pair(&mut self, database: usize, what: fn(Value, Ttl) -> What, command: &str) -> Request {
        let value = self.value(12);
        let text = self.texts.text(value);
        let [first, second] = PAIR.map(|name| NAMES[name].as_bytes());
        let bytes = encode(&[command.as_bytes(), first, text, second, text]);
        let parts = PAIR.map(|name| part(database, name, what(value, Ttl::Never)));
        request(bytes, Form::All, parts.to_vec())
    }

    fn compare(
        &mut self,
        database: usize,
        script: &str,
        what: impl Fn(Value) -> What,
        more: &[Vec<u8>],
    ) -> Request {
        let (name, token) = self.token();
        let what = what(token);
        let bytes = self.script(script, &[name], what, more);
        request(bytes, Form::One, vec![part(database, name, what)])
    }

    fn slow_take(&mut self, database: usize) -> Request {
        let (name, what) = self.take();
        let steps = self.steps();
        let bytes = self
            .random
            .choice(&[10, 10, 3000, LONG_BYTES[1], LONG_BYTES[0]]);
        let value = self.value(bytes);
        let other = DATA.start;
        let text = self.texts.text(value).to_vec();
        let bytes = self.script(SLOW_TAKE, &[name, other], what, &[steps, text]);
        let write = part(database, other, What::Set(value, Ttl::Never));
        request(
            bytes,
            Form::TakeAndWrite,
            vec![part(database, name, what), write],
        )
    }

    fn script(&self, script: &str, names: &[usize], what: What, more: &[Vec<u8>]) -> Vec<u8> {
        let count = names.len().to_string();
        let mut words = vec![&b"EVAL"[..], script.as_bytes(), count.as_bytes()];
        words.extend(names.iter().map(|name| NAMES[*name].as_bytes()));
        let (token, ttl) = match what {
            What::SetNx(token, Ttl::Ms(ms)) | What::CompareExpire(token, ms) => (token, Some(ms)),
            What::CompareDel(token) => (token, None),
            _ => unreachable!("no script does this"),
        };
        let ttl = ttl.map(|ms| ms.to_string());
        words.push(self.texts.text(token));
        words.extend(ttl.iter().map(|ms| ms.as_bytes()));
        words.extend(more.iter().map(Vec::as_slice));
        encode(&words)
    }

    fn command(&self, name: usize, what: What) -> Vec<u8> {
        let key = NAMES[name].as_bytes();
        let text = |value| self.texts.text(value);
        match what {
            What::SetNx(value, Ttl::Ms(ms)) => {
                let ms = ms.to_string();
                encode(&[b"SET", key, text(value), b"NX", b"PX", ms.as_bytes()])
            }
            What::SetNx(value, _) | What::SetNxAll(value) => {
                encode(&[b"SET", key, text(value), b"NX"])
            }
            What::Set(value, Ttl::Never) => encode(&[b"SET", key, text(value)]),
            What::Set(value, Ttl::Keep) => encode(&[b"SET", key, text(value), b"KEEPTTL"]),
            What::Set(value, Ttl::Ms(ms)) => {
                encode(&[b"SET", key, text(value), b"PX", ms.to_string().as_bytes()])
            }
            What::Get => encode(&[b"GET", key]),
            What::Pttl => encode(&[b"PTTL", key]),
            What::Del => encode(&[b"DEL", key]),
            What::CompareDel(value) => encode(&[b"DELEX", key, b"IFEQ", text(value)]),
            What::CompareExpire(..) => unreachable!("only a script does this"),
            What::Expire(ms) => encode(&[b"PEXPIRE", key, ms.to_string().as_bytes()]),
            What::Persist => encode(&[b"PERSIST", key]),
            What::Append(value) => encode(&[b"APPEND", key, text(value)]),
            What::SetRange(at, value) => {
                encode(&[b"SETRANGE", key, at.to_string().as_bytes(), text(value)])
            }
        }
    }
}

fn part(database: usize, name: usize, what: What) -> Part {
    let found = Found::Unknown;
    Part::Key {
        database,
        name,
        what,
        found,
    }
}

fn request(bytes: Vec<u8>, form: Form, parts: Vec<Part>) -> Request {
    let replies = match form {
        Form::Exec => parts.len() + 2,
        _ => 1,
    };
    Request {
        bytes,
        replies,
        parts,
        form,
    }
}

/// The request that goes to a database.
pub(crate) fn select(database: usize) -> Request {
    let bytes = encode(&[b"SELECT", database.to_string().as_bytes()]);
    request(bytes, Form::Nothing, Vec::new())
}

/// A request as a client sends it.
pub(crate) fn encode(words: &[&[u8]]) -> Vec<u8> {
    let mut bytes = format!("*{}\r\n", words.len()).into_bytes();
    for word in words {
        bytes.extend_from_slice(format!("${}\r\n", word.len()).as_bytes());
        bytes.extend_from_slice(word);
        bytes.extend_from_slice(b"\r\n");
    }
    bytes
}

impl Request {
    /// Notes in its parts what the replies say of them.
    ///
    /// # Errors
    /// A reply that cannot be.
    pub(crate) fn hear(
        &mut self,
        replies: &[OwnedFrame],
        texts: &mut Texts,
    ) -> Result<Told, String> {
        let asked = self.parts.clone();
        let wrong = || format!("{asked:?} was answered {replies:?}");
        let last = replies.last().ok_or_else(wrong)?;
        if let (Form::Exec, Some(OwnedFrame::Error(_))) = (self.form, replies.first()) {
            // MULTI was refused, and what should have been queued was not.
            self.hear_each(&replies[1..replies.len() - 1], texts)?;
            return Ok(Told::Parts(Fate::Happened));
        }
        if let OwnedFrame::Error(_) = last {
            // A script may have done some of it before.
            let is_partial = self.form == Form::TakeAndWrite;
            let fate = if is_partial {
                Fate::Open
            } else {
                Fate::Refused
            };
            return Ok(Told::Parts(fate));
        }
        match (self.form, last) {
            (Form::Nothing, _) => {}
            (Form::Sync, OwnedFrame::Array(counts)) => {
                let is_synced = counts.first() == Some(&OwnedFrame::Integer(1));
                return Ok(match is_synced {
                    true => Told::Synced,
                    false => Told::Parts(Fate::Happened),
                });
            }
            (Form::One, reply) => note(&mut self.parts[0], reply, texts).ok_or_else(wrong)?,
            (Form::All, reply) => {
                for part in &mut self.parts {
                    note(part, reply, texts).ok_or_else(|| format!("answered {reply:?}"))?;
                }
            }
            (Form::Exec, OwnedFrame::Array(replies)) if replies.len() == self.parts.len() => {
                self.hear_each(replies, texts)?;
            }
            (Form::TakeAndWrite, OwnedFrame::Integer(taken)) => {
                note(&mut self.parts[0], last, texts).ok_or_else(wrong)?;
                match taken {
                    0 => self.parts.truncate(1),
                    _ => {
                        let done = OwnedFrame::SimpleString(b"OK".to_vec());
                        note(&mut self.parts[1], &done, texts).ok_or_else(wrong)?;
                    }
                }
            }
            _ => return Err(wrong()),
        }
        Ok(Told::Parts(Fate::Happened))
    }
}

impl Request {
    /// Notes a reply for each part; one that was refused is none.
    fn hear_each(&mut self, replies: &[OwnedFrame], texts: &mut Texts) -> Result<(), String> {
        let mut heard = Vec::new();
        for (part, reply) in self.parts.iter_mut().zip(replies) {
            if !matches!(reply, OwnedFrame::Error(_)) {
                note(part, reply, texts).ok_or_else(|| format!("{part:?}: {reply:?}"))?;
                heard.push(*part);
            }
        }
        self.parts = heard;
        Ok(())
    }
}

/// Notes what a reply says of a part; `None` if it cannot be one to it.
fn note(part: &mut Part, reply: &OwnedFrame, texts: &mut Texts) -> Option<()> {
    let Part::Key { what, found, .. } = part else {
        return matches!(reply, OwnedFrame::SimpleString(_)).then_some(());
    };
    *found = match (what, reply) {
        (What::SetNx(..), OwnedFrame::SimpleString(_)) => Found::Whether(true),
        (What::SetNx(..), OwnedFrame::Null) => Found::Whether(false),
        (What::Set(..), OwnedFrame::SimpleString(_)) => Found::Done,
        (What::Get, OwnedFrame::Null) => Found::Value(None),
        (What::Get, OwnedFrame::BulkString(text)) => Found::Value(Some(texts.number(text))),
        (What::Pttl, OwnedFrame::Integer(rest_ms)) => Found::Pttl(*rest_ms),
        (What::Append(_) | What::SetRange(..), OwnedFrame::Integer(length)) => {
            Found::Length(u64::try_from(*length).ok()?)
        }
        (_, OwnedFrame::Integer(count @ (0 | 1))) => Found::Whether(*count == 1),
        _ => return None,
    };
    Some(())
}
