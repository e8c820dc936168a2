//! LOCK: why did I not get the lock? Our own; nothing here changes a key.
//!
//! Every key is taken for a lock, its value for the token of its holder. Who made it is known of a key
//! that SET or MSETEX with NX, SETNX or MSETNX made, while there is room to note it; who
//! wanted it, of those that they have refused since. What is not known is null.

use std::sync::Arc;

use crate::client::Client;
use crate::clock::BootTime;
use crate::command::args;
use crate::command::{CommandResult, Context, Outcome};
use crate::contention::{Record, Refused};
use crate::error::CommandError;
use crate::glob::{self, Case};
use crate::keyspace::{Cursor, Signature, Walked};
use crate::resp::reply::Reply;

/// A client waits that was refused twice or more, the last time within this span.
const WAITING_MS: u64 = 5000;

/// Locks in an answer, unless another number is asked for.
const LIST_COUNT: usize = 100;
const TOP_COUNT: usize = 10;

/// Keys of one step of a walk.
const STEP: usize = 1000;

/// Replies the locks that are held, in no order.
///
/// `LOCK LIST [MATCH pattern] [COUNT count]`
pub fn list(ctx: &mut Context<'_>, args: &[&[u8]]) -> CommandResult {
    let mut pattern = None;
    let mut count = LIST_COUNT;
    let mut rest = &args[2..];
    while let [word, operand, after @ ..] = rest {
        if args::is(word, "MATCH") {
            pattern = Some(*operand);
        } else if args::is(word, "COUNT") {
            count = positive(operand)?;
        } else {
            return Err(CommandError::Syntax);
        }
        rest = after;
    }
    if !rest.is_empty() {
        return Err(CommandError::Syntax);
    }
    let keyspace = &ctx.instance.keyspace;
    let mut keys: Vec<Vec<u8>> = Vec::new();
    let mut cursor = Cursor::START;
    loop {
        cursor = keyspace.walk(
            ctx.session.database,
            cursor,
            STEP,
            ctx.now,
            |Walked { key, .. }| {
                let is_wanted = pattern.is_none_or(|p| glob::matches(p, key, Case::Sensitive));
                if is_wanted && keys.len() < count {
                    keys.push(key.to_vec());
                }
            },
        );
        if cursor == Cursor::START || keys.len() == count {
            break;
        }
    }
    let locks: Vec<Lock> = keys.iter().filter_map(|key| Lock::look(ctx, key)).collect();
    Ok(summaries(ctx, &locks))
}

/// Replies all that is known of a lock, null if nobody holds it.
///
/// `LOCK INFO key`
pub fn info(ctx: &mut Context<'_>, args: &[&[u8]]) -> CommandResult {
    let reply = match Lock::look(ctx, args[2]) {
        Some(lock) => Reply::Map(lock.details(ctx)),
        None => Reply::Null,
    };
    Ok(reply.into())
}

/// Replies the locks with the most refusals since they are held.
///
/// `LOCK TOP [count]`
pub fn top(ctx: &mut Context<'_>, args: &[&[u8]]) -> CommandResult {
    let count = match args[2..] {
        [] => TOP_COUNT,
        [count] => positive(count)?,
        _ => return Err(CommandError::Syntax),
    };
    let wanted = ctx.instance.contention.most_refused(ctx.session.database);
    let mut locks: Vec<Lock> = Vec::new();
    for (_, key) in wanted {
        if locks.len() == count {
            break;
        }
        let lock = Lock::look(ctx, &key);
        locks.extend(lock.filter(|lock| lock.record.is_some()));
    }
    Ok(summaries(ctx, &locks))
}

fn summaries(ctx: &Context<'_>, locks: &[Lock]) -> Outcome {
    let each = locks.iter().map(|lock| Reply::Map(lock.summary(ctx)));
    Reply::Array(each.collect()).into()
}

fn positive(text: &[u8]) -> Result<usize, CommandError> {
    match usize::try_from(args::integer(text)?) {
        Ok(count) if count > 0 => Ok(count),
        _ => Err(CommandError::Syntax),
    }
}

/// A lock at one moment.
struct Lock {
    key: Vec<u8>,
    token: Vec<u8>,
    deadline: Option<BootTime>,
    signature: Option<Signature>,
    record: Option<Record>,
}

