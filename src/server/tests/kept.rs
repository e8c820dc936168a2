//! Replies and messages that wait for the disk, and those that do not.
//!
//! The test holds the horizon: whoever depends on the next promise waits until it lets go.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

use crate::client::{self, Address};
use crate::command::{Access, Context, dispatch};
use crate::durability::{Keeper, Ticket};
use crate::receipt::{self, Receipt};
use crate::server::{Options, Server};
use crate::session::Session;

/// No reply that must come takes longer.
const REPLY_WAIT: Duration = Duration::from_secs(60);
/// How long nothing must come from who waits for the disk.
const SILENCE: Duration = Duration::from_millis(50);

const RELEASE: &str = "if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('del', \
                       KEYS[1]) else return 0 end";
const SPIN: &str = "local x = 0 for i = 1, 3000000 do x = x + i end ";

struct Client(TcpStream);

impl Client {
    fn of(server: &Server) -> Client {
        let stream = TcpStream::connect(server.address()).unwrap();
        stream.set_nodelay(true).unwrap();
        Client(stream)
    }

    fn send(&mut self, requests: &[&[&str]]) {
        let mut bytes = Vec::new();
        for words in requests {
            write!(bytes, "*{}\r\n", words.len()).unwrap();
            for word in *words {
                write!(bytes, "${}\r\n{word}\r\n", word.len()).unwrap();
            }
        }
        self.0.write_all(&bytes).unwrap();
    }

    /// The next bytes are these.
    fn expect(&mut self, replies: &str) {
        self.0.set_read_timeout(Some(REPLY_WAIT)).unwrap();
        let mut bytes = vec![0; replies.len()];
        self.0.read_exact(&mut bytes).unwrap();
        assert_eq!(String::from_utf8_lossy(&bytes), replies);
    }

    fn ask(&mut self, words: &[&str], reply: &str) {
        self.send(&[words]);
        self.expect(reply);
    }

    /// Nothing comes.
    fn is_silent(&mut self) -> bool {
        self.0.set_read_timeout(Some(SILENCE)).unwrap();
        match self.0.read_exact(&mut [0]) {
            Ok(()) => false,
            Err(error) => matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut),
        }
    }
}

/// A server of one thread that keeps locks, and the place of its files.
fn start(settings: &[(&str, &str)]) -> (Server, tempfile::TempDir) {
    let place = tempfile::tempdir().unwrap();
    let directory = place.path().to_str().unwrap();
    let mut options = Options::manual_clock()
        .set("dir", directory)
        .set("durability", "guard");
    for (name, value) in settings {
        options = options.set(name, value);
    }
    (Server::start(&options).unwrap(), place)
}

fn keeper(server: &Server) -> Arc<Keeper> {
    Arc::clone(server.instance().keeper.get().unwrap())
}

/// Waits until `key` is there, though nobody was told.
fn until_set(server: &Server, key: &str) {
    let instance = server.instance();
    let is_set = || {
        let now = instance.clock.now();
        let key = instance.keyspace.key(0, key.as_bytes(), now);
        key.exists()
    };
    while !is_set() {
        std::thread::yield_now();
    }
}

#[test]
fn only_who_outruns_the_promise_waits_for_the_next_one_and_replies_keep_their_order() {
    let (server, _place) = start(&[]);
    let (mut taker, mut other) = (Client::of(&server), Client::of(&server));
    for key in ["short", "released"] {
        other.ask(&["SET", key, "token", "NX", "PX", "1000"], "+OK\r\n");
    }
    let keeper = keeper(&server);
    let held = keeper.hold_horizon();
    taker.send(&[
        &["PING", "before"],
        &["SET", "long", "token", "NX", "PX", "100000"],
        &["PING", "behind"],
    ]);
    until_set(&server, "long");
    taker.send(&[&["GET", "short"]]);
    other.ask(&["PING"], "+PONG\r\n");
    other.ask(&["GET", "short"], "$5\r\ntoken\r\n");
    other.ask(&["SET", "short", "mine", "NX", "PX", "1000"], "$-1\r\n");
    other.ask(&["SET", "long", "mine", "NX", "PX", "1000"], "$-1\r\n");
    other.ask(&["EVAL", RELEASE, "1", "released", "token"], ":1\r\n");
    other.ask(&["DEL", "short"], ":1\r\n");
    other.ask(&["SET", "short", "mine", "NX", "PX", "1000"], "+OK\r\n");
    assert!(taker.is_silent());
    drop(held);
    taker.expect("$6\r\nbefore\r\n+OK\r\n$6\r\nbehind\r\n$5\r\ntoken\r\n");
}

