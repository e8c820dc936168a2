//! What a transcript expects to be answered: a frame, in which some parts may vary.
//!
//! The notation is that of [`Frame`]'s `Display` with, in the place of a text or number,
//! `<int 1..9>` (a number of that range), `<glob "id=*">` (`*` any bytes, `?` one, `\` takes the
//! next as it is), and in the place of a frame `<any>`; `<unordered>` before an aggregate lets its
//! children come in any order. Without such a part a pattern fits one sequence of bytes only.

use std::ops::RangeInclusive;

use super::frame::Frame;
use super::words::Words;

/// One expected frame.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Pattern {
    /// `<any>`
    Any,
    /// `+ - : , # ( _`
    Line(u8, Text),
    /// `$ = !`
    Blob(u8, Text),
    /// `$-1` or `*-1`
    Null(u8),
    /// `* % ~ >`
    Aggregate(u8, Order, Vec<Pattern>),
}

/// The text of a line or bulk string.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Text {
    /// These bytes.
    Exact(Vec<u8>),
    /// A decimal number of this range.
    Integer(RangeInclusive<i64>),
    /// Bytes that fit the glob.
    Glob(Vec<u8>),
}

/// Whether the children of an aggregate come as they are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    /// As they are written; a map's entries too.
    Written,
    /// Any: for replies whose order is the hash table's.
    Free,
}

impl Pattern {
    /// Reads a whole line as one pattern.
    ///
    /// # Errors
    /// A sentence about what is not understood.
    pub(crate) fn parse(line: &str) -> Result<Pattern, String> {
        if let Some(kind @ ('+' | '-')) = line.chars().next()
            && !line[1..].starts_with(['"', '<'])
        {
            return Ok(Pattern::Line(
                kind as u8,
                Text::Exact(line.as_bytes()[1..].to_vec()),
            ));
        }
        let mut words = Words::new(line);
        let pattern = Pattern::parse_nested(&mut words)?;
        if words.is_empty() {
            Ok(pattern)
        } else {
            Err(format!("{:?} is left behind the reply", words.rest()))
        }
    }

    fn parse_nested(words: &mut Words<'_>) -> Result<Pattern, String> {
        if words.is_empty() {
            return Err("the reply ends too early".to_owned());
        }
        if words.take("<any>") {
            return Ok(Pattern::Any);
        }
        let order = if words.take("<unordered> ") {
            Order::Free
        } else {
            Order::Written
        };
        let kind = words.rest().bytes().next().unwrap_or_default();
        if !words.take(&char::from(kind).to_string()) {
            return Err("a frame begins with a byte that is not ASCII".to_owned());
        }
        match kind {
            b'$' | b'*' if words.take("-1") => Ok(Pattern::Null(kind)),
            b'*' | b'%' | b'~' | b'>' => {
                let count = String::from_utf8_lossy(&words.word()?).into_owned();
                let mut count: usize = count.parse().map_err(|_| format!("{count:?} elements"))?;
                if kind == b'%' {
                    count *= 2;
                }
                let children = (0..count).map(|_| Pattern::parse_nested(words));
                Ok(Pattern::Aggregate(
                    kind,
                    order,
                    children.collect::<Result<_, _>>()?,
                ))
            }
            b'$' | b'=' | b'!' => Ok(Pattern::Blob(kind, Text::parse(words)?)),
            b'+' | b'-' | b':' | b',' | b'#' | b'(' | b'_' => {
                Ok(Pattern::Line(kind, Text::parse(words)?))
            }
            other => Err(format!("{:?} begins no reply", char::from(other))),
        }
    }

    /// Whether `frame` is as expected.
    pub(crate) fn fits(&self, frame: &Frame) -> bool {
        match (self, frame) {
            (Pattern::Any, _) => true,
            (Pattern::Line(kind, text), Frame::Line(got, bytes))
            | (Pattern::Blob(kind, text), Frame::Blob(got, bytes)) => {
                kind == got && text.fits(bytes)
            }
            (Pattern::Null(kind), Frame::Null(got)) => kind == got,
            (Pattern::Aggregate(kind, order, patterns), Frame::Aggregate(got, children)) => {
                kind == got
                    && patterns.len() == children.len()
                    && match order {
                        Order::Written => patterns.iter().zip(children).all(|(p, c)| p.fits(c)),
                        Order::Free => fit_in_any_order(*kind, patterns, children),
                    }
            }
            _ => false,
        }
    }
}

/// Pairs each pattern with the first child that fits and is not yet taken; a map's entries stay
/// together.
fn fit_in_any_order(kind: u8, patterns: &[Pattern], children: &[Frame]) -> bool {
    let width = if kind == b'%' { 2 } else { 1 };
    let mut left: Vec<&[Frame]> = children.chunks(width).collect();
    patterns.chunks(width).all(|entry| {
        let found = left
            .iter()
            .position(|child| entry.iter().zip(*child).all(|(p, c)| p.fits(c)));
        found.map(|index| left.remove(index)).is_some()
    })
}

