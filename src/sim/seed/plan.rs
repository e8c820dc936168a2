//! What happens in a seed: each switches some kinds of trouble off, so that others have their turn.

use crate::sim::host::Settings;
use crate::torture::random::Random;

/// How durable grants are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    Guard,
    EverySec,
    Always,
}

/// What happens in a seed, besides requests.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    pub(super) mode: Mode,
    pub(super) guard_max_ms: u64,
    pub(super) lives: u64,
    pub(super) rounds: u64,
    pub(super) clients: u64,
    pub(super) pipelines: bool,
    pub(super) steps_wall: bool,
    pub(super) fails_calls: bool,
    pub(super) fills_disk: bool,
    pub(super) writes_back: bool,
    pub(super) sleeps_long: bool,
    pub(super) damages_ring: bool,
}

impl Plan {
    pub(super) fn new(random: &mut Random) -> Plan {
        let mut often = |count, of| random.below(of) < count;
        let (steps_wall, fails_calls, fills_disk) = (often(1, 2), often(1, 3), often(1, 6));
        let (pipelines, writes_back, sleeps_long) = (often(1, 2), often(1, 2), often(1, 3));
        let damages_ring = often(1, 6);
        Plan {
            mode: random.choice(&[Mode::Guard, Mode::Guard, Mode::EverySec, Mode::Always]),
            guard_max_ms: random.choice(&[3_600_000, 3_600_000, 20_000]),
            lives: random.between(1, 5),
            rounds: random.choice(&[10, 40, 100]),
            clients: random.between(1, 5),
            pipelines,
            steps_wall,
            fails_calls,
            fills_disk,
            writes_back,
            sleeps_long,
            damages_ring,
        }
    }

    pub(super) fn settings(&self, random: &mut Random) -> Settings {
        let mode = match self.mode {
            Mode::Guard => "guard",
            Mode::EverySec => "everysec",
            Mode::Always => "always",
        };
        let guard_max_s = (self.guard_max_ms / 1000).to_string();
        let rewrite_bytes = random.choice(&["2000", "20000", "64mb"]);
        let words = [
            "--durability",
            mode,
            "--dir",
            "/",
            "--guard-max",
            &guard_max_s,
            "--databases",
            "2",
            "--auto-aof-rewrite-min-size",
            rewrite_bytes,
        ];
        Settings {
            words: words.map(str::to_owned).to_vec(),
            workers: random.between(1, 2) as usize,
        }
    }
}
