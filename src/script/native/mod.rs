//! Lock scripts without a Lua VM.
//!
//! A script in a small, exactly understood subset of Lua 5.1 is parsed into a tree, checked, and
//! interpreted: compare-and-delete in any spelling, compare-and-expire, Redlock's scripts over
//! several keys. There are no templates. An edit to a script runs with its own meaning, or the
//! script is [`NotNative`] and runs in Lua.
//!
//! Invariants: a [`Program`] touches no key outside KEYS, so that its caller can lock their
//! shards and nothing else; what a run can cost is known before it begins ([`Program::is_small`],
//! [`Program::is_bounded`]); whatever compiles gives the reply and the keyspace that Redis gives. A
//! script that Lua would reject never compiles.

mod ast;
mod check;
mod commands;
mod lexer;
mod number;
mod operation;
mod parser;
mod release;
mod run;
mod selection;
mod value;
mod work;

#[cfg_attr(fuzzing, expect(dead_code, reason = "tests use more of it"))]
#[cfg(any(test, fuzzing))]
pub(crate) mod differential;

use std::fmt;

use self::ast::{Line, Script};
use self::release::Release;
use self::run::Run;
use self::selection::Selection;
use self::work::{Longest, Work};
use super::Calls;
use crate::resp::reply::Reply;

pub use self::commands::{KeyPositions, native_keys};

/// A longer script is not native. The longest lock script known has 2 KB.
pub const SCRIPT_BYTES_MAX: usize = 16 * 1024;

/// Blocks and expressions nested deeper are not native.
pub const NESTING_MAX: usize = 64;

/// Names and literals in a script. Lua's messages change at 256 of them, and the depth of a
/// chain such as `a + b + c` is bounded by it.
const CONSTANTS_MAX: usize = 250;

/// Names and literals in one statement. With [`LOCALS_MAX`] it keeps a statement well within
/// the 250 registers that Lua has for both.
const STATEMENT_CONSTANTS_MAX: usize = 120;

/// Locals alive at once; Lua's own limit is 200.
const LOCALS_MAX: usize = 64;

/// Arguments of a command or expressions in a list; Lua's own limit is near 250.
const ARGUMENTS_MAX: usize = 64;

/// The largest literal that bounds a loop.
const COUNT_LITERAL_MAX: f64 = 1_000.0;

/// More elements than these make Lua's `unpack` fail.
const UNPACKED_MAX: usize = 7_999;

/// Bytes that one run may join with `..`: what Lua may hold by default.
const JOINED_BYTES_MAX: usize = 64 << 20;

/// A script that runs natively. It is compiled once and run any number of times, from any thread.
pub struct Program {
    /// Runs first; the others know nothing of it.
    selection: Option<Selection>,
    script: Script,
    release: Option<Release>,
    work: Work,
}

/// Why a script does not run natively. It is then Lua's, which may find it in order or not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotNative {
    /// The line of the script, counted from 1.
    pub line: u32,
    /// A sentence for people, without capital and full stop.
    pub reason: String,
}

impl fmt::Display for NotNative {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.reason)
    }
}

impl std::error::Error for NotNative {}

impl Program {
    /// Compiles a script. Costs time linear in its length and never panics, whatever it is given.
    ///
    /// # Errors
    /// What keeps the script out of the native subset.
    pub fn compile(body: &[u8]) -> Result<Program, NotNative> {
        let mut script = parser::Parser::script(body)?;
        check::check(&script)?;
        let selection = Selection::take(&mut script);
        let release = Release::of(&script);
        Ok(Program {
            selection,
            work: Work::of(&script),
            script,
            release,
        })
    }

    /// Whether the script selects a database before it looks at a key.
    #[inline]
    pub fn selects(&self) -> bool {
        self.selection.is_some()
    }

    /// Selects the database that the script asks for, if it does. Its caller holds no shard yet, and
    /// goes back to the former database after the [run](Program::run).
    ///
    /// # Errors
    /// The reply of the script, which ends here.
    pub fn select<C: Calls + ?Sized>(
        &self,
        sha1_hex: &str,
        keys: &[&[u8]],
        argv: &[&[u8]],
        calls: &mut C,
    ) -> Result<(), Reply> {
        let Some(selection) = &self.selection else {
            return Ok(());
        };
        let blocks = (selection.statements(), &[][..]);
        // A call whose value is dropped answers nothing but an error that it raises.
        match Run::answer(&self.script, blocks, sha1_hex, keys, argv, calls) {
            error @ Reply::Error(_) => Err(error),
            _ => Ok(()),
        }
    }

    /// Whether a run with these arguments looks at one key once: such a run holds no lock but that
    /// of its one step.
    #[inline]
    pub fn is_one_lookup(&self, keys: &[&[u8]], argv: &[&[u8]]) -> bool {
        let release = self.release.as_ref();
        release.is_some_and(|release| release.is_all(keys, argv))
    }

