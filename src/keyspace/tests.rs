//! The keyspace with time in the test's hand.

use std::collections::HashMap;
use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::clock::Clock;

#[derive(Default)]
struct Recorder(Mutex<Vec<(String, &'static str)>>);

impl Observer for Arc<Recorder> {
    fn changed(&self, change: Change<'_>) {
        let key = String::from_utf8_lossy(change.key).into_owned();
        self.0.lock().push((key, change.event.name()));
    }
}

fn recorded() -> (Keyspace, Arc<Recorder>) {
    let recorder = Arc::new(Recorder::default());
    let keyspace = Keyspace::new(2, Box::new(Arc::clone(&recorder)));
    keyspace.start_listening();
    (keyspace, recorder)
}

fn at(millis: u64) -> BootTime {
    BootTime::from_micros(1_000_000 + millis * 1000)
}

fn set(keyspace: &Keyspace, key: &[u8], value: &[u8], expiry: Expiry, now: BootTime) {
    keyspace.key(0, key, now).set(value, expiry, Event::Set);
}

#[test]
fn a_key_past_its_deadline_is_absent_though_no_wheel_turned() {
    let (keyspace, recorder) = recorded();
    set(&keyspace, b"lock", b"token", Expiry::At(at(50)), at(0));
    assert_eq!(
        keyspace.key(0, b"lock", at(49)).value(),
        Some(&b"token"[..])
    );
    assert_eq!(keyspace.key(0, b"lock", at(50)).value(), None);
    assert_eq!(
        recorder.0.lock().last(),
        Some(&("lock".to_owned(), "expired"))
    );
    assert_eq!(keyspace.size(0).keys, 0);
}

#[test]
fn the_wheel_frees_what_nobody_touches_and_tells_of_it_once() {
    let (keyspace, recorder) = recorded();
    for number in 0..1000u64 {
        let key = format!("k{number}");
        let expiry = Expiry::At(at(number % 100 + 1));
        set(&keyspace, key.as_bytes(), b"v", expiry, at(0));
    }
    recorder.0.lock().clear();
    assert_eq!(keyspace.expire_due(at(51)), 510);
    assert_eq!(keyspace.expire_due(at(51)), 0);
    assert_eq!(keyspace.size(0).keys, 490);
    assert_eq!(keyspace.expire_due(at(5000)), 490);
    assert_eq!(recorder.0.lock().len(), 1000);
}

#[test]
fn events_come_in_the_order_of_redis() {
    let (keyspace, recorder) = recorded();
    set(&keyspace, b"k", b"v", Expiry::At(at(50)), at(0));
    set(&keyspace, b"k", b"w", Expiry::At(at(200)), at(100));
    keyspace.key(0, b"k", at(100)).persist();
    keyspace.key(0, b"k", at(100)).remove(Event::Del);
    let names: Vec<&str> = recorder.0.lock().iter().map(|(_, name)| *name).collect();
    assert_eq!(
        names,
        [
            "new", "set", "expire", "expired", "new", "set", "expire", "persist", "del"
        ]
    );
}

#[test]
fn a_deadline_set_with_an_old_reading_of_the_clock_still_fires() {
    let (keyspace, _) = recorded();
    set(&keyspace, b"early", b"v", Expiry::At(at(10)), at(0));
    keyspace.expire_due(at(1000));
    set(&keyspace, b"early", b"v", Expiry::At(at(500)), at(400));
    assert_eq!(keyspace.expire_due(at(1001)), 1);
}

#[test]
fn databases_are_apart_and_flushed_apart() {
    let (keyspace, _) = recorded();
    for database in 0..2 {
        let mut key = keyspace.key(database, b"k", at(0));
        key.set(b"v", Expiry::Never, Event::Set);
    }
    keyspace.flush(0);
    assert!(!keyspace.key(0, b"k", at(0)).exists());
    assert!(keyspace.key(1, b"k", at(0)).exists());
}

#[test]
fn several_keys_are_held_at_once_even_in_one_shard() {
    let (keyspace, _) = recorded();
    let keys: Vec<Vec<u8>> = (0..600).map(|n: u32| n.to_be_bytes().to_vec()).collect();
    let names: Vec<&[u8]> = keys.iter().map(Vec::as_slice).collect();
    let mut held = keyspace.hold(0, names.iter().map(|name| keyspace.hashed(name)), at(0));
    for key in &keys {
        held.key(0, keyspace.hashed(key))
            .set(b"v", Expiry::Never, Event::Set);
    }
    drop(held);
    assert_eq!(keyspace.size(0).keys, 600);
}

#[test]
fn a_walk_meets_every_lasting_key_once_though_others_come_and_go() {
    let (keyspace, _) = recorded();
    let name = |n: u32| format!("key:{n}").into_bytes();
    for n in 0..5000 {
        set(&keyspace, &name(n), b"v", Expiry::Never, at(0));
    }
    let (mut cursor, mut met, mut turn) = (Cursor::START, HashMap::new(), 5000);
    loop {
        cursor = keyspace.walk(0, cursor, 10, at(0), |Walked { key, .. }| {
            *met.entry(key.to_vec()).or_insert(0) += 1;
        });
        keyspace.key(0, &name(turn - 1), at(0)).remove(Event::Del);
        set(&keyspace, &name(turn + 5000), b"v", Expiry::Never, at(0));
        turn -= 1;
        if cursor == Cursor::START {
            break;
        }
    }
    for n in 0..turn - 1 {
        assert_eq!(met.get(&name(n)), Some(&1), "key {n}");
    }
}

#[derive(Clone, Debug)]
enum Step {
    Set(u8, Option<u16>),
    Remove(u8),
    ExpireAt(u8, u16),
    Persist(u8),
    Advance(u16),
    Sweep,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        (0..16u8, prop::option::of(1..2000u16)).prop_map(|(k, t)| Step::Set(k, t)),
        (0..16u8).prop_map(Step::Remove),
        (0..16u8, 1..2000u16).prop_map(|(k, t)| Step::ExpireAt(k, t)),
        (0..16u8).prop_map(Step::Persist),
        (0..300u16).prop_map(Step::Advance),
        Just(Step::Sweep),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// The model is a map from key to deadline that is asked with the same clock.
    #[test]
    fn behaves_as_a_map_with_deadlines(steps in prop::collection::vec(step(), 1..300)) {
        let (keyspace, _) = recorded();
        let mut model: HashMap<u8, Option<u64>> = HashMap::new();
        let mut now_ms = 0u64;
        for step in steps {
            model.retain(|_, deadline| deadline.is_none_or(|deadline| deadline > now_ms));
            let now = at(now_ms);
            match step {
                Step::Set(key, ttl) => {
                    let deadline = ttl.map(|ttl| now_ms + u64::from(ttl));
                    let expiry = deadline.map_or(Expiry::Never, |ms| Expiry::At(at(ms)));
                    set(&keyspace, &[key], &[key], expiry, now);
                    model.insert(key, deadline);
                }
                Step::Remove(key) => {
                    let removed = keyspace.key(0, &[key], now).remove(Event::Del);
                    prop_assert_eq!(removed, model.remove(&key).is_some());
                }
                Step::ExpireAt(key, ttl) => {
                    let deadline = now_ms + u64::from(ttl);
                    keyspace.key(0, &[key], now).expire_at(at(deadline));
                    model.entry(key).and_modify(|known| *known = Some(deadline));
                }
                Step::Persist(key) => {
                    let persisted = keyspace.key(0, &[key], now).persist();
                    let known = model.get_mut(&key).and_then(Option::take);
                    prop_assert_eq!(persisted, known.is_some());
                }
                Step::Advance(millis) => now_ms += u64::from(millis),
                Step::Sweep => {
                    keyspace.expire_due(now);
                    prop_assert_eq!(keyspace.size(0).keys, model.len());
                }
            }
            for key in 0..16u8 {
                let known = model.get(&key).filter(|d| d.is_none_or(|d| d > now_ms));
                let guard = keyspace.key(0, std::slice::from_ref(&key), at(now_ms));
                prop_assert_eq!(guard.exists(), known.is_some());
                prop_assert_eq!(guard.deadline(), known.copied().flatten().map(at));
            }
        }
    }
}

/// Redis knows deadlines to the millisecond, so no transcript sees that this is one to the
/// microsecond, and made nowhere anew.
#[test]
fn a_key_takes_its_deadline_along_to_the_microsecond() {
    let (keyspace, recorder) = recorded();
    let deadline = BootTime::from_micros(1_234_567);
    set(&keyspace, b"from", b"token", Expiry::At(deadline), at(0));
    set(&keyspace, b"to", b"other", Expiry::At(at(10)), at(0));
    recorder.0.lock().clear();
    let mut held = keyspace.hold_each(&[(0, b"from"), (0, b"to"), (1, b"to")], at(3));
    let content = held
        .key(0, keyspace.hashed(b"from"))
        .content()
        .expect("the key is there");
    held.key(0, keyspace.hashed(b"to")).put(&content);
    held.key(1, keyspace.hashed(b"to")).put(&content);
    drop(held);
    let names: Vec<&str> = recorder.0.lock().iter().map(|(_, name)| *name).collect();
    assert_eq!(names, ["new", "new"]);
    for database in [0, 1] {
        let copy = keyspace.key(database, b"to", at(20)).content();
        assert_eq!(copy.as_ref(), Some(&content));
    }
    assert_eq!(content.deadline, Some(deadline));
    for key in [&b"from"[..], b"to"] {
        let before = BootTime::from_micros(1_234_566);
        assert!(keyspace.key(0, key, before).exists());
        assert!(!keyspace.key(0, key, deadline).exists());
    }
    assert_eq!(keyspace.expire_due(at(300)), 1);
}

#[test]
fn swapped_databases_keep_their_deadlines_and_their_walks() {
    let (keyspace, recorder) = recorded();
    for number in 0..500u64 {
        let key = format!("k{number}");
        let expiry = match number % 2 {
            0 => Expiry::At(at(number + 1)),
            _ => Expiry::Never,
        };
        set(&keyspace, key.as_bytes(), b"v", expiry, at(0));
    }
    let mut seen = Vec::new();
    let mut see = |Walked { key, .. }: Walked<'_>| seen.push(key.to_vec());
    let cursor = keyspace.walk(0, Cursor::START, 200, at(0), &mut see);
    recorder.0.lock().clear();
    keyspace.swap(0, 1, at(0));
    assert_eq!(recorder.0.lock().len(), 1000);
    assert_eq!((keyspace.size(0).keys, keyspace.size(1).keys), (0, 500));
    keyspace.walk(1, cursor, usize::MAX, at(0), &mut see);
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), 500);
    keyspace.swap(1, 0, at(0));
    keyspace.swap(0, 0, at(0));
    assert_eq!(keyspace.expire_due(at(250)), 125);
    assert_eq!(keyspace.expire_due(at(1000)), 125);
    assert_eq!((keyspace.size(0).timed, keyspace.size(1).timed), (0, 0));
}

