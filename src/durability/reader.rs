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

/// An [`Item`] without its content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Request,
    Annotation,
    End,
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
        let kind = self.advance()?;
        Ok(self.item(kind))
    }

    /// Goes to the next record, or to the end.
    pub(super) fn advance(&mut self) -> io::Result<Kind> {
        if self.ending.is_some() {
            return Ok(Kind::End);
        }
        self.window.consume(self.given);
        self.given = 0;
        loop {
            match parse(self.window.bytes(), &mut self.arguments) {
                Parsed::Whole { kind, length } => {
                    self.given = length;
                    return Ok(kind);
                }
                Parsed::Partial if self.window.more()? => {}
                Parsed::Partial => return self.end(None),
                Parsed::Damaged { what, .. } => return self.end(Some(what)),
            }
        }
    }

    /// What [`Reader::advance`] went to and called `kind`.
    pub(super) fn item(&self, kind: Kind) -> Item<'_> {
        let offset = self.window.offset();
        match kind {
            Kind::Request => Item::Request(self.request()),
            Kind::Annotation => {
                let line = line_of(&self.window.bytes()[..self.given]);
                match Annotation::parse(line) {
                    Ok(annotation) => Item::Annotation { offset, annotation },
                    Err(what) => Item::End(Ending::Damaged { offset, what }),
                }
            }
            Kind::End => Item::End(self.ending.clone().unwrap_or(Ending::Clean)),
        }
    }

    /// The request that [`Reader::advance`] went to.
    pub(super) fn request(&self) -> Request<'_> {
        Request {
            offset: self.window.offset(),
            bytes: self.window.bytes(),
            arguments: &self.arguments,
        }
    }

    /// Finds out how the file ends where no record is.
    fn end(&mut self, fault: Option<Damage>) -> io::Result<Kind> {
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
        self.ending = Some(ending);
        Ok(Kind::End)
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
    Whole {
        kind: Kind,
        length: usize,
    },
    Partial,
    /// The byte at `at` is one that cannot stand there.
    Damaged {
        what: Damage,
        at: usize,
    },
}

/// Where the record at the beginning of some bytes goes wrong; `None` if it does not, as far as they
/// reach.
pub(super) fn fault_at(bytes: &[u8]) -> Option<usize> {
    match parse(bytes, &mut Vec::new()) {
        Parsed::Damaged { at, .. } => Some(at),
        Parsed::Whole { .. } | Parsed::Partial => None,
    }
}

fn parse(bytes: &[u8], arguments: &mut Vec<Range<usize>>) -> Parsed {
    let parsed = match bytes.first() {
        None => return Parsed::Partial,
        Some(b'*') => request(bytes, arguments),
        Some(b'#') => annotation(bytes),
        Some(other) => {
            let what = Damage::Start(*other);
            return Parsed::Damaged { what, at: 0 };
        }
    };
    match parsed {
        Ok(parsed) => parsed,
        Err(Stop::Partial) => Parsed::Partial,
        Err(Stop::Damaged(what, at)) => Parsed::Damaged { what, at },
    }
}

/// Why parsing goes no further.
enum Stop {
    /// The bytes end, and what is there is good so far.
    Partial,
    /// What is wrong, and where.
    Damaged(Damage, usize),
}

fn request(bytes: &[u8], arguments: &mut Vec<Range<usize>>) -> Result<Parsed, Stop> {
    arguments.clear();
    let (count, mut at) = number(bytes, 1).map_err(|stop| stop.or(Damage::Count))?;
    if count == 0 {
        return Err(Stop::Damaged(Damage::Count, 1));
    }
    for _ in 0..count {
        match bytes.get(at) {
            None => return Err(Stop::Partial),
            Some(b'$') => {}
            Some(_) => return Err(Stop::Damaged(Damage::Length, at)),
        }
        let (length, begin) = number(bytes, at + 1).map_err(|stop| stop.or(Damage::Length))?;
        let end = begin + length;
        match bytes.get(end..) {
            None | Some([] | [b'\r']) => return Err(Stop::Partial),
            Some([b'\r', b'\n', ..]) => {}
            Some([b'\r', ..]) => return Err(Stop::Damaged(Damage::Terminator, end + 1)),
            Some(_) => return Err(Stop::Damaged(Damage::Terminator, end)),
        }
        arguments.push(begin..end);
        at = end + 2;
    }
    Ok(Parsed::Whole {
        kind: Kind::Request,
        length: at,
    })
}

