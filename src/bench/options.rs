//! What the user asks for, and the limits of it.

use std::time::Duration;

use crate::error::BenchError;

use super::link::Target;
use super::workload::{Filling, Workload};

/// The five servers of `redlock` if none are named.
pub const REDLOCK_ADDRESSES: &str =
    "127.0.0.1:7001,127.0.0.1:7002,127.0.0.1:7003,127.0.0.1:7004,127.0.0.1:7005";

/// How long a workload runs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Length {
    /// For this time.
    Time(Duration),
    /// For so many requests; a cycle that has begun is finished.
    Requests(u64),
}

/// A load.
#[derive(Clone, Debug, PartialEq)]
pub struct Options {
    /// The server.
    pub target: Target,
    /// The servers of `redlock`.
    pub addresses: Vec<Target>,
    /// Sent by AUTH on every connection.
    pub password: Option<String>,
    /// Connections.
    pub clients: usize,
    /// Requests in flight on each connection.
    pub pipeline: usize,
    /// Threads that generate the load.
    pub threads: usize,
    /// Distinct keys of all connections together.
    pub keys: u64,
    /// Bytes of a token.
    pub token_length: usize,
    /// Time to live of a lock, in milliseconds.
    pub ttl_ms: u64,
    /// When it ends.
    pub length: Length,
    /// Runs before the measurement.
    pub warmup: Duration,
    /// Requests a second, if they are to come at fixed times.
    pub rate: Option<f64>,
    /// The server's process on this machine, whose processor time is told.
    pub server_pid: Option<u32>,
}

impl Options {
    /// Whether `workload` can be run like this.
    ///
    /// # Errors
    /// Options that contradict each other.
    pub fn check(&self, workload: Workload) -> Result<(), BenchError> {
        let fault = |text: String| Err(BenchError::Options(text));
        let Options {
            clients,
            threads,
            pipeline,
            keys,
            ..
        } = self;
        if threads > clients {
            return fault(format!(
                "{threads} threads need at least as many clients, not {clients}"
            ));
        }
        let in_flight = (clients * pipeline * keys_of(workload)) as u64;
        if *keys < in_flight {
            return fault(format!(
                "--keys {keys} is too few: {clients} clients with {pipeline} in flight use {in_flight} at a time for {}",
                workload.name()
            ));
        }
        if workload == Workload::Redlock && *pipeline != 1 {
            return fault("redlock takes one lock at a time: --pipeline must be 1".to_owned());
        }
        if workload == Workload::Redlock && self.addresses.is_empty() {
            return fault("redlock needs --addresses".to_owned());
        }
        Ok(())
    }

    /// The servers of a workload.
    pub(super) fn targets(&self, workload: Workload) -> &[Target] {
        match workload {
            Workload::Redlock => &self.addresses,
            _ => std::slice::from_ref(&self.target),
        }
    }
}

/// Keys that one turn of a workload uses.
fn keys_of(workload: Workload) -> usize {
    let filling = Filling {
        token: b"",
        ttl_ms: 0,
        digests: &[Vec::new(), Vec::new()],
    };
    workload
        .steps(&filling)
        .first()
        .map_or(1, |step| step.keys())
}
