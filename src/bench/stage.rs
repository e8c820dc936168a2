//! What a workload needs on the server before it runs, and what is cleared away afterwards.
//!
//! Only keys that were absent, or that an earlier bench left behind, are ever written or deleted.

use crate::error::BenchError;

use super::keys::{KeyRange, digits, key};
use super::link::Control;
use super::reply::Answer;
use super::template::{Step, Template};
use super::workload::{Script, Workload};

/// What every token of a bench begins with, so that its keys are known again.
const TOKEN_MARK: &[u8] = b"bench-";

/// A key that is held for a workload lives longer than any run may take: two days.
const HELD_MS: u64 = 172_800_000;

/// Keys that one request names, and requests that are in flight, outside of the measurement.
const KEYS_PER_REQUEST: usize = 100;
const REQUESTS_IN_FLIGHT: usize = 50;

/// The token of the connection with this number: `length` letters, not below the mark's.
pub(super) fn token(number: usize, length: usize) -> Vec<u8> {
    let mut state = number as u64;
    let mut token = TOKEN_MARK.to_vec();
    while token.len() < length {
        // A step of a multiplicative generator with its high bits mixed down.
        state = state
            .wrapping_mul(0xd129_0a4f_5b7c_9e35)
            .wrapping_add(0x9e37_79b9_7f4a_7c15);
        token.extend_from_slice(format!("{:016x}", state ^ (state >> 29)).as_bytes());
    }
    token.truncate(length);
    token
}

/// One server's side of the preparations.
pub(super) struct Stage {
    control: Control,
}

impl Stage {
    pub(super) fn new(control: Control) -> Stage {
        Stage { control }
    }

    /// Loads the scripts, and tells the name of each.
    pub(super) fn load(&mut self, scripts: &[Script]) -> Result<Vec<Vec<u8>>, BenchError> {
        let load = |script: &Script| {
            let words: [&[u8]; 3] = [b"SCRIPT", b"LOAD", script.text().as_bytes()];
            match self.control.ask(&words)? {
                Answer::Bulk(digest) if digest.len() == 40 => Ok(digest),
                answer => {
                    let what = format!("{answer} came for the digest of a script");
                    Err(self.control.target().protocol(what))
                }
            }
        };
        scripts.iter().map(load).collect()
    }

    /// Makes sure that no key of the range exists, unless an earlier bench left it.
    pub(super) fn clear(&mut self, range: KeyRange) -> Result<(), BenchError> {
        let mut pieces = pieces(range).peekable();
        while pieces.peek().is_some() {
            let pieces: Vec<Vec<u64>> = pieces.by_ref().take(REQUESTS_IN_FLIGHT).collect();
            let exists = pieces.iter().map(|keys| request(b"EXISTS", keys));
            let answers = self.control.ask_all(&exists.collect::<Vec<_>>())?;
            for (keys, answer) in pieces.iter().zip(answers) {
                if answer != Answer::Integer(0) {
                    self.clear_leftovers(keys)?;
                }
            }
        }
        Ok(())
    }

    fn clear_leftovers(&mut self, keys: &[u64]) -> Result<(), BenchError> {
        let requests: Vec<_> = keys.iter().map(|key| request(b"GET", &[*key])).collect();
        let answers = self.control.ask_all(&requests)?;
        for (number, answer) in keys.iter().zip(answers) {
            let is_ours = match answer {
                Answer::Null => true,
                Answer::Bulk(token) => token.starts_with(TOKEN_MARK),
                _ => false,
            };
            if !is_ours {
                return Err(BenchError::ForeignKey {
                    target: self.control.target().to_string(),
                    key: String::from_utf8_lossy(&key(*number)).into_owned(),
                });
            }
        }
        self.control.ask_all(&[request(b"DEL", keys)])?;
        Ok(())
    }

    /// Takes every key of the range with this token.
    pub(super) fn hold(&mut self, range: KeyRange, token: &[u8]) -> Result<(), BenchError> {
        let ttl = HELD_MS.to_string().into_bytes();
        let set = |number: &u64| {
            vec![
                b"SET".to_vec(),
                key(*number),
                token.to_vec(),
                b"PX".to_vec(),
                ttl.clone(),
            ]
        };
        for keys in pieces(range) {
            let requests: Vec<_> = keys.iter().map(set).collect();
            self.control.ask_all(&requests)?;
        }
        Ok(())
    }

    /// Deletes every key of the range.
    pub(super) fn free(&mut self, range: KeyRange) -> Result<(), BenchError> {
        let mut pieces = pieces(range).peekable();
        while pieces.peek().is_some() {
            let pieces = pieces.by_ref().take(REQUESTS_IN_FLIGHT);
            let requests: Vec<_> = pieces.map(|keys| request(b"DEL", &keys)).collect();
            self.control.ask_all(&requests)?;
        }
        Ok(())
    }

    /// Sends each step once on keys that are free, to see whether the server knows it. Afterwards
    /// they are free again.
    pub(super) fn rehearse(
        &mut self,
        workload: Workload,
        steps: &[Step],
        range: KeyRange,
    ) -> Result<(), BenchError> {
        let mut refusal = None;
        for step in steps {
            let keys: Vec<_> = range.numbers().take(step.keys()).map(digits).collect();
            let mut template = Template::new(step, 1);
            template.patch(&keys);
            self.control.send(template.requests(1))?;
            if let Answer::Error(reply) = self.control.next_answer()? {
                refusal = Some((step.command(), reply));
                break;
            }
        }
        let keys = steps.first().map_or(0, Step::keys);
        let keys: Vec<u64> = range.numbers().take(keys).collect();
        self.control.ask_all(&[request(b"DEL", &keys)])?;
        let target = self.control.target().to_string();
        match refusal {
            None => Ok(()),
            Some((_, reply)) if reply.contains("unknown command") => Err(BenchError::Unsupported {
                target,
                workload: workload.name(),
                reply,
            }),
            Some((request, reply)) => Err(BenchError::Refused {
                target,
                request,
                reply,
            }),
        }
    }
}

/// The numbers of a range, as many at a time as one request names.
fn pieces(range: KeyRange) -> impl Iterator<Item = Vec<u64>> {
    let end = range.first + range.count;
    let firsts = (range.first..end).step_by(KEYS_PER_REQUEST);
    firsts.map(move |first| (first..end.min(first + KEYS_PER_REQUEST as u64)).collect())
}

fn request(command: &[u8], keys: &[u64]) -> Vec<Vec<u8>> {
    let keys = keys.iter().map(|number| key(*number));
    std::iter::once(command.to_vec()).chain(keys).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_differ_and_have_the_length_asked_for() {
        let tokens: std::collections::BTreeSet<_> = (0..1000).map(|n| token(n, 36)).collect();
        assert_eq!(tokens.len(), 1000);
        for length in [16, 36, 37, 4096] {
            let token = token(7, length);
            assert_eq!(token.len(), length);
            assert!(token.starts_with(TOKEN_MARK));
        }
    }

    #[test]
    fn every_key_of_a_range_is_in_one_piece() {
        let range = KeyRange {
            first: 5,
            count: 250,
        };
        let pieces: Vec<Vec<u64>> = pieces(range).collect();
        assert_eq!(pieces.len(), 3);
        assert!(pieces.concat().into_iter().eq(range.numbers()));
    }
}
