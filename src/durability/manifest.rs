//! The list of the files that make up the append-only directory, as Redis 7 writes it.
//!
//! ```text
//! file appendonly.aof.2.base.rdb seq 2 type b
//! file appendonly.aof.1.incr.aof seq 1 type h
//! file appendonly.aof.2.incr.aof seq 2 type i
//! ```
//!
//! The base holds all keys of one moment, the increments what happened since, in the order of their
//! numbers; files of type h are no longer needed and wait for their removal. A manifest is replaced
//! as a whole, so that a crash leaves the old one or the new one.

use std::ffi::{OsStr, OsString};
use std::io::{self, ErrorKind, Write as _};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::disk::{self, File};
use super::health::Health;
use super::storage::Storage;
use crate::config::quoted;
use crate::error::{JournalError, MANIFEST_LINE_BYTES_MAX, ManifestError, ManifestFault};
use crate::words;

/// The files of one append-only directory.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Manifest {
    base: Option<Part>,
    history: Vec<Part>,
    /// Invariant: their numbers rise.
    increments: Vec<Part>,
}

/// One file of the directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// Its name in the directory; never a path.
    pub name: OsString,
    /// Its number, at least 1. Bases and increments are counted apart.
    pub number: u64,
}

/// How a base file is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BaseFormat {
    /// As a snapshot.
    Rdb,
    /// As requests.
    Aof,
}

/// The manifest's name for files that are called `stem` (`appendfilename`).
pub fn file_name(stem: &str) -> String {
    format!("{stem}.manifest")
}

/// The name that a manifest has until it is complete.
pub(super) fn temporary_name(stem: &str) -> String {
    format!("temp-{}", file_name(stem))
}

impl Manifest {
    /// The list that Redis 7 makes of the one file that it had before: this is the base, under its
    /// old name.
    pub fn of_one_file(name: &str) -> Manifest {
        let base = Part {
            name: name.into(),
            number: 1,
        };
        Manifest {
            base: Some(base),
            ..Manifest::default()
        }
    }

    /// Reads the manifest of `directory`; `None` if there is none.
    ///
    /// # Errors
    /// What is wrong with it, or what the system says.
    pub fn read(directory: &Path, stem: &str) -> Result<Option<Manifest>, JournalError> {
        let path = directory.join(file_name(stem));
        match disk::read(&path) {
            Ok(text) => match Manifest::parse(&text) {
                Ok(manifest) => Ok(Some(manifest)),
                Err(fault) => Err(JournalError::Manifest {
                    path: path.display().to_string(),
                    fault,
                }),
            },
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(JournalError::system("read", &path, &error)),
        }
    }

