//! What the tests of every library share: where the servers are, names of their own for keys, and a look at a key.
//!
//! The servers are started by `scripts/clients`, which names them in `LOCK_SERVERS`: five `host:port`, by blanks. They
//! may be any server that speaks the protocol; nothing in this crate knows which one. The look at a key goes by a
//! connection that no library under test has touched, so that a library's own idea of its lock is never the proof.
//!
//! Invariant: no test waits for a fixed time; it polls for what must come, and gives up after `PATIENCE`.

use std::fmt::Display;
use std::net::TcpListener;
use std::process;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use redis::Commands;

/// How many servers a vote needs in these tests.
pub const INSTANCES: usize = 5;
/// How long something may take that must come.
pub const PATIENCE: Duration = Duration::from_secs(20);
const POLL_WAIT: Duration = Duration::from_millis(5);

/// Deletes a key if it holds the token; what applications write by hand.
pub const COMPARE_AND_DELETE: &str = r#"
if redis.call("get", KEYS[1]) == ARGV[1] then
    return redis.call("del", KEYS[1])
else
    return 0
end
"#;

/// Gives a key a new time to live if it holds the token.
pub const COMPARE_AND_EXPIRE: &str = r#"
if redis.call("get", KEYS[1]) == ARGV[1] then
    return redis.call("pexpire", KEYS[1], ARGV[2])
else
    return 0
end
"#;

/// Deletes a key if it holds the token, and tells those who wait on the channel of the second argument.
pub const COMPARE_DELETE_AND_WAKE: &str = r#"
if redis.call("get", KEYS[1]) == ARGV[1] then
    redis.call("del", KEYS[1])
    redis.call("publish", ARGV[2], "released")
    return 1
end
return 0
"#;

/// The addresses of the five servers.
///
/// # Panics
/// If `LOCK_SERVERS` does not name five.
pub fn addresses() -> Vec<String> {
    let named = std::env::var("LOCK_SERVERS").unwrap_or_default();
    let addresses: Vec<String> = named.split_whitespace().map(str::to_owned).collect();
    assert_eq!(
        addresses.len(),
        INSTANCES,
        "LOCK_SERVERS is '{named}'; run scripts/clients rust"
    );
    addresses
}

/// The address of the server that tests of a single one use.
pub fn address() -> String {
    addresses().swap_remove(0)
}

/// The URL of an address, as the libraries take it.
pub fn url(address: &str) -> String {
    format!("redis://{address}/")
}

/// An address where nobody listens.
pub fn address_of_nobody() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("its address").to_string()
}

/// A name that no other test and no earlier run has used.
pub fn fresh_key(kind: &str) -> String {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let started = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .expect("a clock after 1970")
        .as_nanos();
    format!("lock:{kind}:{}:{started}:{number}", process::id())
}

/// A plain connection to one server, to look at keys with.
pub struct Witness(redis::Connection);

impl Witness {
    /// Connects to `address`.
    pub fn of(address: &str) -> Self {
        let client = redis::Client::open(url(address)).expect("an address");
        Self(client.get_connection().expect("a connection to look with"))
    }

    /// What the key holds, `None` when it is free.
    pub fn token(&mut self, key: &str) -> Option<Vec<u8>> {
        self.0.get(key).expect("a reply to GET")
    }

    /// Milliseconds that the key has to live: -2 when it is free, -1 without a deadline.
    pub fn ttl_ms(&mut self, key: &str) -> i64 {
        self.0.pttl(key).expect("a reply to PTTL")
    }

    /// Writes a holder that no library under test knows of.
    pub fn hold(&mut self, key: &str, token: &str) {
        let () = self
            .0
            .pset_ex(key, token, 60_000)
            .expect("a reply to PSETEX");
    }

    /// Takes the key away, as an operator would.
    pub fn remove(&mut self, key: &str) {
        let () = self.0.del(key).expect("a reply to DEL");
    }

    /// Waits until the key is free.
    pub fn until_free(&mut self, key: &str) {
        until(format_args!("{key} is free"), || self.token(key).is_none());
    }
}

/// Polls until `holds` is true.
///
/// # Panics
/// If it is not within `PATIENCE`.
pub fn until(what: impl Display, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < deadline, "not within {PATIENCE:?}: {what}");
        std::thread::sleep(POLL_WAIT);
    }
}

/// Asserts that a time to live is more than `above_ms` and at most `limit_ms`.
pub fn assert_ttl(ttl_ms: i64, above_ms: i64, limit_ms: i64) {
    assert!(
        ttl_ms > above_ms && ttl_ms <= limit_ms,
        "{ttl_ms} ms to live, not within {above_ms} to {limit_ms}"
    );
}
