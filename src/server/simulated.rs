//! A server of a simulation: all that a real one has, but for its listening sockets and with worker
//! threads that are actors.

use std::sync::Arc;

use super::connection::Connection;
use super::expiry;
use super::keeper::{self, KeeperThread};
use super::output::Socket;
use super::tasks::{TaskGuard, Tasks};
use crate::client::{Address, Client};
use crate::clock::Clock;
use crate::config::Config;
use crate::error::StartupError;
use crate::instance::Instance;
use crate::sync::JoinHandle;

/// A running server.
pub(crate) struct SimulatedServer {
    pub(crate) instance: Arc<Instance>,
    keeper: Option<KeeperThread>,
    expiry: Option<JoinHandle<()>>,
    guard: TaskGuard,
    _tasks: Tasks,
}

impl SimulatedServer {
    /// Reads the files and starts the threads beside the workers.
    ///
    /// # Errors
    /// The files cannot be used.
    pub(crate) fn start(config: Config) -> Result<SimulatedServer, StartupError> {
        let instance = Arc::new(Instance::new(config, Clock::system()));
        let keeper = keeper::restore(&instance)?;
        let (tasks, guard) = Tasks::new();
        let expiry = expiry::start(Arc::clone(&instance))
            .map_err(|error| StartupError(error.to_string()))?;
        Ok(SimulatedServer {
            instance,
            keeper,
            expiry: Some(expiry),
            guard,
            _tasks: tasks,
        })
    }

    /// What serves a new connection, on the worker that polls it.
    pub(crate) fn connect<S: Socket + Send + 'static>(
        &self,
        socket: S,
    ) -> impl FnOnce() -> Connection<S> + Send + 'static {
        let instance = Arc::clone(&self.instance);
        let guard = self.guard.clone();
        let now = instance.clock.now();
        let address = Address::unix(&"simulated".into());
        let client = Client::new(instance.next_client_id(), address, 0, now);
        let client = Arc::new(client);
        instance.register(&client);
        move || Connection::new(socket, instance, client, guard)
    }

    /// Stops it as SHUTDOWN does, once its workers have ended; `is_crashed` leaves the files alone.
    pub(crate) fn end(mut self, is_crashed: bool) {
        if let Some(expiry) = self.expiry.take() {
            let _ = expiry.join();
        }
        if let Some(keeper) = self.keeper.take() {
            keeper.end(is_crashed);
        }
    }
}
