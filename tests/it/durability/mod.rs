//! What outlives the process and the machine: what a journal, a horizon and a start on them must
//! keep.
//!
//! A killed process leaves what is in the page cache: that is what a copy of its directory holds,
//! so most tests look at copies and need no process. A crashed machine leaves less, and is another
//! boot: [`Place::lose_machine`] makes a directory look like that. Programs of their own are killed
//! where the process itself matters.

mod commands;
mod crash;
mod cuts;
mod damage;
mod disk;
mod dump;
mod horizon;
mod kill;
mod loading;
mod lost;
mod redis;
mod released;
mod rewrite;
mod ring;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use quintlock::{Options, Server};
use xxhash_rust::xxh3::xxh3_64;

use crate::support::client::Connection;
use crate::support::frame::Frame;
use crate::support::program::{Directory, run, text};
use crate::support::service::connect;

/// All that keep something.
const MODES: [&str; 3] = ["guard", "everysec", "always"];
/// The boot of a machine that this one is not; as long as a real name.
const OTHER_BOOT: &str = "00000000-0000-4000-8000-000000000000";
/// What a horizon's slot takes.
const SLOT_BYTES: usize = 512;
const HORIZON: &str = "quintlock.horizon";
const RING: &str = "quintlock.ring";
/// Records of the ring begin behind so much.
const RING_HEADER_BYTES: usize = 64 * 1024;
const MANIFEST: &str = "appendonly.aof.manifest";
const FIRST: &str = "appendonly.aof.1.incr.aof";

/// A directory that a server keeps its files in.
struct Place {
    directory: Directory,
}

impl Place {
    fn new() -> Place {
        Place {
            directory: Directory::new(),
        }
    }

    /// `dir`.
    fn dir(&self) -> &str {
        text(&self.directory.0)
    }

    /// A file of the append-only directory.
    fn file(&self, name: &str) -> PathBuf {
        self.directory.0.join("appendonlydir").join(name)
    }

    /// The names in the append-only directory, sorted.
    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(self.file("")).expect("a directory of files");
        let names = entries.map(|entry| entry.expect("an entry").file_name());
        let mut names: Vec<_> = names
            .map(|name| name.to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    }

    /// What a kill of the server would leave now. The ring comes first: what is taken out of it
    /// meanwhile is in the journal, and in the copy of both.
    fn copy(&self) -> Place {
        let copy = Place::new();
        fs::create_dir(copy.file("")).expect("a new directory");
        for name in self.names().into_iter().rev() {
            fs::copy(self.file(&name), copy.file(&name)).expect("a copy");
        }
        copy
    }

    /// The same, with all of the journal in its file, and none of it in the ring.
    fn settled_copy(&self) -> Place {
        let copy = self.copy();
        let mut ring = fs::read(copy.file(RING)).expect("a ring");
        let [number, length, tail, reach] = ring_place(&ring);
        let name = format!("appendonly.aof.{number}.incr.aof");
        let (at, head) = (length as usize, ring_word(&ring, 8));
        let bytes = &ring[RING_HEADER_BYTES..];
        let frames: Vec<u8> = (tail..head)
            .map(|position| bytes[position as usize % bytes.len()])
            .collect();
        let left = records_in(&frames);
        let mut journal = fs::read(copy.file(&name)).expect("a journal");
        journal.resize(journal.len().max(at + left.len()), 0);
        journal[at..at + left.len()].copy_from_slice(&left);
        fs::write(copy.file(&name), journal).expect("a file can be written");
        let length = length + left.len() as u64;
        put_ring_place(&mut ring, [number, length, head, reach.max(length)]);
        fs::write(copy.file(RING), ring).expect("a ring");
        copy
    }

    /// Lets a ring that is empty say that the journal ends in an increment at this length, and that
    /// its server was about to write up to `reach`.
    fn end_journal_at(&self, number: u64, length: u64, reach: u64) {
        let mut ring = fs::read(self.file(RING)).expect("a ring");
        let [.., tail, _] = ring_place(&ring);
        assert_eq!(tail, ring_word(&ring, 8), "it is empty");
        put_ring_place(&mut ring, [number, length, tail, reach]);
        fs::write(self.file(RING), ring).expect("a ring");
    }

    /// Whether a ring says something, and was not given up by a server that has ended in peace.
    fn has_ring(&self) -> bool {
        fs::read(self.file(RING)).is_ok_and(|ring| ring_word(&ring, 0) != 0)
    }

    /// A server in this process, on a clock that stands still.
    fn start(&self, durability: &str, more: &[(&str, &str)]) -> Server {
        self.try_start(durability, more)
            .unwrap_or_else(|fault| panic!("{fault}"))
    }

