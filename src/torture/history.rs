//! What the clients saw, and the verdict on it: did two ever hold one lock at the same time?
//!
//! A pure function of the history. All times are nanoseconds of one monotonic clock, counted from the
//! beginning of the run; an interval has its first moment and not its last, so two that touch do
//! not overlap.

/// How a holder's time ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// It began to release the lock.
    Released,
    /// The time to live, less the drift of clocks, was over.
    RanOut,
}

/// One holder's time with one lock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hold {
    /// The lock's number.
    pub lock: u64,
    /// The client's number.
    pub client: usize,
    /// Which of the client's attempts it was; client and attempt are the holder.
    pub attempt: u64,
    /// The majority was known to have granted it.
    pub from_ns: u64,
    /// The release was begun, or the validity ran out.
    pub until_ns: u64,
    /// Which of both.
    pub end: End,
    /// When it was seen that no majority has the token any more, though nobody had released it and
    /// its validity was not over.
    pub lost_ns: Option<u64>,
}

/// Two holders of one lock at the same time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// Who had it.
    pub first: Hold,
    /// Who got it too.
    pub second: Hold,
}

impl Violation {
    /// From when to when both held the lock.
    pub fn overlap_ns(&self) -> (u64, u64) {
        let until_ns = self.first.until_ns.min(self.second.until_ns);
        (self.second.from_ns, until_ns)
    }
}

/// What a history shows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    /// Pairs of holders, in the order in which the second of each got the lock.
    pub violations: Vec<Violation>,
    /// Holds that were lost, by their beginnings.
    pub lost: Vec<Hold>,
    /// The longest time without any grant, in nanoseconds.
    pub longest_gap_ns: u64,
}

/// Judges a history, in any order, of a run that took `length_ns`.
pub fn judge(history: &[Hold], length_ns: u64) -> Verdict {
    let mut holds: Vec<&Hold> = history.iter().collect();
    holds.sort_by_key(|hold| (hold.from_ns, hold.until_ns, hold.client, hold.attempt));
    let mut verdict = Verdict::default();
    let mut open: Vec<&Hold> = Vec::new();
    let mut last_grant_ns = 0;
    for hold in holds {
        verdict.longest_gap_ns = verdict.longest_gap_ns.max(hold.from_ns - last_grant_ns);
        last_grant_ns = hold.from_ns;
        open.retain(|earlier| earlier.until_ns > hold.from_ns);
        // An interval of no length holds nothing.
        if hold.until_ns > hold.from_ns {
            let others = open.iter().filter(|earlier| earlier.lock == hold.lock);
            verdict.violations.extend(others.map(|earlier| Violation {
                first: (*earlier).clone(),
                second: hold.clone(),
            }));
            open.push(hold);
        }
        if hold.lost_ns.is_some() {
            verdict.lost.push(hold.clone());
        }
    }
    let rest_ns = length_ns.saturating_sub(last_grant_ns);
    verdict.longest_gap_ns = verdict.longest_gap_ns.max(rest_ns);
    verdict
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hold(lock: u64, client: usize, from_ns: u64, until_ns: u64) -> Hold {
        Hold {
            lock,
            client,
            attempt: from_ns,
            from_ns,
            until_ns,
            end: End::Released,
            lost_ns: None,
        }
    }

    fn pairs(history: &[Hold]) -> Vec<(usize, usize)> {
        let verdict = judge(history, 1000);
        let pairs = verdict.violations.iter();
        pairs
            .map(|pair| (pair.first.client, pair.second.client))
            .collect()
    }

    #[test]
    fn holders_one_after_another_are_no_violation() {
        assert_eq!(
            pairs(&[hold(1, 1, 0, 10), hold(1, 2, 20, 30), hold(1, 1, 40, 50)]),
            []
        );
        assert_eq!(judge(&[], 5), judge(&[], 5));
    }

    #[test]
    fn holds_that_touch_do_not_overlap_and_one_nanosecond_does() {
        assert_eq!(pairs(&[hold(1, 1, 0, 10), hold(1, 2, 10, 20)]), []);
        let faulty = [hold(1, 1, 0, 11), hold(1, 2, 10, 20)];
        assert_eq!(pairs(&faulty), [(1, 2)]);
        assert_eq!(judge(&faulty, 1000).violations[0].overlap_ns(), (10, 11));
    }

    #[test]
    fn different_locks_are_held_at_the_same_time() {
        assert_eq!(pairs(&[hold(1, 1, 0, 50), hold(2, 2, 10, 20)]), []);
    }

    #[test]
    fn a_hold_within_a_longer_one_is_found_behind_another_too() {
        let history = [hold(1, 3, 30, 40), hold(1, 1, 0, 100), hold(1, 2, 10, 20)];
        assert_eq!(pairs(&history), [(1, 2), (1, 3)]);
        assert_eq!(judge(&history, 1000).violations[1].overlap_ns(), (30, 40));
    }

    #[test]
    fn each_pair_of_three_holders_counts() {
        let history = [hold(1, 1, 0, 100), hold(1, 2, 10, 100), hold(1, 3, 20, 100)];
        assert_eq!(pairs(&history), [(1, 2), (1, 3), (2, 3)]);
    }

    #[test]
    fn the_same_client_with_another_token_is_another_holder() {
        assert_eq!(pairs(&[hold(1, 1, 0, 20), hold(1, 1, 10, 30)]), [(1, 1)]);
    }

    #[test]
    fn holds_that_begin_together_overlap_and_an_empty_one_does_not() {
        assert_eq!(pairs(&[hold(1, 1, 5, 9), hold(1, 2, 5, 9)]), [(1, 2)]);
        assert_eq!(pairs(&[hold(1, 1, 0, 9), hold(1, 2, 5, 5)]), []);
    }

    #[test]
    fn lost_locks_are_told_apart() {
        let mut lost = hold(1, 1, 0, 10);
        lost.lost_ns = Some(7);
        let verdict = judge(&[hold(1, 2, 20, 30), lost.clone()], 1000);
        assert_eq!(verdict.violations, []);
        assert_eq!(verdict.lost, [lost]);
    }

    #[test]
    fn the_longest_gap_counts_from_the_start_and_to_the_end() {
        let gap = |history: &[Hold]| judge(history, 1000).longest_gap_ns;
        assert_eq!(gap(&[]), 1000);
        assert_eq!(gap(&[hold(1, 1, 700, 800)]), 700);
        assert_eq!(gap(&[hold(1, 1, 100, 800)]), 900);
        assert_eq!(gap(&[hold(1, 1, 100, 110), hold(2, 2, 600, 700)]), 500);
    }
}
