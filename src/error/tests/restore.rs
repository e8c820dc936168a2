//! The sentences that say why a server does not start from its files.

use std::io;
use std::path::{Path, PathBuf};

use super::*;

#[test]
fn every_reason_not_to_start_from_the_files_has_its_sentence() {
    let path = PathBuf::from("a/b.aof");
    let denied = io::Error::new(io::ErrorKind::PermissionDenied, "denied");
    let rows = [
        (
            RestoreError::Locked(PathBuf::from("a")),
            "another server uses a (give each server a --dir of its own)",
        ),
        (
            RestoreError::system("make the directory", Path::new("a"), &denied),
            "cannot make the directory a: denied (try another --dir, or --durability none)",
        ),
        (
            RestoreError::Files {
                directory: PathBuf::from("a"),
                fault: JournalError::NoManifest {
                    path: "a".to_owned(),
                },
            },
            "a has no manifest (name the directory of the append-only files, or one file) (try \
             `quintlock check-journal a`)",
        ),
        (
            RestoreError::Unlisted {
                path: path.clone(),
                manifest: "b.manifest".to_owned(),
            },
            "a/b.aof is there, and b.manifest beside it is missing (bring it back, or move the \
             files away)",
        ),
        (
            RestoreError::Truncated {
                path: path.clone(),
                offset: 7,
            },
            "a/b.aof ends inside of a record at offset 7 (try `quintlock check-journal --fix a/b.aof`)",
        ),
        (
            RestoreError::Damaged {
                path: path.clone(),
                offset: 7,
                what: Damage::Hole,
            },
            "a/b.aof is damaged at offset 7: zero bytes, and records behind them (try `quintlock \
             check-journal --fix a/b.aof`, which leaves out all that follows)",
        ),
        (
            RestoreError::Dump {
                path: PathBuf::from("a/dump.rdb"),
                what: "the snapshot ends too early".to_owned(),
            },
            "a/dump.rdb cannot be loaded: the snapshot ends too early (mend that with the Redis that \
             wrote it, or move the file away to start without its keys)",
        ),
        (
            RestoreError::Request {
                path,
                offset: 7,
                what: "it changes no key".to_owned(),
            },
            "a/b.aof: the request at offset 7 cannot be applied: it changes no key",
        ),
    ];
    check(include_str!("../restore.rs"), &rows);
}
