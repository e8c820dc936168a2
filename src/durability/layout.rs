//! How a ring lies in its file, and what of it can be believed after a kill.
//!
//! ```text
//! 0       words of 8 bytes: magic, boot, turn, salt, waits, doubt, ..., head, ..., two places
//! 65536   RING_BYTES of records; position p stands at p % RING_BYTES
//! ```
//!
//! A place says where in the journal the records of the ring belong. Two of them are written in
//! turn, and `turn` says which one counts; so a kill between two stores finds the old or the new one.
//! A place has a checksum over itself and the words that do not change. The records are believed if
//! their heads lead from the place's tail to `head` exactly, each with a good check.
//!
//! The magic number has the version of all this. A start takes a ring of another version, as one that
//! is missing or damaged, for the loss of the journal's end.

use xxhash_rust::xxh3::xxh3_64;

use super::frames;

/// Bytes of records: few enough to stay in a core's cache.
pub(super) const RING_BYTES: u64 = 512 * 1024;
/// A page of any size that is in use.
pub(super) const HEADER_BYTES: u64 = 64 * 1024;
/// The length of the file.
pub(super) const FILE_BYTES: u64 = HEADER_BYTES + RING_BYTES;
/// The first position of a new ring.
pub(super) const FIRST_POSITION: u64 = 64;
pub(super) const MAGIC: u64 = u64::from_le_bytes(*b"QLRING03");
/// What the magic numbers of all versions begin with.
const MAGIC_BEGIN: &[u8] = b"QLRING";

/// The words of the header.
#[derive(Clone, Copy)]
pub(super) enum Word {
    Magic = 0,
    /// A hash of the boot's name.
    Boot = 1,
    /// Which of the two places is in force: the lowest bit tells.
    Turn = 2,
    /// What the heads of records are under.
    Salt = 3,
    /// Until when nothing is granted, in boot microseconds; 0 for no wait.
    Waits = 4,
    /// Not 0 while the journal must be rewritten, for something has failed that a sync does not mend.
    Doubt = 5,
    /// The position behind the last record. It has a cache line of its own, as the places have:
    /// they are written by different threads.
    Head = 8,
    /// Two places, each of [`PLACE_WORDS`].
    FirstPlace = 16,
    SecondPlace = 24,
}

/// What does not change while a ring is in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Identity {
    pub(super) boot: u64,
    pub(super) salt: u64,
    pub(super) waits_us: u64,
}

/// Where the records of a ring belong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// The number of the increment.
    pub(super) number: u64,
    /// How long the increment is without them.
    pub(super) length: u64,
    /// The position of the first one.
    pub(super) tail: u64,
    /// Up to here the increment may have bytes of a record that was not finished, or could not be:
    /// one that is larger than the ring is written past it.
    pub(super) reach: u64,
}

/// Words of a place with its checksum.
pub(super) const PLACE_WORDS: usize = 5;

impl Identity {
    /// That of a ring which this boot of the machine has made.
    pub(super) fn new(boot_id: &str, salt: u64, waits_us: u64) -> Identity {
        Identity {
            boot: hash_of(boot_id),
            salt,
            waits_us,
        }
    }

    /// What the heads of records are under.
    pub(super) fn head_salt(&self) -> u32 {
        self.salt as u32
    }
}

impl Place {
    /// The words of this place as the one of `turn`.
    pub(super) fn words(&self, identity: &Identity, turn: u64) -> [u64; PLACE_WORDS] {
        let Place {
            number,
            length,
            tail,
            reach,
        } = *self;
        let Identity {
            boot,
            salt,
            waits_us,
        } = *identity;
        let all = [
            MAGIC, boot, salt, waits_us, turn, number, length, tail, reach,
        ];
        let bytes = all.map(u64::to_le_bytes);
        [number, length, tail, reach, xxh3_64(bytes.as_flattened())]
    }

    /// The place that these words are, if they are whole.
    fn of(words: [u64; PLACE_WORDS], identity: &Identity, turn: u64) -> Option<Place> {
        let [number, length, tail, reach, _] = words;
        let place = Place {
            number,
            length,
            tail,
            reach,
        };
        (place.words(identity, turn) == words).then_some(place)
    }
}

