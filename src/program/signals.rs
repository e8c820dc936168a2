//! The signals that end the program, and those that do not.
//!
//! They are caught before anybody is told that it is ready, so whoever was told can stop it cleanly.

use std::io;
use std::process;
use std::time::Duration;

use tokio::runtime::Runtime;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::error::StartupError;
use crate::server::Server;

/// How long a stop may take.
const STOP_LIMIT: Duration = Duration::from_secs(10);

/// See the module's text.
pub(super) struct Signals {
    runtime: Runtime,
    terminate: Signal,
    interrupt: Signal,
    /// SIGHUP is caught and nothing is done: a terminal that closes ends no server.
    hangup: Signal,
    /// SIGXFSZ is caught and nothing is done: a file that may not grow is told like a full disk.
    file_size: Signal,
}

impl Signals {
    /// Catches them from now on. No thread is started.
    ///
    /// # Errors
    /// The system has no descriptor for it.
    pub(super) fn catch() -> Result<Signals, StartupError> {
        let fail = |error: io::Error| StartupError(format!("cannot wait for signals: {error}"));
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_io()
            .enable_time()
            .build()
            .map_err(fail)?;
        let catch = |kind| {
            let _runtime = runtime.enter();
            signal(kind).map_err(fail)
        };
        Ok(Signals {
            terminate: catch(SignalKind::terminate())?,
            interrupt: catch(SignalKind::interrupt())?,
            hangup: catch(SignalKind::hangup())?,
            file_size: catch(SignalKind::from_raw(libc::SIGXFSZ))?,
            runtime,
        })
    }

    /// Waits for SIGTERM or SIGINT.
    pub(super) fn wait_for_one(&mut self) {
        self.runtime.block_on(async {
            tokio::select! {
                _ = self.terminate.recv() => {}
                _ = self.interrupt.recv() => {}
            }
        });
    }

    /// Waits for SIGTERM, SIGINT, or until every server was asked to stop. From then on SIGINT ends
    /// the process at once, and [`STOP_LIMIT`] ends it in any case: as a kill does, after which
    /// nothing is missing that was acknowledged.
    pub(super) fn wait(mut self, servers: &[Server]) {
        self.runtime.block_on(async {
            tokio::select! {
                _ = self.terminate.recv() => tracing::info!("received SIGTERM, stopping"),
                _ = self.interrupt.recv() => tracing::info!("received SIGINT, stopping"),
                () = all_stopping(servers) => {}
            }
        });
        // Without a thread for it the stop just cannot be cut short.
        let _ = std::thread::Builder::new()
            .name("interrupt".to_owned())
            .spawn(move || self.exit_when_interrupted());
    }

    fn exit_when_interrupted(mut self) {
        let _ignored = (self.hangup, self.file_size);
        self.runtime.block_on(async {
            tokio::select! {
                _ = self.interrupt.recv() => tracing::warn!("You insist... exiting now."),
                () = tokio::time::sleep(STOP_LIMIT) => tracing::warn!(
                    "the server has not stopped in {} s: ending as if it was killed",
                    STOP_LIMIT.as_secs()
                ),
            }
        });
        process::exit(1);
    }
}

async fn all_stopping(servers: &[Server]) {
    for server in servers {
        server.stopping().await;
    }
}
