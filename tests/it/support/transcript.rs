//! A transcript: requests and the replies they must get, read from a text file.
//!
//! ```text
//! # What the file shows. Blank lines and lines that begin with # are for people.
//! == a section (resp2)          starts on fresh connections and an empty server
//! > SET k v NX PX 100           a request
//! < +OK                         its reply, in the notation of `Pattern`
//! > SET k w NX
//! < $-1
//! <3 _                          the reply in RESP3, where it differs
//! a> SUBSCRIBE c                a request on the connection named a
//! a< *3 $"subscribe" $"c" :1
//! > PUBLISH c hi
//! < :1
//! a< *3 $"message" $"c" $"hi"   a reply that no request of that connection asked for
//! raw> "PING\r\n"               bytes
//! < +PONG
//! > QUIT
//! < +OK
//! < <eof>                       the connection ends; the next request opens a new one
//! raw> "\r\n"
//! < <nothing>                   no reply at all
//! > EVAL "while true do end" 0
//! < <later>                     the reply comes further down
//! b until> PING                 sent again until the reply is the expected one
//! b< -BUSY
//! advance 101                   milliseconds pass
//! @redis7.0 absent: why         the section or request that follows is not for that server
//! @redis7.0 differs: why        the next request has a reply of that server's own:
//! > CLIENT SETINFO LIB-NAME x
//! < +OK
//! <redis7.0 -ERR no             also <redis7.0/3
//! ```
//!
//! A section is replayed in RESP2 and again in RESP3, unless its heading names one of them.
//! Invariant: a file that parses says for every request what every target must answer.

use std::fmt;

use super::pattern::Pattern;
use super::target::Dialect;
use super::words::Words;

/// A protocol version of the replies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protocol {
    /// As every connection starts.
    Resp2,
    /// After `HELLO 3`.
    Resp3,
}

/// A file of sections.
#[derive(Debug)]
pub(crate) struct Transcript {
    pub(crate) sections: Vec<Section>,
}

/// Steps that build on each other, from an empty server.
#[derive(Debug)]
pub(crate) struct Section {
    /// Line number of the heading.
    pub(crate) line: usize,
    pub(crate) protocols: Vec<Protocol>,
    pub(crate) exception: Option<Exception>,
    pub(crate) steps: Vec<Step>,
}

/// One thing to do.
#[derive(Debug)]
pub(crate) enum Step {
    /// Time passes.
    Advance(u64),
    /// Something is sent, or only awaited, on one connection.
    Exchange(Exchange),
}

/// A request with its replies, or replies alone.
#[derive(Debug)]
pub(crate) struct Exchange {
    /// Line number of the request, or of the first reply where there is none.
    pub(crate) line: usize,
    pub(crate) connection: String,
    pub(crate) request: Request,
    pub(crate) exception: Option<Exception>,
    pub(crate) replies: Vec<Reply>,
}

/// What is sent.
#[derive(Debug, PartialEq)]
pub(crate) enum Request {
    /// Nothing: replies are awaited.
    None,
    /// An array of bulk strings.
    Command(Vec<Vec<u8>>),
    /// The same, until the reply fits.
    Repeat(Vec<Vec<u8>>),
    /// Bytes.
    Raw(Vec<u8>),
}

/// How the judge departs from what is expected of us.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Exception {
    /// It does not know the command.
    Absent(String),
    /// It answers something else.
    Differs,
}

/// One expected reply and where it holds.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) line: usize,
    pub(crate) dialect: Option<Dialect>,
    pub(crate) protocol: Option<Protocol>,
    pub(crate) expected: Expected,
}

/// What is awaited.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Expected {
    /// A frame like this, and how the file writes it.
    Frame(Pattern, String),
    /// The end of the connection.
    Eof,
    /// No reply.
    Nothing,
    /// No reply yet.
    Later,
    /// Whatever comes: to be filled in by an update.
    Unknown,
}

impl Step {
    /// Whether something is sent.
    pub(crate) fn is_request(&self) -> bool {
        matches!(self, Step::Exchange(exchange) if exchange.request != Request::None)
    }
}

impl fmt::Display for Expected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Expected::Frame(_, text) => text,
            Expected::Eof => "<eof>",
            Expected::Nothing => "<nothing>",
            Expected::Later => "<later>",
            Expected::Unknown => "?",
        })
    }
}

impl Exchange {
    /// The replies that hold for a target: its own before the common ones, and the protocol's own
    /// before those of both.
    pub(crate) fn replies_for(&self, dialect: Dialect, protocol: Protocol) -> Vec<&Reply> {
        let own = (dialect != Dialect::Quintlock).then_some(dialect);
        let levels = [
            (own, Some(protocol)),
            (own, None),
            (None, Some(protocol)),
            (None, None),
        ];
        for (dialect, protocol) in levels {
            let holds = |reply: &&Reply| (reply.dialect, reply.protocol) == (dialect, protocol);
            let found: Vec<&Reply> = self.replies.iter().filter(holds).collect();
            if !found.is_empty() {
                return found;
            }
        }
        Vec::new()
    }
}

impl Transcript {
    /// Reads a file's text.
    ///
    /// # Errors
    /// The line number and what is wrong there.
    pub(crate) fn parse(text: &str) -> Result<Transcript, String> {
        if !text.starts_with("# ") {
            return Err("1: a transcript opens with a comment that says what it shows".to_owned());
        }
        let mut reader = Reader::default();
        for (index, line) in text.lines().enumerate() {
            let number = index + 1;
            reader
                .read(number, line)
                .map_err(|problem| format!("{number}: {problem}"))?;
        }
        if reader.exception.is_some() {
            return Err("the last @ line stands before nothing".to_owned());
        }
        Ok(Transcript {
            sections: reader.sections,
        })
    }
}

