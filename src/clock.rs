//! The only module that reads clocks; everything else is handed a time.
//!
//! Deadlines live on the boot-time clock: it is monotonic and also counts the time a machine is
//! suspended, so a step of the wall clock changes no TTL. Unix times exist on the wire only and
//! are converted on arrival and on reply.
//!
//! A clock can be moved forward by hand ([`Clock::advance`]) and a manual clock moves in no other
//! way, so tests decide what time it is.

mod laps;
mod reading;

use std::num::NonZeroU64;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

pub use laps::Laps;
pub use reading::Reading;

/// A point on the boot-time clock, to the microsecond.
///
/// A client may ask for a deadline up to 2^63 milliseconds after 1970, more than 64 bits of
/// microseconds hold. From 292,000 years after boot on, a point is kept to the millisecond; the
/// highest bit tells, so points compare as their numbers do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct BootTime(NonZeroU64);

/// Marks a point that is kept in milliseconds.
const FAR: u64 = 1 << 63;

impl BootTime {
    /// The latest point there is.
    pub const MAX: BootTime = BootTime(NonZeroU64::MAX);

    /// The point `micros` microseconds after boot, below 2^63; 0 counts as 1, so that an absent
    /// deadline costs no space.
    pub fn from_micros(micros: u64) -> BootTime {
        debug_assert!(micros < FAR, "a far point is made by after_millis");
        BootTime(NonZeroU64::new(micros).unwrap_or(NonZeroU64::MIN))
    }

    /// Microseconds since boot; for a far point a larger number than any near one has.
    pub fn micros(self) -> u64 {
        self.0.get()
    }

    /// This point and `millis` milliseconds, at most [`BootTime::MAX`].
    #[inline]
    pub fn after_millis(self, millis: u64) -> BootTime {
        let near = millis
            .checked_mul(1000)
            .and_then(|span_us| self.micros().checked_add(span_us))
            .filter(|micros| *micros < FAR);
        match near {
            Some(micros) => BootTime::from_micros(micros),
            None => BootTime::from_wide(self.wide_micros() + u128::from(millis) * 1000),
        }
    }

    /// Milliseconds from this point to `later`, rounded up: a key that lives has at least 1.
    pub fn millis_until(self, later: BootTime) -> u64 {
        let span_us = later.wide_micros().saturating_sub(self.wide_micros());
        u64::try_from(span_us.div_ceil(1000)).unwrap_or(u64::MAX)
    }

    /// This point `micros` microseconds later, or earlier: not before boot. A far point stays.
    pub fn moved_by(self, micros: i128) -> BootTime {
        if self.micros() >= FAR {
            return self;
        }
        let moved_us = i128::from(self.micros()) + micros;
        BootTime::from_wide(u128::try_from(moved_us).unwrap_or(0))
    }

    fn wide_micros(self) -> u128 {
        match self.micros() {
            far if far >= FAR => u128::from(far - FAR) * 1000,
            near => u128::from(near),
        }
    }

    fn from_wide(micros: u128) -> BootTime {
        match u64::try_from(micros) {
            Ok(near) if near < FAR => BootTime::from_micros(near),
            _ => {
                let millis = u64::try_from(micros / 1000)
                    .unwrap_or(u64::MAX)
                    .min(FAR - 1);
                BootTime(NonZeroU64::new(FAR | millis).unwrap_or(NonZeroU64::MAX))
            }
        }
    }
}

/// Milliseconds since 1970 by the wall clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct UnixMillis(pub i64);

/// How far the wall clock is ahead of the boot clock, at one moment: what a deadline means to
/// somebody who has only a wall clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WallOffset {
    micros: i128,
}

impl WallOffset {
    /// The offset at which the two clocks show these times.
    pub fn between(boot: BootTime, unix_us: i64) -> WallOffset {
        WallOffset {
            micros: i128::from(unix_us) - i128::from(boot.micros()),
        }
    }

    /// The wall time of `deadline`, rounded up: whoever trusts it waits a little longer.
    #[inline]
    pub fn to_unix(self, deadline: BootTime) -> UnixMillis {
        // Numbers of twice the size take ten times as long to divide.
        if let Ok(offset_us) = i64::try_from(self.micros)
            && let Some(unix_us) = i64::try_from(deadline.micros())
                .ok()
                .and_then(|deadline_us| deadline_us.checked_add(offset_us))
            && unix_us < i64::MAX - 999
        {
            return UnixMillis((unix_us + 999).div_euclid(1000));
        }
        let deadline_us = i128::try_from(deadline.wide_micros()).unwrap_or(i128::MAX);
        let unix_ms = (deadline_us + self.micros + 999).div_euclid(1000);
        UnixMillis(i64::try_from(unix_ms).unwrap_or(i64::MAX))
    }

    /// How many microseconds later a moment is on a boot clock with the offset `other` than on one
    /// with this offset.
    pub fn ahead_of(self, other: WallOffset) -> i128 {
        self.micros - other.micros
    }

