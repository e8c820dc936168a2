//! `supervised`: who started the server hears that it is ready, and that it stops.
//!
//! systemd is told over the datagram socket that NOTIFY_SOCKET names, a path or an abstract name;
//! upstart by a process that stops itself until it is let go on.

use std::env;
use std::ffi::{OsStr, OsString};
use std::io;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};

use rustix::process::{Signal, getpid, kill_process};

use crate::config::Supervision;

const SYSTEMD: &str = "NOTIFY_SOCKET";
const UPSTART: &str = "UPSTART_JOB";

/// Who wants to know.
#[derive(Debug, PartialEq)]
pub(super) enum Supervisor {
    Nobody,
    Systemd(OsString),
    Upstart,
}

impl Supervisor {
    /// The one that the setting and the environment name.
    pub(super) fn find(wanted: Supervision) -> Supervisor {
        let (systemd, upstart) = (env::var_os(SYSTEMD), env::var_os(UPSTART));
        let found = Supervisor::choose(wanted, systemd, upstart.as_deref());
        match (wanted, &found) {
            (Supervision::Systemd, Supervisor::Nobody) => {
                tracing::warn!("systemd supervision requested, but {SYSTEMD} not found");
            }
            (Supervision::Upstart, Supervisor::Nobody) => {
                tracing::warn!("upstart supervision requested, but {UPSTART} not found");
            }
            _ => {}
        }
        found
    }

    fn choose(
        wanted: Supervision,
        systemd: Option<OsString>,
        upstart: Option<&OsStr>,
    ) -> Supervisor {
        let by_systemd = systemd.filter(|socket| !socket.is_empty());
        match (wanted, by_systemd, upstart) {
            (Supervision::Systemd | Supervision::Auto, Some(socket), _) => {
                Supervisor::Systemd(socket)
            }
            (Supervision::Upstart | Supervision::Auto, _, Some(_)) => Supervisor::Upstart,
            _ => Supervisor::Nobody,
        }
    }

    /// Tells that connections are accepted.
    pub(super) fn tell_ready(&self) {
        match self {
            Supervisor::Nobody => {}
            Supervisor::Systemd(socket) => {
                let pid = std::process::id();
                let status = "STATUS=Ready to accept connections";
                tell(socket, &format!("READY=1\nMAINPID={pid}\n{status}\n"));
            }
            Supervisor::Upstart => {
                tracing::info!("supervised by upstart, will stop to signal readiness");
                if let Err(error) = kill_process(getpid(), Signal::STOP) {
                    tracing::warn!("cannot stop for upstart: {error}");
                }
            }
        }
    }

    /// Tells that the server ends.
    pub(super) fn tell_stopping(&self) {
        if let Supervisor::Systemd(socket) = self {
            tell(socket, "STOPPING=1\nSTATUS=Shutting down\n");
        }
    }
}

fn tell(socket: &OsStr, message: &str) {
    if let Err(error) = send(socket, message) {
        let socket = socket.display();
        tracing::warn!("cannot tell systemd at {socket}: {error}");
    }
}

fn send(socket: &OsStr, message: &str) -> io::Result<()> {
    let address = match socket.as_bytes() {
        [b'@', name @ ..] => SocketAddr::from_abstract_name(name)?,
        _ => SocketAddr::from_pathname(socket)?,
    };
    let sender = UnixDatagram::unbound()?;
    sender.send_to_addr(message.as_bytes(), &address)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_environment_decides_what_auto_means() {
        let socket = || Some(OsString::from("/run/notify"));
        let systemd = Supervisor::Systemd("/run/notify".into());
        let job = Some(OsStr::new("job"));
        for (wanted, socket, job, expected) in [
            (Supervision::No, socket(), job, Supervisor::Nobody),
            (Supervision::Auto, socket(), job, systemd),
            (Supervision::Auto, None, job, Supervisor::Upstart),
            (Supervision::Auto, Some("".into()), None, Supervisor::Nobody),
            (Supervision::Upstart, socket(), job, Supervisor::Upstart),
            (Supervision::Systemd, None, job, Supervisor::Nobody),
        ] {
            assert_eq!(Supervisor::choose(wanted, socket, job), expected);
        }
    }
}
