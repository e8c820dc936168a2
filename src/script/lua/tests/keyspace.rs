//! The commands that the recorded scripts call, over a map.

use std::collections::BTreeMap;

use crate::error::{CommandError, ScriptError};
use crate::resp::reply::Reply;
use crate::script::Calls;
use crate::script::shebang::ScriptFlags;

#[derive(Clone)]
pub(super) enum Value {
    Text(Vec<u8>),
    List(Vec<Vec<u8>>),
    Hash(Vec<(Vec<u8>, Vec<u8>)>),
    Set(Vec<Vec<u8>>),
    Scores(Vec<(Vec<u8>, f64)>),
}

/// A keyspace for one script; `flags` are the script's.
#[derive(Default)]
pub(super) struct Keyspace {
    pub(super) values: BTreeMap<Vec<u8>, Value>,
    pub(super) flags: ScriptFlags,
    pub(super) logged: Vec<(u8, Vec<u8>)>,
}

/// Name, least number of arguments, whether it writes.
const COMMANDS: [(&str, usize, bool); 18] = [
    ("del", 2, true),
    ("echo", 2, false),
    ("get", 2, false),
    ("hgetall", 2, false),
    ("hset", 4, true),
    ("incr", 2, true),
    ("incrby", 3, true),
    ("lrange", 4, false),
    ("mget", 2, false),
    ("panic", 1, false),
    ("ping", 1, false),
    ("rpush", 3, true),
    ("sadd", 3, true),
    ("set", 3, true),
    ("smembers", 2, false),
    ("subscribe", 2, false),
    ("zadd", 4, true),
    ("zscore", 3, false),
];

impl Keyspace {
    fn run(&mut self, name: &str, args: &[&[u8]]) -> Result<Reply, CommandError> {
        let key = args.get(1).copied().unwrap_or_default();
        let value = self.values.get(key).cloned();
        Ok(match (name, value) {
            ("panic", _) => panic!("a command that panics"),
            ("ping", _) => Reply::status("PONG"),
            ("echo", _) => Reply::bulk(key),
            ("set", value) => {
                if value.is_some() && args.len() > 3 {
                    return Ok(Reply::Null);
                }
                self.values
                    .insert(key.to_vec(), Value::Text(args[2].to_vec()));
                Reply::OK
            }
            ("mget", _) => Reply::Array(
                args[1..]
                    .iter()
                    .map(|key| self.run("get", &[b"get", key]))
                    .collect::<Result<_, _>>()?,
            ),
            ("del", value) => {
                self.values.remove(key);
                Reply::from(value.is_some())
            }
            ("get", Some(Value::Text(text))) => Reply::bulk(text),
            ("incr" | "incrby", Some(Value::Text(_)) | None) => self.increment(key, args),
            ("get" | "zscore", None) => Reply::Null,
            ("rpush", Some(Value::List(_)) | None) => {
                let list = args[2..].iter().map(|item| item.to_vec()).collect();
                self.values.insert(key.to_vec(), Value::List(list));
                Reply::from(args.len() - 2)
            }
            ("lrange", Some(Value::List(items))) => {
                Reply::Array(items.iter().map(Reply::bulk).collect())
            }
            ("sadd", None) => {
                self.values
                    .insert(key.to_vec(), Value::Set(vec![args[2].to_vec()]));
                Reply::Integer(1)
            }
            ("smembers", Some(Value::Set(items))) => {
                Reply::Set(items.iter().map(Reply::bulk).collect())
            }
            ("hset", None) => {
                let hash = vec![(args[2].to_vec(), args[3].to_vec())];
                self.values.insert(key.to_vec(), Value::Hash(hash));
                Reply::Integer(1)
            }
            ("hgetall", Some(Value::Hash(pairs))) => Reply::Map(
                pairs
                    .iter()
                    .map(|(key, value)| (Reply::bulk(key), Reply::bulk(value)))
                    .collect(),
            ),
            ("zadd", None) => {
                let score = String::from_utf8_lossy(args[2]).parse().unwrap();
                self.values
                    .insert(key.to_vec(), Value::Scores(vec![(args[3].to_vec(), score)]));
                Reply::Integer(1)
            }
            ("zscore", Some(Value::Scores(scores))) => scores
                .iter()
                .find(|(member, _)| member == args[2])
                .map_or(Reply::Null, |(_, s)| Reply::Double(*s)),
            _ => return Err(CommandError::WrongType),
        })
    }

    fn increment(&mut self, key: &[u8], args: &[&[u8]]) -> Reply {
        let number = |text: &[u8]| String::from_utf8_lossy(text).parse::<i64>().unwrap();
        let by = args.get(2).map_or(1, |text| number(text));
        let before = match self.values.get(key) {
            Some(Value::Text(text)) => number(text),
            _ => 0,
        };
        let after = before + by;
        self.values
            .insert(key.to_vec(), Value::Text(after.to_string().into_bytes()));
        Reply::Integer(after)
    }
}

impl Calls for Keyspace {
    fn call(&mut self, args: &[&[u8]]) -> Result<Reply, CommandError> {
        let name = String::from_utf8_lossy(args[0]).to_lowercase();
        let Some((_, least, writes)) = COMMANDS.iter().find(|(known, ..)| *known == name) else {
            return Err(ScriptError::UnknownCommand.into());
        };
        if args.len() < *least {
            return Err(ScriptError::WrongArity.into());
        }
        if name == "subscribe" {
            return Err(ScriptError::Forbidden.into());
        }
        if *writes && self.flags.contains(ScriptFlags::NO_WRITES) {
            return Err(ScriptError::ReadOnly.into());
        }
        self.run(&name, args)
    }

    fn log(&mut self, level: u8, message: &[u8]) {
        self.logged.push((level, message.to_vec()));
    }

    fn is_command(&self, name: &[u8]) -> bool {
        COMMANDS.iter().any(|(known, ..)| known.as_bytes() == name)
    }
}
