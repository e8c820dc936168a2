//! Requests: bytes in, argument ranges out.
//!
//! A client's bytes are parsed where they lie: an argument is a range of the connection's
//! buffer until a command stores it. A [`Parser`] remembers a half-read request, so bytes are
//! looked at once however they are cut. It trusts no length: what it holds grows with the bytes
//! received, never with the numbers in them.
//!
//! Limits and error texts are those of Redis 7.0, and so are its habits: a header ends at CR and
//! whatever byte follows, the two bytes behind an argument are skipped unread, and a NUL hides
//! the rest of a line, which then ends only by its limit.

use smallvec::SmallVec;

use super::header::{Header, short_header};
use super::inline;
use crate::error::ProtocolError;

/// The arguments of one request, the command's name first.
pub type Arguments<'a> = SmallVec<[&'a [u8]; 8]>;

/// How large a request may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Length of an argument in bytes: `proto-max-bulk-len`. The parser itself refuses an argument
    /// that would end more than 4 GiB behind the start of its request.
    pub bulk_bytes: u64,
    /// Arguments of a request, the name included.
    pub arguments: u64,
    /// How many bytes of a line may arrive without its end: a header, or an inline command.
    pub inline_bytes: usize,
    /// Whether the client may be trusted with large requests. Before AUTH a request may have
    /// 10 arguments of 16,384 bytes.
    pub authenticated: bool,
}

impl Default for Limits {
    /// What Redis grants a client with its default configuration.
    fn default() -> Limits {
        Limits {
            bulk_bytes: 512 * 1024 * 1024,
            arguments: i32::MAX as u64,
            inline_bytes: 64 * 1024,
            authenticated: true,
        }
    }
}

/// How far [`Parser::parse`] came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// A whole request; [`Parser::arguments`] has its arguments until the next call of `parse`.
    Request {
        /// Its length in bytes.
        consumed: usize,
    },
    /// A request without arguments (`*0`, `*-1`, an empty line): skipped without a reply.
    Empty {
        /// Its length in bytes.
        consumed: usize,
    },
    /// The request goes on behind the buffer's end.
    Incomplete {
        /// So many more bytes must come at least before `parse` can get on: exact where an
        /// argument's length is known, otherwise 1. A client's claim: do not reserve all of it.
        needed: usize,
    },
}

/// Where an argument lies, from the start of its request: 8 bytes, so that a request of many
/// short arguments costs little more than its own length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    start: u32,
    end: u32,
}

impl Span {
    /// The span from `start` to before `end`, if it lies within the first 4 GiB.
    #[inline]
    pub(super) fn new(start: usize, end: usize) -> Option<Span> {
        Some(Span {
            start: u32::try_from(start).ok()?,
            end: u32::try_from(end).ok()?,
        })
    }

    /// What the span covers of `bytes`; nothing where they are too short.
    #[inline]
    pub(super) fn of(self, bytes: &[u8]) -> &[u8] {
        bytes
            .get(self.start as usize..self.end as usize)
            .unwrap_or_default()
    }
}

/// Parses the requests of one connection, one after the other.
///
/// Cheap to make: it allocates with the first request. Between requests it has nothing to
/// remember, so several connections may take turns with one parser as long as each finds it
/// without a [half-read request](Parser::is_half_read).
#[derive(Debug, Default)]
pub struct Parser {
    /// The arguments read so far; of the last request between requests.
    spans: Vec<Span>,
    /// The words of an inline command.
    words: Vec<u8>,
    source: Source,
    /// Where the next header or argument begins.
    position: usize,
    /// Up to here there is no line end behind `position`.
    searched: usize,
    /// Arguments still to come, 0 before the number is known.
    missing: u64,
    /// The length of the argument at `position`, once its header is read.
    bulk: Option<usize>,
    #[cfg(test)]
    steps: usize,
}

/// What the spans of a request point into.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Source {
    #[default]
    Buffer,
    Words,
}

impl Parser {
    /// Parses the request that begins at the start of `buffer`, or goes on with it.
    ///
    /// After [`Progress::Incomplete`] the next call must show the same bytes and what came behind
    /// them; they may have moved. After any other answer the next call begins a new request, and
    /// the caller has stepped over the consumed bytes.
    ///
    /// # Errors
    /// The bytes are no request: the error is answered and the connection closed.
    #[inline]
    pub fn parse(&mut self, buffer: &[u8], limits: &Limits) -> Result<Progress, ProtocolError> {
        let progress = if self.missing > 0 {
            self.bulks(buffer, limits)
        } else {
            self.begin(buffer, limits)
        };
        if !matches!(progress, Ok(Progress::Incomplete { .. })) {
            self.position = 0;
            self.searched = 0;
            self.missing = 0;
            self.bulk = None;
        }
        progress
    }

