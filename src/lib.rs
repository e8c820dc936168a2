//! Quintlock: a Redis-compatible in-memory server made for locks.

pub mod cli;
pub mod client;
pub mod clock;
pub mod cluster;
pub mod command;
pub mod config;
pub mod error;
pub mod gate;
pub mod glob;
pub mod info;
pub mod instance;
pub mod keyspace;
pub mod program;
pub mod pubsub;
#[cfg(test)]
mod real_redis;
pub mod resp;
pub mod script;
pub mod server;
pub mod session;
pub mod stats;
pub mod watch;

pub use cluster::Cluster;
pub use config::REDIS_VERSION;
pub use server::{Options, Server};

/// The version of this server.
pub const QUINTLOCK_VERSION: &str = env!("CARGO_PKG_VERSION");
