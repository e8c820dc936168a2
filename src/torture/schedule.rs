//! Which fault hits which instance when: a pure function of a seed and the options.
//!
//! A lane is a row of faults with pauses between them, so that within a lane one fault is over before
//! the next one begins. Lanes run beside each other. Invariant: no instance has two faults at a time.

use super::options::Options;
use super::random::Random;

/// The kinds of faults.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FaultKind {
    /// SIGKILL, and a new process on the same port.
    Kill,
    /// SIGSTOP, and SIGCONT later.
    Stop,
    /// No way between the clients and the instance.
    Partition,
    /// Everything arrives late, both ways.
    Delay,
    /// Requests arrive, replies do not.
    LostReplies,
    /// The wall clock of the instance steps; its other clocks do not.
    Clock,
}

impl FaultKind {
    /// Every kind, in the order of the help.
    pub const ALL: [FaultKind; 6] = [
        FaultKind::Kill,
        FaultKind::Stop,
        FaultKind::Partition,
        FaultKind::Delay,
        FaultKind::LostReplies,
        FaultKind::Clock,
    ];

    /// As it is written on the command line.
    pub fn name(self) -> &'static str {
        match self {
            FaultKind::Kill => "kill",
            FaultKind::Stop => "stop",
            FaultKind::Partition => "partition",
            FaultKind::Delay => "delay",
            FaultKind::LostReplies => "lost-replies",
            FaultKind::Clock => "clock",
        }
    }

    /// The kind of this name.
    pub fn named(name: &str) -> Option<FaultKind> {
        FaultKind::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// Whether it is done to the process, which must be one that the run has started.
    pub(super) fn needs_process(self) -> bool {
        matches!(self, FaultKind::Kill | FaultKind::Stop | FaultKind::Clock)
    }
}

/// How an instance is cut off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// What is sent is gone; the connections end when the cut does.
    Drop,
    /// Connections are closed, and new ones too.
    Refuse,
    /// What is sent arrives when the cut is over.
    Blackhole,
}

/// One fault with its particulars.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// See [`FaultKind::Kill`].
    Kill,
    /// See [`FaultKind::Stop`].
    Stop,
    /// See [`FaultKind::Partition`].
    Partition(Cut),
    /// See [`FaultKind::Delay`]; milliseconds each way.
    Delay(u64),
    /// See [`FaultKind::LostReplies`].
    LostReplies,
    /// See [`FaultKind::Clock`]; seconds forward, or back if negative.
    Clock(i64),
}

impl Fault {
    /// Its kind.
    pub fn kind(self) -> FaultKind {
        match self {
            Fault::Kill => FaultKind::Kill,
            Fault::Stop => FaultKind::Stop,
            Fault::Partition(_) => FaultKind::Partition,
            Fault::Delay(_) => FaultKind::Delay,
            Fault::LostReplies => FaultKind::LostReplies,
            Fault::Clock(_) => FaultKind::Clock,
        }
    }

    /// In a few words.
    pub fn describe(self) -> String {
        match self {
            Fault::Partition(Cut::Drop) => "partition (drop)".to_owned(),
            Fault::Partition(Cut::Refuse) => "partition (refuse)".to_owned(),
            Fault::Partition(Cut::Blackhole) => "partition (blackhole)".to_owned(),
            Fault::Delay(delay_ms) => format!("delay {delay_ms} ms"),
            Fault::Clock(step_s) => format!("clock {step_s:+} s"),
            fault => fault.kind().name().to_owned(),
        }
    }
}

/// A fault and its time, from the beginning of the run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Planned {
    /// What happens.
    pub fault: Fault,
    /// To whom, counted from 0.
    pub instances: Vec<usize>,
    /// When it begins.
    pub from_ms: u64,
    /// When it is over.
    pub until_ms: u64,
}

/// The largest step of a wall clock, in seconds.
const STEP_S_MAX: u64 = 60;

/// The faults of a run, in the order of their beginnings. `kinds` are those that can be done.
pub fn plan(options: &Options, kinds: &[FaultKind]) -> Vec<Planned> {
    let mut all: Vec<Planned> = Vec::new();
    if kinds.is_empty() {
        return all;
    }
    for number in 0..options.overlap {
        all.extend(lane(options, kinds, number as u64));
    }
    all.sort_by_key(|planned| planned.from_ms);
    let mut kept: Vec<Planned> = Vec::new();
    for planned in all {
        if !kept.iter().any(|earlier| earlier.meets(&planned)) {
            kept.push(planned);
        }
    }
    kept
}

impl Planned {
    /// Whether both would hit an instance at the same time.
    fn meets(&self, later: &Planned) -> bool {
        let shared = self
            .instances
            .iter()
            .any(|victim| later.instances.contains(victim));
        shared && later.from_ms <= self.until_ms && self.from_ms <= later.until_ms
    }
}

fn lane(options: &Options, kinds: &[FaultKind], number: u64) -> Vec<Planned> {
    let mut random = Random::new(options.seed, number);
    let end_ms = options.length.as_millis() as u64;
    let pause_ms = options.pause_ms.max(1);
    let mut at_ms = random.between(pause_ms / 2, pause_ms);
    let mut faults = Vec::new();
    while at_ms < end_ms {
        let (fault, length_ms) = draw(&mut random, options, kinds);
        let until_ms = (at_ms + length_ms).min(end_ms);
        faults.push(Planned {
            fault,
            instances: victims(&mut random, options),
            from_ms: at_ms,
            until_ms,
        });
        at_ms = until_ms + random.between(pause_ms / 2, pause_ms + pause_ms / 2).max(1);
    }
    faults
}

