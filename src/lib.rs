//! Quintlock: a Redis-compatible in-memory server made for locks.

pub mod command;
pub mod error;
pub mod resp;
pub mod script;
