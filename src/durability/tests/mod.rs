//! Several parts of durability at once, on real files.

mod failures;
mod place;
