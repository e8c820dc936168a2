//! A client of the lock service: it takes a lock by Redlock's rules, holds it for a while, releases it
//! or lets it run out, and writes down what it saw.
//!
//! With one instance the majority is that one, and the rules are those of a single-instance lock.
//! Every attempt has a token of its own, so that two of them are never taken for each other.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crate::bench::reply::Answer;
use crate::bench::request::request;
use crate::clock::Stopwatch;
use crate::error::TortureError;

use super::history::{End, Hold};
use super::options::{Options, Release};
use super::random::Random;
use super::voter::{Heard, Said, Voter};
use super::wait::wait_until;

/// The script that deletes a key if it has the token.
pub(super) const RELEASE_SCRIPT: &[u8] = b"if redis.call('get', KEYS[1]) == ARGV[1] then \
    return redis.call('del', KEYS[1]) else return 0 end";

/// One hold of so many is not released.
const ABANDONED_ONE_OF: u64 = 4;

/// How attempts ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// The lock was taken.
    pub acquired: u64,
    /// Too many instances said that somebody else holds it.
    pub refused: u64,
    /// Anything else, by the reason that most of the instances gave.
    pub failed: BTreeMap<String, u64>,
}

impl Tally {
    /// Adds that of another client.
    pub(super) fn merge(&mut self, other: Tally) {
        self.acquired += other.acquired;
        self.refused += other.refused;
        for (reason, count) in other.failed {
            *self.failed.entry(reason).or_default() += count;
        }
    }
}

/// What all clients share.
pub(super) struct Shared<'a> {
    pub(super) options: &'a Options,
    pub(super) clock: Stopwatch,
    pub(super) is_over: &'a AtomicBool,
    /// Locks taken by all of them so far.
    pub(super) acquired: &'a AtomicU64,
}

/// One client.
pub(super) struct Client<'a> {
    number: usize,
    shared: &'a Shared<'a>,
    voter: Voter,
    random: Random,
    tally: Tally,
    holds: Vec<Hold>,
}

/// An attempt to take a lock.
struct Attempt {
    lock: u64,
    number: u64,
    key: Vec<u8>,
    token: Vec<u8>,
}

/// When a lock was granted, and when it must not be relied on any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Grant {
    from_ns: u64,
    valid_until_ns: u64,
}

impl<'a> Client<'a> {
    pub(super) fn new(
        number: usize,
        targets: &[SocketAddr],
        shared: &'a Shared<'a>,
    ) -> Result<Client<'a>, TortureError> {
        Ok(Client {
            number,
            shared,
            voter: Voter::new(targets, shared.clock)?,
            // Streams from 0 on are the schedule's.
            random: Random::new(shared.options.seed, 1_000_000 + number as u64),
            tally: Tally::default(),
            holds: Vec::new(),
        })
    }

    /// Takes and releases locks until the run is over.
    pub(super) fn run(mut self) -> (Tally, Vec<Hold>) {
        let ttl_ns = self.shared.options.ttl_ms * 1_000_000;
        let mut attempts = 0;
        while !self.shared.is_over.load(Ordering::Relaxed) {
            attempts += 1;
            let lock = self.random.below(self.shared.options.locks);
            let attempt = Attempt {
                lock,
                number: attempts,
                key: format!("lock:torture:{lock}").into_bytes(),
                token: format!("{}-{}-{attempts}", std::process::id(), self.number).into_bytes(),
            };
            match self.acquire(&attempt) {
                Some(grant) => self.hold(&attempt, grant),
                None => {
                    self.release(&attempt);
                }
            }
            let pause_ns = self.random.between(ttl_ns / 200, ttl_ns / 20);
            let next_ns = self.shared.clock.elapsed_ns() + pause_ns;
            wait_until(self.shared.clock, next_ns, self.shared.is_over);
        }
        (self.tally, self.holds)
    }

    fn ask(&mut self, words: &[&[u8]]) -> Vec<Heard> {
        let wait_ms = self.shared.options.reply_wait_ms();
        self.voter.ask(&request(words), wait_ms)
    }

    fn acquire(&mut self, attempt: &Attempt) -> Option<Grant> {
        let options = self.shared.options;
        let ttl = options.ttl_ms.to_string();
        let asked_ns = self.shared.clock.elapsed_ns();
        let words: [&[u8]; 6] = [
            b"SET",
            &attempt.key,
            &attempt.token,
            b"NX",
            b"PX",
            ttl.as_bytes(),
        ];
        let heard = self.ask(&words);
        match outcome(&heard, options, asked_ns) {
            Outcome::Granted(grant) => {
                self.tally.acquired += 1;
                self.shared.acquired.fetch_add(1, Ordering::Relaxed);
                return Some(grant);
            }
            Outcome::Refused => self.tally.refused += 1,
            Outcome::Failed(reason) => *self.tally.failed.entry(reason).or_default() += 1,
        }
        None
    }

    /// Holds the lock for a while and gives it back, or lets it run out.
    fn hold(&mut self, attempt: &Attempt, grant: Grant) {
        let (clock, is_over) = (self.shared.clock, self.shared.is_over);
        let validity_ns = grant.valid_until_ns - grant.from_ns;
        let is_abandoned = self.random.below(ABANDONED_ONE_OF) == 0;
        let look_ns = grant.from_ns + self.random.below(validity_ns);
        let mut hold = Hold {
            lock: attempt.lock,
            client: self.number,
            attempt: attempt.number,
            from_ns: grant.from_ns,
            until_ns: grant.valid_until_ns,
            end: End::RanOut,
            lost_ns: None,
        };
        wait_until(clock, look_ns, is_over);
        if is_abandoned {
            let heard = self.ask(&[b"GET", &attempt.key]);
            let is_gone = |answer: &Answer| *answer != Answer::Bulk(attempt.token.clone());
            hold.lost_ns = lost(&heard, is_gone, self.shared.options, grant.valid_until_ns);
            wait_until(clock, grant.valid_until_ns, is_over);
        } else {
            let began_ns = clock.elapsed_ns();
            if began_ns < grant.valid_until_ns {
                hold.until_ns = began_ns;
                hold.end = End::Released;
            }
            let heard = self.release(attempt);
            let is_gone = |answer: &Answer| *answer == Answer::Integer(0);
            hold.lost_ns = lost(&heard, is_gone, self.shared.options, grant.valid_until_ns);
        }
        // The run may end before an abandoned lock does: what comes later was not seen.
        hold.until_ns = hold.until_ns.min(clock.elapsed_ns());
        self.holds.push(hold);
    }

    fn release(&mut self, attempt: &Attempt) -> Vec<Heard> {
        let words = release_words(self.shared.options.release, &attempt.key, &attempt.token);
        self.ask(&words)
    }
}

