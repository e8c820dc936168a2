//! Annotations: lines of an append-only file that Redis skips.
//!
//! This server writes `#QL:boot=<boot id> now=<boot µs> unix=<unix µs>` when it begins a file and
//! `#QL:end now=<boot µs> unix=<unix µs>` when it ends one in peace. All others, such as Redis's
//! own `#TS:1234`, say nothing to it. A line that begins as ours and goes on otherwise is damage:
//! who misreads the time of a start gives away locks.

use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::Path;
use std::str;

use super::disk::File;
use crate::clock::{BootTime, Clock, WallOffset};
use crate::error::{ANNOTATION_BYTES_MAX, Damage};

/// What a line beginning with `#` says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Annotation<'a> {
    /// What follows was written since this machine started as `boot_id`.
    Boot {
        /// The system's name for this start of the machine, without blanks.
        boot_id: &'a str,
        /// The boot time of the line, in microseconds.
        now_us: u64,
        /// The Unix time of the line, in microseconds.
        unix_us: u64,
    },
    /// The server ended in peace, and all before is synced.
    End {
        /// The boot time of the line, in microseconds.
        now_us: u64,
        /// The Unix time of the line, in microseconds.
        unix_us: u64,
    },
    /// Somebody else's, without `#` and line end.
    Other(&'a [u8]),
}

const BOOT: &[u8] = b"QL:boot=";
const END: &[u8] = b"QL:end";

/// Both clocks, as an annotation tells them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Clocks {
    pub(super) now: BootTime,
    unix_us: i64,
}

impl Clocks {
    /// Reads both. They are told to be apart by whole milliseconds, as deadlines are written: one that
    /// was read and is written again stays the same.
    pub(super) fn read(clock: &Clock) -> Clocks {
        let (now, unix_us) = clock.boot_and_unix_micros();
        let unix_us = unix_us.max(0);
        // Not by less than it is: whoever has a wall clock alone waits a little longer.
        let beyond_us = (i128::from(unix_us) - i128::from(now.micros())).rem_euclid(1000) as i64;
        let unix_us = unix_us.saturating_add((1000 - beyond_us) % 1000);
        Clocks { now, unix_us }
    }

    /// What deadlines are written by behind the annotation.
    pub(super) fn offset(self) -> WallOffset {
        WallOffset::between(self.now, self.unix_us)
    }

    /// The annotation.
    pub(super) fn line(self, boot_id: &str) -> String {
        let (now_us, unix_us) = (self.now.micros(), self.unix_us);
        format!("#QL:boot={boot_id} now={now_us} unix={unix_us}\r\n")
    }
}

impl<'a> Annotation<'a> {
    /// Reads a line without its `#` and its end.
    pub(super) fn parse(line: &'a [u8]) -> Result<Annotation<'a>, Damage> {
        if let Some(rest) = line.strip_prefix(BOOT) {
            return boot(rest).ok_or(Damage::Mark);
        }
        if let Some(rest) = line.strip_prefix(END) {
            return end(rest).ok_or(Damage::Mark);
        }
        Ok(Annotation::Other(line))
    }
}

/// Whether the mark of a peaceful end stands in a file just before `offset`.
pub(super) fn is_end_mark_before(path: &Path, offset: u64) -> bool {
    let length = offset.min(ANNOTATION_BYTES_MAX as u64);
    let mut bytes = vec![0; length as usize];
    let read = File::open(path).and_then(|mut file| {
        file.seek(SeekFrom::Start(offset - length))?;
        file.read_exact(&mut bytes)
    });
    let line = bytes.strip_suffix(b"\r\n").and_then(|bytes| {
        let begin = bytes.iter().rposition(|byte| *byte == b'\n');
        bytes[begin.map_or(0, |at| at + 1)..].strip_prefix(b"#")
    });
    let annotation = line.and_then(|line| Annotation::parse(line).ok());
    read.is_ok() && matches!(annotation, Some(Annotation::End { .. }))
}

fn boot(rest: &[u8]) -> Option<Annotation<'_>> {
    let mut words = str::from_utf8(rest).ok()?.split(' ');
    let boot_id = words.next().filter(|id| !id.is_empty())?;
    let (now_us, unix_us) = times(&mut words)?;
    Some(Annotation::Boot {
        boot_id,
        now_us,
        unix_us,
    })
}

