//! What a server with a journal tells and is told: INFO persistence, BGREWRITEAOF, WAITAOF,
//! SHUTDOWN; and `maxmemory`.

use std::fs;
use std::time::Duration;

use quintlock::Server;
use rustix::process::Signal;

use crate::support::client::Connection;
use crate::support::program::{Directory, READY, Running, free_port, serve, text};
use crate::support::service::{connect, eventually, start, start_on_real_time};

/// The lines of INFO that Redis 7.0.15 has with an append-only file, in its order.
const LINES_OF_REDIS: &str = "loading async_loading current_cow_peak current_cow_size \
    current_cow_size_age current_fork_perc current_save_keys_processed current_save_keys_total \
    rdb_bgsave_in_progress rdb_last_save_time rdb_last_bgsave_status rdb_last_bgsave_time_sec \
    rdb_current_bgsave_time_sec rdb_saves rdb_last_cow_size rdb_last_load_keys_expired \
    rdb_last_load_keys_loaded aof_enabled aof_rewrite_in_progress aof_rewrite_scheduled \
    aof_last_rewrite_time_sec aof_current_rewrite_time_sec aof_last_bgrewrite_status aof_rewrites \
    aof_rewrites_consecutive_failures aof_last_write_status aof_last_cow_size \
    module_fork_in_progress module_fork_last_cow_size aof_current_size aof_base_size \
    aof_pending_rewrite aof_buffer_length aof_pending_bio_fsync aof_delayed_fsync";
/// The same while it loads.
const LINES_OF_LOADING: &str = " loading_start_time loading_total_bytes loading_rdb_used_mem \
    loading_loaded_bytes loading_loaded_perc loading_eta_seconds";
const OUR_LINES: &str =
    " durability horizon_ms horizon_syncs journal_syncs unguarded_grants lost_changes";

fn keeping(directory: &Directory, mode: &str) -> Server {
    start_on_real_time(&[("dir", text(&directory.0)), ("durability", mode)])
}

fn names(client: &mut Connection) -> String {
    let info = client.text("INFO persistence");
    let names = info
        .lines()
        .filter_map(|line| Some(line.split_once(':')?.0));
    names.collect::<Vec<_>>().join(" ")
}

fn value(client: &mut Connection, name: &str) -> String {
    let info = client.text("INFO persistence");
    let mut lines = info.lines();
    let value = lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    value
        .unwrap_or_else(|| panic!("no {name}: {info}"))
        .to_owned()
}

#[test]
fn info_tells_of_the_journal_in_the_order_of_redis() {
    let directory = Directory::new();
    let server = keeping(&directory, "guard");
    let mut client = connect(&server);
    assert_eq!(names(&mut client), [LINES_OF_REDIS, OUR_LINES].concat());
    assert_eq!(value(&mut client, "durability"), "guard");
    assert_eq!(client.info("aof_enabled"), 1);
    assert_eq!(value(&mut client, "aof_last_write_status"), "ok");
    let (before, syncs) = (
        client.info("aof_current_size"),
        client.info("horizon_syncs"),
    );
    assert_eq!(client.ask("SET lock token NX PX 30000"), "+OK");
    assert!(client.info("aof_current_size") > before);
    assert!(client.info("horizon_syncs") > syncs);
    let horizon_ms = client.info("horizon_ms");
    assert!((29_000..=40_000).contains(&horizon_ms), "{horizon_ms}");
    assert_eq!(client.info("unguarded_grants"), 0);
    assert_eq!(client.ask("SET lasting token"), "+OK");
    assert_eq!(client.info("unguarded_grants"), 1);
    assert_eq!(client.info("lost_changes"), 0);
}

#[test]
fn without_a_journal_info_says_so() {
    let server = start(&[]);
    let mut client = connect(&server);
    let expected = LINES_OF_REDIS.split(" aof_current_size").next().unwrap();
    assert_eq!(names(&mut client), format!("{expected} durability"));
    assert_eq!(client.info("aof_enabled"), 0);
    assert_eq!(value(&mut client, "durability"), "none");
    assert_eq!(client.ask("BGREWRITEAOF"), "-ERR Nothing is kept on disk");
}

