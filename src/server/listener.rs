//! Listening sockets: bound once, then each connection goes to the next worker thread.

use std::fs::File;
use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Weak};
use std::task::{Context, Poll};
use std::time::Duration;

use socket2::{Domain, SockRef, Socket, TcpKeepalive, Type};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};

use crate::client::{Address, Client};
use crate::config::{BindHost, Presence, Settings, TcpPort};
use crate::error::{AdmissionError, StartupError};
use crate::instance::Instance;
use crate::server::connection::Connection;
use crate::server::tasks::TaskGuard;
use crate::server::workers::Workers;

/// How long to wait when there is not even a descriptor to refuse a connection.
const ACCEPT_RETRY: Duration = Duration::from_millis(100);

/// How many connections are refused before others on the thread have their turn.
const REFUSED_AT_ONCE: usize = 100;

/// The bound sockets of one instance.
pub(super) struct Listeners {
    tcp: Vec<std::net::TcpListener>,
    unix: Option<(std::os::unix::net::UnixListener, PathBuf)>,
}

impl Listeners {
    /// Binds what the settings ask for.
    pub(super) fn bind(settings: &Settings) -> Result<Listeners, StartupError> {
        let tcp = match settings.port {
            TcpPort::Closed => Vec::new(),
            TcpPort::SystemChosen => bind_tcp(settings, 0)?,
            TcpPort::Fixed(port) => bind_tcp(settings, port)?,
        };
        let unix = match &settings.unixsocket {
            Some(path) => Some((bind_unix(path, settings)?, path.to_owned())),
            None => None,
        };
        if tcp.is_empty() && unix.is_none() {
            return Err(StartupError(
                "nothing to listen on: port is 0 and there is no unixsocket (give one of them)"
                    .to_owned(),
            ));
        }
        Ok(Listeners { tcp, unix })
    }

    /// The TCP addresses, with the ports that the system chose.
    pub(super) fn addresses(&self) -> Vec<SocketAddr> {
        let addresses = self.tcp.iter().map(std::net::TcpListener::local_addr);
        addresses.flatten().collect()
    }

    /// Accepts connections from now on, until the instance stops.
    pub(super) fn accept(
        self,
        instance: &Arc<Instance>,
        workers: &Arc<Workers>,
        guard: &TaskGuard,
    ) {
        for listener in self.tcp {
            let door = Door::new(instance, workers, guard);
            workers.run(move || {
                tokio::task::spawn_local(async move {
                    match TcpListener::from_std(listener) {
                        Ok(listener) => door.accept_tcp(listener).await,
                        Err(error) => tracing::error!("cannot accept connections: {error}"),
                    }
                });
            });
        }
        if let Some((listener, path)) = self.unix {
            let door = Door::new(instance, workers, guard);
            workers.run(move || {
                tokio::task::spawn_local(async move {
                    match UnixListener::from_std(listener) {
                        Ok(listener) => door.accept_unix(listener, &path).await,
                        Err(error) => tracing::error!("cannot accept connections: {error}"),
                    }
                });
            });
        }
    }
}

fn bind_tcp(
    settings: &Settings,
    first_port: u16,
) -> Result<Vec<std::net::TcpListener>, StartupError> {
    let mut listeners: Vec<std::net::TcpListener> = Vec::new();
    for address in &settings.bind {
        // Once the system has chosen a port, the other addresses take the same.
        let chosen = listeners.first().and_then(|first| first.local_addr().ok());
        let port = chosen.map_or(first_port, |chosen| chosen.port());
        let hosts = match &address.host {
            BindHost::Address(ip) => vec![*ip],
            BindHost::Name(name) => resolve(name)?,
        };
        for ip in hosts {
            let address_and_port = SocketAddr::new(ip, port);
            match bind_one(address_and_port, settings.tcp_backlog) {
                Ok(listener) => listeners.push(listener),
                Err(error) if address.presence == Presence::Optional && is_absent(&error) => {}
                Err(error) => return Err(cannot_bind(address_and_port, &error)),
            }
        }
    }
    Ok(listeners)
}

fn resolve(name: &str) -> Result<Vec<IpAddr>, StartupError> {
    match (name, 0).to_socket_addrs() {
        Ok(addresses) => Ok(addresses.map(|address| address.ip()).collect()),
        Err(error) => Err(StartupError(format!(
            "cannot bind to '{name}': {error} (try an IP address)"
        ))),
    }
}

fn bind_one(address: SocketAddr, backlog: u32) -> io::Result<std::net::TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    socket.set_reuse_address(true)?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.bind(&address.into())?;
    socket.listen(i32::try_from(backlog).unwrap_or(i32::MAX))?;
    socket.set_nonblocking(true)?;
    Ok(socket.into())
}

