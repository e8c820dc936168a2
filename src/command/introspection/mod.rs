//! COMMAND and its subcommands: the table, told to clients.
//!
//! The functions take a whole request (`COMMAND INFO get`, three arguments) whose number of
//! arguments the caller has checked against the row, and need nothing else: no connection, no
//! keyspace. Sets and maps are RESP3's; the encoder flattens them for RESP2.

use super::docs;
use super::table::{Arity, Keys, Row, Usage, commands, find, find_path};
use crate::error::CommandError;
use crate::resp::reply::Reply;

/// How a glob-style pattern is matched against a name: in any case, as Redis does here.
pub type Glob = fn(pattern: &[u8], text: &[u8]) -> bool;

/// `COMMAND`: the details of every command.
pub fn command() -> Reply {
    Reply::Array(commands().iter().map(details).collect())
}

/// `COMMAND COUNT`: subcommands do not count.
pub fn count() -> Reply {
    Reply::from(commands().len())
}

/// `COMMAND INFO [command-name ...]`: null in the place of a name that is no command.
pub fn info(args: &[&[u8]]) -> Reply {
    match args.get(2..) {
        None | Some([]) => command(),
        Some(names) => {
            let found = names
                .iter()
                .map(|name| find_path(name).map_or(Reply::Null, details));
            Reply::Array(found.collect())
        }
    }
}

/// `COMMAND DOCS [command-name ...]`: names that are no command are left out.
pub fn documentation(args: &[&[u8]]) -> Reply {
    match args.get(2..) {
        None | Some([]) => Reply::Map(commands().iter().map(docs::entry).collect()),
        Some(names) => {
            let found = names.iter().filter_map(|name| find_path(name));
            Reply::Map(found.map(docs::entry).collect())
        }
    }
}

/// `COMMAND LIST [FILTERBY MODULE module-name | ACLCAT category | PATTERN pattern]`: the names,
/// subcommands included. There are no modules, so none has a command.
///
/// # Errors
/// Where there is anything else than one filter.
pub fn list(args: &[&[u8]], glob: Glob) -> Result<Reply, CommandError> {
    let filter = match args.get(2..) {
        None | Some([]) => Filter::None,
        Some([filter_by, kind, value]) if filter_by.eq_ignore_ascii_case(b"FILTERBY") => {
            Filter::parse(kind, value)?
        }
        Some(_) => return Err(CommandError::Syntax),
    };
    let names = commands()
        .iter()
        .flat_map(|row| std::iter::once(row).chain(row.subcommands))
        .filter(|row| filter.lets_pass(row, glob))
        .map(|row| Reply::bulk(row.name));
    Ok(Reply::Array(names.collect()))
}

/// `COMMAND GETKEYS command [arg ...]`: the keys of that request.
///
/// # Errors
/// If there is no such command, it cannot have keys, or it has another number of arguments.
pub fn keys_of_request(args: &[&[u8]]) -> Result<Reply, CommandError> {
    each_key(args, |key, _| Reply::bulk(key))
}

/// `COMMAND GETKEYSANDFLAGS command [arg ...]`: the keys of that request, each with what is done
/// with it.
///
/// # Errors
/// As [`keys_of_request`].
pub fn keys_and_flags_of_request(args: &[&[u8]]) -> Result<Reply, CommandError> {
    each_key(args, |key, usage| {
        let flags = usage.names().iter().copied().map(Reply::status);
        Reply::Array(vec![Reply::bulk(key), Reply::Set(flags.collect())])
    })
}

fn each_key(args: &[&[u8]], reply: impl Fn(&[u8], Usage) -> Reply) -> Result<Reply, CommandError> {
    let request = args.get(2..).unwrap_or_default();
    let row = resolve(request).ok_or(CommandError::KeysOfUnknown)?;
    if !row.keys.are_possible() {
        return Err(CommandError::KeysOfKeyless);
    }
    if !row.accepts(request.len()) {
        return Err(CommandError::KeysArity);
    }
    let keys = row.keys_of(request).filter_map(|position| {
        let usage = row.keys.usage_at(position, request)?;
        Some(reply(request[position], usage))
    });
    Ok(Reply::Array(keys.collect()))
}

/// The row that a request is for: the command's, or the subcommand's where it is a container
/// and the request has more than its name. `None` if there is no such command or subcommand.
pub fn resolve(request: &[&[u8]]) -> Option<&'static Row> {
    let (name, rest) = request.split_first()?;
    let row = find(name)?;
    match rest.first() {
        Some(subcommand) if !row.subcommands.is_empty() => row.find_subcommand(subcommand),
        _ => Some(row),
    }
}

