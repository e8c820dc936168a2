//! The servers that transcripts are replayed on.
//!
//! [`RealRedis`] is the judge: a redis-server that the environment names. What a transcript needs
//! of any server is [`Target`], and nothing more.

#[path = "../../../src/real_redis.rs"]
mod real_redis;

use std::net::SocketAddr;
use std::time::Duration;

use super::client::Connection;
use super::frame::Frame;
pub(crate) use real_redis::is_update;

/// Whose answers are expected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// Redis 7.2.4 and the lock primitives that came later.
    Quintlock,
    /// Redis 7.0, the judge.
    Redis7_0,
}

/// A server that a transcript can be replayed on.
pub(crate) trait Target {
    /// Whose answers are expected.
    fn dialect(&self) -> Dialect;
    /// A fresh connection.
    fn connect(&self) -> Connection;
    /// Lets `ms` milliseconds pass for the server.
    fn advance(&mut self, ms: u64);
}

/// A redis-server 7.0.
pub(crate) struct RealRedis(real_redis::RealRedis);

impl RealRedis {
    /// The server that `REAL_REDIS` names; `None`, and a line that says so, if it is not set.
    ///
    /// # Panics
    /// If the server cannot be had, or is of a version whose answers no transcript holds.
    pub(crate) fn from_environment() -> Option<RealRedis> {
        let redis = RealRedis(real_redis::RealRedis::from_environment()?);
        let version = redis.version();
        assert!(
            version.starts_with("7.0."),
            "REAL_REDIS is Redis {version}: the transcripts hold the answers of 7.0 only"
        );
        Some(redis)
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.0.address()
    }

    fn version(&self) -> String {
        let Frame::Blob(_, info) = self.connect().call(&["INFO", "server"]) else {
            panic!("INFO answers no text");
        };
        let info = String::from_utf8_lossy(&info).into_owned();
        let mut lines = info.lines();
        lines
            .find_map(|line| line.strip_prefix("redis_version:"))
            .expect("a version in INFO")
            .to_owned()
    }
}

impl Target for RealRedis {
    fn dialect(&self) -> Dialect {
        Dialect::Redis7_0
    }

    fn connect(&self) -> Connection {
        Connection::over(self.0.connect()).expect("a socket takes a timeout")
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "a real server has no clock that a test could move"
    )]
    fn advance(&mut self, ms: u64) {
        std::thread::sleep(Duration::from_millis(ms));
    }
}