    /// Whether a run with these arguments is short, however long its strings are.
    #[inline]
    pub fn is_small(&self, keys: &[&[u8]], argv: &[&[u8]]) -> bool {
        self.work.is_small(keys.len(), argv.len())
    }

    /// Whether a run that is not [small](Program::is_small) ends soon all the same: some
    /// milliseconds. `value_bytes` tells how long the value of a key is; the caller holds their
    /// shards from this look to the end of the run.
    pub fn is_bounded(
        &self,
        keys: &[&[u8]],
        argv: &[&[u8]],
        value_bytes: impl FnMut(&[u8]) -> usize,
    ) -> bool {
        let all = keys.iter().chain(argv);
        let argument = all.map(|text| text.len()).max().unwrap_or_default();
        let without_values = Longest { argument, value: 0 };
        if !self.work.is_bounded(keys.len(), argv.len(), without_values) {
            return false;
        }
        if !self.work.copies() {
            return true;
        }
        let value = keys
            .iter()
            .copied()
            .map(value_bytes)
            .max()
            .unwrap_or_default();
        let longest = Longest { argument, value };
        self.work.is_bounded(keys.len(), argv.len(), longest)
    }

    /// Runs the script behind [what it selects](Program::select). The caller holds the shards of all
    /// `keys`, if it is not [one lookup](Program::is_one_lookup); no other key is touched.
    ///
    /// `sha1_hex` names the script in error replies. Errors are replies too, as Redis words them.
    pub fn run<C: Calls + ?Sized>(
        &self,
        sha1_hex: &str,
        keys: &[&[u8]],
        argv: &[&[u8]],
        calls: &mut C,
    ) -> Reply {
        let release = self.release.as_ref();
        let blocks = match release.and_then(|release| release.run(keys, argv, calls)) {
            Some(true) => return Reply::Integer(1),
            Some(false) => match release.and_then(Release::refusal) {
                Some(number) => return Reply::Integer(number),
                None => Release::otherwise(&self.script),
            },
            None => (self.script.body.as_slice(), &[][..]),
        };
        Run::answer(&self.script, blocks, sha1_hex, keys, argv, calls)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::differential::{Case, Held, KEY_NAMES, NOW_UNIX_MS, run_native};
    use super::*;

    fn answer(body: &str, keys: usize, argv: &[&[u8]]) -> Reply {
        let program = Program::compile(body.as_bytes()).expect(body);
        let case = Case {
            keys: KEY_NAMES
                .iter()
                .take(keys)
                .map(|key| key.to_vec())
                .collect(),
            argv: argv.iter().map(|arg| arg.to_vec()).collect(),
            before: vec![(
                b"lock:a".to_vec(),
                Held::Text {
                    value: b"t".to_vec(),
                    ttl_ms: None,
                },
            )],
        };
        run_native(&program, &case, body.as_bytes(), NOW_UNIX_MS).reply
    }

    fn refusal(body: &str) -> String {
        Program::compile(body.as_bytes())
            .err()
            .expect(body)
            .to_string()
    }

    #[test]
    fn a_program_is_shared_by_threads() {
        fn is_shared<T: Send + Sync>() {}
        is_shared::<Program>();
    }

    #[test]
    fn compare_and_delete_needs_the_token() {
        let body = "if redis.call('get', KEYS[1]) == ARGV[1] then \
                    return redis.call('del', KEYS[1]) else return 0 end";
        assert_eq!(answer(body, 1, &[b"t"]), Reply::Integer(1));
        assert_eq!(answer(body, 1, &[b"other"]), Reply::Integer(0));
    }

    #[test]
    fn a_runtime_error_names_script_and_line() {
        let body = "local x = ARGV[1]\nreturn x < 5";
        let sha1 = sha1_smol::Sha1::from(body.as_bytes()).digest();
        let line = format!(
            "ERR user_script:2: attempt to compare string with number script: {sha1}, \
             on @user_script:2."
        );
        assert_eq!(
            answer(body, 0, &[b"4"]),
            Reply::Error(line.into_bytes().into())
        );
    }

    #[test]
    fn a_key_must_be_an_element_of_keys() {
        for body in [
            "return redis.call('get', ARGV[1])",
            "return redis.call('get', 'lock')",
            "return redis.call('get', KEYS[1] .. 'x')",
            "return redis.call('del', KEYS[1], ARGV[1])",
            "return redis.call('msetnx', KEYS[1], 1, ARGV[1], 2)",
            "return redis.call('del', KEYS[1], unpack(ARGV))",
            "return redis.call('mset', KEYS[1], unpack(ARGV))",
            "return redis.call('get', KEYS[1] or 'lock')",
            "local k = KEYS[1] k = ARGV[1] return redis.call('get', k)",
            "local k = KEYS[1] for i = 1, 2 do local m = k redis.call('get', m) k = 'x' end",
            "for i, k in ipairs(KEYS) do redis.call('get', k) k = 'x' end",
            "for i, k in ipairs(ARGV) do redis.call('get', k) end",
            "for k in ipairs(KEYS) do redis.call('get', k) end",
        ] {
            assert!(refusal(body).contains("is not taken from KEYS") || body.contains("unpack"));
        }
        for body in [
            "local k = KEYS[1] local m = k return redis.call('get', m)",
            "for i = #KEYS, 1, -1 do redis.call('get', KEYS[i]) end",
            "return redis.call('set', KEYS[1], unpack(ARGV))",
            "return redis.call('mset', KEYS[1], ARGV[1], KEYS[2], ARGV[1])",
        ] {
            assert!(Program::compile(body.as_bytes()).is_ok(), "{body}");
        }
    }

    #[test]
    fn no_loop_is_longer_than_the_arguments() {
        for body in [
            "while true do end",
            "repeat until true",
            "for i = 1, ARGV[1] do end",
            "for i = 1, 1e9 do end",
            "for i = 1, #KEYS, 0 do end",
            "for i = 1, #KEYS do for j = 1, #KEYS do end end",
            "local s = 'x' for i = 1, #ARGV do s = s .. s end",
            "for i = 1, #KEYS do redis.call('del', unpack(KEYS)) end",
            "local t = {1} for i = 1, #ARGV do t = {t, t} end return t",
            "local t = {1} for i = 1, #ARGV do t = {ok = t or 1} end return t",
            "local t, u = {1} for i = 1, #ARGV do u = {t} t = u end return t",
            "local t = {1} for i = 1, #ARGV do t = {1, {t[1]}} end return t",
            "local function f() return f() end",
        ] {
            refusal(body);
        }
    }

    #[test]
    fn a_refusal_names_the_line_and_the_reason() {
        let body = "local a = 1\n\nreturn cjson.encode(a)";
        assert_eq!(refusal(body), "line 3: 'cjson' is not in the native subset");
        assert_eq!(
            refusal("#!lua\nreturn 1"),
            "line 1: '#' is not in the native subset here"
        );
    }

    #[test]
    fn more_elements_than_lua_can_unpack_are_an_error() {
        let body = "return redis.call('exists', KEYS[1], unpack(KEYS))";
        let program = Program::compile(body.as_bytes()).unwrap();
        let run = |count: usize| {
            let case = Case {
                keys: vec![b"lock:a".to_vec(); count],
                argv: vec![],
                before: vec![],
            };
            run_native(&program, &case, body.as_bytes(), NOW_UNIX_MS).reply
        };
        assert_eq!(run(7_999), Reply::Integer(0));
        let Reply::Error(line) = run(8_000) else {
            panic!("8,000 elements are unpacked")
        };
        assert!(line.starts_with(b"ERR user_script:1: too many results to unpack script: "));
    }

    #[test]
    fn deep_and_long_scripts_are_refused_or_run() {
        for (part, tail) in [("(", ")"), ("not ", ""), ("- ", ""), ("{", "}"), ("#", "")] {
            for count in [60, 70, 5_000] {
                let body = format!("return {}1{}", part.repeat(count), tail.repeat(count));
                if Program::compile(body.as_bytes()).is_ok() {
                    answer(&body, 0, &[]);
                }
                assert!(count <= NESTING_MAX || Program::compile(body.as_bytes()).is_err());
            }
        }
        for part in [
            "+ ARGV[1]",
            ".. ARGV[1]",
            "== ARGV[1]",
            "and ARGV[1]",
            ".ok",
            "[1]",
        ] {
            for count in [50, 110, 245, 3_000] {
                let body = format!("return (ARGV[1]) {}", part.repeat(count));
                if Program::compile(body.as_bytes()).is_ok() {
                    answer(&body, 0, &[b"1"]);
                }
                assert!(
                    count <= STATEMENT_CONSTANTS_MAX || Program::compile(body.as_bytes()).is_err()
                );
            }
        }
        let blocks = format!("{}{}", "do ".repeat(3_000), "end ".repeat(3_000));
        refusal(&blocks);
        refusal(&" ".repeat(SCRIPT_BYTES_MAX + 1));
    }

    proptest! {
        #[test]
        fn any_bytes_compile_or_are_refused(body in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = Program::compile(&body);
        }

        #[test]
        fn any_words_compile_or_are_refused(
            words in prop::collection::vec(prop::sample::select(vec![
                "if", "then", "else", "end", "for", "in", "do", "local", "return", "break", "=",
                "==", "x", "KEYS", "ARGV", "[", "]", "1", "(", ")", "{", "}", "redis", ".", "call",
                "'get'", ",", "#", "..", "-", "not", "and", "ipairs", "unpack", "tonumber", "nil",
                "[[", "--[[", "\n", ";", "'", "\\", "0x", "err",
            ]), 0..60)
        ) {
            let body = words.join(" ");
            if let Ok(program) = Program::compile(body.as_bytes()) {
                let case = Case { keys: vec![], argv: vec![], before: vec![] };
                run_native(&program, &case, body.as_bytes(), NOW_UNIX_MS);
            }
        }
    }
}
