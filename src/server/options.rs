//! How a server inside a Rust program is started.

use std::ffi::OsString;

use crate::clock::Clock;
use crate::config::{Config, TcpPort};
use crate::error::StartupError;

/// The address that an embedded server listens on.
const LOOPBACK: &str = "127.0.0.1";

/// Settings and clock of an embedded server, or of each instance of a cluster: on 127.0.0.1, on a
/// port that the system chooses.
pub struct Options {
    settings: Vec<OsString>,
    time: Time,
}

#[derive(Clone, Copy)]
enum Time {
    System,
    Manual,
}

impl Default for Options {
    fn default() -> Options {
        Options::new()
    }
}

impl Options {
    /// A server on real time, with one worker thread and Redis's other defaults.
    pub fn new() -> Options {
        Options {
            settings: vec!["--io-threads".into(), "1".into()],
            time: Time::System,
        }
    }

    /// A server whose time passes only by [`Server::advance`](super::Server::advance): a test
    /// need not wait for a lock to expire.
    pub fn manual_clock() -> Options {
        Options {
            time: Time::Manual,
            ..Options::new()
        }
    }

    /// Gives a setting by its name in redis.conf. `port` and `bind` have no effect here, nor has what
    /// is a whole process's: `daemonize`, `pidfile`, `supervised`, `logfile`, `loglevel`, `disable-thp`.
    #[must_use]
    pub fn set(mut self, name: &str, value: &str) -> Options {
        self.settings.push(format!("--{name}").into());
        self.settings.push(value.into());
        self
    }

    /// The configuration of a server, or of the `number`th of several.
    pub(crate) fn config(&self, number: Option<usize>) -> Result<Config, StartupError> {
        let mut settings = self.settings.clone();
        let asks = |name: &str| self.settings.iter().any(|word| word == name);
        if !asks("--durability") && !asks("--appendonly") {
            // A server inside of a program is for tests first: it leaves nothing behind.
            settings.extend(["--durability".into(), "none".into()]);
        }
        if !asks("--dir") && !asks("--dbfilename") {
            // Nor does it take up what it happens to be started beside.
            settings.extend(["--dbfilename".into(), "".into()]);
        }
        let loaded = Config::load(&settings, &mut std::io::empty())?;
        let port = TcpPort::SystemChosen;
        loaded.config.sibling(LOOPBACK, port, number)
    }

    pub(crate) fn clock(&self) -> Clock {
        match self.time {
            Time::System => Clock::system(),
            Time::Manual => Clock::manual(),
        }
    }
}
