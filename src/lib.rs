//! Quintlock: a Redis-compatible in-memory server made for locks.
//!
//! The crate is the server behind the `quintlock` program. A Rust test starts one in its own
//! process ([`Server`]), or five independent ones for Redlock ([`Cluster`]): each listens on
//! 127.0.0.1 on a port that the system chooses, accepts connections when `start` returns, and is
//! gone when it is dropped. Any Redis client can talk to it.
//!
//! # Example
//!
//! A lock is a key that is set only if it is absent, with a token that only its holder knows and
//! a deadline. It is released by deleting the key if it still has the token.
//!
//! ```
//! use std::time::Duration;
//! use quintlock::{Options, Server};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let server = Server::start(&Options::manual_clock())?;
//! let mut redis = redis::Client::open(format!("redis://{}", server.address()))?.get_connection()?;
//! let mut take = |token: &str| {
//!     redis::cmd("SET").arg("lock:order:42").arg(token).arg("NX").arg("PX").arg(30_000)
//!         .query::<Option<String>>(&mut redis)
//! };
//!
//! assert_eq!(take("mine")?.as_deref(), Some("OK"));
//! assert_eq!(take("theirs")?, None);
//!
//! // On a manual clock no test waits for a lock to expire.
//! server.advance(Duration::from_secs(30));
//! assert_eq!(take("theirs")?.as_deref(), Some("OK"));
//!
//! let release = redis::Script::new(
//!     "if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('del', KEYS[1]) else return 0 end",
//! );
//! let mine: i32 = release.key("lock:order:42").arg("mine").invoke(&mut redis)?;
//! let theirs: i32 = release.key("lock:order:42").arg("theirs").invoke(&mut redis)?;
//! assert_eq!((mine, theirs), (0, 1));
//! # Ok(())
//! # }
//! ```
//!
//! [`Options::new`] gives real time instead, and [`Options::set`] any setting of redis.conf.
//!
//! # Layout
//!
//! A request goes down this list and its reply comes back up.
//!
//! - [`server`]: sockets, threads, one connection, the expiry thread. [`cluster`]: several servers.
//! - [`resp`]: bytes to requests, replies to bytes.
//! - [`command`]: one plain function for each command, and the table that names them all.
//! - [`script`]: scripts, run natively where they can be proved, else in Lua.
//! - [`keyspace`]: keys, values, deadlines and the timer wheels.
//! - [`clock`]: the only place that reads the time. [`sync`]: locks, threads and timers.
//!
//! Beside the line: [`instance`] is the state of one server and [`session`] that of one
//! connection, [`gate`] decides who may touch the keyspace, [`pubsub`], [`watch`] and [`client`]
//! reach other connections, [`config`] reads redis.conf, [`error`] holds the texts of errors,
//! [`stats`], [`rates`], [`histogram`], [`slowlog`], [`latency`], [`monitor`] and [`info`] count and tell,
//! [`contention`] knows who was refused a lock, [`pause`] holds clients back, [`receipt`] says what
//! must be on the disk before a reply leaves,
//! [`fault`] makes trouble on demand. [`cli`] and [`program`] are the program,
//! [`mod@bench`] its load generator, [`torture`] its check of mutual exclusion under faults.

pub mod auth;
pub mod bench;
pub mod cli;
pub mod client;
pub mod clock;
pub mod cluster;
pub mod command;
pub mod config;
pub mod contention;
pub mod descriptors;
pub mod double;
pub mod durability;
pub mod error;
pub mod fault;
pub mod fiber;
#[doc(hidden)]
#[cfg(any(test, fuzzing))]
pub mod fuzzing;
pub mod gate;
pub mod glob;
pub mod histogram;
pub mod info;
pub mod instance;
pub mod keyspace;
pub mod latency;
pub mod memory_limit;
pub mod monitor;
pub mod pause;
pub mod program;
pub mod pubsub;
pub mod rates;
#[cfg(test)]
mod real_redis;
pub mod receipt;
pub mod resp;
pub mod script;
pub mod server;
pub mod session;
#[cfg(test)]
mod sim;
pub mod slowlog;
pub mod stats;
pub mod sync;
pub mod torture;
pub mod watch;
pub mod words;

pub use cluster::Cluster;
pub use config::REDIS_VERSION;
pub use fault::Fault;
pub use server::{Options, Server};

/// The version of this server.
pub const QUINTLOCK_VERSION: &str = env!("CARGO_PKG_VERSION");

/// The README, so that its Rust examples run with the documentation's.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
