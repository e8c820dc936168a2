//! The alarm clock of the expiry thread: it sleeps until the next deadline and is woken only
//! when an earlier one arrives, so an idle server does not wake.
//!
//! Invariant: whoever stores an earlier deadline does so before it reads `wake_at`, and the
//! sleeper announces itself as awake before it looks for the next deadline. One of the two
//! therefore always sees the other.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::clock::{BootTime, Clock};
use crate::sync::{Condvar, Mutex};

/// See the module's text.
pub struct Alarm {
    /// The sleeper's next wake-up in boot microseconds; `u64::MAX` while it is awake or has none.
    wake_at: AtomicU64,
    rung: Mutex<Rung>,
    bell: Condvar,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rung {
    No,
    Yes,
    Stop,
}

/// Why a sleeper woke.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wake {
    /// The time has come, or something earlier did: look again.
    Look,
    /// The server stops.
    Stop,
}

impl Alarm {
    pub(super) fn new() -> Alarm {
        Alarm {
            wake_at: AtomicU64::new(u64::MAX),
            rung: Mutex::new(Rung::No),
            bell: Condvar::new(),
        }
    }

    /// Wakes the sleeper if it would sleep past `due`, which has been stored before.
    pub(super) fn set(&self, due: BootTime) {
        if due.micros() < self.wake_at.load(Ordering::SeqCst) {
            self.ring();
        }
    }

    /// Wakes the sleeper to look at the time: a clock was moved by hand.
    pub fn ring(&self) {
        let mut rung = self.rung.lock();
        if *rung == Rung::No {
            *rung = Rung::Yes;
            self.bell.notify_one();
        }
    }

    /// Wakes the sleeper for good.
    pub fn stop(&self) {
        *self.rung.lock() = Rung::Stop;
        self.bell.notify_one();
    }

    /// Sleeps until the deadline that `next_due` finds has come by `clock`, or the alarm is rung.
    pub fn sleep(&self, clock: &Clock, next_due: impl Fn() -> Option<BootTime>) -> Wake {
        self.wake_at.store(u64::MAX, Ordering::SeqCst);
        let next = next_due();
        let mut rung = self.rung.lock();
        if let Some(next) = next {
            self.wake_at.store(next.micros(), Ordering::SeqCst);
        }
        while *rung == Rung::No {
            match next {
                Some(next) => {
                    let now = clock.now();
                    if next <= now {
                        break;
                    }
                    if clock.is_manual() {
                        self.bell.wait(&mut rung);
                    } else {
                        let rest = Duration::from_micros(next.micros() - now.micros());
                        self.bell.wait_for(&mut rung, rest);
                    }
                }
                None => self.bell.wait(&mut rung),
            }
        }
        self.wake_at.store(u64::MAX, Ordering::SeqCst);
        if *rung == Rung::Stop {
            return Wake::Stop;
        }
        *rung = Rung::No;
        Wake::Look
    }
}
