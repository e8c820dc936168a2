//! The settings as the server reads them: plain fields, and atomics for what CONFIG SET changes.
//!
//! [`Config`](super::Config) is the only writer. A reader pays one relaxed load; a request that runs
//! while a setting changes sees the old value or the new one, which is all Redis promises too.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64};

use parking_lot::RwLock;

use super::durability::Durability;
use super::listen::{BindAddress, TcpPort};
use super::notify::NotifyFlags;
use super::observation::{GuardedAccess, Observation};
use super::supervision::Supervision;
use super::typed::Table;
use super::value::{OutputLimit, Value};

/// Everything that the server honours. Fields without an atomic are fixed at the start.
#[derive(Debug)]
pub struct Settings {
    /// `bind`: where to listen for TCP.
    pub bind: Vec<BindAddress>,
    /// `port`
    pub port: TcpPort,
    /// `unixsocket`
    pub unixsocket: Option<PathBuf>,
    /// `unixsocketperm`: mode bits for the socket, if any were asked for.
    pub unixsocketperm: Option<u32>,
    /// `databases`, at least 1.
    pub databases: u32,
    /// `tcp-backlog`
    pub tcp_backlog: u32,
    /// `io-threads`: worker threads, 1 to 128.
    pub io_threads: usize,
    /// `logfile`: `None` for standard output.
    pub logfile: Option<PathBuf>,
    /// `enable-debug-command`: who may use DEBUG.
    pub debug_command: GuardedAccess,
    /// What watches commands.
    pub observation: Observation,
    /// `dir`: where the program goes at its start, as the system spells it.
    pub dir: Option<PathBuf>,
    /// What outlives the process.
    pub durability: Durability,
    /// `disable-thp`
    pub disable_thp: bool,
    /// `daemonize`
    pub daemonize: bool,
    /// `pidfile`
    pub pidfile: Option<PathBuf>,
    /// `supervised`
    pub supervised: Supervision,
    runtime: Runtime,
}

/// How much is logged, least important first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LogLevel {
    /// Everything.
    Debug,
    /// Much that is rarely of use.
    Verbose,
    /// What an operator wants to know.
    Notice,
    /// Only what needs a reaction.
    Warning,
    /// No line at all.
    Nothing,
}

/// A log level that CONFIG SET may change while somebody reads it.
#[derive(Clone, Debug, Default)]
pub struct SharedLogLevel(Arc<AtomicU8>);

/// The client classes with an output limit of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientClass {
    /// Clients that send commands.
    Normal,
    /// Clients with at least one subscription.
    PubSub,
}

/// What CONFIG SET can change.
#[derive(Debug, Default)]
struct Runtime {
    auth_failures_per_second: AtomicU32,
    busy_reply_threshold_ms: AtomicU64,
    client_query_buffer_limit: AtomicU64,
    lock_contention_entries: AtomicU32,
    loglevel: SharedLogLevel,
    lua_memory_limit: AtomicU64,
    maxclients: AtomicU32,
    maxmemory: AtomicU64,
    notify_keyspace_events: AtomicU32,
    output_limits: RwLock<[OutputLimit; 3]>,
    protected_mode: AtomicBool,
    proto_inline_max_size: AtomicU64,
    proto_max_bulk_len: AtomicU64,
    proto_max_multibulk_len: AtomicU32,
    requirepass: RwLock<Option<Arc<[u8]>>>,
    script_cache_size: AtomicU32,
    script_reply_limit: AtomicU64,
    tcp_keepalive_s: AtomicU32,
    timeout_s: AtomicU32,
}

impl Settings {
    /// The settings that `values` hold, one for each row of the table.
    pub(super) fn new(values: &[Value], port: TcpPort) -> Settings {
        let table = Table(values);
        let settings = Settings {
            bind: table
                .words("bind")
                .iter()
                .map(|word| BindAddress::parse(word))
                .collect(),
            port,
            unixsocket: path(table.text("unixsocket")),
            unixsocketperm: Some(table.permissions("unixsocketperm")).filter(|mode| *mode != 0),
            databases: table.count("databases"),
            tcp_backlog: table.count("tcp-backlog"),
            io_threads: table.count("io-threads") as usize,
            logfile: path(table.text("logfile")),
            debug_command: GuardedAccess::parse(table.choice("enable-debug-command")),
            observation: Observation::default(),
            dir: path(table.text("dir")),
            durability: Durability::new(&table),
            disable_thp: table.switch("disable-thp"),
            daemonize: table.switch("daemonize"),
            pidfile: path(table.text("pidfile")),
            supervised: Supervision::parse(table.choice("supervised")),
            runtime: Runtime::default(),
        };
        settings.refresh(values);
        settings
    }