fn is_absent(error: &io::Error) -> bool {
    use io::ErrorKind::{AddrNotAvailable, Unsupported};
    // Linux says EAFNOSUPPORT where IPv6 is switched off; it has no stable kind.
    const EAFNOSUPPORT: i32 = rustix::io::Errno::AFNOSUPPORT.raw_os_error();
    matches!(error.kind(), AddrNotAvailable | Unsupported)
        || error.raw_os_error() == Some(EAFNOSUPPORT)
}

fn cannot_bind(address: SocketAddr, error: &io::Error) -> StartupError {
    let hint = match error.kind() {
        io::ErrorKind::AddrInUse => "address in use (try another --port)".to_owned(),
        io::ErrorKind::PermissionDenied => "permission denied (try a --port above 1023)".to_owned(),
        io::ErrorKind::AddrNotAvailable => {
            "this machine has no such address (try another --bind)".to_owned()
        }
        _ => error.to_string(),
    };
    StartupError(format!("cannot bind {address}: {hint}"))
}

fn bind_unix(
    path: &Path,
    settings: &Settings,
) -> Result<std::os::unix::net::UnixListener, StartupError> {
    use std::os::unix::fs::PermissionsExt;
    let fail = |error: io::Error| {
        let path = path.display();
        StartupError(format!(
            "cannot open Unix socket {path}: {error} (try another path)"
        ))
    };
    // As Redis does: a socket left by a server that was killed must not keep this one out.
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(fail(error)),
        _ => {}
    }
    let listener = std::os::unix::net::UnixListener::bind(path).map_err(fail)?;
    listener.set_nonblocking(true).map_err(fail)?;
    if let Some(mode) = settings.unixsocketperm {
        let permissions = std::fs::Permissions::from_mode(mode);
        std::fs::set_permissions(path, permissions).map_err(fail)?;
    }
    Ok(listener)
}

/// Tells a client by `write` that there are too many.
fn refuse(write: impl Fn(&[u8]) -> io::Result<usize>) {
    let _ = write(format!("-{}\r\n", AdmissionError::TooManyClients).as_bytes());
}

/// A descriptor that does nothing.
fn spare() -> Option<File> {
    File::open("/dev/null").ok()
}

/// `protected-mode`: without a password, only peers on this machine are served.
fn is_protected_from(settings: &Settings, address: &Address) -> bool {
    settings.protected_mode() && !settings.has_password() && !address.is_local()
}

/// Lets connections of one listening socket in.
struct Door {
    instance: Arc<Instance>,
    workers: Weak<Workers>,
    guard: TaskGuard,
    /// A descriptor for the moment in which the process has no other: who cannot be let in is told
    /// so.
    spare: Option<File>,
    /// Whether the log knows that descriptors are short.
    is_told: bool,
}

impl Door {
    fn new(instance: &Arc<Instance>, workers: &Arc<Workers>, guard: &TaskGuard) -> Door {
        Door {
            instance: Arc::clone(instance),
            workers: Arc::downgrade(workers),
            guard: guard.clone(),
            spare: spare(),
            is_told: false,
        }
    }

