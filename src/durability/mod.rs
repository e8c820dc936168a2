//! What outlives the process: the append-only files, as Redis 7 lays them out.
//!
//! The lower half reads: [`manifest`] knows which files there are, [`reader`] gives the records
//! of one, [`rdb`] the keys of a snapshot. It knows nothing of the keyspace.

pub mod annotation;
pub mod check;
pub mod file;
pub mod lock;
mod lzf;
pub mod manifest;
pub mod mend;
pub mod rdb;
pub mod reader;
mod tail;
pub mod transactions;
pub mod window;
