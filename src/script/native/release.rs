//! Compare-and-delete as one step.
//!
//! Most scripts that a lock server runs begin with the same statement: if a key holds a token, its
//! deletion is the answer. Run as it is written it takes two commands and two lookups; a caller
//! that can do it under one lookup ([`Step::Release`]) is asked to, and what the script
//! does otherwise is interpreted as ever.

use super::ast::{Block, Expr, Input, Script, Shape, Statement};
use crate::script::{Calls, Deletion, Step};

/// `if redis.call("get", KEYS[k]) == ARGV[t] then return redis.call("del", KEYS[k])`, with either
/// operand first, either deleting command, and any `else`.
pub(super) struct Release {
    key: usize,
    token: usize,
    deletion: Deletion,
    /// The answer where the key does not hold the token, if it is a plain number.
    refusal: Option<i64>,
}

impl Release {
    /// The first statement of `script`, if it is one.
    pub(super) fn of(script: &Script) -> Option<Release> {
        let Statement::If { arms, .. } = script.body.first()? else {
            return None;
        };
        let [arm] = arms.as_slice() else {
            return None;
        };
        let [Statement::Return(values)] = arm.body.as_slice() else {
            return None;
        };
        let [Expr::Command(delete)] = values.as_slice() else {
            return None;
        };
        let (compared, token) = arm.condition.compared()?;
        let Shape::Remove(deletion) = delete.shape else {
            return None;
        };
        if delete.args.first() != Some(compared) {
            return None;
        }
        match (compared, token) {
            (
                Expr::Element {
                    input: Input::Keys,
                    index: Some(key),
                },
                Expr::Element {
                    input: Input::Argv,
                    index: Some(token),
                },
            ) => Some(Release {
                key: *key,
                token: *token,
                deletion,
                refusal: refusal(script),
            }),
            _ => None,
        }
    }

    /// Runs the statement; `None` if it must be run as it is written, and nothing was done.
    pub(super) fn run<C: Calls + ?Sized>(
        &self,
        keys: &[&[u8]],
        argv: &[&[u8]],
        calls: &mut C,
    ) -> Option<bool> {
        let (key, token) = (keys.get(self.key)?, argv.get(self.token)?);
        calls.step(key, Step::Release(self.deletion, token))
    }

    /// Whether the statement is all that a run with these arguments does.
    pub(super) fn is_all(&self, keys: &[&[u8]], argv: &[&[u8]]) -> bool {
        self.refusal.is_some() && self.key < keys.len() && self.token < argv.len()
    }

    /// The answer where the key does not hold the token, if no statement need be run for it.
    pub(super) fn refusal(&self) -> Option<i64> {
        self.refusal
    }

    /// What the script does where the key does not hold the token.
    pub(super) fn otherwise(script: &Script) -> (&[Statement], &[Statement]) {
        const NOTHING: &Block = &Vec::new();
        match script.body.split_first() {
            Some((Statement::If { otherwise, .. }, rest)) => (otherwise, rest),
            _ => (NOTHING, NOTHING),
        }
    }
}

/// The number that a release answers where it refuses, if it does nothing else.
fn refusal(script: &Script) -> Option<i64> {
    let (otherwise, rest) = Release::otherwise(script);
    let Statement::Return(values) = otherwise.first().or(rest.first())? else {
        return None;
    };
    let [Expr::Number(number)] = values.as_slice() else {
        return None;
    };
    let integer = *number as i64;
    (integer as f64 == *number && integer.abs() < 1 << 53).then_some(integer)
}

#[cfg(test)]
mod tests {
    use super::super::parser::Parser;
    use super::*;

    #[test]
    fn a_plain_refusal_is_known() {
        let release =
            "if redis.call('get',KEYS[1]) == ARGV[1] then return redis.call('del',KEYS[1])";
        for (rest, number) in [
            ("else return 0 end", Some(0)),
            ("end return 7", Some(7)),
            ("else return 0.5 end", None),
            ("else return nil end", None),
            ("else return redis.call('exists', KEYS[1]) end", None),
            ("else local x = 1 end return 0", None),
            ("end", None),
        ] {
            let body = format!("{release} {rest}");
            let script = Parser::script(body.as_bytes()).unwrap_or_else(|why| panic!("{why}"));
            let release = Release::of(&script).unwrap_or_else(|| panic!("{body}"));
            assert_eq!(release.refusal(), number, "{body}");
        }
    }

    fn is_release(body: &str) -> bool {
        let script = Parser::script(body.as_bytes()).unwrap_or_else(|reason| panic!("{reason}"));
        Release::of(&script).is_some()
    }

    #[test]
    fn a_release_is_known_by_its_meaning_and_not_by_its_text() {
        for body in [
            "if redis.call('get',KEYS[1]) == ARGV[1] then return redis.call('del',KEYS[1]) else return 0 end",
            "if ARGV[2] == redis.call(\"GET\", KEYS[2]) then\n return redis.call('UNLINK', KEYS[2]) end return -1",
        ] {
            assert!(is_release(body), "{body}");
        }
        for body in [
            "if redis.call('get',KEYS[1]) ~= ARGV[1] then return redis.call('del',KEYS[1]) else return 0 end",
            "if redis.call('get',KEYS[1]) == ARGV[1] then return redis.call('del',KEYS[2]) else return 0 end",
            "if redis.call('get',KEYS[1]) == KEYS[1] then return redis.call('del',KEYS[1]) else return 0 end",
            "if redis.call('get',KEYS[1]) == ARGV[1] then return redis.call('persist',KEYS[1]) else return 0 end",
            "if redis.call('type',KEYS[1]) == ARGV[1] then return redis.call('del',KEYS[1]) else return 0 end",
            "if redis.call('get',KEYS[1]) == ARGV[1] then return redis.call('del',KEYS[1]), 1 else return 0 end",
            "if redis.call('get',KEYS[1]) == ARGV[1] then redis.call('del',KEYS[1]) return 1 else return 0 end",
            "if redis.call('get',KEYS[1]) == ARGV[1] then return redis.call('del',KEYS[1],KEYS[1]) else return 0 end",
        ] {
            assert!(!is_release(body), "{body}");
        }
    }
}
