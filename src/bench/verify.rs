//! Are the replies right? While they are, one comparison of bytes says so; where they differ, they
//! are taken apart and each one is judged.
//!
//! Invariant: every reply is counted once, as right or as wrong, however the system cuts the
//! stream of bytes.

use super::reply::first_answer;
use super::template::Template;

/// Distinct wrong replies that are kept to be shown.
const SAMPLES_MAX: usize = 5;

/// Replies that were not what they should be.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct WrongReplies {
    /// How many there were.
    pub count: u64,
    /// What the first different ones said, and what should have come.
    pub samples: Vec<String>,
}

impl WrongReplies {
    /// Counts one; what should have come is a whole reply as it is sent.
    pub(super) fn add(&mut self, got: &str, expected: &[u8]) {
        self.count += 1;
        if self.samples.len() < SAMPLES_MAX {
            let expected = match first_answer(expected) {
                Ok(Some((answer, _))) => answer.to_string(),
                _ => expected.escape_ascii().to_string(),
            };
            let sample = format!("{got} instead of {expected}");
            if !self.samples.contains(&sample) {
                self.samples.push(sample);
            }
        }
    }

    /// Adds those of another thread.
    pub(super) fn merge(&mut self, other: WrongReplies) {
        self.count += other.count;
        for sample in other.samples {
            if self.samples.len() < SAMPLES_MAX && !self.samples.contains(&sample) {
                self.samples.push(sample);
            }
        }
    }
}

/// How far the replies to one batch have come.
#[derive(Clone, Debug, Default)]
pub(super) struct Reception {
    /// Bytes of the expected replies that are accounted for.
    received: usize,
    /// What follows them, if it is not (or not known to be) what was expected.
    unjudged: Vec<u8>,
}

impl Reception {
    /// Begins the next batch.
    pub(super) fn restart(&mut self) {
        debug_assert!(self.unjudged.is_empty(), "a batch ends with its last reply");
        self.received = 0;
    }

    /// Takes what came for a batch of `count` requests, and tells how many of them have been
    /// answered by now.
    ///
    /// # Errors
    /// What came is no reply, or more than was asked for.
    #[inline]
    pub(super) fn accept(
        &mut self,
        template: &Template,
        count: usize,
        bytes: &[u8],
        wrong: &mut WrongReplies,
    ) -> Result<usize, String> {
        let expected = &template.replies(count)[self.received..];
        if self.unjudged.is_empty() && expected.starts_with(bytes) {
            self.received += bytes.len();
        } else {
            self.judge(template, count, bytes, wrong)?;
        }
        Ok(self.received / template.reply_bytes())
    }

    #[cold]
    fn judge(
        &mut self,
        template: &Template,
        count: usize,
        bytes: &[u8],
        wrong: &mut WrongReplies,
    ) -> Result<(), String> {
        let replies = template.replies(count);
        if self.unjudged.is_empty() {
            // Part of a reply that looked right so far is judged with the rest of it.
            let part = self.received % template.reply_bytes();
            self.unjudged = replies[self.received - part..self.received].to_vec();
            self.received -= part;
        }
        self.unjudged.extend_from_slice(bytes);
        let mut taken = 0;
        while let Some((answer, length)) = first_answer(&self.unjudged[taken..])? {
            if self.received == replies.len() {
                return Err(format!("{answer} came though nothing was asked"));
            }
            let expected = &template.replies(1);
            if self.unjudged[taken..taken + length] != **expected {
                wrong.add(&answer.to_string(), expected);
            }
            self.received += expected.len();
            taken += length;
        }
        self.unjudged.drain(..taken);
        if self.received == replies.len() && !self.unjudged.is_empty() {
            return Err("more came than was asked for".to_owned());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::template::{Step, Word};
    use super::*;

    fn template() -> Template {
        let step = Step {
            words: vec![Word::Text(b"PING".to_vec()), Word::Key],
            reply: b":1\r\n".to_vec(),
        };
        Template::new(&step, 4)
    }

    /// Feeds `bytes` in pieces of `size`; tells how many were answered and how many wrongly.
    fn fed(bytes: &[u8], size: usize) -> Result<(usize, WrongReplies), String> {
        let (template, mut wrong) = (template(), WrongReplies::default());
        let mut reception = Reception::default();
        let mut answered = 0;
        for piece in bytes.chunks(size) {
            answered = reception.accept(&template, 4, piece, &mut wrong)?;
        }
        if answered == 4 {
            reception.restart();
        }
        Ok((answered, wrong))
    }

    #[test]
    fn right_replies_are_counted_however_they_are_cut() {
        let all = b":1\r\n:1\r\n:1\r\n:1\r\n";
        for size in 1..=all.len() {
            assert_eq!(fed(all, size), Ok((4, WrongReplies::default())), "{size}");
        }
        assert_eq!(fed(&all[..7], 3).unwrap().0, 1);
    }

    #[test]
    fn wrong_replies_are_counted_and_kept_however_they_are_cut() {
        let all = b":1\r\n:10\r\n-ERR no\r\n:1\r\n";
        for size in 1..=all.len() {
            let (answered, wrong) = fed(all, size).unwrap();
            assert_eq!((answered, wrong.count), (4, 2), "{size}");
            let expected = [
                "(integer) 10 instead of (integer) 1",
                "ERR no instead of (integer) 1",
            ];
            assert_eq!(wrong.samples, expected, "{size}");
        }
    }

    #[test]
    fn replies_that_nobody_asked_for_are_a_fault() {
        for all in [
            &b":1\r\n:1\r\n:1\r\n:1\r\n:1\r\n"[..],
            b":0\r\n:1\r\n:1\r\n:1\r\n:",
        ] {
            for size in [all.len(), 4] {
                assert!(fed(all, size).is_err(), "{all:?}");
            }
        }
        assert!(fed(b"HTTP/1.1", 8).is_err());
    }

    #[test]
    fn few_samples_are_kept_of_many() {
        let mut wrong = WrongReplies::default();
        for number in 0..100 {
            wrong.add(&number.to_string(), b"+OK\r\n");
            wrong.add("0", b"+OK\r\n");
        }
        assert_eq!((wrong.count, wrong.samples.len()), (200, SAMPLES_MAX));
        assert_eq!(wrong.samples[0], "0 instead of OK");
        let mut merged = WrongReplies::default();
        merged.merge(wrong.clone());
        merged.merge(wrong);
        assert_eq!((merged.count, merged.samples.len()), (400, SAMPLES_MAX));
    }
}