    fn try_start(&self, durability: &str, more: &[(&str, &str)]) -> Result<Server, String> {
        let mut options = Options::manual_clock()
            .set("dir", self.dir())
            .set("durability", durability);
        for (name, value) in more {
            options = options.set(name, value);
        }
        Server::start(&options).map_err(|error| error.to_string())
    }

    /// The arguments of a program on this directory.
    fn arguments<'a>(&'a self, durability: &'a str) -> [&'a str; 4] {
        ["--dir", self.dir(), "--durability", durability]
    }

    /// What `check-journal` with these options says of a directory that a server can use.
    fn check(&self, words: &[&str]) -> String {
        let directory = self.file("");
        let output = run(&[&["check-journal"], words, &[text(&directory)]].concat());
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        String::from_utf8(output.stdout).expect("text")
    }

    /// Lets the files look as if they were written before the machine started.
    fn change_boot(&self) {
        let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").expect("Linux tells");
        let boot = boot.trim();
        assert_eq!(boot.len(), OTHER_BOOT.len());
        for name in self.names() {
            let path = self.file(&name);
            let mut bytes = fs::read(&path).expect("a file");
            let wanted = format!("boot={boot}");
            for at in positions(&bytes, wanted.as_bytes()) {
                bytes[at + 5..at + wanted.len()].copy_from_slice(OTHER_BOOT.as_bytes());
            }
            if name == RING {
                let place = ring_place(&bytes);
                bytes[8..16].copy_from_slice(&xxh3_64(OTHER_BOOT.as_bytes()).to_le_bytes());
                put_ring_place(&mut bytes, place);
            }
            if name == HORIZON {
                bytes.chunks_mut(SLOT_BYTES).for_each(sign);
            }
            fs::write(path, bytes).expect("a file can be written");
        }
    }

    /// What the newest horizon says of `field`.
    fn promised(&self, field: &str) -> String {
        let bytes = fs::read(self.file(HORIZON)).expect("a horizon");
        let lines = bytes.chunks(SLOT_BYTES).map(line_of);
        let newest = lines.max_by_key(|line| value_of(line, "count").parse::<u64>().unwrap_or(0));
        value_of(&newest.expect("a slot"), field)
    }

    /// The machine has crashed: of the journal is there what has come to the disk, and it has started
    /// anew.
    fn lose_machine(&self, journal: &str, length: u64) {
        let file = fs::OpenOptions::new()
            .write(true)
            .open(self.file(journal))
            .expect("a journal");
        file.set_len(length).expect("it can be cut");
        self.change_boot();
    }
}

/// A word of a ring's header.
fn ring_word(ring: &[u8], index: usize) -> u64 {
    let bytes = ring[index * 8..index * 8 + 8].try_into();
    u64::from_le_bytes(bytes.expect("a word"))
}

/// Where the first of a place's words stands that is in force.
fn ring_place_at(ring: &[u8]) -> usize {
    if ring_word(ring, 2).is_multiple_of(2) {
        16
    } else {
        24
    }
}

/// The number and the length of the increment that a ring belongs to, its tail, and how far the
/// increment may have been written.
fn ring_place(ring: &[u8]) -> [u64; 4] {
    let at = ring_place_at(ring);
    [0, 1, 2, 3].map(|index| ring_word(ring, at + index))
}

/// Writes the place that is in force, with its checksum over the magic number, the boot, the salt,
/// the end of a wait, the turn and itself.
fn put_ring_place(ring: &mut [u8], place: [u64; 4]) {
    let at = ring_place_at(ring);
    let fixed = [0, 1, 3, 4, 2].map(|index| ring_word(ring, index));
    let all: Vec<u8> = fixed
        .iter()
        .chain(&place)
        .flat_map(|word| word.to_le_bytes())
        .collect();
    for (index, word) in place.into_iter().chain([xxh3_64(&all)]).enumerate() {
        let start = (at + index) * 8;
        ring[start..start + 8].copy_from_slice(&word.to_le_bytes());
    }
}

/// The requests that a ring has in these frames: as they are, or the value of a key with its deadline,
/// its database and the length of the key in front of it. What is erased is left out.
fn records_in(mut frames: &[u8]) -> Vec<u8> {
    let mut records = Vec::new();
    while let [a, b, c, kind, _, _, _, _, rest @ ..] = frames {
        let length = u32::from_le_bytes([*a, *b, *c, 0]) as usize;
        let (record, rest) = rest.split_at(length);
        match kind {
            0x0f => records.extend_from_slice(record),
            0x33 => {
                let deadline_ms = i64::from_le_bytes(record[..8].try_into().expect("8 bytes"));
                let key_length = u32::from_le_bytes(record[12..16].try_into().expect("4 bytes"));
                let (key, value) = record[16..].split_at(key_length as usize);
                let deadline = deadline_ms.to_string();
                let mut words = vec![&b"SET"[..], key, value];
                if deadline_ms != i64::MIN {
                    words.extend([&b"PXAT"[..], deadline.as_bytes()]);
                }
                let words = words
                    .into_iter()
                    .map(|word| Frame::Blob(b'$', word.to_vec()));
                records.extend(Frame::Aggregate(b'*', words.collect()).encode());
            }
            _ => assert_eq!(*kind, 0x55),
        }
        frames = rest;
    }
    records
}

