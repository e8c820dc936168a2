//! The judge of the tests: a real redis-server, where the environment names one.
//!
//! `REAL_REDIS` is the path of a redis-server, which is started on a free port and ends with its
//! handle, or the `host:port` of one that runs and may be emptied. A server that runs already is
//! lent to one test at a time, for tests empty it and prepare its keys.

use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, TcpListener, TcpStream, ToSocketAddrs};
use std::process::{Child, Command, Stdio};

use parking_lot::{Mutex, MutexGuard};

static LENT: Mutex<()> = Mutex::new(());

/// A redis-server for one test.
pub(crate) struct RealRedis {
    address: SocketAddr,
    kind: Kind,
}

enum Kind {
    Started(Child),
    Running { _lent: MutexGuard<'static, ()> },
}

impl RealRedis {
    /// The server that `REAL_REDIS` names; `None`, and a line that says so, if it is not set.
    ///
    /// # Panics
    /// If the server cannot be had.
    pub(crate) fn from_environment() -> Option<RealRedis> {
        let Ok(named) = std::env::var("REAL_REDIS") else {
            eprintln!("no judge: set REAL_REDIS to a redis-server or to host:port");
            return None;
        };
        let running = named.to_socket_addrs().ok().and_then(|mut all| all.next());
        Some(match running {
            Some(address) => RealRedis {
                address,
                kind: Kind::Running { _lent: LENT.lock() },
            },
            None => RealRedis::start(&named),
        })
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
            kind: Kind::Started(child),
        }
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// A connection to it.
    pub(crate) fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address())
            .unwrap_or_else(|error| panic!("cannot connect to {}: {error}", self.address));
        stream
            .set_nodelay(true)
            .expect("a socket takes TCP_NODELAY");
        stream
    }
}

impl Drop for RealRedis {
    fn drop(&mut self) {
        if let Kind::Started(child) = &mut self.kind {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Whether records are to be written anew from the judge: `UPDATE=1`.
pub(crate) fn is_update() -> bool {
    std::env::var("UPDATE").is_ok_and(|value| value == "1")
}
