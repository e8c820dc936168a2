//! Whether a crash of the machine has made the damage in a file.
//!
//! A journal only grows, and its space is zeros before. What a crash keeps from the disk is pages in
//! their latest state: they have zeros from somewhere to their end, or the file ends before them. So
//! a record that is torn goes wrong at a zero byte behind which its page has nothing but zeros, or
//! claims more bytes than the file has. Anything else was damaged otherwise.

use std::io::{self, Read, Seek as _};
use std::path::Path;

use super::disk::File;
use super::reader::fault_at;
use super::window::Window;
use crate::error::Damage;

/// A disk loses no less, and files begin at the start of one.
const PAGE_BYTES: u64 = 4096;

/// Whether a crash can have made the damage at `offset` of a file.
///
/// # Errors
/// What the system says while the file is read.
pub(super) fn is_torn(path: &Path, offset: u64, what: &Damage) -> io::Result<bool> {
    match what {
        Damage::Hole | Damage::Swallowed => Ok(true),
        Damage::Snapshot(_) => Ok(false),
        Damage::Transaction { at, what } => is_torn(path, *at, what),
        _ => {
            let mut file = File::open(path)?;
            file.seek(io::SeekFrom::Start(offset))?;
            lacks_page(&mut Window::new(file), offset)
        }
    }
}

/// Whether the record at the beginning of `window`, which is `offset` bytes behind that of its file,
/// goes wrong where its page ends in zeros.
fn lacks_page<R: Read>(window: &mut Window<R>, offset: u64) -> io::Result<bool> {
    let at = loop {
        match fault_at(window.bytes()) {
            Some(at) => break at,
            None if window.more()? => {}
            None => return Ok(false),
        }
    };
    let rest = PAGE_BYTES - (offset + at as u64) % PAGE_BYTES;
    let end = at + rest as usize;
    window.fill(end)?;
    let bytes = window.bytes();
    let rest = &bytes[at.min(bytes.len())..end.min(bytes.len())];
    Ok(!rest.is_empty() && rest.iter().all(|byte| *byte == 0))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A record with a value that looks like records.
    fn record() -> Vec<u8> {
        let value = "*1\r\n$4\r\nPING\r\n".repeat(1000);
        format!(
            "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n${}\r\n{value}\r\n",
            value.len()
        )
        .into_bytes()
    }

    fn lacks(bytes: &[u8], offset: u64) -> bool {
        lacks_page(&mut Window::new(bytes), offset).unwrap()
    }

    #[test]
    fn a_record_that_goes_wrong_in_zeros_up_to_the_end_of_a_page_is_torn() {
        let record = record();
        let page = PAGE_BYTES as usize;
        // Wherever the record begins in its page, and from wherever in it the page is zeros.
        for offset in [0, 1, 4000, 4090, 3 * PAGE_BYTES + 7] {
            let first = page - offset as usize % page;
            for from in (0..first).step_by(3) {
                let mut torn = [&record[..], b"*1\r\n"].concat();
                torn[from..first].fill(0);
                // Zeros inside of the value alone say nothing.
                let shows = fault_at(&torn).is_some();
                assert_eq!(lacks(&torn, offset), shows, "{offset} {from}");
            }
        }
        // A whole page, and the terminator of the value with it.
        let mut torn = record.clone();
        let end = torn.len();
        torn[end - 1500..].fill(0);
        torn.resize(end.next_multiple_of(page), 0);
        assert!(lacks(&torn, 0));
    }

    #[test]
    fn damage_without_zeros_up_to_the_end_of_its_page_is_no_torn_page() {
        let mut wrong = [record(), record()].concat();
        let end = record().len();
        assert!(!lacks(&wrong, 0));
        wrong[end - 2] = 0;
        assert!(!lacks(&wrong, 0), "a lone zero");
        wrong[end - 2] = b'x';
        assert!(!lacks(&wrong, 0));
        wrong[4] = b'!';
        assert!(!lacks(&wrong, 0));
    }
}
