//! No order of annotations, rewrites, transactions, steps of the wall clock and kills moves a deadline.

use std::cell::{Cell, RefCell};
use std::time::Duration;

use proptest::prelude::*;

use super::world::{World, kept};
use crate::keyspace::{Event, Expiry};

/// What happens, or what happens while something else does.
#[derive(Clone, Debug)]
enum Step {
    Advance(u64),
    Wall(i64),
    Lock(u8, u64),
    Extend(u8, u64),
    Transaction(Vec<Step>),
    /// With what is done whenever it looks at the keyspace.
    Rewrite(Vec<Step>),
    Kill,
}

fn simple() -> impl Strategy<Value = Step> {
    prop_oneof![
        (0..2_500_000u64).prop_map(Step::Advance),
        (-100_000_000..100_000_000i64).prop_map(Step::Wall),
        (0..6u8, 1..60_000u64).prop_map(|(key, ttl)| Step::Lock(key, ttl)),
        (0..6u8, 1..60_000u64).prop_map(|(key, ttl)| Step::Extend(key, ttl)),
    ]
}

fn transaction() -> impl Strategy<Value = Step> {
    prop::collection::vec(simple(), 1..6).prop_map(Step::Transaction)
}

fn step() -> impl Strategy<Value = Step> {
    let within = prop_oneof![3 => simple(), 2 => transaction(), 1 => Just(Step::Kill)];
    let rewrite = prop::collection::vec(within, 0..8).prop_map(Step::Rewrite);
    prop_oneof![4 => simple(), 2 => transaction(), 2 => rewrite, 1 => Just(Step::Kill)]
}

fn name(key: u8) -> [u8; 1] {
    [b'a' + key]
}

fn run(world: &World, step: &Step) {
    match step {
        Step::Advance(micros) => {
            world.clock.advance(Duration::from_micros(*micros));
            world.keyspace.expire_due(world.clock.now());
        }
        Step::Wall(millis) => world.clock.step_wall(*millis),
        Step::Lock(key, ttl) => {
            let now = world.clock.now();
            let expiry = Expiry::At(now.after_millis(*ttl));
            let name = name(*key);
            world
                .keyspace
                .key(0, &name, now)
                .set(b"token", expiry, Event::Set);
        }
        Step::Extend(key, ttl) => {
            let now = world.clock.now();
            let name = name(*key);
            let mut key = world.keyspace.key(0, &name, now);
            key.expire_at(now.after_millis(*ttl));
        }
        Step::Transaction(steps) => {
            // Its time stands still, as a script's does.
            let now = world.clock.now();
            let mut held = world.keyspace.transaction(now);
            for step in steps {
                match step {
                    Step::Lock(key, ttl) => {
                        let name = name(*key);
                        let expiry = Expiry::At(now.after_millis(*ttl));
                        held.key(0, world.keyspace.hashed(&name))
                            .set(b"token", expiry, Event::Set);
                    }
                    Step::Extend(key, ttl) => {
                        let name = name(*key);
                        held.key(0, world.keyspace.hashed(&name))
                            .expire_at(now.after_millis(*ttl));
                    }
                    Step::Advance(micros) => world.clock.advance(Duration::from_micros(*micros)),
                    Step::Wall(millis) => world.clock.step_wall(*millis),
                    Step::Transaction(_) | Step::Rewrite(_) | Step::Kill => unreachable!(),
                }
            }
        }
        Step::Rewrite(steps) => {
            let steps = RefCell::new(steps.iter());
            let turn = Cell::new(0);
            let still = || {
                turn.set(turn.get() + 1);
                let count = if turn.get() == 1 { 2 } else { usize::MAX };
                for step in steps.borrow_mut().by_ref().take(count) {
                    run(world, step);
                }
                Some(())
            };
            assert!(world.keeper.rewriting.begin());
            world.keeper.rewrite(&world.keyspace, still);
        }
        Step::Kill => assert_eq!(world.copy().keys(), kept(world.keys())),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn a_deadline_stays_where_it_is(steps in prop::collection::vec(step(), 1..25)) {
        let mut world = World::new();
        for step in &steps {
            run(&world, step);
            if matches!(step, Step::Kill) {
                let before = world.keys();
                world = world.killed();
                prop_assert_eq!(world.keys(), kept(before));
            }
        }
        let before = world.keys();
        world = world.killed();
        prop_assert_eq!(world.keys(), kept(before));
    }
}

/// The wall clock is stepped while nothing is written; then a script begins, a rewrite is asked for,
/// and the script takes a lock before or after that.
#[test]
fn a_lock_of_a_script_beside_which_a_rewrite_was_asked_for_keeps_its_deadline() {
    for step_ms in [60_000, -60_000] {
        let mut world = World::new();
        run(&world, &Step::Lock(0, 600_000));
        world.clock.step_wall(step_ms);
        let now = world.clock.now();
        let deadline = now.after_millis(30_000);
        let mut script = world.keyspace.transaction(now);
        script.key(0, world.keyspace.hashed(b"lock")).set(
            b"token",
            Expiry::At(deadline),
            Event::Set,
        );
        let script = RefCell::new(Some(script));
        assert!(world.keeper.rewriting.begin());
        world.keeper.rewrite(&world.keyspace, || {
            // Whoever holds off a script waits for its end.
            drop(script.take());
            Some(())
        });
        drop(script);
        world = world.killed();
        let guard = world.keyspace.key(0, b"lock", now);
        assert_eq!(guard.deadline(), Some(deadline));
    }
}
