//! From lines to a configuration: each line is checked and kept, then the whole is judged.
//!
//! Only the last value of a setting counts, so warnings and refusals wait until everything is read:
//! `appendonly yes` in a file and `--appendonly no` behind it is no reason to warn.

use std::ffi::OsString;
use std::io::Read;

use super::accepted::STATEMENTS;
use super::arguments::{self, StandardInput};
use super::file::{Line, Origin, Reader};
use super::setting::{self, Setting, Slot, Support};
use super::value::{Kind, Value};
use super::{Config, Loaded};
use crate::error::StartupError;

/// How many letters a name may be off to be suggested.
const TYPING_ERRORS_MAX: usize = 2;

pub(super) fn load(
    words: &[OsString],
    standard_input: &mut dyn Read,
) -> Result<Loaded, StartupError> {
    let arguments = arguments::parse(words)?;
    let mut reader = Reader::default();
    if let Some(path) = &arguments.file {
        reader.read_file(path)?;
    }
    if let Some(StandardInput) = arguments.standard_input {
        reader.read_standard_input(standard_input)?;
    }
    for option in arguments.options {
        reader.push(option, Origin::CommandLine)?;
    }
    let mut draft = Draft::new();
    for line in reader.lines {
        draft.apply(line)?;
    }
    draft.finish()
}

/// A configuration that is still being read.
struct Draft {
    values: Vec<Value>,
    /// The last line that gave each setting.
    given: Vec<Option<Line>>,
    warnings: Vec<String>,
}

impl Draft {
    fn new() -> Draft {
        let values: Vec<Value> = setting::all().map(Setting::default_value).collect();
        let given = values.iter().map(|_| None).collect();
        Draft {
            values,
            given,
            warnings: Vec::new(),
        }
    }

    fn apply(&mut self, line: Line) -> Result<(), StartupError> {
        let (name, words) = match line.words.split_first() {
            Some((name, words)) => (name.as_slice(), words),
            None => return Ok(()),
        };
        let known = |statement: &str| name.eq_ignore_ascii_case(statement.as_bytes());
        if let Some(statement) = STATEMENTS.iter().find(|statement| known(statement.name)) {
            return self.apply_statement(statement.support, &line);
        }
        let Some((slot, setting, _)) = setting::find(name) else {
            return Err(line.error(unknown(name)));
        };
        let mut words: Vec<&[u8]> = words.iter().map(Vec::as_slice).collect();
        // A shell may hand the quotes on; for this setting alone Redis takes them for nothing.
        if let (Kind::SavePoints, [word @ b"\"\""]) = (setting.kind, words.as_mut_slice()) {
            *word = b"";
        }
        if words.is_empty() && !matches!(setting.kind, Kind::Words { .. }) {
            return Err(line.error("wrong number of arguments"));
        }
        let current = &self.values[slot.0];
        let mut value = setting
            .kind
            .parse(&words, current)
            .map_err(|refusal| line.error(refusal))?;
        if let (Kind::SavePoints, Value::Numbers(before), Value::Numbers(added)) =
            (setting.kind, current, &value)
            && !added.is_empty()
        {
            value = Value::Numbers([before.as_slice(), added].concat());
        }
        self.values[slot.0] = value;
        self.given[slot.0] = Some(line);
        Ok(())
    }

    fn apply_statement(&mut self, support: Support, line: &Line) -> Result<(), StartupError> {
        match support {
            Support::Refused(_) if is_open_default_user(&line.words) => {}
            Support::Refused(why) => return Err(refused(line, why)),
            Support::NotHonoured(why) => self.warnings.push(warning(line, why)),
            Support::Honoured(_) | Support::Inert(_) => {}
        }
        Ok(())
    }

    fn finish(mut self) -> Result<Loaded, StartupError> {
        for (i, setting) in setting::all().enumerate() {
            let Some(line) = &self.given[i] else { continue };
            let default = setting.default_value();
            if self.values[i] == default {
                continue;
            }
            match setting.support {
                Support::Refused(why) => return Err(refused(line, why)),
                Support::NotHonoured(why) => {
                    self.warnings.push(warning(line, why));
                    self.values[i] = default;
                }
                Support::Honoured(_) | Support::Inert(_) => {}
            }
        }
        let given = (0..self.given.len())
            .filter(|&i| self.given[i].is_some())
            .map(Slot)
            .collect();
        Ok(Loaded {
            config: Config::of_values(self.values),
            warnings: self.warnings,
            given,
        })
    }
}

fn warning(line: &Line, why: &str) -> String {
    format!("{}: '{}' is not honoured: {why}", line.origin, line.text())
}

fn refused(line: &Line, why: &str) -> StartupError {
    line.error(format!(
        "cannot be honoured: {why}; remove it to start without"
    ))
}

/// The line that Redis itself writes when there are no access control lists.
fn is_open_default_user(words: &[Vec<u8>]) -> bool {
    let open = ["on", "nopass", "sanitize-payload", "~*", "&*", "+@all"];
    match words {
        [user, name, rules @ ..] if user.eq_ignore_ascii_case(b"user") && name == b"default" => {
            rules
                .iter()
                .all(|rule| open.iter().any(|known| rule == known.as_bytes()))
        }
        _ => false,
    }
}

/// What is said about a name that no setting has.
fn unknown(name: &[u8]) -> String {
    if let Some(equals) = name.iter().position(|&byte| byte == b'=')
        && let (name, [_, value @ ..]) = name.split_at(equals)
        && setting::find(name).is_some()
    {
        let (name, value) = (name.escape_ascii(), value.escape_ascii());
        return format!("a blank separates name and value; write '{name} {value}'");
    }
    let near = setting::all()
        .map(|setting| {
            (
                distance(&name.to_ascii_lowercase(), setting.name.as_bytes()),
                setting.name,
            )
        })
        .filter(|(distance, _)| *distance <= TYPING_ERRORS_MAX.min(name.len() / 3))
        .min();
    match near {
        Some((_, near)) => format!("no such setting; did you mean '{near}'?"),
        None => "no such setting; remove it, or check its name".to_owned(),
    }
}

/// How many letters must be added, removed or replaced to make `a` of `b`. Names far apart in
/// length are not compared, so a long name costs nothing.
fn distance(a: &[u8], b: &[u8]) -> usize {
    if a.len().abs_diff(b.len()) > TYPING_ERRORS_MAX {
        return usize::MAX;
    }
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, letter) in a.iter().enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        for (above, other) in row[1..].iter_mut().zip(b) {
            let replaced = diagonal + usize::from(letter != other);
            diagonal = *above;
            left = replaced.min(left + 1).min(*above + 1);
            *above = left;
        }
        row[0] = i + 1;
    }
    row.last().copied().unwrap_or(a.len())
}
