//! Applies what the files hold to the keyspace, with deadlines that mean what they meant.
//!
//! The files have wall times. What stands between two annotations of one boot is converted by
//! them, so a deadline comes back on the boot-time clock as it was. Where the machine was started
//! anew, a lock keeps what it had left at the last annotation before: the time in between is
//! unknown, and a lock may live longer than promised, never shorter.
//!
//! Another server that has written on means the wall clock alone. Nothing expires while files are
//! read, as in Redis: a command finds what it found when it first ran. What has expired since is
//! removed at the end.

use crate::clock::{BootTime, Clock, UnixMillis, WallOffset};
use crate::keyspace::{Cursor, Event, Expiry, Keyspace, Walked};

use super::annotation::Annotation;
use super::rdb::Key;
use super::reader::Request;

/// Runs a request of another server in a database; tells what is wrong with it.
pub(super) type Apply<'a> = &'a mut dyn FnMut(usize, &Request<'_>) -> Result<(), String>;

/// Applies what the files hold, file by file and in the order of their names in the manifest.
pub(super) struct Replay<'a> {
    keyspace: &'a Keyspace,
    clock: &'a Clock,
    /// When the reading began.
    now: BootTime,
    /// The present start of the machine.
    boot_id: &'a str,
    apply: Apply<'a>,
    database: usize,
    /// The boot that deadlines belong to; `None` as long as only others have written.
    frame: Option<Frame>,
    present: WallOffset,
    has_ended: bool,
}

struct Frame {
    boot_id: String,
    now_us: u64,
    offset: WallOffset,
    /// Whether another server has written on: deadlines then belong to the present boot.
    is_left: bool,
}

/// Commands that may give a key a deadline, beside the forms in which a journal of this server does.
const DEADLINE_COMMANDS: [&str; 12] = [
    "set",
    "setex",
    "psetex",
    "getex",
    "msetex",
    "expire",
    "pexpire",
    "expireat",
    "pexpireat",
    "eval",
    "evalsha",
    "restore",
];

/// By how much at most an annotation tells a later wall time than the clock showed.
const ROUNDED_US_MAX: i128 = 999;