    /// The boot time of a wall time; one before boot becomes the boot itself.
    pub fn from_unix(self, unix: UnixMillis) -> BootTime {
        let boot_us = i128::from(unix.0) * 1000 - self.micros;
        BootTime::from_wide(u128::try_from(boot_us).unwrap_or(0))
    }
}

/// Names this boot of the machine; `None` where the system does not tell, and boots cannot be told
/// apart.
pub fn boot_id() -> Option<String> {
    #[cfg(test)]
    if let Some(boot_id) = crate::sim::machine::boot_id() {
        return Some(boot_id);
    }
    let id = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    Some(id.trim().to_owned())
}

/// Where times come from.
#[derive(Debug)]
pub struct Clock {
    source: Source,
    advanced_us: AtomicU64,
    wall_step_us: AtomicI64,
}

#[derive(Clone, Copy, Debug)]
enum Source {
    System,
    /// Stands still at the wall time of its making.
    Manual {
        unix_us: i64,
    },
}

/// Two reads of the boot clock further apart than this make a reading of both clocks too blurred
/// to convert deadlines to the millisecond.
const READING_BLUR_US: u64 = 100;

impl Clock {
    /// The machine's clocks.
    pub fn system() -> Clock {
        Clock::new(Source::System)
    }

    /// A clock that only [`Clock::advance`] moves.
    pub fn manual() -> Clock {
        Clock::new(Source::Manual {
            unix_us: system_unix_us(),
        })
    }

    fn new(source: Source) -> Clock {
        Clock {
            source,
            advanced_us: AtomicU64::new(0),
            wall_step_us: AtomicI64::new(0),
        }
    }

    /// Now, on the clock that deadlines live on.
    pub fn now(&self) -> BootTime {
        let source_us = match self.source {
            Source::System => system_boot_us(),
            Source::Manual { .. } => 1_000_000,
        };
        BootTime::from_micros(source_us + self.advanced_us.load(Ordering::Relaxed))
    }

    /// Now, and laps of real time that begin now.
    pub fn now_and_laps(&self) -> (BootTime, Laps) {
        let real_ns = system_boot_ns();
        let now = match self.source {
            Source::System => {
                BootTime::from_micros(real_ns / 1000 + self.advanced_us.load(Ordering::Relaxed))
            }
            Source::Manual { .. } => self.now(),
        };
        (now, Laps::begin(real_ns))
    }

    /// Microseconds since 1970 by the wall clock, for TIME and for people.
    pub fn unix_micros(&self) -> i64 {
        self.read().unix_us
    }

    /// Both clocks now.
    pub fn boot_and_unix_micros(&self) -> (BootTime, i64) {
        let reading = self.read();
        (reading.boot(), reading.unix_us)
    }

    /// The wall time at which `deadline` falls, as seen now.
    pub fn to_unix(&self, deadline: BootTime) -> UnixMillis {
        self.read().to_unix(deadline)
    }

    /// The boot time at which the wall clock will show `unix`, as seen now; a time before boot
    /// becomes the boot itself.
    pub fn from_unix(&self, unix: UnixMillis) -> BootTime {
        self.read().from_unix(unix)
    }

    /// Moves this clock forward, wall time and boot time alike.
    pub fn advance(&self, step: Duration) {
        let step_us = u64::try_from(step.as_micros()).unwrap_or(u64::MAX);
        self.advanced_us.fetch_add(step_us, Ordering::Relaxed);
    }

    /// Steps the wall clock alone by `step_ms` milliseconds, as a wrong NTP server would.
    pub fn step_wall(&self, step_ms: i64) {
        self.wall_step_us
            .fetch_add(step_ms.saturating_mul(1000), Ordering::Relaxed);
    }

    /// Whether time passes by itself.
    pub fn is_manual(&self) -> bool {
        matches!(self.source, Source::Manual { .. })
    }

    /// Both clocks now.
    pub fn read(&self) -> Reading {
        let (boot_us, unix_us) = match self.source {
            Source::System => system_reading(),
            Source::Manual { unix_us } => (1_000_000, unix_us),
        };
        let advanced_us = self.advanced_us.load(Ordering::Relaxed);
        Reading {
            boot_us: boot_us + advanced_us,
            unix_us: unix_us
                .saturating_add_unsigned(advanced_us)
                .saturating_add(self.wall_step_us.load(Ordering::Relaxed)),
        }
    }
}

/// Real time since its start, whatever a [`Clock`] says: for slices of a thread's time.
#[derive(Clone, Copy, Debug)]
pub struct Stopwatch {
    start_ns: u64,
}

impl Stopwatch {
    /// Starts now.
    pub fn start() -> Stopwatch {
        Stopwatch {
            start_ns: system_boot_ns(),
        }
    }

    /// What has passed since the start.
    pub fn elapsed(self) -> Duration {
        Duration::from_nanos(self.elapsed_ns())
    }

