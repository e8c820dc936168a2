//! The integration tests: one binary, one module a topic.

mod bench;
mod clients;
mod concurrency;
mod debug;
mod differential;
mod durability;
mod endless_scripts;
mod faults;
mod guide;
mod hostile;
mod journal_files;
mod library;
mod limits;
mod locks;
mod native_and_lua;
mod operator;
mod persistence;
mod readme;
mod rewrite;
mod scripts;
mod startup;
mod support;
mod tested_libraries;
mod tidy;
mod torture;
mod transcripts;
