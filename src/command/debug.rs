//! DEBUG: for tests of clients, and to see how a lock behaves while its server stands still.

mod faults;

use std::time::Duration;

use crate::clock::Stopwatch;
use crate::command::{Access, CommandResult, Context, Outcome, args};
use crate::config::GuardedAccess;
use crate::error::{CommandError, Quoted};
use crate::fault::FaultKind;
use crate::fiber::{self, Nap};
use crate::gate::Hold;
use crate::glob::{self, Case};
use crate::keyspace::Sweep;
use crate::resp::Protocol;
use crate::resp::reply::Reply;

/// What the subcommands are given, and what they do.
const HELP: [&str; 36] = [
    "DEBUG <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
    "ADVANCE <milliseconds>",
    "    Moves the server's time forward: what is then due expires.",
    "CRASH",
    "    Ends the server as if it were killed; in a cluster, this instance alone.",
    "DELAY <milliseconds> [<jitter>]",
    "    Replies leave that much later, and up to <jitter> more, in order; 0 ends it.",
    "DROP <count>",
    "    Applies the next commands that work on keys and never answers them. A connection that",
    "    has lost a reply stays silent until it is closed; 0 ends it.",
    "ERROR <string>",
    "    Returns the string as an error.",
    "LOG <message>",
    "    Writes the message to the server's log.",
    "OBJECT <key>",
    "    Tells how a value is stored.",
    "PAUSE <milliseconds>",
    "    Answers nothing and reads no further request for so long, as under SIGSTOP; locks expire",
    "    meanwhile. 0 ends it.",
    "PROTOCOL <type>",
    "    Returns a value of a type: string, integer, double, bignum, null, array, set, map,",
    "    attrib, push, verbatim, true, false.",
    "REFUSE [<count>]",
    "    Answers the next commands, or all, by an error; 0 ends it.",
    "RESET",
    "    Ends all faults, and the connections that have lost a reply.",
    "RESTART-EMPTY",
    "    Forgets everything and closes all connections, as a restart without persistence would.",
    "SET-ACTIVE-EXPIRE <0|1>",
    "    Whether keys are removed when they expire, or only when somebody looks for them.",
    "SLEEP <seconds>",
    "    Lets the server stand still. The other servers of a process go on.",
    "STRINGMATCH-LEN <pattern> <string>",
    "    Tells whether a pattern matches.",
    "HELP",
    "    Lists the subcommands, each with a sentence.",
];

/// Looks into the server, or makes trouble; only with `enable-debug-command`.
///
/// `DEBUG ADVANCE milliseconds | CRASH | DELAY milliseconds [jitter] | DROP count | ERROR string |
/// LOG message | OBJECT key | PAUSE milliseconds | PROTOCOL type | REFUSE [count] | RESET |
/// RESTART-EMPTY | SET-ACTIVE-EXPIRE 0 | 1 | SLEEP seconds | STRINGMATCH-LEN pattern string | HELP`
///
/// The faults among them are those of [`Fault`](crate::fault::Fault), where each is described.
pub fn debug(ctx: &mut Context<'_>, args: &[&[u8]]) -> CommandResult {
    check_allowed(ctx)?;
    match (args[1].to_ascii_uppercase().as_slice(), &args[2..]) {
        (b"HELP", []) => {
            let lines = HELP.iter().map(|line| Reply::status(line));
            Ok(Reply::Array(lines.collect()).into())
        }
        (b"ERROR", [text]) => Ok(error(text).into()),
        (b"LOG", [message]) => {
            tracing::warn!("DEBUG LOG: {}", String::from_utf8_lossy(message));
            Ok(Reply::OK.into())
        }
        (b"OBJECT", [name]) => object(ctx, name),
        (b"PROTOCOL", [kind]) => example(ctx.session.protocol, kind),
        (b"SET-ACTIVE-EXPIRE", [switch]) => {
            let is_off = args::parse_integer(switch).unwrap_or(0) == 0;
            let sweep = if is_off { Sweep::Off } else { Sweep::On };
            ctx.instance.keyspace.sweep(sweep);
            Ok(Reply::OK.into())
        }
        (b"SLEEP", [seconds]) => sleep(ctx, seconds),
        (b"STRINGMATCH-LEN", [pattern, text]) => {
            let is_match = glob::matches(pattern, text, Case::Sensitive);
            Ok(Reply::from(is_match).into())
        }
        (name, args_behind) => {
            let kind = FaultKind::named(name);
            let inflicted = kind.and_then(|kind| faults::inflict(ctx, kind, args_behind));
            inflicted.unwrap_or_else(|| {
                Err(CommandError::SubcommandArity {
                    container: "debug",
                    subcommand: Quoted::cut(args[1]),
                })
            })
        }
    }
}

