//! rslock, a Redlock over five servers: SET NX PX on each, and its own scripts to extend and to release.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use quintlock_clients::{
    INSTANCES, PATIENCE, Witness, address_of_nobody, addresses, assert_ttl, fresh_key, until, url,
};
use rslock::{LockError, LockManager};

const LONG: Duration = Duration::from_secs(30);

fn manager_of(addresses: &[String], attempts: u32) -> LockManager {
    let mut manager = LockManager::new(addresses.iter().map(|address| url(address)).collect());
    manager.set_retry(attempts, Duration::from_millis(20));
    manager
}

/// A manager that tries once.
fn manager() -> LockManager {
    manager_of(&addresses(), 1)
}

fn witnesses() -> Vec<Witness> {
    addresses()
        .iter()
        .map(|address| Witness::of(address))
        .collect()
}

fn assert_held_everywhere(key: &str, token: &[u8], above_ms: i64, limit_ms: i64) {
    for mut witness in witnesses() {
        assert_eq!(witness.token(key).as_deref(), Some(token));
        assert_ttl(witness.ttl_ms(key), above_ms, limit_ms);
    }
}

#[tokio::test]
async fn acquire_sets_token_and_deadline_on_all_five() {
    let key = fresh_key("acquire");
    let lock = manager()
        .lock(key.as_str(), LONG)
        .await
        .expect("a free lock");
    assert_eq!(lock.val.len(), 20);
    assert!(lock.validity_time > 0 && lock.validity_time < 30_000);
    assert_held_everywhere(&key, &lock.val, 0, 30_000);
    assert!(
        !manager()
            .is_freed(&lock)
            .await
            .expect("the key holds the token")
    );
}

#[tokio::test]
async fn contention_refuses_the_second_and_changes_nothing() {
    let key = fresh_key("contention");
    let lock = manager()
        .lock(key.as_str(), LONG)
        .await
        .expect("a free lock");
    let refused = manager().lock(key.as_str(), LONG * 2).await;
    assert!(
        matches!(refused, Err(LockError::Unavailable)),
        "{refused:?}"
    );
    assert_held_everywhere(&key, &lock.val, 0, 30_000);
}

#[tokio::test(flavor = "multi_thread")]
async fn contention_of_ten_lets_one_in_at_a_time() {
    const WORKERS: usize = 10;
    let key = fresh_key("crowd");
    let (inside, visits) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let workers: Vec<_> = (0..WORKERS)
        .map(|_| {
            let (key, inside, visits) = (key.clone(), Arc::clone(&inside), Arc::clone(&visits));
            tokio::spawn(async move {
                let guard = manager_of(&addresses(), 3)
                    .acquire(key.as_str(), LONG)
                    .await
                    .expect("its turn");
                assert_eq!(inside.fetch_add(1, Ordering::SeqCst), 0, "two were inside");
                tokio::task::yield_now().await;
                visits.fetch_add(1, Ordering::SeqCst);
                inside.fetch_sub(1, Ordering::SeqCst);
                guard.release().await;
            })
        })
        .collect();
    for worker in workers {
        worker.await.expect("a worker that did not panic");
    }
    assert_eq!(visits.load(Ordering::SeqCst), WORKERS);
}

#[tokio::test]
async fn extend_gives_the_holder_more_time() {
    let key = fresh_key("extend");
    let lock = manager()
        .lock(key.as_str(), Duration::from_secs(10))
        .await
        .expect("a free lock");
    let longer = manager()
        .extend(&lock, LONG * 2)
        .await
        .expect("an extension");
    assert_eq!(longer.val, lock.val);
    assert_held_everywhere(&key, &lock.val, 10_000, 60_000);
}

