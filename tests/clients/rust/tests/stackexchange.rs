//! The bytes that StackExchange.Redis sends for LockTake, LockExtend, LockQuery and LockRelease, replayed, as there is
//! no .NET to run it with.
//!
//! To a server below Redis 8.4 it takes a lock by SET NX, and extends and releases it by a transaction with a
//! condition: WATCH and GET go out together; once both replies are in and the value fits, MULTI, the command and EXEC
//! go out together, else UNWATCH. Each write below is one write on the socket, and each reply is compared whole.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use quintlock_clients::{PATIENCE, Witness, address, assert_ttl, fresh_key};

/// A multiplexer's interactive socket.
struct Socket(TcpStream);

impl Socket {
    fn open() -> Self {
        let stream = TcpStream::connect(address()).expect("a connection");
        stream
            .set_read_timeout(Some(PATIENCE))
            .expect("a limit on waiting");
        stream.set_nodelay(true).expect("no delay");
        Self(stream)
    }

    /// Sends the commands in one write and asserts every byte of what comes back.
    fn exchange(&mut self, commands: &[&[&str]], expected: &str) {
        self.send(commands);
        let mut reply = vec![0; expected.len()];
        self.0
            .read_exact(&mut reply)
            .expect("a reply of the expected length");
        assert_eq!(String::from_utf8_lossy(&reply), expected);
    }

    fn send(&mut self, commands: &[&[&str]]) {
        let mut bytes = Vec::new();
        for words in commands {
            bytes.extend(format!("*{}\r\n", words.len()).bytes());
            for word in *words {
                bytes.extend(format!("${}\r\n{word}\r\n", word.len()).bytes());
            }
        }
        self.0.write_all(&bytes).expect("a write");
    }

    /// Asserts that nothing but what was read has been sent.
    fn assert_silent(&mut self) {
        self.exchange(&[&["ECHO", "silence"]], "$7\r\nsilence\r\n");
    }

    fn lock_take(&mut self, key: &str, token: &str, expiry: [&str; 2], is_free: bool) {
        let [unit, amount] = expiry;
        let expected = if is_free { "+OK\r\n" } else { "$-1\r\n" };
        self.exchange(&[&["SET", key, token, unit, amount, "NX"]], expected);
    }

    /// The condition of a transaction; `holder` is what the lock is found to hold.
    fn condition(&mut self, key: &str, holder: Option<&str>) {
        let found = holder.map_or("$-1\r\n".to_owned(), |token| {
            format!("${}\r\n{token}\r\n", token.len())
        });
        self.exchange(
            &[&["WATCH", key], &["GET", key]],
            &format!("+OK\r\n{found}"),
        );
    }

    fn commit(&mut self, command: &[&str], executed: &str) {
        self.exchange(
            &[&["MULTI"], command, &["EXEC"]],
            &format!("+OK\r\n+QUEUED\r\n{executed}"),
        );
    }

    fn give_up(&mut self) {
        self.exchange(&[&["UNWATCH"]], "+OK\r\n");
    }
}

const DONE: &str = "*1\r\n:1\r\n";
const ABORTED: &str = "*-1\r\n";

#[test]
fn acquire_takes_a_free_lock_for_seconds_or_milliseconds() {
    let (mut socket, mut witness) = (Socket::open(), Witness::of(&address()));
    for expiry in [["EX", "30"], ["PX", "29500"]] {
        let key = fresh_key("take");
        socket.lock_take(&key, "machine-1", expiry, true);
        socket.exchange(&[&["GET", &key]], "$9\r\nmachine-1\r\n");
        assert_ttl(witness.ttl_ms(&key), 0, 30_000);
    }
    socket.assert_silent();
}

#[test]
fn contention_refuses_the_second_and_aborts_what_was_overtaken() {
    let (mut first, mut second) = (Socket::open(), Socket::open());
    let (key, mut witness) = (fresh_key("contention"), Witness::of(&address()));
    first.lock_take(&key, "machine-1", ["EX", "30"], true);
    second.lock_take(&key, "machine-2", ["EX", "60"], false);
    assert_ttl(witness.ttl_ms(&key), 0, 30_000);
    // The lock changes hands between the condition and the commit of its old holder.
    first.condition(&key, Some("machine-1"));
    witness.remove(&key);
    second.lock_take(&key, "machine-2", ["EX", "30"], true);
    first.commit(&["DEL", &key], ABORTED);
    assert_eq!(witness.token(&key).as_deref(), Some(&b"machine-2"[..]));
    // An aborted transaction forgets its condition.
    first.commit(&["GET", &key], "*1\r\n$9\r\nmachine-2\r\n");
    first.assert_silent();
}

#[test]
fn extend_gives_the_holder_more_time_and_nobody_else() {
    let (mut holder, mut other) = (Socket::open(), Socket::open());
    let (key, mut witness) = (fresh_key("extend"), Witness::of(&address()));
    holder.lock_take(&key, "machine-1", ["EX", "10"], true);
    other.condition(&key, Some("machine-1"));
    other.give_up();
    holder.condition(&key, Some("machine-1"));
    holder.commit(&["EXPIRE", &key, "60"], DONE);
    assert_ttl(witness.ttl_ms(&key), 10_000, 60_000);
    holder.condition(&key, Some("machine-1"));
    holder.commit(&["PEXPIRE", &key, "90500"], DONE);
    assert_ttl(witness.ttl_ms(&key), 60_000, 90_500);
}

