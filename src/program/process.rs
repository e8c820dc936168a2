//! What the process asks of the system for itself.

use crate::config::Config;
use crate::descriptors::{self, Raised};
use crate::error::StartupError;

/// Keeps the system from putting huge pages under the process, even where it does so for all others.
pub(super) fn forgo_huge_pages() {
    // A system that has none refuses this; nothing is lost by it.
    #[cfg(target_os = "linux")]
    let _ = rustix::thread::disable_transparent_huge_pages(true);
}

/// Kept by a client for what is no connection.
const RESERVED_CLIENT: u64 = 64;

/// Lets a client open `connections`, as far as the system allows.
pub(super) fn raise_descriptor_limit(connections: u32) {
    // Whoever does not have so many is told when one cannot be opened.
    let _ = descriptors::make_room(connections, RESERVED_CLIENT);
}

/// Lets the process open a descriptor for each client of its servers, and tells how many there are
/// beside. A server whose clients alone would be too many has its `maxclients` lowered, as in Redis.
///
/// # Errors
/// There are not even enough descriptors for the servers themselves.
pub(super) fn make_room(configs: &[&Config]) -> Result<u64, StartupError> {
    let threads = configs.first().map_or(1, |one| one.settings.io_threads);
    let reserved = descriptors::reserved(configs.len(), threads);
    if configs.len() > 1 {
        let clients = configs.iter().map(|one| one.settings.maxclients());
        // Five times maxclients is more than a test needs: who is then refused is told so.
        let _ = descriptors::make_room(clients.fold(0, u32::saturating_add), reserved);
    }
    let mut told = None;
    for config in configs {
        match descriptors::make_room(config.settings.maxclients(), reserved) {
            Ok(None) => {}
            Ok(Some(Raised { from, to })) => tracing::info!(
                "Increased maximum number of open files to {to} (it was originally set to {from})."
            ),
            Err(shortage) if shortage.clients == 0 => {
                return Err(StartupError(format!(
                    "Your current 'ulimit -n' of {} is not enough for the server to start. Please \
                     increase your open file limit to at least {}. Exiting.",
                    shortage.limit, shortage.wanted
                )));
            }
            Err(shortage) => {
                config.lower_maxclients(shortage.clients);
                if told.as_ref() != Some(&shortage) {
                    shortage.log();
                    told = Some(shortage);
                }
            }
        }
    }
    Ok(reserved)
}
