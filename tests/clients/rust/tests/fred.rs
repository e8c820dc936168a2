//! A lock as applications write it with fred: SET NX PX, and scripts that compare the token, in RESP2 and RESP3.
//!
//! fred sends a script by its digest and loads it when the server does not know it.

use fred::clients::{Client, SubscriberClient};
use fred::interfaces::{ClientLike, EventInterface, KeysInterface, PubsubInterface};
use fred::types::config::{Config, ServerConfig};
use fred::types::scripts::Script;
use fred::types::{Builder, Expiration, RespVersion, SetOptions};
use quintlock_clients::{
    COMPARE_AND_DELETE, COMPARE_AND_EXPIRE, COMPARE_DELETE_AND_WAKE, PATIENCE, Witness, address,
    assert_ttl, fresh_key,
};

fn builder(version: RespVersion) -> Builder {
    let address = address();
    let (host, port) = address.rsplit_once(':').expect("host:port");
    let server = ServerConfig::new_centralized(host, port.parse().expect("a port"));
    Builder::from_config(Config {
        server,
        version,
        ..Config::default()
    })
}

async fn connect(version: RespVersion) -> Client {
    let client = builder(version).build().expect("a client");
    client.init().await.expect("a connection");
    client
}

async fn both() -> [Client; 2] {
    [
        connect(RespVersion::RESP2).await,
        connect(RespVersion::RESP3).await,
    ]
}

async fn take(client: &Client, key: &str, token: &str, ttl_ms: i64) -> bool {
    let (expiry, condition) = (Some(Expiration::PX(ttl_ms)), Some(SetOptions::NX));
    let reply: Option<String> = client
        .set(key, token, expiry, condition, false)
        .await
        .expect("a reply to SET");
    reply.as_deref() == Some("OK")
}

/// Whether the script found the token.
async fn run(client: &Client, source: &str, key: &str, token: &str, argument: &str) -> bool {
    let script = Script::from_lua(source);
    let arguments = vec![token, argument];
    let reply: i64 = script
        .evalsha_with_reload(client, key, arguments)
        .await
        .expect("a reply to a script");
    reply == 1
}

async fn release(client: &Client, key: &str, token: &str) -> bool {
    run(client, COMPARE_AND_DELETE, key, token, "").await
}

#[tokio::test]
async fn acquire_sets_token_and_deadline() {
    for client in both().await {
        let (key, mut witness) = (fresh_key("acquire"), Witness::of(&address()));
        assert!(take(&client, &key, "mine", 30_000).await);
        assert_eq!(witness.token(&key).as_deref(), Some(&b"mine"[..]));
        assert_ttl(witness.ttl_ms(&key), 0, 30_000);
    }
}

#[tokio::test]
async fn contention_refuses_the_second_and_changes_nothing() {
    let [first, second] = both().await;
    for (client, other) in [(&first, &second), (&second, &first)] {
        let (key, mut witness) = (fresh_key("contention"), Witness::of(&address()));
        assert!(take(client, &key, "mine", 30_000).await);
        assert!(!take(other, &key, "yours", 60_000).await);
        assert_eq!(witness.token(&key).as_deref(), Some(&b"mine"[..]));
        assert_ttl(witness.ttl_ms(&key), 0, 30_000);
    }
}

#[tokio::test]
async fn extend_gives_the_holder_more_time_and_nobody_else() {
    for client in both().await {
        let (key, mut witness) = (fresh_key("extend"), Witness::of(&address()));
        assert!(take(&client, &key, "mine", 10_000).await);
        assert!(!run(&client, COMPARE_AND_EXPIRE, &key, "yours", "60000").await);
        assert_ttl(witness.ttl_ms(&key), 0, 10_000);
        assert!(run(&client, COMPARE_AND_EXPIRE, &key, "mine", "60000").await);
        assert_ttl(witness.ttl_ms(&key), 10_000, 60_000);
    }
}

#[tokio::test]
async fn release_frees_the_lock_once() {
    for client in both().await {
        let (key, mut witness) = (fresh_key("release"), Witness::of(&address()));
        assert!(take(&client, &key, "mine", 30_000).await);
        assert!(release(&client, &key, "mine").await);
        assert_eq!(witness.token(&key), None);
        assert!(!release(&client, &key, "mine").await);
        assert!(take(&client, &key, "next", 30_000).await);
    }
}

#[tokio::test]
async fn release_wakes_a_waiter_who_subscribed() {
    for version in [RespVersion::RESP2, RespVersion::RESP3] {
        let (key, channel) = (fresh_key("wake"), fresh_key("channel"));
        let waiting: SubscriberClient = builder(version.clone())
            .build_subscriber_client()
            .expect("a subscriber");
        waiting.init().await.expect("a connection to wait on");
        let mut messages = waiting.message_rx();
        waiting
            .subscribe(channel.as_str())
            .await
            .expect("a subscription");
        let client = connect(version).await;
        assert!(take(&client, &key, "mine", 60_000).await);
        assert!(run(&client, COMPARE_DELETE_AND_WAKE, &key, "mine", &channel).await);
        let message = tokio::time::timeout(PATIENCE, messages.recv())
            .await
            .expect("a message in time");
        assert_eq!(
            message.expect("a message").value.as_string().as_deref(),
            Some("released")
        );
        assert!(take(&client, &key, "woken", 30_000).await);
    }
}

#[tokio::test]
async fn wrong_token_releases_nothing() {
    for client in both().await {
        let (key, mut witness) = (fresh_key("wrong"), Witness::of(&address()));
        witness.hold(&key, "somebody else's");
        assert!(!release(&client, &key, "mine").await);
        assert_eq!(
            witness.token(&key).as_deref(),
            Some(&b"somebody else's"[..])
        );
    }
}

#[tokio::test]
async fn expiry_frees_the_lock_and_the_late_holder_cannot_release_the_next() {
    for client in both().await {
        let (key, mut witness) = (fresh_key("expiry"), Witness::of(&address()));
        assert!(take(&client, &key, "late", 100).await);
        witness.until_free(&key);
        assert!(take(&client, &key, "next", 30_000).await);
        assert!(!release(&client, &key, "late").await);
        assert_eq!(witness.token(&key).as_deref(), Some(&b"next"[..]));
    }
}
