//! A hierarchical timer wheel: which entries are due, without looking at the others.
//!
//! ```text
//! level 0   64 slots of one tick     (250 µs)
//! level 1   64 slots of 64 ticks     (16 ms)
//! level 2   64 slots of 4096 ticks   (1 s)
//! ...       8 levels reach 2,230 years; what lies beyond waits in the last slot
//! ```
//!
//! An entry sits on the level of the highest 6-bit digit in which its tick differs from the
//! elapsed tick, in the slot which that digit names. When `elapsed` enters a slot of a higher level, its
//! entries move down. The place of an entry therefore follows from its tick alone and need not
//! be stored, and the first occupied slot of the lowest occupied level is always the next to
//! come.
//!
//! Many wheels turn side by side, one a shard. Each has a phase, a number of ticks by which it runs
//! ahead, so that they do not all enter a slot of a high level, and move its entries, at one time.
//!
//! The wheel links entries that live elsewhere (see [`Nodes`]); it owns no memory but the list
//! heads, made for a level when first used.

use crate::clock::BootTime;

/// The end of a list.
pub(super) const NIL: u32 = u32::MAX;

/// Microseconds of a tick. They divide a millisecond: on a clock that a test moves by milliseconds,
/// an entry is due exactly at its deadline.
const TICK_US: u64 = 250;
const SLOT_BITS: u32 = 6;
const SLOTS: usize = 1 << SLOT_BITS;
const LEVELS: usize = 8;
const TICK_MAX: u64 = (1 << (SLOT_BITS as u64 * LEVELS as u64)) - 1;

/// A point in time as the wheel counts it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Tick(u64);

impl Tick {
    /// The first tick at which `deadline` has been reached.
    pub(super) fn at_or_after(deadline: BootTime) -> Tick {
        Tick(deadline.micros().div_ceil(TICK_US).min(TICK_MAX))
    }

    /// The last tick that has begun by `now`.
    pub(super) fn at_or_before(now: BootTime) -> Tick {
        Tick((now.micros() / TICK_US).min(TICK_MAX))
    }

    /// When this tick begins.
    pub(super) fn start(self) -> BootTime {
        BootTime::from_micros(self.0 * TICK_US)
    }
}

/// A tick with a wheel's phase: where its hands stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Turn(u64);

/// The links that an entry lends the wheel.
#[derive(Clone, Copy, Debug)]
pub(super) struct Links {
    pub(super) next: u32,
    pub(super) prev: u32,
}

impl Links {
    pub(super) const NONE: Links = Links {
        next: NIL,
        prev: NIL,
    };
}

/// The entries that the wheel links, by index.
pub(super) trait Nodes {
    fn links(&mut self, index: u32) -> &mut Links;
    fn tick(&self, index: u32) -> Tick;
}

/// See the module's text.
pub(super) struct Wheel {
    phase: u32,
    /// The entry that was linked last, which may be gone: the next one probably comes before it.
    latest: u32,
    /// The present tick, with the phase.
    elapsed: Turn,
    levels: [Option<Box<Level>>; LEVELS],
}

struct Level {
    /// Bit `s` is set where slot `s` has entries.
    occupied: u64,
    heads: [u32; SLOTS],
}

struct Place {
    level: usize,
    slot: usize,
    /// The slot's first turn that is still to come, or the present one.
    first: Turn,
}

impl Wheel {
    /// A wheel that runs `phase` ticks ahead.
    pub(super) fn new(phase: u32) -> Wheel {
        Wheel {
            phase,
            latest: NIL,
            elapsed: Turn(u64::from(phase)),
            levels: Default::default(),
        }
    }

    /// Moves an empty wheel to `now` at once: what is then inserted goes where it belongs, and not
    /// where it belonged when the wheel last turned.
    pub(super) fn catch_up(&mut self, now: Tick) {
        debug_assert!(self.next_slot().is_none(), "nobody is left behind");
        self.elapsed = self.elapsed.max(self.turn(now));
    }

    /// The entry whose links the next one that is linked probably changes.
    pub(super) fn latest(&self) -> u32 {
        self.latest
    }

