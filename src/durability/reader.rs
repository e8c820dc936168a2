//! The records of an append-only file, one after the other.
//!
//! A record is a request as Redis writes it (`*2\r\n$3\r\nDEL\r\n$1\r\nk\r\n`, never inline) or an
//! annotation (`#...\r\n`), which Redis skips. A file of this server may go on in zero bytes: its
//! space is taken beforehand, and a record counts as written when its first byte is, which is
//! written last.
//!
//! Nothing is copied: arguments are ranges of the window. Every length is taken for a claim, and
//! every file ends in exactly one [`Ending`].

use std::io::{self, Read};
use std::ops::{Index, Range};

use super::annotation::Annotation;
use super::tail::{self, Tail};
use super::window::Window;
use crate::error::{ANNOTATION_BYTES_MAX, Damage};

/// The most digits of a number of arguments or of a length.
const DIGITS_MAX: usize = 10;

/// Reads the records of one append-only file. MULTI and EXEC are requests as any other here.
#[derive(Debug)]
pub struct Reader<R> {
    window: Window<R>,
    arguments: Vec<Range<usize>>,
    /// Length of the record that was given last; it is consumed with the next one.
    given: usize,
    ending: Option<Ending>,
}

/// What [`Reader::read`] gives.
#[derive(Clone, Debug, PartialEq)]
pub enum Item<'a> {
    /// A request.
    Request(Request<'a>),
    /// An annotation.
    Annotation {
        /// Where it begins in the file.
        offset: u64,
        /// What it says.
        annotation: Annotation<'a>,
    },
    /// There is nothing behind. It is given again if more is asked for.
    End(Ending),
}

/// A request with at least one argument, its command.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Request<'a> {
    offset: u64,
    bytes: &'a [u8],
    arguments: &'a [Range<usize>],
}

/// How a file ends. All before its offset was given and is good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ending {
    /// Behind a whole record, or empty.
    Clean,
    /// Inside of a record that begins at `offset`; Redis takes such a file.
    Truncated {
        /// Where the record begins.
        offset: u64,
    },
    /// From `offset` on is space that was taken and not used, as after a kill.
    Unused {
        /// Where it begins.
        offset: u64,
        /// How many bytes at its beginning were written and never declared valid; as a rule none.
        uncommitted_bytes: u64,
    },
    /// In something that is no record, at `offset`.
    Damaged {
        /// Where it begins.
        offset: u64,
        /// What is wrong with it.
        what: Damage,
    },
}

impl Ending {
    /// Where the file must be cut so that it ends clean; `None` if it does.
    pub fn offset(&self) -> Option<u64> {
        match self {
            Ending::Clean => None,
            Ending::Truncated { offset }
            | Ending::Unused { offset, .. }
            | Ending::Damaged { offset, .. } => Some(*offset),
        }
    }
}

impl<R: Read> Reader<R> {
    /// Reads `source`, which is at the beginning of its file.
    pub fn new(source: R) -> Reader<R> {
        Reader::continuing(Window::new(source))
    }

    /// Reads what is behind something else, as a snapshot at the beginning of the file.
    pub fn continuing(window: Window<R>) -> Reader<R> {
        Reader {
            window,
            arguments: Vec::new(),
            given: 0,
            ending: None,
        }
    }

    /// The next record.
    ///
    /// # Errors
    /// What the system says while it reads. Damage is no error but an [`Ending`].
    pub fn read(&mut self) -> io::Result<Item<'_>> {
        if let Some(ending) = &self.ending {
            return Ok(Item::End(ending.clone()));
        }
        self.window.consume(self.given);
        self.given = 0;
        let annotation_length = loop {
            match parse(self.window.bytes(), &mut self.arguments) {
                Parsed::Request { length } => {
                    self.given = length;
                    return Ok(Item::Request(Request {
                        offset: self.window.offset(),
                        bytes: self.window.bytes(),
                        arguments: &self.arguments,
                    }));
                }
                Parsed::Annotation { length } => break length,
                Parsed::Partial if self.window.more()? => {}
                Parsed::Partial => return self.end(None),
                Parsed::Damaged(what) => return self.end(Some(what)),
            }
        };
        self.annotation(annotation_length)
    }

    fn annotation(&mut self, length: usize) -> io::Result<Item<'_>> {
        if let Err(what) = Annotation::parse(line_of(&self.window.bytes()[..length])) {
            return self.end(Some(what));
        }
        self.given = length;
        let offset = self.window.offset();
        match Annotation::parse(line_of(&self.window.bytes()[..length])) {
            Ok(annotation) => Ok(Item::Annotation { offset, annotation }),
            Err(what) => Ok(Item::End(Ending::Damaged { offset, what })),
        }
    }

    /// Finds out how the file ends where no record is.
    fn end(&mut self, fault: Option<Damage>) -> io::Result<Item<'_>> {
        let offset = self.window.offset();
        let ending = match fault {
            None if self.window.bytes().is_empty() => Ending::Clean,
            // A wrong length can claim all that is behind.
            None if tail::hides_record(self.window.bytes()) => Ending::Damaged {
                offset,
                what: Damage::Swallowed,
            },
            None => Ending::Truncated { offset },
            Some(Damage::Start(0)) => match tail::examine(&mut self.window)? {
                Tail::Unused { uncommitted_bytes } => Ending::Unused {
                    offset,
                    uncommitted_bytes,
                },
                Tail::Records => Ending::Damaged {
                    offset,
                    what: Damage::Hole,
                },
            },
            Some(what) => Ending::Damaged { offset, what },
        };
        self.ending = Some(ending.clone());
        Ok(Item::End(ending))
    }
}