/// The command that releases a lock.
pub(super) fn release_words<'a>(release: Release, key: &'a [u8], token: &'a [u8]) -> Vec<&'a [u8]> {
    match release {
        Release::Script => vec![b"EVAL", RELEASE_SCRIPT, b"1", key, token],
        Release::Delex => vec![b"DELEX", key, b"IFEQ", token],
    }
}

/// What came of an attempt.
#[derive(Debug, PartialEq, Eq)]
enum Outcome {
    Granted(Grant),
    Refused,
    Failed(String),
}

/// Redlock's decision over the answers to what was asked at `asked_ns`. The drift of clocks counts for
/// a hundredth of the time to live and 2 ms, as the algorithm's authors have it.
fn outcome(heard: &[Heard], options: &Options, asked_ns: u64) -> Outcome {
    let majority = options.majority();
    let ttl_ns = options.ttl_ms * 1_000_000;
    let drift_ns = ttl_ns / 100 + 2_000_000;
    let valid_until_ns = asked_ns + ttl_ns.saturating_sub(drift_ns);
    let is_grant =
        |one: &&Heard| matches!(&one.said, Said::Answer(Answer::Status(text)) if text == b"OK");
    let mut grants_ns: Vec<u64> = heard.iter().filter(is_grant).map(|one| one.at_ns).collect();
    grants_ns.sort_unstable();
    if let Some(from_ns) = grants_ns.get(majority - 1).copied() {
        return if from_ns < valid_until_ns {
            Outcome::Granted(Grant {
                from_ns,
                valid_until_ns,
            })
        } else {
            Outcome::Failed("too late".to_owned())
        };
    }
    let others = heard.iter().filter(|one| !is_grant(one));
    let reasons = others.map(|one| reason(&one.said));
    let mut counts: BTreeMap<Option<String>, usize> = BTreeMap::new();
    reasons.for_each(|reason| *counts.entry(reason).or_default() += 1);
    if counts.get(&None).copied().unwrap_or_default() > heard.len() - majority {
        return Outcome::Refused;
    }
    let given = counts
        .into_iter()
        .filter_map(|(reason, count)| Some((reason?, count)));
    match given.max_by_key(|(_, count)| *count) {
        Some((reason, _)) => Outcome::Failed(reason),
        None => Outcome::Refused,
    }
}

/// Why an instance did not grant the lock; `None` if somebody else holds it.
fn reason(said: &Said) -> Option<String> {
    match said {
        Said::Answer(Answer::Null) => None,
        Said::Answer(Answer::Error(text)) => {
            let code = text.split_whitespace().next().unwrap_or_default();
            Some(format!("error {code}"))
        }
        Said::Answer(_) => Some("strange answer".to_owned()),
        Said::Silent => Some("no reply in time".to_owned()),
        Said::Unreachable => Some("no connection".to_owned()),
    }
}

