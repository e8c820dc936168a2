//! The real server as the judge: it loads what is written here, and what it writes is read.

use std::ffi::OsStr;
use std::fs;
use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, ToSocketAddrs};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use quintlock::durability::manifest::{BaseFormat, Manifest};
use quintlock::durability::reader::Ending;

use super::{contents, journal, record};
use crate::support::client::Connection;
use crate::support::program::{Directory, free_port, run, text};
use crate::support::service::eventually;

/// The redis-server that `REAL_REDIS` names, if it is one to start.
pub(crate) fn binary() -> Option<PathBuf> {
    let named = std::env::var("REAL_REDIS").ok();
    let named = named.filter(|named| named.to_socket_addrs().is_err());
    if named.is_none() {
        println!("skipped: set REAL_REDIS to a redis-server");
    }
    named.map(PathBuf::from)
}

/// A redis-server with append-only files in a directory.
pub(crate) struct Redis {
    child: Child,
    address: SocketAddr,
}

impl Redis {
    /// Starts it; the text of its log if it ends instead.
    pub(crate) fn start(binary: &Path, directory: &Directory) -> Result<Redis, String> {
        Redis::start_with(binary, directory, "yes")
    }

    /// The same, with append-only files or without.
    pub(crate) fn start_with(
        binary: &Path,
        directory: &Directory,
        appendonly: &str,
    ) -> Result<Redis, String> {
        let port = free_port();
        let mut child = Command::new(binary)
            .args(["--port", &port.to_string(), "--bind", "127.0.0.1"])
            .args(["--save", "", "--appendonly", appendonly, "--logfile", ""])
            .args(["--auto-aof-rewrite-percentage", "0"])
            .arg("--dir")
            .arg(&directory.0)
            .stdout(Stdio::piped())
            .spawn()
            .expect("the real server starts");
        let mut log = BufReader::new(child.stdout.take().expect("its log is piped"));
        let mut told = String::new();
        while !told.contains("Ready to accept connections") {
            if log.read_line(&mut told).expect("a readable log") == 0 {
                let _ = child.wait();
                return Err(told);
            }
        }
        std::thread::spawn(move || std::io::copy(&mut log, &mut std::io::sink()));
        Ok(Redis {
            child,
            address: SocketAddr::from(([127, 0, 0, 1], port)),
        })
    }

