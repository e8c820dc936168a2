//! LOLWUT: a picture for nobody's use, with the version below.

use std::fmt::Write as _;

use crate::command::{CommandResult, Context, args};
use crate::resp::reply::Reply;
use crate::{QUINTLOCK_VERSION, REDIS_VERSION};

/// Columns and lines of the picture.
const SIZE: (usize, usize) = (64, 9);
/// A padlock.
const PADLOCK: [&str; 5] = [" .-. ", " | | ", "[===]", "[ o ]", "[===]"];
/// How many there are: a quorum is three of them.
const PADLOCKS: usize = 5;

/// Draws five padlocks, three of them closed, each time others.
///
/// `LOLWUT [VERSION version]`
///
/// There is one picture, whatever version is asked for. The last line is that of Redis.
pub fn lolwut(ctx: &mut Context<'_>, args: &[&[u8]]) -> CommandResult {
    if let [_, word, version, sizes @ ..] = args
        && args::is(word, "VERSION")
    {
        // Behind the version of a picture of Redis's stand its sizes.
        let sizes_max = match args::integer(version)? {
            5 => 3,
            6 => 2,
            _ => 0,
        };
        for size in sizes.iter().take(sizes_max) {
            args::integer(size)?;
        }
    }
    let picture = draw(ctx.instance.clock.unix_micros().unsigned_abs());
    let text = format!("{picture}\nQuintlock {QUINTLOCK_VERSION}\nRedis ver. {REDIS_VERSION}\n");
    Ok(Reply::Verbatim(text).into())
}

/// Five padlocks; two, chosen by `seed`, are open.
fn draw(seed: u64) -> String {
    let first = (seed % 5) as usize;
    let second = (first + 1 + (seed / 5 % 4) as usize) % PADLOCKS;
    let (columns, lines) = SIZE;
    let step = columns / PADLOCKS;
    let mut rows = vec![vec![' '; columns]; lines];
    for padlock in 0..PADLOCKS {
        let is_open = padlock == first || padlock == second;
        let left = padlock * step + step / 4;
        // An open shackle stands one line higher, and no two neighbours at the same height.
        let top = 1 + padlock % 2;
        for (line, part) in PADLOCK.iter().enumerate() {
            let is_body = line >= 2;
            let row = top + line + usize::from(is_open && is_body);
            for (column, character) in part.chars().enumerate() {
                rows[row][left + column] = character;
            }
        }
        if is_open {
            rows[top + 2][left + 1] = '|';
        }
    }
    let mut picture = String::new();
    for row in rows {
        let row: String = row.into_iter().collect();
        // Writing to a string cannot fail.
        let _ = writeln!(picture, "{}", row.trim_end());
    }
    picture
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_picture_has_three_closed_padlocks() {
        for seed in 0..20 {
            let picture = draw(seed);
            assert_eq!(picture.matches("[ o ]").count(), PADLOCKS, "{picture}");
            let rows: Vec<&str> = picture.lines().collect();
            let closed = (0..PADLOCKS)
                .filter(|padlock| {
                    let column = padlock * (SIZE.0 / PADLOCKS) + SIZE.0 / PADLOCKS / 4;
                    let row = rows[1 + padlock % 2 + 2];
                    row.as_bytes().get(column) == Some(&b'[')
                })
                .count();
            assert_eq!(closed, 3, "{picture}");
        }
    }
}
