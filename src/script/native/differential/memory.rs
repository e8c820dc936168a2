//! The keyspace of a test: strings, deadlines and one-element lists, at a time that stands still.
//!
//! It knows the commands of native scripts with Redis's errors. A key outside the KEYS of the
//! run is an error of the interpreter, so touching one panics.

use std::collections::BTreeMap;

use super::{Case, Held, KEY_NAMES};
use crate::command::table::Arity;
use crate::error::{CommandError, Quoted, ScriptError};
use crate::resp::reply::Reply;
use crate::script::Calls;
use crate::script::native::{KeyPositions, native_keys};

/// How many databases a server has, if it is not told.
const DATABASES: i64 = 16;

type Entries = BTreeMap<Vec<u8>, Entry>;

pub(crate) struct Memory {
    /// Of the database that is selected, at first 0.
    entries: Entries,
    database: i64,
    /// Of the databases that were selected before.
    others: BTreeMap<i64, Entries>,
    declared: Vec<Vec<u8>>,
    now: i64,
}

#[derive(Clone)]
struct Entry {
    /// `None` for a list.
    text: Option<Vec<u8>>,
    deadline: Option<i64>,
}

type Answer = Result<Reply, CommandError>;

impl Memory {
    /// The keyspace before a run of `case` at `now_unix_ms`.
    pub(crate) fn load(case: &Case, now_unix_ms: i64) -> Memory {
        let mut entries = BTreeMap::new();
        for (key, held) in &case.before {
            let entry = match held {
                Held::Nothing => continue,
                Held::List => Entry {
                    text: None,
                    deadline: None,
                },
                Held::Text { value, ttl_ms } => Entry {
                    text: Some(value.clone()),
                    deadline: ttl_ms.map(|ttl| now_unix_ms + ttl),
                },
            };
            entries.insert(key.clone(), entry);
        }
        Memory {
            entries,
            database: 0,
            others: BTreeMap::new(),
            declared: case.keys.clone(),
            now: now_unix_ms,
        }
    }

    /// What each key of database 0 holds now.
    pub(crate) fn dump(&self) -> Vec<Held> {
        let entries = self.others.get(&0).unwrap_or(&self.entries);
        let held = |key: &[u8]| match entries.get(key) {
            None => Held::Nothing,
            Some(Entry { text: None, .. }) => Held::List,
            Some(Entry {
                text: Some(value),
                deadline,
            }) => Held::Text {
                value: value.clone(),
                ttl_ms: deadline.map(|deadline| deadline - self.now),
            },
        };
        KEY_NAMES.iter().map(|key| held(key)).collect()
    }

    fn select(&mut self, index: &[u8]) -> Answer {
        let database = integer(index)?;
        if i32::try_from(database).is_err() {
            return Err(CommandError::DatabaseTooFar);
        }
        if !(0..DATABASES).contains(&database) {
            return Err(CommandError::DatabaseOutOfRange);
        }
        let former = std::mem::take(&mut self.entries);
        self.others.insert(self.database, former);
        self.entries = self.others.remove(&database).unwrap_or_default();
        self.database = database;
        Ok(Reply::OK)
    }

    fn text(&self, key: &[u8]) -> Result<Option<&Vec<u8>>, CommandError> {
        match self.entries.get(key) {
            None => Ok(None),
            Some(Entry {
                text: Some(text), ..
            }) => Ok(Some(text)),
            Some(Entry { text: None, .. }) => Err(CommandError::WrongType),
        }
    }

    fn store(&mut self, key: &[u8], value: &[u8], deadline: Option<i64>) {
        let entry = Entry {
            text: Some(value.to_vec()),
            deadline,
        };
        self.entries.insert(key.to_vec(), entry);
        self.drop_if_past(key);
    }

    fn deadline(&self, key: &[u8]) -> Option<i64> {
        self.entries.get(key)?.deadline
    }

    fn drop_if_past(&mut self, key: &[u8]) {
        if self
            .deadline(key)
            .is_some_and(|deadline| deadline <= self.now)
        {
            self.entries.remove(key);
        }
    }

    fn set(&mut self, key: &[u8], value: &[u8], options: &[&[u8]]) -> Answer {
        let (mut nx, mut xx, mut get, mut keep) = (false, false, false, false);
        let mut expiry = None;
        let mut rest = options.iter();
        while let Some(option) = rest.next() {
            let option = option.to_ascii_lowercase();
            match option.as_slice() {
                b"nx" if !xx => nx = true,
                b"xx" if !nx => xx = true,
                b"get" => get = true,
                b"keepttl" if expiry.is_none() => keep = true,
                b"ex" | b"px" | b"exat" | b"pxat" if !keep => {
                    let is_other = |(name, _): &(Vec<u8>, _)| *name != option;
                    if expiry.as_ref().is_some_and(is_other) {
                        return Err(CommandError::Syntax);
                    }
                    expiry = Some((option.clone(), *rest.next().ok_or(CommandError::Syntax)?));
                }
                _ => return Err(CommandError::Syntax),
            }
        }
        let deadline = match expiry {
            Some((unit, amount)) => Some(self.set_deadline("set", &unit, integer(amount)?)?),
            None => keep.then(|| self.deadline(key)).flatten(),
        };
        let old = if get {
            self.text(key)?.map_or(Reply::Null, Reply::bulk)
        } else {
            Reply::Null
        };
        let exists = self.entries.contains_key(key);
        if nx && exists || xx && !exists {
            return Ok(old);
        }
        self.store(key, value, deadline);
        Ok(if get { old } else { Reply::OK })
    }

