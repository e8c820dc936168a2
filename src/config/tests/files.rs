//! Tests of files and the command line: what takes effect, what is warned of, what is refused.

use std::fs;
use std::path::{Path, PathBuf};

use super::*;

/// A directory for the files of one test; gone when the test ends.
struct Directory(PathBuf);

impl Directory {
    fn new(test: &str) -> Directory {
        let name = format!("quintlock-config-{test}-{}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::create_dir_all(&path).unwrap();
        Directory(path)
    }

    fn write(&self, name: &str, text: impl AsRef<[u8]>) -> PathBuf {
        let path = self.0.join(name);
        fs::write(&path, text).unwrap();
        path
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn load_file(path: &Path) -> Result<Loaded, ConfigError> {
    load_words(&[path.to_str().unwrap()], "")
}

fn failure(text: &str) -> String {
    load_text(text).unwrap_err().to_string()
}

#[test]
fn the_last_value_counts_and_options_override_the_file() {
    let directory = Directory::new("override");
    let path = directory.write(
        "a.conf",
        "# c\n\n \t DataBases\t\"\\x35\" \r\ntimeout 1\ntimeout 2\nport 7",
    );
    let words = [path.to_str().unwrap(), "--port", "9", "-"];
    let config = load_words(&words, "port 8\ntcp-backlog 4").unwrap().config;
    assert_eq!(shown(&config, "databases"), "5");
    assert_eq!(shown(&config, "timeout"), "2");
    assert_eq!(shown(&config, "tcp-backlog"), "4");
    assert_eq!(shown(&config, "port"), "9");
}

#[test]
fn output_limits_of_several_lines_add_up() {
    let text =
        "client-output-buffer-limit normal 1 2 3\nclient-output-buffer-limit \"pubsub 3 4 5\"\n";
    let config = load_text(text).unwrap().config;
    let expected = "normal 1 2 3 slave 268435456 67108864 60 pubsub 3 4 5";
    assert_eq!(shown(&config, "client-output-buffer-limit"), expected);
}

#[test]
fn what_changes_nothing_is_named_once_behind_the_reason() {
    let loaded = load_text(
        "rdbcompression no\nAof-Use-Rdb-Preamble no\nrdbcompression yes\nmaxclients 100\n\
         list-max-ziplist-value 64\nrdbchecksum yes\nlist-max-ziplist-value 32\n",
    )
    .unwrap();
    let expected = [
        "Without effect, as values have one encoding: list-max-ziplist-value",
        "Without effect, as the append-only file is written in our own way: aof-use-rdb-preamble",
        "Without effect, as there are no snapshots: rdbchecksum, rdbcompression",
    ];
    assert_eq!(loaded.notes, expected);
    assert_eq!(loaded.warnings, [""; 0]);
}

#[test]
fn what_is_not_honoured_is_named_once_and_shown_as_it_is() {
    let loaded = load_text(
        "cluster-enabled no\nsave 900 1\nsave 300 10\nmaxmemory 0\ncluster-enabled yes\n",
    )
    .unwrap();
    let why = "is not honoured: Quintlock is no Redis Cluster, it has no slots";
    assert_eq!(loaded.warnings.len(), 2);
    assert_eq!(
        loaded.warnings[1],
        format!("standard input, line 5: 'cluster-enabled yes' {why}")
    );
    assert!(
        loaded.warnings[0].starts_with("standard input, line 3: 'save 300 10' is not honoured")
    );
    assert_eq!(shown(&loaded.config, "cluster-enabled"), "no");
    assert_eq!(shown(&loaded.config, "save"), "");
}

#[test]
fn harmless_values_draw_no_warning() {
    let text = "save 900 1\nsave \"\"\nsave \"\\\"\\\"\"\ncluster-enabled yes\ncluster-enabled no\nhash-max-ziplist-entries 9\n\
                lazyfree-lazy-expire yes\nlist-max-ziplist-value 5\nlua-replicate-commands yes\n\
                replicaof no one\nuser default on nopass ~* &* +@all\nwatchdog-period 0\n";
    let loaded = load_text(text).unwrap();
    assert_eq!(loaded.warnings, [""; 0]);
    assert_eq!(shown(&loaded.config, "hash-max-listpack-entries"), "9");
}

/// Lines that stand in the files which Redis 7.4 and 8, Valkey 8 and 9 and KeyDB come with, or are
/// added to them.
#[test]
fn files_of_later_servers_are_taken_and_what_is_missed_is_named() {
    let harmless = "hide-user-data-from-log yes\nmax-new-connections-per-cycle 10\n\
                    replica-full-sync-buffer-limit 0\nserver-cpulist 0-7:2\ncommandlog-reply-larger-than -1\n\
                    primaryauth secret\nactive-replica no\nreplica-weighting-factor 2\n\
                    active-client-balancing yes\nenable-motd no\nmaxstorage 1gb\ntls-allowlist a b\n";
    let loaded = load_text(harmless).unwrap();
    assert_eq!(loaded.warnings.len(), 1, "{:?}", loaded.warnings);
    assert!(loaded.warnings[0].contains("'server-cpulist 0-7:2' is not honoured"));
    let names = loaded.notes.join("\n");
    for name in [
        "hide-user-data-from-log",
        "primaryauth",
        "enable-motd",
        "maxstorage",
    ] {
        assert!(names.contains(name), "{names}");
    }
    let text = "server-threads 2\nlog-format logfmt\nstorage-provider flash /path\nmptcp yes\n";
    let loaded = load_text(text).unwrap();
    assert_eq!(loaded.warnings.len(), 4, "{:?}", loaded.warnings);
    assert_eq!(shown(&loaded.config, "server-threads"), "1");
    // Names that a later server has given to what is honoured.
    let text = "commandlog-execution-slower-than 7\ncommandlog-slow-execution-max-len 3\n";
    let config = load_text(text).unwrap().config;
    assert_eq!(config.settings.observation.slowlog_entries_max(), 3);
    assert_eq!(shown(&config, "slowlog-log-slower-than"), "7");
    assert_eq!(config.get(&[b"commandlog-*"]), []);
}

#[test]
fn what_would_open_a_door_stops_the_start() {
    for line in [
        "active-replica yes",
        "multi-master yes",
        "tls-replication yes",
        "replicaof 10.0.0.1 6379",
        "aclfile users.acl",
        "user default on >hush ~* +@all",
        "user worker on nopass",
        "rename-command CONFIG \"\"",
        "tls-port 6380",
        "sentinel monitor a",
    ] {
        let error = failure(&format!("port 1\n{line}\n"));
        let expected = format!("standard input, line 2: '{line}': cannot be honoured: ");
        assert!(error.starts_with(&expected), "{error}");
        assert!(error.ends_with("; remove it to start without"), "{error}");
    }
    assert!(load_text("replicaof a 1\nreplicaof no one\n").is_ok());
}

#[test]
fn a_wrong_line_is_named_with_place_and_reason() {
    for (line, reason) in [
        ("databases 5 # x", "wrong number of arguments"),
        ("databases", "wrong number of arguments"),
        (
            "databases 0",
            "argument must be between 1 and 2147483647 inclusive",
        ),
        (
            "unixsocketperm 888",
            "argument couldn't be parsed as an octal number",
        ),
        (
            "unixsocketperm 1000",
            "argument must be between 0 and 777 inclusive",
        ),
        (
            "io-threads 129",
            "argument must be between 1 and 128 inclusive",
        ),
        ("save 900 1 300", "Invalid save parameters"),
        (
            "appendfilename a/b",
            "appendfilename can't be a path, just a filename",
        ),
        (
            r"appendfilename a\b",
            "appendfilename can't be a path, just a filename",
        ),
        ("appendfilename \"\"", "appendfilename can't be empty"),
        ("appenddirname \"\"", "appenddirname can't be empty"),
        ("replicaof a", "wrong number of arguments"),
        ("notify-keyspace-events K E", "wrong number of arguments"),
        (
            "proto-max-multibulk-len 0",
            "argument must be between 1 and 2147483647 inclusive",
        ),
        ("maxclient 5", "no such setting; did you mean 'maxclients'?"),
        (
            "databases=5",
            "a blank separates name and value; write 'databases 5'",
        ),
        (
            "locking very",
            "no such setting; remove it, or check its name",
        ),
        ("include", "include takes one path"),
        ("\"\" 3", "no such setting; remove it, or check its name"),
    ] {
        let expected = format!("standard input, line 3: '{line}': {reason}");
        assert_eq!(failure(&format!("port 1\n\n{line}\n")), expected);
    }
    let error = load_words(&["--port", "x"], "").unwrap_err().to_string();
    assert_eq!(
        error,
        "command line: 'port x': argument couldn't be parsed into an integer"
    );
    let quotes =
        "standard input, line 1: 'databases \"5': the quotes do not pair; add the missing one";
    assert_eq!(failure("databases \"5"), quotes);
}

#[test]
fn too_long_and_binary_lines_are_refused() {
    let long = format!("# {0}\nlogfile {0}", "x".repeat(64 << 10));
    let expected = "standard input, line 2: the line has more than 65536 bytes; shorten it";
    assert_eq!(failure(&long), expected);
    let expected =
        "standard input, line 1: the line holds a zero byte; is this a configuration file?";
    assert_eq!(failure("\u{7f}ELF\0x 1"), expected);
    let huge = "#\n".repeat((8 << 20) + 1);
    assert_eq!(
        failure(&huge),
        "cannot read standard input: it has more than 16777216 bytes"
    );
}

#[test]
fn a_file_that_cannot_be_read_is_named() {
    let directory = Directory::new("unreadable");
    let missing = directory.0.join("missing.conf");
    let error = load_file(&missing).unwrap_err().to_string();
    assert!(
        error.starts_with(&format!("cannot open {}: ", missing.display())),
        "{error}"
    );
    assert!(error.ends_with("; check the path"), "{error}");
    let error = load_file(&directory.0).unwrap_err().to_string();
    assert!(
        error.starts_with(&format!("cannot read {}: ", directory.0.display())),
        "{error}"
    );
    let outer = directory.write("outer.conf", format!("\ninclude {}", missing.display()));
    let error = load_file(&outer).unwrap_err().to_string();
    let place = format!(
        "{}, line 2: 'include {1}': cannot open {1}: ",
        outer.display(),
        missing.display()
    );
    assert!(error.starts_with(&place), "{error}");
}

#[test]
fn includes_take_effect_where_they_stand() {
    let directory = Directory::new("include");
    let root = directory.0.display();
    directory.write("10.inc", "timeout 10\ntcp-backlog 10");
    directory.write("20.inc", "tcp-backlog 20");
    directory.write(".hidden.inc", "tcp-backlog 99");
    let text =
        format!("timeout 1\nINCLUDE \"{root}/*.inc\"\ninclude {root}/none-*.inc\ndatabases 4");
    let config = load_file(&directory.write("a.conf", text)).unwrap().config;
    assert_eq!(shown(&config, "timeout"), "10");
    assert_eq!(shown(&config, "tcp-backlog"), "20");
    assert_eq!(shown(&config, "databases"), "4");
    let config = load_words(&["--include", &format!("{root}/10.inc")], "")
        .unwrap()
        .config;
    assert_eq!(shown(&config, "timeout"), "10");
}

#[test]
fn an_include_loop_is_found() {
    let directory = Directory::new("loop");
    let root = directory.0.display();
    let first = directory.write("a.conf", format!("include {root}/b.conf"));
    directory.write("b.conf", format!("include {root}/./a.conf"));
    let error = load_file(&first).unwrap_err().to_string();
    assert!(
        error.ends_with("/./a.conf includes itself; remove one include"),
        "{error}"
    );
}

#[test]
fn includes_end_at_their_limits() {
    let directory = Directory::new("limits");
    let root = directory.0.display();
    for depth in 0..17 {
        directory.write(
            &format!("{depth}.conf"),
            format!("include {root}/{}.conf", depth + 1),
        );
    }
    directory.write("17.conf", "");
    let error = load_file(&directory.0.join("0.conf"))
        .unwrap_err()
        .to_string();
    assert!(
        error.ends_with("16.conf is more than 16 includes deep; include less"),
        "{error}"
    );
    assert!(load_file(&directory.0.join("2.conf")).is_ok());
    let many = format!("include {root}/17.conf\n").repeat(256);
    let error = load_file(&directory.write("many.conf", many))
        .unwrap_err()
        .to_string();
    assert!(
        error.ends_with("17.conf is one file more than 256; include less"),
        "{error}"
    );
}
