//! The items of a pattern that stand for one byte: where they end, and which bytes they match.

use super::{ESCAPE, Matched, Matcher, Stop};

impl<W: FnMut() -> bool> Matcher<'_, W> {
    /// Where the item that begins at `item` ends, its repetition aside.
    pub(super) fn class_end(&mut self, item: usize) -> Matched<usize> {
        match self.item(item) {
            ESCAPE if self.item(item + 1) == 0 => {
                Err(Stop::Malformed(c"malformed pattern (ends with '%%')"))
            }
            ESCAPE => Ok(item + 2),
            b'[' => {
                let mut at = item + 1;
                if self.item(at) == b'^' {
                    at += 1;
                }
                loop {
                    let byte = self.item(at);
                    if byte == 0 {
                        return Err(Stop::Malformed(c"malformed pattern (missing ']')"));
                    }
                    at += 1;
                    if byte == ESCAPE && self.item(at) != 0 {
                        at += 1;
                    }
                    if self.item(at) == b']' {
                        return Ok(at + 1);
                    }
                    self.step()?;
                }
            }
            _ => Ok(item + 1),
        }
    }

    /// Whether the byte at `at` matches the item from `item` to `end`. A set may be as long as a
    /// pattern: its length counts as steps.
    pub(super) fn matches_one(&mut self, at: usize, item: usize, end: usize) -> bool {
        let Some(&byte) = self.subject.get(at) else {
            return false;
        };
        match self.item(item) {
            b'.' => true,
            ESCAPE => matches_class(byte, self.item(item + 1)),
            b'[' => {
                let length = u32::try_from(end - item).unwrap_or(u32::MAX);
                // At least one step is left for `step` to notice.
                self.steps = self.steps.saturating_sub(length / 4).max(1);
                self.matches_set(byte, item, end - 1)
            }
            other => other == byte,
        }
    }

    /// Whether `byte` is in the set from `item` to its bracket at `end`.
    pub(super) fn matches_set(&self, byte: u8, item: usize, end: usize) -> bool {
        let mut at = item + 1;
        let is_listed = self.item(at) != b'^';
        if !is_listed {
            at += 1;
        }
        while at < end {
            let first = self.item(at);
            if first == ESCAPE {
                if matches_class(byte, self.item(at + 1)) {
                    return is_listed;
                }
                at += 2;
            } else if self.item(at + 1) == b'-' && at + 2 < end {
                if (first..=self.item(at + 2)).contains(&byte) {
                    return is_listed;
                }
                at += 3;
            } else {
                if first == byte {
                    return is_listed;
                }
                at += 1;
            }
        }
        !is_listed
    }
}

/// Whether `byte` is of the class `%x`; a letter in upper case means all others.
fn matches_class(byte: u8, class: u8) -> bool {
    let is_member = match class.to_ascii_lowercase() {
        b'a' => byte.is_ascii_alphabetic(),
        b'c' => byte.is_ascii_control(),
        b'd' => byte.is_ascii_digit(),
        b'l' => byte.is_ascii_lowercase(),
        b'p' => byte.is_ascii_punctuation(),
        b's' => byte.is_ascii_whitespace() || byte == 0x0b,
        b'u' => byte.is_ascii_uppercase(),
        b'w' => byte.is_ascii_alphanumeric(),
        b'x' => byte.is_ascii_hexdigit(),
        b'z' => byte == 0,
        _ => return class == byte,
    };
    is_member == class.is_ascii_lowercase()
}