    fn set_deadline(
        &self,
        command: &'static str,
        unit: &[u8],
        amount: i64,
    ) -> Result<i64, CommandError> {
        let invalid = CommandError::InvalidExpire { command };
        let scale = if matches!(unit, b"ex" | b"exat") {
            1_000
        } else {
            1
        };
        let base = if unit.ends_with(b"at") { 0 } else { self.now };
        if amount <= 0 {
            return Err(invalid);
        }
        amount
            .checked_mul(scale)
            .and_then(|amount| amount.checked_add(base))
            .ok_or(invalid)
    }

    fn expire(&mut self, command: &'static str, key: &[u8], args: &[&[u8]]) -> Answer {
        let (mut nx, mut xx, mut gt, mut lt) = (false, false, false, false);
        for option in args.iter().skip(1) {
            match option.to_ascii_lowercase().as_slice() {
                b"nx" => nx = true,
                b"xx" => xx = true,
                b"gt" => gt = true,
                b"lt" => lt = true,
                _ => {
                    let option = Quoted::whole(option);
                    return Err(CommandError::ExpireOption { option });
                }
            }
        }
        if nx && (xx || gt || lt) {
            return Err(CommandError::ExpireIfAbsentAndMore);
        }
        if gt && lt {
            return Err(CommandError::ExpireLaterAndEarlier);
        }
        let invalid = CommandError::InvalidExpire { command };
        let scale = if command.starts_with('p') { 1 } else { 1_000 };
        let base = if command.ends_with("at") { 0 } else { self.now };
        let amount = integer(args[0])?;
        let deadline = amount
            .checked_mul(scale)
            .and_then(|amount| amount.checked_add(base))
            .ok_or(invalid)?;
        if !self.entries.contains_key(key) {
            return Ok(Reply::Integer(0));
        }
        let old = self.deadline(key);
        let is_refused = nx && old.is_some()
            || xx && old.is_none()
            || gt && old.is_none_or(|old| deadline <= old)
            || lt && old.is_some_and(|old| deadline >= old);
        if is_refused {
            return Ok(Reply::Integer(0));
        }
        if let Some(entry) = self.entries.get_mut(key) {
            entry.deadline = Some(deadline);
        }
        self.drop_if_past(key);
        Ok(Reply::Integer(1))
    }

    /// TTL and its kin: the time left or the deadline, in milliseconds divided by `unit`.
    fn time(&self, key: &[u8], base: i64, unit: i64) -> Answer {
        Ok(Reply::Integer(
            match (self.entries.get(key), self.deadline(key)) {
                (None, _) => -2,
                (Some(_), None) => -1,
                (Some(_), Some(deadline)) => (deadline - base + unit / 2) / unit,
            },
        ))
    }

    fn increment(&mut self, key: &[u8], step: Option<i64>) -> Answer {
        let old = self.text(key)?.map_or(Ok(0), |text| integer(text))?;
        let sum = step
            .and_then(|step| old.checked_add(step))
            .ok_or(CommandError::Overflow)?;
        let deadline = self.deadline(key);
        self.store(key, sum.to_string().as_bytes(), deadline);
        Ok(Reply::Integer(sum))
    }

    fn bulk(&self, key: &[u8]) -> Answer {
        Ok(self.text(key)?.map_or(Reply::Null, Reply::bulk))
    }

