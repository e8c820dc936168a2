//! What a row of the settings table says, and how a row is found.
//!
//! The rows themselves are in [`table`](super::table) (what the server honours), in `accepted` (what
//! Redis has beside) and in `later` (what came after Redis 7.2). Names are compared without case.

use super::accepted::ACCEPTED;
use super::later::LATER;
use super::table::HONOURED;
use super::value::{Kind, Value};

/// One setting of the configuration.
#[derive(Debug)]
pub struct Setting {
    /// The name as CONFIG GET prints it, in lower case.
    pub name: &'static str,
    /// A second name for the same value, such as the older one.
    pub alias: Option<&'static str>,
    /// The name that a later server has for it: it is understood, and not listed.
    pub later_name: Option<&'static str>,
    /// What it may hold.
    pub kind: Kind,
    /// What it holds unless it is given.
    pub default: Preset,
    /// When it may be changed.
    pub change: Change,
    /// Whether CONFIG GET with a pattern shows it.
    pub display: Display,
    /// What becomes of it.
    pub support: Support,
    /// Limits into which CONFIG SET moves a number, where Redis says nothing and does so.
    pub moved_into: Option<(i64, i64)>,
    /// What is to be done when it has changed; nothing, if whoever needs it reads it each time.
    pub effect: Option<Effect>,
}

/// What a server does when a setting has changed. It may refuse, and the setting stays as it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Clients: there must be a descriptor for each.
    Clients,
    /// Contended locks beyond the limit are forgotten.
    Contention,
    /// Changes of keys are listened to, or not.
    Events,
    /// Memory of keys is measured, or not.
    Memory,
    /// The journal is told when to be written anew.
    RewriteLimits,
    /// Messages that a subscriber has not read are limited.
    SubscriberBacklog,
}

impl Effect {
    /// All of them.
    pub const ALL: [Effect; 6] = [
        Effect::Clients,
        Effect::Contention,
        Effect::Events,
        Effect::Memory,
        Effect::RewriteLimits,
        Effect::SubscriberBacklog,
    ];
}

/// Where the default comes from.
#[derive(Clone, Copy, Debug)]
pub enum Preset {
    /// These words.
    Words(&'static str),
    /// The number of processor cores, up to 128.
    Cores,
    /// The directory the server was started in.
    CurrentDirectory,
}

/// When a setting may be changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// By CONFIG SET too.
    AtRuntime,
    /// In Redis by CONFIG SET too; here the value that is in force may be set again, and no other.
    Settled,
    /// Only by the file and the command line.
    AtStart,
    /// As [`AtStart`](Change::AtStart); Redis calls these protected.
    Protected,
}

/// Whether a pattern of CONFIG GET finds a setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Display {
    /// By pattern and by name.
    Listed,
    /// By its name alone.
    ByName,
}