fn positions(bytes: &[u8], wanted: &[u8]) -> Vec<usize> {
    let windows = bytes.windows(wanted.len()).enumerate();
    windows
        .filter(|(_, window)| *window == wanted)
        .map(|(at, _)| at)
        .collect()
}

/// The line of a slot of the horizon.
fn line_of(slot: &[u8]) -> String {
    let line = slot.split(|byte| *byte == b'\n').next();
    String::from_utf8_lossy(line.unwrap_or_default()).into_owned()
}

fn value_of(line: &str, field: &str) -> String {
    let mut words = line.split(' ');
    let value = words.find_map(|word| word.strip_prefix(field)?.strip_prefix('='));
    value.unwrap_or_default().to_owned()
}

/// Makes the checksum of a slot right again.
fn sign(slot: &mut [u8]) {
    let line = line_of(slot);
    if let Some((_, text)) = line.split_once(' ') {
        let sum = format!("{:016x}", xxh3_64(text.as_bytes()));
        slot[..sum.len()].copy_from_slice(sum.as_bytes());
    }
}

/// Every key with its value and what is left of its time in milliseconds, -1 for no end.
type State = BTreeMap<(usize, Vec<u8>), (Vec<u8>, i64)>;

fn state(client: &mut Connection, databases: usize) -> State {
    let mut state = State::new();
    for database in 0..databases {
        assert_eq!(client.ask(&format!("SELECT {database}")), "+OK");
        for key in strings(client.call(&["KEYS", "*"])) {
            let value = strings(client.call(&[&b"MGET"[..], &key])).remove(0);
            let rest = number(&client.call(&[&b"PTTL"[..], &key]));
            state.insert((database, key), (value, rest));
        }
    }
    assert_eq!(client.ask("SELECT 0"), "+OK");
    state
}

/// The same keys and values. A file has whole milliseconds of wall time and rounds up, so a lock
/// may live for one more.
fn assert_same(found: &State, expected: &State) {
    let shown = |state: &State| -> Vec<String> {
        let all = state.iter().map(|((database, key), (value, rest))| {
            let (key, value) = (key.escape_ascii(), value.escape_ascii());
            format!("{database} {key} = {value} for {rest}")
        });
        all.collect()
    };
    let is_same = expected.keys().all(|key| found.contains_key(key))
        && found
            .iter()
            .all(|(key, (value, rest))| match expected.get(key) {
                Some((expected, ms)) => {
                    value == expected && (rest == ms || *ms > 0 && *rest == ms + 1)
                }
                None => *rest == 1,
            });
    assert!(
        is_same,
        "{:#?}\ninstead of {:#?}",
        shown(found),
        shown(expected)
    );
}

/// The rest of a lock, as the same rounding leaves it.
fn assert_rest(client: &mut Connection, key: &str, ms: i64) {
    let rest_ms = number(&client.call(&["PTTL", key]));
    assert!(
        (ms..=ms + 1).contains(&rest_ms),
        "{rest_ms} instead of {ms}"
    );
}

/// The strings of an array.
fn strings(frame: Frame) -> Vec<Vec<u8>> {
    match frame {
        Frame::Aggregate(_, items) => items
            .into_iter()
            .map(|item| match item {
                Frame::Blob(_, bytes) => bytes,
                other => panic!("no string: {other}"),
            })
            .collect(),
        other => panic!("no array: {other}"),
    }
}

fn number(frame: &Frame) -> i64 {
    match frame {
        Frame::Line(b':', digits) => String::from_utf8_lossy(digits).parse().expect("a number"),
        other => panic!("no number: {other}"),
    }
}

/// What a copy of the directory holds, seen by a server as far in time as `advanced`.
fn state_after_kill(place: &Place, durability: &str, advanced: Duration) -> State {
    let copy = place.copy();
    let server = copy.start(durability, &[]);
    server.advance(advanced);
    state(&mut connect(&server), 16)
}

/// The bytes of a file without the space behind its records.
fn records(path: &Path) -> Vec<u8> {
    let mut bytes = fs::read(path).expect("a file");
    let length = bytes
        .iter()
        .rposition(|byte| *byte != 0)
        .map_or(0, |at| at + 1);
    bytes.truncate(length);
    bytes
}
