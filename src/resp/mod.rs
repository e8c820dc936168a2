//! The Redis protocol: requests in, replies out.

pub mod reply;
