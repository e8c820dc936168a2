//! The notation of a command's arguments, and the tree it stands for.
//!
//! A row writes its arguments much as the manual does; COMMAND DOCS, HELP and the README show
//! them in three other ways, and all three read the tree. The notation:
//!
//! - `key`: an argument; its type follows from its name ([`Kind::of_name`]), but for `name.double`.
//! - `NX`: a token that stands for itself; `PX milliseconds`: a token and the argument behind it.
//! - `name:<a | b>`: one of several; `name:<a b>`: several in a row. Both need a name.
//! - `[a]`: may be left out.
//! - `a ...`: may be repeated; `[PX a] ...`: may be repeated with its token.

use std::borrow::Cow;

/// An argument of a command, as COMMAND DOCS knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Argument {
    /// Lower case.
    pub name: Cow<'static, str>,
    /// The word before the argument, or the whole of a [`Kind::PureToken`].
    pub token: Option<&'static str>,
    /// What is expected.
    pub kind: Kind,
    /// Whether it may be left out.
    pub presence: Presence,
    /// Whether it may be repeated.
    pub repetition: Repetition,
}

/// What an argument is made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A key.
    Key,
    /// Any bytes.
    Text,
    /// A whole number.
    Integer,
    /// A number that may have a fraction.
    Double,
    /// A glob-style pattern.
    Pattern,
    /// A Unix time.
    UnixTime,
    /// The token alone.
    PureToken,
    /// One of these.
    OneOf(Vec<Argument>),
    /// All of these, in this order.
    Block(Vec<Argument>),
}

/// Whether an argument may be left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presence {
    /// It must be given.
    Required,
    /// It may be left out.
    Optional,
}

/// Whether an argument may be repeated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Repetition {
    /// It stands once.
    Once,
    /// It may be repeated behind one token, or without one.
    Repeated,
    /// It may be repeated, each time with its token.
    RepeatedWithToken,
}

/// Why a syntax is not in the notation: what was expected, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected {expected} at byte {position}")]
pub struct SyntaxFault {
    /// What should stand there.
    pub expected: &'static str,
    /// Byte offset into the syntax.
    pub position: usize,
}

impl Kind {
    /// The type that COMMAND DOCS gives to arguments of that name.
    pub fn of_name(name: &str) -> Kind {
        match name {
            "key" | "key1" | "key2" | "newkey" | "source" | "destination" => Kind::Key,
            "pattern" => Kind::Pattern,
            "client-id" | "count" | "cursor" | "db" | "decrement" | "destination-db" | "end"
            | "increment" | "index" | "index1" | "index2" | "maxage" | "milliseconds"
            | "min-match-len" | "numkeys" | "numlocal" | "numreplicas" | "offset" | "port"
            | "protover" | "seconds" | "start" | "timeout" | "version" => Kind::Integer,
            "unix-time-milliseconds" | "unix-time-seconds" => Kind::UnixTime,
            _ => Kind::Text,
        }
    }

    /// The type's name in COMMAND DOCS.
    pub fn name(&self) -> &'static str {
        match self {
            Kind::Key => "key",
            Kind::Text => "string",
            Kind::Integer => "integer",
            Kind::Double => "double",
            Kind::Pattern => "pattern",
            Kind::UnixTime => "unix-time",
            Kind::PureToken => "pure-token",
            Kind::OneOf(_) => "oneof",
            Kind::Block(_) => "block",
        }
    }

    /// The arguments inside, if any can be.
    pub fn parts(&self) -> Option<&[Argument]> {
        match self {
            Kind::OneOf(parts) | Kind::Block(parts) => Some(parts),
            _ => None,
        }
    }
}

/// Reads a syntax.
///
/// # Errors
/// If it is not in the notation. Syntaxes are constants of the table, so this is a mistake of
/// ours; a test of the table looks for it.
pub fn parse(syntax: &'static str) -> Result<Vec<Argument>, SyntaxFault> {
    let mut parser = Parser {
        syntax,
        position: 0,
    };
    let mut arguments = Vec::new();
    while parser.peek().is_some() {
        arguments.push(parser.argument()?);
    }
    Ok(arguments)
}

struct Parser {
    syntax: &'static str,
    position: usize,
}

