//! From the families to one table, and from a name to its row.
//!
//! The table and its index of names are put together by the compiler. A name of up to 15 bytes
//! is packed, lower-cased and with its length, into one 128-bit number, so that a lookup is a
//! multiplication, a probe or two and one comparison. Longer names are nobody's.

use super::row::{Row, exactly, row};
use super::{FAMILIES, Family};

/// The longest name that can be packed, in bytes; the 16th byte is its length.
const NAME_BYTES_MAX: usize = 15;

/// How many commands there are, subcommands aside.
const COMMAND_COUNT: usize = count_commands();

/// How many subcommands there are.
const SUBCOMMAND_COUNT: usize = count_subcommands();

/// How many rows there are, and so one more than the largest [`Row::index`].
pub const ROW_COUNT: usize = COMMAND_COUNT + SUBCOMMAND_COUNT;

static COMMANDS: [Row; COMMAND_COUNT] = assemble_commands();
static SUBCOMMANDS: [Row; SUBCOMMAND_COUNT] = assemble_subcommands();

/// Every command, subcommands aside, in the order of their index.
pub fn commands() -> &'static [Row] {
    &COMMANDS
}

/// Every row: the commands, then the subcommands, in the order of their index.
pub fn all() -> impl Iterator<Item = &'static Row> {
    COMMANDS.iter().chain(&SUBCOMMANDS)
}

/// The command of that name, in any case. A subcommand is found by its container:
/// [`Row::find_subcommand`].
pub fn find(name: &[u8]) -> Option<&'static Row> {
    let key = pack(name)?;
    let mut slot = home_slot(key);
    loop {
        let (occupant, row) = SLOTS[slot];
        if occupant == key {
            return Some(&COMMANDS[row as usize]);
        }
        if occupant == EMPTY {
            return None;
        }
        slot = (slot + 1) % SLOT_COUNT;
    }
}

/// The command or the subcommand of a full name such as `config|get`, in any case.
pub fn find_path(name: &[u8]) -> Option<&'static Row> {
    match name.iter().position(|byte| *byte == b'|') {
        None => find(name),
        Some(bar) => find(&name[..bar])?.find_subcommand(&name[bar + 1..]),
    }
}

/// A power of two that leaves most slots empty: a miss is then seen at once.
const SLOT_COUNT: usize = (COMMAND_COUNT * 3).next_power_of_two();

/// What an empty slot holds; no name packs to it, because no name has the length 0.
const EMPTY: u128 = 0;

/// Packed name and index into [`COMMANDS`], by open addressing.
static SLOTS: [(u128, u16); SLOT_COUNT] = fill_slots();

const fn fill_slots() -> [(u128, u16); SLOT_COUNT] {
    let mut slots = [(EMPTY, 0); SLOT_COUNT];
    let mut index = 0;
    while index < COMMAND_COUNT {
        let Some(key) = pack(COMMANDS[index].name.as_bytes()) else {
            panic!("a command's name has 1 to 15 bytes");
        };
        let mut slot = home_slot(key);
        while slots[slot].0 != EMPTY {
            slot = (slot + 1) % SLOT_COUNT;
        }
        slots[slot] = (key, index as u16);
        index += 1;
    }
    slots
}

/// The slot where the search for a key begins: the top bits of a multiplicative hash.
const fn home_slot(key: u128) -> usize {
    let folded = (key as u64) ^ ((key >> 64) as u64).rotate_left(29);
    let hash = folded.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    (hash >> (64 - SLOT_COUNT.ilog2())) as usize
}

/// The name in lower case and its length as one number.
///
/// Loads overlap instead of looping over the bytes: where two loads cover the same byte, they
/// agree on it. Most names are short and leave the upper half to their length alone.
const fn pack(name: &[u8]) -> Option<u128> {
    let length = name.len();
    if length > NAME_BYTES_MAX {
        return None;
    }
    let (low, high) = if let (Some(head), Some(tail)) = (name.first_chunk(), name.last_chunk()) {
        let (head, tail) = (u64::from_le_bytes(*head), u64::from_le_bytes(*tail));
        // The last bytes of the tail; the head has the others.
        let beyond = (tail as u128) << (8 * (length - 8)) >> 64;
        (to_lower_case(head), to_lower_case(beyond as u64))
    } else if let (Some(head), Some(tail)) = (name.first_chunk(), name.last_chunk()) {
        let (head, tail) = (u32::from_le_bytes(*head), u32::from_le_bytes(*tail));
        let text = head as u64 | (tail as u64) << (8 * (length - 4));
        (to_lower_case(text), 0)
    } else if let (Some(first), Some(last)) = (name.first(), name.last()) {
        let middle = length / 2;
        let text = *first as u64
            | (name[middle] as u64) << (8 * middle)
            | (*last as u64) << (8 * (length - 1));
        (to_lower_case(text), 0)
    } else {
        return None;
    };
    Some(low as u128 | (high as u128) << 64 | (length as u128) << (8 * NAME_BYTES_MAX))
}

