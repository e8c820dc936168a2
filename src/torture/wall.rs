//! A wall clock that can be stepped for one process, by libfaketime.
//!
//! The library is loaded into the process before all others and adds an offset, read from a file at
//! every call, to the wall clock alone. Nothing here reads a clock.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Where Linux distributions put it, apart from directories named after the machine.
const PLACES: [&str; 4] = [
    "/usr/lib",
    "/usr/lib64",
    "/usr/local/lib",
    "/usr/local/lib64",
];
const LIBRARY: &str = "faketime/libfaketimeMT.so.1";

/// The library, if it is installed.
pub(super) fn library() -> Option<PathBuf> {
    for place in PLACES.map(Path::new) {
        let entries = fs::read_dir(place).into_iter().flatten().flatten();
        let inner = entries.map(|entry| entry.path().join(LIBRARY));
        let mut candidates = std::iter::once(place.join(LIBRARY)).chain(inner);
        if let Some(found) = candidates.find(|path| path.is_file()) {
            return Some(found);
        }
    }
    None
}

/// The wall clock of one process, and of those that take its place.
pub(super) struct WallClock {
    library: PathBuf,
    file: PathBuf,
    offset_s: i64,
}

impl WallClock {
    /// A clock without an offset, whose file lies in `directory`.
    pub(super) fn new(library: &Path, directory: &Path) -> io::Result<WallClock> {
        let mut clock = WallClock {
            library: library.to_owned(),
            file: directory.join("wall-clock"),
            offset_s: 0,
        };
        clock.step(0)?;
        Ok(clock)
    }

    /// Steps it by so many seconds.
    pub(super) fn step(&mut self, seconds: i64) -> io::Result<()> {
        self.offset_s += seconds;
        // A rename, because a reader must never see half a file.
        let unfinished = self.file.with_extension("new");
        fs::write(&unfinished, format!("{:+}\n", self.offset_s))?;
        fs::rename(unfinished, &self.file)
    }

    /// The environment of the process.
    pub(super) fn environment(&self) -> [(&'static str, String); 5] {
        let library = self.library.display();
        [
            // A program that is linked with jemalloc hangs in libfaketime's first call, because each
            // waits for the other; with the C library in front of it, its allocator is not used.
            ("LD_PRELOAD", format!("{library} libc.so.6")),
            ("FAKETIME_TIMESTAMP_FILE", self.file.display().to_string()),
            ("FAKETIME_NO_CACHE", "1".to_owned()),
            ("FAKETIME_DONT_FAKE_MONOTONIC", "1".to_owned()),
            ("DONT_FAKE_MONOTONIC", "1".to_owned()),
        ]
    }
}