/// The first word of the place of `turn`.
pub(super) fn place_of(turn: u64) -> usize {
    match turn % 2 {
        0 => Word::FirstPlace as usize,
        _ => Word::SecondPlace as usize,
    }
}

/// What a ring's file says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Contents {
    pub(super) identity: Identity,
    pub(super) place: Place,
    /// The position behind the last record.
    pub(super) head: u64,
    /// Whether the journal had to be rewritten, and was not yet.
    pub(super) is_in_doubt: bool,
    /// The requests that are not in the increment.
    pub(super) requests: Vec<u8>,
}

/// Why a ring cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unusable {
    Missing,
    /// A server has ended in peace and has left its space.
    Retired,
    Version,
    Boot,
    Damaged,
    /// The journal is not the one that it belongs to.
    Journal,
}

/// Reads the bytes of a ring's file.
pub(super) fn read(file: &[u8], boot_id: &str) -> Result<Contents, Unusable> {
    let word = |index: usize| {
        let bytes = file.get(index * 8..index * 8 + 8)?;
        Some(u64::from_le_bytes(bytes.try_into().ok()?))
    };
    let word = |index: usize| word(index).ok_or(Unusable::Damaged);
    // A start that was interrupted had not even begun to write one.
    if file.is_empty() {
        return Err(Unusable::Missing);
    }
    match word(Word::Magic as usize)? {
        MAGIC => {}
        0 => return Err(Unusable::Retired),
        other if other.to_le_bytes().starts_with(MAGIC_BEGIN) => return Err(Unusable::Version),
        _ => return Err(Unusable::Damaged),
    }
    let identity = Identity {
        boot: word(Word::Boot as usize)?,
        salt: word(Word::Salt as usize)?,
        waits_us: word(Word::Waits as usize)?,
    };
    let turn = word(Word::Turn as usize)?;
    let mut words = [0; PLACE_WORDS];
    for (index, value) in words.iter_mut().enumerate() {
        *value = word(place_of(turn) + index)?;
    }
    let place = Place::of(words, &identity, turn).ok_or(Unusable::Damaged)?;
    if identity.boot != hash_of(boot_id) {
        return Err(Unusable::Boot);
    }
    let records = file.get(HEADER_BYTES as usize..FILE_BYTES as usize);
    let records = records.ok_or(Unusable::Damaged)?;
    let head = word(Word::Head as usize)?;
    let (head, requests) =
        requests(records, &identity, place.tail, head).ok_or(Unusable::Damaged)?;
    Ok(Contents {
        identity,
        place,
        head,
        is_in_doubt: word(Word::Doubt as usize)? != 0,
        requests,
    })
}

/// The requests from `tail` to `head`, and where they end: a record may be whole behind `head` whose
/// writer was killed before it had moved it, and no more than one.
fn requests(records: &[u8], identity: &Identity, tail: u64, head: u64) -> Option<(u64, Vec<u8>)> {
    let salt = identity.head_salt();
    let length = head
        .checked_sub(tail)
        .filter(|bytes| *bytes <= RING_BYTES)?;
    // In the order of their positions, from the tail once round.
    let (wrapped, from_tail) = records.split_at((tail % RING_BYTES) as usize);
    let unrolled = [from_tail, wrapped].concat();
    let (pending, rest) = unrolled.split_at(length as usize);
    let mut requests = Vec::new();
    frames::collect(pending, tail, salt, &mut requests)?;
    let Some((_, _, behind)) = frames::first_at(rest, head, salt) else {
        return Some((head, requests));
    };
    let bytes = rest.len() - behind.len();
    frames::collect(&rest[..bytes], head, salt, &mut requests)?;
    let end = head + bytes as u64;
    match frames::first_at(behind, end, salt) {
        None => Some((end, requests)),
        Some(_) => None,
    }
}

