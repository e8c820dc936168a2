//! A disk that fails at any step: nothing is told to be on it that may not be.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use super::place::{Place, Running, Taken};
use crate::durability::health::Recovery;
use crate::durability::storage::Step;
use crate::sync::Mutex;

const FIRST: &str = "appendonly.aof.1.incr.aof";
const SECOND: &str = "appendonly.aof.2.incr.aof";
const MANIFEST: &str = "appendonly.aof.manifest";

fn broken() -> io::Error {
    io::Error::from_raw_os_error(5)
}

fn full() -> io::Error {
    io::ErrorKind::StorageFull.into()
}

/// More steps than anything here takes.
const STEPS_MAX: usize = 200;

/// What `work` does to its files on a fresh server with a lock that is not synced.
fn steps_of(mode: &'static str, work: impl Fn(&Running)) -> Vec<Taken> {
    let place = Place::new(mode);
    let server = place.start();
    server.take("lock");
    let taken = server.fail_step(STEPS_MAX, broken);
    work(&server);
    let steps = taken.lock().clone();
    assert!(steps.len() < STEPS_MAX);
    steps
}

#[test]
fn after_a_failed_sync_none_counts_until_the_journal_is_rewritten() {
    let place = Place::new("always");
    let server = place.start();
    let keeper = &server.keeper;
    server.take("synced");
    keeper.sync().unwrap();
    server.take("dropped");
    let ticket = keeper.ask_for_sync().unwrap();
    server.fail_step(0, broken);
    assert!(keeper.sync().is_err() && keeper.sync().is_err());
    assert!(keeper.is_failing() && !keeper.is_reached(ticket));
    server.mend();
    assert!(keeper.sync().is_err() && !keeper.is_reached(ticket));
    assert_eq!(keeper.storage.health.recover(), Recovery::NeedsRewrite);
    assert!(server.rewrite());
    assert_eq!(keeper.storage.health.recover(), Recovery::Done);
    keeper.sync().unwrap();
    assert!(!keeper.is_failing() && keeper.is_reached(ticket));
}

#[test]
fn a_failed_sync_is_not_forgotten_by_a_kill() {
    for mode in ["guard", "everysec", "always"] {
        let place = Place::new(mode);
        let server = place.start();
        server.take("lock");
        server.fail_step(0, broken);
        assert!(server.keeper.sync().is_err(), "{mode}");
        drop(server);
        // However often it is killed before it has rewritten the journal.
        for _ in 0..2 {
            let server = place.start();
            assert!(server.keeper.is_failing(), "{mode}");
            assert!(server.keeper.sync().is_err(), "{mode}");
            assert!(server.keeper.close().is_err(), "{mode}");
        }
        let server = place.start();
        assert!(server.rewrite(), "{mode}");
        assert_eq!(server.keeper.storage.health.recover(), Recovery::Done);
        assert!(server.keeper.sync().is_ok(), "{mode}");
        drop(server);
        let server = place.start();
        assert!(
            !server.keeper.is_failing() && server.holds("lock"),
            "{mode}"
        );
    }
}

#[test]
fn a_release_that_the_disk_did_not_take_is_not_told_to_be_synced() {
    for mode in ["guard", "everysec", "always"] {
        let place = Place::new(mode);
        let server = place.start();
        let keeper = &server.keeper;
        // Its release is larger than the ring.
        let key = "k".repeat(600_000);
        server.take(&key);
        keeper.sync().unwrap();
        assert_eq!(keeper.ask_for_sync(), None);
        server.fail(|_, _| Err(full()));
        server.release(&key);
        server.mend();
        let ticket = keeper.ask_for_sync().expect("it is not on the disk");
        assert!(!keeper.is_reached(ticket), "{mode}");
        assert!(server.rewrite());
        let _ = keeper.sync();
        assert!(keeper.is_reached(ticket) && keeper.ask_for_sync().is_none());
    }
}

#[test]
fn a_failed_sync_of_the_file_that_a_rewrite_leaves_counts_until_there_is_a_base() {
    for mode in ["guard", "everysec", "always"] {
        let place = Place::new(mode);
        let server = place.start();
        let keeper = &server.keeper;
        server.take("lock");
        let ticket = keeper.ask_for_sync().unwrap();
        // The disk takes nothing at all from the sync of the old file on.
        let has_failed = Mutex::new(false);
        server.fail(move |step, name| {
            *has_failed.lock() |= step == Step::Sync && name == FIRST;
            match *has_failed.lock() {
                true => Err(broken()),
                false => Ok(()),
            }
        });
        assert!(!server.rewrite());
        server.mend();
        server.take("another");
        assert!(
            keeper.sync().is_err() && !keeper.is_reached(ticket),
            "{mode}"
        );
        assert!(keeper.is_failing(), "{mode}");
        // And if it has taken the base, this has all.
        assert!(server.rewrite());
        keeper.sync().unwrap();
        assert!(keeper.is_reached(ticket), "{mode}");
        server.take("third");
        server.fail(|step, name| match (step, name) {
            (Step::Sync, "appendonly.aof.3.incr.aof") => Err(broken()),
            _ => Ok(()),
        });
        assert!(server.rewrite(), "{mode}");
        keeper.sync().unwrap();
        assert_eq!(keeper.storage.health.recover(), Recovery::Done);
    }
}

