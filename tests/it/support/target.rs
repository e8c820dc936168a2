//! The servers that transcripts are replayed on.
//!
//! [`RealRedis`] is the judge: a redis-server that the environment names. What a transcript needs
//! of any server is [`Target`], and nothing more.

use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, TcpListener, ToSocketAddrs};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use super::client::Connection;
use super::frame::Frame;

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

/// A redis-server: one that this process started, or one that runs already.
pub(crate) struct RealRedis {
    address: SocketAddr,
    child: Option<Child>,
}

impl RealRedis {
    /// The server that `REAL_REDIS` names: the path of a redis-server, or `host:port`. `None`, and
    /// a line that says so, if it is not set.
    ///
    /// # Panics
    /// If the server cannot be had, or is of a version whose answers no transcript holds.
    pub(crate) fn from_environment() -> Option<RealRedis> {
        let Ok(named) = std::env::var("REAL_REDIS") else {
            println!("skipped: set REAL_REDIS to a redis-server or to host:port");
            return None;
        };
        let running = named.to_socket_addrs().ok().and_then(|mut all| all.next());
        let redis = match running {
            Some(address) => RealRedis {
                address,
                child: None,
            },
            None => RealRedis::start(&named),
        };
        let version = redis.version();
        assert!(
            version.starts_with("7.0."),
            "{named} is Redis {version}: the transcripts hold the answers of 7.0 only"
        );
        Some(redis)
    }

    /// Starts `binary` with its default configuration, but on a free port and saving nothing.
    fn start(binary: &str) -> RealRedis {
        let free = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = free.local_addr().expect("the port's address");
        drop(free);
        let mut child = Command::new(binary)
            .args(["--port", &address.port().to_string()])
            .args(["--bind", "127.0.0.1", "--save", "", "--logfile", ""])
            .current_dir(std::env::temp_dir())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("cannot start {binary}: {error}"));
        let mut log = BufReader::new(child.stdout.take().expect("a piped log"));
        let mut line = String::new();
        while !line.contains("Ready to accept connections") {
            line.clear();
            let length = log.read_line(&mut line).expect("a readable log");
            assert!(length > 0, "{binary} ended before it was ready");
        }
        // The log must be read to its end, or the server would block on a full pipe.
        std::thread::spawn(move || std::io::copy(&mut log, &mut std::io::sink()));
        RealRedis {
            address,
            child: Some(child),
        }
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
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
        Connection::open(self.address)
            .unwrap_or_else(|error| panic!("cannot connect to {}: {error}", self.address))
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "a real server has no clock that a test could move"
    )]
    fn advance(&mut self, ms: u64) {
        std::thread::sleep(Duration::from_millis(ms));
    }
}

impl Drop for RealRedis {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
