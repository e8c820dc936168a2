//! The arguments of `quintlock bench`.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use crate::bench::{Length, Options, REDLOCK_ADDRESSES, Target, Workload};

use super::CliError;

/// A load to run, workload by workload.
#[derive(Debug)]
pub struct BenchOptions {
    /// At least one, in the order in which they run.
    pub workloads: Vec<Workload>,
    /// What they have in common.
    pub load: Options,
    /// How the results are told.
    pub format: Format,
}

/// How results are told on standard output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// A table for people.
    Table,
    /// A line of JSON for each workload.
    Json,
}

/// The longest that a workload may be asked to run, in seconds.
pub(super) const SECONDS_MAX: f64 = 86_400.0;

/// Measure how many locks a server can take and release
///
/// Runs workloads against any server that speaks RESP, checks every reply, and tells
/// requests a second and latency. Exit code 1 if a reply was wrong. The keys are
/// `lock:orders:` and twelve digits; it refuses to run where somebody else has one.
///
/// Workloads (default: cycle):
///   cycle          SET NX PX, then compare-and-delete by EVALSHA
///   cycle-delex    SET NX PX, then DELEX IFEQ (Redis 8.4)
///   cycle-delifeq  SET NX PX, then DELIFEQ (Valkey 9)
///   npm-redlock-1  acquire and release as npm redlock 5 does, by scripts, on one key
///   npm-redlock-3  the same on three keys
///   acquire        SET NX PX that is granted; keys are freed while no time is counted
///   refused        SET NX PX of a key that is held
///   extend         compare-and-pexpire by EVALSHA; a key must come up again within --ttl
///   get            GET of a key that is held
///   redlock        take on all --addresses at once, majority in time, release;
///                  latency is that of taking, requests are cycles
#[derive(Args)]
#[command(
    verbatim_doc_comment,
    override_usage = "quintlock bench [WORKLOAD]... [OPTIONS]"
)]
pub(super) struct BenchWords {
    /// What to run, one after another
    #[arg(value_name = "WORKLOAD", value_parser = workload, hide_possible_values = true)]
    workloads: Vec<Workload>,
    /// The server's host
    #[arg(long, default_value = "127.0.0.1", value_name = "HOST")]
    host: String,
    /// The server's port
    #[arg(long, default_value_t = 6379, value_parser = clap::value_parser!(u16).range(1..))]
    port: u16,
    /// The server's Unix socket, instead of host and port
    #[arg(long, value_name = "PATH", conflicts_with_all = ["host", "port"])]
    unixsocket: Option<PathBuf>,
    /// The server's password
    #[arg(long)]
    password: Option<String>,
    /// Connections, 1 to 10000
    #[arg(long, default_value_t = 50, value_name = "N", allow_negative_numbers = true,
        value_parser = clap::value_parser!(u32).range(1..=10_000))]
    clients: u32,
    /// Requests in flight on each connection, 1 to 1000
    #[arg(long, default_value_t = 1, value_name = "N", allow_negative_numbers = true,
        value_parser = clap::value_parser!(u32).range(1..=1000))]
    pipeline: u32,
    /// Threads that generate the load, 1 to 256
    #[arg(long, default_value_t = 1, value_name = "N", allow_negative_numbers = true,
        value_parser = clap::value_parser!(u32).range(1..=256))]
    threads: u32,
    /// Distinct keys of all connections together, up to 1000000000
    #[arg(long, default_value_t = 100_000, value_name = "N", allow_negative_numbers = true,
        value_parser = clap::value_parser!(u64).range(1..=1_000_000_000))]
    keys: u64,
    /// Bytes of a token, 16 to 4096
    #[arg(long, default_value_t = 36, value_name = "BYTES", allow_negative_numbers = true,
        value_parser = clap::value_parser!(u32).range(16..=4096))]
    token_length: u32,
    /// Time to live of a lock in milliseconds, up to a day
    #[arg(long, default_value_t = 30_000, value_name = "MS", allow_negative_numbers = true,
        value_parser = clap::value_parser!(u64).range(1..=86_400_000))]
    ttl: u64,
    /// How long each workload runs, up to 86400 [default: 5]
    #[arg(long, value_name = "S", allow_negative_numbers = true, value_parser = seconds)]
    seconds: Option<Duration>,
    /// How many requests each workload sends, instead of --seconds
    #[arg(long, value_name = "N", allow_negative_numbers = true, conflicts_with = "seconds",
        value_parser = clap::value_parser!(u64).range(1..=1_000_000_000_000))]
    requests: Option<u64>,
    /// Seconds that each workload runs before it is measured
    #[arg(long, value_name = "S", default_value = "0", allow_negative_numbers = true,
        value_parser = warmup)]
    warmup: Duration,
    /// Requests a second at fixed times; latency counts from the time a request was due
    #[arg(long, value_name = "N", allow_negative_numbers = true, value_parser = rate)]
    rate: Option<f64>,
    /// The servers of redlock, 1 to 64
    #[arg(long, value_name = "HOST:PORT,...", default_value = REDLOCK_ADDRESSES,
        value_delimiter = ',', value_parser = address)]
    addresses: Vec<Target>,
    /// The server's process on this machine: tell its processor time for each request
    #[arg(long, value_name = "PID", value_parser = clap::value_parser!(u32).range(1..))]
    server_pid: Option<u32>,
    /// Print a line of JSON for each workload
    #[arg(long)]
    json: bool,
}

