//! Lock scripts without a Lua VM.
//!
//! A script in a small, exactly understood subset of Lua 5.1 is parsed into a tree, checked, and
//! interpreted: compare-and-delete in any spelling, compare-and-expire, Redlock's scripts over
//! several keys. There are no templates. An edit to a script runs with its own meaning, or the
//! script is [`NotNative`] and runs in Lua.
//!
//! Invariants: a [`Program`] touches no key outside KEYS, so that its caller can lock their
//! shards and nothing else; its run time is linear in its arguments; whatever compiles gives the
//! reply and the keyspace that Redis gives. A script that Lua would reject never compiles.

mod ast;
mod check;
mod commands;
mod expression;
mod lexer;
mod number;
mod operation;
mod parser;
mod run;
mod value;

#[cfg(test)]
pub(crate) mod differential;

use std::fmt;

use self::ast::{Line, Script};
use self::run::Run;
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

/// Locals alive at once; Lua's own limit is 200.
const LOCALS_MAX: usize = 64;

/// Arguments of a command or expressions in a list; Lua's own limit is near 250.
const ARGUMENTS_MAX: usize = 64;

/// The largest literal that bounds a loop.
const COUNT_LITERAL_MAX: f64 = 1_000.0;

/// More elements than these make Lua's `unpack` fail.
const UNPACKED_MAX: usize = 7_999;

/// Bytes that one run may join with `..` before it fails as Lua does with a string too long.
const JOINED_BYTES_MAX: usize = 512 * 1024 * 1024;

/// A script that runs natively. It is compiled once and run any number of times, from any thread.
pub struct Program {
    script: Script,
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
        let script = parser::Parser::script(body)?;
        check::check(&script)?;
        Ok(Program { script })
    }

    /// Runs the script. The caller holds the shards of all `keys`; no other key is touched.
    ///
    /// `sha1_hex` names the script in error replies. Errors are replies too, as Redis words them.
    pub fn run<C: Calls + ?Sized>(
        &self,
        sha1_hex: &str,
        keys: &[&[u8]],
        argv: &[&[u8]],
        calls: &mut C,
    ) -> Reply {
        Run::new(self.script.slots, keys, argv, calls).answer(&self.script, sha1_hex)
    }
}
