//! Several parts of durability at once, on real files.

mod deadlines;
mod failures;
mod kills;
mod place;
mod syncs;
mod world;