#[test]
fn every_way_to_take_a_lock_waits_for_its_promise() {
    let parked = format!("{SPIN} redis.call('set', KEYS[1], 'x', 'PX', 100000) return 'yes'");
    let parked_after = format!("redis.call('set', KEYS[1], 'x', 'PX', 100000) {SPIN} return 'yes'");
    let native = "redis.call('set', KEYS[1], 'x', 'PX', 100000) return 'yes'";
    let by_script = |script| vec![vec!["EVAL", script, "1", "long"]];
    let yes = "$3\r\nyes\r\n";
    // What comes at once, and what waits.
    for (requests, early, reply) in [
        (by_script(native), "", yes),
        (by_script(&parked), "", yes),
        (by_script(&parked_after), "", yes),
        (
            vec![vec!["SET", "long", "x", "PX", "100000"]],
            "",
            "+OK\r\n",
        ),
        (
            vec![
                vec!["SET", "long", "x"],
                vec!["WAIT", "0", "0"],
                vec!["PEXPIRE", "long", "100000"],
            ],
            "",
            "+OK\r\n:0\r\n:1\r\n",
        ),
        (
            vec![
                vec!["MULTI"],
                vec!["SET", "long", "x", "PX", "100000"],
                vec!["EXEC"],
            ],
            "+OK\r\n+QUEUED\r\n",
            "*1\r\n+OK\r\n",
        ),
    ] {
        let (server, _place) = start(&[]);
        let mut taker = Client::of(&server);
        let keeper = keeper(&server);
        let held = keeper.hold_horizon();
        let requests: Vec<&[&str]> = requests.iter().map(Vec::as_slice).collect();
        taker.send(&requests);
        until_set(&server, "long");
        // A script that has paused holds it to its end.
        drop(server.instance().gate.whole_blocking());
        taker.expect(early);
        assert!(taker.is_silent(), "{requests:?}");
        drop(held);
        taker.expect(reply);
    }
}

/// A message to who hears it by its channel.
fn message(channel: &str, text: &str) -> String {
    let (channel_bytes, text_bytes) = (channel.len(), text.len());
    format!("*3\r\n$7\r\nmessage\r\n${channel_bytes}\r\n{channel}\r\n${text_bytes}\r\n{text}\r\n")
}

fn subscribe(server: &Server, channel: &str) -> Client {
    let mut client = Client::of(server);
    let bytes = channel.len();
    let reply = format!("*3\r\n$9\r\nsubscribe\r\n${bytes}\r\n{channel}\r\n:1\r\n");
    client.ask(&["SUBSCRIBE", channel], &reply);
    client
}

#[test]
fn a_message_waits_for_what_its_sender_was_granted_and_those_behind_it_wait_too() {
    let granting = format!(
        "redis.call('set', KEYS[1], 'x', 'PX', 100000) redis.call('publish', 'news', 'granted') \
         {SPIN} return 'yes'"
    );
    let events = "__keyspace@0__:long";
    for (requests, reply, channel, text) in [
        (
            vec![vec!["SET", "long", "x", "PX", "100000"]],
            "+OK\r\n",
            events,
            "set",
        ),
        (
            vec![
                vec!["SET", "long", "x", "PX", "100000"],
                vec!["PUBLISH", "news", "granted"],
            ],
            "+OK\r\n:1\r\n",
            "news",
            "granted",
        ),
        (
            vec![vec!["EVAL", &granting, "1", "long"]],
            "$3\r\nyes\r\n",
            "news",
            "granted",
        ),
    ] {
        let (server, _place) = start(&[("notify-keyspace-events", "K$")]);
        let mut reader = subscribe(&server, channel);
        let mut unconcerned = subscribe(&server, "other");
        let (mut taker, mut other) = (Client::of(&server), Client::of(&server));
        let keeper = keeper(&server);
        let held = keeper.hold_horizon();
        let requests: Vec<&[&str]> = requests.iter().map(Vec::as_slice).collect();
        taker.send(&requests);
        until_set(&server, "long");
        drop(server.instance().gate.whole_blocking());
        other.ask(&["PUBLISH", channel, "later"], ":1\r\n");
        other.ask(&["PUBLISH", "other", "at once"], ":1\r\n");
        unconcerned.expect(&message("other", "at once"));
        assert!(reader.is_silent(), "{requests:?}");
        drop(held);
        taker.expect(reply);
        reader.expect(&message(channel, text));
        reader.expect(&message(channel, "later"));
    }
}

