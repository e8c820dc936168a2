//! What outlives the process: the journal of all changes, and the lease horizon.
//!
//! The *journal* is an append-only file as Redis 7 lays it out: [`manifest`] knows which files
//! there are, [`reader`] gives the records of one, [`rdb`] the keys of a snapshot. Changes are
//! appended under the locks of their shards and are in the page cache before a reply leaves, so a
//! killed process loses nothing.
//!
//! The *horizon* is for a machine that crashes: no lock that was granted ends later than it says,
//! and it is on the disk before a grant that passes it is answered. After a crash nothing is
//! granted until it has passed.

pub mod annotation;
pub mod check;
mod disk;
mod dump;
pub mod file;
mod frames;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;
mod health;
mod horizon;
mod increment;
mod journal;
mod keeper;
mod layout;
pub mod left;
mod loaded;
pub mod lock;
mod lzf;
pub mod manifest;
pub mod mend;
pub mod rdb;
pub mod reader;
mod recent;
mod record;
mod replay;
mod restore;
mod rewrite;
mod ring;
mod serve;
mod status;
mod storage;
mod tail;
#[cfg(test)]
mod tests;
mod torn;
pub mod transactions;
mod upgrade;
mod wait;
mod wakeup;
pub mod window;
mod writer;

pub use dump::{DumpCounts, load as load_dump};
pub use keeper::{Keeper, Ticket};
pub use loaded::Loaded;
pub use restore::Store;
pub use rewrite::RewriteState;
pub use status::Status;

use crate::config::DurabilityMode as Mode;