#[test]
fn a_journal_is_written_anew_on_demand() {
    let directory = Directory::new();
    let server = keeping(&directory, "guard");
    let mut client = connect(&server);
    for number in 0..100 {
        let request = format!("SET lock {number} PX 30000");
        assert_eq!(client.ask(&request), "+OK");
    }
    let before = client.info("aof_current_size");
    let started = "+Background append only file rewriting started";
    assert_eq!(client.ask("BGREWRITEAOF"), started);
    eventually("the journal is written anew", || {
        client.info("aof_rewrites") == 1
    });
    assert!(client.info("aof_current_size") < before / 10);
    assert_eq!(client.info("aof_rewrite_in_progress"), 0);
    assert_eq!(value(&mut client, "aof_last_bgrewrite_status"), "ok");
    assert_eq!(client.info("aof_last_rewrite_time_sec"), 0);
    drop(client);
    drop(server);
    let server = keeping(&directory, "guard");
    assert_eq!(connect(&server).ask("GET lock"), "$\"99\"");
}

#[test]
fn waitaof_has_the_journal_synced_whatever_the_mode() {
    for mode in ["guard", "everysec", "always"] {
        let directory = Directory::new();
        let server = keeping(&directory, mode);
        let mut client = connect(&server);
        assert_eq!(client.ask("SET lock token"), "+OK");
        assert_eq!(client.ask("WAITAOF 1 0 0"), "*2 :1 :0", "{mode}");
        assert!(client.info("journal_syncs") >= 1, "{mode}");
        assert_eq!(client.ask("WAITAOF 1 0 0"), "*2 :1 :0", "{mode}");
        assert_eq!(client.ask("WAITAOF 0 0 0"), "*2 :0 :0", "{mode}");
        assert_eq!(client.ask("SET lock other"), "+OK");
        assert_eq!(client.ask("MULTI"), "+OK");
        assert_eq!(client.ask("WAITAOF 1 1 0"), "+QUEUED");
        let replies = client.ask("EXEC");
        assert!(replies.starts_with("*1 *2 :"), "{replies}");
        // There is no replica: its time passes, and the disk has it unless it needs longer.
        eventually("the disk has it", || {
            client.ask("WAITAOF 1 1 5") == "*2 :1 :0"
        });
    }
}

#[test]
fn after_a_crash_info_tells_when_to_come_back() {
    let directory = Directory::new();
    let files = directory.file("appendonlydir");
    fs::create_dir(&files).unwrap();
    let name = "appendonly.aof.1.incr.aof";
    let manifest = format!("file {name} seq 1 type i\n");
    fs::write(files.join("appendonly.aof.manifest"), manifest).unwrap();
    let journal = "#QL:boot=another now=1000000 unix=1700000000000000\r\n\
                   *2\r\n$6\r\nSELECT\r\n$1\r\n0\r\n*3\r\n$3\r\nSET\r\n$4\r\nlock\r\n$5\r\ntoken\r\n";
    fs::write(files.join(name), journal).unwrap();
    let settings = [
        ("dir", text(&directory.0)),
        ("durability", "guard"),
        ("guard-max", "60"),
    ];
    let server = start(&settings);
    let mut client = connect(&server);
    let expected = [LINES_OF_REDIS, LINES_OF_LOADING, OUR_LINES].concat();
    assert_eq!(names(&mut client), expected);
    assert_eq!(client.info("loading"), 1);
    assert_eq!(client.info("loading_eta_seconds"), 60);
    let refusal = client.ask("GET lock");
    assert!(
        refusal.starts_with("-LOADING ") && refusal.contains("another 60 s"),
        "{refusal}"
    );
    server.advance(Duration::from_millis(59_500));
    assert_eq!(client.info("loading_eta_seconds"), 1);
    server.advance(Duration::from_millis(500));
    assert_eq!(client.info("loading"), 0);
    assert_eq!(names(&mut client), [LINES_OF_REDIS, OUR_LINES].concat());
    assert_eq!(client.ask("GET lock"), "$\"token\"");
}