impl Parser {
    fn argument(&mut self) -> Result<Argument, SyntaxFault> {
        let mut argument = if self.take("[") {
            let mut inner = self.argument()?;
            self.expect("]")?;
            inner.presence = Presence::Optional;
            inner
        } else {
            self.bare_argument()?
        };
        if self.take("...") {
            let has_token = argument.token.is_some();
            argument.repetition = match argument.presence {
                Presence::Optional if has_token => Repetition::RepeatedWithToken,
                Presence::Optional | Presence::Required => Repetition::Repeated,
            };
        }
        Ok(argument)
    }

    /// An argument without brackets: a token, a value, or the one and the other.
    fn bare_argument(&mut self) -> Result<Argument, SyntaxFault> {
        let word = self.word().ok_or_else(|| self.fault("an argument"))?;
        if !is_token(word) {
            return self.value(word);
        }
        match self.word() {
            Some(name) if !is_token(name) => Ok(Argument {
                token: Some(word),
                ..self.value(name)?
            }),
            Some(_) => Err(self.fault("`|` between two tokens")),
            None => Ok(Argument {
                token: Some(word),
                ..single(word.to_ascii_lowercase(), Kind::PureToken)
            }),
        }
    }

    /// What follows a name that has just been read: the group it names, or nothing.
    fn value(&mut self, name: &'static str) -> Result<Argument, SyntaxFault> {
        if self.take(".double") {
            return Ok(single(name, Kind::Double));
        }
        if !self.take(":<") {
            return Ok(single(name, Kind::of_name(name)));
        }
        let mut parts = vec![self.argument()?];
        let are_alternatives = self.take("|");
        while !self.take(">") {
            if are_alternatives && parts.len() > 1 {
                self.expect("|")?;
            }
            parts.push(self.argument()?);
        }
        Ok(single(
            name,
            if are_alternatives {
                Kind::OneOf(parts)
            } else {
                Kind::Block(parts)
            },
        ))
    }

    /// Takes the next word, if a word is next.
    fn word(&mut self) -> Option<&'static str> {
        let rest = self.peek()?;
        let length = rest
            .find(|next: char| !is_word_character(next))
            .unwrap_or(rest.len());
        let (word, _) = rest.split_at(length);
        self.position += length;
        (length > 0).then_some(word)
    }

    /// Takes `mark` if it is next.
    fn take(&mut self, mark: &str) -> bool {
        let is_next = self.peek().is_some_and(|rest| rest.starts_with(mark));
        if is_next {
            self.position += mark.len();
        }
        is_next
    }

    fn expect(&mut self, mark: &'static str) -> Result<(), SyntaxFault> {
        if self.take(mark) {
            Ok(())
        } else {
            Err(self.fault(mark))
        }
    }

    /// What is left behind the blanks, `None` at the end.
    fn peek(&mut self) -> Option<&'static str> {
        let (_, rest) = self.syntax.split_at(self.position);
        let text = rest.trim_start_matches(' ');
        self.position += rest.len() - text.len();
        (!text.is_empty()).then_some(text)
    }

    fn fault(&self, expected: &'static str) -> SyntaxFault {
        SyntaxFault {
            expected,
            position: self.position,
        }
    }
}

fn single(name: impl Into<Cow<'static, str>>, kind: Kind) -> Argument {
    Argument {
        name: name.into(),
        token: None,
        kind,
        presence: Presence::Required,
        repetition: Repetition::Once,
    }
}

fn is_word_character(character: char) -> bool {
    character.is_ascii_alphanumeric() || character == '-'
}

fn is_token(word: &str) -> bool {
    !word.contains(|character: char| character.is_ascii_lowercase())
}

/// How arguments are shown to people.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// As in the manual: `key [key ...] [NX | XX]`.
    Manual,
    /// As in HELP: `<key> [<key> ...] [NX|XX]`.
    Help,
}

/// The arguments as people read them, in one line.
pub fn usage(arguments: &[Argument], style: Style) -> String {
    joined(arguments, " ", style)
}

fn joined(arguments: &[Argument], separator: &str, style: Style) -> String {
    let shown: Vec<String> = arguments
        .iter()
        .map(|argument| shown(argument, style))
        .collect();
    shown.join(separator)
}

