//! A random request for a row of the command table, driven by the syntax that the row is
//! documented with; about every third has something wrong with it.

use quintlock::command::syntax::{self, Argument, Kind, Presence, Repetition};
use quintlock::command::table::Row;

use super::normal::named;
use super::pools;
use super::rows::{LATER_TOKENS, Rows};
use super::script;
use crate::support::seed::Seed;

/// How deep a request may stand in another: EVAL of a COMMAND GETKEYS of a SET.
const DEPTH_MAX: usize = 2;

/// The words of a request.
pub(super) type Words = Vec<Vec<u8>>;

/// A request of any command, but for one that lets a key expire so soon that only one of the two
/// servers might still have it at the next request.
pub(super) fn draw(seed: &mut Seed, rows: &Rows) -> Words {
    loop {
        let words = draw_nested(seed, rows, DEPTH_MAX);
        if !expires_soon(&words) {
            return words;
        }
    }
}

/// Whether one of the numbers that a misplaced word may be stands where a time to live does. In a
/// script, where nobody knows, any number will do.
fn expires_soon(words: &Words) -> bool {
    let is_short = |word: &Vec<u8>| {
        let number = std::str::from_utf8(word)
            .ok()
            .and_then(|text| text.parse().ok());
        number.is_some_and(|number: u64| (1..100_000).contains(&number))
    };
    let is_option = |word: &String| matches!(&**word, "ex" | "px");
    let is_command = |word: &String| matches!(&**word, "expire" | "pexpire" | "setex" | "psetex");
    let names = named(words);
    let is_script = matches!(&*names[0], name if name.starts_with("eval"));
    if is_script {
        // Requests that are written into a script get some of their words from it.
        let is_written = |word: &&str| names.get(1).is_some_and(|text| text.contains(word));
        let has_time = names.iter().any(|name| is_option(name) || is_command(name))
            || ["expire", "setex", "'ex'", "'px'"].iter().any(is_written);
        return has_time && words.iter().skip(3).any(is_short);
    }
    let mut pairs = names.iter().zip(words.iter().skip(1));
    pairs.any(|(name, next)| is_option(name) && is_short(next))
        || is_command(&names[0]) && words.get(2).is_some_and(is_short)
}

/// A request in which no other stands.
pub(super) fn draw_plain(seed: &mut Seed, rows: &Rows) -> Words {
    loop {
        let words = draw_nested(seed, rows, 0);
        let is_eval = words[0].to_ascii_lowercase().starts_with(b"eval");
        if words.len() < 12 && !is_eval && !expires_soon(&words) {
            return words;
        }
    }
}

fn draw_nested(seed: &mut Seed, rows: &Rows, depth: usize) -> Words {
    if seed.is_one_in(100) {
        let name = seed.one_of(&["nosuch", "", "two words", "get ", "sets", "config|get"]);
        let mut words = vec![name.as_bytes().to_vec()];
        words.extend((0..seed.below(4)).map(|_| pools::any_word(seed)));
        return words;
    }
    let row = rows.draw(seed);
    let mut builder = Builder {
        seed,
        rows,
        row,
        depth,
        words: Vec::new(),
        key_count: None,
    };
    builder.name();
    let name_length = builder.words.len();
    builder.arguments();
    let mut words = builder.words;
    if seed.is_one_in(4) {
        spoil(seed, &mut words, name_length);
    }
    words
}

/// Makes a request that is probably wrong.
fn spoil(seed: &mut Seed, words: &mut Words, name_length: usize) {
    for _ in 0..1 + seed.below(2) {
        let at = |seed: &mut Seed, words: &Words| {
            name_length + seed.below((words.len() - name_length).max(1))
        };
        match seed.below(6) {
            0 => words.push(pools::any_word(seed)),
            1 => words.truncate(name_length.max(words.len().saturating_sub(1))),
            2 if words.len() > name_length => drop(words.remove(at(seed, words))),
            3 if words.len() > name_length => {
                let place = at(seed, words);
                words.push(words[place].clone());
            }
            4 if words.len() > name_length + 1 => {
                let (one, other) = (at(seed, words), at(seed, words));
                words.swap(one, other);
            }
            5 if words.len() > name_length => {
                let place = at(seed, words);
                words[place] = pools::any_word(seed);
            }
            _ => {}
        }
    }
}

