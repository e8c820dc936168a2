//! Scripts: two ways to run one, with one result.
//!
//! A script in the native subset is checked once and then interpreted by `native` under the
//! shard locks of its keys; every other script runs in the sandboxed Lua 5.1 of `lua` while
//! the keyspace stands still. Both reach commands through [`Calls`] and nothing else.

pub mod cache;
pub mod lua;
pub mod native;
pub mod shebang;

#[cfg(test)]
mod differential;

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

/// What `redis.call` and its kin reach.
pub trait Calls {
    /// Runs one command (its name first) on behalf of the script.
    ///
    /// # Errors
    /// The command's own error, or that a script may not call it. The script's SHA-1 and line
    /// are appended by the caller.
    fn call(&mut self, args: &[&[u8]]) -> Result<Reply, CommandError>;

    /// Deletes `key` by `deletion` if a GET of it answers `value`, as one step; tells whether it
    /// did. `None`: not here, call the two commands.
    fn remove_if_equal(&mut self, deletion: Deletion, key: &[u8], value: &[u8]) -> Option<bool> {
        let _ = (deletion, key, value);
        None
    }

    /// Whether a GET of `key` answers `value`, where nobody wants the answer itself. `None`: not
    /// here, call the command.
    fn holds_value(&mut self, key: &[u8], value: &[u8]) -> Option<bool> {
        let _ = (key, value);
        None
    }

    /// What EXISTS of one key answers: whether it is there. `None`: not here, call the command.
    fn exists(&mut self, key: &[u8]) -> Option<bool> {
        let _ = key;
        None
    }

    /// `redis.log`: a line for the server's log at Redis's level 0 (debug) to 3 (warning).
    fn log(&mut self, level: u8, message: &[u8]);

    /// `redis.acl_check_cmd`: whether there is a command of this name.
    fn is_command(&self, name: &[u8]) -> bool;
}
