//! What a run of seeds has done, in numbers.

/// What a run of seeds has done.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Figures {
    pub(crate) seeds: u64,
    pub(crate) operations: u64,
    pub(crate) answered: u64,
    pub(crate) starts: u64,
    pub(crate) kills: u64,
    pub(crate) crashes: u64,
    pub(crate) stops: u64,
    pub(crate) wall_steps: u64,
    pub(crate) disk_calls: u64,
    pub(crate) disk_faults: u64,
    pub(crate) rewrites: u64,
    pub(crate) undecided: u64,
    pub(crate) waits: u64,
    /// The same for two runs in which the same has happened.
    pub(crate) digest: u64,
}

impl Figures {
    pub(crate) fn add(&mut self, other: Figures) {
        let Figures {
            seeds,
            operations,
            answered,
            starts,
            kills,
            crashes,
            stops,
            wall_steps,
            disk_calls,
            disk_faults,
            rewrites,
            undecided,
            waits,
            digest,
        } = other;
        self.seeds += seeds;
        self.operations += operations;
        self.answered += answered;
        self.starts += starts;
        self.kills += kills;
        self.crashes += crashes;
        self.stops += stops;
        self.wall_steps += wall_steps;
        self.disk_calls += disk_calls;
        self.disk_faults += disk_faults;
        self.rewrites += rewrites;
        self.undecided += undecided;
        self.waits += waits;
        self.digest ^= digest;
    }
}