    /// Takes over what may change at run time.
    pub(super) fn refresh(&self, values: &[Value]) {
        let table = Table(values);
        let runtime = &self.runtime;
        self.observation.refresh(&table);
        self.durability.refresh(&table);
        runtime
            .auth_failures_per_second
            .store(table.count("auth-failures-per-second"), Relaxed);
        runtime
            .busy_reply_threshold_ms
            .store(table.long_count("busy-reply-threshold"), Relaxed);
        runtime
            .client_query_buffer_limit
            .store(table.bytes("client-query-buffer-limit"), Relaxed);
        runtime
            .lock_contention_entries
            .store(table.count("lock-contention-entries"), Relaxed);
        runtime
            .loglevel
            .0
            .store(LogLevel::parse(table.choice("loglevel")) as u8, Relaxed);
        runtime
            .lua_memory_limit
            .store(table.bytes("lua-memory-limit"), Relaxed);
        runtime.maxclients.store(table.count("maxclients"), Relaxed);
        runtime.maxmemory.store(table.bytes("maxmemory"), Relaxed);
        runtime
            .notify_keyspace_events
            .store(table.flags("notify-keyspace-events").bits(), Relaxed);
        *runtime.output_limits.write() = table.limits("client-output-buffer-limit");
        runtime
            .protected_mode
            .store(table.switch("protected-mode"), Relaxed);
        runtime
            .proto_inline_max_size
            .store(table.bytes("proto-inline-max-size"), Relaxed);
        runtime
            .proto_max_bulk_len
            .store(table.bytes("proto-max-bulk-len"), Relaxed);
        runtime
            .proto_max_multibulk_len
            .store(table.count("proto-max-multibulk-len"), Relaxed);
        let password = table.text("requirepass");
        *runtime.requirepass.write() = (!password.is_empty()).then(|| password.into());
        runtime
            .script_cache_size
            .store(table.count("script-cache-size"), Relaxed);
        runtime
            .script_reply_limit
            .store(table.bytes("script-reply-limit"), Relaxed);
        runtime
            .tcp_keepalive_s
            .store(table.count("tcp-keepalive"), Relaxed);
        runtime.timeout_s.store(table.count("timeout"), Relaxed);
    }

    /// How many failed AUTHs are answered in a second; 0 for any number.
    pub fn auth_failures_per_second(&self) -> u32 {
        self.runtime.auth_failures_per_second.load(Relaxed)
    }

    /// Milliseconds after which others are answered BUSY; `None` for never.
    pub fn busy_reply_threshold_ms(&self) -> Option<u64> {
        Some(self.runtime.busy_reply_threshold_ms.load(Relaxed)).filter(|ms| *ms != 0)
    }

    /// Bytes of unread requests a client may have.
    pub fn client_query_buffer_limit(&self) -> u64 {
        self.runtime.client_query_buffer_limit.load(Relaxed)
    }

    /// The limit on unsent output for a class of clients.
    pub fn output_limit(&self, class: ClientClass) -> OutputLimit {
        let [normal, _, pubsub] = *self.runtime.output_limits.read();
        match class {
            ClientClass::Normal => normal,
            ClientClass::PubSub => pubsub,
        }
    }

    /// Contended locks that are remembered.
    pub fn lock_contention_entries(&self) -> usize {
        self.runtime.lock_contention_entries.load(Relaxed) as usize
    }

    /// How much is logged, now and after each CONFIG SET.
    pub fn loglevel(&self) -> SharedLogLevel {
        self.runtime.loglevel.clone()
    }

