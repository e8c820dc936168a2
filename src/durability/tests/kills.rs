//! A kill between any two steps of a start and of an end: the next start has everything, and waits for
//! nothing.

use std::fs;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use proptest::prelude::*;

use super::place::{Place, Running};
use crate::durability::storage::Step;
use crate::keyspace::{Event, Expiry};

/// Kills whoever comes to the step of this number, counted from 0; `count` has how many there were.
/// Space that is filled with zeros piece by piece is one step.
fn kill_at(
    number: usize,
    count: &Arc<AtomicUsize>,
) -> impl FnMut(Step, &str) -> io::Result<()> + Send + use<> {
    let count = Arc::clone(count);
    let mut last = None;
    move |step, name| {
        let this = Some((step, name.to_owned()));
        if last != this {
            last = this;
            assert!(count.fetch_add(1, Ordering::SeqCst) != number, "killed");
        }
        Ok(())
    }
}

/// Runs `scene` with a kill at its first step, at its second one, and so on until it comes to its end,
/// each time on another place; `prepare` is what comes before.
fn kill_everywhere(
    mode: &'static str,
    prepare: impl Fn(&Place),
    scene: impl Fn(&Place, usize, &Arc<AtomicUsize>),
) {
    for number in 0.. {
        let place = Place::new(mode);
        prepare(&place);
        let count = Arc::default();
        let ended = catch_unwind(AssertUnwindSafe(|| scene(&place, number, &count)));
        let server = place.start();
        assert!(server.holds("lock"), "{mode}, killed at step {number}");
        assert!(!server.holds("released"), "{mode}, killed at step {number}");
        assert_eq!(server.loading_ms(), None, "{mode}, killed at step {number}");
        if ended.is_ok() {
            assert_eq!(count.load(Ordering::SeqCst), number);
            assert!(number > 2, "there were steps");
            break;
        }
    }
}

/// A lock that is held, for long enough to be promised something, and one that was released.
fn use_it(server: &Running) {
    let now = server.keeper.clock.now();
    for key in [&b"lock"[..], b"released"] {
        let mut guard = server.keyspace.key(0, key, now);
        guard.set(b"token", Expiry::At(now.after_millis(30_000)), Event::Set);
    }
    let mut guard = server.keyspace.key(0, b"released", now);
    guard.remove(Event::Del);
    drop(guard);
    server.keeper.promise().unwrap();
}

fn start_and_use(place: &Place) -> Running {
    let server = place.start();
    use_it(&server);
    server
}

#[test]
fn a_kill_in_the_first_start_leaves_nothing_to_wait_for() {
    for mode in ["guard", "always"] {
        for number in 0.. {
            let place = Place::new(mode);
            let count = Arc::default();
            let start = || drop(place.try_start(kill_at(number, &count)));
            let ended = catch_unwind(AssertUnwindSafe(start));
            assert_eq!(place.start().loading_ms(), None, "{mode}, step {number}");
            if ended.is_ok() {
                assert!(number > 2, "there were steps");
                break;
            }
        }
    }
}

#[test]
fn a_kill_in_a_start_after_a_kill_changes_nothing() {
    for mode in ["guard", "always"] {
        kill_everywhere(
            mode,
            |place| drop(start_and_use(place)),
            |place, number, count| drop(place.try_start(kill_at(number, count))),
        );
    }
}

#[test]
fn a_kill_in_a_start_after_a_peaceful_end_changes_nothing() {
    for mode in ["guard", "always"] {
        kill_everywhere(
            mode,
            |place| start_and_use(place).keeper.close().unwrap(),
            |place, number, count| drop(place.try_start(kill_at(number, count))),
        );
    }
}

#[test]
fn a_kill_in_a_peaceful_end_changes_nothing() {
    for mode in ["guard", "always"] {
        kill_everywhere(
            mode,
            |_| (),
            |place, number, count| {
                let server = start_and_use(place);
                server.fail(kill_at(number, count));
                server.keeper.close().unwrap();
            },
        );
    }
}

#[test]
fn a_kill_in_a_rewrite_changes_nothing() {
    kill_everywhere(
        "guard",
        |_| (),
        |place, number, count| {
            let server = start_and_use(place);
            server.fail(kill_at(number, count));
            assert!(server.rewrite());
        },
    );
}

#[test]
fn a_kill_after_a_rewrite_that_could_not_move_changes_nothing() {
    let place = Place::new("guard");
    let server = start_and_use(&place);
    // The new increment is named, and the old one does not take what is in the ring.
    server.fail(|step, name| match (step, name) {
        (Step::Write, "appendonly.aof.1.incr.aof") => Err(io::ErrorKind::StorageFull.into()),
        _ => Ok(()),
    });
    assert!(!server.rewrite());
    assert!(place.file("appendonly.aof.2.incr.aof").exists());
    drop(server);
    let server = place.start();
    assert!(server.holds("lock") && server.loading_ms().is_none());
    // Nor does it after a peaceful end.
    server.keeper.close().unwrap();
    drop(server);
    let server = place.start();
    assert!(server.holds("lock") && server.loading_ms().is_none());
    assert!(server.rewrite());
    drop(server);
    assert!(place.start().holds("lock"));
}

/// A value that looks like records, annotations and unused space.
fn tricky() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        Just(b"*1\r\n$8\r\nFLUSHALL\r\n".to_vec()),
        Just(b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$9999\r\n".to_vec()),
        Just(b"*1\r\n$5\r\nMULTI\r\n".to_vec()),
        Just(b"#QL:end now=1 unix=1\r\n".to_vec()),
        Just(vec![0; 5000]),
        prop::collection::vec(any::<u8>(), 0..100),
    ];
    prop::collection::vec(piece, 1..40).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(debug_assertions) { 24 } else { 1000 }))]

    #[test]
    fn a_kill_in_the_middle_of_a_large_value_leaves_all_before(
        pieces in tricky(),
        cut in any::<prop::sample::Index>(),
    ) {
        let place = Place::new("guard");
        let server = start_and_use(&place);
        let file = place.file("appendonly.aof.1.incr.aof");
        let begin = fs::read(&file).unwrap().len();
        // Larger than the ring.
        let value = pieces.repeat(600 * 1024 / pieces.len() + 1);
        let written = Arc::new(AtomicUsize::new(0));
        let steps = Arc::clone(&written);
        server.fail(move |step, _| {
            // The ring goes to the file first.
            assert!(step != Step::Write || steps.fetch_add(1, Ordering::SeqCst) == 0, "killed");
            Ok(())
        });
        let killed = catch_unwind(AssertUnwindSafe(|| {
            let now = server.keeper.clock.now();
            server.keyspace.key(0, b"large", now).set(&value, Expiry::Never, Event::Set);
        }));
        prop_assert!(killed.is_err());
        drop(server);
        let end = fs::read(&file).unwrap().len();
        prop_assert!(end > begin);
        let record = [b"*3\r\n$3\r\nSET\r\n$5\r\nlarge\r\n$614400\r\n", &value[..]].concat();
        let piece = &record[..cut.index(record.len() + 1)];
        let opened = fs::OpenOptions::new().write(true).open(&file).unwrap();
        opened.write_all_at(piece, end as u64).unwrap();
        let server = place.start();
        prop_assert!(server.holds("lock") && !server.holds("large"));
        prop_assert_eq!(server.loading_ms(), None);
        use_it(&server);
        drop(server);
        let server = place.start();
        prop_assert!(server.holds("lock") && server.loading_ms().is_none());
    }
}