/// A fault and how long it lasts, in milliseconds.
fn draw(random: &mut Random, options: &Options, kinds: &[FaultKind]) -> (Fault, u64) {
    let ttl_ms = options.ttl_ms;
    // From a moment in which nobody gives up to one in which a lock runs out.
    let lasting_ms = random.between(ttl_ms / 20, ttl_ms * 3 / 2);
    match random.choice(kinds) {
        FaultKind::Kill => (Fault::Kill, options.restart_delay_ms),
        FaultKind::Stop => (Fault::Stop, lasting_ms),
        FaultKind::Partition => {
            let cut = random.choice(&[Cut::Drop, Cut::Refuse, Cut::Blackhole]);
            (Fault::Partition(cut), lasting_ms)
        }
        // Some replies come in time, some do not.
        FaultKind::Delay => {
            let delay_ms = random.between(1, options.reply_wait_ms().max(2));
            (Fault::Delay(delay_ms), lasting_ms)
        }
        FaultKind::LostReplies => (Fault::LostReplies, lasting_ms),
        FaultKind::Clock => {
            let least_s = (ttl_ms / 1000 + 1).min(STEP_S_MAX);
            let step_s = random.between(least_s, STEP_S_MAX) as i64;
            let sign = random.choice(&[1, 1, -1]);
            (Fault::Clock(sign * step_s), 0)
        }
    }
}

/// Different instances, in their order.
fn victims(random: &mut Random, options: &Options) -> Vec<usize> {
    let mut left: Vec<usize> = (0..options.service.instances()).collect();
    let mut chosen = Vec::new();
    for _ in 0..options.victims.min(left.len()) {
        let at = random.below(left.len() as u64) as usize;
        chosen.push(left.swap_remove(at));
    }
    chosen.sort_unstable();
    chosen
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::options::{Release, Service};
    use super::*;

    fn options(seed: u64) -> Options {
        Options {
            service: Service::Started {
                instances: 5,
                command: Vec::new(),
                base_port: None,
            },
            clients: 4,
            locks: 2,
            ttl_ms: 1000,
            release: Release::Script,
            faults: FaultKind::ALL.to_vec(),
            seed,
            length: Duration::from_secs(600),
            restart_delay_ms: 200,
            pause_ms: 500,
            victims: 1,
            overlap: 1,
        }
    }

    #[test]
    fn the_same_seed_gives_the_same_schedule_and_another_gives_another() {
        let of = |seed| plan(&options(seed), &FaultKind::ALL);
        assert_eq!(of(1), of(1));
        assert_ne!(of(1), of(2));
        let mut longer = options(1);
        longer.length = Duration::from_secs(900);
        let longer = plan(&longer, &FaultKind::ALL);
        let shared = of(1).len() - 1;
        assert_eq!(longer[..shared], of(1)[..shared]);
    }

    #[test]
    fn every_kind_has_its_turn_and_nothing_else() {
        let all = plan(&options(3), &FaultKind::ALL);
        for kind in FaultKind::ALL {
            assert!(all.iter().any(|planned| planned.fault.kind() == kind));
            assert_eq!(FaultKind::named(kind.name()), Some(kind));
        }
        let kills = plan(&options(3), &[FaultKind::Kill]);
        assert!(kills.len() > 300);
        assert!(kills.iter().all(|planned| planned.fault == Fault::Kill));
        assert!(kills.iter().all(
            |planned| planned.until_ms <= 600_000 && planned.until_ms - planned.from_ms <= 200
        ));
        assert!(plan(&options(3), &[]).is_empty());
    }

    #[test]
    fn a_lane_has_one_fault_at_a_time() {
        let all = plan(&options(9), &FaultKind::ALL);
        assert!(
            all.windows(2)
                .all(|pair| pair[0].until_ms < pair[1].from_ms)
        );
        let hit: std::collections::BTreeSet<usize> =
            all.iter().flat_map(|one| one.instances.clone()).collect();
        assert_eq!(hit.len(), 5);
    }

    #[test]
    fn lanes_run_beside_each_other_and_no_instance_has_two_faults() {
        let mut options = options(9);
        options.overlap = 3;
        options.victims = 2;
        let all = plan(&options, &FaultKind::ALL);
        let mut beside = 0;
        for (at, earlier) in all.iter().enumerate() {
            assert_eq!(earlier.instances.len(), 2);
            assert!(earlier.instances.is_sorted());
            for later in &all[at + 1..] {
                assert!(!earlier.meets(later), "{earlier:?} {later:?}");
                beside += usize::from(later.from_ms < earlier.until_ms);
            }
        }
        assert!(beside > 50, "{beside}");
    }

    #[test]
    fn a_step_of_the_clock_is_longer_than_a_lock_lives() {
        for planned in plan(&options(5), &[FaultKind::Clock]) {
            let Fault::Clock(step_s) = planned.fault else {
                panic!("{planned:?}");
            };
            assert!((2..=60).contains(&step_s.unsigned_abs()), "{step_s}");
        }
    }
}
