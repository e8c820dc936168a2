//! The settings that say what outlives the process, and how `durability`, `appendonly` and
//! `appendfsync` go together.

use std::path::PathBuf;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicU32, AtomicU64};

use super::typed::Table;

/// `durability`: what survives what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DurabilityMode {
    /// A killed process loses nothing; after a crash of the machine nothing is granted for as long
    /// as a lock of before may live.
    Guard,
    /// Nothing that was answered is ever lost.
    Always,
    /// As `Guard`, and the journal is synced once a second.
    EverySec,
    /// Nothing is written.
    None,
}

/// Where and how the journal is written.
#[derive(Debug)]
pub struct Durability {
    /// `durability`
    pub mode: DurabilityMode,
    /// `appenddirname`, in `dir`.
    pub directory: PathBuf,
    /// `appendfilename`
    pub stem: String,
    /// `dbfilename`, in `dir`: the snapshot of a Redis; `None` if none is to be loaded.
    pub dump: Option<PathBuf>,
    /// `aof-load-truncated`
    pub takes_truncated: bool,
    /// `guard-max`, in seconds.
    pub guard_max_s: u64,
    rewrite_percentage: AtomicU32,
    rewrite_min_bytes: AtomicU64,
}

impl DurabilityMode {
    pub(super) const NAMES: [&'static str; 4] = ["guard", "always", "everysec", "none"];

    /// As the setting names it.
    pub fn name(self) -> &'static str {
        match self {
            DurabilityMode::Guard => "guard",
            DurabilityMode::Always => "always",
            DurabilityMode::EverySec => "everysec",
            DurabilityMode::None => "none",
        }
    }

    pub(super) fn parse(word: &str) -> DurabilityMode {
        match word {
            "always" => DurabilityMode::Always,
            "everysec" => DurabilityMode::EverySec,
            "none" => DurabilityMode::None,
            _ => DurabilityMode::Guard,
        }
    }

    /// The mode that Redis's two settings ask for.
    pub(super) fn of_redis(appendonly: bool, appendfsync: &str) -> DurabilityMode {
        match (appendonly, appendfsync) {
            (false, _) => DurabilityMode::None,
            (true, "always") => DurabilityMode::Always,
            (true, "no") => DurabilityMode::Guard,
            (true, _) => DurabilityMode::EverySec,
        }
    }

    /// What `appendfsync` shows; nothing where there is no file.
    pub(super) fn appendfsync(self) -> Option<&'static str> {
        match self {
            DurabilityMode::Guard => Some("no"),
            DurabilityMode::Always => Some("always"),
            DurabilityMode::EverySec => Some("everysec"),
            DurabilityMode::None => None,
        }
    }
}

impl Durability {
    pub(super) fn new(table: &Table<'_>) -> Durability {
        let text = |name| String::from_utf8_lossy(table.text(name)).into_owned();
        let dir = super::settings::path(table.text("dir")).unwrap_or_default();
        Durability {
            mode: DurabilityMode::parse(table.choice("durability")),
            directory: dir.join(text("appenddirname")),
            stem: text("appendfilename"),
            dump: super::settings::path(table.text("dbfilename")).map(|name| dir.join(name)),
            takes_truncated: table.switch("aof-load-truncated"),
            guard_max_s: table.long_count("guard-max"),
            rewrite_percentage: AtomicU32::new(0),
            rewrite_min_bytes: AtomicU64::new(0),
        }
    }

    pub(super) fn refresh(&self, table: &Table<'_>) {
        self.rewrite_percentage
            .store(table.count("auto-aof-rewrite-percentage"), Relaxed);
        self.rewrite_min_bytes
            .store(table.bytes("auto-aof-rewrite-min-size"), Relaxed);
    }

    /// `auto-aof-rewrite-percentage` and `auto-aof-rewrite-min-size`: by how much, and to how many
    /// bytes, the journal must have grown to be written anew.
    pub fn rewrite_limits(&self) -> (u64, u64) {
        let percentage = u64::from(self.rewrite_percentage.load(Relaxed));
        (percentage, self.rewrite_min_bytes.load(Relaxed))
    }
}
