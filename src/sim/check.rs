//! Whether what a restored server holds is what the model allows.
//!
//! For the keys of one name the operations of a life are put in an order that agrees with their
//! times and replies, as Wing and Gong check linearizability, such that the last state is the one
//! that was restored. An operation without a reply may have happened or not.

use std::collections::HashSet;

use super::model::{Entry, Fate, NEVER, Operation, Part, Slot, Slots, Span, Texts, after};

/// How a life has ended, and what must have outlived it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ending {
    /// Operations that were answered by then must be there.
    pub(crate) kept_until_ns: u64,
    /// Whether the disk has failed meanwhile: what removes keys may have been forgotten, and what
    /// was never answered may be seen by others and be forgotten.
    pub(crate) is_lossy: bool,
    /// By how much locks may live longer than promised.
    pub(crate) late_ns: u64,
    /// When the life was over: nothing has run later.
    pub(crate) over_ns: u64,
    /// When the restored keys were looked at.
    pub(crate) seen_ns: u64,
}

/// Deadlines are kept to the millisecond, rounded up.
const ROUNDING_NS: u64 = 1_001_000;

/// States are given up after so many.
const STATES_MAX: usize = 400_000;

/// An operation as far as it concerns one name.
struct Projected<'a> {
    operation: &'a Operation,
    answered_ns: u64,
    is_needed: bool,
    is_removal: bool,
}

/// The operations that were put in order, a state, and what of that the disk may have instead.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Point {
    done: [u64; 8],
    slots: Slots,
    /// States that may be restored instead of this one.
    stale: Vec<Slots>,
}

/// How the check of one name has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Right,
    Wrong,
    /// There were too many possibilities.
    Undecided,
}

/// Whether the keys of `name` may be `restored`, having been `before` when the life began.
pub(crate) fn check(
    operations: &[Operation],
    name: usize,
    before: Slots,
    restored: Slots,
    ending: Ending,
    texts: &mut Texts,
) -> Verdict {
    let projected = project(operations, name, ending);
    if projected.len() > 512 {
        return Verdict::Undecided;
    }
    let start = Point {
        done: [0; 8],
        slots: before,
        stale: Vec::new(),
    };
    let mut seen = HashSet::from([start.clone()]);
    let mut open = vec![start];
    while let Some(point) = open.pop() {
        let is_done = |index: usize| point.done[index / 64] >> (index % 64) & 1 == 1;
        let is_whole =
            (0..projected.len()).all(|index| is_done(index) || !projected[index].is_needed);
        let mut states = point.stale.iter().chain([&point.slots]);
        if is_whole && states.any(|slots| is_restored(slots, &restored, ending)) {
            return Verdict::Right;
        }
        if seen.len() > STATES_MAX {
            return Verdict::Undecided;
        }
        let undone = (0..projected.len()).filter(|index| !is_done(*index));
        let undone: Vec<usize> = undone.collect();
        // Whatever was sent after another one was answered comes after that one.
        let needed = undone.iter().filter(|index| projected[**index].must_run());
        let first_ns = needed.map(|index| projected[*index].answered_ns).min();
        for index in undone.into_iter().rev() {
            let next = &projected[index];
            if first_ns.is_some_and(|first_ns| next.operation.sent_ns > first_ns) {
                continue;
            }
            for slots in next.run(point.slots, name, ending, texts) {
                let mut point = point.clone();
                point.done[index / 64] |= 1 << (index % 64);
                point.step(slots, next, ending.is_lossy);
                if seen.insert(point.clone()) {
                    open.push(point);
                }
            }
        }
    }
    Verdict::Wrong
}

fn project(operations: &[Operation], name: usize, ending: Ending) -> Vec<Projected<'_>> {
    let concerns = |part: &Part| match part {
        Part::Key { name: its, .. } => *its == name,
        Part::Flush(_) | Part::Swap => true,
    };
    let ours = operations.iter().filter(|operation| {
        operation.fate != Fate::Refused && operation.parts.iter().any(concerns)
    });
    let projected = ours.map(|operation| {
        let answered_ns = operation.answered_ns.unwrap_or(u64::MAX);
        let parts = operation.parts.iter().filter(|part| concerns(part));
        Projected {
            operation,
            answered_ns,
            is_needed: operation.fate == Fate::Happened && answered_ns <= ending.kept_until_ns,
            is_removal: parts.clone().all(is_removal),
        }
    });
    projected.collect()
}

fn is_removal(part: &Part) -> bool {
    match part {
        Part::Key { what, .. } => what.is_removal() || what.is_read(),
        Part::Flush(_) => true,
        Part::Swap => false,
    }
}

impl Projected<'_> {
    /// Whether others that were sent after its reply saw it done.
    fn must_run(&self) -> bool {
        self.operation.fate == Fate::Happened
    }

    fn run(&self, slots: Slots, name: usize, ending: Ending, texts: &mut Texts) -> Vec<Slots> {
        let span = Span {
            from_ns: self.operation.sent_ns,
            to_ns: self.answered_ns.min(ending.over_ns),
        };
        let mut states = vec![slots];
        for part in &self.operation.parts {
            let next = states.iter();
            states = next
                .flat_map(|slots| after(*slots, part, name, span, texts))
                .collect();
        }
        states
    }
}

impl Point {
    fn step(&mut self, slots: Slots, by: &Projected<'_>, is_lossy: bool) {
        let old = std::mem::replace(&mut self.slots, slots);
        if !is_lossy || old == slots {
            return;
        }
        if by.must_run() && !by.is_removal {
            // It was kept, and all that was before with it.
            self.stale.clear();
        } else if !self.stale.contains(&old) {
            self.stale.push(old);
            self.stale.sort_unstable();
        }
    }
}

fn is_restored(expected: &Slots, restored: &Slots, ending: Ending) -> bool {
    let mut pairs = expected.iter().zip(restored);
    pairs.all(|(expected, restored)| is_restored_slot(*expected, *restored, ending))
}

fn is_restored_slot(expected: Slot, restored: Slot, ending: Ending) -> bool {
    match (expected, restored) {
        (None, None) => true,
        (Some(entry), None) => entry.least_ns <= ending.seen_ns,
        (None, Some(_)) => false,
        (Some(entry), Some(found)) => {
            entry.value == found.value && has_deadline(entry, found.least_ns, ending.late_ns)
        }
    }
}

fn has_deadline(entry: Entry, found_ns: u64, late_ns: u64) -> bool {
    if entry.least_ns == NEVER || found_ns == NEVER {
        return entry.most_ns == found_ns;
    }
    let most_ns = entry.most_ns.saturating_add(ROUNDING_NS);
    found_ns + 1000 >= entry.least_ns && found_ns <= most_ns.saturating_add(late_ns)
}
