//! What a fuzzer needs of the files that have a checksum or a fixed form.

use xxhash_rust::xxh3::xxh3_64;

use super::horizon;
use super::ring;

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
    ring::pending(ring, boot_id).map(|pending| pending.records)
}

/// The file of a ring. `place` has the number of the increment, its length, and where the first of
/// the frames stands.
pub(crate) fn ring_file(
    boot_id: &str,
    turn: u64,
    place: [u64; 3],
    head: u64,
    frames: &[u8],
) -> Vec<u8> {
    let mut file = vec![0; (ring::HEADER_BYTES + ring::RING_BYTES) as usize];
    let mut put = |word: usize, value: u64| {
        file[word * 8..word * 8 + 8].copy_from_slice(&value.to_le_bytes());
    };
    put(ring::Word::Magic as usize, ring::MAGIC);
    put(ring::Word::Boot as usize, xxh3_64(boot_id.as_bytes()));
    put(ring::Word::Turn as usize, turn);
    put(ring::Word::Head as usize, head);
    for (word, value) in (ring::place_of(turn)..).zip(place) {
        put(word, value);
    }
    let [.., tail] = place;
    for (position, byte) in (tail..).zip(frames) {
        file[(ring::HEADER_BYTES + position % ring::RING_BYTES) as usize] = *byte;
    }
    file
}
