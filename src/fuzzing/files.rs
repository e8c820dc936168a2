//! Each file of the append-only directory by itself: however its bytes arrive, the same is read.

use std::io::Read;

use super::{Choices, Slow};
use crate::durability::fuzzing::{horizon_reads_back, pending_of_ring, ring_file};
use crate::durability::manifest::Manifest;
use crate::durability::rdb::Snapshot;
use crate::durability::reader::{Ending, Item, Reader};
use crate::durability::transactions::Transactions;
use crate::durability::window::Window;

/// The name of a start of the machine that made the rings here.
const BOOT_ID: &str = "0b6f4e1c-5d0f-4f0e-9d52-6f5b9f6c7a11";

/// The size of the pieces, then an append-only file.
pub(super) fn journal(bytes: &[u8]) {
    let mut choices = Choices::new(bytes);
    let step = usize::from(choices.byte()) + 1;
    let bytes = choices.bytes;
    let whole = items(Reader::new(bytes));
    assert_eq!(items(Reader::new(Slow { bytes, step })), whole, "in pieces");
    let (records, ending) = &whole;
    let end = ending.offset().unwrap_or(bytes.len() as u64);
    assert!(end <= bytes.len() as u64);
    // What is good by its own account is good when it stands alone.
    let good = items(Reader::new(&bytes[..end as usize]));
    assert_eq!(
        good,
        (records.clone(), Ending::Clean),
        "up to the end that was found"
    );
    let mut transactions = Transactions::new(Reader::new(bytes));
    while !matches!(transactions.read(), Ok(Item::End(_))) {}
}

fn items<R: Read>(mut reader: Reader<R>) -> (Vec<String>, Ending) {
    let mut items = Vec::new();
    loop {
        match reader.read().expect("memory can be read") {
            Item::End(ending) => return (items, ending),
            Item::Request(request) => {
                let words: Vec<_> = request.arguments().map(<[u8]>::escape_ascii).collect();
                let words = words.iter().map(ToString::to_string);
                items.push(format!(
                    "{} {:?}",
                    request.offset(),
                    words.collect::<Vec<_>>()
                ));
            }
            other @ Item::Annotation { .. } => items.push(format!("{other:?}")),
        }
    }
}

/// The size of the pieces, then a snapshot.
pub(super) fn snapshot(bytes: &[u8]) {
    let mut choices = Choices::new(bytes);
    let step = usize::from(choices.byte()) + 1;
    let bytes = choices.bytes;
    let whole = keys(bytes);
    assert_eq!(keys(Slow { bytes, step }), whole, "in pieces");
}

fn keys(source: impl Read) -> (Vec<String>, Result<u64, String>) {
    let mut keys = Vec::new();
    let mut snapshot = match Snapshot::open(Window::new(source)) {
        Ok(snapshot) => snapshot,
        Err(error) => return (keys, Err(error.to_string())),
    };
    loop {
        match snapshot.read() {
            Ok(Some(key)) => keys.push(format!("{key:?}")),
            Ok(None) => return (keys, Ok(snapshot.offset())),
            Err(error) => return (keys, Err(error.to_string())),
        }
    }
}

/// A manifest: what is written of what was read reads the same.
pub(super) fn manifest(bytes: &[u8]) {
    let Ok(manifest) = Manifest::parse(bytes) else {
        return;
    };
    let text = manifest.text();
    // A file of comments names nothing, and nothing is written as an empty file. A name that no
    // file system takes may make a line too long once it is quoted.
    if manifest == Manifest::default() || text.split(|byte| *byte == b'\n').any(is_long) {
        return;
    }
    let again = Manifest::parse(&text);
    assert_eq!(again.as_ref(), Ok(&manifest), "written again");
}

fn is_long(line: &[u8]) -> bool {
    line.len() > 1000
}

/// A horizon.
pub(super) fn horizon(bytes: &[u8]) {
    horizon_reads_back(bytes);
}

/// A ring as [`ring_of`] makes one.
pub(super) fn ring(bytes: &[u8]) {
    if let Some(records) = pending_of_ring(&ring_of(bytes, BOOT_ID), BOOT_ID) {
        let _ = items(Reader::new(records.as_slice()));
    }
}

/// The file of a ring: choices for the words of its header, then its frames.
pub(super) fn ring_of(bytes: &[u8], boot_id: &str) -> Vec<u8> {
    let mut choices = Choices::new(bytes);
    let turn = choices.byte();
    let [number, length, tail] = std::array::from_fn(|_| {
        let low = u64::from(choices.byte());
        low | u64::from(choices.byte()) << 8
    });
    let more = u64::from(choices.byte());
    let frames = choices.bytes;
    let head = tail + frames.len() as u64 + more / 64;
    ring_file(boot_id, turn.into(), [number, length, tail], head, frames)
}