type Fields = Vec<(Reply, Reply)>;

impl Lock {
    fn look(ctx: &mut Context<'_>, key: &[u8]) -> Option<Lock> {
        let database = ctx.session.database;
        let instance = ctx.instance;
        let guard = ctx.key(key);
        let holding = guard.exists().then(|| guard.holding());
        let record = instance.contention.look(database, key, holding);
        Some(Lock {
            key: key.to_vec(),
            token: guard.value()?.to_vec(),
            deadline: guard.deadline(),
            signature: guard.signature(),
            record,
        })
    }

    fn summary(&self, ctx: &Context<'_>) -> Fields {
        let holder = self.holder(ctx);
        let id = self.signature.map(|signature| number(signature.maker()));
        let held = self
            .signature
            .map(|signature| since(signature.made(), ctx.now));
        let ttl = self
            .deadline
            .map_or(-1, |deadline| millis(ctx.now, deadline));
        let latest = self.record.as_ref().and_then(Record::latest);
        let mut fields = vec![
            field("key", Reply::bulk(&self.key)),
            field("token", Reply::bulk(&self.token)),
            field("holder-id", id.unwrap_or(Reply::Null)),
            field("holder-name", name(holder.as_deref())),
            field("holder-addr", address(holder.as_deref())),
            field("held-ms", held.unwrap_or(Reply::Null)),
            field("ttl-ms", Reply::Integer(ttl)),
            field(
                "refusals",
                number(self.record.as_ref().map_or(0, |record| record.refusals)),
            ),
            field("waiting", Reply::from(self.waiting(ctx).count())),
        ];
        let client = latest.map(|latest| &*latest.client);
        let ago = latest.map(|latest| since(latest.last, ctx.now));
        fields.extend([
            field(
                "refused-id",
                client.map_or(Reply::Null, |client| number(client.id)),
            ),
            field("refused-name", name(client)),
            field("refused-addr", address(client)),
            field("refused-ms-ago", ago.unwrap_or(Reply::Null)),
        ]);
        fields
    }

    fn details(&self, ctx: &Context<'_>) -> Fields {
        let mut fields = self.summary(ctx);
        let clients = self.waiting(ctx).map(|one| {
            Reply::Map(vec![
                field("id", number(one.client.id)),
                field("name", name(Some(&one.client))),
                field("addr", address(Some(&one.client))),
                field("tries", number(one.tries)),
                field("first-ms-ago", since(one.first, ctx.now)),
                field("last-ms-ago", since(one.last, ctx.now)),
            ])
        });
        fields.push(field("waiting-clients", Reply::Array(clients.collect())));
        fields
    }

    /// The client that holds it: connected now, or when somebody was first refused.
    fn holder(&self, ctx: &Context<'_>) -> Option<Arc<Client>> {
        let maker = self.signature?.maker();
        let connected = ctx.instance.clients.get(&maker);
        let connected = connected.map(|client| Arc::clone(&client));
        connected.or_else(|| self.record.as_ref()?.holder.clone())
    }

    /// The connected clients that were refused and have tried again within the last seconds.
    fn waiting<'a>(&'a self, ctx: &'a Context<'_>) -> impl Iterator<Item = &'a Refused> {
        let refused = self.record.iter().flat_map(|record| &record.refused);
        refused.filter(|one| {
            one.tries > 1
                && one.last.after_millis(WAITING_MS) >= ctx.now
                && ctx.instance.clients.contains_key(&one.client.id)
        })
    }
}

fn field(name: &'static str, value: Reply) -> (Reply, Reply) {
    (Reply::bulk(name), value)
}

fn number(number: u64) -> Reply {
    Reply::Integer(i64::try_from(number).unwrap_or(i64::MAX))
}

fn millis(from: BootTime, to: BootTime) -> i64 {
    i64::try_from(from.millis_until(to)).unwrap_or(i64::MAX)
}

fn since(past: BootTime, now: BootTime) -> Reply {
    Reply::Integer(millis(past, now))
}

fn name(client: Option<&Client>) -> Reply {
    let name = client.map(|client| client.labels().name);
    Reply::bulk_or_null(name.filter(|name| !name.is_empty()).as_deref())
}

fn address(client: Option<&Client>) -> Reply {
    Reply::bulk_or_null(client.map(|client| client.address.peer()))
}
