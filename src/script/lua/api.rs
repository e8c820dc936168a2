//! The `redis` table: what a script calls to reach the server.

use std::ffi::c_int;

use sha1_smol::Sha1;
use smallvec::SmallVec;

use super::convert::{push_command_error, push_reply};
use super::number::to_int;
use super::stack::{Body, Kind, Outcome, Raise, Stack};
use crate::double;
use crate::error::{ScriptError, error_reply_line};
use crate::resp::reply::Reply;

/// The version scripts see; clients' scripts compare it.
pub(super) const REDIS_VERSION: &str = "7.2.4";

/// The same as one number: major, minor and patch in a byte each.
const REDIS_VERSION_NUM: f64 = 0x0007_0204 as f64;

/// The functions, by name.
pub(super) const FUNCTIONS: &[(&str, Body)] = &[
    ("acl_check_cmd", acl_check_cmd),
    ("breakpoint", |stack| {
        stack.push_boolean(false);
        Ok(1)
    }),
    ("call", call),
    ("debug", |_stack| Ok(0)),
    ("error_reply", error_reply),
    ("log", log),
    ("pcall", pcall),
    ("replicate_commands", |stack| {
        stack.push_boolean(true);
        Ok(1)
    }),
    ("set_repl", set_repl),
    ("setresp", setresp),
    ("sha1hex", sha1hex),
    ("status_reply", status_reply),
];

/// The numbers, by name.
pub(super) const NUMBERS: &[(&str, f64)] = &[
    ("LOG_DEBUG", 0.0),
    ("LOG_VERBOSE", 1.0),
    ("LOG_NOTICE", 2.0),
    ("LOG_WARNING", 3.0),
    ("REPL_NONE", 0.0),
    ("REPL_AOF", 1.0),
    ("REPL_SLAVE", 2.0),
    ("REPL_REPLICA", 2.0),
    ("REPL_ALL", 3.0),
    ("REDIS_VERSION_NUM", REDIS_VERSION_NUM),
];

/// Bytes that `redis.sha1hex` takes between two looks.
const DIGESTED_BYTES: usize = 1 << 14;

/// Every replication flag set.
const REPL_ALL: i32 = 3;

/// One argument of a command: bytes that Lua holds, or a number written out.
enum Argument<'s> {
    Bytes(&'s [u8]),
    Number(double::Text),
}

/// `redis.call(command, ...)`: an error of the command ends the script.
fn call(stack: &Stack) -> Outcome {
    if run_command(stack)? {
        Ok(1)
    } else {
        Err(Raise::Value)
    }
}

/// `redis.pcall(command, ...)`: an error of the command is the result.
fn pcall(stack: &Stack) -> Outcome {
    run_command(stack)?;
    Ok(1)
}

/// Leaves the result or the error table on top; tells which.
fn run_command(stack: &Stack) -> Result<bool, Raise> {
    let is_reply = push_answer(stack);
    match stack.host.is_to_end.get() {
        true => Err(Raise::Killed),
        false => Ok(is_reply),
    }
}

fn push_answer(stack: &Stack) -> bool {
    let reply = match collect_arguments(stack) {
        Err(error) => {
            stack.push_error(&error);
            return false;
        }
        Ok(arguments) => {
            let arguments: SmallVec<[&[u8]; 8]> = arguments
                .iter()
                .map(|argument| match argument {
                    Argument::Bytes(bytes) => *bytes,
                    Argument::Number(text) => &**text,
                })
                .collect();
            stack.with_calls(|calls| (calls.call(&arguments), calls.was_slow()))
        }
    };
    if let Some((_, true)) = reply {
        stack.host.look_around();
    }
    match reply.map(|(reply, _)| reply) {
        None => stack.push_error(&ScriptError::NotRunning),
        Some(Ok(Reply::Error(line))) => push_command_error(stack, &line),
        Some(Ok(reply)) => {
            push_reply(stack, &reply);
            return true;
        }
        Some(Err(error)) => match error.into_reply() {
            Reply::Error(line) => push_command_error(stack, &line),
            other => push_reply(stack, &other),
        },
    }
    false
}

fn collect_arguments<'h>(stack: &Stack<'h>) -> Result<SmallVec<[Argument<'h>; 8]>, ScriptError> {
    let count = stack.top();
    if count == 0 {
        return Err(ScriptError::NoArguments);
    }
    (1..=count)
        .map(|index| match stack.kind(index) {
            Kind::String => Ok(Argument::Bytes(stack.bytes(index).unwrap_or_default())),
            Kind::Number => {
                let number = stack.number(index).unwrap_or_default();
                Ok(Argument::Number(double::argument(number)))
            }
            _ => Err(ScriptError::ArgumentType),
        })
        .collect()
}

