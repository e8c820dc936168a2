//! Quintlock: a Redis-compatible in-memory server made for locks.

pub mod cli;
pub mod clock;
pub mod command;
pub mod config;
pub mod error;
pub mod glob;
pub mod keyspace;
pub mod resp;
pub mod script;
