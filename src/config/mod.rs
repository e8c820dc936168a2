//! Configuration: redis.conf, the command line, CONFIG GET and CONFIG SET.
//!
//! One table ([`setting`]) names every setting of Redis and what becomes of it here. [`Config`] holds
//! the values as CONFIG shows them; [`Settings`] mirrors those that the server honours, cheap to
//! read. What CONFIG GET answers is what is in force: a setting that is not honoured shows its
//! default, whatever the file asks for.

mod accepted;
mod arguments;
mod durability;
mod file;
mod later;
mod listen;
mod load;
mod notify;
mod observation;
mod parse;
mod password;
mod rewrite;
pub mod setting;
mod settings;
mod supervision;
pub mod table;
mod typed;
mod value;

use std::ffi::OsString;
use std::io::Read;
use std::path::{Path, PathBuf};

use parking_lot::RwLock;

pub use durability::{Durability, DurabilityMode};
pub use listen::{BindAddress, BindHost, Presence, TcpPort};
pub use notify::NotifyFlags;
pub use observation::{GuardedAccess, Observation};
pub(crate) use rewrite::quoted;
pub use settings::{ClientClass, LogLevel, Settings, SharedLogLevel};
pub use supervision::Supervision;
pub use value::{Kind, OutputLimit, Value};

use crate::error::{CommandError, ConfigError, Quoted, SettingError, StartupError};
use crate::glob::{self, Case};
pub use setting::Effect;
use setting::{Change, Display, Setting, Slot, Support};
use typed::Table;

/// The Redis version that clients are told: which commands and replies they can count on.
pub const REDIS_VERSION: &str = "7.2.4";

/// A setting's place in the table, its row, and its name as it was written.
type Row = (Slot, &'static Setting, &'static str);

/// The configuration of one server.
#[derive(Debug)]
pub struct Config {
    /// What the server reads.
    pub settings: Settings,
    /// What CONFIG shows, one value for each row of the table.
    values: RwLock<Vec<Value>>,
    /// What was asked for, in force or not: what a file would have to say.
    asked: RwLock<Vec<Value>>,
    /// The file that it was read from.
    file: Option<PathBuf>,
}

/// A configuration and what an operator should know about it.
#[derive(Debug)]
pub struct Loaded {
    /// The configuration.
    pub config: Config,
    /// One line for each setting that was asked for and is not honoured; for the log.
    pub warnings: Vec<String>,
    /// One line for each part that the server does not have, with the settings that were given and
    /// would tune it; for the log.
    pub notes: Vec<String>,
    given: Vec<Slot>,
}

impl Loaded {
    /// Whether a file or the command line gives this setting.
    pub fn is_given(&self, name: &str) -> bool {
        setting::find(name.as_bytes()).is_some_and(|(slot, ..)| self.given.contains(&slot))
    }
}

impl Default for Config {
    /// The configuration of a server that was started without file and options.
    fn default() -> Config {
        let values: Vec<Value> = setting::all().map(Setting::default_value).collect();
        Config::of_values(values.clone(), values, None)
    }
}

impl Config {
    /// Reads what the words after the program's name ask for: the file first, then standard input,
    /// then the options; the last one given wins.
    ///
    /// # Errors
    /// A file that cannot be read, a line that cannot be understood, or a setting that the server
    /// must not go without.
    pub fn load(words: &[OsString], standard_input: &mut dyn Read) -> Result<Loaded, ConfigError> {
        load::load(words, standard_input)
    }