    fn run_on_key(&mut self, name: &str, key: &[u8], args: &[&[u8]]) -> Answer {
        match (name, args) {
            ("get", _) => self.bulk(key),
            ("set", [value, options @ ..]) => self.set(key, value, options),
            ("setnx", [value]) => {
                let is_new = !self.entries.contains_key(key);
                if is_new {
                    self.store(key, value, None);
                }
                Ok(is_new.into())
            }
            ("setex", [amount, value]) => {
                let deadline = self.set_deadline("setex", b"ex", integer(amount)?)?;
                self.store(key, value, Some(deadline));
                Ok(Reply::OK)
            }
            ("psetex", [amount, value]) => {
                let deadline = self.set_deadline("psetex", b"px", integer(amount)?)?;
                self.store(key, value, Some(deadline));
                Ok(Reply::OK)
            }
            ("getset", [value]) => {
                let old = self.bulk(key)?;
                self.store(key, value, None);
                Ok(old)
            }
            ("getdel", _) => {
                let old = self.bulk(key)?;
                self.entries.remove(key);
                Ok(old)
            }
            ("strlen", _) => Ok(self.text(key)?.map_or(0, Vec::len).into()),
            ("append", [tail]) => {
                let mut text = self.text(key)?.cloned().unwrap_or_default();
                text.extend_from_slice(tail);
                let deadline = self.deadline(key);
                self.store(key, &text, deadline);
                Ok(text.len().into())
            }
            ("type", _) => Ok(Reply::status(match self.entries.get(key) {
                None => "none",
                Some(Entry { text: None, .. }) => "list",
                Some(_) => "string",
            })),
            ("persist", _) => {
                let taken = self
                    .entries
                    .get_mut(key)
                    .and_then(|entry| entry.deadline.take());
                Ok(taken.is_some().into())
            }
            ("expire", args) => self.expire("expire", key, args),
            ("pexpire", args) => self.expire("pexpire", key, args),
            ("expireat", args) => self.expire("expireat", key, args),
            ("pexpireat", args) => self.expire("pexpireat", key, args),
            ("ttl", _) => self.time(key, self.now, 1_000),
            ("pttl", _) => self.time(key, self.now, 1),
            ("expiretime", _) => self.time(key, 0, 1_000),
            ("pexpiretime", _) => self.time(key, 0, 1),
            ("incr", _) => self.increment(key, Some(1)),
            ("decr", _) => self.increment(key, Some(-1)),
            ("incrby", [amount]) => self.increment(key, Some(integer(amount)?)),
            ("decrby", [amount]) => self.increment(key, integer(amount)?.checked_neg()),
            _ => panic!(
                "no test keyspace knows {name} with {} arguments",
                args.len()
            ),
        }
    }

    fn run_on_keys(&mut self, name: &str, args: &[&[u8]]) -> Answer {
        match name {
            "del" | "unlink" => {
                let removed = args
                    .iter()
                    .filter(|key| self.entries.remove(**key).is_some());
                Ok(removed.count().into())
            }
            "exists" => Ok(args
                .iter()
                .filter(|key| self.entries.contains_key(**key))
                .count()
                .into()),
            "mget" => Ok(Reply::Array(
                args.iter()
                    .map(|key| self.bulk(key).unwrap_or(Reply::Null))
                    .collect(),
            )),
            "mset" | "msetnx" => {
                if !args.len().is_multiple_of(2) {
                    return Err(CommandError::WrongArity {
                        command: name.to_owned().into(),
                    });
                }
                let pairs = args.chunks_exact(2);
                if name == "msetnx" && pairs.clone().any(|pair| self.entries.contains_key(pair[0]))
                {
                    return Ok(Reply::Integer(0));
                }
                pairs.for_each(|pair| self.store(pair[0], pair[1], None));
                Ok(if name == "mset" {
                    Reply::OK
                } else {
                    Reply::Integer(1)
                })
            }
            _ => panic!("no test keyspace knows {name}"),
        }
    }
}

impl Calls for Memory {
    fn call(&mut self, args: &[&[u8]]) -> Answer {
        let name = String::from_utf8_lossy(args[0]).to_ascii_lowercase();
        let fits = match arity(&name) {
            Arity::Exactly(count) => args.len() == count,
            Arity::AtLeast(count) => args.len() >= count,
        };
        if !fits {
            return Err(ScriptError::WrongArity.into());
        }
        let positions = native_keys(args[0]).expect("a native script runs a native command");
        for (index, arg) in args[1..].iter().enumerate() {
            let is_declared = self.declared.iter().any(|key| key == arg);
            assert!(
                !positions.contains(index) || is_declared,
                "an undeclared key is touched"
            );
        }
        match (positions, &args[1..]) {
            (KeyPositions::None, [index]) if name == "select" => self.select(index),
            (KeyPositions::None, _) => Ok(Reply::Integer(0)),
            (KeyPositions::First, [key, rest @ ..]) => self.run_on_key(&name, key, rest),
            (_, keys) => self.run_on_keys(&name, keys),
        }
    }

    fn is_command(&self, _name: &[u8]) -> bool {
        true
    }

    fn log(&mut self, _level: u8, _message: &[u8]) {
        panic!("no native script logs");
    }
}

/// The arity of a command, its name included.
fn arity(name: &str) -> Arity {
    match name {
        "get" | "getdel" | "strlen" | "type" | "persist" | "ttl" | "pttl" | "expiretime"
        | "pexpiretime" | "incr" | "decr" | "select" => Arity::Exactly(2),
        "setnx" | "getset" | "append" | "incrby" | "decrby" | "publish" => Arity::Exactly(3),
        "setex" | "psetex" => Arity::Exactly(4),
        "del" | "unlink" | "exists" | "mget" => Arity::AtLeast(2),
        _ => Arity::AtLeast(3),
    }
}

/// An integer as Redis reads one: no sign but a minus, no leading zero, no blank.
fn integer(text: &[u8]) -> Result<i64, CommandError> {
    let text = std::str::from_utf8(text).map_err(|_| CommandError::NotAnInteger)?;
    let number: i64 = text.parse().map_err(|_| CommandError::NotAnInteger)?;
    if number.to_string() == text {
        Ok(number)
    } else {
        Err(CommandError::NotAnInteger)
    }
}