/// Why there is no number.
enum NoNumber {
    Partial,
    /// A byte is none of one.
    Wrong(usize),
}

impl NoNumber {
    fn or(self, what: Damage) -> Stop {
        match self {
            NoNumber::Partial => Stop::Partial,
            NoNumber::Wrong(at) => Stop::Damaged(what, at),
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
                        Err(_) => Err(NoNumber::Wrong(at)),
                    },
                    Some(_) => Err(NoNumber::Wrong(end - 1)),
                };
            }
            Some(_) => return Err(NoNumber::Wrong(at + digits)),
        }
    }
    Err(NoNumber::Wrong(at))
}

fn annotation(bytes: &[u8]) -> Result<Parsed, Stop> {
    let head = &bytes[..bytes.len().min(ANNOTATION_BYTES_MAX)];
    let end = head.iter().position(|byte| *byte == b'\n');
    let line = line_of(&head[..end.map_or(head.len(), |end| end + 1)]);
    if let Some(at) = line.iter().position(u8::is_ascii_control) {
        return Err(Stop::Damaged(Damage::Annotation, 1 + at));
    }
    match end {
        Some(end) => match Annotation::parse(line) {
            Ok(_) => Ok(Parsed::Whole {
                kind: Kind::Annotation,
                length: end + 1,
            }),
            Err(what) => Err(Stop::Damaged(what, 0)),
        },
        None if head.len() < ANNOTATION_BYTES_MAX => Err(Stop::Partial),
        None => Err(Stop::Damaged(Damage::Annotation, head.len())),
    }
}