/// Every command is allowed to the one user there is; only unknown commands are told apart.
fn acl_check_cmd(stack: &Stack) -> Outcome {
    if stack.top() == 0 {
        return fail(stack, &ScriptError::NoArguments);
    }
    let Some(name) = stack.string(1) else {
        return fail(stack, &ScriptError::ArgumentType);
    };
    match stack.with_calls(|calls| calls.is_command(name)) {
        Some(true) => {
            stack.push_boolean(true);
            Ok(1)
        }
        _ => fail(stack, &ScriptError::AclUnknownCommand),
    }
}

/// `redis.error_reply(text)`: a text without a code gets `ERR`.
fn error_reply(stack: &Stack) -> Outcome {
    let Some(text) = only_string(stack) else {
        stack.push_error(&ScriptError::ReplyText);
        return Ok(1);
    };
    stack.push_error_table(&error_reply_line(text));
    Ok(1)
}

/// `redis.status_reply(text)`
fn status_reply(stack: &Stack) -> Outcome {
    let Some(text) = only_string(stack) else {
        stack.push_error(&ScriptError::ReplyText);
        return Ok(1);
    };
    stack.push_table(0, 1);
    stack.push_bytes(text);
    stack.set_field(-2, "ok");
    Ok(1)
}

fn only_string<'h>(stack: &Stack<'h>) -> Option<&'h [u8]> {
    if stack.top() == 1 {
        stack.string(1)
    } else {
        None
    }
}

/// `redis.log(level, text, ...)`: the texts are joined by blanks.
fn log(stack: &Stack) -> Outcome {
    let count = stack.top();
    if count < 2 {
        return fail(stack, &ScriptError::LogArity);
    }
    let Some(level) = stack.number(1) else {
        return fail(stack, &ScriptError::LogLevelType);
    };
    let Ok(level @ 0..=3) = u8::try_from(to_int(level)) else {
        return fail(stack, &ScriptError::LogLevel);
    };
    let texts: Vec<&[u8]> = (2..=count).filter_map(|index| stack.bytes(index)).collect();
    let message = texts.join(&b' ');
    stack.work(message.len())?;
    stack.with_calls(|calls| calls.log(level, &message));
    Ok(0)
}

/// `redis.set_repl(flags)`: checked and otherwise without effect, as there are no replicas.
fn set_repl(stack: &Stack) -> Outcome {
    if stack.top() != 1 {
        return fail(stack, &ScriptError::ReplicationArity);
    }
    let flags = to_int(stack.number(1).unwrap_or_default());
    if flags & !REPL_ALL != 0 {
        return fail(stack, &ScriptError::ReplicationFlags);
    }
    Ok(0)
}

/// `redis.setresp(2 or 3)`
fn setresp(stack: &Stack) -> Outcome {
    if stack.top() != 1 {
        return fail(stack, &ScriptError::ProtocolArity);
    }
    let version = to_int(stack.number(1).unwrap_or_default());
    let Ok(version @ 2..=3) = u8::try_from(version) else {
        return fail(stack, &ScriptError::Protocol);
    };
    stack.host.protocol.set(version);
    Ok(0)
}

/// `redis.sha1hex(text)`: what is no text counts as empty.
fn sha1hex(stack: &Stack) -> Outcome {
    if stack.top() != 1 {
        return fail(stack, &ScriptError::Sha1Arity);
    }
    let mut digest = Sha1::new();
    for piece in stack.bytes(1).unwrap_or_default().chunks(DIGESTED_BYTES) {
        stack.work(2 * piece.len())?;
        digest.update(piece);
    }
    stack.push_bytes(digest.digest().to_string().as_bytes());
    Ok(1)
}

fn fail(stack: &Stack, error: &ScriptError) -> Result<c_int, Raise> {
    stack.push_error(error);
    Err(Raise::Value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn version_number_holds_the_version() {
        let parts: Vec<u32> = REDIS_VERSION
            .split('.')
            .filter_map(|part| part.parse().ok())
            .collect();
        assert_eq!(
            f64::from((parts[0] << 16) | (parts[1] << 8) | parts[2]),
            REDIS_VERSION_NUM
        );
    }
}