    /// This configuration for another server of the same process, the `number`th of several.
    ///
    /// # Errors
    /// More than 16 addresses.
    pub fn sibling(
        &self,
        bind: &str,
        port: TcpPort,
        number: Option<usize>,
    ) -> Result<Config, StartupError> {
        let mut values = self.values.read().clone();
        let text = |name| String::from_utf8_lossy(Table(&values).text(name)).into_owned();
        let (journal, dump) = (text("appenddirname"), text("dbfilename"));
        for (name, words) in [
            ("bind", bind.to_owned()),
            ("port", port.number().to_string()),
            // Each has a journal of its own.
            (
                "appenddirname",
                number.map_or(journal.clone(), |number| format!("{journal}-{number}")),
            ),
            // One snapshot is not the locks of several.
            ("dbfilename", number.map_or(dump, |_| String::new())),
        ] {
            if let Some((slot, setting, _)) = setting::find(name.as_bytes()) {
                let value = setting.kind.parse(&[words.as_bytes()], &values[slot.0]);
                values[slot.0] = value
                    .map_err(|refusal| StartupError(format!("'{name} {words}': {refusal}")))?;
            }
        }
        let settings = Settings::new(&values, port);
        Ok(Config {
            settings,
            asked: RwLock::new(values.clone()),
            values: RwLock::new(values),
            // Several servers cannot keep their settings in one file.
            file: None,
        })
    }

    /// The file that the server was started with, by its whole path.
    pub fn file(&self) -> Option<&Path> {
        self.file.as_deref()
    }

    /// Notes the port that the system chose, so that CONFIG GET shows it.
    pub fn note_chosen_port(&self, port: u16) {
        if let Some((slot, ..)) = setting::find(b"port") {
            self.values.write()[slot.0] = Value::Integer(i64::from(port));
        }
    }

    /// Notes that the system lets the server have so many clients and no more, so that CONFIG GET
    /// shows it. A file that is rewritten keeps what was asked for.
    pub fn lower_maxclients(&self, clients: u32) {
        if let Some((slot, ..)) = setting::find(b"maxclients") {
            let mut values = self.values.write();
            values[slot.0] = Value::Integer(i64::from(clients));
            self.settings.refresh(&values);
        }
    }

    /// CONFIG GET: names and values for some names or patterns, each name once.
    ///
    /// A name without wildcards comes back as it was written, as in Redis.
    pub fn get(&self, patterns: &[&[u8]]) -> Vec<(Vec<u8>, Vec<u8>)> {
        let values = self.values.read();
        let mut found: Vec<(Vec<u8>, Vec<u8>)> = Vec::new();
        let mut add = |name: &[u8], slot: Slot| {
            if !found
                .iter()
                .any(|(known, _)| known.eq_ignore_ascii_case(name))
            {
                found.push((name.to_vec(), values[slot.0].print()));
            }
        };
        for pattern in patterns {
            if !pattern.iter().any(|byte| b"*?[".contains(byte)) {
                if let Some((slot, ..)) = setting::find(pattern) {
                    add(pattern, slot);
                }
                continue;
            }
            for (i, setting) in setting::all().enumerate() {
                let names = [Some(setting.name), setting.alias].into_iter().flatten();
                for name in names.filter(|_| setting.display == Display::Listed) {
                    if glob::matches(pattern, name.as_bytes(), Case::Ignored) {
                        add(name.as_bytes(), Slot(i));
                    }
                }
            }
        }
        found
    }

    /// CONFIG SET: all of the pairs, or none. `apply` does what follows from a changed setting; if it
    /// refuses, it is called again with all settings as they were.
    ///
    /// # Errors
    /// Redis's text about the first pair that cannot be set.
    pub fn change(
        &self,
        pairs: &[(&[u8], &[u8])],
        apply: &mut dyn FnMut(Effect) -> Result<(), SettingError>,
    ) -> Result<(), CommandError> {
        let rows = settable_rows(pairs)?;
        let mut asked = self.asked.write();
        let mut values = self.values.write();
        let mut changed = values.clone();
        let mut asked_for = Vec::with_capacity(rows.len());
        let mut effects: Vec<(Effect, &str)> = Vec::new();
        for ((slot, setting, written), (_, word)) in rows.into_iter().zip(pairs) {
            let value = settable(setting, word, &changed[slot.0])
                .map_err(|reason| refused(written, reason))?;
            // What is in force may follow from another setting, which is what a file must say.
            if setting.change != Change::Settled {
                asked_for.push((slot, value.clone()));
            }
            if let Some(effect) = setting.effect
                && value != values[slot.0]
                && !effects.iter().any(|(known, _)| *known == effect)
            {
                effects.push((effect, written));
            }
            changed[slot.0] = value;
        }
        self.settings.refresh(&changed);
        let failed = effects
            .iter()
            .enumerate()
            .find_map(|(i, (effect, written))| {
                let reason = apply(*effect).err()?;
                Some((i, *written, reason))
            });
        if let Some((last, written, reason)) = failed {
            tracing::warn!(
                "Failed applying new configuration. Possibly related to new {written} setting. \
                 Restoring previous settings."
            );
            self.settings.refresh(&values);
            for (effect, _) in &effects[..=last] {
                // As it was, it could be applied.
                let _ = apply(*effect);
            }
            return Err(refused(written, reason));
        }
        for (slot, value) in asked_for {
            asked[slot.0] = value;
        }
        *values = changed;
        Ok(())
    }