/// An annotation without its `#` and its line end.
fn line_of(bytes: &[u8]) -> &[u8] {
    let line = bytes.strip_prefix(b"#").unwrap_or(bytes);
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The commands of `file` with their offsets, annotations with a `#`, and its end.
    fn read(file: &[u8]) -> (Vec<(u64, String)>, Ending) {
        let mut reader = Reader::new(file);
        let mut seen = Vec::new();
        loop {
            match reader.read().unwrap() {
                Item::Request(request) => {
                    let words: Vec<_> = request.arguments().map(String::from_utf8_lossy).collect();
                    seen.push((request.offset(), words.join(" ")));
                }
                Item::Annotation { offset, annotation } => {
                    seen.push((offset, format!("#{annotation:?}")));
                }
                Item::End(ending) => {
                    assert_eq!(reader.read().unwrap(), Item::End(ending.clone()));
                    return (seen, ending);
                }
            }
        }
    }

    const SET: &[u8] = b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$4\r\n\r\n*1\r\n";

    fn end_of(file: &[u8]) -> Ending {
        read(file).1
    }

    #[test]
    fn requests_and_annotations_come_with_their_offsets() {
        let file = [SET, b"#TS:12\r\n", b"*2\r\n$3\r\nDEL\r\n$0\r\n\r\n"].concat();
        let (seen, ending) = read(&file);
        let expected = [
            (0, "SET k \r\n*1".to_owned()),
            (
                SET.len() as u64,
                format!("#{:?}", Annotation::Other(b"TS:12")),
            ),
            (SET.len() as u64 + 8, "DEL ".to_owned()),
        ];
        assert_eq!(seen, expected);
        assert_eq!(ending, Ending::Clean);
        assert_eq!(read(b""), (Vec::new(), Ending::Clean));
    }

    #[test]
    fn a_cut_is_told_at_the_record_that_it_cuts() {
        let file = [SET, b"#TS:12\r\n", SET].concat();
        let begins = [0, SET.len(), SET.len() + 8, file.len()];
        for cut in 0..=file.len() {
            let offset = begins
                .iter()
                .rfind(|begin| **begin <= cut)
                .copied()
                .unwrap();
            let expected = match cut {
                cut if cut == offset => Ending::Clean,
                _ => Ending::Truncated {
                    offset: offset as u64,
                },
            };
            assert_eq!(end_of(&file[..cut]), expected, "{cut}");
        }
    }

    #[test]
    fn what_is_malformed_is_told_with_its_reason() {
        let long = format!("#{}\r\n", "x".repeat(ANNOTATION_BYTES_MAX - 2));
        for (bytes, what) in [
            (&b"SET k v\r\n"[..], Damage::Start(b'S')),
            (b"\r\n", Damage::Start(b'\r')),
            (b"*0\r\n", Damage::Count),
            (b"*-1\r\n", Damage::Count),
            (b"*+1\r\n$1\r\n", Damage::Count),
            (b"*\r\n", Damage::Count),
            (b"*1\n$1\r\n", Damage::Count),
            (b"*1\r$1\r\n", Damage::Count),
            (b"*12345678901\r\n", Damage::Count),
            (b"*1\r\n:1\r\n", Damage::Length),
            (b"*1\r\n$-1\r\n", Damage::Length),
            (b"*1\r\n$99999999999\r\n", Damage::Length),
            (b"*1\r\n$4\r\nPINGED\r\n", Damage::Terminator),
            (b"*1\r\n$4\r\nPING\rX", Damage::Terminator),
            (b"*1\r\n*1\r\n$1\r\n", Damage::Length),
            (b"#a\0b\r\n", Damage::Annotation),
            (b"#QL:end\r\n", Damage::Mark),
            (long.as_bytes(), Damage::Annotation),
        ] {
            let file = [SET, bytes].concat();
            let offset = SET.len() as u64;
            let shown = bytes.escape_ascii();
            assert_eq!(end_of(&file), Ending::Damaged { offset, what }, "{shown}");
        }
    }

    #[test]
    fn the_longest_annotation_and_a_line_end_without_return_are_taken() {
        let long = format!("#{}\r\n", "x".repeat(ANNOTATION_BYTES_MAX - 3));
        assert_eq!(long.len(), ANNOTATION_BYTES_MAX);
        assert_eq!(end_of(long.as_bytes()), Ending::Clean);
        assert_eq!(end_of(b"#TS:1\n"), Ending::Clean);
    }

    #[test]
    fn a_claim_that_hides_records_is_damage_and_not_a_cut() {
        let claim = b"*2\r\n$3\r\nDEL\r\n$9999999999\r\nk\r\n";
        assert_eq!(end_of(claim), Ending::Truncated { offset: 0 });
        let expected = Ending::Damaged {
            offset: 0,
            what: Damage::Swallowed,
        };
        assert_eq!(end_of(&[claim, SET].concat()), expected);
        let counted = [b"*9999999999\r\n", &SET[4..]].concat();
        assert_eq!(end_of(&counted), Ending::Truncated { offset: 0 });
    }

    #[test]
    fn unused_space_ends_a_file_and_a_hole_damages_it() {
        let offset = SET.len() as u64;
        let zeros = vec![0; 600_000];
        let unused = |uncommitted_bytes| Ending::Unused {
            offset,
            uncommitted_bytes,
        };
        assert_eq!(end_of(&[SET, &zeros].concat()), unused(0));
        assert_eq!(end_of(&[SET, b"\0"].concat()), unused(0));
        let half = b"\x001\r\n$4\r\nPI";
        assert_eq!(
            end_of(&[SET, half, &zeros].concat()),
            unused(half.len() as u64)
        );
        let hole = Ending::Damaged {
            offset,
            what: Damage::Hole,
        };
        assert_eq!(end_of(&[SET, &zeros, SET, &zeros].concat()), hole);
        assert_eq!(end_of(&[SET, b"\0", SET].concat()), hole);
    }

    #[test]
    fn a_record_larger_than_the_window_is_one_record() {
        let value = "x".repeat(3_000_000);
        let file = format!("*1\r\n$3000000\r\n{value}\r\n*1\r\n$4\r\nPING\r\n");
        let mut reader = Reader::new(file.as_bytes());
        match reader.read().unwrap() {
            Item::Request(request) => assert!(request[0] == *value.as_bytes()),
            other => panic!("{other:?}"),
        }
        assert_eq!(read(file.as_bytes()).0.len(), 2);
    }
}
