//! The hasher of a keyspace in tests: random outside of a simulation, decided by its seed inside.

use std::hash::BuildHasher;

use foldhash::quality::{FixedState, FoldHasher, RandomState};

use super::world::with_here;

/// As `foldhash` has it.
#[derive(Clone, Debug)]
pub(crate) enum Hasher {
    Random(RandomState),
    Fixed(FixedState),
}

impl Default for Hasher {
    fn default() -> Hasher {
        match with_here(|here| here.world.below(u64::MAX)) {
            Some(seed) => Hasher::Fixed(FixedState::with_seed(seed)),
            None => Hasher::Random(RandomState::default()),
        }
    }
}

impl BuildHasher for Hasher {
    type Hasher = FoldHasher<'static>;

    fn build_hasher(&self) -> FoldHasher<'static> {
        match self {
            Hasher::Random(state) => state.build_hasher(),
            Hasher::Fixed(state) => state.build_hasher(),
        }
    }
}
