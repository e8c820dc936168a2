//! The settings that Redis 7.4 and 8, Valkey 8 and 9 and KeyDB have beside those of Redis 7.2.
//!
//! They are known so that a configuration file of those servers starts this one. CONFIG GET shows
//! them by their names alone, since clients are told that this is a Redis 7.2. Limits and defaults of
//! the first two are those that Redis 8.2.3 and Valkey 9.1.2 answer.

use super::accepted::{
    ALLOCATOR, CLUSTER, EVICTION, LAZY, MODULES, NO_SYSTEM, OLD_LUA, PROCESS, REPLICA, REPLICATION,
    SNAPSHOT_OFF, SNAPSHOTS, TLS,
};
use super::setting::Change::{AtRuntime, AtStart, Protected};
use super::setting::Setting;
use super::setting::Support::{self, Inert, NotHonoured};
use super::value::Kind::{self, Choice, Integer, Switch, Text};
use super::value::{COUNT, LONG_COUNT, MEMORY, PORT};

const NO_LOG_FORMAT: Support = NotHonoured("the log has the lines of Redis");
const LOG_DATA: Support = Inert("no key and no value of a client is logged");
const ACCEPTING: Support = Inert("connections are accepted as they come");
const BATCHES: Support = Inert("requests are read and answered in our own way");
const COMMANDLOG: Support = Inert("there is no log of long requests and replies");
const NO_RDMA: Support = NotHonoured("there is no RDMA");
const RDMA: Support = Inert("there is no RDMA");
const NO_MULTIPATH: Support = NotHonoured("connections are plain TCP");
const NO_IMPORT: Support = NotHonoured("keys expire at their time, also while they are imported");
const NO_THREADS: Support = NotHonoured("`io-threads` says how many threads there are");
const NO_STORAGE: Support = NotHonoured("keys are in memory alone, and in the append-only file");
const STORAGE: Support = Inert("there is no storage provider");
const NO_RESERVE: Support = NotHonoured("clients of this machine have no places of their own");
const NO_OVERLOAD: Support = NotHonoured("no client is slowed down");

/// A count from 1.
const COUNT_SOME: Kind = Integer {
    min: 1,
    max: i32::MAX as i64,
};
const BATCH: Kind = Integer { min: 0, max: 128 };
const PERCENT: Kind = Integer { min: 0, max: 100 };
const LOG_LIMIT: Kind = Integer {
    min: -1,
    max: i64::MAX,
};
/// Words whose meaning is KeyDB's.
const WORDS: Kind = Kind::Words { max: 256 };

