//! `daemonize` and `pidfile`: the server as a process of its own, without a terminal.
//!
//! The process forks twice before it has a second thread. The one that was started waits until the
//! server accepts connections, so its exit code says whether it does: 0, or 1 with the reason on
//! standard error.

use std::fs::{self, File};
use std::io::{self, PipeWriter, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process;

use rustix::process::setsid;
use rustix::stdio::{dup2_stderr, dup2_stdin, dup2_stdout};

use crate::error::StartupError;

/// Where Redis notes the process number of a daemon that was given no `pidfile`.
const DAEMON_PIDFILE: &str = "/var/run/redis.pid";

/// The link of a daemon to the process that was started.
pub(super) struct Starter(PipeWriter);

/// Goes on in a daemon: a process with a session of its own and without standard input. Returns
/// there alone.
///
/// # Errors
/// The system has no process, or this one has threads already.
pub(super) fn detach() -> Result<Starter, StartupError> {
    let fail = |error: io::Error| StartupError(format!("cannot become a daemon: {error}"));
    let (mut reader, writer) = io::pipe().map_err(fail)?;
    if let Side::Parent = fork().map_err(fail)? {
        drop(writer);
        let mut word = [0];
        let code = match reader.read_exact(&mut word) {
            Ok(()) => 0,
            Err(_) => 1,
        };
        process::exit(code);
    }
    drop(reader);
    setsid().map_err(|error| fail(error.into()))?;
    // Who leads a session may be given a terminal again; its child may not.
    if let Side::Parent = fork().map_err(fail)? {
        process::exit(0);
    }
    let nothing = File::open("/dev/null").map_err(fail)?;
    dup2_stdin(&nothing).map_err(|error| fail(error.into()))?;
    Ok(Starter(writer))
}

impl Starter {
    /// Lets the process that was started end well, and lets go of its output.
    pub(super) fn tell_ready(mut self) {
        if let Ok(nothing) = File::options().write(true).open("/dev/null") {
            let _ = dup2_stdout(&nothing);
            let _ = dup2_stderr(&nothing);
        }
        let _ = self.0.write_all(b"1");
    }
}

enum Side {
    Parent,
    Child,
}

#[expect(unsafe_code, reason = "nothing safe makes a copy of a process")]
fn fork() -> io::Result<Side> {
    if fs::read_dir("/proc/self/task").is_ok_and(|threads| threads.count() > 1) {
        return Err(io::Error::other("the process has several threads"));
    }
    // SAFETY: there is one thread, so the child finds no lock held by somebody who is not there, and
    // may do whatever its parent may.
    match unsafe { libc::fork() } {
        -1 => Err(io::Error::last_os_error()),
        0 => Ok(Side::Child),
        _ => Ok(Side::Parent),
    }
}

/// The file with the process number; it goes when this is dropped.
pub(super) struct PidFile(PathBuf);

impl PidFile {
    /// Writes `path`, or for a daemon the file that Redis writes. A server without it serves as
    /// well, so a failure is told and no more.
    pub(super) fn write(path: Option<&Path>, starter: Option<&Starter>) -> Option<PidFile> {
        let path = path.or(starter.map(|_| Path::new(DAEMON_PIDFILE)))?;
        // `dir` may have been left by the time the file is removed.
        let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        match fs::write(&path, own_number()) {
            Ok(()) => Some(PidFile(path)),
            Err(error) => {
                tracing::warn!("Failed to write PID file {}: {error}", path.display());
                None
            }
        }
    }
}

impl Drop for PidFile {
    fn drop(&mut self) {
        // Another server may have been given the same path meanwhile.
        if fs::read_to_string(&self.0).is_ok_and(|text| text == own_number()) {
            tracing::info!("Removing the pid file.");
            let _ = fs::remove_file(&self.0);
        }
    }
}

fn own_number() -> String {
    format!("{}\n", process::id())
}
