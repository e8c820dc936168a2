//! Lua's pattern matcher, with a count of its steps.
//!
//! It is the matcher of Lua 5.1, item for item, with its error texts; but that one can take for
//! ever on a short text, and nothing interrupts it. This one tells its caller of each
//! [`STEPS`] steps, and the caller may stop it.
//!
//! A pattern ends at its first NUL, as in C.

mod item;
mod plain;

use std::ffi::CStr;

pub(super) use self::plain::{find_plain, is_plain};

/// Steps between two calls of the watch.
pub(super) const STEPS: u32 = 1 << 12;

/// The most captures that a pattern has.
const CAPTURES_MAX: usize = 32;

/// Each of these in a pattern is a recursion of the matcher, so their number is bounded.
const RECURSIVE: &[u8] = b"?*+-(";
const RECURSIVE_MAX: usize = 1_000;

const ESCAPE: u8 = b'%';

/// Why a match has no result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stop {
    /// The pattern is wrong; Lua's words.
    Malformed(&'static CStr),
    /// The watch wants it.
    Watch,
}

type Matched<T> = Result<T, Stop>;

/// Bytes of the subject, or a place in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Capture {
    /// From the first place up to the second one.
    Text(usize, usize),
    /// In front of this byte, counted from 0.
    Position(usize),
}

#[derive(Clone, Copy)]
struct Open {
    start: usize,
    state: CaptureState,
}

#[derive(Clone, Copy, PartialEq)]
enum CaptureState {
    Unfinished,
    Position,
    Finished(usize),
}

/// A matcher of one pattern on one subject.
pub(super) struct Matcher<'t, W> {
    subject: &'t [u8],
    pattern: &'t [u8],
    is_anchored: bool,
    captures: [Open; CAPTURES_MAX],
    level: usize,
    steps: u32,
    /// Called every [`STEPS`] steps; `false` stops the matcher.
    watch: W,
}