    /// The arguments of the request that `parse` has just found at the start of `buffer`.
    #[inline]
    pub fn arguments<'a>(&'a self, buffer: &'a [u8]) -> Arguments<'a> {
        let bytes = match self.source {
            Source::Buffer => buffer,
            Source::Words => &self.words,
        };
        self.spans.iter().map(|span| span.of(bytes)).collect()
    }

    /// As [`Parser::arguments`], free of the parser; `None` for an inline command, whose words are
    /// the parser's own.
    pub fn arguments_in<'a>(&self, buffer: &'a [u8]) -> Option<Arguments<'a>> {
        match self.source {
            Source::Buffer => Some(self.spans.iter().map(|span| span.of(buffer)).collect()),
            Source::Words => None,
        }
    }

    /// Whether the parser remembers the beginning of a request, and must see its rest.
    pub fn is_half_read(&self) -> bool {
        self.missing > 0 || self.searched > 0
    }

    /// Forgets the beginning of a request: its bytes will be shown again.
    pub fn forget_half_read(&mut self) {
        if self.is_half_read() {
            *self = Parser::default();
        }
    }

    /// Reads a request from its first byte.
    #[inline]
    fn begin(&mut self, buffer: &[u8], limits: &Limits) -> Result<Progress, ProtocolError> {
        self.spans.clear();
        if self.spans.capacity() > SPANS_KEPT || self.words.capacity() > WORDS_KEPT {
            self.spans = Vec::new();
            self.words = Vec::new();
        }
        let count = match buffer.first() {
            None => return Ok(Progress::Incomplete { needed: 1 }),
            Some(b'*') => match short_header(buffer, b'*') {
                Some((count, bytes)) => {
                    self.position = bytes;
                    i64::from(count)
                }
                None => match self.long_header(buffer, limits, Header::Count)? {
                    Some(count) => count,
                    None => return Ok(Progress::Incomplete { needed: 1 }),
                },
            },
            Some(_) => return self.inline(buffer, limits),
        };
        self.missing = u64::try_from(count).unwrap_or(0);
        if self.missing > limits.arguments {
            return Err(ProtocolError::MultibulkLength);
        }
        if self.missing > UNAUTHENTICATED_ARGUMENTS && !limits.authenticated {
            return Err(ProtocolError::UnauthenticatedMultibulkLength);
        }
        if self.missing == 0 {
            return Ok(Progress::Empty {
                consumed: self.position,
            });
        }
        self.source = Source::Buffer;
        self.bulks(buffer, limits)
    }

    /// Reads the arguments that are missing.
    fn bulks(&mut self, buffer: &[u8], limits: &Limits) -> Result<Progress, ProtocolError> {
        while self.missing > 0 {
            #[cfg(test)]
            self.count_steps(1);
            let length = match self.bulk.take() {
                Some(length) => length,
                None => match self.bulk_length(buffer, limits)? {
                    Some(length) => length,
                    None => return Ok(Progress::Incomplete { needed: 1 }),
                },
            };
            let end = self.position.saturating_add(length);
            let span = Span::new(self.position, end).ok_or(ProtocolError::BulkLength)?;
            let next = end.saturating_add(LINE_END);
            if buffer.len() < next {
                self.bulk = Some(length);
                return Ok(Progress::Incomplete {
                    needed: next - buffer.len(),
                });
            }
            self.spans.push(span);
            self.position = next;
            self.missing -= 1;
        }
        Ok(Progress::Request {
            consumed: self.position,
        })
    }

    /// Reads the header of an argument, if it is all there.
    #[inline]
    fn bulk_length(
        &mut self,
        buffer: &[u8],
        limits: &Limits,
    ) -> Result<Option<usize>, ProtocolError> {
        let rest = buffer.get(self.position..).unwrap_or_default();
        let length = match short_header(rest, b'$') {
            Some((length, bytes)) => {
                self.position += bytes;
                u64::from(length)
            }
            None => match self.long_header(buffer, limits, Header::Length)? {
                Some(length) => u64::try_from(length).map_err(|_| ProtocolError::BulkLength)?,
                None => return Ok(None),
            },
        };
        if length > limits.bulk_bytes {
            return Err(ProtocolError::BulkLength);
        }
        if length > UNAUTHENTICATED_BULK_BYTES && !limits.authenticated {
            return Err(ProtocolError::UnauthenticatedBulkLength);
        }
        usize::try_from(length)
            .map(Some)
            .map_err(|_| ProtocolError::BulkLength)
    }

    /// Reads any header, or finds what is wrong with it, and steps over it.
    #[cold]
    fn long_header(
        &mut self,
        buffer: &[u8],
        limits: &Limits,
        header: Header,
    ) -> Result<Option<i64>, ProtocolError> {
        let Some(line_end) = self.search(buffer, b'\r') else {
            let is_too_long = buffer.len().saturating_sub(self.position) > limits.inline_bytes;
            return if is_too_long {
                Err(header.too_long())
            } else {
                Ok(None)
            };
        };
        if buffer.len() < line_end + LINE_END {
            return Ok(None);
        }
        let line = buffer.get(self.position..line_end).unwrap_or_default();
        let number = header.number(line)?;
        self.position = line_end + LINE_END;
        self.searched = self.position;
        Ok(Some(number))
    }

    /// Reads an inline command.
    #[cold]
    fn inline(&mut self, buffer: &[u8], limits: &Limits) -> Result<Progress, ProtocolError> {
        let Some(line_end) = self.search(buffer, b'\n') else {
            let is_too_long = buffer.len() > limits.inline_bytes;
            return if is_too_long {
                Err(ProtocolError::InlineTooLong)
            } else {
                Ok(Progress::Incomplete { needed: 1 })
            };
        };
        let line = buffer.get(..line_end).unwrap_or_default();
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        self.words.clear();
        self.source = Source::Words;
        inline::split(line, &mut self.words, &mut self.spans)?;
        let consumed = line_end + 1;
        Ok(if self.spans.is_empty() {
            Progress::Empty { consumed }
        } else {
            Progress::Request { consumed }
        })
    }

    /// Looks for `end` behind what was searched before. A NUL ends the search for good, as the
    /// search in Redis is one through a C string.
    fn search(&mut self, buffer: &[u8], end: u8) -> Option<usize> {
        let from = self.searched.max(self.position);
        let unseen = buffer.get(from..).unwrap_or_default();
        let length = unseen
            .iter()
            .position(|&byte| byte == end || byte == 0)
            .unwrap_or(unseen.len());
        self.searched = from + length;
        #[cfg(test)]
        self.count_steps(length + 1);
        (buffer.get(self.searched) == Some(&end)).then_some(self.searched)
    }

    /// What the parser keeps allocated.
    #[cfg(test)]
    pub(super) fn held_bytes(&self) -> usize {
        self.spans.capacity() * size_of::<Span>() + self.words.capacity()
    }

    /// Bytes of headers and lines looked at, and arguments taken, since the parser was made.
    #[cfg(test)]
    pub(super) fn steps(&self) -> usize {
        self.steps
    }

    #[cfg(test)]
    fn count_steps(&mut self, steps: usize) {
        self.steps += steps;
    }
}

