//! From lines to a configuration: each line is checked and kept, then the whole is judged.
//!
//! Only the last value of a setting counts, so warnings and refusals wait until everything is read:
//! `appendonly yes` in a file and `--appendonly no` behind it is no reason to warn.

use std::ffi::OsStr;
use std::ffi::OsString;
use std::fs;
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::path::{self, Path, PathBuf};

use super::accepted::{STATEMENTS, Statement};
use super::arguments::{self, StandardInput};
use super::durability::DurabilityMode;
use super::file::{Line, Origin, Reader};
use super::password::is_default_user;
use super::rewrite::reason_of;
use super::setting::{self, Setting, Slot, Support};
use super::typed::Table;
use super::value::{Kind, Value};
use super::{Config, Loaded};
use crate::error::ConfigError;

/// How many letters a name may be off to be suggested.
const TYPING_ERRORS_MAX: usize = 2;

pub(super) fn load(
    words: &[OsString],
    standard_input: &mut dyn Read,
) -> Result<Loaded, ConfigError> {
    let arguments = arguments::parse(words)?;
    let mut reader = Reader::default();
    let mut file = None;
    if let Some(path) = &arguments.file {
        reader.read_file(path)?;
        file = path::absolute(path).ok();
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
    draft.finish(file)
}

/// A configuration that is still being read.
struct Draft {
    values: Vec<Value>,
    /// The last line that gave each setting.
    given: Vec<Option<Line>>,
    /// The lines about the default user.
    users: Vec<Line>,
    warnings: Vec<String>,
    /// The settings that were given and are inert, once each, behind the reason.
    inert: Vec<(&'static str, Vec<String>)>,
}

impl Draft {
    fn new() -> Draft {
        let values: Vec<Value> = setting::all().map(Setting::default_value).collect();
        let given = values.iter().map(|_| None).collect();
        Draft {
            values,
            given,
            users: Vec::new(),
            warnings: Vec::new(),
            inert: Vec::new(),
        }
    }

    fn apply(&mut self, line: Line) -> Result<(), ConfigError> {
        let (name, words) = match line.words.split_first() {
            Some((name, words)) => (name.as_slice(), words),
            None => return Ok(()),
        };
        let known = |statement: &str| name.eq_ignore_ascii_case(statement.as_bytes());
        if let Some(statement) = STATEMENTS.iter().find(|statement| known(statement.name)) {
            return self.apply_statement(statement.support, line);
        }
        let Some((slot, setting, _)) = setting::find(name) else {
            return Err(
                line.error_as_redis(unknown(name), "Bad directive or wrong number of arguments")
            );
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

    fn apply_statement(&mut self, support: Support, line: Line) -> Result<(), ConfigError> {
        match support {
            Support::Refused(_) if names_default_user(&line.words) => self.users.push(line),
            Support::Refused(why) => return Err(refused(&line, why)),
            Support::NotHonoured(why) => self.warnings.push(warning(&line, why)),
            Support::Inert(why) => note_inert(&mut self.inert, &line, why),
            Support::Honoured(_) => {}
        }
        Ok(())
    }

    fn finish(mut self, file: Option<PathBuf>) -> Result<Loaded, ConfigError> {
        self.resolve_directory()?;
        self.check_users()?;
        let asked = self.values.clone();
        self.settle_durability();
        for (i, setting) in setting::all().enumerate() {
            let Some(line) = &self.given[i] else { continue };
            if let Support::Inert(why) = setting.support {
                note_inert(&mut self.inert, line, why);
            }
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
            config: Config::of_values(self.values, asked, file),
            warnings: self.warnings,
            notes: self.inert.iter().map(note).collect(),
            given,
        })
    }
}

impl Draft {
    /// `dir` as the system knows it, which must be there.
    fn resolve_directory(&mut self) -> Result<(), ConfigError> {
        let Some((slot, ..)) = setting::find(b"dir") else {
            return Ok(());
        };
        if let (Some(line), Value::Text(text)) = (&self.given[slot.0], &mut self.values[slot.0]) {
            let real = fs::canonicalize(Path::new(OsStr::from_bytes(text)))
                .and_then(|path| fs::read_dir(&path).map(|_| path))
                .map_err(|fault| line.error(reason_of(&fault)))?;
            *text = real.into_os_string().into_encoded_bytes();
        }
        Ok(())
    }

    /// `durability` wins over the two settings of Redis, which show what it means.
    fn settle_durability(&mut self) {
        let slots = ["durability", "appendonly", "appendfsync", "io-threads"]
            .map(|name| setting::find(name.as_bytes()).map(|(slot, ..)| slot.0));
        let [
            Some(durability),
            Some(appendonly),
            Some(appendfsync),
            Some(threads),
        ] = slots
        else {
            return;
        };
        let table = Table(&self.values);
        let mode = if self.given[durability].is_none() && self.given[appendonly].is_some() {
            let appendfsync = table.choice("appendfsync");
            DurabilityMode::of_redis(table.switch("appendonly"), appendfsync)
        } else {
            DurabilityMode::parse(table.choice("durability"))
        };
        self.values[durability] = Value::Choices(vec![mode.name()]);
        self.values[appendonly] = Value::Switch(mode != DurabilityMode::None);
        if let Some(word) = mode.appendfsync() {
            self.values[appendfsync] = Value::Choices(vec![word]);
        }
        if mode == DurabilityMode::Always && self.given[threads].is_none() {
            // One sync for all that wait is what makes it quick; each thread has its own.
            self.values[threads] = Value::Integer(1);
        }
    }

    /// The default user may be as `requirepass` makes it, and no other.
    fn check_users(&self) -> Result<(), ConfigError> {
        let password = match setting::find(b"requirepass").map(|(slot, ..)| &self.values[slot.0]) {
            Some(Value::Text(password)) => password.as_slice(),
            _ => b"",
        };
        let is_other = |line: &&Line| !is_default_user(&line.words[2..], password);
        match (
            self.users.iter().find(is_other),
            STATEMENTS.iter().find(|row| row.name == "user"),
        ) {
            (
                Some(line),
                Some(Statement {
                    support: Support::Refused(why),
                    ..
                }),
            ) => Err(refused(line, why)),
            _ => Ok(()),
        }
    }
}

fn note_inert(inert: &mut Vec<(&'static str, Vec<String>)>, line: &Line, why: &'static str) {
    let Some(name) = line.words.first() else {
        return;
    };
    let name = name.escape_ascii().to_string().to_ascii_lowercase();
    match inert.iter_mut().find(|(reason, _)| *reason == why) {
        Some((_, names)) if names.contains(&name) => {}
        Some((_, names)) => names.push(name),
        None => inert.push((why, vec![name])),
    }
}

fn note((why, names): &(&'static str, Vec<String>)) -> String {
    format!("Without effect, as {why}: {}", names.join(", "))
}

fn warning(line: &Line, why: &str) -> String {
    format!("{}: '{}' is not honoured: {why}", line.origin, line.text())
}

fn refused(line: &Line, why: &str) -> ConfigError {
    line.error(format!(
        "cannot be honoured: {why}; remove it to start without"
    ))
}

fn names_default_user(words: &[Vec<u8>]) -> bool {
    matches!(words, [_, name, ..] if name == b"default")
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
    if name.eq_ignore_ascii_case(b"check-config") {
        return "--check-config comes first".to_owned();
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
