//! The list of the files that make up the append-only directory.