/// CR and LF.
const LINE_END: usize = 2;

/// Arguments a request may have before AUTH.
const UNAUTHENTICATED_ARGUMENTS: u64 = 10;

/// Bytes an argument may have before AUTH.
const UNAUTHENTICATED_BULK_BYTES: u64 = 16 * 1024;

/// Spans kept allocated between requests (8 KiB).
const SPANS_KEPT: usize = 1024;

/// Bytes of inline words kept allocated between requests.
const WORDS_KEPT: usize = 8 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_claimed_number_reserves_nothing() {
        let mut parser = Parser::default();
        let claim = b"*2147483647\r\n$536870912\r\n";
        let needed = 536_870_914;
        assert_eq!(
            parser.parse(claim, &Limits::default()),
            Ok(Progress::Incomplete { needed })
        );
        assert!(parser.is_half_read());
        assert_eq!(parser.spans.capacity(), 0);
    }

    #[test]
    fn the_missing_bytes_of_an_argument_are_known() {
        let mut parser = Parser::default();
        let limits = Limits::default();
        assert_eq!(
            parser.parse(b"*1\r\n$10\r\n012", &limits),
            Ok(Progress::Incomplete { needed: 9 })
        );
        assert_eq!(
            parser.parse(b"*1\r\n$10\r\n0123456789\r", &limits),
            Ok(Progress::Incomplete { needed: 1 })
        );
        let whole = b"*1\r\n$10\r\n0123456789\r\n";
        assert_eq!(
            parser.parse(whole, &limits),
            Ok(Progress::Request {
                consumed: whole.len()
            })
        );
        assert_eq!(parser.arguments(whole).as_slice(), [b"0123456789"]);
    }
}
