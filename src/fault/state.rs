//! The faults of an instance that last, and what they say to a command or a reply.
//!
//! While there is none, a batch of requests looks at one flag. While there is one, every command
//! and every reply asks here, under one mutex: an instance under a fault need not be fast.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use parking_lot::Mutex;

use super::{Fault, millis};
use crate::clock::BootTime;

/// See the module's text.
#[derive(Debug, Default)]
pub struct Faults {
    is_any: AtomicBool,
    /// Whether a crash ends the whole process.
    ends_process: AtomicBool,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Replies that are yet to be lost.
    drops: u64,
    refusals: Refusals,
    delay: Option<Delay>,
    /// When the pause ends; it may have ended since.
    pause_end: Option<BootTime>,
    is_crashed: bool,
}

/// Which commands are refused.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
enum Refusals {
    #[default]
    None,
    Next(u64),
    All,
}

#[derive(Debug)]
struct Delay {
    by_ms: u64,
    jitter_ms: u64,
    /// Of the draws.
    seed: u64,
}

/// Where every series of draws begins.
const SEED: u64 = 0x9e37_79b9_7f4a_7c15;

impl Delay {
    fn new(by: Duration, jitter: Duration) -> Option<Delay> {
        let (by_ms, jitter_ms) = (millis(by), millis(jitter));
        (by_ms + jitter_ms > 0).then_some(Delay {
            by_ms,
            jitter_ms,
            seed: SEED,
        })
    }

    /// How late the next reply is.
    fn draw_ms(&mut self) -> u64 {
        self.by_ms + next(&mut self.seed) % (self.jitter_ms + 1)
    }
}

