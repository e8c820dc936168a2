//! CLIENT: what connections are, and what becomes of them.

mod kill;
mod pause;
mod tracking;

use crate::client::{self, Block, Client, Mark};
use crate::command::{CommandResult, Context, Outcome, args};
use crate::error::{CommandError, Quoted};
use crate::resp::reply::Reply;
use crate::session::Replies;

pub use kill::kill;
pub use pause::{pause, unpause};
pub use tracking::{caching, getredir, tracking, trackinginfo};

/// Names the connection.
///
/// `CLIENT SETNAME connection-name`
pub fn setname(ctx: &mut Context<'_>, args: &[&[u8]]) -> CommandResult {
    client::set_name(&ctx.session.client, args[2])?;
    Ok(Reply::OK.into())
}

/// Replies the connection's name, null where it has none.
///
/// `CLIENT GETNAME`
pub fn getname(ctx: &mut Context<'_>, _args: &[&[u8]]) -> CommandResult {
    let name = ctx.session.client.labels().name;
    Ok(Reply::bulk_or_null((!name.is_empty()).then_some(name.as_bytes())).into())
}

/// Tells which client library the connection uses.
///
/// `CLIENT SETINFO LIB-NAME name | LIB-VER version`
pub fn setinfo(ctx: &mut Context<'_>, args: &[&[u8]]) -> CommandResult {
    client::set_library(&ctx.session.client, args[2], args[3])?;
    Ok(Reply::OK.into())
}

/// Replies the connection's id.
///
/// `CLIENT ID`
pub fn id(ctx: &mut Context<'_>, _args: &[&[u8]]) -> CommandResult {
    let id = i64::try_from(ctx.session.client.id).unwrap_or(i64::MAX);
    Ok(Reply::Integer(id).into())
}

/// Replies the connection's line of CLIENT LIST.
///
/// `CLIENT INFO`
pub fn info(ctx: &mut Context<'_>, _args: &[&[u8]]) -> CommandResult {
    let line = client::line(&ctx.session.client, ctx.now);
    Ok(Reply::Verbatim(line + "\n").into())
}

/// Replies a line for each connection.
///
/// `CLIENT LIST [TYPE NORMAL | MASTER | REPLICA | PUBSUB] [ID client-id [client-id ...]]`
pub fn list(ctx: &mut Context<'_>, args: &[&[u8]]) -> CommandResult {
    let filter = ClientFilter::parse(&args[2..])?;
    let mut clients: Vec<_> = ctx
        .instance
        .clients
        .iter()
        .map(|entry| entry.value().clone())
        .filter(|client| filter.accepts(client))
        .collect();
    clients.sort_unstable_by_key(|client| client.id);
    let lines = clients
        .iter()
        .map(|client| client::line(client, ctx.now) + "\n")
        .collect();
    Ok(Reply::Verbatim(lines).into())
}

/// A class of clients, as CLIENT LIST and CLIENT KILL know it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ClientType {
    Normal,
    Subscriber,
    /// Of replication: there is none.
    Replication,
}

impl ClientType {
    fn parse(kind: &[u8]) -> Result<ClientType, CommandError> {
        match kind.to_ascii_lowercase().as_slice() {
            b"normal" => Ok(ClientType::Normal),
            b"pubsub" => Ok(ClientType::Subscriber),
            b"master" | b"replica" | b"slave" => Ok(ClientType::Replication),
            _ => Err(CommandError::ClientType {
                kind: Quoted::whole(kind),
            }),
        }
    }

    fn has(self, client: &Client) -> bool {
        match self {
            ClientType::Normal => !client.is_subscriber(),
            ClientType::Subscriber => client.is_subscriber(),
            ClientType::Replication => false,
        }
    }
}

enum ClientFilter {
    All,
    OfType(ClientType),
    Ids(Vec<i64>),
}