#[test]
fn release_frees_the_lock_once() {
    let (mut socket, mut witness) = (Socket::open(), Witness::of(&address()));
    let key = fresh_key("release");
    socket.lock_take(&key, "machine-1", ["EX", "30"], true);
    socket.condition(&key, Some("machine-1"));
    socket.commit(&["DEL", &key], DONE);
    assert_eq!(witness.token(&key), None);
    socket.condition(&key, None);
    socket.give_up();
    socket.lock_take(&key, "machine-1", ["EX", "30"], true);
}

#[test]
fn wrong_token_releases_nothing() {
    let (mut socket, mut witness) = (Socket::open(), Witness::of(&address()));
    let key = fresh_key("wrong");
    witness.hold(&key, "machine-2");
    socket.condition(&key, Some("machine-2"));
    socket.give_up();
    assert_eq!(witness.token(&key).as_deref(), Some(&b"machine-2"[..]));
    // A forgotten condition does not abort the next transaction.
    witness.hold(&key, "machine-3");
    socket.commit(&["EXISTS", &key], DONE);
}

#[test]
fn expiry_between_condition_and_commit_aborts() {
    let (mut socket, mut witness) = (Socket::open(), Witness::of(&address()));
    let key = fresh_key("expiry");
    socket.lock_take(&key, "machine-1", ["PX", "500"], true);
    socket.condition(&key, Some("machine-1"));
    witness.until_free(&key);
    socket.commit(&["DEL", &key], ABORTED);
    socket.lock_take(&key, "machine-2", ["EX", "30"], true);
    socket.condition(&key, Some("machine-2"));
    socket.give_up();
    assert_eq!(witness.token(&key).as_deref(), Some(&b"machine-2"[..]));
}

#[test]
fn handshake_of_thirteen_commands_ends_with_its_own_echo() {
    let mut socket = Socket::open();
    let mark = "0123456789abcdef";
    socket.send(&[
        &["CLIENT", "SETNAME", "machine-1(SE.Redis-v2.8.0)"],
        &["CLIENT", "SETINFO", "lib-name", "SE.Redis"],
        &["CLIENT", "SETINFO", "lib-ver", "2.8.0"],
        &["CLIENT", "ID"],
        &["CONFIG", "GET", "timeout"],
        &["CONFIG", "GET", "replica-read-only"],
        &["CONFIG", "GET", "databases"],
        &["SENTINEL", "MASTERS"],
        &["INFO", "replication"],
        &["INFO", "server"],
        &["CLUSTER", "NODES"],
        &["GET", "__Booksleeve_TieBreak"],
        &["ECHO", mark],
    ]);
    let end = format!("$-1\r\n$16\r\n{mark}\r\n");
    let mut replies = Vec::new();
    while !replies.ends_with(end.as_bytes()) {
        let mut chunk = [0; 4096];
        let length = read(&mut socket.0, &mut chunk);
        replies.extend(&chunk[..length]);
    }
    let replies = String::from_utf8(replies).expect("text");
    assert!(
        replies.starts_with("+OK\r\n"),
        "the name was refused: {replies}"
    );
    for expected in [
        "*2\r\n$7\r\ntimeout\r\n$1\r\n0\r\n",
        "*2\r\n$17\r\nreplica-read-only\r\n$3\r\nyes\r\n",
        "*2\r\n$9\r\ndatabases\r\n$2\r\n16\r\n",
        "role:master\r\n",
        "redis_version:",
        "redis_mode:standalone\r\n",
    ] {
        assert!(replies.contains(expected), "no {expected:?} in {replies}");
    }
    let nodes = replies[..replies.len() - end.len()].lines().last();
    assert!(
        nodes.is_some_and(|reply| reply.starts_with("-ERR ")),
        "CLUSTER NODES was not refused: {nodes:?}"
    );
    socket.assert_silent();
}

/// What has come so far, at least a byte.
fn read(stream: &mut TcpStream, chunk: &mut [u8]) -> usize {
    let length = stream.read(chunk).expect("replies before the limit");
    assert!(length > 0, "the server closed the connection");
    length
}

#[test]
fn subscription_socket_shakes_hands_and_subscribes() {
    let mut socket = Socket::open();
    socket
        .0
        .set_read_timeout(Some(PATIENCE + Duration::from_secs(1)))
        .expect("a limit on waiting");
    let channel = "__Booksleeve_MasterChanged";
    let subscribed = format!(
        "*3\r\n$9\r\nsubscribe\r\n${}\r\n{channel}\r\n:1\r\n",
        channel.len()
    );
    socket.exchange(
        &[&["ECHO", "0123456789abcdef"], &["SUBSCRIBE", channel]],
        &format!("$16\r\n0123456789abcdef\r\n{subscribed}"),
    );
    socket.exchange(&[&["PING"]], "*2\r\n$4\r\npong\r\n$0\r\n\r\n");
}
