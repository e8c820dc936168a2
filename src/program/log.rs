//! The log: lines as Redis writes them, so that the tools that read those can read these.
//!
//! `pid:role day month year time mark message`: the role is always M, a mark stands for the level.
//! The log file is opened for each line, so it may be moved away at any time. A message is one line:
//! control bytes are shown as escapes.

use std::fmt::{self, Write as _};
use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use tracing::field::{Field, Visit};
use tracing::{Event, Level, Metadata, Subscriber};
use tracing_subscriber::filter::dynamic_filter_fn;
use tracing_subscriber::layer::{Context, Layer, SubscriberExt as _};
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::clock;
use crate::config::{LogLevel, Settings};
use crate::error::StartupError;

/// Where lines go that have no log file.
#[derive(Clone, Copy, Debug)]
pub(super) enum Standard {
    Output,
    Error,
}

/// Sends log lines to the log file, or else to `standard`: those that one of the servers wants at
/// the time, since CONFIG SET may change the level.
///
/// # Errors
/// A log file that cannot be opened.
pub(super) fn start(servers: &[&Settings], standard: Standard) -> Result<(), StartupError> {
    let levels: Vec<_> = servers.iter().map(|server| server.loglevel()).collect();
    let is_wanted = move |line: &Metadata<'_>| {
        let is_wanted_at =
            |level| most_detailed(level).is_some_and(|detailed| *line.level() <= detailed);
        levels.iter().any(|level| is_wanted_at(level.now()))
    };
    let filter = dynamic_filter_fn(move |line, _| is_wanted(line));
    let sink = match servers.first().and_then(|first| first.logfile.as_ref()) {
        Some(path) => {
            open(path).map_err(|error| cannot_open(path, &error))?;
            Sink::File(path.clone())
        }
        None => Sink::Standard(standard),
    };
    let lines = Lines {
        pid: std::process::id(),
        sink,
    };
    let registry = tracing_subscriber::registry().with(filter);
    registry.with(lines).init();
    Ok(())
}

enum Sink {
    Standard(Standard),
    File(PathBuf),
}

impl Sink {
    /// A line that cannot be written is lost: there is nobody left to tell.
    fn write(&self, line: &str) {
        let line = line.as_bytes();
        let _ = match self {
            Sink::Standard(Standard::Output) => io::stdout().lock().write_all(line),
            Sink::Standard(Standard::Error) => io::stderr().lock().write_all(line),
            Sink::File(path) => open(path).and_then(|mut file| file.write_all(line)),
        };
    }
}

struct Lines {
    pid: u32,
    sink: Sink,
}

impl<S: Subscriber> Layer<S> for Lines {
    fn on_event(&self, event: &Event<'_>, _context: Context<'_, S>) {
        let mut message = Message(String::new());
        event.record(&mut message);
        let stamp = clock::local_stamp();
        let line = line_of(self.pid, &stamp, *event.metadata().level(), &message.0);
        self.sink.write(&line);
    }
}

fn line_of(pid: u32, stamp: &str, level: Level, message: &str) -> String {
    let mut line = format!("{pid}:M {stamp} {} ", mark_of(level));
    for character in message.chars() {
        match character {
            '\t' => line.push('\t'),
            control if control.is_control() => line.extend(control.escape_default()),
            other => line.push(other),
        }
    }
    line.push('\n');
    line
}

/// The text of an event; its other fields, if it has some, stand behind it.
struct Message(String);

impl Visit for Message {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let _ = match field.name() {
            "message" => write!(self.0, "{value:?}"),
            name => write!(self.0, " {name}={value:?}"),
        };
    }
}

/// Redis's marks for debug, verbose, notice and warning.
fn mark_of(level: Level) -> char {
    match level {
        Level::TRACE => '.',
        Level::DEBUG => '-',
        Level::INFO => '*',
        Level::WARN | Level::ERROR => '#',
    }
}

/// The most detailed lines that a level lets through, if any.
fn most_detailed(level: LogLevel) -> Option<Level> {
    match level {
        LogLevel::Debug => Some(Level::TRACE),
        LogLevel::Verbose => Some(Level::DEBUG),
        LogLevel::Notice => Some(Level::INFO),
        LogLevel::Warning => Some(Level::WARN),
        LogLevel::Nothing => None,
    }
}

fn open(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.create(true).append(true).open(path)
}

fn cannot_open(path: &Path, error: &io::Error) -> StartupError {
    let path = path.display();
    StartupError(format!(
        "cannot open logfile {path}: {error} (try another path)"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_written_as_redis_writes_it() {
        let stamp = "23 Nov 2026 02:49:00.953";
        assert_eq!(
            line_of(22275, stamp, Level::INFO, "Ready to accept connections"),
            "22275:M 23 Nov 2026 02:49:00.953 * Ready to accept connections\n"
        );
        let marks = [
            Level::TRACE,
            Level::DEBUG,
            Level::INFO,
            Level::WARN,
            Level::ERROR,
        ];
        assert_eq!(marks.map(mark_of), ['.', '-', '*', '#', '#']);
    }

    #[test]
    fn a_message_cannot_forge_a_line() {
        let line = line_of(1, "now", Level::WARN, "a\r\n1:M now # b\tc");
        assert_eq!(line, "1:M now # a\\r\\n1:M now # b\tc\n");
    }
}
