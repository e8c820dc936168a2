//! The lines of errors that a script meets.

use super::*;

#[test]
#[expect(clippy::too_many_lines, reason = "a table")]
fn every_script_error_has_its_line() {
    let rows = [
        (ScriptError::Shebang, "ERR Invalid script shebang"),
        (ScriptError::DebugMode, "ERR Use SCRIPT DEBUG YES/SYNC/NO"),
        (
            ScriptError::DebugPipelined,
            "ERR SCRIPT DEBUG must be called outside a pipeline",
        ),
        (
            ScriptError::NoDebugger,
            "ERR there is no Lua debugger, and the script was not run; SCRIPT DEBUG NO allows it",
        ),
        (
            ScriptError::EngineUnreadable,
            "ERR Invalid engine in script shebang",
        ),
        (
            ScriptError::Engine {
                engine: quoted("<engine>"),
            },
            "ERR Unexpected engine in script shebang: <engine>",
        ),
        (
            ScriptError::ShebangOption {
                option: quoted("<option>"),
            },
            "ERR Unknown lua shebang option: <option>",
        ),
        (
            ScriptError::Flag {
                flag: quoted("<flag>"),
            },
            "ERR Unexpected flag in script shebang: <flag>",
        ),
        (
            ScriptError::Compile {
                message: quoted("<message>"),
            },
            "ERR Error compiling script (new function): <message>",
        ),
        (
            ScriptError::UnknownCommand,
            "ERR Unknown Redis command called from script",
        ),
        (
            ScriptError::WrongArity,
            "ERR Wrong number of args calling Redis command from script",
        ),
        (
            ScriptError::Forbidden,
            "ERR This Redis command is not allowed from script",
        ),
        (
            ScriptError::ReadOnly,
            "ERR Write commands are not allowed from read-only scripts.",
        ),
        (
            ScriptError::WritesUnderReadOnly,
            "ERR Can not execute a script with write flag using *_ro command.",
        ),
        (
            ScriptError::ArgumentType,
            "ERR Lua redis lib command arguments must be strings or integers",
        ),
        (
            ScriptError::NoArguments,
            "ERR Please specify at least one argument for this redis lib call",
        ),
        (
            ScriptError::ReplyText,
            "ERR wrong number or type of arguments",
        ),
        (ScriptError::Sha1Arity, "ERR wrong number of arguments"),
        (
            ScriptError::AclUnknownCommand,
            "ERR Invalid command passed to redis.acl_check_cmd()",
        ),
        (
            ScriptError::LogArity,
            "ERR redis.log() requires two arguments or more.",
        ),
        (
            ScriptError::LogLevelType,
            "ERR First argument must be a number (log level).",
        ),
        (ScriptError::LogLevel, "ERR Invalid debug level."),
        (
            ScriptError::ReplicationArity,
            "ERR redis.set_repl() requires two arguments.",
        ),
        (
            ScriptError::ReplicationFlags,
            "ERR Invalid replication flags. Use REPL_AOF, REPL_REPLICA, REPL_ALL or REPL_NONE.",
        ),
        (
            ScriptError::ProtocolArity,
            "ERR redis.setresp() requires one argument.",
        ),
        (ScriptError::Protocol, "ERR RESP version must be 2 or 3."),
        (ScriptError::TooDeep, "ERR reached lua stack limit"),
        (
            ScriptError::ReplyTooLarge,
            "ERR script reply is larger than script-reply-limit",
        ),
        (
            ScriptError::Killed,
            "ERR Script killed by user with SCRIPT KILL...",
        ),
        (ScriptError::Unknown, "ERR unknown error"),
        (ScriptError::NotRunning, "ERR no script is running"),
        (
            ScriptError::AlreadyRunning,
            "ERR another script is running in this Lua state",
        ),
        (
            ScriptError::Internal,
            "ERR internal error in a function called by the script",
        ),
    ];
    assert!(rows.iter().all(|(_, line)| has_code(line)));
    check(include_str!("../script.rs"), &rows);
}
