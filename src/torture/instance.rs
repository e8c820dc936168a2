//! One server of the lock service: a process that the run starts, kills, stops and ends.
//!
//! Each runs in a process group of its own, so that a Ctrl-C reaches the run alone, and in a
//! directory of its own, which keeps its files when it is killed and is gone when the run is.
//! Invariant: whatever ends the run, dropping an instance ends its process, by its number.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};

use crate::bench::reply::{Answer, first_answer};
use crate::bench::request::request;
use crate::clock::Stopwatch;
use crate::error::TortureError;

use super::wait::wait_until;
use super::wall::WallClock;

/// How long a process may take until it answers.
const READY: Duration = Duration::from_secs(10);
/// The pause between two questions whether it does.
const READY_PAUSE_NS: u64 = 10_000_000;
/// How long one question may take.
const QUESTION: Duration = Duration::from_secs(1);
/// Ports that are looked through for a free one. They lie below those that Linux gives to outgoing
/// connections, so that nobody is given the port of an instance while it is down.
const PORTS: std::ops::Range<u16> = 20_000..32_000;

/// A server that the run has started.
pub(super) struct Instance {
    number: usize,
    port: u16,
    command: Vec<String>,
    directory: PathBuf,
    wall: Option<WallClock>,
    child: Option<Child>,
}

impl Instance {
    /// Starts a server on `port`; its directory must exist.
    pub(super) fn start(
        number: usize,
        port: u16,
        command: &[String],
        directory: PathBuf,
        wall: Option<WallClock>,
    ) -> Result<Instance, TortureError> {
        let mut instance = Instance {
            number,
            port,
            command: command.to_vec(),
            directory,
            wall,
            child: None,
        };
        instance.spawn()?;
        Ok(instance)
    }

    /// Where it listens.
    pub(super) fn address(&self) -> SocketAddr {
        SocketAddr::from((Ipv4Addr::LOCALHOST, self.port))
    }

    /// Starts its process, which is not running.
    pub(super) fn spawn(&mut self) -> Result<(), TortureError> {
        let directory = self.directory.to_string_lossy();
        let port = self.port.to_string();
        let words = self.command.iter();
        let words = words.map(|word| word.replace("{port}", &port).replace("{dir}", &directory));
        let words: Vec<String> = words.collect();
        let Some((program, arguments)) = words.split_first() else {
            return Err(TortureError::Options("the command is empty".to_owned()));
        };
        let fail = |error: io::Error| TortureError::Start {
            instance: self.number + 1,
            command: words.join(" "),
            reason: error.to_string(),
        };
        let log = File::options()
            .create(true)
            .append(true)
            .open(self.log())
            .map_err(fail)?;
        let mut command = Command::new(program);
        command
            .args(arguments)
            .current_dir(&self.directory)
            .stdin(Stdio::null())
            .stderr(log.try_clone().map_err(fail)?)
            .stdout(log)
            .process_group(0);
        if let Some(wall) = &self.wall {
            command.envs(wall.environment());
        }
        self.child = Some(command.spawn().map_err(fail)?);
        Ok(())
    }

    fn log(&self) -> PathBuf {
        self.directory.join("output.log")
    }

    /// Waits until it answers, whatever it answers.
    ///
    /// # Errors
    /// It ended, does not answer in time, or the run is over.
    pub(super) fn wait_until_ready(&mut self, is_over: &AtomicBool) -> Result<(), TortureError> {
        let clock = Stopwatch::start();
        loop {
            self.check()?;
            if question(self.address(), &[b"PING"]).is_ok() {
                return Ok(());
            }
            let is_late = clock.elapsed() > READY;
            let next_ns = clock.elapsed_ns() + READY_PAUSE_NS;
            if is_late || !wait_until(clock, next_ns, is_over) {
                let reason = if is_late {
                    format!("it does not answer within {} s", READY.as_secs())
                } else {
                    "the run was stopped".to_owned()
                };
                return Err(TortureError::Start {
                    instance: self.number + 1,
                    command: self.command.join(" "),
                    reason: reason + &self.last_words(),
                });
            }
        }
    }

