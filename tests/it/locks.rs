//! Locks as programs take them, with the `redis` crate: on one instance, and Redlock on five.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use quintlock::{Cluster, Options, Server};
use redis::{Commands, Connection, RedisResult, Script};

use crate::support::client::REPLY_WAIT;
use crate::support::service::{eventually, start};

const RELEASE: &str = "if redis.call('get', KEYS[1]) == ARGV[1] then \
                       return redis.call('del', KEYS[1]) else return 0 end";
const EXTEND: &str = "if redis.call('get', KEYS[1]) == ARGV[1] then \
                      return redis.call('pexpire', KEYS[1], ARGV[2]) else return 0 end";

fn connect(server: &Server) -> Connection {
    open(server).unwrap_or_else(|error| panic!("cannot connect: {error}"))
}

fn open(server: &Server) -> RedisResult<Connection> {
    let client = redis::Client::open(format!("redis://{}", server.address()))?;
    let connection = client.get_connection_with_timeout(REPLY_WAIT)?;
    connection.set_read_timeout(Some(REPLY_WAIT))?;
    Ok(connection)
}

/// Whether the lock was taken.
fn acquire(connection: &mut Connection, key: &str, token: &str, ttl_ms: u64) -> RedisResult<bool> {
    let taken: Option<String> = redis::cmd("SET")
        .arg(key)
        .arg(token)
        .arg("NX")
        .arg("PX")
        .arg(ttl_ms)
        .query(connection)?;
    Ok(taken.is_some())
}

/// Whether it was held with this token.
fn release(connection: &mut Connection, key: &str, token: &str) -> RedisResult<bool> {
    Script::new(RELEASE).key(key).arg(token).invoke(connection)
}

fn extend(connection: &mut Connection, key: &str, token: &str, ttl_ms: u64) -> RedisResult<bool> {
    Script::new(EXTEND)
        .key(key)
        .arg(token)
        .arg(ttl_ms)
        .invoke(connection)
}

#[test]
fn only_the_holder_releases_and_extends() {
    let server = start(&[]);
    let (mut holder, mut other) = (connect(&server), connect(&server));
    assert!(acquire(&mut holder, "lock", "mine", 1000).unwrap());
    assert!(!acquire(&mut other, "lock", "yours", 1000).unwrap());
    assert!(!release(&mut other, "lock", "yours").unwrap());
    assert!(!extend(&mut other, "lock", "yours", 9000).unwrap());
    assert_eq!(other.pttl::<_, i64>("lock").unwrap(), 1000);
    assert!(extend(&mut holder, "lock", "mine", 5000).unwrap());
    assert_eq!(other.pttl::<_, i64>("lock").unwrap(), 5000);
    assert!(release(&mut holder, "lock", "mine").unwrap());
    assert!(!release(&mut holder, "lock", "mine").unwrap());
    assert!(acquire(&mut other, "lock", "yours", 1000).unwrap());
}

#[test]
fn a_lock_is_held_to_its_last_millisecond_and_no_longer() {
    let server = start(&[]);
    let (mut late, mut next) = (connect(&server), connect(&server));
    assert!(acquire(&mut late, "lock", "late", 1000).unwrap());
    server.advance(Duration::from_millis(999));
    assert!(!acquire(&mut next, "lock", "next", 1000).unwrap());
    server.advance(Duration::from_millis(1));
    assert!(acquire(&mut next, "lock", "next", 1000).unwrap());
    // The former holder notices, and the next one's lock survives it.
    assert!(!extend(&mut late, "lock", "late", 1000).unwrap());
    assert!(!release(&mut late, "lock", "late").unwrap());
    assert_eq!(next.get::<_, String>("lock").unwrap(), "next");
}

#[test]
fn eight_threads_that_take_turns_by_a_lock_lose_no_count() {
    const TURNS: u64 = 40;
    let server = start(&[("io-threads", "4")]);
    // Read, then written one higher: two holders at once would lose a count.
    let counter = AtomicU64::new(0);
    std::thread::scope(|scope| {
        for thread in 0..8 {
            let (server, counter) = (&server, &counter);
            scope.spawn(move || {
                let mut connection = connect(server);
                let token = format!("thread {thread}");
                for _ in 0..TURNS {
                    eventually("the lock is free", || {
                        acquire(&mut connection, "lock", &token, 60_000).unwrap()
                    });
                    let count = counter.load(Ordering::Relaxed);
                    std::thread::yield_now();
                    counter.store(count + 1, Ordering::Relaxed);
                    assert!(release(&mut connection, "lock", &token).unwrap());
                }
            });
        }
    });
    assert_eq!(counter.into_inner(), 8 * TURNS);
}

#[test]
fn a_step_of_the_wall_clock_moves_no_lock() {
    let server = start(&[]);
    let mut connection = connect(&server);
    for (key, step_ms) in [("ahead", 3_600_000), ("back", -86_400_000)] {
        assert!(acquire(&mut connection, key, "token", 10_000).unwrap());
        server.instance().clock.step_wall(step_ms);
        assert_eq!(connection.pttl::<_, i64>(key).unwrap(), 10_000);
        server.advance(Duration::from_millis(9_999));
        assert!(!acquire(&mut connection, key, "other", 10_000).unwrap());
        server.advance(Duration::from_millis(1));
        assert!(acquire(&mut connection, key, "other", 10_000).unwrap());
    }
}