    /// Bytes that the Lua interpreter may hold.
    pub fn lua_memory_limit(&self) -> u64 {
        self.runtime.lua_memory_limit.load(Relaxed)
    }

    /// Connections at a time.
    pub fn maxclients(&self) -> u32 {
        self.runtime.maxclients.load(Relaxed)
    }

    /// Bytes that keys may take together; 0 for no limit.
    pub fn maxmemory(&self) -> u64 {
        self.runtime.maxmemory.load(Relaxed)
    }

    /// Which changes of keys are published.
    pub fn notify_keyspace_events(&self) -> NotifyFlags {
        NotifyFlags::from_bits(self.runtime.notify_keyspace_events.load(Relaxed))
    }

    /// Whether peers on other machines are refused while there is no password.
    pub fn protected_mode(&self) -> bool {
        self.runtime.protected_mode.load(Relaxed)
    }

    /// Bytes of an inline command or of a request's header line.
    pub fn proto_inline_max_size(&self) -> u64 {
        self.runtime.proto_inline_max_size.load(Relaxed)
    }

    /// Bytes of one argument.
    pub fn proto_max_bulk_len(&self) -> u64 {
        self.runtime.proto_max_bulk_len.load(Relaxed)
    }

    /// Arguments of one request.
    pub fn proto_max_multibulk_len(&self) -> u32 {
        self.runtime.proto_max_multibulk_len.load(Relaxed)
    }

    /// The password, if there is one.
    pub fn requirepass(&self) -> Option<Arc<[u8]>> {
        self.runtime.requirepass.read().clone()
    }

    /// Whether there is a password.
    pub fn has_password(&self) -> bool {
        self.runtime.requirepass.read().is_some()
    }

    /// Scripts that came by EVAL and are remembered.
    pub fn script_cache_size(&self) -> usize {
        self.runtime.script_cache_size.load(Relaxed) as usize
    }

    /// Bytes that the reply of a script may take.
    pub fn script_reply_limit(&self) -> u64 {
        self.runtime.script_reply_limit.load(Relaxed)
    }

    /// Seconds of silence before TCP probes a peer; `None` for never.
    pub fn tcp_keepalive_s(&self) -> Option<u32> {
        Some(self.runtime.tcp_keepalive_s.load(Relaxed)).filter(|s| *s != 0)
    }

    /// Seconds after which an idle client is disconnected; `None` for never.
    pub fn timeout_s(&self) -> Option<u32> {
        Some(self.runtime.timeout_s.load(Relaxed)).filter(|s| *s != 0)
    }
}

impl TcpPort {
    /// The port of a configuration, where 0 means none.
    pub(super) fn of_number(number: i64) -> TcpPort {
        match u16::try_from(number) {
            Ok(0) | Err(_) => TcpPort::Closed,
            Ok(port) => TcpPort::Fixed(port),
        }
    }

    /// The port as CONFIG GET shows it: 0 until the system has chosen.
    pub(super) fn number(self) -> u16 {
        match self {
            TcpPort::Closed | TcpPort::SystemChosen => 0,
            TcpPort::Fixed(port) => port,
        }
    }
}

impl SharedLogLevel {
    /// The level at present.
    pub fn now(&self) -> LogLevel {
        LogLevel::of_number(self.0.load(Relaxed))
    }
}

impl LogLevel {
    const ORDER: [(&'static str, LogLevel); 5] = [
        ("debug", LogLevel::Debug),
        ("verbose", LogLevel::Verbose),
        ("notice", LogLevel::Notice),
        ("warning", LogLevel::Warning),
        ("nothing", LogLevel::Nothing),
    ];

    fn parse(word: &str) -> LogLevel {
        let known = LogLevel::ORDER.iter().find(|(name, _)| *name == word);
        known.map_or(LogLevel::Notice, |(_, level)| *level)
    }

    fn of_number(number: u8) -> LogLevel {
        LogLevel::ORDER
            .get(usize::from(number))
            .map_or(LogLevel::Notice, |(_, level)| *level)
    }
}

pub(super) fn path(text: &[u8]) -> Option<PathBuf> {
    (!text.is_empty()).then(|| PathBuf::from(OsStr::from_bytes(text)))
}
