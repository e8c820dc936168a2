//! What a script is refused by the server. The language's own messages are Lua's and stay there.

use super::{GENERAL_CODE, Quoted};
use crate::resp::reply::Blob;

/// The line that `redis.error_reply` makes of a text: code, blank, message.
///
/// A NUL ends the text, a leading `-` is dropped, a text of one word gets the general code, and the
/// message has no line end around it.
pub fn error_reply_line(text: &[u8]) -> Blob {
    let text = text.split(|&byte| byte == 0).next().unwrap_or_default();
    let text = text.strip_prefix(b"-").unwrap_or(text);
    let (code, message) = match text.iter().position(|&byte| byte == b' ') {
        Some(blank) => text.split_at(blank + 1),
        None => (GENERAL_CODE.as_bytes(), text),
    };
    let is_text = |byte: &u8| !matches!(byte, b'\r' | b'\n');
    let start = message.iter().position(is_text).unwrap_or(message.len());
    let end = message.iter().rposition(is_text).map_or(start, |at| at + 1);
    let mut line = Blob::from_slice(code);
    line.extend_from_slice(&message[start..end]);
    line
}

/// A script that may not be, may not run, or may not do what it tries.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum ScriptError {
    /// A first line `#!...` without an end.
    #[error("ERR Invalid script shebang")]
    Shebang,
    /// A first line whose words cannot be told apart.
    #[error("ERR Invalid engine in script shebang")]
    EngineUnreadable,
    /// A script of another engine.
    #[error("ERR Unexpected engine in script shebang: {engine}")]
    Engine {
        /// As it was given, with `#!`.
        engine: Quoted,
    },
    /// An option of the first line other than `flags=`.
    #[error("ERR Unknown lua shebang option: {option}")]
    ShebangOption {
        /// As it was given.
        option: Quoted,
    },
    /// A flag that there is not.
    #[error("ERR Unexpected flag in script shebang: {flag}")]
    Flag {
        /// As it was given.
        flag: Quoted,
    },
    /// A script that Lua cannot compile.
    #[error("ERR Error compiling script (new function): {message}")]
    Compile {
        /// Lua's message.
        message: Quoted,
    },
    /// `redis.call` of a command that there is not.
    #[error("ERR Unknown Redis command called from script")]
    UnknownCommand,
    /// `redis.call` with too few or too many arguments.
    #[error("ERR Wrong number of args calling Redis command from script")]
    WrongArity,
    /// `redis.call` of a command that scripts must not run.
    #[error("ERR This Redis command is not allowed from script")]
    Forbidden,
    /// A change by a script that only reads.
    #[error("ERR Write commands are not allowed from read-only scripts.")]
    ReadOnly,
    /// A script that may write, and EVAL_RO.
    #[error("ERR Can not execute a script with write flag using *_ro command.")]
    WritesUnderReadOnly,
    /// A word that is no mode of SCRIPT DEBUG.
    #[error("ERR Use SCRIPT DEBUG YES/SYNC/NO")]
    DebugMode,
    /// SCRIPT DEBUG in a transaction.
    #[error("ERR SCRIPT DEBUG must be called outside a pipeline")]
    DebugPipelined,
    /// A script of a connection that has asked for the debugger.
    #[error("ERR there is no Lua debugger, and the script was not run; SCRIPT DEBUG NO allows it")]
    NoDebugger,
    /// `redis.call` with an argument that is neither string nor number.
    #[error("ERR Lua redis lib command arguments must be strings or integers")]
    ArgumentType,
    /// `redis.call()`
    #[error("ERR Please specify at least one argument for this redis lib call")]
    NoArguments,
    /// `redis.error_reply` and `redis.status_reply` of anything but one string.
    #[error("ERR wrong number or type of arguments")]
    ReplyText,
    /// `redis.sha1hex` of anything but one value.
    #[error("ERR wrong number of arguments")]
    Sha1Arity,
    /// `redis.acl_check_cmd` of a command that there is not.
    #[error("ERR Invalid command passed to redis.acl_check_cmd()")]
    AclUnknownCommand,
    /// `redis.log` without a text.
    #[error("ERR redis.log() requires two arguments or more.")]
    LogArity,
    /// `redis.log` at something that is no number.
    #[error("ERR First argument must be a number (log level).")]
    LogLevelType,
    /// `redis.log` at a level that there is not.
    #[error("ERR Invalid debug level.")]
    LogLevel,
    /// `redis.set_repl` of anything but one value; the two are Redis's miscount.
    #[error("ERR redis.set_repl() requires two arguments.")]
    ReplicationArity,
    /// `redis.set_repl` of unknown flags.
    #[error("ERR Invalid replication flags. Use REPL_AOF, REPL_REPLICA, REPL_ALL or REPL_NONE.")]
    ReplicationFlags,
    /// `redis.setresp` of anything but one value.
    #[error("ERR redis.setresp() requires one argument.")]
    ProtocolArity,
    /// `redis.setresp` of another version.
    #[error("ERR RESP version must be 2 or 3.")]
    Protocol,
    /// A result that is nested too deep.
    #[error("ERR reached lua stack limit")]
    TooDeep,
    /// A result that is larger than it may be.
    #[error("ERR script reply is larger than script-reply-limit")]
    ReplyTooLarge,
    /// SCRIPT KILL, or the end of the server; where it struck is appended.
    #[error("ERR Script killed by user with SCRIPT KILL...")]
    Killed,
    /// An error value that says nothing.
    #[error("ERR unknown error")]
    Unknown,
    /// A call of `redis` from outside of a run.
    #[error("ERR no script is running")]
    NotRunning,
    /// A run inside of a run.
    #[error("ERR another script is running in this Lua state")]
    AlreadyRunning,
    /// A fault of the server.
    #[error("ERR internal error in a function called by the script")]
    Internal,
}

impl ScriptError {
    /// The bytes of the line.
    pub fn line(&self) -> Vec<u8> {
        super::line_of(self)
    }
}
