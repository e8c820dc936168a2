//! Faults on demand: what can be made to go wrong with an instance, for tests of lock clients.
//!
//! A [`Fault`] is the same thing in DEBUG, in `quintlock fault` and in a Rust test; [`Faults`] is
//! what an instance remembers of those that last. What a fault does to connections and keys is
//! done by who owns those.

mod state;

use std::time::Duration;

pub use state::Faults;

/// The longest span of a fault, a year; a longer one counts as this.
pub const SPAN_MAX: Duration = Duration::from_secs(365 * 86_400);

/// The most commands that a fault may count.
pub const COUNT_MAX: u64 = 1_000_000_000;

/// Something that goes wrong with one instance, or the end of it.
///
/// Spans are kept to the millisecond, rounded up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Its time moves forward by so much: keys expire, and whoever waits for a time need not.
    Advance(Duration),
    /// The next so many commands that work on keys are applied and never answered; an error is
    /// answered, and not counted, since nothing was applied. A connection
    /// that has lost a reply stays silent until it is closed, since a later reply would be taken
    /// for the lost one; its further commands are applied and not counted. 0 ends it.
    Drop(u64),
    /// Every reply and message leaves that much later, in order; requests are applied at once.
    /// Zero ends it, and lets go what is still kept back.
    Delay {
        /// The least that a reply is late.
        by: Duration,
        /// The most that is added to it. The series of draws is the same for each `Delay`.
        jitter: Duration,
    },
    /// Commands are answered by an error, all but DEBUG and those by which a connection introduces
    /// itself (AUTH, HELLO, QUIT, RESET): so many, or all until [`Fault::Reset`]. 0 ends it.
    Refuse(Option<u64>),
    /// It ends as if it were killed: connections are closed, nothing more is answered. The program
    /// that serves one instance alone kills itself; in a cluster and in a Rust test the others live
    /// on.
    Crash,
    /// It forgets its keys, scripts, subscriptions, statistics, faults and connections and goes on
    /// listening, as if it had been killed and started at once without persistence. Its `run_id`
    /// is new; what CONFIG SET has set stays.
    RestartEmpty,
    /// It answers nothing and reads no further request for so long, as under SIGSTOP; what clients
    /// have sent is run afterwards, whether they still wait or not. Its time goes on, so locks
    /// expire. Zero ends it.
    Pause(Duration),
    /// All faults end, and the connections that have lost a reply are closed.
    Reset,
}

/// What kind of fault, without its numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is the fault of its name")]
pub enum FaultKind {
    Advance,
    Crash,
    Delay,
    Drop,
    Pause,
    Refuse,
    Reset,
    RestartEmpty,
}

impl FaultKind {
    /// All of them, in the order of their names.
    pub const ALL: [FaultKind; 8] = [
        FaultKind::Advance,
        FaultKind::Crash,
        FaultKind::Delay,
        FaultKind::Drop,
        FaultKind::Pause,
        FaultKind::Refuse,
        FaultKind::Reset,
        FaultKind::RestartEmpty,
    ];

    /// Its name, as DEBUG and the program take it, in lower case.
    pub fn name(self) -> &'static str {
        match self {
            FaultKind::Advance => "advance",
            FaultKind::Crash => "crash",
            FaultKind::Delay => "delay",
            FaultKind::Drop => "drop",
            FaultKind::Pause => "pause",
            FaultKind::Refuse => "refuse",
            FaultKind::Reset => "reset",
            FaultKind::RestartEmpty => "restart-empty",
        }
    }

    /// The kind of that name, in any case.
    pub fn named(name: &[u8]) -> Option<FaultKind> {
        let mut kinds = FaultKind::ALL.into_iter();
        kinds.find(|kind| name.eq_ignore_ascii_case(kind.name().as_bytes()))
    }
}

impl Fault {
    /// Its kind.
    pub fn kind(self) -> FaultKind {
        match self {
            Fault::Advance(_) => FaultKind::Advance,
            Fault::Drop(_) => FaultKind::Drop,
            Fault::Delay { .. } => FaultKind::Delay,
            Fault::Refuse(_) => FaultKind::Refuse,
            Fault::Crash => FaultKind::Crash,
            Fault::RestartEmpty => FaultKind::RestartEmpty,
            Fault::Pause(_) => FaultKind::Pause,
            Fault::Reset => FaultKind::Reset,
        }
    }

    /// What stands behind DEBUG to ask a server for it.
    pub fn words(self) -> Vec<String> {
        let mut words = vec![self.kind().name().to_ascii_uppercase()];
        match self {
            Fault::Advance(span) | Fault::Pause(span) => words.push(millis(span).to_string()),
            Fault::Delay { by, jitter } => {
                words.extend([by, jitter].map(|span| millis(span).to_string()));
            }
            Fault::Drop(count) | Fault::Refuse(Some(count)) => words.push(count.to_string()),
            Fault::Refuse(None) | Fault::Crash | Fault::RestartEmpty | Fault::Reset => {}
        }
        words
    }
}

/// Whole milliseconds, rounded up, of a span cut down to [`SPAN_MAX`].
pub fn millis(span: Duration) -> u64 {
    let millis = span.min(SPAN_MAX).as_nanos().div_ceil(1_000_000);
    u64::try_from(millis).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_is_found_by_its_name_and_stands_in_order() {
        for kind in FaultKind::ALL {
            let upper = kind.name().to_ascii_uppercase();
            assert_eq!(FaultKind::named(upper.as_bytes()), Some(kind));
        }
        assert!(FaultKind::ALL.is_sorted_by_key(|kind| kind.name()));
        assert_eq!(FaultKind::named(b"none"), None);
    }

    #[test]
    fn a_span_is_rounded_up_and_cut_down_to_a_year() {
        let words = |span| Fault::Pause(span).words();
        assert_eq!(words(Duration::from_micros(1500)), ["PAUSE", "2"]);
        assert_eq!(words(Duration::MAX), ["PAUSE", "31536000000"]);
        let delay = Fault::Delay {
            by: Duration::from_millis(200),
            jitter: Duration::ZERO,
        };
        assert_eq!(delay.words(), ["DELAY", "200", "0"]);
        assert_eq!(Fault::Refuse(None).words(), ["REFUSE"]);
        assert_eq!(Fault::RestartEmpty.words(), ["RESTART-EMPTY"]);
    }
}
