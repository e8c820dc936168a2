//! Configuration files: from a path to lines of words, with `include` followed.
//!
//! What a line means is not known here. Limits: 64 KiB a line, 16 MiB a file, 16 files deep, 256
//! files in all. Every error names the file, the line and what to do.

use std::ffi::OsStr;
use std::fmt;
use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use crate::error::{ConfigError, LineError};
use crate::glob::{self, Case};
use crate::words;

const LINE_BYTES_MAX: usize = 64 << 10;
const FILE_BYTES_MAX: u64 = 16 << 20;
const DEPTH_MAX: usize = 16;
const FILES_MAX: usize = 256;

/// A line that says something.
#[derive(Debug)]
pub(super) struct Line {
    /// At least the name.
    pub(super) words: Vec<Vec<u8>>,
    /// Where it stands.
    pub(super) origin: Origin,
}

/// Where a line stands.
#[derive(Clone, Debug)]
pub(super) enum Origin {
    /// In a file; lines are counted from 1.
    File { path: PathBuf, number: usize },
    /// In what was read from standard input.
    StandardInput { number: usize },
    /// Among the program's arguments.
    CommandLine,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::File { path, number } => write!(f, "{}, line {number}", path.display()),
            Origin::StandardInput { number } => write!(f, "standard input, line {number}"),
            Origin::CommandLine => write!(f, "command line"),
        }
    }
}

impl Origin {
    fn error(
        &self,
        line: String,
        what: impl fmt::Display,
        redis_reason: Option<&'static str>,
    ) -> ConfigError {
        let redis_place = match self {
            Origin::File { number, .. } | Origin::StandardInput { number } => {
                format!("Reading the configuration file, at line {number}")
            }
            Origin::CommandLine => "Reading the command line".to_owned(),
        };
        ConfigError::Line(LineError {
            place: self.to_string(),
            redis_place,
            line,
            reason: what.to_string(),
            redis_reason,
        })
    }
}

impl Line {
    /// The line as it can be shown: words as they came, without control bytes.
    pub(super) fn text(&self) -> String {
        let words = self.words.iter().map(|word| match word.as_slice() {
            b"" => "\"\"".to_owned(),
            word => String::from_utf8_lossy(word).replace(char::is_control, " "),
        });
        words.collect::<Vec<_>>().join(" ")
    }

    /// An error about this line.
    pub(super) fn error(&self, what: impl fmt::Display) -> ConfigError {
        self.origin.error(self.text(), what, None)
    }

    /// An error about this line that Redis words in another way.
    pub(super) fn error_as_redis(
        &self,
        what: impl fmt::Display,
        redis_reason: &'static str,
    ) -> ConfigError {
        self.origin.error(self.text(), what, Some(redis_reason))
    }
}

/// Reads files and keeps what must be known across them.
#[derive(Default)]
pub(super) struct Reader {
    /// Every line read so far, in the order in which they take effect.
    pub(super) lines: Vec<Line>,
    /// The files being read, outermost first, by their real paths.
    open: Vec<PathBuf>,
    files_read: usize,
}

impl Reader {
    /// Reads the file that the command line names.
    pub(super) fn read_file(&mut self, path: &Path) -> Result<(), ConfigError> {
        self.read_path(path)
    }

    /// Reads lines from standard input.
    pub(super) fn read_standard_input(&mut self, input: &mut dyn Read) -> Result<(), ConfigError> {
        let text = read_limited(input)
            .map_err(|fault| ConfigError::Other(format!("cannot read standard input: {fault}")))?;
        self.read_text(&text, |number| Origin::StandardInput { number })
    }

    /// Adds one line, or the files that it includes.
    pub(super) fn push(&mut self, words: Vec<Vec<u8>>, origin: Origin) -> Result<(), ConfigError> {
        let line = Line { words, origin };
        match line.words.as_slice() {
            [name, path] if name.eq_ignore_ascii_case(b"include") => {
                let path = Path::new(OsStr::from_bytes(path));
                self.include(path).map_err(|fault| match fault {
                    ConfigError::Other(fault) => line.error(fault),
                    inner => inner,
                })
            }
            [name, ..] if name.eq_ignore_ascii_case(b"include") => {
                Err(line.error("include takes one path"))
            }
            _ => {
                self.lines.push(line);
                Ok(())
            }
        }
    }