    /// Reads a manifest's text. As in Redis, lines that begin with `#` and keys that are not known
    /// are skipped.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &[u8]) -> Result<Manifest, ManifestError> {
        let mut manifest = Manifest::default();
        if text.is_empty() {
            return Err(ManifestError::Empty);
        }
        for (line, content) in (1..).zip(text.split_inclusive(|byte| *byte == b'\n')) {
            let added = manifest.add_line(content);
            added.map_err(|fault| ManifestError::Line { line, fault })?;
        }
        Ok(manifest)
    }

    fn add_line(&mut self, line: &[u8]) -> Result<(), ManifestFault> {
        if line.len() > MANIFEST_LINE_BYTES_MAX {
            return Err(ManifestFault::Long);
        }
        if line.starts_with(b"#") {
            return Ok(());
        }
        let line = line.strip_suffix(b"\n").ok_or(ManifestFault::Long)?;
        let words = words::all(line).map_err(|_| ManifestFault::Form)?;
        if words.len() < 6 || !words.len().is_multiple_of(2) {
            return Err(ManifestFault::Form);
        }
        let (mut name, mut number, mut kind) = (None, None, None);
        for pair in words.chunks_exact(2) {
            let (key, value) = (&pair[0], &pair[1]);
            if key.eq_ignore_ascii_case(b"file") {
                name = Some(base_name(value)?);
            } else if key.eq_ignore_ascii_case(b"seq") {
                number = positive(value);
            } else if key.eq_ignore_ascii_case(b"type") {
                kind = value.first().copied();
            }
        }
        let (Some(name), Some(number), Some(kind)) = (name, number, kind) else {
            return Err(ManifestFault::Form);
        };
        self.add(Part { name, number }, kind)
    }

    fn add(&mut self, part: Part, kind: u8) -> Result<(), ManifestFault> {
        match kind {
            b'b' if self.base.is_some() => return Err(ManifestFault::SecondBase),
            b'b' => self.base = Some(part),
            b'h' => self.history.push(part),
            b'i' => match self.increments.last() {
                Some(last) if last.number >= part.number => return Err(ManifestFault::Order),
                _ => self.increments.push(part),
            },
            _ => return Err(ManifestFault::Type),
        }
        Ok(())
    }

    /// The text that [`Manifest::parse`] reads.
    pub fn text(&self) -> Vec<u8> {
        let mut text = Vec::new();
        let base = self.base.iter().map(|part| (part, 'b'));
        let history = self.history.iter().map(|part| (part, 'h'));
        let increments = self.increments.iter().map(|part| (part, 'i'));
        for (part, kind) in base.chain(history).chain(increments) {
            let name = part.name.as_bytes();
            text.extend_from_slice(b"file ");
            if is_plain(name) {
                text.extend_from_slice(name);
            } else {
                text.extend_from_slice(&quoted(name));
            }
            text.extend_from_slice(format!(" seq {} type {kind}\n", part.number).as_bytes());
        }
        text
    }

    /// Puts this manifest in the place of the one of `directory`. When it returns, the new one is
    /// on the disk; until then a crash leaves the old one.
    ///
    /// # Errors
    /// What the system says.
    pub fn write(&self, directory: &Path, stem: &str) -> Result<(), JournalError> {
        // A tool has nothing to refuse: it ends with the error.
        let health = Health::new(directory, Arc::default());
        self.store(&Storage::new(Arc::new(health)), directory, stem)
    }

    /// The same for a server, which goes on after an error: either manifest may be there then.
    pub(super) fn store(
        &self,
        storage: &Storage,
        directory: &Path,
        stem: &str,
    ) -> Result<(), JournalError> {
        let path = directory.join(file_name(stem));
        let temporary = directory.join(temporary_name(stem));
        let written = storage.create(&temporary).and_then(|mut file| {
            file.write_all(&self.text())?;
            file.sync_all()
        });
        written.map_err(|error| JournalError::system("write", &temporary, &error))?;
        storage
            .rename(&temporary, &path)
            .map_err(|error| JournalError::system("replace", &path, &error))?;
        storage
            .sync(directory)
            .map_err(|error| JournalError::system("sync", directory, &error))
    }

    /// The file with all keys of one moment.
    pub fn base(&self) -> Option<&Part> {
        self.base.as_ref()
    }

    /// What happened since, in order. The last one is written to.
    pub fn increments(&self) -> &[Part] {
        &self.increments
    }

    /// Files that are not needed any more.
    pub fn history(&self) -> &[Part] {
        &self.history
    }

    /// The files to load, in order.
    pub fn parts(&self) -> impl Iterator<Item = &Part> {
        self.base.iter().chain(&self.increments)
    }

    /// Puts one more increment on the list, and tells which. Its number was not used before.
    pub fn add_increment(&mut self, stem: &str) -> Part {
        let used = self.increments.iter().chain(&self.history);
        let number = 1 + used.map(|part| part.number).max().unwrap_or(0);
        let name = format!("{stem}.{number}.incr.aof").into();
        let part = Part { name, number };
        self.increments.push(part.clone());
        part
    }

    /// Puts a new base in the place of the present one and of all increments before number
    /// `first_kept`, which become history; tells its name.
    pub fn replace_base(&mut self, stem: &str, format: BaseFormat, first_kept: u64) -> Part {
        let part = self.next_base(stem, format);
        let old = self.base.replace(part.clone());
        self.history.splice(0..0, old);
        let kept = self
            .increments
            .partition_point(|part| part.number < first_kept);
        self.history.extend(self.increments.drain(..kept));
        part
    }

    /// The name that [`Manifest::replace_base`] would give.
    pub fn next_base(&self, stem: &str, format: BaseFormat) -> Part {
        let used = self.base.iter().chain(&self.history);
        let number = 1 + used.map(|part| part.number).max().unwrap_or(0);
        let ending = match format {
            BaseFormat::Rdb => "rdb",
            BaseFormat::Aof => "aof",
        };
        let name = format!("{stem}.{number}.base.{ending}").into();
        Part { name, number }
    }

    /// Lists a file as one that is not needed. No other one gets its number.
    pub(super) fn add_history(&mut self, part: Part) {
        self.history.push(part);
    }

    /// Takes the history from the list; the caller removes the files once the list is written.
    pub fn take_history(&mut self) -> Vec<Part> {
        std::mem::take(&mut self.history)
    }

    /// Takes the increments behind the one of this name from the list, as files that cannot be used
    /// without it.
    pub fn take_increments_behind(&mut self, name: &OsStr) -> Vec<Part> {
        let kept = if self.base.as_ref().is_some_and(|base| base.name == name) {
            0
        } else {
            let place = self.increments.iter().position(|part| part.name == name);
            place.map_or(self.increments.len(), |place| place + 1)
        };
        self.increments.split_off(kept)
    }
}