    /// As [`Config::change`], where nothing follows from a setting.
    #[cfg(any(test, fuzzing))]
    pub(crate) fn set(&self, pairs: &[(&[u8], &[u8])]) -> Result<(), CommandError> {
        self.change(pairs, &mut |_| Ok(()))
    }

    /// CONFIG REWRITE: puts the present settings into the file that the server was started with.
    ///
    /// # Errors
    /// There is none, or it cannot be written; then it is as it was.
    pub fn rewrite(&self) -> Result<(), CommandError> {
        let Some(path) = &self.file else {
            return Err(CommandError::NoConfigFile);
        };
        let asked = self.asked.read();
        rewrite::rewrite_file(path, &asked)
            .map_err(|fault| CommandError::ConfigRewrite(rewrite::reason_of(&fault)))
    }

    fn of_values(values: Vec<Value>, asked: Vec<Value>, file: Option<PathBuf>) -> Config {
        let port = match setting::find(b"port").map(|(slot, ..)| &values[slot.0]) {
            Some(Value::Integer(number)) => TcpPort::of_number(*number),
            _ => TcpPort::Closed,
        };
        let settings = Settings::new(&values, port);
        Config {
            settings,
            values: RwLock::new(values),
            asked: RwLock::new(asked),
            file,
        }
    }
}

/// The rows of the settings that CONFIG SET names, all of which may be set at run time.
fn settable_rows(pairs: &[(&[u8], &[u8])]) -> Result<Vec<Row>, CommandError> {
    let mut rows: Vec<Row> = Vec::with_capacity(pairs.len());
    for (name, _) in pairs {
        let shown = Quoted::whole(name);
        let Some(row) = setting::find(name) else {
            return Err(CommandError::ConfigUnknown { name: shown });
        };
        let is_twice = rows.iter().any(|(_, _, written)| *written == row.2);
        let reason = match row.1.change {
            Change::AtStart => SettingError::Immutable,
            Change::Protected => SettingError::Protected,
            Change::AtRuntime | Change::Settled if is_twice => SettingError::Duplicate,
            Change::AtRuntime | Change::Settled => {
                rows.push(row);
                continue;
            }
        };
        return Err(CommandError::ConfigRefused {
            name: shown,
            reason,
        });
    }
    Ok(rows)
}

fn refused(name: &str, reason: SettingError) -> CommandError {
    CommandError::ConfigRefused {
        name: Quoted::whole(name.as_bytes()),
        reason,
    }
}

/// The value that CONFIG SET may give a setting, or why it may not.
fn settable(setting: &Setting, word: &[u8], current: &Value) -> Result<Value, SettingError> {
    let mut value = setting.kind.parse(&[word], current)?;
    if let Some((min, max)) = setting.moved_into {
        value.move_into(min, max);
    }
    if setting.change == Change::Settled && value != *current {
        return Err(SettingError::Settled);
    }
    match setting.support {
        Support::Honoured(_) | Support::Inert(_) => Ok(value),
        _ if value == *current => Ok(value),
        Support::NotHonoured(why) | Support::Refused(why) => Err(SettingError::NotHonoured { why }),
    }
}

#[cfg(test)]
mod tests;
