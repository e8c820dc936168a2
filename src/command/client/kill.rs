//! CLIENT KILL: whose connection is closed.

use std::sync::Arc;

use super::ClientType;
use crate::client::Client;
use crate::clock::BootTime;
use crate::command::{CommandResult, Context, Outcome, args};
use crate::error::{CommandError, Quoted};
use crate::resp::reply::Reply;

/// Closes connections: the one with this address, or all that pass every filter.
///
/// `CLIENT KILL ip:port`
/// `CLIENT KILL [ID client-id] [TYPE NORMAL | MASTER | SLAVE | REPLICA | PUBSUB] [USER username]
/// [ADDR ip:port] [LADDR ip:port] [SKIPME YES | NO] [MAXAGE maxage]`
///
/// Replies OK or an error to the first, how many there were to the second. It runs while nothing
/// else does: when it is answered, none of them runs another request.
pub fn kill(ctx: &mut Context<'_>, args: &[&[u8]]) -> CommandResult {
    let filter = match args[2..] {
        [address] => Filter::of_address(address),
        ref words => Filter::parse(words)?,
    };
    let mut found: Vec<Arc<Client>> = ctx
        .instance
        .clients
        .iter()
        .map(|entry| Arc::clone(entry.value()))
        .filter(|client| filter.accepts(client, ctx.session.client.id, ctx.now))
        .collect();
    if filter.form == Form::Address {
        found.truncate(1);
    }
    let reply = match filter.form {
        Form::Address if found.is_empty() => return Err(CommandError::NoSuchClient),
        Form::Address => Reply::OK,
        Form::Filters => Reply::from(found.len()),
    };
    let own_id = ctx.session.client.id;
    for client in found.iter().filter(|client| client.id != own_id) {
        client.close();
        ctx.instance.clients.remove(&client.id);
    }
    if found.iter().any(|client| client.id == own_id) {
        return Ok(Outcome::Close(reply));
    }
    Ok(reply.into())
}

/// Which of the two forms was used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Address,
    Filters,
}

/// Whom it is about: a filter that was not given lets everyone pass.
struct Filter<'a> {
    form: Form,
    id: Option<u64>,
    kind: Option<ClientType>,
    peer: Option<&'a [u8]>,
    local: Option<&'a [u8]>,
    spares_caller: bool,
    age_s_min: Option<u64>,
}

impl<'a> Filter<'a> {
    const EVERYONE_ELSE: Filter<'static> = Filter {
        form: Form::Filters,
        id: None,
        kind: None,
        peer: None,
        local: None,
        spares_caller: true,
        age_s_min: None,
    };

    fn of_address(address: &'a [u8]) -> Filter<'a> {
        Filter {
            form: Form::Address,
            peer: Some(address),
            spares_caller: false,
            ..Filter::EVERYONE_ELSE
        }
    }

    fn parse(words: &[&'a [u8]]) -> Result<Filter<'a>, CommandError> {
        let (pairs, []) = words.as_chunks() else {
            // Redis reads from left to right, so an error before the odd word comes first.
            let (pairs, _) = words.as_chunks();
            Filter::of_pairs(pairs)?;
            return Err(CommandError::Syntax);
        };
        Filter::of_pairs(pairs)
    }

    fn of_pairs(pairs: &[[&'a [u8]; 2]]) -> Result<Filter<'a>, CommandError> {
        let mut filter = Filter::EVERYONE_ELSE;
        for [word, value] in pairs {
            match word.to_ascii_uppercase().as_slice() {
                b"ID" => filter.id = Some(positive(value).ok_or(CommandError::KillId)?),
                b"TYPE" => filter.kind = Some(ClientType::parse(value)?),
                b"ADDR" => filter.peer = Some(value),
                b"LADDR" => filter.local = Some(value),
                // There is one user, so every client is of it.
                b"USER" if *value == b"default" => {}
                b"USER" => {
                    let user = Quoted::whole(value);
                    return Err(CommandError::NoSuchUser { user });
                }
                b"SKIPME" if args::is(value, "YES") => filter.spares_caller = true,
                b"SKIPME" if args::is(value, "NO") => filter.spares_caller = false,
                b"MAXAGE" => {
                    let age = args::parse_integer(value).ok_or(CommandError::KillAge)?;
                    let age = u64::try_from(age).ok().filter(|age| *age > 0);
                    filter.age_s_min = Some(age.ok_or(CommandError::KillAgeNotPositive)?);
                }
                _ => return Err(CommandError::Syntax),
            }
        }
        Ok(filter)
    }

    fn accepts(&self, client: &Client, caller: u64, now: BootTime) -> bool {
        let age_s = now.micros().saturating_sub(client.connected.micros()) / 1_000_000;
        let is = |wanted: Option<&[u8]>, address: &dyn Fn() -> String| {
            wanted.is_none_or(|wanted| wanted == address().as_bytes())
        };
        self.id.is_none_or(|id| id == client.id)
            && self.kind.is_none_or(|kind| kind.has(client))
            && !(self.spares_caller && client.id == caller)
            && self.age_s_min.is_none_or(|least| age_s >= least)
            && is(self.peer, &|| client.address.peer())
            && is(self.local, &|| client.address.local())
    }
}

fn positive(text: &[u8]) -> Option<u64> {
    let number = args::parse_integer(text)?;
    u64::try_from(number).ok().filter(|number| *number > 0)
}