impl Part {
    /// Where the file is.
    pub fn path(&self, directory: &Path) -> PathBuf {
        directory.join(&self.name)
    }
}

/// Makes the entries of `directory` last, so that a file that was made or renamed in it is there
/// after a crash.
///
/// # Errors
/// What the system says.
pub fn sync_directory(directory: &Path) -> io::Result<()> {
    File::open(directory)?.sync_all()
}

/// The name of a file that is in the directory itself.
fn base_name(name: &[u8]) -> Result<OsString, ManifestFault> {
    let is_path = name.iter().any(|byte| matches!(byte, b'/' | b'\\' | 0));
    if is_path || matches!(name, b"" | b"." | b"..") {
        return Err(ManifestFault::Path);
    }
    Ok(OsString::from_vec(name.to_vec()))
}

fn positive(word: &[u8]) -> Option<u64> {
    let digits = word.iter().all(u8::is_ascii_digit);
    let word = std::str::from_utf8(word).ok().filter(|_| digits)?;
    word.parse().ok().filter(|number| *number > 0)
}

/// Whether a name can stand in a line without quotes.
fn is_plain(name: &[u8]) -> bool {
    let needs_quotes = |byte: &u8| !byte.is_ascii_graphic() || matches!(byte, b'"' | b'\'' | b'\\');
    !name.is_empty() && !name.iter().any(needs_quotes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Result<Manifest, ManifestError> {
        Manifest::parse(text.as_bytes())
    }

    fn names<'a>(parts: impl IntoIterator<Item = &'a Part>) -> Vec<&'a str> {
        parts
            .into_iter()
            .map(|part| part.name.to_str().unwrap())
            .collect()
    }

    #[test]
    fn what_redis_writes_is_read_and_written_again() {
        let text = "file a.2.base.rdb seq 2 type b\nfile a.1.incr.aof seq 1 type h\n\
                    file a.2.incr.aof seq 2 type i\nfile a.3.incr.aof seq 3 type i\n";
        let manifest = parsed(text).unwrap();
        assert_eq!(manifest.text(), text.as_bytes());
        let order = ["a.2.base.rdb", "a.2.incr.aof", "a.3.incr.aof"];
        assert_eq!(names(manifest.parts()), order);
        assert_eq!(names(manifest.history()), ["a.1.incr.aof"]);
    }

    #[test]
    fn comments_other_keys_and_any_order_are_taken() {
        let manifest = parsed(
            "# a comment\nTYPE i startoffset 8 seq 7 FILE a.7\n  file \"b 1\" seq 1 type base\t\r\n",
        );
        let manifest = manifest.unwrap();
        assert_eq!(names(manifest.parts()), ["b 1", "a.7"]);
        assert_eq!(
            manifest.text(),
            b"file \"b 1\" seq 1 type b\nfile a.7 seq 7 type i\n"
        );
        assert_eq!(parsed("#"), Ok(Manifest::default()));
    }

    #[test]
    fn what_is_wrong_is_told_with_its_line() {
        assert_eq!(parsed(""), Err(ManifestError::Empty));
        let long = format!("file a seq 1 type i x {}\n", "x".repeat(1002));
        for (line, fault) in [
            ("\n", ManifestFault::Form),
            ("file a seq 1\n", ManifestFault::Form),
            ("file a seq 1 type i more\n", ManifestFault::Form),
            ("file \"a seq 1 type i\n", ManifestFault::Form),
            ("file a seq 0 type i\n", ManifestFault::Form),
            ("file a seq -1 type i\n", ManifestFault::Form),
            ("file a seq 1x type i\n", ManifestFault::Form),
            ("file a number 1 type i\n", ManifestFault::Form),
            ("file a seq 1 type \"\"\n", ManifestFault::Form),
            ("file a seq 1 type i", ManifestFault::Long),
            (&long, ManifestFault::Long),
            ("file ../a seq 1 type i\n", ManifestFault::Path),
            ("file a\\b seq 1 type i\n", ManifestFault::Path),
            ("file \"\" seq 1 type i\n", ManifestFault::Path),
            ("file .. seq 1 type i\n", ManifestFault::Path),
            ("file a seq 1 type B\n", ManifestFault::Type),
            ("file a seq 1 type b\n", ManifestFault::SecondBase),
            ("file a seq 1 type i\n", ManifestFault::Order),
            ("file a seq 2 type i\n", ManifestFault::Order),
        ] {
            let text = format!("file b seq 1 type b\nfile i seq 2 type i\n{line}");
            assert_eq!(parsed(&text), Err(ManifestError::Line { line: 3, fault }));
        }
        assert!(parsed(&format!("{}\n", &long[..1022])).is_ok());
    }

    #[test]
    fn a_rewrite_leaves_the_base_and_what_came_since() {
        let mut manifest = Manifest::default();
        assert_eq!(manifest.add_increment("a").name, "a.1.incr.aof");
        let second = manifest.add_increment("a");
        let base = manifest.replace_base("a", BaseFormat::Aof, second.number);
        assert_eq!(base.name, "a.1.base.aof");
        assert_eq!(names(manifest.parts()), ["a.1.base.aof", "a.2.incr.aof"]);
        let third = manifest.add_increment("a");
        manifest.replace_base("a", BaseFormat::Rdb, third.number);
        assert_eq!(names(manifest.parts()), ["a.2.base.rdb", "a.3.incr.aof"]);
        let history = ["a.1.base.aof", "a.1.incr.aof", "a.2.incr.aof"];
        assert_eq!(names(manifest.history()), history);
        assert_eq!(names(&manifest.take_history()), history);
        assert_eq!(
            parsed(std::str::from_utf8(&manifest.text()).unwrap()),
            Ok(manifest)
        );
    }

    #[test]
    fn increments_behind_a_file_can_be_left_out() {
        let mut manifest = Manifest::default();
        manifest.replace_base("a", BaseFormat::Rdb, 1);
        for _ in 0..3 {
            manifest.add_increment("a");
        }
        let mut behind_base = manifest.clone();
        let left = behind_base.take_increments_behind(OsStr::new("a.1.base.rdb"));
        assert_eq!(left.len(), 3);
        let left = manifest.take_increments_behind(OsStr::new("a.2.incr.aof"));
        assert_eq!(names(&left), ["a.3.incr.aof"]);
        assert_eq!(manifest.increments().len(), 2);
    }
}