#[test]
fn whatever_fails_in_a_rewrite_grants_are_refused_until_one_has_succeeded() {
    let steps = steps_of("guard", |server| assert!(server.rewrite()));
    let has = |step, name: &str| steps.contains(&(step, name.to_owned()));
    assert!(has(Step::Sync, FIRST) && has(Step::Cut, FIRST) && has(Step::Open, SECOND));
    assert!(has(Step::Rename, MANIFEST) && has(Step::Sync, "appendonlydir"));
    for (number, step) in steps.iter().enumerate() {
        let place = Place::new("guard");
        let server = place.start();
        let keeper = &server.keeper;
        server.take("lock");
        let ticket = keeper.ask_for_sync().unwrap();
        server.fail_step(number, broken);
        let is_rewritten = server.rewrite();
        server.mend();
        assert!(keeper.is_failing(), "{step:?}");
        server.take("refused");
        assert_eq!(keeper.sync().is_ok(), is_rewritten, "{step:?}");
        assert_eq!(keeper.is_reached(ticket), is_rewritten, "{step:?}");
        assert!(is_rewritten || keeper.rewrite_state().failures == 1);
        assert!(server.rewrite(), "{step:?}");
        keeper.sync().unwrap();
        assert_eq!(keeper.storage.health.recover(), Recovery::Done, "{step:?}");
        assert!(
            !keeper.is_failing() && keeper.is_reached(ticket),
            "{step:?}"
        );
        drop(server);
        let server = place.start();
        assert!(server.holds("lock") && server.holds("refused"), "{step:?}");
    }
}

#[test]
fn a_rewrite_that_finds_the_disk_full_leaves_no_doubt() {
    let steps = steps_of("guard", |server| assert!(server.rewrite()));
    for (number, step) in steps.iter().enumerate() {
        let place = Place::new("guard");
        let server = place.start();
        server.take("lock");
        server.fail_step(number, full);
        let is_rewritten = server.rewrite();
        server.mend();
        assert!(server.keeper.is_failing(), "{step:?}");
        // But for a sync: what the system has dropped is in nobody's hands.
        let has_no_doubt = step.0 != Step::Sync || is_rewritten;
        let recovery = server.keeper.storage.health.recover();
        assert_eq!(recovery == Recovery::Done, has_no_doubt, "{step:?}");
        drop(server);
        assert!(place.start().holds("lock"), "{step:?}");
    }
}

/// A server that was killed when a rewrite had named the second increment and had not synced the
/// first one, and was started again.
fn started_in_a_rewrite(mode: &'static str) -> (Place, Running) {
    let place = Place::new(mode);
    let server = place.start();
    server.take("lock");
    server.fail(|step, name| match (step, name) {
        (Step::Sync, FIRST) => panic!("killed"),
        _ => Ok(()),
    });
    assert!(catch_unwind(AssertUnwindSafe(|| server.rewrite())).is_err());
    drop(server);
    let server = place.start();
    assert!(server.holds("lock"));
    (place, server)
}

#[test]
fn a_peaceful_end_syncs_all_that_a_start_would_read_before_it_says_so() {
    for mode in ["guard", "everysec", "always"] {
        let (place, server) = started_in_a_rewrite(mode);
        let taken = server.fail_step(STEPS_MAX, broken);
        server.keeper.close().unwrap();
        assert_eq!(place.text().matches("#QL:end").count(), 1);
        let steps = taken.lock().clone();
        let last = |wanted: &Taken| steps.iter().rposition(|step| step == wanted);
        let mark = last(&(Step::Write, SECOND.to_owned())).expect("a mark");
        for name in [FIRST, SECOND, MANIFEST, "appendonlydir"] {
            let sync = (Step::Sync, name.to_owned());
            let first = steps.iter().position(|step| *step == sync);
            assert!(first.is_some_and(|at| at < mark), "{mode}: {name}");
        }
        let sync = last(&(Step::Sync, SECOND.to_owned()));
        assert!(sync.is_some_and(|at| at > mark), "{mode}");
        drop(server);
        assert!(place.start().holds("lock"));
    }
}

#[test]
fn an_end_that_does_not_succeed_says_nothing() {
    let (_place, server) = started_in_a_rewrite("guard");
    let taken = server.fail_step(STEPS_MAX, broken);
    server.keeper.close().unwrap();
    let steps = taken.lock().clone();
    let mark = (Step::Write, SECOND.to_owned());
    let mark = steps
        .iter()
        .rposition(|step| *step == mark)
        .expect("a mark");
    for (number, step) in steps.iter().enumerate().take(mark) {
        let (place, server) = started_in_a_rewrite("guard");
        server.fail_step(number, broken);
        assert!(server.keeper.close().is_err(), "{step:?}");
        assert!(!place.text().contains("#QL:end"), "{step:?}");
        drop(server);
        assert!(place.start().holds("lock"));
    }
}

#[test]
fn an_end_after_a_failure_says_nothing() {
    let place = Place::new("guard");
    let server = place.start();
    server.take("lock");
    server.keeper.ask_for_sync();
    server.fail_step(0, broken);
    assert!(server.keeper.sync().is_err());
    server.mend();
    assert!(server.keeper.close().is_err());
    assert!(!place.text().contains("#QL:end"));
    let shared = Arc::clone(&server.keeper);
    assert!(server.rewrite());
    shared.close().unwrap();
    assert!(place.text().contains("#QL:end"));
}