/// Lower-cases eight ASCII bytes at once; bytes from 0x80 up stay as they are.
const fn to_lower_case(bytes: u64) -> u64 {
    const ONES: u64 = u64::MAX / 0xFF;
    const HIGH_BITS: u64 = 0x80 * ONES;
    let low_bits = bytes & !HIGH_BITS;
    let from_a = low_bits + (0x80 - b'A' as u64) * ONES;
    let past_z = low_bits + (0x7F - b'Z' as u64) * ONES;
    let is_upper = from_a & !past_z & !bytes & HIGH_BITS;
    bytes | is_upper >> 2
}

const fn count_commands() -> usize {
    let mut count = 0;
    let mut families = FAMILIES;
    while let [family, others @ ..] = families {
        count += family.rows.len();
        families = others;
    }
    count
}

const fn count_subcommands() -> usize {
    let mut count = 0;
    let mut families = FAMILIES;
    while let [family, others @ ..] = families {
        let mut rows = family.rows;
        while let [row, rest @ ..] = rows {
            count += row.subcommands.len();
            rows = rest;
        }
        families = others;
    }
    count
}

/// A row to be overwritten.
const PLACEHOLDER: Row = row("", exactly(1));

const fn assemble_commands() -> [Row; COMMAND_COUNT] {
    let mut commands = [PLACEHOLDER; COMMAND_COUNT];
    let (mut placed, mut subcommands_placed) = (0, 0);
    let mut families = FAMILIES;
    while let [Family { group, rows }, others @ ..] = families {
        let mut rows = *rows;
        while let [row, rest @ ..] = rows {
            let (_, unplaced) = SUBCOMMANDS.split_at(subcommands_placed);
            let (own, _) = unplaced.split_at(row.subcommands.len());
            commands[placed] = row.placed(group, placed).with_subcommands(own);
            placed += 1;
            subcommands_placed += own.len();
            rows = rest;
        }
        families = others;
    }
    commands
}

const fn assemble_subcommands() -> [Row; SUBCOMMAND_COUNT] {
    let mut subcommands = [PLACEHOLDER; SUBCOMMAND_COUNT];
    let mut placed = 0;
    let mut families = FAMILIES;
    while let [Family { group, rows }, others @ ..] = families {
        let mut rows = *rows;
        while let [row, rest @ ..] = rows {
            let mut own = row.subcommands;
            while let [subcommand, siblings @ ..] = own {
                subcommands[placed] = subcommand.placed(group, COMMAND_COUNT + placed);
                placed += 1;
                own = siblings;
            }
            rows = rest;
        }
        families = others;
    }
    subcommands
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_is_found_in_any_case() {
        for row in commands() {
            for name in [row.name.to_string(), row.name.to_ascii_uppercase()] {
                let found = find(name.as_bytes()).expect("a command finds itself");
                assert!(std::ptr::eq(found, row), "{name}");
            }
        }
        assert_eq!(find(b"pExPiReAt").map(|row| row.name), Some("pexpireat"));
    }

    #[test]
    fn names_that_are_no_command_are_not_found() {
        let strangers: [&[u8]; 9] = [
            b"",
            b"g",
            b"get\0",
            b"\0get",
            b"gett",
            b"config|get",
            b"sunsubscribesunsubscribe",
            b"\xE7et",
            b"GE\x54\x00",
        ];
        for name in strangers {
            assert!(find(name).is_none(), "{}", name.escape_ascii());
        }
    }

    #[test]
    fn bytes_that_differ_by_the_case_bit_alone_are_not_confused() {
        for row in commands() {
            for position in 0..row.name.len() {
                for byte in 0..=u8::MAX {
                    let mut name = row.name.as_bytes().to_vec();
                    name[position] = byte;
                    let same = name.eq_ignore_ascii_case(row.name.as_bytes());
                    let found = find(&name).is_some_and(|found| std::ptr::eq(found, row));
                    assert_eq!(found, same, "{}", name.escape_ascii());
                }
            }
        }
    }

    #[test]
    fn an_index_is_the_place_in_the_list_of_all() {
        assert_eq!(all().count(), ROW_COUNT);
        for (place, row) in all().enumerate() {
            assert_eq!(row.index(), place, "{}", row.name);
        }
    }

    #[test]
    fn subcommands_are_found_by_path_and_by_container() {
        let config = find(b"config").expect("CONFIG is in the table");
        let row = config
            .find_subcommand(b"GET")
            .expect("CONFIG GET is in the table");
        assert_eq!(row.name, "config|get");
        assert!(find_path(b"CONFIG|Get").is_some_and(|found| std::ptr::eq(found, row)));
        let strangers: [&[u8]; 5] = [
            b"config|",
            b"|get",
            b"get|x",
            b"config|get|x",
            b"config|nope",
        ];
        for path in strangers {
            assert!(find_path(path).is_none(), "{}", path.escape_ascii());
        }
    }
}
