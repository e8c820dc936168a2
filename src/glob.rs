//! Glob patterns as Redis matches them: KEYS, SCAN, PSUBSCRIBE and CONFIG GET share this.
//!
//! `*` any bytes, `?` one byte, `[a-z]` one byte of a class, `[^a-z]` one byte outside it, `\x` the
//! byte `x` itself. Patterns and texts are bytes, never characters. The matcher remembers only the
//! last `*`, so a hostile pattern costs at most pattern length times text length, and no stack.

/// Whether `A` and `a` are the same letter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Case {
    /// Keys and channels: bytes are compared as they are.
    Sensitive,
    /// Names of settings: ASCII letters are folded.
    Ignored,
}

/// Whether `pattern` matches the whole of `text`.
///
/// An empty text is matched by the empty pattern alone, as in Redis; what goes through keys asks
/// [`matches_key`].
pub fn matches(pattern: &[u8], text: &[u8], case: Case) -> bool {
    if text.is_empty() {
        return pattern.is_empty();
    }
    let mut rest = pattern;
    let mut remaining = text;
    // What to retry when the match fails: the pattern after the last `*`, and the text that `*`
    // has not swallowed yet.
    let mut last_star: Option<(&[u8], &[u8])> = None;
    loop {
        if rest.first() == Some(&b'*') {
            rest = &rest[1..];
            last_star = Some((rest, remaining));
            continue;
        }
        let Some((&byte, after)) = remaining.split_first() else {
            // A shorter bite of the last `*` leaves more text, never less: no retry can help.
            return rest.is_empty();
        };
        if let Some(after_item) = match_one(rest, byte, case) {
            (rest, remaining) = (after_item, after);
            continue;
        }
        match last_star {
            Some((after_star, swallowed_to)) => {
                rest = after_star;
                remaining = &swallowed_to[1..];
                last_star = Some((after_star, remaining));
            }
            None => return false,
        }
    }
}

/// As [`matches()`], but that `*` stands for every key, the empty one too.
pub fn matches_key(pattern: &[u8], key: &[u8]) -> bool {
    pattern == b"*" || matches(pattern, key, Case::Sensitive)
}

/// The pattern after its first item if that item matches `byte`; the item is not a `*`.
fn match_one(pattern: &[u8], byte: u8, case: Case) -> Option<&[u8]> {
    match pattern {
        [] => None,
        [b'?', after @ ..] => Some(after),
        [b'[', class @ ..] => match_class(class, byte, case),
        [b'\\', literal, after @ ..] | [literal, after @ ..] => {
            same(*literal, byte, case).then_some(after)
        }
    }
}

/// Matches `byte` with the class that begins after `[`; an unclosed class ends with the pattern.
fn match_class(class: &[u8], byte: u8, case: Case) -> Option<&[u8]> {
    let (is_negated, mut class) = match class {
        [b'^', after @ ..] => (true, after),
        _ => (false, class),
    };
    let mut is_member = false;
    let after = loop {
        class = match class {
            [] => break class,
            // Redis compares an escaped byte of a class as it is, whatever the case rule.
            [b'\\', literal, after @ ..] => {
                is_member |= *literal == byte;
                after
            }
            [b']', after @ ..] => break after,
            [first, b'-', last, after @ ..] => {
                let (low, high) = (*first.min(last), *first.max(last));
                is_member |= (fold(low, case)..=fold(high, case)).contains(&fold(byte, case));
                after
            }
            [literal, after @ ..] => {
                is_member |= same(*literal, byte, case);
                after
            }
        };
    };
    (is_member != is_negated).then_some(after)
}

fn same(a: u8, b: u8, case: Case) -> bool {
    fold(a, case) == fold(b, case)
}

fn fold(byte: u8, case: Case) -> u8 {
    match case {
        Case::Sensitive => byte,
        Case::Ignored => byte.to_ascii_lowercase(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pattern_matches_the_keys_that_redis_matches() {
        let recorded = include_str!("../tests/data/glob-7.0.15.txt");
        let mut lines = recorded.lines().filter(|line| !line.starts_with("# "));
        let keys: Vec<&str> = lines.next().unwrap().split('\u{1f}').collect();
        let mut patterns = 0;
        for line in lines {
            let (pattern, positions) = line.split_once('\t').unwrap();
            let matched: Vec<String> = (0..keys.len())
                .filter(|&i| matches_key(pattern.as_bytes(), keys[i].as_bytes()))
                .map(|i| i.to_string())
                .collect();
            assert_eq!(matched.join(" "), positions, "pattern {pattern:?}");
            patterns += 1;
        }
        assert!(patterns > 250);
    }

    #[test]
    fn letters_are_folded_only_on_request() {
        assert!(matches(b"MAX*[A-C]", b"maxmemory-b", Case::Ignored));
        assert!(!matches(b"MAX*", b"maxmemory", Case::Sensitive));
        assert!(matches(b"[B]?", b"b!", Case::Ignored));
    }

    #[test]
    fn bytes_that_are_no_text_are_matched_as_bytes() {
        assert!(matches(
            b"\xff?[\x80-\x90]",
            b"\xff\x00\x85",
            Case::Sensitive
        ));
        assert!(!matches(
            b"\xff?[\x80-\x90]",
            b"\xff\x00\x91",
            Case::Sensitive
        ));
    }

    #[test]
    fn a_hostile_pattern_ends() {
        let pattern = b"a*".repeat(5_000);
        let text = b"a".repeat(4_000);
        assert!(!matches(&pattern, &text, Case::Sensitive));
        let mut pattern = b"*a".repeat(50);
        pattern.push(b'b');
        assert!(!matches(&pattern, &b"a".repeat(10_000), Case::Sensitive));
    }
}