    /// A path with wildcards may match no file at all.
    fn include(&mut self, path: &Path) -> Result<(), ConfigError> {
        if !has_wildcard(path.as_os_str().as_bytes()) {
            return self.read_path(path);
        }
        for path in expand(path) {
            self.read_path(&path)?;
        }
        Ok(())
    }

    fn read_path(&mut self, path: &Path) -> Result<(), ConfigError> {
        let shown = path.display();
        let fail = |what| Err(ConfigError::Other(what));
        let real_path = fs::canonicalize(path).map_err(|fault| {
            ConfigError::Other(format!("cannot open {shown}: {fault}; check the path"))
        })?;
        if self.open.contains(&real_path) {
            return fail(format!("{shown} includes itself; remove one include"));
        }
        if self.open.len() == DEPTH_MAX {
            return fail(format!(
                "{shown} is more than {DEPTH_MAX} includes deep; include less"
            ));
        }
        self.files_read += 1;
        if self.files_read > FILES_MAX {
            return fail(format!(
                "{shown} is one file more than {FILES_MAX}; include less"
            ));
        }
        let text = File::open(path)
            .and_then(|mut file| read_limited(&mut file))
            .map_err(|fault| {
                ConfigError::Other(format!("cannot read {shown}: {fault}; check the file"))
            })?;
        self.open.push(real_path);
        let read = self.read_text(&text, |number| Origin::File {
            path: path.to_owned(),
            number,
        });
        self.open.pop();
        read
    }

    fn read_text(
        &mut self,
        text: &[u8],
        origin_of: impl Fn(usize) -> Origin,
    ) -> Result<(), ConfigError> {
        for (i, line) in text.split(|&byte| byte == b'\n').enumerate() {
            let origin = origin_of(i + 1);
            let line = line.trim_ascii();
            if line.is_empty() || line.starts_with(b"#") {
                continue;
            }
            let fault = |what: String| ConfigError::Other(format!("{origin}: {what}"));
            if line.len() > LINE_BYTES_MAX {
                return Err(fault(format!(
                    "the line has more than {LINE_BYTES_MAX} bytes; shorten it"
                )));
            }
            if line.contains(&0) {
                return Err(fault(
                    "the line holds a zero byte; is this a configuration file?".into(),
                ));
            }
            let words = words::all(line).map_err(|words::UnbalancedQuotes| {
                let line = String::from_utf8_lossy(line).into_owned();
                let what = "the quotes do not pair; add the missing one";
                origin.error(line, what, Some("Unbalanced quotes in configuration line"))
            })?;
            self.push(words, origin)?;
        }
        Ok(())
    }
}

fn read_limited(input: &mut dyn Read) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    input.take(FILE_BYTES_MAX + 1).read_to_end(&mut text)?;
    if text.len() as u64 > FILE_BYTES_MAX {
        return Err(io::Error::other(format!(
            "it has more than {FILE_BYTES_MAX} bytes"
        )));
    }
    Ok(text)
}

fn has_wildcard(path: &[u8]) -> bool {
    path.iter().any(|byte| b"*?[".contains(byte))
}

/// The existing paths that match `pattern`, component by component, in alphabetical order.
fn expand(pattern: &Path) -> Vec<PathBuf> {
    let mut paths = vec![PathBuf::new()];
    for component in pattern.components() {
        let component = component.as_os_str();
        paths = if has_wildcard(component.as_bytes()) {
            paths
                .iter()
                .flat_map(|directory| entries(directory, component.as_bytes()))
                .collect()
        } else {
            paths
                .iter()
                .map(|path| path.join(component))
                .filter(|path| path.exists())
                .collect()
        };
    }
    paths
}

/// The entries of a directory that match, sorted; a leading dot must be written out.
fn entries(directory: &Path, pattern: &[u8]) -> Vec<PathBuf> {
    let listed = match directory.as_os_str().is_empty() {
        true => fs::read_dir("."),
        false => fs::read_dir(directory),
    };
    let names = listed
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.file_name());
    let mut names: Vec<_> = names
        .filter(|name| {
            let name = name.as_bytes();
            (pattern.starts_with(b".") || !name.starts_with(b"."))
                && glob::matches(pattern, name, Case::Sensitive)
        })
        .collect();
    names.sort();
    names.into_iter().map(|name| directory.join(name)).collect()
}
