//! Commands on the connection itself.

use crate::REDIS_VERSION;
use crate::client::{self, Mark};
use crate::command::args;
use crate::command::{
    Blocked, Caller, CommandResult, Context, Outcome, monitor, pubsub, transaction,
};
use crate::error::{CommandError, Quoted};
use crate::resp::Protocol;
use crate::resp::reply::Reply;
use crate::session::Replies;

/// The name of the only user.
const USER: &[u8] = b"default";

/// Replies `PONG`, or the message; a subscriber in RESP2 gets an array.
///
/// `PING [message]`
pub fn ping(ctx: &mut Context<'_>, args: &[&[u8]]) -> CommandResult {
    if args.len() > 2 {
        return Err(CommandError::WrongArity {
            command: "ping".into(),
        });
    }
    let message = args.get(1).copied();
    if ctx.session.protocol == Protocol::Resp2 && ctx.session.is_subscribed() {
        let message = message.unwrap_or_default();
        return Ok(Reply::Array(vec![Reply::bulk("pong"), Reply::bulk(message)]).into());
    }
    Ok(message.map_or(Reply::status("PONG"), Reply::bulk).into())
}

/// Replies its argument.
///
/// `ECHO message`
pub fn echo(_ctx: &mut Context<'_>, args: &[&[u8]]) -> CommandResult {
    Ok(Reply::bulk(args[1]).into())
}

/// Closes the connection.
///
/// `QUIT`
pub fn quit(_ctx: &mut Context<'_>, _args: &[&[u8]]) -> CommandResult {
    Ok(Outcome::Close(Reply::OK))
}

/// Brings the connection back to where it began.
///
/// `RESET`
pub fn reset(ctx: &mut Context<'_>, _args: &[&[u8]]) -> CommandResult {
    transaction::abandon(ctx);
    pubsub::unsubscribe_everything(ctx.instance, ctx.session);
    monitor::stop(ctx.instance, ctx.session);
    ctx.session.choose_replies(Replies::On);
    for mark in [Mark::NoEvict, Mark::NoTouch] {
        ctx.session.client.unmark(mark);
    }
    ctx.session.select(0);
    ctx.session.speak(Protocol::Resp2);
    ctx.session
        .client
        .change_labels(|labels| labels.name = "".into());
    ctx.session.is_authenticated = !ctx.instance.config.settings.has_password();
    Ok(Reply::status("RESET").into())
}

/// Selects a database.
///
/// `SELECT index`
pub fn select(ctx: &mut Context<'_>, args: &[&[u8]]) -> CommandResult {
    let database = args::database(args[1], &ctx.instance.keyspace)?;
    ctx.session.select(database);
    Ok(Reply::OK.into())
}

/// Shows the password.
///
/// `AUTH [username] password`
pub fn auth(ctx: &mut Context<'_>, args: &[&[u8]]) -> CommandResult {
    let (user, password) = match args[1..] {
        [_] if !ctx.instance.config.settings.has_password() => {
            return Err(CommandError::NoPassword);
        }
        [password] => (USER, password),
        [user, password] => (user, password),
        _ => return Err(CommandError::Syntax),
    };
    if authenticate(ctx, user, password) {
        Ok(Reply::OK.into())
    } else {
        wrong_password(ctx)
    }
}

/// Replies the user of this connection: the only one.
///
/// `ACL WHOAMI`
pub fn whoami(_ctx: &mut Context<'_>, _args: &[&[u8]]) -> CommandResult {
    Ok(Reply::bulk(USER).into())
}

/// Whether these are the credentials; then the connection may do all.
fn authenticate(ctx: &mut Context<'_>, user: &[u8], password: &[u8]) -> bool {
    let expected = ctx.instance.config.settings.requirepass();
    let is_right = user == USER && expected.is_none_or(|expected| is_same(&expected, password));
    ctx.session.is_authenticated |= is_right;
    is_right
}