fn shown(argument: &Argument, style: Style) -> String {
    let value = match (&argument.kind, style) {
        (Kind::PureToken, _) => String::new(),
        (Kind::Block(parts), _) => joined(parts, " ", style),
        (Kind::OneOf(parts), _) => alternatives(argument, parts, style),
        (_, Style::Manual) => argument.name.to_string(),
        (_, Style::Help) => format!("<{}>", argument.name),
    };
    let whole = match (argument.token, value.is_empty()) {
        (Some(token), true) => token.to_string(),
        (Some(token), false) => format!("{token} {value}"),
        (None, _) => value.clone(),
    };
    let whole = match argument.repetition {
        Repetition::Once => whole,
        Repetition::Repeated => format!("{whole} [{value} ...]"),
        Repetition::RepeatedWithToken => format!("{whole} [{whole} ...]"),
    };
    match argument.presence {
        Presence::Required => whole,
        Presence::Optional => format!("[{whole}]"),
    }
}

/// The alternatives, bracketed unless the brackets of an optional argument hold them together.
fn alternatives(argument: &Argument, parts: &[Argument], style: Style) -> String {
    let is_held = argument.presence == Presence::Optional
        && argument.token.is_none()
        && argument.repetition == Repetition::Once;
    match style {
        Style::Manual if is_held => joined(parts, " | ", style),
        Style::Manual => format!("<{}>", joined(parts, " | ", style)),
        Style::Help if is_held => joined(parts, "|", style),
        Style::Help => format!("({})", joined(parts, "|", style)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manual(syntax: &'static str) -> String {
        usage(&parse(syntax).expect(syntax), Style::Manual)
    }

    fn help(syntax: &'static str) -> String {
        usage(&parse(syntax).expect(syntax), Style::Help)
    }

    #[test]
    fn syntaxes_are_shown_as_in_the_manual() {
        for (syntax, expected) in [
            ("", ""),
            ("key value", "key value"),
            ("key ...", "key [key ...]"),
            ("[key ...]", "[key [key ...]]"),
            ("data:<key value> ...", "key value [key value ...]"),
            ("key [condition:<NX | XX>] [GET]", "key [NX | XX] [GET]"),
            ("attr:<A a | B b>", "<A a | B b>"),
            ("[TYPE type:<A | B>]", "[TYPE <A | B>]"),
            ("[ID client-id ...]", "[ID client-id [client-id ...]]"),
            ("[PREFIX prefix] ...", "[PREFIX prefix [PREFIX prefix ...]]"),
            (
                "[all:<protover [AUTH auth:<user word>]>]",
                "[protover [AUTH user word]]",
            ),
        ] {
            assert_eq!(manual(syntax), expected, "{syntax}");
        }
    }

    #[test]
    fn syntaxes_are_shown_as_in_help() {
        assert_eq!(
            help("name ... [mode:<ASYNC | SYNC>]"),
            "<name> [<name> ...] [ASYNC|SYNC]"
        );
        assert_eq!(help("attr:<A a | B b>"), "(A <a>|B <b>)");
    }

    #[test]
    fn arguments_know_their_types() {
        let syntax = "key [EX seconds] [NX] one:<unix-time-seconds | pattern> pair:<a b>";
        let arguments = parse(syntax).expect(syntax);
        let kinds: Vec<&str> = arguments
            .iter()
            .map(|argument| argument.kind.name())
            .collect();
        assert_eq!(kinds, ["key", "integer", "pure-token", "oneof", "block"]);
        assert_eq!(arguments[1].token, Some("EX"));
        assert_eq!(arguments[2].name, "nx");
        assert_eq!(arguments[2].presence, Presence::Optional);
        let inner = arguments[3].kind.parts().expect("one of several has parts");
        assert_eq!(inner[0].kind, Kind::UnixTime);
        assert_eq!(inner[1].kind, Kind::Pattern);
    }

    #[test]
    fn faults_say_what_is_missing_and_where() {
        for (syntax, expected, position) in [
            ("key [GET", "]", 8),
            ("one:<A | B C>", "`|` between two tokens", 12),
            ("one:<A | b c>", "|", 11),
            ("]", "an argument", 0),
            ("key |", "an argument", 4),
            ("one:<a", "an argument", 6),
        ] {
            assert_eq!(
                parse(syntax),
                Err(SyntaxFault { expected, position }),
                "{syntax}"
            );
        }
    }
}
