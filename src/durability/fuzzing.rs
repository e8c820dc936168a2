//! What a fuzzer needs of the files that have a checksum or a fixed form.

use xxhash_rust::xxh3::xxh3_64;

use super::frames;
use super::horizon;
use super::layout::{self, Identity, Place, Word};

/// Reads a slot of a horizon as it is, and one with this text and the right checksum.
///
/// # Panics
/// A promise that was read does not come back when it is written.
pub(crate) fn horizon_reads_back(bytes: &[u8]) {
    let _ = horizon::parse(bytes);
    let slot = [format!("{:016x} ", xxh3_64(bytes)).as_bytes(), bytes, b"\n"].concat();
    if let Some((count, promise)) = horizon::parse(&slot).filter(|_| slot.len() < 256) {
        let written = horizon::format(count, &promise);
        assert_eq!(horizon::parse(&written), Some((count, promise)));
    }
}

/// What a start of the machine finds in a ring.
pub(crate) fn pending_of_ring(ring: &[u8], boot_id: &str) -> Option<Vec<u8>> {
    layout::read(ring, boot_id)
        .ok()
        .map(|contents| contents.requests)
}

/// The file of a ring, with the right checksums. `place` has the number of the increment, its length,
/// and where the first of the frames stands.
pub(crate) fn ring_file(
    boot_id: &str,
    turn: u64,
    [number, length, tail]: [u64; 3],
    head: u64,
    frames: &[u8],
) -> Vec<u8> {
    let mut file = vec![0; layout::FILE_BYTES as usize];
    let mut put = |word: usize, value: u64| {
        file[word * 8..word * 8 + 8].copy_from_slice(&value.to_le_bytes());
    };
    let identity = Identity::new(boot_id, 0, 0);
    let reach = length;
    let place = Place {
        number,
        length,
        tail,
        reach,
    };
    put(Word::Magic as usize, layout::MAGIC);
    put(Word::Boot as usize, identity.boot);
    put(Word::Turn as usize, turn);
    put(Word::Head as usize, head);
    let words = place.words(&identity, turn);
    for (word, value) in (layout::place_of(turn)..).zip(words) {
        put(word, value);
    }
    let mut frames = frames.to_vec();
    frames::check_all(&mut frames, tail, identity.head_salt());
    for (position, byte) in (tail..).zip(frames) {
        file[(layout::HEADER_BYTES + position % layout::RING_BYTES) as usize] = byte;
    }
    file
}