/// When so many instances were known to have the token no more that no majority can have it, if that
/// was before the lock's validity ended. Instances that said nothing may have it.
fn lost(
    heard: &[Heard],
    is_gone: impl Fn(&Answer) -> bool,
    options: &Options,
    valid_until_ns: u64,
) -> Option<u64> {
    let gone = heard.iter().filter(|one| match &one.said {
        Said::Answer(Answer::Error(_)) | Said::Silent | Said::Unreachable => false,
        Said::Answer(answer) => is_gone(answer),
    });
    let mut gone_ns: Vec<u64> = gone.map(|one| one.at_ns).collect();
    gone_ns.sort_unstable();
    let decisive = heard.len() - options.majority();
    let lost_ns = gone_ns.get(decisive).copied();
    lost_ns.filter(|at_ns| *at_ns < valid_until_ns)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::options::Service;
    use super::*;

    const MS: u64 = 1_000_000;

    /// Five instances and a time to live of a second.
    fn options() -> Options {
        Options {
            service: Service::Running(vec!["127.0.0.1:1".parse().unwrap(); 5]),
            clients: 1,
            locks: 1,
            ttl_ms: 1000,
            release: Release::Script,
            faults: Vec::new(),
            seed: 1,
            length: Duration::from_secs(1),
            restart_delay_ms: 0,
            pause_ms: 1,
            victims: 1,
            overlap: 1,
        }
    }

    fn ok() -> Said {
        Said::Answer(Answer::Status(b"OK".to_vec()))
    }

    fn held() -> Said {
        Said::Answer(Answer::Null)
    }

    /// One millisecond after another, from 10 on.
    fn heard(said: &[Said]) -> Vec<Heard> {
        let times = (10..).map(|ms| ms * MS);
        let pairs = said.iter().cloned().zip(times);
        pairs.map(|(said, at_ns)| Heard { said, at_ns }).collect()
    }

    fn decided(said: &[Said], asked_ns: u64) -> Outcome {
        outcome(&heard(said), &options(), asked_ns)
    }

    #[test]
    fn the_third_grant_of_five_decides_and_validity_counts_from_the_question() {
        let all = [ok(), held(), ok(), Said::Silent, ok()];
        let expected = Outcome::Granted(Grant {
            from_ns: 14 * MS,
            valid_until_ns: (5 + 1000 - 12) * MS,
        });
        assert_eq!(decided(&all, 5 * MS), expected);
    }

    #[test]
    fn a_grant_that_comes_when_the_validity_is_over_is_none() {
        let mut late = heard(&[ok(), ok(), ok(), ok(), ok()]);
        late[2].at_ns = 988 * MS;
        late[3].at_ns = 988 * MS;
        late[4].at_ns = 988 * MS;
        let failed = Outcome::Failed("too late".to_owned());
        assert_eq!(outcome(&late, &options(), 0), failed);
        late[2].at_ns -= 1;
        assert!(matches!(outcome(&late, &options(), 0), Outcome::Granted(_)));
    }

    #[test]
    fn a_lock_is_refused_if_no_majority_is_left_and_fails_by_the_main_reason_else() {
        let refused = [ok(), ok(), held(), held(), held()];
        assert_eq!(decided(&refused, 0), Outcome::Refused);
        let loading = Said::Answer(Answer::Error("LOADING wait".to_owned()));
        for (said, reason) in [
            (
                [ok(), ok(), held(), Said::Silent, Said::Silent],
                "no reply in time",
            ),
            (
                [
                    Said::Unreachable,
                    Said::Unreachable,
                    Said::Silent,
                    ok(),
                    ok(),
                ],
                "no connection",
            ),
            (
                [loading.clone(), loading.clone(), loading, ok(), ok()],
                "error LOADING",
            ),
        ] {
            assert_eq!(decided(&said, 0), Outcome::Failed(reason.to_owned()));
        }
    }

    #[test]
    fn a_lock_is_lost_when_three_of_five_deny_it_in_time() {
        let denied = || Said::Answer(Answer::Integer(0));
        let kept = || Said::Answer(Answer::Integer(1));
        let is_gone = |answer: &Answer| *answer == Answer::Integer(0);
        let lost_ns = |said: &[Said], until_ns| lost(&heard(said), is_gone, &options(), until_ns);
        let three = [denied(), kept(), denied(), kept(), denied()];
        assert_eq!(lost_ns(&three, 1000 * MS), Some(14 * MS));
        assert_eq!(lost_ns(&three, 14 * MS), None);
        let two = [denied(), kept(), denied(), Said::Silent, Said::Unreachable];
        assert_eq!(lost_ns(&two, 1000 * MS), None);
    }
}