    /// Links the entry at `index`. Tells when the wheel has something to do for it: it is due, or
    /// moves down a level.
    pub(super) fn insert(&mut self, nodes: &mut impl Nodes, index: u32) -> BootTime {
        let Place { level, slot, first } = self.place(self.turn(nodes.tick(index)));
        let level = self.levels[level].get_or_insert_with(|| {
            Box::new(Level {
                occupied: 0,
                heads: [NIL; SLOTS],
            })
        });
        let head = std::mem::replace(&mut level.heads[slot], index);
        *nodes.links(index) = Links {
            next: head,
            prev: NIL,
        };
        // The bits stand apart from the heads: they are left alone where they are set.
        if head == NIL {
            level.occupied |= 1 << slot;
        } else {
            nodes.links(head).prev = index;
        }
        self.latest = index;
        self.start(first)
    }

    /// Unlinks the entry at `index`, whose tick is still the one it was inserted with.
    pub(super) fn remove(&mut self, nodes: &mut impl Nodes, index: u32) {
        let Links { next, prev } = std::mem::replace(nodes.links(index), Links::NONE);
        if next != NIL {
            nodes.links(next).prev = prev;
        }
        if prev != NIL {
            nodes.links(prev).next = next;
            return;
        }
        let Place { level, slot, .. } = self.place(self.turn(nodes.tick(index)));
        let Some(level) = self.levels[level].as_mut() else {
            debug_assert!(false, "a linked entry's level exists");
            return;
        };
        debug_assert_eq!(level.heads[slot], index, "an entry without prev is a head");
        level.heads[slot] = next;
        if next == NIL {
            level.occupied &= !(1 << slot);
        }
    }

    /// Moves time forward towards `now` and unlinks the next entry whose tick has come; `None`
    /// when there is none left and `now` is reached.
    pub(super) fn pop_due(&mut self, nodes: &mut impl Nodes, now: Tick) -> Option<u32> {
        let now = self.turn(now);
        while let Some((level, turn)) = self.next_slot() {
            if turn > now {
                break;
            }
            self.elapsed = self.elapsed.max(turn);
            if level == 0 {
                let slot = (turn.0 as usize) % SLOTS;
                let index = self.levels[0].as_ref()?.heads[slot];
                self.remove(nodes, index);
                return Some(index);
            }
            self.cascade(nodes, level, turn);
        }
        self.elapsed = self.elapsed.max(now);
        None
    }

    /// When the wheel next has something to do: an entry is due, or entries move down a level.
    pub(super) fn next_due(&self) -> Option<BootTime> {
        self.next_slot().map(|(_, turn)| self.start(turn))
    }

    /// Moves the entries of a slot that time has entered to their lower levels.
    fn cascade(&mut self, nodes: &mut impl Nodes, level: usize, turn: Turn) {
        let slot = (turn.0 >> (SLOT_BITS as usize * level)) as usize % SLOTS;
        let Some(level) = self.levels[level].as_mut() else {
            return;
        };
        let mut index = std::mem::replace(&mut level.heads[slot], NIL);
        level.occupied &= !(1 << slot);
        while index != NIL {
            let next = nodes.links(index).next;
            self.insert(nodes, index);
            index = next;
        }
    }

    /// The level and the first turn of the next occupied slot.
    fn next_slot(&self) -> Option<(usize, Turn)> {
        let (number, level) = self.levels.iter().enumerate().find_map(|(number, level)| {
            let level = level.as_ref()?;
            (level.occupied != 0).then_some((number, level))
        })?;
        let shift = SLOT_BITS as usize * number;
        let slot = u64::from(level.occupied.trailing_zeros());
        let above = self.elapsed.0 >> shift >> SLOT_BITS << SLOT_BITS << shift;
        Some((number, Turn(above | slot << shift)))
    }

    /// Where an entry of this tick belongs. What is past is due now: time moves on only after
    /// the entries of the elapsed tick were taken out, so they are found at the same place.
    fn place(&self, turn: Turn) -> Place {
        let turn = turn.max(self.elapsed);
        let differing = (self.elapsed.0 ^ turn.0) | (SLOTS as u64 - 1);
        let level = (differing.ilog2() / SLOT_BITS) as usize;
        let shift = SLOT_BITS as usize * level;
        Place {
            level,
            slot: (turn.0 >> shift) as usize % SLOTS,
            first: Turn(turn.0 >> shift << shift),
        }
    }

    fn start(&self, turn: Turn) -> BootTime {
        Tick(turn.0.saturating_sub(u64::from(self.phase))).start()
    }