/// What COMMAND LIST is narrowed to.
enum Filter<'a> {
    None,
    Module,
    /// The category's name without `@`.
    Category(&'a [u8]),
    Pattern(&'a [u8]),
}

impl<'a> Filter<'a> {
    fn parse(kind: &[u8], value: &'a [u8]) -> Result<Filter<'a>, CommandError> {
        if kind.eq_ignore_ascii_case(b"MODULE") {
            Ok(Filter::Module)
        } else if kind.eq_ignore_ascii_case(b"ACLCAT") {
            Ok(Filter::Category(value))
        } else if kind.eq_ignore_ascii_case(b"PATTERN") {
            Ok(Filter::Pattern(value))
        } else {
            Err(CommandError::Syntax)
        }
    }

    fn lets_pass(&self, row: &Row, glob: Glob) -> bool {
        match self {
            Filter::None => true,
            Filter::Module => false,
            Filter::Category(name) => row.categories().names().any(|category| {
                category
                    .trim_start_matches('@')
                    .as_bytes()
                    .eq_ignore_ascii_case(name)
            }),
            Filter::Pattern(pattern) => glob(pattern, row.name.as_bytes()),
        }
    }
}

/// The ten fields of COMMAND INFO.
fn details(row: &Row) -> Reply {
    let arity = match row.arity {
        Arity::Exactly(count) => integer(count),
        Arity::AtLeast(count) => Reply::Integer(-signed(count)),
    };
    let (first, last, step) = legacy_range(row.keys);
    Reply::Array(vec![
        Reply::bulk(row.name),
        arity,
        Reply::Set(row.flags.names().map(Reply::status).collect()),
        first,
        last,
        step,
        Reply::Set(row.categories().names().map(Reply::status).collect()),
        Reply::Set(row.docs.tips.iter().map(Reply::bulk).collect()),
        Reply::Set(key_specifications(row)),
        Reply::Set(row.subcommands.iter().map(details).collect()),
    ])
}

/// First key, last key and step, as COMMAND told them before there were key specifications.
fn legacy_range(keys: Keys) -> (Reply, Reply, Reply) {
    match keys {
        Keys::Range {
            first, last, step, ..
        } => (
            integer(first),
            last.map_or(Reply::Integer(-1), integer),
            integer(step),
        ),
        Keys::Pair { .. } => (integer(1), integer(2), integer(1)),
        Keys::None | Keys::Counted { .. } => {
            (Reply::Integer(0), Reply::Integer(0), Reply::Integer(0))
        }
    }
}

/// One specification for each use that a command has for its keys.
fn key_specifications(row: &Row) -> Vec<Reply> {
    let specification = |begin: usize, usage: Usage, find_keys: Reply| {
        let notes = row
            .key_notes
            .map(|notes| (Reply::bulk("notes"), Reply::bulk(notes)));
        let flags = usage.names().iter().copied().map(Reply::status).collect();
        let begin_search = method("index", vec![(Reply::bulk("index"), integer(begin))]);
        let fields = [
            (Reply::bulk("flags"), Reply::Set(flags)),
            (Reply::bulk("begin_search"), begin_search),
            (Reply::bulk("find_keys"), find_keys),
        ];
        Reply::Map(notes.into_iter().chain(fields).collect())
    };
    match row.keys {
        Keys::None => Vec::new(),
        Keys::Pair { first, second } => vec![
            specification(1, first, range(0, 1)),
            specification(2, second, range(0, 1)),
        ],
        Keys::Range {
            first,
            last,
            step,
            usage,
        } => {
            let last_from_first = last.map_or(-1, |last| signed(last) - signed(first));
            vec![specification(first, usage, range(last_from_first, step))]
        }
        Keys::Counted { count, step, usage } => {
            let behind_the_count = vec![
                (Reply::bulk("keynumidx"), Reply::Integer(0)),
                (Reply::bulk("firstkey"), Reply::Integer(1)),
                (Reply::bulk("keystep"), integer(step)),
            ];
            vec![specification(
                count,
                usage,
                method("keynum", behind_the_count),
            )]
        }
    }
}

fn range(last_from_first: i64, step: usize) -> Reply {
    let numbers = vec![
        (Reply::bulk("lastkey"), Reply::Integer(last_from_first)),
        (Reply::bulk("keystep"), integer(step)),
        (Reply::bulk("limit"), Reply::Integer(0)),
    ];
    method("range", numbers)
}

/// A way to find keys and its numbers.
fn method(kind: &'static str, spec: Vec<(Reply, Reply)>) -> Reply {
    Reply::Map(vec![
        (Reply::bulk("type"), Reply::bulk(kind)),
        (Reply::bulk("spec"), Reply::Map(spec)),
    ])
}

fn integer(count: usize) -> Reply {
    Reply::from(count)
}

/// Positions and counts are far below the limit of either type.
fn signed(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests;
