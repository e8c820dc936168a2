//! The section `Locks`, our own: what became of the locks.
//!
//! A server of strings does not know which key is a lock, so what counts is how lock libraries use
//! them: a grant is a key that SET or MSETEX with NX, SETNX or MSETNX made, and a refusal one that
//! they found; a release is a key deleted by DEL, UNLINK, GETDEL, DELEX or DELIFEQ. A wrong token is
//! a DELEX or DELIFEQ with a condition, or the compare-and-delete of a native script, that found
//! another value; a late release found no key. An extension is EXPIRE or its kin on a living key, or
//! SET with XX, IFEQ or IFDEQ, or MSETEX with XX, that set its key. A key whose deadline came was held until then, as it
//! was not released. The commands of scripts count as those of clients.

use super::lines;
use crate::clock::BootTime;
use crate::instance::Instance;

pub(super) fn locks(instance: &Instance, _now: BootTime, text: &mut String) {
    let stats = &instance.stats;
    let lateness = &stats.lateness;
    let percentile_us = |percent| lateness.times.percentile_ns(percent).div_ceil(1000);
    lines!(text,
        "lock_grants": stats.lock_grants.read(),
        "lock_refusals": stats.lock_refusals.read(),
        "lock_releases": stats.lock_releases.read(),
        "lock_releases_by_wrong_token": stats.lock_wrong_tokens.read(),
        "lock_releases_too_late": stats.lock_late_releases.read(),
        "lock_extensions": stats.lock_extensions.read(),
        "lock_expired_while_held": instance.keyspace.expired(),
        "lock_scripts_native": stats.scripts_native.read(),
        "lock_scripts_lua": stats.scripts_lua.read(),
        "lock_expiry_lateness_usec_p50": percentile_us(50.0).min(lateness.worst_us()),
        "lock_expiry_lateness_usec_p99": percentile_us(99.0).min(lateness.worst_us()),
        "lock_expiry_lateness_usec_max": lateness.worst_us(),
    );
}