#[test]
fn a_message_to_oneself_stands_between_the_replies_as_before() {
    let (server, _place) = start(&[]);
    let mut client = Client::of(&server);
    client.send(&[&["HELLO", "3"], &["SUBSCRIBE", "news"]]);
    client.0.set_read_timeout(Some(REPLY_WAIT)).unwrap();
    let mut seen = Vec::new();
    while !seen.ends_with(b">3\r\n$9\r\nsubscribe\r\n$4\r\nnews\r\n:1\r\n") {
        let mut byte = [0];
        client.0.read_exact(&mut byte).unwrap();
        seen.push(byte[0]);
    }
    client.send(&[
        &["PUBLISH", "news", "one"],
        &["SET", "long", "x", "PX", "100000"],
        &["PUBLISH", "news", "two"],
        &["PING"],
    ]);
    let push = |text| format!(">3\r\n$7\r\nmessage\r\n$4\r\nnews\r\n$3\r\n{text}\r\n");
    let (one, two) = (push("one"), push("two"));
    client.expect(&format!(":1\r\n{one}+OK\r\n:1\r\n{two}+PONG\r\n"));
}

/// What the reply to a request would depend on, were it run by this thread.
fn receipt_of(server: &Server, request: &[&str]) -> Receipt {
    let instance = server.instance();
    let address = Address::unix(&"".into());
    let client = Arc::new(client::Client::new(0, address, -1, instance.clock.now()));
    let mut session = Session::new(client, true);
    let request: Vec<&[u8]> = request.iter().map(|word| word.as_bytes()).collect();
    receipt::open();
    let mut ctx = Context::new(instance, &mut session, Access::Whole);
    dispatch::run(&mut ctx, &request);
    drop(ctx);
    receipt::close()
}

#[test]
fn with_always_grants_and_what_was_read_wait_for_a_sync_and_nothing_else_does() {
    let (server, _place) = start(&[("durability", "always")]);
    let take = ["SET", "lock", "token", "NX", "PX", "1000"];
    let granted = receipt_of(&server, &take);
    assert!(granted.granted_bytes > 0 && granted.promised_us == 0);
    // The refused may not hear of a lock that a crash would undo.
    for read in [
        &take[..],
        &["GET", "lock"],
        &["EXISTS", "other"],
        &["KEYS", "*"],
    ] {
        let receipt = receipt_of(&server, read);
        let bytes = (receipt.granted_bytes, receipt.settled_bytes);
        assert_eq!(bytes, (0, granted.granted_bytes), "{read:?}");
    }
    let released = receipt_of(&server, &["DEL", "lock"]);
    assert!(released.granted_bytes == 0 && released.settled_bytes > 0);
    for request in [&["PING"][..], &["CONFIG", "GET", "dir"], &["CLIENT", "ID"]] {
        assert!(receipt_of(&server, request).is_clear(), "{request:?}");
    }
}

#[test]
fn who_looks_at_a_lock_waits_for_its_promise_as_its_holder_does_and_who_gives_it_back_does_not() {
    let (server, _place) = start(&[]);
    let keeper = keeper(&server);
    for key in ["short", "long"] {
        let held = keeper.hold_horizon();
        let lifetime = if key == "short" { "1000" } else { "100000" };
        let take = ["SET", key, "token", "NX", "PX", lifetime];
        assert!(receipt_of(&server, &take).promised_us > 0);
        for look in [
            &["GET", key][..],
            &["EXISTS", "none", key],
            &["PTTL", key],
            &["SET", key, "mine", "NX", "GET"],
            &["EVAL", "return redis.call('get', KEYS[1])", "1", key],
            &[
                "EVAL",
                "return redis.call('get', KEYS[1]) == math.pi",
                "1",
                key,
            ],
            &["EVAL", "return redis.call('exists', KEYS[1])", "1", key],
            &["EVAL", RELEASE, "1", key, "other"],
        ] {
            assert!(receipt_of(&server, look).promised_us > 0, "{look:?}");
        }
        for other in [
            &take[..],
            &["GET", "none"],
            &["SET", "endless", "token"],
            &["GET", "endless"],
            &["EVAL", RELEASE, "1", key, "token"],
            &["GET", key],
        ] {
            assert!(receipt_of(&server, other).is_clear(), "{other:?}");
        }
        receipt_of(&server, &take);
        drop(held);
        while !keeper.is_reached(Ticket::Promised(
            receipt_of(&server, &["GET", key]).promised_us,
        )) {
            std::thread::yield_now();
        }
        assert!(receipt_of(&server, &["GET", key]).is_clear());
        receipt_of(&server, &["FLUSHALL"]);
    }
}

#[test]
fn with_guard_only_a_grant_beyond_the_promise_waits() {
    let (server, _place) = start(&[]);
    let take = ["SET", "lock", "token", "NX", "PX", "100000"];
    let keeper = keeper(&server);
    let _held = keeper.hold_horizon();
    assert!(receipt_of(&server, &take).promised_us > 0);
    for request in [
        &take[..],
        &["SET", "endless", "token"],
        &["DEL", "lock"],
        &["SET", "expired", "token", "PXAT", "1"],
        &["PING"],
    ] {
        assert!(receipt_of(&server, request).is_clear(), "{request:?}");
    }
}
