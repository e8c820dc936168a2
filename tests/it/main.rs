//! The integration tests: one binary, one module a topic.

mod support;
mod tidy;
mod transcripts;
