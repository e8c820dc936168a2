//! LCS: the longest common subsequence of two strings.
//!
//! The table of the classic algorithm takes four bytes for each pair of bytes, and at most
//! `proto-max-bulk-len`. Which of several longest ones is answered, and in which pieces, follows
//! from the order of the walk back, which is that of Redis.

use smallvec::SmallVec;

use crate::command::args;
use crate::command::{CommandResult, Context};
use crate::error::CommandError;
use crate::resp::reply::{Blob, Reply};

/// Replies the longest common subsequence of two strings, its length, or where its pieces are.
///
/// `LCS key1 key2 [LEN] [IDX] [MINMATCHLEN min-match-len] [WITHMATCHLEN]`
pub fn lcs(ctx: &mut Context<'_>, args: &[&[u8]]) -> CommandResult {
    let names = [args[1], args[2]];
    // Out of their shards before the long part begins.
    let [one, other] = ctx.holding(&names, |ctx| {
        names.map(|name| {
            let key = ctx.read(name);
            SmallVec::<[u8; 64]>::from_slice(key.value().unwrap_or_default())
        })
    });
    let options = Options::parse(&args[3..])?;
    let bytes_max = ctx.instance.config.settings.proto_max_bulk_len();
    let table = Table::of(&one, &other, bytes_max)?;
    let length = Reply::from(table.length() as usize);
    Ok(match options.answer {
        Answer::Length => length.into(),
        Answer::Text => Reply::Bulk(table.text()).into(),
        Answer::Indexes => {
            let matches = table.matches().into_iter();
            let matches = matches
                .filter(|piece| i64::from(piece.length) >= options.match_length_min)
                .map(|piece| piece.reply(options.shows_length));
            let fields = vec![
                (Reply::bulk("matches"), Reply::Array(matches.collect())),
                (Reply::bulk("len"), length),
            ];
            Reply::Map(fields).into()
        }
    })
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Answer {
    Text,
    Length,
    Indexes,
}

#[derive(Debug)]
struct Options {
    answer: Answer,
    match_length_min: i64,
    shows_length: bool,
}

impl Options {
    fn parse(words: &[&[u8]]) -> Result<Options, CommandError> {
        let (mut wants_length, mut wants_indexes) = (false, false);
        let mut options = Options {
            answer: Answer::Text,
            match_length_min: 0,
            shows_length: false,
        };
        let mut rest = words;
        while let [word, after @ ..] = rest {
            rest = after;
            if args::is(word, "IDX") {
                wants_indexes = true;
            } else if args::is(word, "LEN") {
                wants_length = true;
            } else if args::is(word, "WITHMATCHLEN") {
                options.shows_length = true;
            } else if args::is(word, "MINMATCHLEN")
                && let [number, after @ ..] = rest
            {
                options.match_length_min = args::integer(number)?;
                rest = after;
            } else {
                return Err(CommandError::Syntax);
            }
        }
        options.answer = match (wants_length, wants_indexes) {
            (true, true) => return Err(CommandError::LcsLengthAndIndexes),
            (true, false) => Answer::Length,
            (false, true) => Answer::Indexes,
            (false, false) => Answer::Text,
        };
        Ok(options)
    }
}

/// The length of the longest common subsequence of every two beginnings.
struct Table<'a> {
    one: &'a [u8],
    other: &'a [u8],
    lengths: Vec<u32>,
}

/// A run of bytes that is in both strings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Piece {
    start: usize,
    other_start: usize,
    length: u32,
}

impl<'a> Table<'a> {
    fn of(one: &'a [u8], other: &'a [u8], bytes_max: u64) -> Result<Table<'a>, CommandError> {
        let cells = (one.len() as u128 + 1) * (other.len() as u128 + 1);
        if cells * size_of::<u32>() as u128 > u128::from(bytes_max) {
            return Err(CommandError::LcsTooLarge);
        }
        let cells = cells as usize;
        let mut lengths = Vec::new();
        lengths
            .try_reserve_exact(cells)
            .map_err(|_| CommandError::LcsAllocation)?;
        lengths.resize(cells, 0);
        let mut table = Table {
            one,
            other,
            lengths,
        };
        table.fill();
        Ok(table)
    }

    fn fill(&mut self) {
        let width = self.other.len() + 1;
        for (row, byte) in self.one.iter().enumerate() {
            let (above, here) = self.lengths[row * width..].split_at_mut(width);
            for (column, other) in self.other.iter().enumerate() {
                here[column + 1] = if byte == other {
                    above[column] + 1
                } else {
                    above[column + 1].max(here[column])
                };
            }
        }
    }

    /// The length for the first `one` bytes of the one string and the first `other` of the other.
    fn at(&self, one: usize, other: usize) -> u32 {
        self.lengths[one * (self.other.len() + 1) + other]
    }

    fn length(&self) -> u32 {
        self.at(self.one.len(), self.other.len())
    }

    /// The bytes, in both strings, that are the subsequence: from the last to the first.
    fn pairs(&self) -> impl Iterator<Item = (usize, usize)> {
        let (mut one, mut other) = (self.one.len(), self.other.len());
        std::iter::from_fn(move || {
            while one > 0 && other > 0 {
                if self.one[one - 1] == self.other[other - 1] {
                    one -= 1;
                    other -= 1;
                    return Some((one, other));
                }
                if self.at(one - 1, other) > self.at(one, other - 1) {
                    one -= 1;
                } else {
                    other -= 1;
                }
            }
            None
        })
    }

    fn text(&self) -> Blob {
        let mut text: Blob = self.pairs().map(|(one, _)| self.one[one]).collect();
        text.reverse();
        text
    }

    /// The subsequence in pieces, the last one first.
    fn matches(&self) -> Vec<Piece> {
        let mut pieces: Vec<Piece> = Vec::new();
        for (start, other_start) in self.pairs() {
            match pieces.last_mut() {
                Some(piece) if (piece.start, piece.other_start) == (start + 1, other_start + 1) => {
                    piece.start = start;
                    piece.other_start = other_start;
                    piece.length += 1;
                }
                _ => pieces.push(Piece {
                    start,
                    other_start,
                    length: 1,
                }),
            }
        }
        pieces
    }
}

impl Piece {
    fn reply(self, shows_length: bool) -> Reply {
        let length = self.length as usize;
        let range = |start: usize| {
            let ends = [start, start + length - 1];
            Reply::Array(ends.map(Reply::from).into())
        };
        let mut parts = vec![range(self.start), range(self.other_start)];
        if shows_length {
            parts.push(Reply::from(length));
        }
        Reply::Array(parts)
    }
}