    async fn accept_tcp(mut self, listener: TcpListener) {
        loop {
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                () = self.instance.stopping() => return,
            };
            match accepted {
                Ok((stream, peer)) => {
                    self.is_told = false;
                    if let Err(error) = self.admit_tcp(stream, peer) {
                        tracing::debug!("lost a connection from {peer}: {error}");
                    }
                }
                Err(error) => {
                    let accept = |context: &mut Context<'_>| {
                        let accepted = listener.poll_accept(context);
                        accepted.map_ok(|(stream, _)| refuse(|line| stream.try_write(line)))
                    };
                    self.accept_failed(&error, accept).await;
                }
            }
        }
    }

    async fn accept_unix(mut self, listener: UnixListener, path: &Path) {
        let shown: Arc<str> = path.display().to_string().into();
        loop {
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                () = self.instance.stopping() => break,
            };
            match accepted {
                Ok((stream, _)) => {
                    self.is_told = false;
                    if let Err(error) = self.admit_unix(stream, &shown) {
                        tracing::debug!("lost a connection on {shown}: {error}");
                    }
                }
                Err(error) => {
                    let accept = |context: &mut Context<'_>| {
                        let accepted = listener.poll_accept(context);
                        accepted.map_ok(|(stream, _)| refuse(|line| stream.try_write(line)))
                    };
                    self.accept_failed(&error, accept).await;
                }
            }
        }
        let _ = std::fs::remove_file(path);
    }

    /// Has those who wait refused, one after another, by `accept`. Without a spare descriptor, or
    /// if that does not help, they wait longer.
    async fn accept_failed(
        &mut self,
        error: &io::Error,
        mut accept: impl FnMut(&mut Context<'_>) -> Poll<io::Result<()>>,
    ) {
        if !std::mem::replace(&mut self.is_told, true) {
            tracing::warn!("cannot accept a connection: {error}");
        }
        let is_spared = self.spare.take().is_some();
        let mut has_failed = !is_spared;
        for _ in 0..REFUSED_AT_ONCE {
            if has_failed {
                break;
            }
            match std::future::poll_fn(|context| Poll::Ready(accept(context))).await {
                Poll::Ready(Ok(())) => {
                    let stats = &self.instance.stats;
                    stats.connections_received.add(1);
                    stats.connections_rejected.add(1);
                }
                Poll::Ready(Err(_)) => has_failed = true,
                // Nobody waits: the socket knows now, and reports the next one.
                Poll::Pending => break,
            }
        }
        self.spare = spare();
        if has_failed {
            tokio::time::sleep(ACCEPT_RETRY).await;
        }
    }

    fn admit_tcp(&self, stream: TcpStream, peer: SocketAddr) -> io::Result<()> {
        let local = stream.local_addr()?;
        let address = Address::tcp(peer, local);
        stream.set_nodelay(true)?;
        let settings = &self.instance.config.settings;
        if let Some(seconds) = settings.tcp_keepalive_s() {
            let time = Duration::from_secs(u64::from(seconds));
            SockRef::from(&stream).set_tcp_keepalive(&TcpKeepalive::new().with_time(time))?;
        }
        let descriptor = stream.as_raw_fd();
        if let Some(refusal) = self.refusal(&address) {
            let _ = stream.try_write(format!("-{refusal}\r\n").as_bytes());
            return Ok(());
        }
        let stream = stream.into_std()?;
        self.hand_out(address, descriptor, move || TcpStream::from_std(stream));
        Ok(())
    }

    fn admit_unix(&self, stream: UnixStream, path: &Arc<str>) -> io::Result<()> {
        let address = Address::unix(path);
        let descriptor = stream.as_raw_fd();
        if let Some(refusal) = self.refusal(&address) {
            let _ = stream.try_write(format!("-{refusal}\r\n").as_bytes());
            return Ok(());
        }
        let stream = stream.into_std()?;
        self.hand_out(address, descriptor, move || UnixStream::from_std(stream));
        Ok(())
    }

    /// Why a connection is not let in, if it is not.
    fn refusal(&self, address: &Address) -> Option<AdmissionError> {
        let stats = &self.instance.stats;
        let settings = &self.instance.config.settings;
        stats.connections_received.add(1);
        if self.instance.clients.len() >= settings.maxclients() as usize {
            stats.connections_rejected.add(1);
            return Some(AdmissionError::TooManyClients);
        }
        if is_protected_from(settings, address) {
            stats.connections_rejected.add(1);
            return Some(AdmissionError::Protected);
        }
        None
    }

    /// Registers a connection and gives its socket to a worker thread.
    fn hand_out<S, F>(&self, address: Address, descriptor: i32, open: F)
    where
        S: super::output::Socket + 'static,
        F: FnOnce() -> io::Result<S> + Send + 'static,
    {
        let Some(workers) = self.workers.upgrade() else {
            return;
        };
        let instance = Arc::clone(&self.instance);
        let now = instance.clock.now();
        let client = Client::new(instance.next_client_id(), address, descriptor, now);
        let client = Arc::new(client);
        instance.register(&client);
        let guard = self.guard.clone();
        workers.run(move || match open() {
            Ok(socket) => {
                let connection = Connection::new(socket, instance, client, guard);
                tokio::task::spawn_local(connection);
            }
            Err(_) => {
                instance.clients.remove(&client.id);
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    fn tcp(peer: &str) -> Address {
        let peer = SocketAddr::new(peer.parse().unwrap(), 50_000);
        Address::tcp(peer, SocketAddr::from(([192, 0, 2, 1], 6379)))
    }

    #[test]
    fn only_strangers_without_a_password_to_show_are_kept_out() {
        let config = Config::load(&[], &mut io::empty()).unwrap().config;
        let settings = &config.settings;
        let strangers = ["192.0.2.7", "10.0.0.1", "2001:db8::7", "::ffff:192.0.2.7"].map(tcp);
        let at_home = ["127.0.0.1", "127.8.8.8", "::1", "::ffff:127.0.0.1"].map(tcp);
        assert!(
            strangers
                .iter()
                .all(|peer| is_protected_from(settings, peer))
        );
        assert!(!at_home.iter().any(|peer| is_protected_from(settings, peer)));
        assert!(!is_protected_from(
            settings,
            &Address::unix(&"/run/lock.sock".into())
        ));
        for (name, value) in [("protected-mode", "no"), ("requirepass", "hush")] {
            let config = Config::load(&[], &mut io::empty()).unwrap().config;
            config.set(&[(name.as_bytes(), value.as_bytes())]).unwrap();
            assert!(
                !strangers
                    .iter()
                    .any(|peer| is_protected_from(&config.settings, peer))
            );
        }
    }
}