#[test]
fn the_end_of_a_lock_is_told_the_moment_it_comes() {
    let server = start(&[("notify-keyspace-events", "Ex")]);
    let mut connection = connect(&server);
    let mut listener = connect(&server);
    let mut listener = listener.as_pubsub();
    listener.subscribe("__keyevent@0__:expired").unwrap();
    assert!(acquire(&mut connection, "late", "token", 2000).unwrap());
    assert!(acquire(&mut connection, "soon", "token", 1000).unwrap());
    assert!(acquire(&mut connection, "freed", "token", 1000).unwrap());
    assert!(release(&mut connection, "freed", "token").unwrap());
    server.advance(Duration::from_millis(1000));
    let told = |message: redis::Msg| message.get_payload::<String>().unwrap();
    assert_eq!(told(listener.get_message().unwrap()), "soon");
    server.advance(Duration::from_millis(999));
    assert_eq!(connection.exists::<_, u64>("late").unwrap(), 1);
    server.advance(Duration::from_millis(1));
    assert_eq!(told(listener.get_message().unwrap()), "late");
}

/// Redlock: a lock is held if most of the instances granted it.
struct Redlock<'a> {
    servers: &'a [Server],
}

impl Redlock<'_> {
    /// Runs `act` on every instance; counts where it succeeded. One that cannot be reached has not.
    fn count(&self, act: impl Fn(&mut Connection) -> RedisResult<bool>) -> usize {
        self.servers
            .iter()
            .filter(|server| {
                let mut connection = open(server);
                matches!(connection.as_mut().map(&act), Ok(Ok(true)))
            })
            .count()
    }

    /// Whether the lock was taken; if not, what was granted is given back.
    fn acquire(&self, key: &str, token: &str, ttl_ms: u64) -> bool {
        let granted = self.count(|connection| acquire(connection, key, token, ttl_ms));
        if granted <= self.servers.len() / 2 {
            self.release(key, token);
            return false;
        }
        true
    }

    fn release(&self, key: &str, token: &str) -> usize {
        self.count(|connection| release(connection, key, token))
    }

    fn extend(&self, key: &str, token: &str, ttl_ms: u64) -> bool {
        let extended = self.count(|connection| extend(connection, key, token, ttl_ms));
        extended > self.servers.len() / 2
    }

    fn held(&self, key: &str) -> usize {
        self.count(|connection| connection.exists(key))
    }
}

/// Stops instances and waits until nobody can reach them.
fn stop(cluster: &Cluster, indexes: &[usize]) {
    for index in indexes {
        cluster.stop(*index);
        eventually("it cannot be reached", || {
            open(&cluster.instances()[*index]).is_err()
        });
    }
}

fn five() -> Cluster {
    Cluster::start(5, &Options::manual_clock()).expect("five instances start")
}

#[test]
fn redlock_has_one_holder_on_five_instances() {
    let cluster = five();
    let redlock = Redlock {
        servers: cluster.instances(),
    };
    assert!(redlock.acquire("lock", "mine", 1000));
    assert_eq!(redlock.held("lock"), 5);
    assert!(!redlock.acquire("lock", "yours", 1000));
    assert!(redlock.extend("lock", "mine", 3000));
    assert!(!redlock.extend("lock", "yours", 3000));
    assert_eq!(redlock.release("lock", "mine"), 5);
    assert_eq!(redlock.held("lock"), 0);
    assert!(redlock.acquire("lock", "yours", 1000));
}

#[test]
fn redlock_works_with_two_of_five_stopped() {
    let cluster = five();
    stop(&cluster, &[1, 3]);
    let redlock = Redlock {
        servers: cluster.instances(),
    };
    assert!(redlock.acquire("lock", "mine", 1000));
    assert!(!redlock.acquire("lock", "yours", 1000));
    assert_eq!(redlock.held("lock"), 3);
    assert!(redlock.extend("lock", "mine", 3000));
    assert_eq!(redlock.release("lock", "mine"), 3);
    assert_eq!(redlock.held("lock"), 0);
}

#[test]
fn redlock_fails_with_three_of_five_stopped_and_leaves_nothing_locked() {
    let cluster = five();
    stop(&cluster, &[0, 2, 4]);
    let redlock = Redlock {
        servers: cluster.instances(),
    };
    assert!(!redlock.acquire("lock", "mine", 1000));
    assert_eq!(redlock.held("lock"), 0);
}

#[test]
fn a_clock_that_runs_ahead_on_two_of_five_gives_redlock_no_second_holder() {
    let cluster = five();
    let redlock = Redlock {
        servers: cluster.instances(),
    };
    assert!(redlock.acquire("lock", "mine", 1000));
    for fast in [0, 1] {
        cluster.instances()[fast].advance(Duration::from_millis(1000));
    }
    assert_eq!(redlock.held("lock"), 3);
    assert!(!redlock.acquire("lock", "yours", 1000));
    assert_eq!(redlock.held("lock"), 3);
    cluster.instances()[2].advance(Duration::from_millis(1000));
    assert!(redlock.acquire("lock", "yours", 1000));
}

#[test]
fn eight_threads_that_take_turns_by_redlock_lose_no_count() {
    const TURNS: u64 = 5;
    let options = Options::manual_clock().set("io-threads", "2");
    let cluster = Cluster::start(5, &options).unwrap();
    let counter = AtomicU64::new(0);
    std::thread::scope(|scope| {
        for thread in 0..8 {
            let (servers, counter) = (cluster.instances(), &counter);
            scope.spawn(move || {
                let redlock = Redlock { servers };
                let token = format!("thread {thread}");
                for _ in 0..TURNS {
                    eventually("the lock is free", || {
                        redlock.acquire("lock", &token, 60_000)
                    });
                    let count = counter.load(Ordering::Relaxed);
                    std::thread::yield_now();
                    counter.store(count + 1, Ordering::Relaxed);
                    redlock.release("lock", &token);
                }
            });
        }
    });
    assert_eq!(counter.into_inner(), 8 * TURNS);
}
