//! The settings that the server honours: one row each, with its limits and its meaning.
//!
//! Adding a setting is a row here and a field in [`Settings`](super::Settings). Defaults and limits
//! are those of Redis 7.0 unless the text says that they are ours. Rows are in the order of
//! CONFIG GET.

use super::durability::DurabilityMode;
use super::setting::Change::{AtRuntime, AtStart, Protected, Settled};
use super::setting::Support::Honoured;
use super::setting::{Effect, Preset, Setting};
use super::value::{ACCESS, BUFFER, COUNT, Kind, LONG_COUNT, MEMORY, MEMORY_ANY, PORT};

/// The settings that the server honours, in the order of CONFIG GET.
pub(super) const HONOURED: &[Setting] = &[
    Setting::new(
        "aof-load-truncated",
        Kind::Switch,
        "yes",
        AtRuntime,
        Honoured("whether a journal that ends inside of a record is taken without that record"),
    ),
    Setting::new(
        "appenddirname",
        Kind::FileName("appenddirname", "dirname"),
        "appendonlydir",
        AtStart,
        Honoured("the directory of the journal, in `dir`"),
    ),
    Setting::new(
        "appendfilename",
        Kind::FileName("appendfilename", "filename"),
        "appendonly.aof",
        AtStart,
        Honoured("how the names of the journal's files begin"),
    ),
    Setting::new(
        "appendfsync",
        Kind::Choice(&["everysec", "always", "no"]),
        "everysec",
        Settled,
        Honoured("with `appendonly yes`: which `durability` is meant, `no` is `guard`"),
    ),
    Setting::new(
        "appendonly",
        Kind::Switch,
        "no",
        Settled,
        Honoured("whether there is a journal, if `durability` is not given; `no` is `none`"),
    ),
    Setting::new(
        "auth-failures-per-second",
        Kind::Integer { min: 0, max: 1_000_000 },
        "100",
        AtRuntime,
        Honoured("our own: how many wrong passwords are answered in a second; 0 for any number"),
    ),
    Setting::new(
        "auto-aof-rewrite-min-size",
        MEMORY,
        "67108864",
        AtRuntime,
        Honoured("bytes from which the journal is written anew when it has grown"),
    )
    .acts(Effect::RewriteLimits),
    Setting::new(
        "auto-aof-rewrite-percentage",
        COUNT,
        "100",
        AtRuntime,
        Honoured("by how many percent the journal must have grown to be written anew; 0 for never"),
    )
    .acts(Effect::RewriteLimits),
    Setting::new(
        "bind",
        Kind::Words { max: 16 },
        "* -::*",
        AtStart,
        Honoured(
            "the addresses to listen on: `*` is every IPv4 address, `::*` every IPv6 address, and an \
             address after `-` may be missing",
        ),
    ),
    Setting::new(
        "busy-reply-threshold",
        LONG_COUNT,
        "5000",
        AtRuntime,
        Honoured(
            "milliseconds after which a running script is answered with BUSY to others; 0 for never",
        ),
    )
    .alias("lua-time-limit"),
    Setting::new(
        "client-output-buffer-limit",
        Kind::OutputLimits,
        "normal 0 0 0 slave 268435456 67108864 60 pubsub 33554432 8388608 60",
        AtRuntime,
        Honoured(
            "unsent bytes after which a client is disconnected; `normal` and `pubsub` count, there \
             are no replicas",
        ),
    )
    .acts(Effect::SubscriberBacklog),
    Setting::new(
        "client-query-buffer-limit",
        BUFFER,
        "1gb",
        AtRuntime,
        Honoured("bytes of requests that a client may have unread before it is disconnected"),
    ),
    Setting::new(
        "daemonize",
        Kind::Switch,
        "no",
        AtStart,
        Honoured(
            "whether the server goes to the background; the command then ends when it is ready",
        ),
    ),
    Setting::new(
        "databases",
        Kind::Integer { min: 1, max: i32::MAX as i64 },
        "16",
        AtStart,
        Honoured("how many databases SELECT can choose from"),
    ),
    Setting::new(
        "dbfilename",
        Kind::FileNameOrNone("dbfilename", "filename"),
        "dump.rdb",
        Protected,
        Honoured("the snapshot of a Redis in `dir` that is loaded where there is no journal"),
    ),
    Setting::new(
        "disable-thp",
        Kind::Switch,
        "yes",
        AtStart,
        Honoured("whether the process forgoes huge pages, which keep requests waiting while they are made"),
    ),
    Setting::new(
        "durability",
        Kind::Choice(&DurabilityMode::NAMES),
        "guard",
        AtStart,
        Honoured(
            "our own: what a restart keeps; `guard` waits after a crash of the machine, `always` and \
             `everysec` sync the journal, `none` writes nothing",
        ),
    ),
    Setting::new(
        "guard-max",
        Kind::Integer { min: 1, max: i32::MAX as i64 },
        "3600",
        AtStart,
        Honoured("our own: seconds up to which `guard` keeps a lock's time after a crash of the machine"),
    ),
    Setting::new(
        "enable-debug-command",
        ACCESS,
        "no",
        AtStart,
        Honoured("who may use DEBUG: nobody, clients of this machine (`local`), or everybody"),
    ),
    Setting::new(
        "dir",
        Kind::Text,
        "",
        Protected,
        Honoured("the directory that the server goes to: relative paths begin there"),
    )
    .preset(Preset::CurrentDirectory),
    Setting::new(
        "io-threads",
        Kind::Integer { min: 1, max: 128 },
        "1",
        AtStart,
        Honoured(
            "worker threads; our own default is one for each core, and one with `durability always`",
        ),
    )
    .preset(Preset::Cores),
    Setting::new(
        "latency-monitor-threshold",
        LONG_COUNT,
        "0",
        AtRuntime,
        Honoured("milliseconds from which LATENCY records a command; 0 for never"),
    ),
    Setting::new(
        "latency-tracking",
        Kind::Switch,
        "yes",
        AtRuntime,
        Honoured("whether each command has a histogram of its run times"),
    ),
    Setting::new(
        "latency-tracking-info-percentiles",
        Kind::Percentiles,
        "50 99 99.9",
        AtRuntime,
        Honoured("the percentiles of run times that INFO's latencystats tells"),
    ),
    Setting::new(
        "lock-contention-entries",
        Kind::Integer { min: 0, max: 10_000_000 },
        "10000",
        AtRuntime,
        Honoured("our own: how many contended locks LOCK INFO can tell of; 0 for none"),
    )
    .acts(Effect::Contention),
    Setting::new(
        "logfile",
        Kind::Text,
        "",
        AtStart,
        Honoured("where the log goes: a path, or an empty text for standard output"),
    ),
    Setting::new(
        "loglevel",
        Kind::Choice(&["debug", "verbose", "notice", "warning", "nothing"]),
        "notice",
        AtRuntime,
        Honoured("how much is logged"),
    ),
    Setting::new(
        "lua-memory-limit",
        Kind::Memory { min: 1 << 20, max: i64::MAX as u64 },
        "64mb",
        AtRuntime,
        Honoured("our own: bytes that the Lua interpreter may hold before a script fails"),
    ),
    Setting::new(
        "maxclients",
        Kind::Integer { min: 1, max: u32::MAX as i64 },
        "10000",
        AtRuntime,
        Honoured("connections at a time; one more is answered with an error and closed"),
    )
    .acts(Effect::Clients),
    Setting::new(
        "maxmemory",
        MEMORY_ANY,
        "0",
        AtRuntime,
        Honoured(
            "bytes that all keys may take together; beyond it new keys and longer values are \
             refused, and none is evicted; 0 for no limit",
        ),
    )
    .acts(Effect::Memory),
    Setting::new(
        "notify-keyspace-events",
        Kind::Notify,
        "",
        AtRuntime,
        Honoured("which changes of keys are published, by letters"),
    )
    .acts(Effect::Events),
    Setting::new(
        "pidfile",
        Kind::Text,
        "",
        AtStart,
        Honoured("a file for the process number, gone at the end; a daemon has one in any case"),
    ),
    Setting::new(
        "port",
        PORT,
        "6379",
        AtStart,
        Honoured("the TCP port; 0 for no TCP at all"),
    ),
    Setting::new(
        "protected-mode",
        Kind::Switch,
        "yes",
        AtRuntime,
        Honoured("without a password, only peers on this machine are served"),
    ),
    Setting::new(
        "proto-inline-max-size",
        Kind::Memory { min: 1 << 10, max: 1 << 30 },
        "64kb",
        AtRuntime,
        Honoured("our own: bytes of an inline command or of a request's header line"),
    ),
    Setting::new(
        "proto-max-bulk-len",
        BUFFER,
        "512mb",
        AtRuntime,
        Honoured("bytes of one argument"),
    ),
    Setting::new(
        "proto-max-multibulk-len",
        Kind::Integer { min: 1, max: i32::MAX as i64 },
        "2147483647",
        AtRuntime,
        Honoured("our own: arguments of one request; the default is Redis's fixed limit"),
    ),
    Setting::new(
        "requirepass",
        Kind::Text,
        "",
        AtRuntime,
        Honoured("the password that AUTH asks for; an empty text for none"),
    ),
    Setting::new(
        "script-cache-size",
        Kind::Integer { min: 1, max: 1_000_000 },
        "500",
        AtRuntime,
        Honoured("our own: how many scripts that came by EVAL are remembered for EVALSHA"),
    ),
    Setting::new(
        "script-reply-limit",
        Kind::Memory { min: 1 << 20, max: i64::MAX as u64 },
        "64mb",
        AtRuntime,
        Honoured(
            "our own: bytes of a script's reply, each element counted with 64 more, before the script \
             fails",
        ),
    ),
    Setting::new(
        "slowlog-log-slower-than",
        Kind::Integer { min: -1, max: i64::MAX },
        "10000",
        AtRuntime,
        Honoured("microseconds from which SLOWLOG keeps a command; -1 for never"),
    )
    .renamed("commandlog-execution-slower-than"),
    Setting::new(
        "slowlog-max-len",
        LONG_COUNT,
        "128",
        AtRuntime,
        Honoured("how many slow commands SLOWLOG keeps"),
    )
    .renamed("commandlog-slow-execution-max-len"),
    Setting::new(
        "supervised",
        Kind::Choice(&["upstart", "systemd", "auto", "no"]),
        "no",
        AtStart,
        Honoured("who is told that the server is ready; `auto` is whom the environment names"),
    ),
    Setting::new(
        "tcp-backlog",
        COUNT,
        "511",
        AtStart,
        Honoured("connections that may wait to be accepted"),
    ),
    Setting::new(
        "tcp-keepalive",
        COUNT,
        "300",
        AtRuntime,
        Honoured("seconds of silence after which TCP asks whether a peer lives; 0 for never"),
    ),
    Setting::new(
        "timeout",
        COUNT,
        "0",
        AtRuntime,
        Honoured("seconds after which an idle client is disconnected; 0 for never"),
    ),
    Setting::new(
        "unixsocket",
        Kind::Text,
        "",
        AtStart,
        Honoured("the path of a Unix socket to listen on as well; an empty text for none"),
    ),
    Setting::new(
        "unixsocketperm",
        Kind::Permissions,
        "0",
        AtStart,
        Honoured("the permissions of the Unix socket in octal; 0 leaves them to the system"),
    ),
];