/// How long a workload runs if nothing else is said.
const DEFAULT_LENGTH: Duration = Duration::from_secs(5);

/// Servers that a vote may be taken over.
const ADDRESSES_MAX: usize = 64;

impl BenchWords {
    pub(super) fn into_options(self) -> Result<BenchOptions, CliError> {
        let target = match self.unixsocket {
            Some(path) => Target::Unix(path),
            None => Target::Tcp(self.host, self.port),
        };
        let length = match self.requests {
            Some(requests) => Length::Requests(requests),
            None => Length::Time(self.seconds.unwrap_or(DEFAULT_LENGTH)),
        };
        let mut workloads = self.workloads;
        if workloads.is_empty() {
            workloads.push(Workload::Cycle);
        }
        if self.addresses.len() > ADDRESSES_MAX {
            let text = format!("--addresses names more than {ADDRESSES_MAX} servers");
            return Err(CliError::Usage(text));
        }
        let load = Options {
            target,
            addresses: self.addresses,
            password: self.password,
            clients: self.clients as usize,
            pipeline: self.pipeline as usize,
            threads: self.threads as usize,
            keys: self.keys,
            token_length: self.token_length as usize,
            ttl_ms: self.ttl,
            length,
            warmup: self.warmup,
            rate: self.rate,
            server_pid: self.server_pid,
        };
        for workload in &workloads {
            let checked = load.check(*workload);
            checked.map_err(|error| CliError::Usage(error.to_string()))?;
        }
        Ok(BenchOptions {
            workloads,
            load,
            format: if self.json {
                Format::Json
            } else {
                Format::Table
            },
        })
    }
}

fn workload(name: &str) -> Result<Workload, String> {
    Workload::named(name).ok_or_else(|| {
        let names: Vec<_> = Workload::all().map(Workload::name).collect();
        format!("the workloads are {}", names.join(", "))
    })
}

pub(super) fn number(text: &str, least: f64, most: f64) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(number) if number >= least && number <= most => Ok(number),
        Ok(_) => Err(format!("{text} is not in {least}..={most}")),
        Err(_) => Err("it is not a number".to_owned()),
    }
}

fn seconds(text: &str) -> Result<Duration, String> {
    number(text, 0.01, SECONDS_MAX).map(Duration::from_secs_f64)
}

fn warmup(text: &str) -> Result<Duration, String> {
    number(text, 0.0, SECONDS_MAX).map(Duration::from_secs_f64)
}

fn rate(text: &str) -> Result<f64, String> {
    number(text, 0.1, 1e9)
}

/// `host:port`, or `[host]:port` where the host has colons itself.
fn address(text: &str) -> Result<Target, String> {
    let fault = || "an address is HOST:PORT".to_owned();
    let (host, port) = text.rsplit_once(':').ok_or_else(fault)?;
    let host = host
        .strip_prefix('[')
        .map_or(Some(host), |rest| rest.strip_suffix(']'));
    let host = host.filter(|host| !host.is_empty()).ok_or_else(fault)?;
    match port.parse::<u16>() {
        Ok(port) if port > 0 => Ok(Target::Tcp(host.to_owned(), port)),
        _ => Err(fault()),
    }
}