    /// The same in nanoseconds.
    #[inline]
    pub fn elapsed_ns(self) -> u64 {
        #[cfg(test)]
        crate::sim::machine::take_time();
        system_boot_ns().saturating_sub(self.start_ns)
    }
}

/// Processor time that the calling thread has used, in nanoseconds.
pub fn thread_cpu_ns() -> u64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    (time.tv_sec as u64) * 1_000_000_000 + (time.tv_nsec as u64)
}

/// Both system clocks at one moment. A thread that is put aside between two reads would shift
/// one clock against the other, so such a reading is taken again.
fn system_reading() -> (u64, i64) {
    let mut reading = (system_boot_us(), system_unix_us());
    for _ in 0..3 {
        let after_us = system_boot_us();
        if after_us - reading.0 <= READING_BLUR_US {
            break;
        }
        reading = (after_us, system_unix_us());
    }
    reading
}

fn system_boot_us() -> u64 {
    system_boot_ns() / 1000
}

fn system_boot_ns() -> u64 {
    #[cfg(test)]
    if let Some(boot_ns) = crate::sim::machine::boot_ns() {
        return boot_ns;
    }
    #[cfg(any(target_os = "linux", target_os = "android"))]
    let clock = rustix::time::ClockId::Boottime;
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    let clock = rustix::time::ClockId::Monotonic;
    let time = rustix::time::clock_gettime(clock);
    (time.tv_sec as u64) * 1_000_000_000 + (time.tv_nsec as u64)
}

#[expect(
    clippy::disallowed_methods,
    reason = "this module is where clocks are read"
)]
fn system_unix_us() -> i64 {
    #[cfg(test)]
    if let Some(unix_us) = crate::sim::machine::unix_us() {
        return unix_us;
    }
    let now = SystemTime::now();
    match now.duration_since(UNIX_EPOCH) {
        Ok(since) => i64::try_from(since.as_micros()).unwrap_or(i64::MAX),
        Err(before) => -i64::try_from(before.duration().as_micros()).unwrap_or(i64::MAX),
    }
}

/// The wall clock in the time zone of the machine, as log lines show it: `23 Nov 2026 02:49:00.953`.
pub fn local_stamp() -> String {
    chrono::Local::now()
        .format("%d %b %Y %H:%M:%S%.3f")
        .to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_unix_deadline_comes_back_to_the_millisecond() {
        for clock in [Clock::system(), Clock::manual()] {
            for unix in [33_177_117_420_123, i64::MAX, i64::MAX - 807] {
                let unix = UnixMillis(unix);
                assert_eq!(clock.to_unix(clock.from_unix(unix)), unix);
            }
        }
    }

    #[test]
    fn an_offset_brings_a_deadline_back_and_never_earlier() {
        let (boot, unix_us) = Clock::manual().boot_and_unix_micros();
        let offset = WallOffset::between(boot, unix_us);
        for micros in [1_000_000, 1_000_001, 1_999_999, 1 << 50] {
            let deadline = BootTime::from_micros(micros);
            let back = offset.from_unix(offset.to_unix(deadline));
            assert!((deadline.micros()..deadline.micros() + 1000).contains(&back.micros()));
        }
        assert_eq!(
            offset.from_unix(UnixMillis(i64::MIN)),
            BootTime::from_micros(0)
        );
        assert_eq!(offset.to_unix(BootTime::MAX), UnixMillis(i64::MAX));
    }

    #[test]
    fn a_wall_step_moves_no_boot_time() {
        let clock = Clock::manual();
        let before = clock.now();
        let unix_us = clock.unix_micros();
        clock.step_wall(60_000);
        assert_eq!(clock.now(), before);
        assert_eq!(clock.unix_micros(), unix_us + 60_000_000);
    }

    #[test]
    fn a_unix_time_long_past_is_not_after_now() {
        let clock = Clock::system();
        assert!(clock.from_unix(UnixMillis(1000)) < clock.now());
        assert!(clock.from_unix(UnixMillis(i64::MIN)) < clock.now());
    }

    #[test]
    fn a_ttl_comes_back_whatever_its_length() {
        let now = Clock::manual().now();
        for ttl_ms in [
            1,
            30_000,
            1 << 52,
            1 << 54,
            i64::MAX as u64 - 2_000_000_000_000,
        ] {
            assert_eq!(now.millis_until(now.after_millis(ttl_ms)), ttl_ms);
        }
        assert_eq!(now.after_millis(u64::MAX), BootTime::MAX);
        assert!(now.after_millis(1 << 52) < now.after_millis(1 << 54));
    }

    #[test]
    fn a_manual_clock_stands_still_until_it_is_moved() {
        let clock = Clock::manual();
        let start = clock.now();
        assert_eq!(clock.now(), start);
        clock.advance(Duration::from_millis(5));
        assert_eq!(start.millis_until(clock.now()), 5);
    }
}