/// The answer to a wrong password, at its time.
#[cold]
fn wrong_password(ctx: &mut Context<'_>) -> CommandResult {
    let (instance, client) = (ctx.instance, &ctx.session.client);
    instance.stats.auth_failures.add(1);
    if let Some(count) = instance.auth_failures.to_log(ctx.now) {
        tracing::warn!(
            "wrong passwords: {count} since the last such line, the latest from client {} at {}",
            client.id,
            client.address.peer()
        );
    }
    let per_second = instance.config.settings.auth_failures_per_second();
    let end = instance.auth_failures.answer_at(ctx.now, per_second);
    let error = CommandError::WrongPassword;
    if end.is_none() || ctx.caller != Caller::Client {
        return Err(error);
    }
    let reply = error.into_reply();
    ctx.count_error(&reply);
    Ok(Outcome::Blocked(Box::new(Blocked {
        end,
        reply,
        sync: None,
    })))
}

/// Compares in a time that depends on the lengths alone.
fn is_same(expected: &[u8], given: &[u8]) -> bool {
    let differing = expected
        .iter()
        .zip(given)
        .fold(0, |bits, (a, b)| bits | (a ^ b));
    expected.len() == given.len() && differing == 0
}

/// Greets: chooses the protocol, and tells about the server.
///
/// `HELLO [protover [AUTH username password] [SETNAME clientname]]`
pub fn hello(ctx: &mut Context<'_>, args: &[&[u8]]) -> CommandResult {
    let protocol = match args.get(1) {
        None => None,
        Some(version) => Some(parse_protocol(version)?),
    };
    let greeting = Greeting::parse(args.get(2..).unwrap_or_default())?;
    if let Some((user, password)) = greeting.credentials
        && !authenticate(ctx, user, password)
    {
        return wrong_password(ctx);
    }
    if !ctx.session.is_authenticated {
        return Err(CommandError::HelloNoAuth);
    }
    if let Some(name) = greeting.name {
        client::set_name(&ctx.session.client, name)?;
    }
    if let Some(protocol) = protocol {
        ctx.session.speak(protocol);
    }
    let version = i64::from(ctx.session.protocol.version());
    let id = i64::try_from(ctx.session.client.id).unwrap_or(i64::MAX);
    let pair = |name: &str, value: Reply| (Reply::bulk(name), value);
    Ok(Reply::Map(vec![
        pair("server", Reply::bulk("redis")),
        pair("version", Reply::bulk(REDIS_VERSION)),
        pair("proto", Reply::Integer(version)),
        pair("id", Reply::Integer(id)),
        pair("mode", Reply::bulk("standalone")),
        pair("role", Reply::bulk("master")),
        pair("modules", Reply::Array(Vec::new())),
    ])
    .into())
}

fn parse_protocol(text: &[u8]) -> Result<Protocol, CommandError> {
    let version = args::parse_integer(text).ok_or(CommandError::ProtocolNotAnInteger)?;
    Protocol::from_version(version).ok_or(CommandError::ProtocolUnsupported)
}

#[derive(Default)]
struct Greeting<'a> {
    credentials: Option<(&'a [u8], &'a [u8])>,
    name: Option<&'a [u8]>,
}

impl<'a> Greeting<'a> {
    fn parse(words: &[&'a [u8]]) -> Result<Greeting<'a>, CommandError> {
        let mut greeting = Greeting::default();
        let mut rest = words;
        while let [word, after @ ..] = rest {
            rest = match after {
                [user, password, after @ ..] if args::is(word, "AUTH") => {
                    greeting.credentials = Some((user, password));
                    after
                }
                [name, after @ ..] if args::is(word, "SETNAME") => {
                    greeting.name = Some(name);
                    after
                }
                _ => {
                    let option = Quoted::whole(word);
                    return Err(CommandError::HelloOption { option });
                }
            };
        }
        Ok(greeting)
    }
}
