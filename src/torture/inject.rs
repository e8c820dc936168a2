//! Carries out the schedule: begins and ends each fault at its time, and notes when it really was.

use std::sync::atomic::AtomicBool;

use crate::clock::Stopwatch;
use crate::error::TortureError;

use super::fleet::Fleet;
use super::schedule::{Fault, Planned};
use super::wait::wait_until;

/// A fault that was done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Injected {
    /// What it was.
    pub fault: Fault,
    /// Whom it hit, counted from 0.
    pub instances: Vec<usize>,
    /// When it began, in nanoseconds of the run.
    pub from_ns: u64,
    /// When it was over; for a kill, when the new process answered.
    pub until_ns: u64,
}

/// What is done at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Deed {
    Begin,
    End,
}

/// Carries out `plan` until it is done or the run is over. What lasts then is told as lasting to the
/// end, and ended by the fleet's own end.
pub(super) fn inject(
    fleet: &mut Fleet,
    plan: &[Planned],
    clock: Stopwatch,
    is_over: &AtomicBool,
) -> Result<Vec<Injected>, TortureError> {
    let mut deeds = Vec::new();
    for (number, planned) in plan.iter().enumerate() {
        deeds.push((planned.from_ms, Deed::Begin, number));
        deeds.push((planned.until_ms, Deed::End, number));
    }
    deeds.sort_by_key(|(at_ms, _, number)| (*at_ms, *number));
    let mut injected: Vec<Option<Injected>> = vec![None; plan.len()];
    for (at_ms, deed, number) in deeds {
        if !wait_until(clock, at_ms * 1_000_000, is_over) {
            break;
        }
        let Planned {
            fault, instances, ..
        } = &plan[number];
        fleet.check()?;
        match deed {
            Deed::Begin => {
                let from_ns = clock.elapsed_ns();
                fleet.begin(*fault, instances)?;
                injected[number] = Some(Injected {
                    fault: *fault,
                    instances: instances.clone(),
                    from_ns,
                    until_ns: u64::MAX,
                });
            }
            Deed::End => {
                let ended = fleet.end(*fault, instances, is_over);
                // A process that was to be waited for when the run ended is none that failed.
                if !is_over.load(std::sync::atomic::Ordering::Relaxed) {
                    ended?;
                }
                if let Some(done) = &mut injected[number] {
                    done.until_ns = clock.elapsed_ns();
                }
            }
        }
    }
    let end_ns = clock.elapsed_ns();
    let mut done: Vec<Injected> = injected.into_iter().flatten().collect();
    for one in &mut done {
        one.until_ns = one.until_ns.min(end_ns);
    }
    Ok(done)
}