impl<'t, W: FnMut() -> bool> Matcher<'t, W> {
    /// A matcher for `pattern`, which may begin with an anchor if `takes_anchor`.
    ///
    /// # Errors
    /// The pattern would recurse too deeply.
    pub(super) fn new(
        subject: &'t [u8],
        pattern: &'t [u8],
        takes_anchor: bool,
        watch: W,
    ) -> Matched<Matcher<'t, W>> {
        let pattern = pattern.split(|byte| *byte == 0).next().unwrap_or_default();
        let recursive = |byte: &&u8| RECURSIVE.contains(byte);
        if pattern.len() > RECURSIVE_MAX && pattern.iter().filter(recursive).count() > RECURSIVE_MAX
        {
            return Err(Stop::Malformed(c"pattern too complex"));
        }
        let is_anchored = takes_anchor && pattern.first() == Some(&b'^');
        Ok(Matcher {
            subject,
            pattern: &pattern[usize::from(is_anchored)..],
            is_anchored,
            captures: [Open {
                start: 0,
                state: CaptureState::Unfinished,
            }; CAPTURES_MAX],
            level: 0,
            steps: STEPS,
            watch,
        })
    }

    /// Whether the pattern matches at the start alone.
    pub(super) fn is_anchored(&self) -> bool {
        self.is_anchored
    }

    /// Where a match that begins at `start` ends.
    ///
    /// # Errors
    /// The pattern is wrong, or the watch has stopped it.
    pub(super) fn match_at(&mut self, start: usize) -> Matched<Option<usize>> {
        self.level = 0;
        self.step()?;
        self.rest(start, 0)
    }

    /// The first match from `start` on: its two ends.
    ///
    /// # Errors
    /// As [`Matcher::match_at`].
    pub(super) fn find_from(&mut self, start: usize) -> Matched<Option<(usize, usize)>> {
        for start in start..=self.subject.len() {
            if let Some(end) = self.match_at(start)? {
                return Ok(Some((start, end)));
            }
            if self.is_anchored {
                break;
            }
        }
        Ok(None)
    }

    /// How many captures the last match has.
    pub(super) fn capture_count(&self) -> usize {
        self.level
    }

    /// A capture of the last match, counted from 0; the first is the whole match where the pattern
    /// has none.
    ///
    /// # Errors
    /// No such capture, or one that was not closed.
    pub(super) fn capture(&self, index: usize, matched: (usize, usize)) -> Matched<Capture> {
        match self.captures[..self.level].get(index) {
            Some(open) => match open.state {
                CaptureState::Finished(length) => {
                    Ok(Capture::Text(open.start, open.start + length))
                }
                CaptureState::Position => Ok(Capture::Position(open.start)),
                CaptureState::Unfinished => Err(Stop::Malformed(c"unfinished capture")),
            },
            None if index == 0 => Ok(Capture::Text(matched.0, matched.1)),
            None => Err(Stop::Malformed(c"invalid capture index")),
        }
    }

    #[inline]
    fn step(&mut self) -> Matched<()> {
        self.steps -= 1;
        if self.steps > 0 {
            return Ok(());
        }
        self.steps = STEPS;
        match (self.watch)() {
            true => Ok(()),
            false => Err(Stop::Watch),
        }
    }

    /// The byte of the pattern at `at`; NUL behind its end.
    #[inline]
    fn item(&self, at: usize) -> u8 {
        self.pattern.get(at).copied().unwrap_or(0)
    }

    /// The byte of the subject at `at`; NUL behind its end.
    #[inline]
    fn byte(&self, at: usize) -> u8 {
        self.subject.get(at).copied().unwrap_or(0)
    }

    /// Where the subject from `at` on matches the pattern from `item` on.
    fn rest(&mut self, mut at: usize, mut item: usize) -> Matched<Option<usize>> {
        loop {
            match self.item(item) {
                b'(' if self.item(item + 1) == b')' => {
                    return self.start_capture(at, item + 2, CaptureState::Position);
                }
                b'(' => return self.start_capture(at, item + 1, CaptureState::Unfinished),
                b')' => return self.end_capture(at, item + 1),
                0 => return Ok(Some(at)),
                b'$' if self.item(item + 1) == 0 => {
                    return Ok((at == self.subject.len()).then_some(at));
                }
                ESCAPE if self.item(item + 1) == b'b' => {
                    let Some(end) = self.balance(at, item + 2)? else {
                        return Ok(None);
                    };
                    (at, item) = (end, item + 4);
                }
                ESCAPE if self.item(item + 1) == b'f' => {
                    let Some(end) = self.frontier(at, item + 2)? else {
                        return Ok(None);
                    };
                    item = end;
                }
                ESCAPE if self.item(item + 1).is_ascii_digit() => {
                    let Some(end) = self.repeated_capture(at, self.item(item + 1))? else {
                        return Ok(None);
                    };
                    (at, item) = (end, item + 2);
                }
                _ => {
                    let end = self.class_end(item)?;
                    let is_match = self.matches_one(at, item, end);
                    match self.item(end) {
                        b'?' => {
                            if is_match && let Some(found) = self.rest(at + 1, end + 1)? {
                                return Ok(Some(found));
                            }
                            item = end + 1;
                        }
                        b'*' => return self.expand_most(at, item, end),
                        b'+' if is_match => return self.expand_most(at + 1, item, end),
                        b'-' => return self.expand_least(at, item, end),
                        _ if !is_match => return Ok(None),
                        _ => (at, item) = (at + 1, end),
                    }
                }
            }
            self.step()?;
        }
    }

    /// `x*`, or the rest of `x+`: as many as possible.
    fn expand_most(&mut self, start: usize, item: usize, end: usize) -> Matched<Option<usize>> {
        let mut at = start;
        while self.matches_one(at, item, end) {
            at += 1;
            self.step()?;
        }
        loop {
            if let Some(found) = self.rest(at, end + 1)? {
                return Ok(Some(found));
            }
            if at == start {
                return Ok(None);
            }
            at -= 1;
            self.step()?;
        }
    }

    /// `x-`: as few as possible.
    fn expand_least(&mut self, start: usize, item: usize, end: usize) -> Matched<Option<usize>> {
        let mut at = start;
        loop {
            if let Some(found) = self.rest(at, end + 1)? {
                return Ok(Some(found));
            }
            if !self.matches_one(at, item, end) {
                return Ok(None);
            }
            at += 1;
            self.step()?;
        }
    }

    /// `%bxy`
    fn balance(&mut self, start: usize, item: usize) -> Matched<Option<usize>> {
        let (opening, closing) = (self.item(item), self.item(item + 1));
        if opening == 0 || closing == 0 {
            return Err(Stop::Malformed(c"unbalanced pattern"));
        }
        if self.byte(start) != opening {
            return Ok(None);
        }
        let mut depth = 1_usize;
        for at in start + 1..self.subject.len() {
            self.step()?;
            let byte = self.subject[at];
            if byte == closing {
                depth -= 1;
                if depth == 0 {
                    return Ok(Some(at + 1));
                }
            } else if byte == opening {
                depth += 1;
            }
        }
        Ok(None)
    }

    /// `%f[set]`: where the set ends, if a run of its bytes begins at `at`.
    fn frontier(&mut self, at: usize, item: usize) -> Matched<Option<usize>> {
        if self.item(item) != b'[' {
            return Err(Stop::Malformed(c"missing '[' after '%%f' in pattern"));
        }
        let end = self.class_end(item)?;
        let before = match at.checked_sub(1) {
            Some(before) => self.byte(before),
            None => 0,
        };
        let begins = !self.matches_set(before, item, end - 1)
            && self.matches_set(self.byte(at), item, end - 1);
        Ok(begins.then_some(end))
    }

    /// `%1`: what the capture has taken, once more.
    fn repeated_capture(&mut self, at: usize, digit: u8) -> Matched<Option<usize>> {
        let index = usize::from(digit).wrapping_sub(usize::from(b'1'));
        let known = self.captures[..self.level].get(index).copied();
        let Some((open, state)) = known.map(|open| (open, open.state)) else {
            return Err(Stop::Malformed(c"invalid capture index"));
        };
        let length = match state {
            CaptureState::Unfinished => {
                return Err(Stop::Malformed(c"invalid capture index"));
            }
            // C takes the mark of a position for a length that no text has.
            CaptureState::Position => return Ok(None),
            CaptureState::Finished(length) => length,
        };
        let cost = u32::try_from(length / 64).unwrap_or(u32::MAX);
        self.steps = self.steps.saturating_sub(cost).max(1);
        let text = &self.subject[open.start..open.start + length];
        Ok(self.subject[at..].starts_with(text).then_some(at + length))
    }

    fn start_capture(
        &mut self,
        at: usize,
        item: usize,
        state: CaptureState,
    ) -> Matched<Option<usize>> {
        let Some(open) = self.captures.get_mut(self.level) else {
            return Err(Stop::Malformed(c"too many captures"));
        };
        *open = Open { start: at, state };
        self.level += 1;
        let found = self.rest(at, item)?;
        if found.is_none() {
            self.level -= 1;
        }
        Ok(found)
    }

    fn end_capture(&mut self, at: usize, item: usize) -> Matched<Option<usize>> {
        let open = self.captures[..self.level]
            .iter()
            .rposition(|open| open.state == CaptureState::Unfinished)
            .ok_or(Stop::Malformed(c"invalid pattern capture"))?;
        let start = self.captures[open].start;
        self.captures[open].state = CaptureState::Finished(at - start);
        let found = self.rest(at, item)?;
        if found.is_none() {
            self.captures[open].state = CaptureState::Unfinished;
        }
        Ok(found)
    }
}
