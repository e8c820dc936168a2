//! CLIENT PAUSE: which commands wait, and until when.
//!
//! A batch of requests reads it once, behind the gate; PAUSE itself runs while nothing else does,
//! so no command that waits is under way when it is answered.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::clock::BootTime;

/// See the module's text.
#[derive(Debug, Default)]
pub struct Pause(AtomicU64);

/// What waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Paused {
    /// What may change a key, and what publishes.
    Writes,
    /// Every command.
    Everything,
}

/// The lowest bit of the word tells what waits; the others are the end in boot microseconds.
const EVERYTHING: u64 = 1;

impl Pause {
    /// What waits at `now`.
    #[inline]
    pub fn at(&self, now: BootTime) -> Option<Paused> {
        match self.0.load(Ordering::Relaxed) {
            0 => None,
            word => decode(word, now),
        }
    }

    /// When it ends, if it has not ended by `now`.
    pub fn end(&self, now: BootTime) -> Option<BootTime> {
        let word = self.0.load(Ordering::Relaxed);
        decode(word, now).map(|_| BootTime::from_micros(word >> 1))
    }

    /// Begins a pause, or makes the present one longer and stricter; tells when it will end.
    pub fn begin(&self, what: Paused, end: BootTime, now: BootTime) -> BootTime {
        let (what, end) = match (self.at(now), self.end(now)) {
            (Some(present), Some(present_end)) => (what.max(present), end.max(present_end)),
            _ => (what, end),
        };
        // An end that far away does not come.
        let end_us = end.micros().min(u64::MAX >> 2);
        let bit = if what == Paused::Everything {
            EVERYTHING
        } else {
            0
        };
        self.0.store(end_us << 1 | bit, Ordering::Relaxed);
        BootTime::from_micros(end_us)
    }

    /// Ends it.
    pub fn end_now(&self) {
        self.0.store(0, Ordering::Relaxed);
    }
}

fn decode(word: u64, now: BootTime) -> Option<Paused> {
    let is_on = word >> 1 > now.micros();
    is_on.then_some(if word & EVERYTHING == 0 {
        Paused::Writes
    } else {
        Paused::Everything
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_pause_never_makes_the_first_shorter_or_milder() {
        let at = BootTime::from_micros;
        let pause = Pause::default();
        assert_eq!(pause.at(at(1)), None);
        pause.begin(Paused::Everything, at(100), at(1));
        assert_eq!(pause.begin(Paused::Writes, at(50), at(2)), at(100));
        assert_eq!(pause.at(at(99)), Some(Paused::Everything));
        assert_eq!(pause.at(at(100)), None);
        pause.begin(Paused::Writes, at(200), at(150));
        assert_eq!(pause.at(at(199)), Some(Paused::Writes));
        pause.end_now();
        assert_eq!(pause.at(at(199)), None);
    }

    #[test]
    fn a_pause_without_end_does_not_overflow() {
        let pause = Pause::default();
        pause.begin(Paused::Writes, BootTime::MAX, BootTime::from_micros(1));
        assert_eq!(
            pause.at(BootTime::from_micros(1 << 50)),
            Some(Paused::Writes)
        );
    }
}
