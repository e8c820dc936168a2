//! What the integration tests stand on: a client that checks every byte it reads, the servers it
//! can talk to, and the notation in which the transcripts are written.
//!
//! Nothing here knows a command; what a server should answer stands in the transcripts.

pub(crate) mod alone;
pub(crate) mod client;
pub(crate) mod document;
pub(crate) mod fake;
pub(crate) mod frame;
pub(crate) mod in_process;
pub(crate) mod pattern;
pub(crate) mod program;
pub(crate) mod replay;
pub(crate) mod seed;
pub(crate) mod service;
pub(crate) mod target;
pub(crate) mod transcript;
pub(crate) mod update;
pub(crate) mod words;
