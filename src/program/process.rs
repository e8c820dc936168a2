//! What the process asks of the system for itself.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Keeps the system from putting huge pages under the process, even where it does so for all others.
pub(super) fn forgo_huge_pages() {
    // A system that has none refuses this; nothing is lost by it.
    #[cfg(target_os = "linux")]
    let _ = rustix::thread::disable_transparent_huge_pages(true);
}

/// Lets the process open a descriptor for each client, as far as the system allows; tells how many
/// clients there can be if that is fewer.
pub(super) fn raise_descriptor_limit(clients: u32) -> Option<u64> {
    /// Descriptors that are not clients': files, listening sockets, event queues.
    const OTHERS: u64 = 64;
    let wanted = u64::from(clients) + OTHERS;
    let limit = getrlimit(Resource::Nofile);
    let current = limit.current.unwrap_or(u64::MAX);
    let reachable = limit.maximum.unwrap_or(u64::MAX).min(wanted);
    let raised = Rlimit {
        current: Some(reachable),
        maximum: limit.maximum,
    };
    let allowed = if current < reachable && setrlimit(Resource::Nofile, raised).is_ok() {
        reachable
    } else {
        current
    };
    (allowed < wanted).then(|| allowed.saturating_sub(OTHERS))
}
