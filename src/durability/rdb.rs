//! Keys of an RDB snapshot, as far as it holds strings.
