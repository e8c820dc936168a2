//! Files of the repository, and the parts of the README that are made from something else.

use std::fs;
use std::path::{Path, PathBuf};

use parking_lot::Mutex;

use super::target::is_update;

/// Whoever writes a part of the README must have read what the others have written.
static WRITER: Mutex<()> = Mutex::new(());

/// Where a file of the repository is.
pub(crate) fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

/// The text of a file of the repository.
pub(crate) fn read(name: &str) -> String {
    fs::read_to_string(path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// The parts of `text` before, between and behind the two marks.
pub(crate) fn split<'a>(text: &'a str, begin: &str, end: &str) -> (&'a str, &'a str, &'a str) {
    let missing = |mark: &str| -> ! { panic!("there is no {mark:?}") };
    let (before, rest) = text.split_once(begin).unwrap_or_else(|| missing(begin));
    let (between, behind) = rest.split_once(end).unwrap_or_else(|| missing(end));
    (before, between, behind)
}

/// Checks that `expected` stands between two marks of the README; `UPDATE=1` writes it there.
///
/// # Panics
/// With `advice`, if something else stands there.
pub(crate) fn assert_in_readme(begin: &str, end: &str, expected: &str, advice: &str) {
    let _only = WRITER.lock();
    let readme = read("README.md");
    let (before, between, behind) = split(&readme, begin, end);
    if between == expected {
        return;
    }
    assert!(is_update(), "{advice}");
    let updated = [before, begin, expected, end, behind].concat();
    // The other tests read the README meanwhile and must not meet half of it.
    let unfinished = path("README.md.new");
    fs::write(&unfinished, updated).expect("a writable directory");
    fs::rename(unfinished, path("README.md")).expect("a writable README");
}
