//! A running server: sockets, threads and the instance they serve.

mod batch;
mod buffers;
pub mod connection;
mod expiry;
mod idle;
mod keeper;
mod late;
mod listener;
mod lookahead;
mod options;
mod output;
mod settled;
#[cfg(test)]
pub(crate) mod simulated;
mod tasks;
mod waiting;
pub mod workers;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use crate::clock::Clock;
use crate::command::scripting;
use crate::config::Config;
use crate::error::StartupError;
use crate::fault::Fault;
use crate::instance::Instance;
use crate::sync::JoinHandle;

pub use options::Options;

use keeper::KeeperThread;
use listener::Listeners;
use tasks::{TaskGuard, Tasks};
use workers::Workers;

/// How long a stopping server waits for its connections.
const STOP_WAIT: Duration = Duration::from_secs(5);

/// One server that accepts connections. Dropping it stops it: its sockets are closed and its
/// threads have ended when the drop returns.
pub struct Server {
    instance: Arc<Instance>,
    addresses: Vec<SocketAddr>,
    keeper: Option<KeeperThread>,
    expiry: Option<JoinHandle<()>>,
    tasks: Tasks,
    /// Dropped last: the tasks run on them.
    _workers: Arc<Workers>,
}

impl Server {
    /// Starts a server inside this program; it accepts connections when this returns.
    ///
    /// # Errors
    /// A setting is wrong, or the system has no port or thread.
    pub fn start(options: &Options) -> Result<Server, StartupError> {
        Server::start_with(options.config(None)?, options.clock())
    }

    /// Starts a server with threads of its own.
    ///
    /// # Errors
    /// What it should listen on cannot be had, or the system has no threads.
    pub fn start_with(config: Config, clock: Clock) -> Result<Server, StartupError> {
        let workers = Arc::new(Workers::new(config.settings.io_threads));
        let mut server = Server::bind(Arc::clone(&workers), config, clock)?;
        Server::launch(&workers, std::slice::from_mut(&mut server))?;
        Ok(server)
    }

    /// A server that has its sockets and waits for its threads, which others may share.
    ///
    /// # Errors
    /// A socket that cannot be had.
    pub fn bind(
        workers: Arc<Workers>,
        config: Config,
        clock: Clock,
    ) -> Result<Server, StartupError> {
        let listeners = Listeners::bind(&config.settings)?;
        let addresses = listeners.addresses();
        let instance = Arc::new(Instance::new(config, clock));
        if let Some(address) = addresses.first() {
            let port = address.port();
            instance.tcp_port.store(u32::from(port), Ordering::Relaxed);
            instance.config.note_chosen_port(port);
        }
        let sockets = u32::try_from(addresses.len()).unwrap_or(u32::MAX);
        instance.tcp_sockets.store(sockets, Ordering::Relaxed);
        let keeper = keeper::restore(&instance)?;
        let (tasks, guard) = Tasks::new();
        listeners.accept(&instance, &workers, &guard);
        free_lua_at_the_end(&instance, &workers, &guard);
        idle::start(&instance, &workers, guard);
        Ok(Server {
            instance,
            addresses,
            keeper,
            expiry: None,
            tasks,
            _workers: workers,
        })
    }

    /// Starts the threads of bound servers; they accept connections when this returns. The expiry
    /// threads come last: no client waits for them, since a lookup never shows a dead key.
    ///
    /// # Errors
    /// The system has no threads.
    pub fn launch(workers: &Workers, servers: &mut [Server]) -> Result<(), StartupError> {
        workers.start().map_err(|error| {
            StartupError(format!(
                "cannot start worker threads: {error} (try a smaller --io-threads)"
            ))
        })?;
        for server in servers {
            let expiry = expiry::start(Arc::clone(&server.instance));
            server.expiry = Some(expiry.map_err(|error| {
                StartupError(format!("cannot start the expiry thread: {error}"))
            })?);
        }
        Ok(())
    }

    /// The first TCP address it listens on.
    ///
    /// # Panics
    /// It listens on a Unix socket alone.
    pub fn address(&self) -> SocketAddr {
        self.addresses[0]
    }

    /// All TCP addresses it listens on.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// What it serves.
    pub fn instance(&self) -> &Arc<Instance> {
        &self.instance
    }

    /// Moves its clock forward and lets what is then due expire, before this returns.
    pub fn advance(&self, step: Duration) {
        let _shared = self.instance.gate.shared_blocking();
        self.instance.advance(step);
    }

    /// Lets something go wrong, as DEBUG does for clients: it has happened when this returns, and
    /// no command that began before is answered after. It waits for a script that is running,
    /// but for a crash.
    ///
    /// ```
    /// use quintlock::{Cluster, Fault, Options};
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let cluster = Cluster::start(5, &Options::manual_clock())?;
    /// cluster.instances()[2].fault(Fault::Refuse(None));
    /// let mut granted = 0;
    /// for address in cluster.addresses() {
    ///     let client = redis::Client::open(format!("redis://{address}"))?;
    ///     // The client says CLIENT SETINFO when it connects, and passes over the error.
    ///     let mut connection = client.get_connection()?;
    ///     let mut take = redis::cmd("SET");
    ///     take.arg("lock:order:42").arg("token").arg("NX").arg("PX").arg(30_000);
    ///     granted += usize::from(take.exec(&mut connection).is_ok());
    /// }
    /// assert_eq!(granted, 4);
    /// # Ok(())
    /// # }
    /// ```
    pub fn fault(&self, fault: Fault) {
        let _whole = (fault != Fault::Crash).then(|| self.instance.gate.whole_blocking());
        self.instance.inflict(fault, None);
    }

    /// Waits until a client or [`Instance::stop`] asks it to stop.
    pub async fn stopping(&self) {
        self.instance.stopping().await;
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.instance.stop();
        if let Some(expiry) = self.expiry.take() {
            let _ = expiry.join();
        }
        let all_ended = self.tasks.wait(STOP_WAIT);
        if !all_ended {
            tracing::warn!("some connections did not end in time");
        }
        if let Some(keeper) = self.keeper.take() {
            // Who is still there may yet grant something: the journal is left as after a kill.
            keeper.end(self.instance.faults.is_crashed() || !all_ended);
        }
    }
}

/// Each thread has a Lua of its own for each instance that has run a script on it. The threads may
/// outlive the instance.
fn free_lua_at_the_end(instance: &Arc<Instance>, workers: &Workers, guard: &TaskGuard) {
    let (instance, guard) = (Arc::clone(instance), guard.clone());
    workers.run_on_each(move || {
        let (instance, guard) = (Arc::clone(&instance), guard.clone());
        tokio::task::spawn_local(async move {
            instance.stopping().await;
            scripting::forget_vm(instance.number);
            drop(guard);
        });
    });
}

#[cfg(test)]
mod tests;