fn end(rest: &[u8]) -> Option<Annotation<'_>> {
    let mut words = str::from_utf8(rest).ok()?.split(' ');
    words.next().filter(|word| word.is_empty())?;
    let (now_us, unix_us) = times(&mut words)?;
    Some(Annotation::End { now_us, unix_us })
}

/// `now=N unix=N`, and nothing behind.
fn times<'a>(words: &mut impl Iterator<Item = &'a str>) -> Option<(u64, u64)> {
    let now_us = number(words.next()?.strip_prefix("now=")?)?;
    let unix_us = number(words.next()?.strip_prefix("unix=")?)?;
    words.next().is_none().then_some((now_us, unix_us))
}

/// Digits alone: no sign, which the standard parser would take.
fn number(word: &str) -> Option<u64> {
    let is_digits = word.bytes().all(|byte| byte.is_ascii_digit());
    is_digits.then(|| word.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_and_the_clocks_are_apart_by_whole_milliseconds() {
        let clock = Clock::manual();
        for step_us in [0, 1, 999, 1_000_001] {
            clock.advance(std::time::Duration::from_micros(step_us));
            let clocks = Clocks::read(&clock);
            let (now, unix_us) = clock.boot_and_unix_micros();
            assert_eq!(clocks.now, now);
            assert!((unix_us..unix_us + 1000).contains(&clocks.unix_us));
            assert_eq!((clocks.unix_us - now.micros() as i64) % 1000, 0);
            let line = clocks.line("id");
            let line = line
                .strip_prefix('#')
                .and_then(|line| line.strip_suffix("\r\n"));
            let expected = Annotation::Boot {
                boot_id: "id",
                now_us: now.micros(),
                unix_us: clocks.unix_us as u64,
            };
            assert_eq!(Annotation::parse(line.unwrap().as_bytes()), Ok(expected));
        }
    }

    #[test]
    fn our_lines_are_understood() {
        let boot_id = "7f2d6c0e-5b1a-4a3e-9d52-0c8f3b1e7a66";
        let line = format!("QL:boot={boot_id} now=12 unix=1700000000000000");
        let expected = Annotation::Boot {
            boot_id,
            now_us: 12,
            unix_us: 1_700_000_000_000_000,
        };
        assert_eq!(Annotation::parse(line.as_bytes()), Ok(expected));
        let expected = Annotation::End {
            now_us: u64::MAX,
            unix_us: 0,
        };
        let line = format!("QL:end now={} unix=0", u64::MAX);
        assert_eq!(Annotation::parse(line.as_bytes()), Ok(expected));
    }

    #[test]
    fn the_lines_of_others_are_passed_on() {
        for line in ["", "TS:1234", "QL:", "QL:later=1", "ql:end"] {
            let expected = Annotation::Other(line.as_bytes());
            assert_eq!(Annotation::parse(line.as_bytes()), Ok(expected));
        }
    }

    #[test]
    fn a_line_that_is_ours_and_wrong_is_damage() {
        for line in [
            "QL:boot= now=1 unix=2",
            "QL:boot=a now=1",
            "QL:boot=a now=1 unix=",
            "QL:boot=a now=+1 unix=2",
            "QL:boot=a now=1 unix=2 ",
            "QL:boot=a unix=2 now=1",
            "QL:boot=a now=99999999999999999999 unix=2",
            "QL:end",
            "QL:ending now=1 unix=2",
            "QL:end now=-1 unix=2",
        ] {
            assert_eq!(Annotation::parse(line.as_bytes()), Err(Damage::Mark));
        }
    }
}