#[test]
fn a_sleeper_hears_of_a_deadline_that_changed_its_database() {
    let (keyspace, _) = recorded();
    set(&keyspace, b"k", b"v", Expiry::At(at(50)), at(0));
    keyspace.swap(1, 0, at(0));
    let clock = Clock::manual();
    clock.advance(std::time::Duration::from_secs(1_000_000));
    assert_eq!(keyspace.sleep_until_due(&clock), Wake::Look);
    assert_eq!(keyspace.expire_due(clock.now()), 1);
}

#[test]
fn dead_keys_do_not_count_as_swapped() {
    let (keyspace, recorder) = recorded();
    set(&keyspace, b"dead", b"v", Expiry::At(at(10)), at(0));
    recorder.0.lock().clear();
    keyspace.swap(0, 1, at(10));
    assert!(recorder.0.lock().is_empty());
}

#[test]
fn random_keys_are_alive_and_all_have_their_turn() {
    let (keyspace, _) = recorded();
    assert_eq!(keyspace.random_key(0, at(0)), None);
    for number in 0..2000u64 {
        let expiry = match number {
            0..20 => Expiry::Never,
            _ => Expiry::At(at(10)),
        };
        let key = number.to_string();
        set(&keyspace, key.as_bytes(), b"v", expiry, at(0));
    }
    let mut drawn = HashMap::new();
    for _ in 0..16_000 {
        let key = keyspace.random_key(0, at(10)).expect("a key is alive");
        let number: u64 = String::from_utf8_lossy(&key).parse().expect("a number");
        assert!(number < 20, "{number} is dead");
        *drawn.entry(number).or_insert(0) += 1;
    }
    assert_eq!(drawn.len(), 20);
    keyspace.flush(0);
    assert_eq!(keyspace.random_key(0, at(10)), None);
}