struct Builder<'a> {
    seed: &'a mut Seed,
    rows: &'a Rows,
    row: &'static Row,
    depth: usize,
    words: Words,
    /// What `numkeys` says.
    key_count: Option<usize>,
}

impl Builder<'_> {
    fn name(&mut self) {
        for part in self.row.name.split('|') {
            let word = pools::spelled(self.seed, part);
            self.words.push(word);
        }
        let is_container = !self.row.subcommands.is_empty();
        if is_container && self.seed.is_one_in(2) {
            self.words.push(pools::any_word(self.seed));
        }
    }

    fn arguments(&mut self) {
        let mut arguments = syntax::parse(self.row.docs.syntax).expect("a syntax of the table");
        // The order of options is free, and a test should not know a better one.
        let options = arguments
            .iter()
            .position(|argument| argument.presence == Presence::Optional)
            .unwrap_or(arguments.len());
        for at in (options + 1..arguments.len()).rev() {
            if arguments[at].repetition == Repetition::Once {
                arguments.swap(at, options + self.seed.below(at + 1 - options));
            }
        }
        for argument in &arguments {
            let is_counted = self.key_count.is_some() && argument.kind == Kind::Key;
            if argument.presence == Presence::Required || is_counted || self.seed.is_one_in(2) {
                self.argument(argument);
            }
        }
    }

    fn argument(&mut self, argument: &Argument) {
        let times = match (argument.repetition, &argument.kind, self.key_count) {
            (Repetition::Once, ..) => 1,
            (_, Kind::Key, Some(count)) => count,
            // Now and then a half is left out, or two exclude each other.
            _ => 1 + self.seed.below(3),
        };
        for time in 0..times {
            let has_token = time == 0 || argument.repetition == Repetition::RepeatedWithToken;
            if let Some(token) = argument.token.filter(|_| has_token) {
                if self.is_later(token) {
                    return;
                }
                let word = pools::spelled(self.seed, token);
                self.words.push(word);
            }
            self.value(argument);
        }
    }

    fn is_later(&self, token: &str) -> bool {
        LATER_TOKENS.contains(&(self.row.name, token))
    }

    fn value(&mut self, argument: &Argument) {
        match &argument.kind {
            Kind::PureToken => {}
            Kind::Block(parts) => {
                for part in parts {
                    if part.presence == Presence::Required || self.seed.is_one_in(2) {
                        self.argument(part);
                    }
                }
            }
            Kind::OneOf(parts) => {
                for _ in 0..1 + self.seed.below(8) / 7 {
                    let chosen = self.seed.below(parts.len());
                    self.argument(&parts[chosen]);
                }
            }
            _ => self.plain(argument),
        }
    }

    /// An argument of one word, or one that stands for a whole request.
    fn plain(&mut self, argument: &Argument) {
        let has_depth = self.depth > 0;
        match &*argument.name {
            "numkeys" => {
                let count = self.seed.below(4);
                self.key_count = Some(count);
                let word = match self.seed.below(10) {
                    0 => pools::any_word(self.seed),
                    _ => count.to_string().into_bytes(),
                };
                self.words.push(word);
            }
            "script" | "sha1" => {
                let script = script::draw(self.seed, self.rows, &argument.name);
                self.words.push(script);
            }
            "arg" if has_depth && self.key_count.is_some() => {
                let nested = draw_nested(self.seed, self.rows, self.depth - 1);
                self.words.extend(nested);
            }
            "command" if has_depth => {
                let nested = draw_nested(self.seed, self.rows, self.depth - 1);
                self.words.extend(nested);
            }
            "command-name" => {
                let row = self.rows.draw(self.seed);
                self.words.push(pools::spelled(self.seed, row.name));
            }
            "value" if self.row.name == "config|set" => {
                self.words.push(pools::setting_value(self.seed));
            }
            _ => self.words.push(pools::word_for(self.seed, argument)),
        }
    }
}
