//! The only module that reads clocks; everything else is handed a time.
//!
//! Deadlines live on the boot-time clock: it is monotonic and also counts the time a machine is
//! suspended, so a step of the wall clock changes no TTL. Unix times exist on the wire only and
//! are converted on arrival and on reply.
//!
//! A clock can be moved forward by hand ([`Clock::advance`]) and a manual clock moves in no other
//! way, so tests decide what time it is.

use std::num::NonZeroU64;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A point on the boot-time clock, in microseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct BootTime(NonZeroU64);

impl BootTime {
    /// The latest time there is, some 584,000 years after boot.
    pub const MAX: BootTime = BootTime(NonZeroU64::MAX);

    /// The point `micros` microseconds after boot; 0 counts as 1, so that an absent deadline
    /// costs no space.
    pub fn from_micros(micros: u64) -> BootTime {
        BootTime(NonZeroU64::new(micros).unwrap_or(NonZeroU64::MIN))
    }

    /// Microseconds since boot.
    pub fn micros(self) -> u64 {
        self.0.get()
    }

    /// This point and `millis` milliseconds, at most [`BootTime::MAX`].
    pub fn after_millis(self, millis: u64) -> BootTime {
        BootTime(self.0.saturating_add(millis.saturating_mul(1000)))
    }

    /// Milliseconds from this point to `later`, rounded up: a key that lives has at least 1.
    pub fn millis_until(self, later: BootTime) -> u64 {
        later.micros().saturating_sub(self.micros()).div_ceil(1000)
    }
}

/// Milliseconds since 1970 by the wall clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct UnixMillis(pub i64);

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

/// Both clocks, read as one.
#[derive(Clone, Copy, Debug)]
struct Reading {
    boot_us: u64,
    unix_us: i64,
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

    /// Microseconds since 1970 by the wall clock, for TIME and for people.
    pub fn unix_micros(&self) -> i64 {
        self.read().unix_us
    }

    /// The wall time at which `deadline` falls, as seen now.
    pub fn to_unix(&self, deadline: BootTime) -> UnixMillis {
        let reading = self.read();
        let rest_us = i128::from(deadline.micros()) - i128::from(reading.boot_us);
        let unix_us = i128::from(reading.unix_us) + rest_us;
        let unix_ms = (unix_us + 500).div_euclid(1000);
        UnixMillis(i64::try_from(unix_ms).unwrap_or(i64::MAX))
    }

    /// The boot time at which the wall clock will show `unix`, as seen now; a time before boot
    /// becomes the boot itself.
    pub fn from_unix(&self, unix: UnixMillis) -> BootTime {
        let reading = self.read();
        let rest_us = i128::from(unix.0) * 1000 - i128::from(reading.unix_us);
        let boot_us = (i128::from(reading.boot_us) + rest_us).max(0);
        u64::try_from(boot_us).map_or(BootTime::MAX, BootTime::from_micros)
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

    fn read(&self) -> Reading {
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
    #[cfg(any(target_os = "linux", target_os = "android"))]
    let clock = rustix::time::ClockId::Boottime;
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    let clock = rustix::time::ClockId::Monotonic;
    let time = rustix::time::clock_gettime(clock);
    (time.tv_sec as u64) * 1_000_000 + (time.tv_nsec as u64) / 1000
}

#[expect(
    clippy::disallowed_methods,
    reason = "this module is where clocks are read"
)]
fn system_unix_us() -> i64 {
    let now = SystemTime::now();
    match now.duration_since(UNIX_EPOCH) {
        Ok(since) => i64::try_from(since.as_micros()).unwrap_or(i64::MAX),
        Err(before) => -i64::try_from(before.duration().as_micros()).unwrap_or(i64::MAX),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_unix_deadline_comes_back_to_the_millisecond() {
        for clock in [Clock::system(), Clock::manual()] {
            let unix = UnixMillis(33_177_117_420_123);
            assert_eq!(clock.to_unix(clock.from_unix(unix)), unix);
        }
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
    fn a_ttl_beyond_all_time_is_clamped() {
        let now = Clock::manual().now();
        assert_eq!(now.after_millis(u64::MAX), BootTime::MAX);
        assert_eq!(now.millis_until(now.after_millis(30_000)), 30_000);
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