impl<'a> Request<'a> {
    pub(super) fn new(offset: u64, bytes: &'a [u8], arguments: &'a [Range<usize>]) -> Request<'a> {
        Request {
            offset,
            bytes,
            arguments,
        }
    }

    /// Where it begins in the file.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// How many arguments it has, its command among them; at least one.
    #[expect(clippy::len_without_is_empty, reason = "a request is never empty")]
    pub fn len(&self) -> usize {
        self.arguments.len()
    }

    /// The command and its arguments.
    pub fn arguments(&self) -> impl ExactSizeIterator<Item = &'a [u8]> + use<'a> {
        let bytes = self.bytes;
        self.arguments
            .iter()
            .map(move |range| &bytes[range.clone()])
    }

    /// Whether its command is `name`, in whatever case.
    pub fn is(&self, name: &str) -> bool {
        self[0].eq_ignore_ascii_case(name.as_bytes())
    }
}

impl Index<usize> for Request<'_> {
    type Output = [u8];

    fn index(&self, index: usize) -> &[u8] {
        &self.bytes[self.arguments[index].clone()]
    }
}

/// What stands at the beginning of some bytes.
enum Parsed {
    Request { length: usize },
    Annotation { length: usize },
    Partial,
    Damaged(Damage),
}

fn parse(bytes: &[u8], arguments: &mut Vec<Range<usize>>) -> Parsed {
    let parsed = match bytes.first() {
        None => return Parsed::Partial,
        Some(b'*') => request(bytes, arguments),
        Some(b'#') => annotation(bytes),
        Some(other) => return Parsed::Damaged(Damage::Start(*other)),
    };
    match parsed {
        Ok(parsed) => parsed,
        Err(Stop::Partial) => Parsed::Partial,
        Err(Stop::Damaged(what)) => Parsed::Damaged(what),
    }
}

/// Why parsing goes no further.
enum Stop {
    /// The bytes end, and what is there is good so far.
    Partial,
    Damaged(Damage),
}

fn request(bytes: &[u8], arguments: &mut Vec<Range<usize>>) -> Result<Parsed, Stop> {
    arguments.clear();
    let (count, mut at) = number(bytes, 1).map_err(|stop| stop.or(Damage::Count))?;
    if count == 0 {
        return Err(Stop::Damaged(Damage::Count));
    }
    for _ in 0..count {
        match bytes.get(at) {
            None => return Err(Stop::Partial),
            Some(b'$') => {}
            Some(_) => return Err(Stop::Damaged(Damage::Length)),
        }
        let (length, begin) = number(bytes, at + 1).map_err(|stop| stop.or(Damage::Length))?;
        let end = begin + length;
        match bytes.get(end..) {
            None | Some([] | [b'\r']) => return Err(Stop::Partial),
            Some([b'\r', b'\n', ..]) => {}
            Some(_) => return Err(Stop::Damaged(Damage::Terminator)),
        }
        arguments.push(begin..end);
        at = end + 2;
    }
    Ok(Parsed::Request { length: at })
}

/// Why there is no number.
enum NoNumber {
    Partial,
    Wrong,
}

impl NoNumber {
    fn or(self, what: Damage) -> Stop {
        match self {
            NoNumber::Partial => Stop::Partial,
            NoNumber::Wrong => Stop::Damaged(what),
        }
    }
}

/// The number that begins at `at` and ends in CR LF, and where the bytes behind it begin.
fn number(bytes: &[u8], at: usize) -> Result<(usize, usize), NoNumber> {
    let mut value: u64 = 0;
    for digits in 0..=DIGITS_MAX {
        match bytes.get(at + digits) {
            None => return Err(NoNumber::Partial),
            Some(digit @ b'0'..=b'9') if digits < DIGITS_MAX => {
                value = value * 10 + u64::from(digit - b'0');
            }
            Some(b'\r') if digits > 0 => {
                let end = at + digits + 2;
                return match bytes.get(end - 1) {
                    None => Err(NoNumber::Partial),
                    Some(b'\n') => match usize::try_from(value) {
                        Ok(value) => Ok((value, end)),
                        Err(_) => Err(NoNumber::Wrong),
                    },
                    Some(_) => Err(NoNumber::Wrong),
                };
            }
            Some(_) => return Err(NoNumber::Wrong),
        }
    }
    Err(NoNumber::Wrong)
}

fn annotation(bytes: &[u8]) -> Result<Parsed, Stop> {
    let head = &bytes[..bytes.len().min(ANNOTATION_BYTES_MAX)];
    match head.iter().position(|byte| *byte == b'\n') {
        Some(last) if is_text(line_of(&head[..=last])) => {
            Ok(Parsed::Annotation { length: last + 1 })
        }
        None if head.len() < ANNOTATION_BYTES_MAX && is_text(line_of(head)) => Err(Stop::Partial),
        _ => Err(Stop::Damaged(Damage::Annotation)),
    }
}

/// An annotation without its `#` and its line end.
fn line_of(bytes: &[u8]) -> &[u8] {
    let line = bytes.strip_prefix(b"#").unwrap_or(bytes);
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}

fn is_text(line: &[u8]) -> bool {
    line.iter().all(|byte| !byte.is_ascii_control())
}
