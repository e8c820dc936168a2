//! What the user asks for, and the limits of it.

use std::net::SocketAddr;
use std::time::Duration;

use super::schedule::FaultKind;

/// How a lock is released.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Release {
    /// By the script that compares and deletes.
    Script,
    /// By `DELEX key IFEQ token`.
    Delex,
}

/// Whose lock service is examined.
#[derive(Clone, Debug, PartialEq)]
pub enum Service {
    /// Servers that run already; they can be cut off, but not killed or stopped.
    Running(Vec<SocketAddr>),
    /// Processes that are started for the run, and ended with it.
    Started {
        /// How many.
        instances: usize,
        /// The words that start one: `{port}` and `{dir}` stand for its port and its directory.
        command: Vec<String>,
        /// The port of the first one; `None` looks for free ones.
        base_port: Option<u16>,
    },
}

impl Service {
    /// How many servers there are.
    pub fn instances(&self) -> usize {
        match self {
            Service::Running(addresses) => addresses.len(),
            Service::Started { instances, .. } => *instances,
        }
    }
}

/// A run.
#[derive(Clone, Debug, PartialEq)]
pub struct Options {
    /// Whom the locks are asked of.
    pub service: Service,
    /// Each of them takes one lock at a time.
    pub clients: usize,
    /// How many locks they take turns on.
    pub locks: u64,
    /// Time to live of a lock, in milliseconds.
    pub ttl_ms: u64,
    /// How it is released.
    pub release: Release,
    /// The kinds of faults to choose from.
    pub faults: Vec<FaultKind>,
    /// Decides the schedule.
    pub seed: u64,
    /// How long it runs.
    pub length: Duration,
    /// From a kill to the start of the next process, in milliseconds.
    pub restart_delay_ms: u64,
    /// The pause between two faults, on average, in milliseconds.
    pub pause_ms: u64,
    /// How many instances a fault hits.
    pub victims: usize,
    /// How many faults may last at the same time.
    pub overlap: usize,
}

impl Options {
    /// Answers that grant a lock.
    pub(super) fn majority(&self) -> usize {
        self.service.instances() / 2 + 1
    }

    /// How long a client waits for an instance: a tenth of the time to live.
    pub(super) fn reply_wait_ms(&self) -> u64 {
        (self.ttl_ms / 10).max(5)
    }
}