impl ClientFilter {
    fn parse(words: &[&[u8]]) -> Result<ClientFilter, CommandError> {
        match words {
            [] => Ok(ClientFilter::All),
            [word, kind] if args::is(word, "TYPE") => {
                ClientType::parse(kind).map(ClientFilter::OfType)
            }
            [word, ids @ ..] if args::is(word, "ID") && !ids.is_empty() => ids
                .iter()
                .map(|id| args::parse_integer(id))
                .collect::<Option<_>>()
                .map(ClientFilter::Ids)
                .ok_or(CommandError::ClientId),
            _ => Err(CommandError::Syntax),
        }
    }

    fn accepts(&self, client: &Client) -> bool {
        match self {
            ClientFilter::All => true,
            ClientFilter::OfType(kind) => kind.has(client),
            ClientFilter::Ids(ids) => i64::try_from(client.id).is_ok_and(|id| ids.contains(&id)),
        }
    }
}

/// Switches replies off and on.
///
/// `CLIENT REPLY ON | OFF | SKIP`
///
/// SKIP is for the next request alone. Only ON is answered.
pub fn reply(ctx: &mut Context<'_>, args: &[&[u8]]) -> CommandResult {
    let session = &mut *ctx.session;
    match args[2].to_ascii_uppercase().as_slice() {
        b"ON" => {
            session.choose_replies(Replies::On);
            return Ok(Reply::OK.into());
        }
        b"OFF" => session.choose_replies(Replies::Off),
        b"SKIP" if session.replies == Replies::Off => {}
        b"SKIP" => session.choose_replies(Replies::SkipNext),
        _ => return Err(CommandError::Syntax),
    }
    Ok(Outcome::Many(Vec::new()))
}

/// Marks the connection as one not to be closed for its memory, which none is.
///
/// `CLIENT NO-EVICT ON | OFF`
pub fn no_evict(ctx: &mut Context<'_>, args: &[&[u8]]) -> CommandResult {
    set_mark(ctx, args[2], Mark::NoEvict)
}

/// Marks the connection as one whose reads are no use of a key.
///
/// `CLIENT NO-TOUCH ON | OFF`
pub fn no_touch(ctx: &mut Context<'_>, args: &[&[u8]]) -> CommandResult {
    set_mark(ctx, args[2], Mark::NoTouch)
}

fn set_mark(ctx: &mut Context<'_>, switch: &[u8], mark: Mark) -> CommandResult {
    let client = &ctx.session.client;
    match switch.to_ascii_uppercase().as_slice() {
        b"ON" => client.mark(mark),
        b"OFF" => client.unmark(mark),
        _ => return Err(CommandError::Syntax),
    }
    Ok(Reply::OK.into())
}

/// Takes note of what the client can do. No answer here depends on it: nobody is redirected.
///
/// `CLIENT CAPA capability [capability ...]`
pub fn capa(_ctx: &mut Context<'_>, _args: &[&[u8]]) -> CommandResult {
    Ok(Reply::OK.into())
}

/// Ends the wait of a connection: as if its time had come, or with an error.
///
/// `CLIENT UNBLOCK client-id [TIMEOUT | ERROR]`
///
/// Replies whether it waited. One that CLIENT PAUSE holds back does not wait in this sense.
pub fn unblock(ctx: &mut Context<'_>, args: &[&[u8]]) -> CommandResult {
    let reason = match args[3..] {
        [] => Block::TimedOut,
        [word] if args::is(word, "TIMEOUT") => Block::TimedOut,
        [word] if args::is(word, "ERROR") => Block::Refused,
        [_] => return Err(CommandError::UnblockReason),
        _ => {
            return Err(CommandError::SubcommandArity {
                container: "client",
                subcommand: Quoted::cut(args[1]),
            });
        }
    };
    let id = args::integer(args[2])?;
    let client = u64::try_from(id)
        .ok()
        .and_then(|id| ctx.instance.clients.get(&id).map(|entry| entry.clone()));
    let has_waited = client.is_some_and(|client| client.unblock(reason));
    if has_waited {
        ctx.instance.ring_timers();
    }
    Ok(Reply::from(has_waited).into())
}
