//! Files of a Redis in which keys had expired before they were read: what a start makes of them.
//!
//! `tests/data/loading-7.0.15.txt` has the files, and what a redis-server had of each after its own
//! start. With `REAL_REDIS` that server is asked again; `UPDATE=1` writes down what it says.

use std::fs;
use std::path::Path;

use quintlock::gate::Hold;

use super::{Place, number, strings};
use crate::journal_files::real::{Redis, binary};
use crate::support::client::Connection;
use crate::support::frame::Frame;
use crate::support::service::{connect, eventually};
use crate::support::words::{Words, quoted};

const CASES: &str = "tests/data/loading-7.0.15.txt";
/// Databases that a case may use.
const DATABASES: usize = 3;
/// A deadline from here on is one of the wall clock, which a case names; one before it is a time
/// to live that began with the start.
const NAMED_FROM_MS: i64 = 4_000_000_000_000;

/// A file, and what a start makes of it.
struct Case {
    title: String,
    requests: Vec<String>,
    found: Vec<String>,
}

impl Case {
    fn read(block: &str) -> Case {
        let mut lines = block.lines();
        let title = lines.next().expect("a title").to_owned();
        let (found, requests) = lines
            .map(str::to_owned)
            .partition(|line| line.starts_with("= "));
        Case {
            title,
            requests,
            found,
        }
    }

    fn text(&self) -> String {
        let lines = [
            std::slice::from_ref(&self.title),
            &self.requests,
            &self.found,
        ]
        .concat();
        lines.join("\n") + "\n"
    }

    /// A directory with the requests in a file as a Redis before version 7 has it, which both
    /// servers take for theirs.
    fn place(&self) -> Place {
        let place = Place::new();
        let request = |line: &String| {
            let words = Words::all(line).expect("words").into_iter();
            let words = words.map(|word| Frame::Blob(b'$', word));
            Frame::Aggregate(b'*', words.collect()).encode()
        };
        let file: Vec<u8> = self.requests.iter().flat_map(request).collect();
        fs::write(place.directory.file("appendonly.aof"), file).expect("a file can be written");
        place
    }
}

/// Comment lines, and the cases behind them.
fn cases() -> (String, Vec<Case>) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(CASES);
    let text = fs::read_to_string(path).expect("the cases");
    let mut blocks = text.split("\n\n");
    let heading = blocks.next().expect("a heading").to_owned();
    (heading, blocks.map(Case::read).collect())
}

/// Every key with its value and its end, and how many have expired.
fn found(client: &mut Connection) -> Vec<String> {
    let mut lines = Vec::new();
    let mut sizes = 0;
    for database in 0..DATABASES {
        assert_eq!(client.ask(&format!("SELECT {database}")), "+OK");
        for key in strings(client.call(&["KEYS", "*"])) {
            let value = strings(client.call(&[&b"MGET"[..], &key])).remove(0);
            let until_ms = number(&client.call(&[&b"PEXPIRETIME"[..], &key]));
            let rest_ms = number(&client.call(&[&b"PTTL"[..], &key]));
            let end = match until_ms {
                -1 => "for ever".to_owned(),
                NAMED_FROM_MS.. => format!("until {until_ms}"),
                _ => format!("for {} s, more or less", (rest_ms + 50_000) / 100_000 * 100),
            };
            lines.push(format!(
                "= {database} {} {} {end}",
                quoted(&key),
                quoted(&value)
            ));
        }
        sizes += number(&client.call(&["DBSIZE"]));
    }
    assert_eq!(sizes, lines.len() as i64, "what has expired is gone");
    lines.sort();
    lines.push(format!("= {} expired", client.info("expired_keys")));
    lines
}

/// The redis-server takes its time to remove what has expired.
fn found_in_redis(redis: &Redis) -> Vec<String> {
    let mut client = redis.connect();
    eventually("what has expired is gone", || {
        (0..DATABASES).all(|database| {
            client.ask(&format!("SELECT {database}"));
            let keys = strings(client.call(&["KEYS", "*"])).len();
            number(&client.call(&["DBSIZE"])) == keys as i64
        })
    });
    found(&mut client)
}

#[test]
fn a_file_with_expired_keys_is_loaded_as_redis_loads_it() {
    let (_, cases) = cases();
    assert!(cases.len() > 30, "only {} cases", cases.len());
    let mut faults = Vec::new();
    for case in &cases {
        match case.place().try_start("guard", &[]) {
            Ok(server) => {
                let found = found(&mut connect(&server));
                if found != case.found {
                    faults.push(format!("{}\n{found:#?}", case.text()));
                }
            }
            Err(fault) => faults.push(format!("{}\n{fault}", case.text())),
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn a_real_redis_still_loads_expired_keys_as_recorded() {
    let Some(redis) = binary() else { return };
    let (heading, mut cases) = cases();
    let is_update = std::env::var_os("UPDATE").is_some();
    for case in &mut cases {
        let place = case.place();
        let redis = Redis::start(&redis, &place.directory).expect("redis loads the file");
        let found = found_in_redis(&redis);
        if is_update {
            case.found = found;
        } else {
            assert_eq!(found, case.found, "{}", case.title);
        }
    }
    if is_update {
        let texts = cases.iter().map(Case::text);
        let text = std::iter::once(heading + "\n").chain(texts);
        let text = text.collect::<Vec<_>>().join("\n");
        fs::write(Path::new(env!("CARGO_MANIFEST_DIR")).join(CASES), text).expect("it is written");
    }
}

#[test]
fn what_cannot_be_applied_is_named_by_its_command() {
    for (line, expected) in [
        ("RENAME none other", "RENAME: ERR no such key"),
        ("LPUSH list a", "LPUSH: ERR unknown command 'LPUSH'"),
        (
            "SELECT 99",
            "SELECT: there is no such database (try a larger --databases)",
        ),
    ] {
        let case = Case {
            title: String::new(),
            requests: vec!["SET a 1".to_owned(), line.to_owned()],
            found: Vec::new(),
        };
        let started = case.place().try_start("guard", &[]);
        let fault = started.err().expect("it is refused");
        let place = "the request at offset 27 cannot be applied: ";
        assert!(fault.contains(&format!("{place}{expected}")), "{fault}");
    }
}

#[test]
fn what_a_file_says_is_not_counted() {
    let case = Case {
        title: String::new(),
        requests: ["SET a 1", "INCR a", "GETDEL a"]
            .map(str::to_owned)
            .to_vec(),
        found: Vec::new(),
    };
    let server = case
        .place()
        .start("guard", &[("slowlog-log-slower-than", "0")]);
    let mut client = connect(&server);
    assert_eq!(client.ask("SLOWLOG LEN"), ":0");
    let stats = client.ask("INFO commandstats stats");
    assert!(!stats.contains("cmdstat_incr:"), "{stats}");
    for field in ["keyspace_hits", "total_error_replies", "expired_keys"] {
        assert_eq!(client.info(field), 0, "{field}");
    }
}

#[test]
fn a_script_that_takes_long_is_run_to_its_end() {
    let script = "EVAL \"for i=1,2e6 do end redis.call('set', KEYS[1], 'v')\" 1 late";
    let case = Case {
        title: String::new(),
        requests: vec![script.to_owned()],
        found: Vec::new(),
    };
    let server = case.place().start("guard", &[]);
    assert_eq!(connect(&server).ask("GET late"), "$\"v\"");
    assert_eq!(server.instance().gate.hold(), Hold::Brief);
}
