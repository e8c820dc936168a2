//! A ring that cannot be used after a kill: what was granted in it is waited for.
//!
//! And files of the versions before and behind this one, whose rings are of another form.

use std::fs;
use std::time::Duration;

use xxhash_rust::xxh3::xxh3_64;

use super::{
    FIRST, HORIZON, MANIFEST, Place, RING, RING_HEADER_BYTES, SLOT_BYTES, put_ring_place, records,
    ring_place, ring_word,
};
use crate::support::client::Connection;
use crate::support::service::connect;

const LOCKS: usize = 30;
/// As far as a promise reaches for locks of 30 s.
const PROMISE: Duration = Duration::from_secs(40);

/// A server has granted locks, of which a promise and the ring alone know, and was killed.
fn killed(mode: &str) -> Place {
    let place = Place::new();
    let server = place.start(mode, &[]);
    assert_eq!(connect(&server).ask("SET first token NX PX 30000"), "+OK");
    server.fault(quintlock::Fault::Crash);
    drop(server);
    // The promise that stands was there before what follows.
    let server = place.start(mode, &[]);
    let mut client = connect(&server);
    for number in 0..LOCKS {
        let grant = format!("SET lock:{number} token NX PX 30000");
        assert_eq!(client.ask(&grant), "+OK");
    }
    place.copy()
}

fn there(client: &mut Connection) -> String {
    let names = (0..LOCKS).map(|number| format!(" lock:{number}"));
    client.ask(&format!("EXISTS{}", names.collect::<String>()))
}

/// Whether all locks are there, or nothing is granted until none of them can be held.
fn assert_kept_or_waited_for(place: &Place, mode: &str, what: &str) {
    let server = place.start(mode, &[]);
    let mut client = connect(&server);
    let found = there(&mut client);
    if found != format!(":{LOCKS}") {
        assert_waited_for(place, &server, what);
    }
}

fn assert_waited_for(place: &Place, server: &quintlock::Server, what: &str) {
    let is_loading = |server: &quintlock::Server| {
        let answer = connect(server).ask("SET lock:0 other NX PX 1");
        assert!(
            answer == "+OK" || answer.starts_with("-LOADING"),
            "{answer}"
        );
        answer != "+OK"
    };
    assert!(is_loading(server), "{what}");
    // A server that is killed while it waits waits again.
    let again = place.copy().start("guard", &[]);
    assert!(is_loading(&again), "{what}");
    server.advance(PROMISE - Duration::from_millis(1));
    assert!(is_loading(server), "{what}");
    server.advance(Duration::from_millis(1));
    assert!(!is_loading(server), "{what}");
}

/// Changes the bytes of a ring.
fn change(place: &Place, change: impl FnOnce(&mut Vec<u8>)) {
    let mut ring = fs::read(place.file(RING)).expect("a ring");
    change(&mut ring);
    fs::write(place.file(RING), ring).expect("a ring");
}

#[test]
fn a_ring_that_is_there_is_read_and_nothing_is_waited_for() {
    for mode in super::MODES {
        let place = killed(mode);
        let server = place.start(mode, &[]);
        assert_eq!(there(&mut connect(&server)), format!(":{LOCKS}"));
    }
}

