//! The records of an append-only file, one after the other.
