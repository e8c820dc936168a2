//! The requests that have arrived together: parsed ahead of their turn, so that the memory of
//! their keys is on its way while those before them run.
//!
//! Only requests that do nothing but work on keys are passed over: whatever else a request may
//! change, limits and sign-in among it, holds for the parsing of the next one.

use smallvec::SmallVec;

use crate::command::Context;
use crate::command::table::{self, Row};
use crate::error::ProtocolError;
use crate::resp::request::{Arguments, Limits, Parser, Progress};
use crate::resp::whole::{self, whole};

/// How many requests are parsed ahead: as many cache lines as a core fetches at one time.
const REQUESTS: usize = 16;

/// See the module's text.
#[derive(Default)]
pub(super) struct Lookahead<'b> {
    requests: SmallVec<[Ahead<'b>; REQUESTS]>,
}

/// A request whose turn will come.
pub(super) struct Ahead<'b> {
    pub(super) row: Option<&'static Row>,
    pub(super) arguments: Arguments<'b>,
    pub(super) place: Place,
    /// Where its keys begin among those that were told.
    pub(super) first_key: usize,
}

/// Where a request begins in the bytes that it was found in, and where it ends.
#[derive(Clone, Copy)]
pub(super) struct Place {
    pub(super) start: usize,
    pub(super) end: usize,
}

/// What comes behind the requests that were found.
pub(super) enum Behind {
    /// Nothing is known of what begins here.
    Unknown(usize),
    /// An inline command, whose arguments are the parser's.
    Inline(Place),
    /// A request that has not come to its end, or nothing at all; it begins here.
    Incomplete(usize),
    /// No request.
    Malformed(ProtocolError),
}

impl<'b> Lookahead<'b> {
    /// Parses the next requests of `bytes`.
    pub(super) fn parse(
        &mut self,
        parser: &mut Parser,
        bytes: &'b [u8],
        limits: &Limits,
    ) -> Behind {
        self.requests.clear();
        let short_way = whole::is_enough(limits);
        let mut start = 0;
        while self.requests.len() < REQUESTS {
            let rest = &bytes[start..];
            let found = if short_way && !parser.is_half_read() {
                whole(rest)
            } else {
                None
            };
            let (arguments, consumed) = match found {
                Some(found) => found,
                None => match parser.parse(rest, limits) {
                    Ok(Progress::Request { consumed }) => match parser.arguments_in(rest) {
                        Some(arguments) => (arguments, consumed),
                        None => {
                            let end = start + consumed;
                            return Behind::Inline(Place { start, end });
                        }
                    },
                    Ok(Progress::Empty { consumed }) => {
                        start += consumed;
                        continue;
                    }
                    Ok(Progress::Incomplete { .. }) => return Behind::Incomplete(start),
                    Err(error) => return Behind::Malformed(error),
                },
            };
            let end = start + consumed;
            let row = arguments.first().and_then(|name| table::find(name));
            self.requests.push(Ahead {
                row,
                arguments,
                place: Place { start, end },
                first_key: 0,
            });
            start = end;
            if !row.is_some_and(|row| row.keys.are_possible()) {
                break;
            }
        }
        Behind::Unknown(start)
    }

    /// Tells the keys, and begins to fetch their memory. Pays only where there are several
    /// requests: a single one has nobody to run meanwhile.
    pub(super) fn foresee(&mut self, ctx: &mut Context<'b>) {
        let keyspace = &ctx.instance.keyspace;
        for ahead in &mut self.requests {
            ahead.first_key = ctx.foreseen.len();
            let Some(row) = ahead.row else {
                continue;
            };
            for position in row.keys_of(&ahead.arguments) {
                if let Some(key) = ahead.arguments.get(position) {
                    ctx.foreseen.add(keyspace, key);
                }
            }
        }
        ctx.foreseen.prefetch(keyspace, ctx.session.database);
    }

    /// The requests that were found, in their order.
    pub(super) fn requests(&self) -> &[Ahead<'b>] {
        &self.requests
    }
}
