//! Several independent servers in one process: a Redlock cluster.
//!
//! It is *not* Redis Cluster: no slots, no gossip, nothing is shared. The instances have only their
//! threads in common, so a test may stop one and find the others untouched.

use std::net::SocketAddr;
use std::sync::Arc;

use crate::clock::Clock;
use crate::config::Config;
use crate::error::StartupError;
use crate::server::workers::Workers;
use crate::server::{Options, Server};

/// See the module's text. Dropping it stops every instance.
pub struct Cluster {
    instances: Vec<Server>,
}

impl Cluster {
    /// Starts `count` instances inside this program; all accept connections when this returns.
    ///
    /// # Errors
    /// A setting is wrong, or the system has no ports or threads.
    pub fn start(count: usize, options: &Options) -> Result<Cluster, StartupError> {
        let configs = (1..=count).map(|number| options.config(Some(number)));
        Cluster::start_with(configs.collect::<Result<_, _>>()?, || options.clock())
    }

    /// Starts one instance for each configuration, each with a clock of its own from `clock`. The
    /// first one says how many threads they share.
    ///
    /// # Errors
    /// One of them cannot start; those that did are stopped.
    pub fn start_with(
        configs: Vec<Config>,
        clock: impl Fn() -> Clock,
    ) -> Result<Cluster, StartupError> {
        let threads = configs.first().map_or(1, |one| one.settings.io_threads);
        let workers = Arc::new(Workers::new(threads));
        let bind = |config| Server::bind(Arc::clone(&workers), config, clock());
        let mut instances = configs
            .into_iter()
            .map(bind)
            .collect::<Result<Vec<_>, _>>()?;
        Server::launch(&workers, &mut instances)?;
        Ok(Cluster { instances })
    }

    /// The instances, in their order.
    pub fn instances(&self) -> &[Server] {
        &self.instances
    }

    /// The address of each instance.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.instances.iter().map(Server::address).collect()
    }

    /// Stops the instance at `index` for good; the others go on.
    ///
    /// # Panics
    /// There is no such instance.
    pub fn stop(&self, index: usize) {
        self.instances[index].instance().stop();
    }
}
