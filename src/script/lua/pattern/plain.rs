//! Plain texts: what `string.find` looks for where a pattern is none.

use super::{Matched, STEPS, Stop};

/// The characters that make a pattern more than a text.
const SPECIALS: &[u8] = b"^$*+?.([%-";

/// Whether a pattern is a plain text. As in C, what stands behind a NUL does not make it more.
pub(in crate::script::lua) fn is_plain(pattern: &[u8]) -> bool {
    let text = pattern.split(|byte| *byte == 0).next().unwrap_or_default();
    !text.iter().any(|byte| SPECIALS.contains(byte))
}

/// The place of `needle` in `text`.
///
/// # Errors
/// The watch has stopped it.
pub(in crate::script::lua) fn find_plain(
    text: &[u8],
    needle: &[u8],
    mut watch: impl FnMut() -> bool,
) -> Matched<Option<usize>> {
    let Some((first, rest)) = needle.split_first() else {
        return Ok(Some(0));
    };
    let mut work = 0;
    let mut start = 0;
    let last = match text.len().checked_sub(needle.len()) {
        Some(last) => last,
        None => return Ok(None),
    };
    while start <= last {
        let end = (start + STEPS as usize).min(last + 1);
        let Some(skipped) = text[start..end].iter().position(|byte| byte == first) else {
            work += end - start;
            start = end;
            if work >= STEPS as usize && !take(&mut work, &mut watch) {
                return Err(Stop::Watch);
            }
            continue;
        };
        start += skipped;
        if text[start + 1..].starts_with(rest) {
            return Ok(Some(start));
        }
        start += 1;
        // Comparing stops at the first difference, which may be the last byte.
        work += skipped + rest.len() / 8 + 1;
        if work >= STEPS as usize && !take(&mut work, &mut watch) {
            return Err(Stop::Watch);
        }
    }
    Ok(None)
}

fn take(work: &mut usize, watch: &mut impl FnMut() -> bool) -> bool {
    // A long comparison is worth several looks; one does.
    *work = 0;
    watch()
}
