//! Grants that the disk did not take: nobody hears of them, whichever way they were asked for.

use std::io::Write as _;
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use socket2::SockRef;

use super::disk::limit_files;
use super::{MODES, Place};
use crate::support::client::{Connection, REPLY_WAIT, Received};
use crate::support::program::serve;
use crate::support::service::{connect, eventually};

/// More than the ring has room for, so it is written to the file at once.
const LARGE_BYTES: usize = 1 << 20;
/// What a file may have is less.
const ROOM_BYTES: u64 = 64 * 1024;
/// Takes longer than a script may without pausing.
const SPIN: &str = "local x = 0 for i = 1, 3000000 do x = x + i end ";
const GRANT: &str = "redis.call('set', KEYS[1], 'token', 'NX', 'PX', 60000) ";
const LARGE: &str = "redis.call('set', KEYS[2], ARGV[1]) ";

fn script(body: &str, large: &str) -> Vec<String> {
    let words = ["EVAL", body, "2", "lock", "large", large];
    words.map(str::to_owned).to_vec()
}

fn words(line: &str, large: &str) -> Vec<String> {
    line.split(' ')
        .map(|word| word.replace("LARGE", large))
        .collect()
}

/// Requests that take `lock` and need space that there is not, all of them at once.
fn ways(large: &str) -> Vec<(&'static str, Vec<Vec<String>>)> {
    let one = |body: &str| vec![script(body, large)];
    vec![
        ("SET", vec![words("SET lock LARGE NX PX 60000", large)]),
        (
            "a native script",
            one(&format!("{GRANT}{LARGE}return 'granted'")),
        ),
        (
            "a script in Lua",
            one(&format!(
                "local f = math.abs {GRANT}{LARGE}return 'granted'"
            )),
        ),
        (
            "a script that pauses before",
            one(&format!("{SPIN}{GRANT}{LARGE}return 'granted'")),
        ),
        (
            "a script that pauses in between",
            one(&format!("{GRANT}{SPIN}{LARGE}return 'granted'")),
        ),
        (
            "a script that pauses behind",
            one(&format!("{GRANT}{LARGE}{SPIN}return 'granted'")),
        ),
        (
            "a script that pauses and fails",
            one(&format!("{GRANT}{LARGE}{SPIN}error('no')")),
        ),
        (
            "EXEC",
            [
                "MULTI",
                "SET lock token NX PX 60000",
                "SET large LARGE",
                "EXEC",
            ]
            .map(|line| words(line, large))
            .to_vec(),
        ),
    ]
}

#[test]
fn a_grant_that_the_disk_did_not_take_is_never_answered() {
    let large = "x".repeat(LARGE_BYTES);
    for mode in MODES {
        for (way, requests) in ways(&large) {
            let place = Place::new();
            let (mut running, address) = serve(&place.arguments(mode));
            limit_files(&running, Some(ROOM_BYTES));
            let mut client = Connection::open(address).expect("the server accepts");
            for request in &requests {
                client.send(request);
            }
            loop {
                match client.receive(REPLY_WAIT).expect("a reply") {
                    Received::Frame(frame) => {
                        let reply = frame.to_string();
                        assert!(
                            ["+OK", "+QUEUED"].contains(&&*reply),
                            "{mode}, {way}: {reply}"
                        );
                    }
                    Received::Eof => break,
                    Received::Silence => panic!("{mode}, {way}: neither a reply nor an end"),
                }
            }
            // It serves the others all the same.
            let mut other = Connection::open(address).expect("the server accepts");
            assert_eq!(other.ask("PING"), "+PONG");
            running.child.kill().expect("it can be killed");
            running.child.wait().expect("it ends");
        }
    }
}

#[test]
fn a_message_of_who_was_granted_what_the_disk_did_not_take_ends_the_connection_instead() {
    let large = "x".repeat(LARGE_BYTES);
    let body = format!("redis.call('publish', 'news', 'granted') {GRANT}{LARGE}{SPIN}return 1");
    let place = Place::new();
    let (running, address) = serve(&place.arguments("guard"));
    let mut reader = Connection::open(address).expect("the server accepts");
    reader.ask("SUBSCRIBE news");
    limit_files(&running, Some(ROOM_BYTES));
    let mut client = Connection::open(address).expect("the server accepts");
    client.send(&script(&body, &large));
    assert_eq!(client.receive(REPLY_WAIT), Ok(Received::Eof));
    assert_eq!(reader.receive(REPLY_WAIT), Ok(Received::Eof));
}

/// Sends `bytes` and resets the connection at once.
fn send_and_reset(address: SocketAddr, bytes: &[u8]) {
    let mut stream = TcpStream::connect(address).expect("the server accepts");
    stream.write_all(bytes).expect("it reads");
    let socket = SockRef::from(&stream);
    socket.set_linger(Some(Duration::ZERO)).expect("a socket");
}

#[test]
fn a_script_whose_client_is_gone_runs_to_its_end_and_so_does_what_others_do_then() {
    let place = Place::new();
    let server = place.start("guard", &[]);
    let script =
        format!("redis.call('set', 'first', 1) {SPIN} redis.call('set', 'second', 1) return 1");
    // The reply to PING finds nobody while the script has paused.
    let length = script.len();
    let requests = format!("PING\r\n*3\r\n$4\r\nEVAL\r\n${length}\r\n{script}\r\n$1\r\n0\r\n");
    send_and_reset(server.address(), requests.as_bytes());
    let mut other = connect(&server);
    eventually("the script begins", || other.ask("EXISTS first") == ":1");
    assert_eq!(other.ask("EXISTS second"), ":1", "it was not divided");
    assert_eq!(other.ask("SET lock token NX PX 60000"), "+OK");
    let copy = place.copy().start("guard", &[]);
    assert_eq!(connect(&copy).ask("EXISTS first second lock"), ":3");
}