#[tokio::test]
async fn extend_of_a_lock_that_is_gone_is_refused() {
    let key = fresh_key("gone");
    let lock = manager()
        .lock(key.as_str(), LONG)
        .await
        .expect("a free lock");
    for mut witness in witnesses() {
        witness.remove(&key);
    }
    let refused = manager().extend(&lock, LONG).await;
    assert!(
        matches!(refused, Err(LockError::Unavailable)),
        "{refused:?}"
    );
    for mut witness in witnesses() {
        assert_eq!(witness.token(&key), None);
    }
}

#[tokio::test]
async fn extend_goes_on_while_the_work_lasts() {
    let key = fresh_key("using");
    let mut witness = Witness::of(&addresses()[0]);
    let work = async || {
        let deadline = Instant::now() + PATIENCE;
        let mut shortest_ms = i64::MAX;
        loop {
            let ttl_ms = witness.ttl_ms(&key);
            assert!(ttl_ms > 0, "the lock was lost");
            // It only grows when somebody extends it.
            if ttl_ms > shortest_ms {
                return;
            }
            shortest_ms = shortest_ms.min(ttl_ms);
            assert!(Instant::now() < deadline, "nobody extended the lock");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    manager_of(&addresses(), 3)
        .using(key.as_bytes(), Duration::from_secs(2), work)
        .await
        .expect("the work done");
    assert_eq!(
        Witness::of(&addresses()[0]).token(&key),
        None,
        "the lock outlived the work"
    );
}

#[tokio::test]
async fn release_frees_the_lock_on_all_five() {
    let key = fresh_key("release");
    let lock = manager()
        .lock(key.as_str(), LONG)
        .await
        .expect("a free lock");
    lock.release().await;
    for mut witness in witnesses() {
        assert_eq!(witness.token(&key), None);
    }
    manager()
        .lock(key.as_str(), LONG)
        .await
        .expect("a lock that was released");
}

#[tokio::test]
async fn wrong_token_neither_releases_nor_extends() {
    let key = fresh_key("wrong");
    let mut lock = manager()
        .lock(key.as_str(), LONG)
        .await
        .expect("a free lock");
    let held = std::mem::replace(&mut lock.val, b"somebody else's".to_vec());
    manager().unlock(&lock).await;
    assert_held_everywhere(&key, &held, 0, 30_000);
    let refused = manager().extend(&lock, LONG * 2).await;
    assert!(
        matches!(refused, Err(LockError::Unavailable)),
        "{refused:?}"
    );
    assert_held_everywhere(&key, &held, 0, 30_000);
    let freed = manager().is_freed(&lock).await;
    assert!(
        matches!(freed, Err(LockError::RedisKeyMismatch)),
        "{freed:?}"
    );
}

#[tokio::test]
async fn expiry_frees_the_lock_and_the_late_holder_cannot_release_the_next() {
    let key = fresh_key("expiry");
    let manager = manager_of(&addresses(), 3);
    let late = manager
        .lock(key.as_str(), Duration::from_millis(500))
        .await
        .expect("a free lock");
    for mut witness in witnesses() {
        witness.until_free(&key);
    }
    let next = manager
        .lock(key.as_str(), LONG)
        .await
        .expect("a lock that expired");
    manager.unlock(&late).await;
    assert_held_everywhere(&key, &next.val, 0, 30_000);
}

#[tokio::test]
async fn vote_of_three_is_enough_and_of_two_is_not() {
    let live = addresses();
    for down in 2..=3 {
        let key = fresh_key("vote");
        let mut servers: Vec<String> = live[down..].to_vec();
        servers.extend((0..down).map(|_| address_of_nobody()));
        assert_eq!(servers.len(), INSTANCES);
        let outcome = manager_of(&servers, 1).lock(key.as_str(), LONG).await;
        assert_eq!(
            outcome.is_ok(),
            down == 2,
            "{down} servers down: {outcome:?}"
        );
        for address in &live[down..] {
            let mut witness = Witness::of(address);
            if down == 2 {
                assert!(witness.token(&key).is_some());
            } else {
                until("a lost vote leaves nothing behind", || {
                    witness.token(&key).is_none()
                });
            }
        }
    }
}
