//! Several parts of durability at once, on real files.

mod deadlines;
mod failures;
mod place;
mod world;
