//! Scripts: two ways to run one, with one result.
//!
//! A script in the native subset is checked once and then interpreted by `native` under the
//! shard locks of its keys; every other script runs in the sandboxed Lua 5.1 of `lua` while
//! the keyspace stands still. Both reach commands through [`Calls`] and nothing else.

pub mod cache;
pub mod lua;
pub mod native;
pub mod reply_size;
pub mod shebang;

#[cfg_attr(fuzzing, expect(dead_code, reason = "tests use more of it"))]
#[cfg(any(test, fuzzing))]
pub(crate) mod differential;

use crate::error::CommandError;
use crate::resp::reply::Reply;

/// The command that deletes a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deletion {
    /// DEL
    Del,
    /// UNLINK
    Unlink,
}

/// What nearly every lock script does with a key, and what becomes of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step<'s> {
    /// `EXISTS key`: whether it is there.
    Exists,
    /// `GET key`: whether it answers this value, where nobody wants the answer itself.
    Holds(&'s [u8]),
    /// `SET key value PX milliseconds`, with the last two: true.
    SetFor(&'s [u8], &'s [u8]),
    /// `DEL key`: whether it was there.
    Remove(Deletion),
    /// GET, and if it answers this value, DEL: whether it did.
    RemoveIfEqual(Deletion, &'s [u8]),
    /// The same, where it is all that the script does: a failure counts as that of a release.
    Release(Deletion, &'s [u8]),
}

/// What `redis.call` and its kin reach.
pub trait Calls {
    /// Runs one command (its name first) on behalf of the script.
    ///
    /// # Errors
    /// The command's own error, or that a script may not call it. The script's SHA-1 and line
    /// are appended by the caller.
    fn call(&mut self, args: &[&[u8]]) -> Result<Reply, CommandError>;

    /// Takes a step without a request and a reply between the script and the keyspace. `None`: it
    /// was not taken, run its commands by [`Calls::call`].
    fn step(&mut self, key: &[u8], step: Step<'_>) -> Option<bool> {
        let _ = (key, step);
        None
    }

    /// Whether the last call took so long that the script should look around.
    fn was_slow(&self) -> bool {
        false
    }

    /// Bytes that the reply of the script may take, by the count of [`reply_size`].
    fn reply_bytes_max(&self) -> usize {
        usize::MAX
    }

    /// `redis.log`: a line for the server's log at Redis's level 0 (debug) to 3 (warning).
    fn log(&mut self, level: u8, message: &[u8]);

    /// `redis.acl_check_cmd`: whether there is a command of this name.
    fn is_command(&self, name: &[u8]) -> bool;
}
