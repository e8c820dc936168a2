//! Damage of every kind to a valid file: what is given before it is what was written.

use proptest::prelude::*;

use quintlock::durability::reader::Ending;

use super::{contents, journal};

/// What happens to a file.
#[derive(Clone, Debug)]
enum Accident {
    /// It loses its end.
    Cut(usize),
    /// One bit changes.
    Flip { at: usize, bit: u8 },
    /// Bytes become zero.
    Zero { at: usize, length: usize },
    /// Bytes become others.
    Write { at: usize, bytes: Vec<u8> },
    /// Space that was not used follows.
    Grow(usize),
}

impl Accident {
    fn any(length: usize) -> impl Strategy<Value = Accident> {
        let at = 0..length;
        prop_oneof![
            at.clone().prop_map(Accident::Cut),
            (at.clone(), 0..8_u8).prop_map(|(at, bit)| Accident::Flip { at, bit }),
            (at.clone(), 1..200_usize).prop_map(|(at, length)| Accident::Zero { at, length }),
            (at, hostile()).prop_map(|(at, bytes)| Accident::Write { at, bytes }),
            (1..5000_usize).prop_map(Accident::Grow),
        ]
    }

    fn befall(&self, file: &mut Vec<u8>) {
        match self {
            Accident::Cut(at) => file.truncate(*at),
            Accident::Flip { at, bit } => {
                if let Some(byte) = file.get_mut(*at) {
                    *byte ^= 1 << bit;
                }
            }
            Accident::Zero { at, length } => {
                for byte in file.iter_mut().skip(*at).take(*length) {
                    *byte = 0;
                }
            }
            Accident::Write { at, bytes } => {
                for (byte, other) in file.iter_mut().skip(*at).zip(bytes) {
                    *byte = *other;
                }
            }
            Accident::Grow(length) => file.resize(file.len() + length, 0),
        }
    }
}

/// Bytes that a parser could believe.
fn hostile() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        prop::collection::vec(any::<u8>(), 1..20),
        Just(b"*9999999999\r\n".to_vec()),
        Just(b"$9999999999\r\n".to_vec()),
        Just(b"$-1\r\n".to_vec()),
        Just(b"*1\r\n$5\r\nMULTI\r\n".to_vec()),
        Just(b"*1\r\n$4\r\nEXEC\r\n".to_vec()),
        Just(b"REDIS0010\xff".to_vec()),
        Just(b"#QL:boot=".to_vec()),
    ]
}

/// How many entries at the beginning of `file` end before `offset`.
fn whole_before(file: &[u8], offset: usize) -> usize {
    contents(&file[..offset]).0.len()
}

/// Whether a file that is cut where it ends gives what the whole of it gave. Only what was noted
/// within a transaction that is cut off is given before that is known.
fn is_kept(cut: &[String], seen: &[String]) -> bool {
    let is_note = |line: &String| {
        ["Boot {", "End {", "#"]
            .iter()
            .any(|start| line.starts_with(start))
    };
    seen.len() >= cut.len() && &seen[..cut.len()] == cut && seen[cut.len()..].iter().all(is_note)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(debug_assertions) { 1000 } else { 20_000 }))]

    #[test]
    fn what_stands_before_damage_is_given_as_it_was(accident in Accident::any(journal().len())) {
        let whole = journal();
        let (written, _) = contents(&whole);
        let mut file = whole.clone();
        accident.befall(&mut file);
        let (seen, ending) = contents(&file);
        let same = whole.iter().zip(&file).take_while(|(a, b)| a == b).count();
        let untouched = whole_before(&whole, same);
        prop_assert_eq!(&seen[..untouched.min(seen.len())], &written[..untouched.min(seen.len())]);
        if let Some(offset) = ending.offset() {
            prop_assert!(offset <= file.len() as u64);
            // What is cut there ends clean and gives the same.
            let (cut, end) = contents(&file[..offset as usize]);
            prop_assert!(is_kept(&cut, &seen), "{:?} of {:?}", cut, seen);
            prop_assert_eq!(end, Ending::Clean);
        }
        match accident {
            Accident::Cut(at) => {
                prop_assert_eq!(&seen[..], &written[..seen.len()]);
                let is_whole = whole_before(&whole, at) == seen.len();
                prop_assert!(is_whole);
                let is_accepted = matches!(ending, Ending::Clean | Ending::Truncated { .. });
                prop_assert!(is_accepted, "{:?}", ending);
                // A cut is clean exactly where a record begins, outside of transactions.
                let is_clean = boundaries(&whole).contains(&at);
                prop_assert_eq!(ending == Ending::Clean, is_clean);
            }
            Accident::Grow(_) => {
                prop_assert_eq!(&seen, &written);
                let offset = whole.len() as u64;
                prop_assert_eq!(ending, Ending::Unused { offset, uncommitted_bytes: 0 });
            }
            _ => {}
        }
    }

    #[test]
    fn several_accidents_end_in_one_ending(
        accidents in prop::collection::vec(Accident::any(journal().len()), 1..6)
    ) {
        let mut file = journal();
        for accident in &accidents {
            accident.befall(&mut file);
        }
        let (seen, ending) = contents(&file);
        if let Some(offset) = ending.offset() {
            let (cut, end) = contents(&file[..offset as usize]);
            if !file.starts_with(b"REDIS") {
                prop_assert!(is_kept(&cut, &seen), "{:?} of {:?}", cut, seen);
                prop_assert_eq!(end, Ending::Clean);
            }
        }
    }

    #[test]
    fn any_bytes_are_read_to_an_end(file in prop::collection::vec(any::<u8>(), 0..300)) {
        contents(&file);
        contents(&[b"REDIS0010", &file[..]].concat());
        contents(&[b"*2\r\n$3\r\nDEL\r\n$", &file[..]].concat());
    }
}

/// Where a journal may end so that nothing of it is lost: the test's own way to find it, by the
/// first byte of each line.
fn boundaries(file: &[u8]) -> Vec<usize> {
    let mut boundaries = Vec::new();
    let mut at = 0;
    let mut is_open = false;
    let lines = file.split_inclusive(|byte| *byte == b'\n');
    let mut previous: &[u8] = b"";
    for line in lines {
        if matches!(line[0], b'*' | b'#') && !is_open {
            boundaries.push(at);
        }
        match line {
            b"MULTI\r\n" => {
                is_open = true;
            }
            b"EXEC\r\n" => is_open = false,
            _ => {}
        }
        at += line.len();
        previous = line;
    }
    assert!(previous.ends_with(b"\n"));
    boundaries.push(at);
    boundaries
}