impl<'a> Replay<'a> {
    /// Begins to load. `boot_id` names the present start of the machine.
    pub(super) fn new(
        keyspace: &'a Keyspace,
        clock: &'a Clock,
        boot_id: &'a str,
        apply: Apply<'a>,
    ) -> Replay<'a> {
        let (now, unix_us) = clock.boot_and_unix_micros();
        keyspace.begin_loading();
        Replay {
            keyspace,
            clock,
            now,
            boot_id,
            apply,
            database: 0,
            frame: None,
            present: WallOffset::between(now, unix_us),
            has_ended: false,
        }
    }

    /// Each file begins in database 0.
    pub(super) fn begin_file(&mut self) {
        self.database = 0;
        self.has_ended = false;
    }

    /// A key of a snapshot.
    pub(super) fn key(&mut self, key: &Key<'_>) -> Result<(), String> {
        let database = self.database_of(key.database)?;
        let expiry = match key.expire_at_unix_ms {
            None => Expiry::Never,
            Some(unix_ms) => Expiry::At(self.deadline(UnixMillis(unix_ms))),
        };
        self.keyspace
            .key(database, key.key, self.now)
            .set(key.value, expiry, Event::Set);
        Ok(())
    }

    /// A request: those that a journal has are applied here, all others by who knows commands.
    ///
    /// # Errors
    /// What is wrong with it, behind the name of the command.
    pub(super) fn request(&mut self, request: &Request<'_>) -> Result<(), String> {
        let name = request.arguments().next().unwrap_or_default();
        if std::mem::take(&mut self.has_ended) {
            // This server annotates what it writes behind an end.
            self.leave_frame();
        }
        let applied = self.apply_request(request);
        applied.map_err(|what| format!("{}: {what}", name.escape_ascii()))
    }

    fn apply_request(&mut self, request: &Request<'_>) -> Result<(), String> {
        let mut arguments = request.arguments();
        let name = arguments.next().unwrap_or_default();
        let mut given: [&[u8]; 4] = [&[]; 4];
        let count = arguments.len();
        for (place, argument) in given.iter_mut().zip(arguments) {
            *place = argument;
        }
        let [key, value, option, time] = given;
        let keyspace = self.keyspace;
        let guard = || keyspace.key(self.database, key, self.now);
        match (name, count) {
            (b"SET", 2) => guard().set(value, Expiry::Never, Event::Set),
            (b"SET", 4) if option.eq_ignore_ascii_case(b"PXAT") => {
                let deadline = self.parse_deadline(time)?;
                guard().set(value, Expiry::At(deadline), Event::Set);
            }
            (b"DEL", 1) => {
                guard().remove(Event::Del);
            }
            (b"PEXPIREAT", 2) => {
                let deadline = self.parse_deadline(value)?;
                guard().expire_at(deadline);
            }
            (b"PERSIST", 1) => {
                guard().persist();
            }
            (name, 1) if name.eq_ignore_ascii_case(b"SELECT") => {
                self.database = self.database_of(parse(key)?)?;
            }
            (b"FLUSHDB", 0) => keyspace.flush(self.database),
            _ => {
                let name = name.to_ascii_lowercase();
                if DEADLINE_COMMANDS
                    .iter()
                    .any(|known| name == known.as_bytes())
                {
                    // Who applies it knows the present boot only.
                    self.leave_frame();
                }
                return (self.apply)(self.database, request);
            }
        }
        Ok(())
    }

    /// A line that Redis skips.
    pub(super) fn annotation(&mut self, annotation: &Annotation<'_>) {
        match *annotation {
            Annotation::Boot {
                boot_id,
                now_us,
                unix_us,
            } => self.enter(boot_id, now_us, unix_us),
            Annotation::End { now_us, .. } => {
                if let Some(frame) = &mut self.frame {
                    frame.now_us = now_us;
                }
                self.has_ended = true;
                return;
            }
            Annotation::Other(_) => {}
        }
        self.has_ended = false;
    }

    fn enter(&mut self, boot_id: &str, now_us: u64, unix_us: u64) {
        let unix_us = i64::try_from(unix_us).unwrap_or(i64::MAX);
        let offset = WallOffset::between(BootTime::from_micros(now_us), unix_us);
        match &self.frame {
            Some(frame) if frame.is_left && *boot_id == *self.boot_id => {}
            Some(frame) if !frame.is_left && *frame.boot_id == *boot_id => {}
            Some(frame) if !frame.is_left => {
                self.shift(i128::from(now_us) - i128::from(frame.now_us));
            }
            // An annotation rounds the wall clock up, by less than a millisecond.
            _ => self.shift(self.present.ahead_of(offset) + ROUNDED_US_MAX),
        }
        self.frame = Some(Frame {
            boot_id: boot_id.to_owned(),
            now_us,
            offset,
            is_left: false,
        });
    }

    /// Brings all deadlines to the present boot, by whose wall clock those that follow are meant.
    fn leave_frame(&mut self) {
        let Some(frame) = &mut self.frame else { return };
        if std::mem::replace(&mut frame.is_left, true) || *frame.boot_id == *self.boot_id {
            return;
        }
        let by_us = i128::from(self.clock.now().micros()) - i128::from(frame.now_us);
        self.shift(by_us);
    }

    /// Everything is read: brings all deadlines to the present boot, and removes what has expired.
    pub(super) fn end(&mut self) {
        self.leave_frame();
        self.keyspace.end_loading(self.clock.now());
    }

    /// Whether this server has written something of it.
    pub(super) fn is_ours(&self) -> bool {
        self.frame.is_some()
    }

    /// Whether what was read last was written since this start of the machine.
    pub(super) fn is_of_this_boot(&self) -> bool {
        let frame = self.frame.as_ref();
        frame.is_some_and(|frame| self.is_this_boot(&frame.boot_id))
    }

    /// Whether `boot_id` names the present start of the machine.
    pub(super) fn is_this_boot(&self, boot_id: &str) -> bool {
        *boot_id == *self.boot_id
    }

    /// Whether the last thing that was read says that the server ended in peace.
    pub(super) fn has_ended_in_peace(&self) -> bool {
        self.has_ended
    }

    /// How many keys there are.
    pub(super) fn keys(&self) -> u64 {
        let databases = 0..self.keyspace.databases();
        let keys: usize = databases
            .map(|database| self.keyspace.size(database).keys)
            .sum();
        keys as u64
    }

    fn shift(&self, by_us: i128) {
        if by_us == 0 {
            return;
        }
        for database in 0..self.keyspace.databases() {
            let mut timed: Vec<(Vec<u8>, BootTime)> = Vec::new();
            self.keyspace.walk(
                database,
                Cursor::START,
                usize::MAX,
                self.now,
                |Walked { key, deadline, .. }| {
                    timed.extend(deadline.map(|deadline| (key.to_vec(), deadline)));
                },
            );
            for (key, deadline) in timed {
                let mut guard = self.keyspace.key(database, &key, self.now);
                guard.expire_at(deadline.moved_by(by_us));
            }
        }
    }

    fn deadline(&self, unix: UnixMillis) -> BootTime {
        let frame = self.frame.as_ref().filter(|frame| !frame.is_left);
        let offset = frame.map_or(self.present, |frame| frame.offset);
        offset.from_unix(unix)
    }

    fn parse_deadline(&self, digits: &[u8]) -> Result<BootTime, String> {
        parse(digits).map(|unix_ms| self.deadline(UnixMillis(unix_ms)))
    }

    fn database_of<N: TryInto<usize>>(&self, number: N) -> Result<usize, String> {
        number
            .try_into()
            .ok()
            .filter(|number| *number < self.keyspace.databases())
            .ok_or_else(|| "there is no such database (try a larger --databases)".to_owned())
    }
}

fn parse(digits: &[u8]) -> Result<i64, String> {
    let text = std::str::from_utf8(digits).ok();
    text.and_then(|text| text.parse().ok())
        .ok_or_else(|| format!("{} is no number", digits.escape_ascii()))
}
