//! The requests that have arrived together: parsed ahead of their turn, so that the memory of
//! their keys is on its way while those before them run.
//!
//! Only requests that do nothing but work on keys are passed over: whatever else a request may
//! change, limits and sign-in among it, holds for the parsing of the next one.

use smallvec::SmallVec;

use crate::command::table::{self, Row};
use crate::error::ProtocolError;
use crate::keyspace::{Keyspace, Prefetched};
use crate::resp::request::{Arguments, Limits, Parser, Progress, Request};

/// How many requests are parsed ahead: as many cache lines as a core fetches at one time.
const REQUESTS: usize = 16;
/// Of how many keys the memory is fetched ahead.
const KEYS: usize = 32;

/// See the module's text.
#[derive(Default)]
pub(super) struct Lookahead {
    pub(super) parser: Parser,
    requests: SmallVec<[Ahead; REQUESTS]>,
}

/// A request whose turn will come.
pub(super) struct Ahead {
    pub(super) row: Option<&'static Row>,
    /// Where it begins in the bytes that it was found in, and where it ends.
    pub(super) start: usize,
    pub(super) end: usize,
    request: Request,
}

/// What comes behind the requests that were found.
pub(super) enum Behind {
    /// Nothing is known of it yet.
    Unknown,
    /// A request that has not come to its end, or nothing at all; it begins here.
    Incomplete(usize),
    /// No request.
    Malformed(ProtocolError),
}

impl Lookahead {
    /// Parses the next requests of `bytes`.
    pub(super) fn parse(&mut self, bytes: &[u8], limits: &Limits) -> Behind {
        self.requests.clear();
        let mut start = 0;
        while self.requests.len() < REQUESTS {
            match self.parser.parse(&bytes[start..], limits) {
                Ok(Progress::Request { consumed }) => {
                    let end = start + consumed;
                    let request = self.parser.take_request();
                    let name = request.first(&bytes[start..]);
                    let row = name.and_then(table::find);
                    let works_on_keys = row.is_some_and(|row| row.keys.are_possible());
                    self.requests.push(Ahead {
                        row,
                        start,
                        end,
                        request,
                    });
                    start = end;
                    if !works_on_keys {
                        break;
                    }
                }
                Ok(Progress::Empty { consumed }) => start += consumed,
                Ok(Progress::Incomplete { .. }) => return Behind::Incomplete(start),
                Err(error) => return Behind::Malformed(error),
            }
        }
        Behind::Unknown
    }

    /// Begins to fetch the memory of the keys. A single request has nobody to run meanwhile.
    pub(super) fn prefetch(&self, bytes: &[u8], keyspace: &Keyspace, database: usize) {
        if self.requests.len() < 2 {
            return;
        }
        let mut keys: SmallVec<[Prefetched; KEYS]> = SmallVec::new();
        for ahead in &self.requests {
            let arguments = ahead.arguments(bytes);
            let Some(row) = ahead.row else {
                continue;
            };
            let positions = row.keys_of(&arguments);
            for position in positions.take(KEYS - keys.len()) {
                if let Some(key) = arguments.get(position) {
                    keys.push(keyspace.prefetch_bucket(database, key));
                }
            }
        }
        for key in keys {
            keyspace.prefetch_entry(database, key);
        }
    }

    /// The requests that were found, in their order.
    pub(super) fn requests(&self) -> &[Ahead] {
        &self.requests
    }

    /// Where the last of them ends.
    pub(super) fn end(&self) -> usize {
        self.requests.last().map_or(0, |last| last.end)
    }

    /// Forgets a half-read request: its bytes will be parsed again.
    pub(super) fn forget(&mut self) {
        if self.parser.is_half_read() {
            self.parser = Parser::default();
        }
    }
}

impl Ahead {
    /// Its arguments; `bytes` are those that it was found in.
    #[inline]
    pub(super) fn arguments<'a>(&'a self, bytes: &'a [u8]) -> Arguments<'a> {
        self.request.arguments(&bytes[self.start..])
    }
}
