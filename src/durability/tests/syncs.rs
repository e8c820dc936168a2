//! Syncs and rewrites at one time.

use std::cell::Cell;
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::time::Duration;

use super::place::Place;

/// The first sync after a kill asks for the files that are listed; a rewrite lists a new one and then
/// waits for whoever syncs.
#[test]
fn a_sync_of_old_files_goes_on_while_a_rewrite_begins() {
    let place = Place::new("everysec");
    place.start().take("before");
    let server = place.start();
    server.take("lock");
    let is_first = Cell::new(true);
    let still = || {
        if is_first.replace(false) {
            let (tell, told) = channel();
            let keeper = Arc::clone(&server.keeper);
            std::thread::spawn(move || tell.send(keeper.sync().is_ok()));
            let is_synced = told.recv_timeout(Duration::from_secs(20));
            assert_eq!(is_synced, Ok(true), "nobody waits for anybody");
        }
        Some(())
    };
    assert!(server.keeper.rewriting.begin());
    server.keeper.rewrite(&server.keyspace, still);
    assert_eq!(server.keeper.rewrite_state().rewrites, 1);
}