    /// Whether it still runs, if it should.
    ///
    /// # Errors
    /// It ended, and nobody had killed it.
    pub(super) fn check(&mut self) -> Result<(), TortureError> {
        let status = match &mut self.child {
            Some(child) => child.try_wait(),
            None => return Ok(()),
        };
        match status {
            Ok(None) => Ok(()),
            Ok(Some(status)) => Err(TortureError::Ended {
                instance: self.number + 1,
                status: status.to_string() + &self.last_words(),
            }),
            Err(error) => Err(TortureError::system("look after a server", &error)),
        }
    }

    /// The last line that it wrote.
    fn last_words(&self) -> String {
        let text = fs::read(self.log()).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        match text.lines().rfind(|line| !line.trim().is_empty()) {
            Some(line) => format!(", its last line: {}", line.escape_debug()),
            None => String::new(),
        }
    }

    /// Ends the process at once, and waits until it is gone.
    pub(super) fn kill(&mut self) {
        self.signal(Signal::KILL);
        if let Some(mut child) = self.child.take() {
            let _ = child.wait();
        }
    }

    /// Signals the process and those that it has started itself: its group, whose number is its own.
    pub(super) fn signal(&mut self, signal: Signal) {
        if let Some(child) = &mut self.child
            // The number of one that has ended may be somebody else's; `check` tells of it.
            && let Ok(None) = child.try_wait()
        {
            let _ = kill_process_group(Pid::from_child(child), signal);
        }
    }

    /// Steps its wall clock, if it has one of its own.
    pub(super) fn step_wall(&mut self, seconds: i64) -> Result<(), TortureError> {
        match &mut self.wall {
            Some(wall) => wall
                .step(seconds)
                .map_err(|error| TortureError::system("step a wall clock", &error)),
            None => Ok(()),
        }
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Asks a server something on a connection of its own.
pub(super) fn question(address: SocketAddr, words: &[&[u8]]) -> Result<Answer, String> {
    let ask = || -> io::Result<TcpStream> {
        let mut stream = TcpStream::connect_timeout(&address, QUESTION)?;
        stream.set_read_timeout(Some(QUESTION))?;
        stream.write_all(&request(words))?;
        Ok(stream)
    };
    let mut stream = ask().map_err(|error| error.to_string())?;
    let mut unread = Vec::new();
    loop {
        let mut buffer = [0; 4096];
        match stream.read(&mut buffer) {
            Ok(0) => return Err("the connection was closed".to_owned()),
            Ok(length) => unread.extend_from_slice(&buffer[..length]),
            Err(error) => return Err(error.to_string()),
        }
        if let Some((answer, _)) = first_answer(&unread)? {
            return Ok(answer);
        }
    }
}

/// `count` different ports of the loopback interface that nobody listens on.
pub(super) fn free_ports(count: usize) -> Result<Vec<u16>, TortureError> {
    let span = PORTS.end - PORTS.start;
    // Runs beside this one begin their search elsewhere.
    let first = (std::process::id() % u32::from(span)) as u16;
    let candidates = (0..span).map(|step| PORTS.start + (first + step) % span);
    let free = candidates.filter(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok());
    let ports: Vec<u16> = free.take(count).collect();
    if ports.len() < count {
        let text = format!(
            "there are not {count} free ports from {} on (use --base-port)",
            PORTS.start
        );
        return Err(TortureError::Options(text));
    }
    Ok(ports)
}

/// A directory that is gone when it is dropped.
pub(super) struct Scratch(PathBuf);

impl Scratch {
    pub(super) fn new() -> Result<Scratch, TortureError> {
        let name = format!("quintlock-torture-{}", std::process::id());
        let path = std::env::temp_dir().join(name);
        match fs::create_dir(&path) {
            Ok(()) => Ok(Scratch(path)),
            Err(error) => Err(TortureError::system("make a directory", &error)),
        }
    }

    /// A directory within it.
    pub(super) fn inner(&self, name: &str) -> Result<PathBuf, TortureError> {
        let path = self.0.join(name);
        fs::create_dir_all(&path)
            .map_err(|error| TortureError::system("make a directory", &error))?;
        Ok(path)
    }
}

impl AsRef<Path> for Scratch {
    fn as_ref(&self) -> &Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
