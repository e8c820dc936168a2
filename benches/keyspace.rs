//! Locks taken, read, extended and given back, in random order, and the timer wheel under them.
//!
//! The wheel lives inside the keyspace and is measured there: a key that is given another deadline
//! leaves one slot and enters another, one that loses it leaves the wheel.

use std::hint::black_box;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use quintlock::clock::{BootTime, Clock};
use quintlock::keyspace::{Change, Event, Expiry, Keyspace, Observer};

const DATABASE: usize = 0;
const SIZES: [(&str, usize); 2] = [("100k", 100_000), ("1M", 1_000_000)];
const TOKEN: [u8; 36] = *b"0123456789abcdef0123456789abcdef0123";
const TTL_MS: u64 = 30_000;
/// What a step over the keys is a multiple of: prime to their number, so that each has its turn.
const STRIDE: usize = 7_919;
/// Keys that expire at one time.
const DUE: usize = 1_000;

/// Nobody listens.
struct Silence;

impl Observer for Silence {
    fn changed(&self, _: Change<'_>) {}
}

/// Locks, and where the next one is.
struct Locks {
    keyspace: Keyspace,
    names: Vec<String>,
    now: BootTime,
    turn: usize,
}

impl Locks {
    /// So many locks, all held.
    fn held(count: usize) -> Locks {
        let locks = Locks {
            keyspace: Keyspace::new(1, Box::new(Silence)),
            names: (0..count).map(|n| format!("lock:orders:{n:012}")).collect(),
            now: Clock::manual().now(),
            turn: 0,
        };
        for name in &locks.names {
            locks.take(name);
        }
        locks
    }

    /// The next one in an order that no cache foresees.
    fn next(&mut self) -> usize {
        self.turn = (self.turn + STRIDE) % self.names.len();
        self.turn
    }

    /// SET NX PX; tells whether the lock was free.
    fn take(&self, name: &str) -> bool {
        let mut key = self.keyspace.key(DATABASE, name.as_bytes(), self.now);
        let is_free = !key.exists();
        if is_free {
            let deadline = self.now.after_millis(TTL_MS);
            key.set(&TOKEN, Expiry::At(deadline), Event::Set);
        }
        is_free
    }

    /// Compare-and-delete; tells whether it was held with this token.
    fn release(&self, name: &str) -> bool {
        let mut key = self.keyspace.key(DATABASE, name.as_bytes(), self.now);
        key.value() == Some(&TOKEN) && key.remove(Event::Del)
    }
}

fn locks(criterion: &mut Criterion) {
    for (size, count) in SIZES {
        let mut group = criterion.benchmark_group(format!("{size} locks"));
        let mut locks = Locks::held(count);
        group.bench_function("set nx, refused", |bencher| {
            bencher.iter(|| {
                let lock = locks.next();
                assert!(!locks.take(&locks.names[lock]));
            });
        });
        group.bench_function("get", |bencher| {
            bencher.iter(|| {
                let lock = locks.next();
                let name = locks.names[lock].as_bytes();
                let key = locks.keyspace.key(DATABASE, name, locks.now);
                black_box(key.value());
            });
        });
        group.bench_function("compare-and-delete and set nx", |bencher| {
            bencher.iter(|| {
                let lock = locks.next();
                assert!(locks.release(&locks.names[lock]));
                assert!(locks.take(&locks.names[lock]));
            });
        });
        group.bench_function("another deadline", |bencher| {
            bencher.iter(|| {
                let lock = locks.next();
                let deadline = locks.now.after_millis(TTL_MS + lock as u64 % TTL_MS);
                let name = locks.names[lock].as_bytes();
                locks
                    .keyspace
                    .key(DATABASE, name, locks.now)
                    .expire_at(deadline);
            });
        });
        group.bench_function("no deadline and one again", |bencher| {
            bencher.iter(|| {
                let lock = locks.next();
                let deadline = locks.now.after_millis(TTL_MS);
                let name = locks.names[lock].as_bytes();
                let mut key = locks.keyspace.key(DATABASE, name, locks.now);
                assert!(key.persist());
                key.expire_at(deadline);
            });
        });
        group.finish();
    }
}

fn expiry(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("expiry");
    group.throughput(Throughput::Elements(DUE as u64));
    group.bench_function("1000 that are due", |bencher| {
        let due = |locks: &Locks| locks.now.after_millis(TTL_MS);
        bencher.iter_batched(
            || Locks::held(DUE),
            |locks| {
                assert_eq!(locks.keyspace.expire_due(due(&locks)), DUE);
                locks
            },
            BatchSize::LargeInput,
        );
    });
    group.finish();
}

criterion_group!(benches, locks, expiry);
criterion_main!(benches);
