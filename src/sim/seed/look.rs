//! What was restored, held against the model.

use std::sync::Arc;

use super::plan::Mode;
use super::{Simulation, Since};
use crate::keyspace::Cursor;
use crate::sim::check::{Ending, Verdict, check};
use crate::sim::host::Host;
use crate::sim::model::{Entry, NEVER, Operation, Slots};
use crate::sim::workload::{NAMES, PAIR};

/// The longest lock that is asked for, in milliseconds.
const TTL_MS_MAX: u64 = 60_000;
/// How far a promise reaches beyond the lock that asked for it, in milliseconds.
const AHEAD_MS: u64 = 10_000;

impl Simulation {
    /// Holds what was restored against the model.
    pub(super) fn look(&mut self, host: &Host) -> Result<(), String> {
        let restored = self.restored(host)?;
        let seen_ns = self.world.now_ns();
        self.check_wait(host)?;
        let ending = self.ending(seen_ns);
        self.world
            .trace(|| format!("look: {:?} {ending:?}", self.since));
        let operations = &self.operations[self.first..];
        if let Some(ending) = ending {
            for (name, restored) in restored.iter().enumerate() {
                let before = self.before[name];
                let texts = &mut self.texts;
                match check(operations, name, before, *restored, ending, texts) {
                    Verdict::Right => {}
                    Verdict::Undecided => self.figures.undecided += 1,
                    Verdict::Wrong => return Err(self.explain(name, *restored, ending)),
                }
            }
        }
        let values = |name: usize| restored[name].map(|slot| slot.map(|entry| entry.value));
        if values(PAIR[0]) != values(PAIR[1]) {
            return Err(format!("half a transaction: {:?}", PAIR.map(values)));
        }
        self.before = restored;
        let is_unannotated = self.is_first_of_boot && self.since.has_lost_ring;
        self.is_first_of_boot = self.since.has_crashed || is_unannotated;
        self.first = self.operations.len();
        self.looked_ns = seen_ns;
        // A disk that has failed is not forgotten.
        let keeper = host.instance().keeper.get();
        let is_in_doubt = keeper.is_some_and(|keeper| keeper.is_failing());
        self.since = Since {
            is_lossy: is_in_doubt,
            is_in_doubt,
            ..Since::default()
        };
        self.has_started = true;
        Ok(())
    }

    /// What must have outlived what has happened; `None` if that may be anything.
    fn ending(&self, seen_ns: u64) -> Option<Ending> {
        let since = self.since;
        let is_exposed = since.has_crashed && !since.is_clean || since.has_lost_ring;
        let kept_until_ns = match self.plan.mode {
            _ if !is_exposed => u64::MAX,
            Mode::Always => u64::MAX,
            Mode::EverySec if !since.is_lossy && !since.has_lost_ring => since
                .synced_ns
                .max(since.over_ns.saturating_sub(1_500_000_000)),
            Mode::Guard | Mode::EverySec => since.synced_ns,
        };
        // What was restored last may itself be gone.
        let is_gone = kept_until_ns < self.looked_ns || since.is_in_doubt && since.has_crashed;
        (!is_gone).then_some(Ending {
            kept_until_ns,
            is_lossy: since.is_lossy,
            // A start after a crash counts the time that locks have left from when it has read the
            // files, the next one from when that one has begun to write: they live a little longer.
            late_ns: match (since.has_crashed, self.is_first_of_boot) {
                (true, _) => u64::MAX,
                (false, true) => 5_000_000_000,
                (false, false) => 0,
            },
            over_ns: since.over_ns,
            seen_ns,
        })
    }

    fn restored(&mut self, host: &Host) -> Result<Vec<Slots>, String> {
        let keyspace = &host.instance().keyspace;
        let now = host.instance().clock.now();
        let machine = Arc::clone(&self.machine);
        let mut restored = vec![[None; 2]; NAMES.len()];
        let mut fault = None;
        (0..keyspace.databases()).for_each(|database| {
            keyspace.walk(database, Cursor::START, usize::MAX, now, |walked| {
                let place = NAMES.iter().position(|name| name.as_bytes() == walked.key);
                let Some(place) = place else {
                    fault = Some(format!(
                        "a key that nobody made: {}",
                        walked.key.escape_ascii()
                    ));
                    return;
                };
                let deadline_ns = walked.deadline.map_or(NEVER, |deadline| {
                    u64::try_from(machine.world_ns_of(deadline.micros())).unwrap_or(0)
                });
                restored[place][database] = Some(Entry {
                    value: self.texts.number(walked.value),
                    least_ns: deadline_ns,
                    most_ns: deadline_ns,
                });
            });
        });
        fault.map_or(Ok(restored), Err)
    }

    /// Whether a start waits that should not, or for too long.
    fn check_wait(&mut self, host: &Host) -> Result<(), String> {
        let instance = host.instance();
        let keeper = instance.keeper.get().ok_or("nothing is kept")?;
        let wait_ms = keeper.loading_ms(instance.clock.now()).unwrap_or(0);
        let now_ns = i128::from(self.world.now_ns());
        let until_ns = now_ns + i128::from(wait_ms) * 1_000_000;
        let since = self.since;
        let must_serve = !since.is_lossy
            && (since.is_clean
                || !since.has_lost_ring && !since.has_crashed
                || self.plan.mode == Mode::Always && !since.has_lost_ring);
        // Whoever ends while it waits must wait again, after a crash for all that it had to.
        let still_waits = match since.has_crashed {
            true => wait_ms <= self.waits_ms + 100,
            false => until_ns <= self.waits_until_ns + 100_000_000,
        };
        self.world.trace(|| format!("waits for {wait_ms} ms"));
        if wait_ms > 0 {
            self.figures.waits += 1;
        }
        if wait_ms > 0 && must_serve && !still_waits {
            return Err(format!("it waits for {wait_ms} ms, and has lost nothing"));
        }
        let longest_ms = TTL_MS_MAX.min(self.plan.guard_max_ms) + AHEAD_MS + 10;
        if wait_ms > longest_ms && self.has_started && !since.is_lossy && !still_waits {
            return Err(format!("it waits for {wait_ms} ms, beyond every lock"));
        }
        self.waits_until_ns = if wait_ms > 0 { until_ns } else { 0 };
        self.waits_ms = wait_ms;
        Ok(())
    }

    fn explain(&self, name: usize, restored: Slots, ending: Ending) -> String {
        let shown = |slots: Slots| {
            slots.map(|slot| {
                slot.map(|entry| {
                    let Entry {
                        value,
                        least_ns,
                        most_ns,
                    } = entry;
                    let text = self.texts.shown(value);
                    format!(
                        "#{value} {text} until {}..{}",
                        least_ns / 1000,
                        most_ns / 1000
                    )
                })
            })
        };
        let mut text = format!(
            "{} cannot be {:?} after {ending:?}\n  it was {:?}",
            NAMES[name],
            shown(restored),
            shown(self.before[name])
        );
        for operation in &self.operations[self.first..] {
            let Operation {
                client,
                parts,
                sent_ns,
                answered_ns,
                fate,
            } = operation;
            let answered_us = answered_ns.map(|ns| ns / 1000);
            text.push_str(&format!(
                "\n  {}..{answered_us:?} client {client} {fate:?} {parts:?}",
                sent_ns / 1000
            ));
        }
        text
    }
}