/// The settings, by the server that has them first. One row a line, so that the columns can be compared.
#[rustfmt::skip]
pub(super) const LATER: &[Setting] = &[
    // Redis 7.4 and 8.
    Setting::new("cluster-compatibility-sample-ratio", PERCENT, "0", AtRuntime, CLUSTER).by_name(),
    Setting::new("cluster-ping-interval", LONG_COUNT, "0", AtRuntime, CLUSTER).by_name(),
    Setting::new("cluster-slot-stats-enabled", Switch, "no", AtRuntime, CLUSTER).by_name(),
    Setting::new("hide-user-data-from-log", Switch, "no", AtRuntime, LOG_DATA).by_name(),
    Setting::new("lazyexpire-nested-arbitrary-keys", Switch, "yes", AtRuntime, LAZY).by_name(),
    Setting::new("max-new-connections-per-cycle", COUNT, "10", AtRuntime, ACCEPTING).by_name(),
    Setting::new("max-new-tls-connections-per-cycle", COUNT, "1", AtRuntime, TLS).by_name(),
    Setting::new("prefetch-batch-max-size", BATCH, "16", AtRuntime, BATCHES).by_name(),
    Setting::new("repl-rdb-channel", Switch, "yes", AtRuntime, REPLICATION).by_name(),
    Setting::new("replica-full-sync-buffer-limit", MEMORY, "0", AtRuntime, REPLICATION).by_name(),
    Setting::new("vset-force-single-threaded-execution", Switch, "no", AtRuntime, MODULES).by_name(),
    // Valkey 8 and 9.
    Setting::new("active-defrag-cycle-us", Integer { min: 0, max: 100_000 }, "500", AtRuntime, ALLOCATOR).by_name(),
    Setting::new("availability-zone", Text, "", AtRuntime, PROCESS).by_name(),
    Setting::new("cluster-announce-client-ipv4", Text, "", AtRuntime, CLUSTER).by_name(),
    Setting::new("cluster-announce-client-ipv6", Text, "", AtRuntime, CLUSTER).by_name(),
    Setting::new("cluster-announce-client-port", PORT, "0", AtRuntime, CLUSTER).by_name(),
    Setting::new("cluster-announce-client-tls-port", PORT, "0", AtRuntime, CLUSTER).by_name(),
    Setting::new("cluster-blacklist-ttl", LONG_COUNT, "60", AtRuntime, CLUSTER).by_name(),
    Setting::new("cluster-config-save-behavior", Choice(&["sync", "best-effort"]), "sync", AtRuntime, CLUSTER).by_name(),
    Setting::new("cluster-databases", COUNT_SOME, "1", AtStart, CLUSTER).by_name(),
    Setting::new("cluster-manual-failover-timeout", COUNT_SOME, "5000", AtRuntime, CLUSTER).by_name(),
    Setting::new("cluster-message-gossip-perc", Integer { min: 1, max: 100 }, "10", AtRuntime, CLUSTER).by_name(),
    Setting::new("cluster-slot-migration-log-max-len", LONG_COUNT, "1000", AtRuntime, CLUSTER).by_name(),
    Setting::new("commandlog-large-reply-max-len", LONG_COUNT, "128", AtRuntime, COMMANDLOG).by_name(),
    Setting::new("commandlog-large-request-max-len", LONG_COUNT, "128", AtRuntime, COMMANDLOG).by_name(),
    Setting::new("commandlog-reply-larger-than", LOG_LIMIT, "1048576", AtRuntime, COMMANDLOG).by_name(),
    Setting::new("commandlog-request-larger-than", LOG_LIMIT, "1048576", AtRuntime, COMMANDLOG).by_name(),
    Setting::new("debug-context", Text, "", AtRuntime, PROCESS).by_name(),
    Setting::new("dual-channel-replication-enabled", Switch, "no", AtRuntime, REPLICATION).by_name(),
    Setting::new("extended-redis-compatibility", Switch, "no", AtRuntime, Inert("the server says that it is a Redis in any case")).by_name(),
    Setting::new("hash-seed", Text, "", AtStart, PROCESS).by_name(),
    Setting::new("import-mode", Switch, "no", AtRuntime, NO_IMPORT).by_name(),
    Setting::new("io-threads-always-active", Switch, "no", AtRuntime, BATCHES).by_name(),
    Setting::new("log-format", Choice(&["legacy", "logfmt", "json"]), "legacy", AtRuntime, NO_LOG_FORMAT).by_name(),
    Setting::new("log-timestamp-format", Choice(&["legacy", "iso8601", "milliseconds"]), "legacy", AtRuntime, NO_LOG_FORMAT).by_name(),
    Setting::new("lua-enable-insecure-api", Switch, "no", Protected, OLD_LUA).by_name(),
    Setting::new("min-io-threads-avoid-copy-reply", COUNT, "7", AtRuntime, BATCHES).by_name(),
    Setting::new("min-string-size-avoid-copy-reply", COUNT, "16384", AtRuntime, BATCHES).by_name(),
    Setting::new("min-string-size-avoid-copy-reply-threaded", COUNT, "65536", AtRuntime, BATCHES).by_name(),
    Setting::new("mptcp", Switch, "no", AtStart, NO_MULTIPATH).by_name(),
    Setting::new("rdb-version-check", Choice(&["strict", "relaxed"]), "strict", AtRuntime, SNAPSHOTS).by_name(),
    Setting::new("rdma-bind", WORDS, "", AtRuntime, RDMA).by_name(),
    Setting::new("rdma-completion-vector", Integer { min: -1, max: 1024 }, "-1", AtStart, RDMA).by_name(),
    Setting::new("rdma-port", PORT, "0", AtRuntime, NO_RDMA).by_name(),
    Setting::new("rdma-rx-size", COUNT, "1048576", AtStart, RDMA).by_name(),
    Setting::new("repl-mptcp", Switch, "no", AtStart, REPLICATION).by_name(),
    Setting::new("slot-migration-max-failover-repl-bytes", LOG_LIMIT, "0", AtRuntime, CLUSTER).by_name(),
    Setting::new("tls-auth-clients-user", Choice(&["CN", "URI", "off"]), "off", AtRuntime, TLS).by_name(),
    Setting::new("tls-auto-reload-interval", COUNT, "0", AtRuntime, TLS).by_name(),
    Setting::new("unixsocketgroup", Text, "", AtStart, NotHonoured("the Unix socket has the group of the process")).by_name(),
    // KeyDB.
    Setting::new("active-client-balancing", Switch, "yes", AtRuntime, ACCEPTING).by_name(),
    Setting::new("active-replica", Switch, "no", AtStart, REPLICA).by_name(),
    Setting::new("allow-rdb-resize-op", Switch, "yes", AtStart, SNAPSHOTS).by_name(),
    Setting::new("allow-write-during-load", Switch, "no", AtStart, NotHonoured("nothing is granted while it is not known what is held")).by_name(),
    Setting::new("db-s3-object", Text, "", AtStart, SNAPSHOT_OFF).by_name(),
    Setting::new("delete-on-evict", Switch, "no", AtStart, EVICTION).by_name(),
    Setting::new("enable-async-commands", Switch, "no", AtStart, BATCHES).by_name(),
    Setting::new("enable-async-rehash", Switch, "yes", AtStart, PROCESS).by_name(),
    Setting::new("enable-keydb-fastsync", Switch, "no", AtStart, REPLICATION).by_name(),
    Setting::new("enable-motd", Switch, "yes", AtStart, PROCESS).by_name(),
    Setting::new("flash-disable-key-cache", Switch, "no", AtStart, STORAGE).by_name(),
    Setting::new("force-backlog-disk-reserve", Switch, "no", AtStart, REPLICATION).by_name(),
    Setting::new("force-eviction-percent", PERCENT, "0", AtStart, EVICTION).by_name(),
    Setting::new("loading-process-events-interval-keys", LONG_COUNT, "8192", AtStart, SNAPSHOTS).by_name(),
    Setting::new("max-rand-count", LONG_COUNT, "4611686018427387903", AtStart, PROCESS).by_name(),
    Setting::new("max-snapshot-slip", LONG_COUNT, "400", AtStart, SNAPSHOTS).by_name(),
    Setting::new("maxclients-reserved", COUNT, "0", AtStart, NO_RESERVE).by_name(),
    Setting::new("maxstorage", MEMORY, "0", AtStart, STORAGE).by_name(),
    Setting::new("min-clients-per-thread", COUNT, "20", AtStart, ACCEPTING).by_name(),
    Setting::new("multi-master", Switch, "no", AtStart, REPLICA).by_name(),
    Setting::new("multi-master-no-forward", Switch, "no", AtStart, REPLICATION).by_name(),
    Setting::new("multithread-load-enabled", Switch, "no", AtStart, SNAPSHOTS).by_name(),
    Setting::new("overload-protect-percent", Integer { min: 0, max: 200 }, "0", AtStart, NO_OVERLOAD).by_name(),
    Setting::new("prefetch-enabled", Switch, "yes", AtStart, BATCHES).by_name(),
    Setting::new("repl-backlog-disk-reserve", MEMORY, "0", AtStart, REPLICATION).by_name(),
    Setting::new("replica-quorum", Integer { min: -1, max: i32::MAX as i64 }, "-1", AtStart, REPLICATION).by_name(),
    Setting::new("replica-weighting-factor", COUNT, "2", AtStart, REPLICATION).by_name(),
    Setting::new("scratch-file-path", Text, "", AtStart, STORAGE).by_name(),
    Setting::new("semi-ordered-set-bucket-size", COUNT, "0", AtStart, PROCESS).by_name(),
    Setting::new("server-thread-affinity", Text, "", AtStart, NO_SYSTEM).by_name(),
    Setting::new("server-threads", COUNT_SOME, "1", AtStart, NO_THREADS).by_name(),
    Setting::new("soft-shutdown", Switch, "no", AtStart, NotHonoured("a server that stops does not wait for its clients")).by_name(),
    Setting::new("storage-cache-mode", Text, "writethrough", AtStart, STORAGE).by_name(),
    Setting::new("storage-flush-period", COUNT, "500", AtStart, STORAGE).by_name(),
    Setting::new("storage-provider", WORDS, "", AtStart, NO_STORAGE).by_name(),
    Setting::new("storage-provider-options", WORDS, "", AtStart, STORAGE).by_name(),
    Setting::new("time-thread-priority", Switch, "no", AtStart, PROCESS).by_name(),
    Setting::new("tls-allowlist", WORDS, "", AtStart, TLS).by_name(),
    Setting::new("tls-rotation", Switch, "no", AtStart, TLS).by_name(),
    Setting::new("use-fork", Switch, "yes", AtStart, SNAPSHOTS).by_name(),
];