/// What may have come over a ring, and how it does.
type Spoil = (&'static str, fn(&Place));

#[test]
fn a_ring_that_is_missing_cut_or_another_is_waited_for() {
    let spoils: [Spoil; 7] = [
        ("missing", |place| {
            fs::remove_file(place.file(RING)).expect("a ring")
        }),
        ("empty", |place| change(place, Vec::clear)),
        ("cut to its header", |place| {
            change(place, |ring| ring.truncate(RING_HEADER_BYTES))
        }),
        ("cut", |place| {
            change(place, |ring| ring.truncate(RING_HEADER_BYTES + 4096))
        }),
        ("nonsense", |place| change(place, |ring| ring.fill(b'7'))),
        ("earlier", |place| {
            change(place, |ring| ring[..8].copy_from_slice(b"QLRING02"))
        }),
        ("later", |place| {
            change(place, |ring| ring[..8].copy_from_slice(b"QLRING04"))
        }),
    ];
    for (what, spoil) in spoils {
        for mode in ["guard", "everysec"] {
            let place = killed(mode);
            spoil(&place);
            let server = place.start(mode, &[]);
            assert_waited_for(&place, &server, what);
        }
        // What was acknowledged is in the file.
        let place = killed("always");
        spoil(&place);
        let server = place.start("always", &[]);
        assert_eq!(there(&mut connect(&server)), format!(":{LOCKS}"), "{what}");
    }
}

#[test]
fn a_flipped_bit_is_noticed_wherever_it_stands() {
    let place = killed("guard");
    let ring = fs::read(place.file(RING)).expect("a ring");
    let [_, _, tail, _] = ring_place(&ring);
    let head = ring_word(&ring, 8);
    assert!(tail < head, "the locks are in the ring alone");
    let mut places: Vec<usize> = [0, 1, 2, 3, 4, 8].map(|word| word * 8).to_vec();
    places.extend((16..21).map(|word| word * 8));
    places.extend((24..29).map(|word| word * 8));
    let mut position = tail as usize;
    while position < head as usize {
        let at = RING_HEADER_BYTES + position;
        places.push(at);
        position += 8 + u32::from_le_bytes([ring[at], ring[at + 1], ring[at + 2], 0]) as usize;
    }
    // One bit of each of them, another one each time.
    for (turn, at) in places.into_iter().enumerate() {
        for bit in [turn % 64, turn * 7 % 24, 63 - turn % 8] {
            let copy = place.copy();
            change(&copy, |ring| ring[at + bit / 8] ^= 1 << (bit % 8));
            assert_kept_or_waited_for(&copy, "guard", &format!("bit {bit} at {at}"));
        }
    }
}

#[test]
fn a_journal_that_is_shorter_than_the_ring_says_is_waited_for() {
    let place = killed("guard").settled_copy();
    let length = records(&place.file(FIRST)).len() as u64;
    for cut in [0, 1, length / 2, length - 1] {
        let copy = place.copy();
        let file = fs::OpenOptions::new().write(true).open(copy.file(FIRST));
        file.expect("a journal")
            .set_len(cut)
            .expect("it can be cut");
        let server = copy.start("guard", &[]);
        assert_waited_for(&copy, &server, &format!("cut at {cut}"));
    }
}

#[test]
fn what_a_redis_has_written_on_after_a_kill_stays_and_the_ring_is_waited_for() {
    let place = killed("guard");
    let ring = fs::read(place.file(RING)).expect("a ring");
    let [_, length, ..] = ring_place(&ring);
    let mut journal = fs::read(place.file(FIRST)).expect("a journal");
    journal.truncate(length as usize);
    journal.extend(b"*3\r\n$3\r\nSET\r\n$5\r\nredis\r\n$1\r\n1\r\n");
    fs::write(place.file(FIRST), journal).expect("a journal");
    let server = place.start("guard", &[]);
    assert_waited_for(&place, &server, "a Redis has written");
    assert_eq!(connect(&server).ask("GET redis"), "$\"1\"");
}

#[test]
fn what_a_redis_has_written_on_after_a_peaceful_end_is_waited_for_by_nobody() {
    let place = Place::new();
    let server = place.start("guard", &[]);
    assert_eq!(connect(&server).ask("SET lock token NX PX 30000"), "+OK");
    drop(server);
    let mut journal = fs::read(place.file(FIRST)).expect("a journal");
    journal.extend(b"*3\r\n$3\r\nSET\r\n$5\r\nredis\r\n$1\r\n1\r\n");
    fs::write(place.file(FIRST), journal).expect("a journal");
    let server = place.start("guard", &[]);
    assert_eq!(
        connect(&server).ask("MGET lock redis"),
        "*2 $\"token\" $\"1\""
    );
}

/// The boot that the system is in.
fn boot_id() -> String {
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").expect("Linux tells");
    boot.trim().to_owned()
}

/// The files that version 0.1 left on a machine that goes on: a journal with one lock in its file, and
/// whatever ring.
fn earlier(end: &str, horizon_length: usize, ring: Option<&[u8]>) -> Place {
    let place = Place::new();
    fs::create_dir(place.file("")).expect("a directory");
    let boot = boot_id();
    let journal = format!(
        "#QL:boot={boot} now=1000000 unix=1700000000000000\r\n\
         *2\r\n$6\r\nSELECT\r\n$1\r\n0\r\n\
         *5\r\n$3\r\nSET\r\n$5\r\nfirst\r\n$5\r\ntoken\r\n$4\r\nPXAT\r\n$13\r\n1700000030000\r\n{end}"
    );
    fs::write(place.file(FIRST), &journal).expect("a file");
    let manifest = format!("file {FIRST} seq 1 type i\n");
    fs::write(place.file(MANIFEST), manifest).expect("a file");
    let text = format!(
        "quintlock-horizon-1 count=2 boot={boot} until=41000000 written=1000000 \
         length={horizon_length} journal={FIRST}"
    );
    let line = format!("{:016x} {text}\n", xxh3_64(text.as_bytes()));
    let mut slots = vec![b'\n'; 2 * SLOT_BYTES];
    slots[..line.len()].copy_from_slice(line.as_bytes());
    fs::write(place.file(HORIZON), slots).expect("a file");
    if let Some(ring) = ring {
        fs::write(place.file(RING), ring).expect("a file");
    }
    place
}

/// A ring of version 0.1: heads of four bytes, places of three words and no checksum.
fn earlier_ring(length: u64, request: &[u8]) -> Vec<u8> {
    let mut ring = vec![0; RING_HEADER_BYTES + 512 * 1024];
    let mut put = |word: usize, value: u64| {
        ring[word * 8..word * 8 + 8].copy_from_slice(&value.to_le_bytes());
    };
    put(0, u64::from_le_bytes(*b"QLRING02"));
    put(1, xxh3_64(boot_id().as_bytes()));
    put(2, 1);
    put(8, 4 + request.len() as u64);
    put(19, 1);
    put(20, length);
    let head = (request.len() as u32).to_le_bytes();
    ring[RING_HEADER_BYTES..RING_HEADER_BYTES + 4].copy_from_slice(&head);
    let begin = RING_HEADER_BYTES + 4;
    ring[begin..begin + request.len()].copy_from_slice(request);
    ring
}

#[test]
fn an_upgrade_after_a_kill_waits_for_what_was_in_the_earlier_ring() {
    let length = fs::metadata(earlier("", 0, None).file(FIRST))
        .expect("a file")
        .len();
    let request = b"*3\r\n$3\r\nSET\r\n$6\r\nlock:0\r\n$5\r\ntoken\r\n";
    let ring = earlier_ring(length, request);
    for ring in [Some(&ring[..]), None] {
        // The promise speaks of no more than the file has.
        let place = earlier("", length as usize, ring);
        let server = place.start("guard", &[]);
        assert_waited_for(&place, &server, "an earlier version was killed");
    }
}

#[test]
fn an_upgrade_after_a_peaceful_end_waits_for_nothing() {
    let place = earlier("#QL:end now=2000000 unix=1700000001000000\r\n", 50, None);
    let server = place.start("guard", &[]);
    let mut client = connect(&server);
    assert_eq!(client.ask("GET first"), "$\"token\"");
    super::assert_rest(&mut client, "first", 30_000);
}

#[test]
fn an_earlier_version_takes_the_end_for_lost_after_a_kill_and_for_whole_after_a_peaceful_end() {
    let place = Place::new();
    let server = place.start("guard", &[]);
    assert_eq!(connect(&server).ask("SET lock token NX PX 30000"), "+OK");
    // It waits for a promise of this boot whose length is no number.
    assert_eq!(place.promised("length"), "lost");
    assert_eq!(place.promised("until"), "41000000");
    drop(server);
    let length = fs::metadata(place.file(FIRST)).expect("a journal").len();
    assert_eq!(place.promised("length"), length.to_string());
    assert_eq!(place.promised("journal"), FIRST);
    let horizon = fs::read_to_string(place.file(HORIZON)).expect("a horizon of text");
    assert!(horizon.contains(" quintlock-horizon-1 count="));
}

#[test]
fn a_later_version_of_the_horizon_is_waited_for_as_long_as_any_lock_may_live() {
    let place = killed("guard");
    let slots = fs::read_to_string(place.file(HORIZON)).expect("a horizon of text");
    let later = slots.replace("quintlock-horizon-1", "quintlock-horizon-9");
    let mut later = later.into_bytes();
    later.chunks_mut(SLOT_BYTES).for_each(super::sign);
    fs::write(place.file(HORIZON), later).expect("a file");
    let ring_is_believed = place.copy().start("guard", &[]);
    assert_eq!(there(&mut connect(&ring_is_believed)), format!(":{LOCKS}"));
    place.change_boot();
    let server = place.start("guard", &[]);
    server.advance(Duration::from_millis(3_599_999));
    assert!(connect(&server).ask("GET lock:0").starts_with("-LOADING"));
    server.advance(Duration::from_millis(1));
    assert_eq!(connect(&server).ask("GET lock:0"), "$-1");
}

#[test]
fn a_ring_of_a_server_that_waits_says_for_how_long() {
    let place = killed("guard");
    fs::remove_file(place.file(RING)).expect("a ring");
    let server = place.start("guard", &[]);
    let copy = place.copy();
    drop(server);
    // The horizon of before the wait: the machine did not crash, so it is not needed.
    let ring = fs::read(copy.file(RING)).expect("a ring");
    assert_eq!(ring_word(&ring, 4), 41_000_000);
    fs::remove_file(copy.file(HORIZON)).expect("a horizon");
    let server = copy.start("guard", &[]);
    assert!(connect(&server).ask("GET lock:0").starts_with("-LOADING"));
    server.advance(PROMISE);
    assert_eq!(connect(&server).ask("GET lock:0"), "$-1");
}

#[test]
fn the_checksum_that_the_tests_make_up_is_that_of_a_server() {
    let place = killed("guard");
    let ring = fs::read(place.file(RING)).expect("a ring");
    let mut same = ring.clone();
    put_ring_place(&mut same, ring_place(&ring));
    assert!(same == ring);
}