/// Whether this client may use DEBUG.
///
/// # Errors
/// It may not.
pub fn check_allowed(ctx: &Context<'_>) -> Result<(), CommandError> {
    let is_allowed = match ctx.instance.config.settings.debug_command {
        GuardedAccess::Everybody => true,
        GuardedAccess::Local => ctx.session.client.address.is_local(),
        GuardedAccess::Nobody => false,
    };
    is_allowed.then_some(()).ok_or(CommandError::DebugDenied)
}

fn error(text: &[u8]) -> Reply {
    let line: Vec<u8> = text
        .iter()
        .map(|byte| match byte {
            b'\r' | b'\n' => b' ',
            byte => *byte,
        })
        .collect();
    Reply::Error(line.into())
}

/// Keeps the keyspace to itself for so long, and leaves its thread to the other instances.
fn sleep(ctx: &mut Context<'_>, seconds: &[u8]) -> CommandResult {
    if ctx.access != Access::Whole {
        return Ok(Outcome::NeedsWhole);
    }
    // What is no number is none, as in Redis.
    let seconds: f64 = std::str::from_utf8(seconds)
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(0.0);
    let total = Duration::try_from_secs_f64(seconds.max(0.0)).unwrap_or(Duration::MAX);
    let watch = Stopwatch::start();
    while !ctx.instance.is_stopping() {
        match total.checked_sub(watch.elapsed()) {
            None | Some(Duration::ZERO) => break,
            Some(rest) => {
                ctx.instance.gate.park(Hold::Parked);
                fiber::pause(Nap::For(rest));
            }
        }
    }
    Ok(Reply::OK.into())
}

/// As Redis tells it, for a value that has neither an address nor a time of its last use.
fn object(ctx: &mut Context<'_>, name: &[u8]) -> CommandResult {
    let key = ctx.key(name);
    let value = key.value().ok_or(CommandError::NoSuchKey)?;
    let (encoding, stored_bytes) = match (args::parse_integer(value), value.len()) {
        (Some(number), _) => ("int", 1 + integer_bytes(number)),
        (None, length) if length <= EMBEDDED_BYTES_MAX => ("embstr", length_bytes(length) + length),
        (None, length) => ("raw", length_bytes(length) + length),
    };
    let line = format!(
        "Value at:0x0 refcount:1 encoding:{encoding} serializedlength:{stored_bytes} lru:0 \
         lru_seconds_idle:0"
    );
    Ok(Reply::Status(line.into_bytes().into()).into())
}

/// The longest string that Redis stores beside its header.
const EMBEDDED_BYTES_MAX: usize = 44;

/// Bytes of a number in Redis's file format, without its mark; as text if it has more than 32 bits.
fn integer_bytes(number: i64) -> usize {
    match (
        i8::try_from(number),
        i16::try_from(number),
        i32::try_from(number),
    ) {
        (Ok(_), ..) => 1,
        (_, Ok(_), _) => 2,
        (.., Ok(_)) => 4,
        _ => number.to_string().len(),
    }
}

/// Bytes of a length in Redis's file format.
fn length_bytes(length: usize) -> usize {
    match length {
        0..64 => 1,
        64..16_384 => 2,
        _ => 5,
    }
}

/// Redis's example of a double.
#[expect(clippy::approx_constant, reason = "it stands for no circle")]
const EXAMPLE_DOUBLE: f64 = 3.141;

/// A value of the type that is named.
fn example(protocol: Protocol, kind: &[u8]) -> CommandResult {
    let numbers = || vec![Reply::Integer(0), Reply::Integer(1), Reply::Integer(2)];
    let reply = match kind.to_ascii_lowercase().as_slice() {
        b"string" => Reply::bulk("Hello World"),
        b"integer" => Reply::Integer(12345),
        b"double" => Reply::Double(EXAMPLE_DOUBLE),
        b"null" => Reply::Null,
        b"array" => Reply::Array(numbers()),
        b"set" => Reply::Set(numbers()),
        b"map" => {
            let pair = |number: i64| (Reply::Integer(number), Reply::Boolean(number == 1));
            Reply::Map((0..3).map(pair).collect())
        }
        // An attribute may be left out, and no reply here has one.
        b"attrib" => Reply::bulk("Some real reply following the attribute"),
        b"push" if protocol == Protocol::Resp2 => return Err(CommandError::NoResp2),
        b"push" => {
            let data = vec![Reply::bulk("server-cpu-usage"), Reply::Integer(42)];
            let reply = Reply::bulk("Some real reply following the push reply");
            return Ok(Outcome::Many(vec![Reply::Push(data), reply]));
        }
        b"verbatim" => Reply::Verbatim("This is a verbatim\nstring".to_owned()),
        b"true" => Reply::Boolean(true),
        b"false" => Reply::Boolean(false),
        b"bignum" => Reply::BigNumber("1234567999999999999999999999999999999".as_bytes().into()),
        _ => return Err(CommandError::ProtocolType),
    };
    Ok(reply.into())
}
