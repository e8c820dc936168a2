//! The slow log: the commands that took longest to run, the latest first.
//!
//! It keeps as many entries as it is told to, with their arguments cut as Redis cuts them. What is
//! slow is decided by the caller.

use std::collections::VecDeque;

use parking_lot::Mutex;

/// Arguments that an entry keeps; the last one tells how many more there were.
const ARGUMENTS_MAX: usize = 32;
/// Bytes of an argument that an entry keeps.
const ARGUMENT_BYTES_MAX: usize = 128;

/// See the module's text.
#[derive(Default)]
pub struct Slowlog(Mutex<Log>);

#[derive(Default)]
struct Log {
    entries: VecDeque<Entry>,
    next_id: i64,
}

/// One command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Unique and rising as long as the server runs.
    pub id: i64,
    /// When it ended, in seconds since 1970.
    pub unix_s: i64,
    /// How long it took.
    pub took_us: u64,
    /// The request, cut.
    pub arguments: Vec<Vec<u8>>,
    /// The client's address.
    pub peer: String,
    /// The client's name, empty for none.
    pub client_name: String,
}

impl Slowlog {
    /// Notes a command; `entry` comes without an id, and its arguments are `request`. The oldest
    /// entries beyond `entries_max` go.
    pub fn add(&self, request: &[&[u8]], entry: Entry, entries_max: usize) {
        let mut log = self.0.lock();
        let entry = Entry {
            id: log.next_id,
            arguments: cut(request),
            ..entry
        };
        log.next_id += 1;
        log.entries.push_front(entry);
        log.entries.truncate(entries_max);
    }

    /// Up to `count` entries, the latest first.
    pub fn latest(&self, count: usize) -> Vec<Entry> {
        self.0.lock().entries.iter().take(count).cloned().collect()
    }

    /// How many entries there are.
    pub fn len(&self) -> usize {
        self.0.lock().entries.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Forgets the entries. Ids go on rising.
    pub fn reset(&self) {
        self.0.lock().entries.clear();
    }
}

fn cut(request: &[&[u8]]) -> Vec<Vec<u8>> {
    let shown = if request.len() > ARGUMENTS_MAX {
        ARGUMENTS_MAX - 1
    } else {
        request.len()
    };
    let mut arguments: Vec<Vec<u8>> = request[..shown].iter().map(|a| cut_argument(a)).collect();
    if shown < request.len() {
        let more = request.len() - shown;
        arguments.push(format!("... ({more} more arguments)").into_bytes());
    }
    arguments
}

fn cut_argument(argument: &[u8]) -> Vec<u8> {
    match argument.split_at_checked(ARGUMENT_BYTES_MAX) {
        Some((shown, rest)) if !rest.is_empty() => {
            [shown, format!("... ({} more bytes)", rest.len()).as_bytes()].concat()
        }
        _ => argument.to_vec(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry() -> Entry {
        Entry {
            id: 0,
            unix_s: 1,
            took_us: 2,
            arguments: Vec::new(),
            peer: String::new(),
            client_name: String::new(),
        }
    }

    #[test]
    fn the_latest_entries_stay_and_ids_go_on() {
        let log = Slowlog::default();
        for _ in 0..3 {
            log.add(&[b"PING"], entry(), 2);
        }
        let ids = |log: &Slowlog| log.latest(9).iter().map(|e| e.id).collect::<Vec<_>>();
        assert_eq!(ids(&log), [2, 1]);
        log.reset();
        assert!(log.is_empty());
        log.add(&[b"PING"], entry(), 2);
        assert_eq!(ids(&log), [3]);
        log.add(&[b"PING"], entry(), 0);
        assert_eq!(log.len(), 0);
    }

    #[test]
    fn arguments_are_cut_at_32_and_at_128_bytes() {
        let of_length = |length| vec![b'x'; length];
        assert_eq!(cut_argument(&of_length(128)), of_length(128));
        assert_eq!(
            cut_argument(&of_length(130)),
            [&of_length(128)[..], b"... (2 more bytes)"].concat()
        );
        let request = |count| vec![&b"k"[..]; count];
        assert_eq!(cut(&request(32)).len(), 32);
        let many = cut(&request(33));
        assert_eq!(many.len(), 32);
        assert_eq!(many[31], b"... (2 more arguments)");
    }
}
