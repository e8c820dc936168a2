//! A client of Redlock, as the algorithm was published: it asks all servers for the lock one after
//! the other or together, holds it if a majority has granted it within its validity, and gives it
//! back on all servers otherwise.

/// How long a server is waited for, in nanoseconds of the client's clock.
pub(super) const TIMEOUT_NS: u64 = 60_000_000;

/// A lock that a client believes to hold.
#[derive(Clone, Copy, Debug)]
pub(super) struct Claim {
    pub(super) client: usize,
    pub(super) resource: usize,
    /// From here on, in the world's time.
    pub(super) from_ns: u64,
    /// Up to here.
    pub(super) until_ns: u64,
}

/// What a client is about to do.
#[derive(Clone, Debug)]
pub(super) enum State {
    /// It pauses before it tries again.
    Resting,
    /// It has asked the servers, or asks them to hold it longer.
    Asking {
        token: String,
        resource: usize,
        began_ns: u64,
        /// Servers that have granted it, as bits.
        granted: u64,
        answered: u64,
        /// Which of its claims it extends.
        extends: Option<usize>,
    },
    /// It holds the lock.
    Holding {
        token: String,
        resource: usize,
        claim: usize,
    },
}

/// A client.
#[derive(Clone, Debug)]
pub(super) struct Client {
    pub(super) state: State,
    /// Which wait the client is in: one that has ended wakes nobody.
    pub(super) turn: u64,
    /// How much its clock gains, in millionths.
    pub(super) drift_ppm: i64,
    pub(super) ttl_ms: u64,
}

impl Client {
    /// What the client's clock shows for a span of the world's time.
    pub(super) fn measured_ns(&self, span_ns: u64) -> u64 {
        let gain = i128::from(span_ns) * i128::from(self.drift_ppm) / 1_000_000;
        u64::try_from(i128::from(span_ns) + gain).unwrap_or(0)
    }

    /// The span of the world's time in which the client's clock shows `span_ns`.
    pub(super) fn real_ns(&self, span_ns: u64) -> u64 {
        let scale = i128::from(1_000_000 + self.drift_ppm);
        let real = i128::from(span_ns) * 1_000_000 / scale;
        u64::try_from(real).unwrap_or(0)
    }

    /// How long a lock is valid that was asked for `elapsed_ns` ago by the client's clock: what is left
    /// of its time, less what the clocks may differ by and 2 ms for the rounding of the servers.
    pub(super) fn validity_ns(&self, elapsed_ns: u64) -> Option<u64> {
        let ttl_ns = self.ttl_ms * 1_000_000;
        let drift_ns = ttl_ns / 100 + 2_000_000;
        let validity_ns = ttl_ns.checked_sub(elapsed_ns)?.checked_sub(drift_ns)?;
        (validity_ns > 0).then_some(validity_ns)
    }
}

/// Two claims of one resource that overlap.
pub(super) fn overlap(claims: &[Claim]) -> Option<(Claim, Claim)> {
    claims.iter().enumerate().find_map(|(place, first)| {
        let others = claims[place + 1..].iter();
        let mut others = others.filter(|second| {
            first.resource == second.resource
                && first.client != second.client
                && first.from_ns < second.until_ns
                && second.from_ns < first.until_ns
        });
        others.next().map(|second| (*first, *second))
    })
}
