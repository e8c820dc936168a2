//! A lock as applications write it with redis-rs: SET NX PX, and scripts that compare the token, in RESP2 over a
//! blocking connection and in RESP3 over a multiplexed one.
//!
//! Every test runs in both; the two connections differ in all but the commands they send.

use quintlock_clients::{
    COMPARE_AND_DELETE, COMPARE_AND_EXPIRE, COMPARE_DELETE_AND_WAKE, Witness, address, assert_ttl,
    fresh_key, url,
};
use redis::{ExistenceCheck, Script, SetExpiry, SetOptions};

enum Connection {
    Blocking(Box<redis::Connection>),
    Multiplexed(tokio::runtime::Runtime, redis::aio::MultiplexedConnection),
}

impl Connection {
    fn both() -> [Self; 2] {
        let blocking = redis::Client::open(url(&address())).expect("an address");
        let blocking = blocking.get_connection().expect("a blocking connection");
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        let client =
            redis::Client::open(format!("{}?protocol=resp3", url(&address()))).expect("an address");
        let multiplexed = runtime.block_on(client.get_multiplexed_async_connection());
        let multiplexed = multiplexed.expect("a multiplexed connection");
        [
            Self::Blocking(Box::new(blocking)),
            Self::Multiplexed(runtime, multiplexed),
        ]
    }

    fn take(&mut self, key: &str, token: &str, ttl_ms: u64) -> bool {
        let options = SetOptions::default()
            .conditional_set(ExistenceCheck::NX)
            .with_expiration(SetExpiry::PX(ttl_ms));
        let command = redis::Cmd::set_options(key, token, options);
        let reply: Option<String> = match self {
            Self::Blocking(connection) => command.query(connection),
            Self::Multiplexed(runtime, connection) => {
                runtime.block_on(command.query_async(connection))
            }
        }
        .expect("a reply to SET");
        reply.as_deref() == Some("OK")
    }

    /// Whether the script found the token.
    fn run(&mut self, source: &str, key: &str, token: &str, argument: &str) -> bool {
        let script = Script::new(source);
        let mut call = script.key(key);
        call.arg(token).arg(argument);
        let reply: i64 = match self {
            Self::Blocking(connection) => call.invoke(connection),
            Self::Multiplexed(runtime, connection) => {
                runtime.block_on(call.invoke_async(connection))
            }
        }
        .expect("a reply to a script");
        reply == 1
    }

    fn release(&mut self, key: &str, token: &str) -> bool {
        self.run(COMPARE_AND_DELETE, key, token, "")
    }

    fn extend(&mut self, key: &str, token: &str, ttl_ms: u64) -> bool {
        self.run(COMPARE_AND_EXPIRE, key, token, &ttl_ms.to_string())
    }
}

#[test]
fn acquire_sets_token_and_deadline() {
    let mut witness = Witness::of(&address());
    for mut connection in Connection::both() {
        let key = fresh_key("acquire");
        assert!(connection.take(&key, "mine", 30_000));
        assert_eq!(witness.token(&key).as_deref(), Some(&b"mine"[..]));
        assert_ttl(witness.ttl_ms(&key), 0, 30_000);
    }
}

#[test]
fn contention_refuses_the_second_and_changes_nothing() {
    let mut witness = Witness::of(&address());
    for (mut first, mut second) in Connection::both().into_iter().zip(Connection::both()) {
        let key = fresh_key("contention");
        assert!(first.take(&key, "mine", 30_000));
        assert!(!second.take(&key, "yours", 60_000));
        assert!(!first.take(&key, "mine again", 60_000));
        assert_eq!(witness.token(&key).as_deref(), Some(&b"mine"[..]));
        assert_ttl(witness.ttl_ms(&key), 0, 30_000);
    }
}

#[test]
fn extend_gives_the_holder_more_time_and_nobody_else() {
    let mut witness = Witness::of(&address());
    for mut connection in Connection::both() {
        let key = fresh_key("extend");
        assert!(connection.take(&key, "mine", 10_000));
        assert!(!connection.extend(&key, "yours", 60_000));
        assert_ttl(witness.ttl_ms(&key), 0, 10_000);
        assert!(connection.extend(&key, "mine", 60_000));
        assert_ttl(witness.ttl_ms(&key), 10_000, 60_000);
        witness.remove(&key);
        assert!(
            !connection.extend(&key, "mine", 60_000),
            "a lock that is gone was extended"
        );
    }
}

#[test]
fn release_frees_the_lock_once() {
    let mut witness = Witness::of(&address());
    for mut connection in Connection::both() {
        let key = fresh_key("release");
        assert!(connection.take(&key, "mine", 30_000));
        assert!(connection.release(&key, "mine"));
        assert_eq!(witness.token(&key), None);
        assert!(!connection.release(&key, "mine"));
        assert!(connection.take(&key, "next", 30_000));
    }
}

#[test]
fn release_wakes_a_waiter_who_subscribed() {
    for mut connection in Connection::both() {
        let (key, channel) = (fresh_key("wake"), fresh_key("channel"));
        let client = redis::Client::open(url(&address())).expect("an address");
        let mut waiting = client.get_connection().expect("a connection to wait on");
        waiting
            .set_read_timeout(Some(quintlock_clients::PATIENCE))
            .expect("a limit on waiting");
        let mut waiting = waiting.as_pubsub();
        waiting.subscribe(&channel).expect("a subscription");
        assert!(connection.take(&key, "mine", 60_000));
        assert!(connection.run(COMPARE_DELETE_AND_WAKE, &key, "mine", &channel));
        let message = waiting.get_message().expect("a message");
        assert_eq!(message.get_payload::<String>().expect("a text"), "released");
        assert!(connection.take(&key, "woken", 30_000));
    }
}

#[test]
fn wrong_token_releases_nothing() {
    let mut witness = Witness::of(&address());
    for mut connection in Connection::both() {
        let key = fresh_key("wrong");
        witness.hold(&key, "somebody else's");
        assert!(!connection.release(&key, "mine"));
        assert_eq!(
            witness.token(&key).as_deref(),
            Some(&b"somebody else's"[..])
        );
    }
}

#[test]
fn expiry_frees_the_lock_and_the_late_holder_cannot_release_the_next() {
    let mut witness = Witness::of(&address());
    for mut connection in Connection::both() {
        let key = fresh_key("expiry");
        assert!(connection.take(&key, "late", 100));
        witness.until_free(&key);
        assert!(connection.take(&key, "next", 30_000));
        assert!(!connection.release(&key, "late"));
        assert_eq!(witness.token(&key).as_deref(), Some(&b"next"[..]));
    }
}