fn hash_of(boot_id: &str) -> u64 {
    xxh3_64(boot_id.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOOT: &str = "a boot";

    fn put(file: &mut [u8], word: usize, value: u64) {
        file[word * 8..word * 8 + 8].copy_from_slice(&value.to_le_bytes());
    }

    /// The stores by which a place is put, in their order.
    fn stores(place: Place, identity: &Identity, turn: u64) -> Vec<(usize, u64)> {
        let words = place.words(identity, turn).into_iter().enumerate();
        let at = words.map(|(index, value)| (place_of(turn) + index, value));
        at.chain([(Word::Turn as usize, turn)]).collect()
    }

    /// A ring with `records`, which begin at the first position.
    fn ring(identity: &Identity, records: &[&[u8]]) -> (Vec<u8>, Place) {
        let mut file = vec![0; FILE_BYTES as usize];
        let place = Place {
            number: 7,
            length: 100,
            tail: FIRST_POSITION,
            reach: 100,
        };
        let mut head = FIRST_POSITION;
        for record in records {
            let frame = frames::head(
                record.len(),
                frames::Kind::Requests,
                head,
                identity.head_salt(),
            );
            let frame = [&frame[..], record].concat();
            let at = (HEADER_BYTES + head) as usize;
            file[at..at + frame.len()].copy_from_slice(&frame);
            head += frame.len() as u64;
        }
        for (word, value) in stores(place, identity, 1) {
            put(&mut file, word, value);
        }
        put(&mut file, Word::Boot as usize, identity.boot);
        put(&mut file, Word::Salt as usize, identity.salt);
        put(&mut file, Word::Waits as usize, identity.waits_us);
        put(&mut file, Word::Head as usize, head);
        put(&mut file, Word::Magic as usize, MAGIC);
        (file, place)
    }

    #[test]
    fn a_kill_between_two_stores_of_a_place_leaves_the_one_before_or_the_next() {
        let identity = Identity::new(BOOT, 0x1234_5678_9abc_def0, 0);
        let (mut file, before) = ring(&identity, &[b"one", b"two"]);
        let read_before = read(&file, BOOT).unwrap();
        assert_eq!(read_before.place, before);
        assert_eq!(read_before.requests, b"onetwo");
        let after = Place {
            length: 106,
            tail: read_before.head,
            ..before
        };
        let stores = stores(after, &identity, 2);
        for (index, (word, value)) in stores.iter().enumerate() {
            put(&mut file, *word, *value);
            let contents = read(&file, BOOT).unwrap();
            if index + 1 < stores.len() {
                assert_eq!(contents, read_before);
            } else {
                assert_eq!(contents.place, after);
                assert_eq!(contents.requests, b"");
            }
        }
    }

    #[test]
    fn a_record_whose_writer_was_killed_before_it_was_published_is_taken_and_no_more_than_one() {
        let identity = Identity::new(BOOT, 5, 0);
        let (mut file, _) = ring(&identity, &[b"one", b"two", b"three"]);
        let all = read(&file, BOOT).unwrap();
        assert_eq!(all.requests, b"onetwothree");
        let bytes = |record: &[u8]| (frames::HEAD_BYTES + record.len()) as u64;
        put(&mut file, Word::Head as usize, all.head - bytes(b"three"));
        assert_eq!(read(&file, BOOT), Ok(all.clone()));
        let behind_one = all.head - bytes(b"three") - bytes(b"two");
        put(&mut file, Word::Head as usize, behind_one);
        assert_eq!(read(&file, BOOT), Err(Unusable::Damaged));
        for head in [0, FIRST_POSITION - 1, all.head - 1, all.head + 1, u64::MAX] {
            put(&mut file, Word::Head as usize, head);
            assert_eq!(read(&file, BOOT), Err(Unusable::Damaged), "{head}");
        }
    }

    #[test]
    fn what_is_wrong_with_a_ring_is_told_apart() {
        let identity = Identity::new(BOOT, 5, 77);
        let (mut file, _) = ring(&identity, &[b"one"]);
        assert_eq!(read(&file, BOOT).unwrap().identity, identity);
        assert_eq!(read(&file, "another"), Err(Unusable::Boot));
        assert_eq!(read(&file[..100], BOOT), Err(Unusable::Damaged));
        assert_eq!(read(&[], BOOT), Err(Unusable::Missing));
        assert_eq!(read(&file[..file.len() - 1], BOOT), Err(Unusable::Damaged));
        file[..8].copy_from_slice(b"QLRING02");
        assert_eq!(read(&file, BOOT), Err(Unusable::Version));
        file[..8].fill(0);
        assert_eq!(read(&file, BOOT), Err(Unusable::Retired));
        file[..8].fill(b'x');
        assert_eq!(read(&file, BOOT), Err(Unusable::Damaged));
    }
}
