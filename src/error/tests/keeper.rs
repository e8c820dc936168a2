//! The lines of refusals of what could not be kept.

use super::*;

#[test]
fn every_refusal_of_what_could_not_be_kept_has_its_line() {
    let rows = [
        (
            KeeperError::Loading { seconds: 27 },
            "LOADING Redis is loading the dataset in memory: locks that were granted before the crash \
             may live for another 27 s",
        ),
        (
            KeeperError::DiskFailing {
                reason: "No space left on device".to_owned(),
            },
            "MISCONF Errors writing to the AOF file: No space left on device",
        ),
        (
            KeeperError::OutOfMemory,
            "OOM command not allowed when used memory > 'maxmemory'.",
        ),
        (
            KeeperError::WaitWithoutAof,
            "ERR WAITAOF cannot be used when numlocal is set but appendonly is disabled.",
        ),
        (
            KeeperError::RewriteRunning,
            "ERR Background append only file rewriting already in progress",
        ),
    ];
    check(include_str!("../keeper.rs"), &rows);
    assert!(rows.iter().all(|(_, line)| has_code(line)));
}