#[test]
fn however_it_is_stopped_nothing_is_lost() {
    let directory = Directory::new();
    let dir = text(&directory.0);
    let ends = [
        "SHUTDOWN",
        "SHUTDOWN NOSAVE",
        "SHUTDOWN NOW",
        "SHUTDOWN SAVE FORCE",
        "TERM",
        "INT",
    ];
    for (number, end) in ends.into_iter().enumerate() {
        let (mut running, address) = serve(&["--dir", dir]);
        let mut client = Connection::open(address).unwrap();
        assert_eq!(client.ask("DBSIZE"), format!(":{number}"));
        assert_eq!(client.info("loading"), 0);
        assert_eq!(
            client.ask(&format!("SET lock:{number} {end:?} PX 60000")),
            "+OK"
        );
        match end {
            "TERM" => running.signal(Signal::TERM),
            "INT" => running.signal(Signal::INT),
            command => {
                client.send(&command.split(' ').collect::<Vec<_>>());
                assert_eq!(client.next(), "closed");
            }
        }
        assert_eq!(running.exit_code(), Some(0), "{end}");
        let journal = fs::read(directory.file("appendonlydir/appendonly.aof.1.incr.aof")).unwrap();
        let journal = String::from_utf8_lossy(&journal);
        let last = journal.trim_end().rsplit("\r\n").next().unwrap_or_default();
        assert!(last.starts_with("#QL:end "), "{end}: {last}");
    }
}

#[test]
fn a_server_that_keeps_nothing_says_so_once() {
    let warning = "durability is none: a restart forgets the locks that are held";
    for (mode, times) in [("none", 1), ("guard", 0)] {
        let port = free_port().to_string();
        let running = Running::start(&["--port", &port, "--durability", mode]);
        let mut told = 0;
        loop {
            let line = running.line();
            told += usize::from(line.contains(warning));
            if line.contains(READY) {
                break;
            }
        }
        assert_eq!(told, times, "{mode}");
    }
}

#[test]
fn there_is_room_again_when_keys_go() {
    let server = start(&[("maxmemory", "100kb")]);
    let mut client = connect(&server);
    let value = "v".repeat(1000);
    let refusal = "-OOM command not allowed when used memory > 'maxmemory'.";
    let mut kept = 0;
    eventually("the memory is full", || {
        match client.ask(&format!("SET lock:{kept} {value}")).as_str() {
            "+OK" => kept += 1,
            other => assert_eq!(other, refusal),
        }
        client.ask("SET more token") == refusal
    });
    assert!(kept >= 80, "{kept}");
    assert_eq!(client.ask("PEXPIRE lock:0 60000"), ":1");
    // A short value in place of a long one would do as well, but nobody knows that before.
    assert_eq!(client.ask("SET lock:0 short"), refusal);
    for number in 0..kept {
        assert_eq!(client.ask(&format!("DEL lock:{number}")), ":1");
    }
    assert_eq!(client.ask(&format!("SET lock:0 {value}")), "+OK");
    assert_eq!(client.info("maxmemory"), 102_400);
    assert!(
        client
            .text("INFO memory")
            .contains("maxmemory_human:100.00K\r\nmaxmemory_policy:noeviction")
    );
}

#[test]
fn what_was_kept_comes_back_whatever_the_limit() {
    let directory = Directory::new();
    {
        let server = keeping(&directory, "guard");
        let mut client = connect(&server);
        for number in 0..100 {
            assert_eq!(
                client.ask(&format!("SET lock:{number} token PX 60000")),
                "+OK"
            );
        }
    }
    let settings = [
        ("dir", text(&directory.0)),
        ("durability", "guard"),
        ("maxmemory", "1"),
    ];
    let server = start_on_real_time(&settings);
    let mut client = connect(&server);
    assert_eq!(client.ask("DBSIZE"), ":100");
    assert!(client.ask("SET lock:1 token").starts_with("-OOM "));
    assert_eq!(client.ask("DEL lock:1"), ":1");
}
