//! Open files of the process, and how many clients they are enough for.
//!
//! The numbers are Redis's: 32 descriptors are kept for what is no client, more where there are many
//! threads, and a limit that the system does not grant is tried again in steps of 16.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Kept for listening sockets, files, event queues, and for connections that are refused.
const RESERVED_MIN: u64 = 32;
/// What one server has beside its threads: 12 at rest, 5 for a rewrite, and some that come and go.
const RESERVED_SERVER: u64 = 24;
/// A worker thread has an event queue of its own.
const RESERVED_THREAD: u64 = 4;
/// By how much a limit is lowered that the system refuses.
const STEP: u64 = 16;

/// More descriptors than before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Raised {
    /// How many there could be.
    pub from: u64,
    /// How many there can be now.
    pub to: u64,
}

/// Fewer descriptors than the clients need.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shortage {
    /// The clients that there should have been.
    pub asked: u32,
    /// The descriptors that they need.
    pub wanted: u64,
    /// The descriptors that there can be.
    pub limit: u64,
    /// The clients that there can be; 0 if the server itself has not enough.
    pub clients: u32,
    /// What the system says.
    reason: String,
}

/// Descriptors that are no client's in `servers` servers on `threads` worker threads.
pub fn reserved(servers: usize, threads: usize) -> u64 {
    let (servers, threads) = (servers as u64, threads as u64);
    RESERVED_MIN.max(RESERVED_SERVER * servers + RESERVED_THREAD * threads)
}

/// Lets the process open a descriptor for each of `clients`, and `reserved` for all else.
///
/// # Errors
/// The system does not allow so many. The limit is then as high as it can be.
pub fn make_room(clients: u32, reserved: u64) -> Result<Option<Raised>, Shortage> {
    let present = getrlimit(Resource::Nofile);
    let from = present.current.unwrap_or(u64::MAX);
    let wanted = u64::from(clients) + reserved;
    if from >= wanted {
        return Ok(None);
    }
    let set = |to: u64| {
        // Who may raise the hard limit does; nobody lowers it, or it could never be had again.
        let maximum = present.maximum.map(|maximum| maximum.max(to));
        let current = Some(to);
        setrlimit(Resource::Nofile, Rlimit { current, maximum })
    };
    let Err(refusal) = set(wanted) else {
        return Ok(Some(Raised { from, to: wanted }));
    };
    let ceilings = [system_ceiling(), present.maximum];
    let reached = ceilings
        .into_iter()
        .flatten()
        .map(|ceiling| step_below(wanted, ceiling))
        .filter(|limit| *limit > from)
        .find(|limit| set(*limit).is_ok());
    let limit = reached.unwrap_or(from);
    Err(Shortage {
        asked: clients,
        wanted,
        limit,
        clients: u32::try_from(limit.saturating_sub(reserved)).unwrap_or(u32::MAX),
        reason: reason_of(refusal),
    })
}

/// The highest limit at most `ceiling` that is whole steps below `wanted`; 0 if there is none.
fn step_below(wanted: u64, ceiling: u64) -> u64 {
    let steps = wanted.saturating_sub(ceiling).div_ceil(STEP);
    wanted.saturating_sub(steps.saturating_mul(STEP))
}

/// What nobody's limit may pass.
fn system_ceiling() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/sys/fs/nr_open").ok()?;
    text.trim().parse().ok()
}

fn reason_of(refusal: rustix::io::Errno) -> String {
    let text = std::io::Error::from(refusal).to_string();
    match text.split_once(" (os error ") {
        Some((text, _)) => text.to_owned(),
        None => text,
    }
}

impl Shortage {
    /// Tells the log, as Redis does.
    pub fn log(&self) {
        let Shortage {
            asked,
            wanted,
            limit,
            clients,
            reason,
        } = self;
        tracing::warn!(
            "You requested maxclients of {asked} requiring at least {wanted} max file descriptors."
        );
        tracing::warn!(
            "Server can't set maximum open files to {wanted} because of OS error: {reason}."
        );
        tracing::warn!(
            "Current maximum open files is {limit}. maxclients has been reduced to {clients} to \
             compensate for low ulimit. If you need higher maxclients increase 'ulimit -n'."
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_server_on_few_threads_keeps_what_redis_keeps() {
        for (servers, threads, expected) in [(1, 1, 32), (1, 2, 32), (1, 8, 56), (5, 2, 128)] {
            assert_eq!(reserved(servers, threads), expected);
        }
    }

    #[test]
    fn a_limit_is_lowered_in_steps() {
        for (wanted, ceiling, expected) in [
            (2_000_032, 20_000, 20_000),
            (10_032, 128, 128),
            (10_033, 128, 113),
            (129, 128, 113),
            (129, 129, 129),
            (20, 1, 0),
        ] {
            assert_eq!(step_below(wanted, ceiling), expected, "{wanted} {ceiling}");
        }
    }

    #[test]
    fn more_than_the_system_has_is_a_shortage_and_what_there_is_no_news() {
        let shortage = make_room(u32::MAX, 32).unwrap_err();
        assert_eq!((shortage.asked, shortage.wanted), (u32::MAX, 4_294_967_327));
        assert_eq!(u64::from(shortage.clients), shortage.limit - 32);
        assert_eq!(make_room(1, 1), Ok(None));
    }
}