/// The next number of a SplitMix64 series.
fn next(seed: &mut u64) -> u64 {
    *seed = seed.wrapping_add(SEED);
    let mut mixed = *seed;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

impl State {
    fn is_any(&self) -> bool {
        self.drops > 0
            || self.refusals != Refusals::None
            || self.delay.is_some()
            || self.pause_end.is_some()
            || self.is_crashed
    }

    fn pause_end(&self, now: BootTime) -> Option<BootTime> {
        self.pause_end.filter(|end| *end > now)
    }
}

impl Faults {
    /// Whether a fault is in force, or a pause has just ended.
    #[inline]
    pub fn is_any(&self) -> bool {
        self.is_any.load(Ordering::Relaxed)
    }

    /// A crash is to end the whole process from now on, which serves nothing else.
    pub fn let_crash_end_process(&self) {
        self.ends_process.store(true, Ordering::SeqCst);
    }

    /// Whether a crash ends the whole process.
    pub fn crash_ends_process(&self) -> bool {
        self.ends_process.load(Ordering::SeqCst)
    }

    /// Notes a fault that lasts, or the end of all. One that is over at once changes nothing here.
    pub fn note(&self, fault: Fault, now: BootTime) {
        self.change(|state| match fault {
            Fault::Drop(count) => state.drops = count,
            Fault::Delay { by, jitter } => state.delay = Delay::new(by, jitter),
            Fault::Refuse(count) => {
                state.refusals = match count {
                    None => Refusals::All,
                    Some(0) => Refusals::None,
                    Some(count) => Refusals::Next(count),
                }
            }
            Fault::Pause(span) => {
                let span_ms = millis(span);
                state.pause_end = (span_ms > 0).then(|| now.after_millis(span_ms));
            }
            // Nothing brings back who has crashed.
            Fault::Reset | Fault::RestartEmpty if !state.is_crashed => *state = State::default(),
            Fault::Crash => state.is_crashed = true,
            Fault::Advance(_) | Fault::Reset | Fault::RestartEmpty => {}
        });
    }

    fn change<R>(&self, change: impl FnOnce(&mut State) -> R) -> R {
        let mut state = self.state.lock();
        let result = change(&mut state);
        self.is_any.store(state.is_any(), Ordering::SeqCst);
        result
    }

    /// Until when nothing is read or answered.
    pub fn pause_end(&self, now: BootTime) -> Option<BootTime> {
        self.change(|state| {
            state.pause_end = state.pause_end(now);
            state.pause_end
        })
    }

    /// Whether the command that asks is refused, which counts.
    pub fn refuses(&self) -> bool {
        self.change(|state| {
            let refusals = state.refusals;
            if let Refusals::Next(count) = refusals {
                state.refusals = match count - 1 {
                    0 => Refusals::None,
                    rest => Refusals::Next(rest),
                };
            }
            refusals != Refusals::None
        })
    }

    /// Whether the reply that asks is lost, which counts.
    pub fn loses_reply(&self) -> bool {
        self.change(|state| {
            let is_lost = state.drops > 0;
            state.drops = state.drops.saturating_sub(1);
            is_lost
        })
    }

    /// When a reply may leave that is there `now`; `None` for at once.
    pub fn due(&self, now: BootTime) -> Option<BootTime> {
        self.change(|state| {
            let pause_end = state.pause_end(now);
            let delay = state.delay.as_mut();
            let delayed = delay.map(|delay| now.after_millis(delay.draw_ms()));
            pause_end.max(delayed)
        })
    }

    /// Until when a reply that is `due` waits; `None` when it may leave: its time has come, or the
    /// fault has ended that kept it.
    pub fn keeps_until(&self, due: BootTime, now: BootTime) -> Option<BootTime> {
        let state = self.state.lock();
        let delayed = state.delay.as_ref().map(|_| due).filter(|due| *due > now);
        state.pause_end(now).max(delayed)
    }

    /// Whether it is as good as killed.
    pub fn is_crashed(&self) -> bool {
        self.state.lock().is_crashed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> BootTime {
        BootTime::from_micros(millis * 1000)
    }

    const MS: fn(u64) -> Duration = Duration::from_millis;

    #[test]
    fn counted_faults_end_by_themselves_and_zero_ends_them() {
        let faults = Faults::default();
        faults.note(Fault::Drop(1), at(1));
        faults.note(Fault::Refuse(Some(2)), at(1));
        assert!(faults.is_any());
        assert_eq!([(); 3].map(|()| faults.refuses()), [true, true, false]);
        assert_eq!([(); 2].map(|()| faults.loses_reply()), [true, false]);
        assert!(!faults.is_any());
        faults.note(Fault::Refuse(None), at(1));
        assert!((0..100).all(|_| faults.refuses()));
        faults.note(Fault::Refuse(Some(0)), at(1));
        faults.note(Fault::Drop(0), at(1));
        assert!(!faults.refuses() && !faults.is_any());
    }

    #[test]
    fn jitter_is_the_same_each_time_and_within_its_bounds() {
        let faults = Faults::default();
        let series = || {
            let fault = Fault::Delay {
                by: MS(100),
                jitter: MS(50),
            };
            faults.note(fault, at(1));
            [(); 200].map(|()| at(1).millis_until(faults.due(at(1)).unwrap()))
        };
        let first = series();
        assert_eq!(series(), first);
        assert!(first.iter().all(|late_ms| (100..=150).contains(late_ms)));
        assert!(first.contains(&100) && first.contains(&150), "{first:?}");
    }

    #[test]
    fn a_reply_waits_for_its_time_and_for_the_pause_unless_they_are_ended() {
        let faults = Faults::default();
        let delay = Fault::Delay {
            by: MS(10),
            jitter: MS(0),
        };
        faults.note(delay, at(1));
        assert_eq!(faults.due(at(1)), Some(at(11)));
        assert_eq!(faults.keeps_until(at(11), at(10)), Some(at(11)));
        assert_eq!(faults.keeps_until(at(11), at(11)), None);
        faults.note(Fault::Pause(MS(100)), at(1));
        assert_eq!(faults.keeps_until(at(11), at(11)), Some(at(101)));
        assert_eq!(faults.due(at(2)), Some(at(101)));
        assert_eq!(faults.pause_end(at(101)), None);
        faults.note(Fault::Reset, at(10));
        assert_eq!(faults.keeps_until(at(11), at(10)), None);
        assert!(!faults.is_any());
    }

    #[test]
    fn nothing_brings_back_who_has_crashed() {
        let faults = Faults::default();
        faults.note(Fault::Crash, at(1));
        faults.note(Fault::Reset, at(1));
        faults.note(Fault::RestartEmpty, at(1));
        assert!(faults.is_crashed() && faults.is_any());
    }
}
