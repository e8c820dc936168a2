//! The text of INFO: sections of `name:value` lines, each with a true value.
//!
//! A line of Redis that would tell of something that this server does not have is 0 where 0 is
//! true, and left out where it is not.

mod commands;
mod locks;
mod persistence;
mod process;
mod sections;

use crate::clock::BootTime;
use crate::instance::Instance;

type Section = (&'static str, fn(&Instance, BootTime, &mut String), Shown);

/// When a section is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shown {
    /// Unless others are asked for.
    ByDefault,
    /// With `all`.
    WithAll,
    /// By default and with `everything`, but not with `all`.
    NotWithAll,
}

/// In Redis's order, with ours behind its statistics.
const SECTIONS: [Section; 14] = [
    ("Server", sections::server, Shown::ByDefault),
    ("Clients", sections::clients, Shown::ByDefault),
    ("Memory", sections::memory, Shown::ByDefault),
    ("Persistence", persistence::persistence, Shown::ByDefault),
    ("Stats", sections::stats, Shown::ByDefault),
    ("Locks", locks::locks, Shown::ByDefault),
    ("Replication", sections::replication, Shown::ByDefault),
    ("CPU", sections::cpu, Shown::ByDefault),
    ("Modules", |_, _, _| {}, Shown::NotWithAll),
    ("Commandstats", commands::commandstats, Shown::WithAll),
    ("Errorstats", commands::errorstats, Shown::ByDefault),
    ("Latencystats", commands::latencystats, Shown::WithAll),
    ("Cluster", sections::cluster, Shown::ByDefault),
    ("Keyspace", sections::keyspace, Shown::ByDefault),
];

/// The sections that `names` name, in any case; without a name those that `default` means. An
/// unknown name adds nothing.
pub fn text(instance: &Instance, now: BootTime, names: &[&[u8]]) -> String {
    let names = if names.is_empty() {
        &[&b"default"[..]]
    } else {
        names
    };
    let has = |word: &str| {
        let word = word.as_bytes();
        names.iter().any(|name| name.eq_ignore_ascii_case(word))
    };
    let (default, all, everything) = (has("default"), has("all"), has("everything"));
    let is_asked_for = |section: &str, shown: Shown| {
        let by_word = match shown {
            Shown::ByDefault => default || all,
            Shown::WithAll => all,
            Shown::NotWithAll => default,
        };
        by_word || everything || has(section)
    };
    let mut text = String::new();
    for (name, write, shown) in SECTIONS {
        if !is_asked_for(name, shown) {
            continue;
        }
        if !text.is_empty() {
            text.push_str("\r\n");
        }
        text.push_str("# ");
        text.push_str(name);
        text.push_str("\r\n");
        write(instance, now, &mut text);
    }
    text
}

/// Writes lines; writing to a `String` cannot fail.
macro_rules! lines {
    ($text:expr, $($name:literal: $value:expr),* $(,)?) => {
        $(let _ = std::fmt::Write::write_fmt(
            $text, format_args!(concat!($name, ":{}\r\n"), $value),
        );)*
    };
}
use lines;