    pub(crate) fn connect(&self) -> Connection {
        Connection::open(self.address).expect("the real server accepts")
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// `redis-check-aof` beside the server.
fn check_aof(binary: &Path, path: &Path) -> Output {
    let checker = match binary.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.join("redis-check-aof"),
        _ => PathBuf::from("redis-check-aof"),
    };
    let mut command = Command::new(checker);
    command.arg(path).output().expect("redis-check-aof runs")
}

/// A directory in whose `appendonlydir` stand increments of this server, and its manifest.
fn listed(increments: &[&[u8]]) -> (Directory, PathBuf) {
    let directory = Directory::new();
    let append = directory.file("appendonlydir");
    fs::create_dir(&append).expect("a new directory");
    let mut manifest = Manifest::default();
    let base = manifest.replace_base("appendonly.aof", BaseFormat::Aof, 1);
    fs::write(base.path(&append), record("SET base v")).expect("a file can be written");
    for bytes in increments {
        let part = manifest.add_increment("appendonly.aof");
        fs::write(part.path(&append), bytes).expect("a file can be written");
    }
    let written = manifest.write(&append, "appendonly.aof");
    written.expect("the manifest can be written");
    (directory, append)
}

#[test]
fn redis_loads_a_journal_of_this_server() {
    let Some(binary) = binary() else { return };
    let (directory, append) = listed(&[&journal(), &journal()]);
    let checked = check_aof(&binary, &append.join("appendonly.aof.manifest"));
    let told = String::from_utf8_lossy(&checked.stdout).into_owned();
    assert!(checked.status.success(), "{told}");
    assert!(
        told.contains("All AOF files and manifest are valid"),
        "{told}"
    );
    let redis = Redis::start(&binary, &directory).unwrap();
    let mut client = redis.connect();
    assert_eq!(client.ask("DBSIZE"), ":6");
    assert_eq!(
        client.ask("GET lock:1"),
        r#"$"0123456789abcdef0123456789abcdef""#
    );
    assert_eq!(client.ask("PEXPIRETIME lock:2"), ":4102444800000");
    assert_eq!(client.ask("PEXPIRETIME lock:3"), ":-1");
    assert_eq!(client.ask("GET lock:6"), r#"$"b""#);
    assert_eq!(client.ask("SELECT 4"), "+OK");
    assert_eq!(client.ask("GET other"), r#"$"v""#);
}

#[test]
fn redis_loads_a_killed_journal_once_it_is_cut() {
    let Some(binary) = binary() else { return };
    let (directory, append) = listed(&[&[journal(), vec![0; 100_000]].concat()]);
    let refused = Redis::start(&binary, &directory).map(|_| "it started");
    let log = refused.unwrap_err();
    assert!(
        log.contains("Bad file format reading the append only file"),
        "{log}"
    );
    assert!(
        !check_aof(&binary, &append.join("appendonly.aof.manifest"))
            .status
            .success()
    );
    let output = run(&["check-journal", "--fix", text(&append)]);
    assert!(output.status.success(), "{output:?}");
    let redis = Redis::start(&binary, &directory).unwrap();
    assert_eq!(redis.connect().ask("GET lock:5"), r#"$"a""#);
}

#[test]
fn the_real_checker_finds_the_same_end_of_a_cut_file() {
    let Some(binary) = binary() else { return };
    let directory = Directory::new();
    let path = directory.file("appendonly.aof");
    let whole = journal();
    for cut in (0..whole.len()).step_by(13) {
        fs::write(&path, &whole[..cut]).unwrap();
        let checked = check_aof(&binary, &path);
        let told = String::from_utf8_lossy(&checked.stdout).into_owned();
        let (_, ending) = contents(&whole[..cut]);
        let is_clean = ending == Ending::Clean;
        // It takes an empty file for damaged, and the beginning of an annotation for a whole one.
        if cut == 0 || is_in_annotation(&whole[..cut]) {
            continue;
        }
        assert_eq!(checked.status.success(), is_clean, "{cut}: {told}");
        if let Some(offset) = ending.offset() {
            assert!(
                told.contains(&format!("ok_up_to={offset},")),
                "{cut}: {told}"
            );
        }
    }
}

fn is_in_annotation(file: &[u8]) -> bool {
    let last = file.rsplit(|byte| *byte == b'\n').next();
    last.is_some_and(|line| line.starts_with(b"#"))
}

#[test]
fn what_redis_writes_is_read_and_written_back() {
    let Some(binary) = binary() else { return };
    let directory = Directory::new();
    let append = directory.file("appendonlydir");
    let redis = Redis::start(&binary, &directory).unwrap();
    let mut client = redis.connect();
    for round in 0..3 {
        assert_eq!(client.ask(&format!("SET key:{round} {round}")), "+OK");
        client.ask("BGREWRITEAOF");
        let number = round + 2;
        let base = format!("appendonly.aof.{number}.base.rdb");
        eventually("the rewrite is over", || {
            let manifest = Manifest::read(&append, "appendonly.aof").unwrap().unwrap();
            let is_new = |name: &OsStr| *name == *base;
            manifest.base().is_some_and(|part| is_new(&part.name)) && manifest.history().is_empty()
        });
    }
    assert_eq!(client.ask("SET last v PXAT 4102444800000"), "+OK");
    drop(redis);
    let manifest = Manifest::read(&append, "appendonly.aof").unwrap().unwrap();
    let written = fs::read(append.join("appendonly.aof.manifest")).unwrap();
    if !written.windows(11).any(|bytes| bytes == b"startoffset") {
        assert_eq!(manifest.text(), written);
    }
    let mut seen = Vec::new();
    for part in manifest.parts() {
        let (entries, ending) = contents(&fs::read(part.path(&append)).unwrap());
        assert_eq!(ending, Ending::Clean);
        seen.extend(entries);
    }
    seen.sort();
    let expected = [
        "0: key:0 = 0",
        "0: key:1 = 1",
        "0: key:2 = 2",
        "SELECT 0",
        "SET last v PXAT 4102444800000",
    ];
    assert_eq!(seen, expected);
    // The manifest is written back, and the server starts from it.
    let mut manifest = manifest;
    let more = manifest.add_increment("appendonly.aof");
    fs::write(more.path(&append), journal()).unwrap();
    manifest.write(&append, "appendonly.aof").unwrap();
    let redis = Redis::start(&binary, &directory).unwrap();
    assert_eq!(redis.connect().ask("GET last"), r#"$"v""#);
    assert_eq!(redis.connect().ask("GET lock:5"), r#"$"a""#);
}