/// What the server makes of a setting.
#[derive(Clone, Copy, Debug)]
pub enum Support {
    /// It takes effect as the text says.
    Honoured(&'static str),
    /// It tunes a part that the server does not have: any value is right, and the log names it with
    /// the text, which says why.
    Inert(&'static str),
    /// It would change what a client or an operator can rely on, and does not. Another value than
    /// the default draws a warning at the start, an error from CONFIG SET, and is never in force.
    NotHonoured(&'static str),
    /// As [`NotHonoured`](Support::NotHonoured), but to go on without it would open what it closes:
    /// another value than the default stops the start.
    Refused(&'static str),
}

/// The place of a setting in the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Slot(pub(super) usize);

impl Setting {
    pub(super) const fn new(
        name: &'static str,
        kind: Kind,
        default: &'static str,
        change: Change,
        support: Support,
    ) -> Setting {
        Setting {
            name,
            alias: None,
            later_name: None,
            kind,
            default: Preset::Words(default),
            change,
            display: Display::Listed,
            support,
            moved_into: None,
            effect: None,
        }
    }

    pub(super) const fn moved_into(mut self, min: i64, max: i64) -> Setting {
        self.moved_into = Some((min, max));
        self
    }

    pub(super) const fn acts(mut self, effect: Effect) -> Setting {
        self.effect = Some(effect);
        self
    }

    pub(super) const fn alias(mut self, alias: &'static str) -> Setting {
        self.alias = Some(alias);
        self
    }

    pub(super) const fn renamed(mut self, later_name: &'static str) -> Setting {
        self.later_name = Some(later_name);
        self
    }

    pub(super) const fn preset(mut self, preset: Preset) -> Setting {
        self.default = preset;
        self
    }

    pub(super) const fn by_name(mut self) -> Setting {
        self.display = Display::ByName;
        self
    }

    /// The value that the setting holds unless it is given.
    pub fn default_value(&self) -> Value {
        match self.default {
            Preset::Cores => {
                let cores = std::thread::available_parallelism().map_or(1, usize::from);
                Value::Integer(i64::try_from(cores.min(128)).unwrap_or(1))
            }
            Preset::CurrentDirectory => {
                let directory = std::env::current_dir().unwrap_or_default();
                Value::Text(directory.into_os_string().into_encoded_bytes())
            }
            Preset::Words(words) => {
                let nothing = Value::Words(Vec::new());
                match self.kind.parse(&[words.as_bytes()], &nothing) {
                    Ok(value) => value,
                    Err(refusal) => unreachable!("the default of {}: {refusal}", self.name),
                }
            }
        }
    }
}

/// Every setting, in the order of the table.
pub fn all() -> impl Iterator<Item = &'static Setting> {
    HONOURED.iter().chain(ACCEPTED).chain(LATER)
}

/// The setting with this name or alias, the name in the table's writing, and its slot.
pub(super) fn find(name: &[u8]) -> Option<(Slot, &'static Setting, &'static str)> {
    all().enumerate().find_map(|(i, setting)| {
        let names = [Some(setting.name), setting.alias, setting.later_name];
        let mut names = names.into_iter().flatten();
        let written = names.find(|known| name.eq_ignore_ascii_case(known.as_bytes()))?;
        Some((Slot(i), setting, written))
    })
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::*;

    /// The settings that differ from Redis 7.0.15 by default, and why.
    const DIFFERENT_DEFAULTS: [(&str, &str); 2] = [
        ("io-threads", "one worker for each core"),
        ("save", "no snapshots are taken"),
    ];

    /// Settings that Redis 7.0.15 does not know.
    const LATER_OR_OURS: [&str; 14] = [
        "auth-failures-per-second",
        "cluster-announce-human-nodename",
        "durability",
        "enable-debug-assert",
        "guard-max",
        "locale-collate",
        "lock-contention-entries",
        "lua-memory-limit",
        "proto-inline-max-size",
        "proto-max-multibulk-len",
        "script-cache-size",
        "script-reply-limit",
        "set-max-listpack-entries",
        "set-max-listpack-value",
    ];

    /// Kept out of the recording: they name the machine it was made on.
    const NOT_RECORDED: [&str; 2] = ["dir", "port"];

    fn names() -> impl Iterator<Item = (&'static str, &'static Setting)> {
        all().flat_map(|setting| {
            [Some(setting.name), setting.alias, setting.later_name]
                .into_iter()
                .flatten()
                .map(move |name| (name, setting))
        })
    }

    /// Those that later servers have otherwise than this one.
    const DIFFERENT_LATER: [(&str, &str); 2] = [
        ("hide-user-data-from-log", "yes in Valkey"),
        ("io-threads", "one worker for each core"),
    ];

    fn recorded() -> BTreeMap<&'static str, &'static str> {
        read(include_str!("../../tests/data/config-get-7.0.15.txt"))
    }

    fn read(recorded: &'static str) -> BTreeMap<&'static str, &'static str> {
        recorded
            .lines()
            .filter(|line| !line.starts_with('#'))
            .map(|line| line.split_once('\t').unwrap())
            .collect()
    }

    #[test]
    fn names_are_unique_and_in_lower_case() {
        let mut seen = BTreeSet::new();
        for (name, _) in names() {
            assert!(seen.insert(name), "{name} stands twice");
            assert!(
                name.bytes()
                    .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-_".contains(&b)),
                "{name}"
            );
        }
    }

    #[test]
    fn defaults_are_those_of_redis_but_for_a_named_few() {
        let recorded = recorded();
        for (name, setting) in names() {
            let ours = setting.default_value().print();
            let is_different = DIFFERENT_DEFAULTS.iter().any(|(known, _)| *known == name);
            match recorded.get(name) {
                Some(theirs) if is_different => assert_ne!(ours, theirs.as_bytes(), "{name}"),
                Some(theirs) => assert_eq!(ours, theirs.as_bytes(), "{name}"),
                None if setting.later_name == Some(name) => {}
                None if setting.display == Display::ByName => {}
                None => assert!(
                    LATER_OR_OURS.contains(&name) || NOT_RECORDED.contains(&name),
                    "{name}"
                ),
            }
        }
    }

    #[test]
    fn every_setting_of_redis_is_known() {
        for name in recorded().keys() {
            assert!(find(name.as_bytes()).is_some(), "{name}");
        }
    }

    #[test]
    fn every_setting_of_later_servers_is_known_and_has_their_default() {
        for recorded in [
            read(include_str!("../../tests/data/config-get-8.2.3.txt")),
            read(include_str!("../../tests/data/config-get-valkey-9.1.2.txt")),
        ] {
            for (name, value) in recorded {
                let Some((_, setting, _)) = find(name.as_bytes()) else {
                    panic!("{name} is not known");
                };
                if !DIFFERENT_LATER.iter().any(|(known, _)| *known == name) {
                    assert_eq!(setting.default_value().print(), value.as_bytes(), "{name}");
                }
            }
        }
    }

    #[test]
    fn what_came_after_redis_7_2_is_not_listed() {
        for setting in LATER {
            assert_eq!(setting.display, Display::ByName, "{}", setting.name);
        }
    }

    #[test]
    fn every_row_says_what_becomes_of_it() {
        for setting in all() {
            let (Support::Honoured(text)
            | Support::Inert(text)
            | Support::NotHonoured(text)
            | Support::Refused(text)) = setting.support;
            assert!(text.len() > 10, "{}", setting.name);
            assert!(
                !text.ends_with('.'),
                "{}: the text goes into a longer line",
                setting.name
            );
        }
    }

    #[test]
    fn a_name_is_found_without_case_and_by_its_alias() {
        let (slot, setting, written) = find(b"Lua-Time-LIMIT").unwrap();
        assert_eq!(
            (setting.name, written),
            ("busy-reply-threshold", "lua-time-limit")
        );
        assert_eq!(find(b"busy-reply-threshold").unwrap().0, slot);
        assert!(find(b"nosuch").is_none());
    }
}