    fn turn(&self, tick: Tick) -> Turn {
        Turn((tick.0 + u64::from(self.phase)).min(TICK_MAX))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    struct Timers(Vec<(u64, Links)>);

    impl Nodes for Timers {
        fn links(&mut self, index: u32) -> &mut Links {
            &mut self.0[index as usize].1
        }

        fn tick(&self, index: u32) -> Tick {
            Tick(self.0[index as usize].0)
        }
    }

    #[derive(Clone, Debug)]
    enum Step {
        Insert(u64),
        InsertPast(u64),
        Remove(usize),
        Advance(u64),
    }

    fn step() -> impl Strategy<Value = Step> {
        let span = prop_oneof![0..200u64, 0..100_000u64, 0..1u64 << 40, Just(TICK_MAX)];
        prop_oneof![
            4 => span.prop_map(Step::Insert),
            1 => (0..1000u64).prop_map(Step::InsertPast),
            2 => any::<usize>().prop_map(Step::Remove),
            2 => prop_oneof![0..50u64, 0..10_000u64, 0..1u64 << 30].prop_map(Step::Advance),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(128))]

        /// The model is a sorted set of (tick, index).
        #[test]
        fn fires_each_timer_at_its_tick_and_never_a_removed_one(
            phase in 0..1u32 << 20,
            steps in prop::collection::vec(step(), 1..200),
        ) {
            let mut wheel = Wheel::new(phase);
            let mut timers = Timers(Vec::new());
            let mut model = BTreeSet::new();
            let mut now = 0u64;
            // When there is something to do, as whoever inserts is told it.
            let mut noted: Option<BootTime> = None;
            for step in steps {
                match step {
                    Step::Insert(_) | Step::InsertPast(_) => {
                        let index = timers.0.len() as u32;
                        let tick = match step {
                            Step::InsertPast(span) => now.saturating_sub(span),
                            Step::Insert(span) => now.saturating_add(span).min(TICK_MAX),
                            _ => unreachable!(),
                        };
                        timers.0.push((tick, Links::NONE));
                        let due = wheel.insert(&mut timers, index);
                        noted = Some(noted.map_or(due, |noted| noted.min(due)));
                        model.insert((tick, index));
                    }
                    Step::Remove(pick) if !model.is_empty() => {
                        let entry = *model.iter().nth(pick % model.len()).unwrap();
                        model.remove(&entry);
                        wheel.remove(&mut timers, entry.1);
                    }
                    Step::Remove(_) => {}
                    Step::Advance(span) => {
                        now = (now + span).min(TICK_MAX);
                        while let Some(index) = wheel.pop_due(&mut timers, Tick(now)) {
                            let tick = timers.0[index as usize].0;
                            prop_assert!(tick <= now);
                            prop_assert!(model.remove(&(tick, index)));
                        }
                        prop_assert!(model.iter().all(|&(tick, _)| tick > now));
                        noted = wheel.next_due();
                    }
                }
                let first = model.first().map(|&(tick, _)| Tick(tick.max(now)).start());
                let next = wheel.next_due();
                prop_assert_eq!(next.is_some(), first.is_some());
                prop_assert!(next <= first, "the wheel wakes too late");
                prop_assert!(next.is_none() || noted <= next, "what is noted is too late");
            }
        }
    }

    #[test]
    fn wakes_at_most_once_a_level_for_one_timer() {
        let mut wheel = Wheel::new(0);
        let mut timers = Timers(vec![(20_000_000, Links::NONE)]);
        wheel.insert(&mut timers, 0);
        let mut wakes = 0;
        loop {
            let due = Tick::at_or_before(wheel.next_due().unwrap());
            wakes += 1;
            if wheel.pop_due(&mut timers, due).is_some() {
                break;
            }
        }
        assert!(wakes <= LEVELS, "{wakes} wakes for one timer");
    }

    #[test]
    fn a_deadline_of_whole_milliseconds_is_due_when_it_comes() {
        let deadline = BootTime::from_micros(1_000_000).after_millis(1_001);
        assert_eq!(Tick::at_or_after(deadline).start(), deadline);
    }

    #[test]
    fn a_deadline_beyond_all_levels_waits_in_the_last_slot() {
        assert_eq!(Tick::at_or_after(BootTime::MAX), Tick(TICK_MAX));
    }
}
