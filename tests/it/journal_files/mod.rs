//! Append-only files: what servers wrote is read, damage is found, and `check-journal` mends it.
//!
//! `tests/journal` holds directories that redis-server 7.0.15, Redis 8.2.3 and Valkey 9.1.2 wrote, all
//! with the same keys. With `REAL_REDIS` naming a redis-server fresh ones are made, and what is
//! written here is loaded there.

mod damage;
mod program;
pub(crate) mod real;
mod servers;

use std::path::{Path, PathBuf};

use quintlock::durability::annotation::Annotation;
use quintlock::durability::file::{AppendOnlyFile, Entry};
use quintlock::durability::reader::Ending;

/// A file of `tests/journal`.
pub(crate) fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/journal")
        .join(name)
}

/// A request as a server writes it.
pub(crate) fn record(words: &str) -> Vec<u8> {
    let words: Vec<&str> = words.split(' ').collect();
    let mut record = format!("*{}\r\n", words.len());
    for word in words {
        record += &format!("${}\r\n{word}\r\n", word.len());
    }
    record.into_bytes()
}

/// An annotation as this server begins a file.
const BOOT: &str = "#QL:boot=7f2d6c0e-5b1a-4a3e-9d52-0c8f3b1e7a66 now=86400000000 \
                    unix=1795412705000000\r\n";

/// A journal in the form of this server, which ends in peace.
fn journal() -> Vec<u8> {
    let mut file = BOOT.as_bytes().to_vec();
    for words in [
        "SELECT 0",
        "SET lock:1 0123456789abcdef0123456789abcdef PXAT 4102444800000",
        "SET lock:2 token",
        "PEXPIREAT lock:2 4102444800000",
        "SET lock:3 token PXAT 4102444800000",
        "PERSIST lock:3",
        "SET lock:4 token",
        "DEL lock:4",
        "MULTI",
        "SET lock:5 a",
        "SET lock:6 b",
        "EXEC",
        "SELECT 3",
        "SET other v",
        "SWAPDB 3 4",
        "FLUSHDB",
    ] {
        file.extend(record(words));
    }
    file.extend(b"#QL:end now=86400000001 unix=1795412705000001\r\n");
    file
}

/// What a file gives, a line each, and how it ends.
fn contents(file: &[u8]) -> (Vec<String>, Ending) {
    let mut file = AppendOnlyFile::open(file).expect("bytes can be read");
    let mut seen = Vec::new();
    loop {
        match file.read().expect("bytes can be read") {
            Entry::Key(key) => {
                let deadline = key.expire_at_unix_ms.map(|ms| format!(" until {ms}"));
                seen.push(format!(
                    "{}: {} = {}{}",
                    key.database,
                    key.key.escape_ascii(),
                    key.value.escape_ascii(),
                    deadline.unwrap_or_default()
                ));
            }
            Entry::Request(request) => {
                let words = request
                    .arguments()
                    .map(|word| word.escape_ascii().to_string());
                seen.push(words.collect::<Vec<_>>().join(" "));
            }
            Entry::Annotation { annotation, .. } => seen.push(match annotation {
                Annotation::Other(line) => format!("#{}", line.escape_ascii()),
                ours => format!("{ours:?}"),
            }),
            Entry::End(ending) => return (seen, ending),
        }
    }
}
