//! Mutual exclusion: from the reply that grants a lock to the end of the time that was asked for,
//! counted from when it was asked, nobody else is granted it, whatever happens to the server.

use super::model::{Fate, Found, Operation, Part, Texts, Ttl, Value, What};
use super::workload::{LOCKS, NAMES};

/// A crash of the machine.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Crash {
    pub(crate) at_ns: u64,
    /// A lock that was asked for longer may be forgotten by it.
    pub(crate) covered_ms: u64,
}

/// A lock that was granted.
#[derive(Clone, Copy)]
struct Grant<'a> {
    operation: &'a Operation,
    /// Which part of the operation.
    place: usize,
    database: usize,
    token: Value,
    ttl_ms: u64,
    granted_ns: u64,
}

/// What is wrong with the grants of all locks.
pub(crate) fn faults(operations: &[Operation], crashes: &[Crash], texts: &Texts) -> Vec<String> {
    LOCKS
        .flat_map(|name| faults_of(operations, name, crashes, texts))
        .collect()
}

fn faults_of(
    operations: &[Operation],
    name: usize,
    crashes: &[Crash],
    texts: &Texts,
) -> Vec<String> {
    let granted = operations.iter().flat_map(|operation| {
        let parts = operation.parts.iter().enumerate();
        parts.filter_map(move |(place, part)| grant(operation, place, part, name))
    });
    let grants: Vec<Grant<'_>> = granted.collect();
    let mut faults = Vec::new();
    for first in &grants {
        for second in &grants {
            if is_broken(first, second, name, operations, crashes) {
                faults.push(format!(
                    "{} was granted to {} at {} us for {} ms (asked at {} us), and to {} at {} us",
                    NAMES[name],
                    texts.shown(first.token),
                    first.granted_ns / 1000,
                    first.ttl_ms,
                    first.operation.sent_ns / 1000,
                    texts.shown(second.token),
                    second.granted_ns / 1000,
                ));
            }
        }
    }
    faults
}

fn grant<'a>(
    operation: &'a Operation,
    place: usize,
    part: &Part,
    own_name: usize,
) -> Option<Grant<'a>> {
    match *part {
        Part::Key {
            database,
            name,
            what: What::SetNx(token, Ttl::Ms(ttl_ms)),
            found: Found::Whether(true),
            ..
        } if name == own_name && operation.fate == Fate::Happened => Some(Grant {
            operation,
            place,
            database,
            token,
            ttl_ms,
            granted_ns: operation.answered_ns?,
        }),
        _ => None,
    }
}

/// Whether `second` was granted while `first` held, and nothing can have ended that.
fn is_broken(
    first: &Grant<'_>,
    second: &Grant<'_>,
    name: usize,
    operations: &[Operation],
    crashes: &[Crash],
) -> bool {
    let end_ns = first.operation.sent_ns + first.ttl_ms * 1_000_000;
    let is_during = first.database == second.database
        && second.operation.sent_ns > first.granted_ns
        && second.granted_ns < end_ns;
    if !is_during {
        return false;
    }
    let is_uncovered = crashes.iter().any(|crash| {
        first.ttl_ms > crash.covered_ms
            && (first.operation.sent_ns..second.granted_ns).contains(&crash.at_ns)
    });
    let may_end = |operation: &Operation| {
        let is_meanwhile = operation.sent_ns < second.granted_ns
            && operation
                .answered_ns
                .is_none_or(|answered_ns| answered_ns > first.operation.sent_ns);
        let is_own = std::ptr::eq(operation, first.operation);
        let begin = if is_own { first.place + 1 } else { 0 };
        let ends = |part: &Part| may_end(part, name, first);
        is_meanwhile && operation.fate != Fate::Refused && operation.parts[begin..].iter().any(ends)
    };
    !is_uncovered && !operations.iter().any(may_end)
}

/// Whether a part may have ended a lock before its time.
fn may_end(part: &Part, own_name: usize, grant: &Grant<'_>) -> bool {
    let Part::Key {
        database,
        name,
        what,
        found,
    } = *part
    else {
        return true;
    };
    let is_done = found != Found::Whether(false);
    name == own_name
        && database == grant.database
        && is_done
        && match what {
            What::SetNx(..) | What::SetNxAll(_) | What::Get | What::Pttl => false,
            What::CompareDel(token) | What::CompareExpire(token, _) => token == grant.token,
            What::Del
            | What::Set(..)
            | What::Expire(_)
            | What::Persist
            | What::Append(_)
            | What::SetRange(..) => true,
        }
}
