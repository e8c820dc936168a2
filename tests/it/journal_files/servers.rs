//! Files that other servers wrote.

use std::fs;

use quintlock::durability::manifest::Manifest;
use quintlock::durability::reader::Ending;
use quintlock::error::{Damage, SnapshotFault};

use super::{contents, fixture};

/// The keys of every snapshot, sorted; one is in another database if there are several.
fn keys(databases: usize) -> Vec<String> {
    let packed = format!("{}{}tail", "ab".repeat(100), "x".repeat(400));
    let mut keys = vec![
        "0: empty = ".to_owned(),
        "0: int16 = -30000".to_owned(),
        "0: int32 = 2000000000".to_owned(),
        "0: int8 = -5".to_owned(),
        "0: lock:order:42 = 0123456789abcdef0123456789abcdef until 4102444800123".to_owned(),
        "0: long = 12345678901".to_owned(),
        format!("0: packed = {packed}"),
    ];
    if databases > 1 {
        keys.push(format!("3: other = 14bit-{:080} until 4102444800000", 7));
    }
    keys
}

/// What came after the snapshot.
const SINCE: [&str; 5] = [
    "SELECT 0",
    "SET after 1 PXAT 4102444800000",
    "SET in1 a",
    "SET in2 b",
    "DEL after",
];

/// What a snapshot holds, sorted: a server writes its keys in the order of their hashes.
fn sorted(file: &[u8]) -> Vec<String> {
    let (mut seen, ending) = contents(file);
    assert_eq!(ending, Ending::Clean);
    seen.sort();
    seen
}

#[test]
fn directories_of_redis_and_valkey_are_read() {
    for (directory, databases) in [
        ("redis-7", 2),
        ("redis-7-lfu", 2),
        ("redis-7-lru", 2),
        ("redis-8", 2),
        ("redis-8-cluster", 1),
        ("valkey-9", 2),
    ] {
        let manifest = Manifest::read(&fixture(directory), "appendonly.aof");
        let manifest = manifest.unwrap().unwrap();
        let files: Vec<Vec<u8>> = manifest
            .parts()
            .map(|part| fs::read(part.path(&fixture(directory))).unwrap())
            .collect();
        assert_eq!(files.len(), 2, "{directory}");
        assert_eq!(sorted(&files[0]), keys(databases), "{directory}");
        let (since, ending) = contents(&files[1]);
        assert_eq!(ending, Ending::Clean, "{directory}");
        // One of them was told to note the time.
        let since = since.iter().filter(|line| *line != "#TS:1795412705");
        let expected = if databases > 1 {
            &SINCE[..]
        } else {
            &SINCE[..2]
        };
        let upper: Vec<String> = since.map(|line| upper_command(line)).collect();
        assert_eq!(upper, expected, "{directory}");
    }
}

/// Valkey writes commands as clients do.
fn upper_command(line: &str) -> String {
    let (command, rest) = line.split_once(' ').unwrap_or((line, ""));
    format!("{} {rest}", command.to_ascii_uppercase())
}

#[test]
fn manifests_of_redis_7_and_valkey_are_written_as_they_were() {
    for directory in ["redis-7", "redis-7-lfu", "valkey-9"] {
        let text = fs::read(fixture(directory).join("appendonly.aof.manifest")).unwrap();
        assert_eq!(Manifest::parse(&text).unwrap().text(), text);
    }
}

#[test]
fn requests_behind_a_snapshot_in_one_file_are_read() {
    let file = fs::read(fixture("redis-6-single.aof")).unwrap();
    let (seen, ending) = contents(&file);
    assert_eq!(ending, Ending::Clean);
    let (mut snapshot, since) = (seen[..8].to_vec(), &seen[8..]);
    snapshot.sort();
    assert_eq!(snapshot, keys(2));
    assert_eq!(since, SINCE);
}

#[test]
fn what_is_no_string_is_refused_by_name() {
    let list = SnapshotFault::Type {
        database: 2,
        key: b"jobs".to_vec(),
        kind: "a list".to_owned(),
    };
    for (name, fault) in [
        ("list.rdb", list),
        ("function.rdb", SnapshotFault::Content("functions")),
    ] {
        let file = fs::read(fixture(name)).unwrap();
        let expected = Ending::Damaged {
            offset: 0,
            what: Damage::Snapshot(fault),
        };
        assert_eq!(contents(&file), (Vec::new(), expected));
    }
}