/// The file as read so far, and the exception that waits for what it is about.
#[derive(Default)]
struct Reader {
    sections: Vec<Section>,
    exception: Option<Exception>,
}

impl Reader {
    fn read(&mut self, number: usize, line: &str) -> Result<(), String> {
        if line.is_empty() || line.starts_with('#') {
            return Ok(());
        }
        if let Some(heading) = line.strip_prefix("== ") {
            let section = Section::headed(number, heading, self.exception.take());
            self.sections.push(section);
            return Ok(());
        }
        if let Some(tag) = line.strip_prefix("@redis7.0 ") {
            let exception = Exception::parse(tag)?;
            return match self.exception.replace(exception) {
                None => Ok(()),
                Some(_) => Err("two exceptions to one request".to_owned()),
            };
        }
        let section = self
            .sections
            .last_mut()
            .ok_or("a section's == comes first")?;
        if let Some(ms) = line.strip_prefix("advance ") {
            let ms = ms.parse().map_err(|_| format!("{ms:?} is no number"))?;
            section.steps.push(Step::Advance(ms));
            return Ok(());
        }
        let sign = line.find(['>', '<']).ok_or("neither request nor reply")?;
        let (head, tail) = (line[..sign].trim_end(), &line[sign + 1..]);
        if line[sign..].starts_with('<') {
            if self.exception.is_some() {
                return Err("an exception stands before a request".to_owned());
            }
            return section.add_reply(number, head, tail);
        }
        let (connection, verb) = match head.rsplit_once(' ') {
            Some((connection, verb)) => (connection, verb),
            None if matches!(head, "raw" | "until") => ("", head),
            None => (head, ""),
        };
        let words = Words::all(tail)?;
        let request = match verb {
            "" => Request::Command(words),
            "until" => Request::Repeat(words),
            "raw" => Request::Raw(words.concat()),
            other => return Err(format!("{other:?} before '>'")),
        };
        section.steps.push(Step::Exchange(Exchange {
            line: number,
            connection: connection.to_owned(),
            request,
            exception: self.exception.take(),
            replies: Vec::new(),
        }));
        Ok(())
    }
}

impl Section {
    fn headed(line: usize, heading: &str, exception: Option<Exception>) -> Section {
        let only = [("(resp2)", Protocol::Resp2), ("(resp3)", Protocol::Resp3)];
        let named = only.iter().find(|(mark, _)| heading.ends_with(mark));
        Section {
            line,
            protocols: match named {
                Some((_, protocol)) => vec![*protocol],
                None => vec![Protocol::Resp2, Protocol::Resp3],
            },
            exception,
            steps: Vec::new(),
        }
    }

    /// Adds a reply to the last exchange if that is of the same connection, else awaits it alone.
    fn add_reply(&mut self, line: usize, connection: &str, tail: &str) -> Result<(), String> {
        let (level, text) = tail.split_once(' ').ok_or("a blank stands behind '<'")?;
        let (dialect, protocol) = match level {
            "" => (None, None),
            "3" => (None, Some(Protocol::Resp3)),
            "redis7.0" => (Some(Dialect::Redis7_0), None),
            "redis7.0/3" => (Some(Dialect::Redis7_0), Some(Protocol::Resp3)),
            other => return Err(format!("{other:?} behind '<'")),
        };
        let expected = match text {
            "<eof>" => Expected::Eof,
            "<nothing>" => Expected::Nothing,
            "<later>" => Expected::Later,
            "?" => Expected::Unknown,
            frame => Expected::Frame(Pattern::parse(frame)?, frame.to_owned()),
        };
        let reply = Reply {
            line,
            dialect,
            protocol,
            expected,
        };
        match self.steps.last_mut() {
            Some(Step::Exchange(last)) if last.connection == connection => last.replies.push(reply),
            _ => self.steps.push(Step::Exchange(Exchange {
                line,
                connection: connection.to_owned(),
                request: Request::None,
                exception: None,
                replies: vec![reply],
            })),
        }
        Ok(())
    }
}

impl Exception {
    fn parse(tag: &str) -> Result<Exception, String> {
        match tag.split_once(": ") {
            Some((_, "")) | None => Err("an exception gives its reason behind ': '".to_owned()),
            Some(("absent", reason)) => Ok(Exception::Absent(reason.to_owned())),
            Some(("differs", _)) => Ok(Exception::Differs),
            Some((other, _)) => Err(format!("{other:?} is neither absent nor differs")),
        }
    }
}

/// Whether every request has replies, and every reply that is an exception its reason.
pub(crate) fn faults(transcript: &Transcript) -> Vec<String> {
    let mut faults = Vec::new();
    for section in &transcript.sections {
        for step in &section.steps {
            let Step::Exchange(exchange) = step else {
                continue;
            };
            let plain = exchange
                .replies
                .iter()
                .filter(|reply| reply.dialect.is_none());
            let own = exchange.replies.iter().any(|reply| reply.dialect.is_some());
            let differs = exchange.exception == Some(Exception::Differs);
            let is_unknown = |reply: &Reply| reply.expected == Expected::Unknown;
            if plain.count() == 0 || exchange.replies.iter().any(is_unknown) {
                faults.push(format!("{}: no reply is given", exchange.line));
            }
            if own != differs {
                let line = exchange.line;
                faults.push(format!(
                    "{line}: a reply of its own and its reason go together"
                ));
            }
        }
    }
    faults
}