impl Text {
    fn parse(words: &mut Words<'_>) -> Result<Text, String> {
        if words.take("<int ") {
            let range = words.until('>')?;
            let bounds = range
                .split_once("..")
                .and_then(|(low, high)| Some(low.parse::<i64>().ok()?..=high.parse::<i64>().ok()?));
            return bounds
                .map(Text::Integer)
                .ok_or_else(|| format!("{range:?} is no range"));
        }
        if words.take("<glob ") {
            let glob = words.word_in_quotes()?;
            return if words.take(">") {
                Ok(Text::Glob(glob))
            } else {
                Err("a glob without its '>'".to_owned())
            };
        }
        if words.rest().starts_with('<') {
            return Err(format!("{:?} is no pattern", words.rest()));
        }
        Ok(Text::Exact(if words.rest().starts_with(' ') {
            Vec::new()
        } else {
            words.word()?
        }))
    }

    fn fits(&self, bytes: &[u8]) -> bool {
        match self {
            Text::Exact(exact) => exact == bytes,
            Text::Glob(glob) => glob_fits(glob, bytes),
            Text::Integer(range) => std::str::from_utf8(bytes)
                .ok()
                .and_then(|digits| {
                    let number = digits.parse::<i64>().ok()?;
                    Some(number.to_string() == digits && range.contains(&number))
                })
                .unwrap_or(false),
        }
    }
}

fn glob_fits(glob: &[u8], bytes: &[u8]) -> bool {
    let (mut g, mut b) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while b < bytes.len() {
        match glob.get(g) {
            Some(b'*') => {
                star = Some((g + 1, b));
                g += 1;
                continue;
            }
            Some(b'?') => {
                g += 1;
                b += 1;
                continue;
            }
            Some(b'\\') if glob.get(g + 1) == bytes.get(b) => {
                g += 2;
                b += 1;
                continue;
            }
            Some(plain) if *plain == bytes[b] && *plain != b'\\' => {
                g += 1;
                b += 1;
                continue;
            }
            _ => {}
        }
        let Some((after_star, taken_to)) = star else {
            return false;
        };
        star = Some((after_star, taken_to + 1));
        (g, b) = (after_star, taken_to + 1);
    }
    glob[g..].iter().all(|byte| *byte == b'*')
}

#[test]
fn what_a_frame_prints_is_the_pattern_of_that_frame_alone() {
    for wire in [
        &b"-ERR unknown command 'x', with args beginning with: 'a' \r\n"[..],
        b"-ERR value is not an integer or out of range\r\n",
        b"*3\r\n$3\r\na b\r\n-ERR no\r\n+OK\r\n",
        b"%1\r\n_\r\n$-1\r\n",
        b"$0\r\n\r\n",
        b"=5\r\ntxt:\n\r\n",
        b"*2\r\n*-1\r\n*0\r\n",
    ] {
        let (frame, _) = Frame::read(wire).unwrap().unwrap();
        let pattern = Pattern::parse(&frame.to_string()).unwrap();
        assert!(pattern.fits(&frame), "{frame}");
        let (other, _) = Frame::read(b"+other\r\n").unwrap().unwrap();
        assert!(!pattern.fits(&other), "{frame}");
    }
}

#[test]
fn varying_parts_fit_what_they_describe_and_nothing_else() {
    let fits = |pattern: &str, wire: &[u8]| {
        let (frame, _) = Frame::read(wire).unwrap().unwrap();
        Pattern::parse(pattern).unwrap().fits(&frame)
    };
    assert!(fits(":<int 29900..30000>", b":29950\r\n"));
    assert!(!fits(":<int 29900..30000>", b":30001\r\n"));
    assert!(!fits(":<int 0..9>", b":+1\r\n"));
    assert!(fits(r#"$<glob "id=* a=?">"#, b"$8\r\nid=7 a=b\r\n"));
    assert!(!fits(r#"$<glob "id=* a=?">"#, b"$7\r\nid=7 a=\r\n"));
    assert!(fits(r#"$<glob "\\*">"#, b"$1\r\n*\r\n"));
    assert!(!fits(r#"$<glob "\\*">"#, b"$1\r\nx\r\n"));
    assert!(fits("<unordered> *2 :1 :2", b"*2\r\n:2\r\n:1\r\n"));
    assert!(!fits("<unordered> *2 :1 :1", b"*2\r\n:2\r\n:1\r\n"));
    assert!(!fits("*2 :1 :2", b"*2\r\n:2\r\n:1\r\n"));
    assert!(fits("*1 <any>", b"*1\r\n*0\r\n"));
    assert!(Pattern::parse("*2 :1").is_err());
    assert!(Pattern::parse("*1 :1 :2").is_err());
}
