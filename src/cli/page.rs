//! The subcommands and the help pages, as clap builds them.
//!
//! The list of settings in the long help is made from the table of settings.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{ArgAction, Args, Parser, Subcommand};

use crate::config::setting::{self, Preset, Setting, Support};

use super::bench::BenchWords;
use super::check_journal::CheckJournalWords;
use super::fault::FaultWords;
use super::torture::TortureWords;

/// The most instances that one process runs for `cluster`.
pub(super) const INSTANCES_MAX: u16 = 64;

/// A Redis-compatible in-memory server made for locks
///
/// Without a subcommand it is one server and takes what redis-server takes: a
/// configuration file, a lone dash for a configuration on standard input, and any
/// setting as an option. A setting on the command line overrides the file. What a
/// configuration asks for and Quintlock does not do is named in the log, and by
/// --check-config, which starts nothing. Under the name redis-server (a link) it
/// behaves as one.
#[derive(Parser)]
#[command(
    name = "quintlock",
    verbatim_doc_comment,
    disable_help_subcommand = true,
    disable_version_flag = true,
    override_usage = "quintlock [REDIS.CONF | -] [--SETTING VALUE...]...\n       \
                      quintlock --check-config [REDIS.CONF | -] [--SETTING VALUE...]...\n       \
                      quintlock cluster [OPTIONS] [-- --SETTING VALUE...]\n       \
                      quintlock explain FILE...\n       \
                      quintlock bench [WORKLOAD]... [OPTIONS]\n       \
                      quintlock fault INSTANCE FAULT [SPAN | COUNT] [OPTIONS]\n       \
                      quintlock torture [OPTIONS]\n       \
                      quintlock check-journal [--fix] PATH",
    before_long_help = EXAMPLES
)]
pub(super) struct Page {
    #[command(subcommand)]
    pub(super) mode: Option<Mode>,
    /// Print the version, and the Redis version whose commands are spoken
    #[arg(short, long, action = ArgAction::SetTrue)]
    version: bool,
    /// Read a configuration, say what would not be honoured, and start nothing
    #[arg(long, action = ArgAction::SetTrue)]
    check_config: bool,
}

const EXAMPLES: &str = "\
Examples:
  quintlock                                  one server on port 6379
  quintlock --port 7777 --requirepass hush   the same with settings
  quintlock /etc/redis/redis.conf            with a configuration file of Redis
  quintlock cluster                          five servers for Redlock, ports 7001 to 7005
  quintlock fault 3 delay 200ms              instance 3 of a running cluster is slow
  quintlock explain unlock.lua               does this script run natively?
  quintlock bench cycle --pipeline 16        how many locks a second on port 6379?
  quintlock torture --faults stop,delay      does mutual exclusion hold on five servers?
  quintlock check-journal appendonlydir      are the append-only files whole?";

#[derive(Subcommand)]
pub(super) enum Mode {
    Cluster(ClusterWords),
    Explain(ExplainWords),
    Bench(BenchWords),
    Fault(FaultWords),
    Torture(TortureWords),
    CheckJournal(CheckJournalWords),
}

/// Run independent servers for Redlock in one process
///
/// This is NOT Redis Cluster: there are no slots, no gossip, and no key is ever
/// copied. The instances know nothing of each other, which is what the Redlock
/// algorithm asks for: a client takes the lock on the majority of them. All of
/// them end with the process, so this is for development and tests; in production
/// each instance belongs on a machine of its own.
///
/// For tests of lock clients `quintlock fault` lets single instances fail on demand:
/// they obey DEBUG from this machine, unless a setting says otherwise.
#[derive(Args)]
#[command(
    verbatim_doc_comment,
    override_usage = "quintlock cluster [OPTIONS] [-- --SETTING VALUE...]"
)]
pub(super) struct ClusterWords {
    /// How many instances, 1 to 64; Redlock wants an odd number
    #[arg(long, default_value_t = 5, value_name = "N", allow_negative_numbers = true,
        value_parser = clap::value_parser!(u16).range(1..=i64::from(INSTANCES_MAX)))]
    pub(super) instances: u16,
    /// The port of the first instance, the others follow; 0 lets the system choose each one
    #[arg(
        long,
        default_value_t = 7001,
        value_name = "PORT",
        allow_negative_numbers = true
    )]
    pub(super) base_port: u16,
    /// The address that every instance listens on
    #[arg(long, default_value = "127.0.0.1", value_name = "ADDRESS")]
    pub(super) bind: String,
    /// Announce the addresses as JSON
    #[arg(long)]
    pub(super) json: bool,
    /// Settings for every instance, written as for one server: -- --databases 1 --timeout 60
    #[arg(
        last = true,
        allow_hyphen_values = true,
        value_name = "--SETTING VALUE"
    )]
    pub(super) settings: Vec<OsString>,
}

/// Say whether a Lua script runs natively or in the interpreter
///
/// A script in the native subset of Lua, as lock scripts are (acquire, release if
/// mine, extend if mine), runs without the interpreter; any other runs in it, with
/// the same result. For the others the reason is shown.
#[derive(Args)]
#[command(verbatim_doc_comment)]
pub(super) struct ExplainWords {
    /// Files with one script each
    #[arg(required = true, value_name = "FILE")]
    pub(super) files: Vec<PathBuf>,
}

/// The settings that take effect, for the long help.
pub(super) fn settings_help() -> String {
    let mut text = "Settings (all others of Redis 7 are known too):\n".to_owned();
    for setting in setting::all() {
        if let Support::Honoured(meaning) = setting.support {
            let default = match setting.default {
                Preset::Words("") => "\"\"",
                Preset::Words(words) => words,
                Preset::Cores => "number of cores",
                Preset::CurrentDirectory => "current directory",
            };
            let Setting { name, alias, .. } = setting;
            let alias = alias
                .map(|alias| format!(", --{alias}"))
                .unwrap_or_default();
            text.push_str(&format!("  --{name}{alias} [{default}]\n"));
            push_wrapped(&mut text, meaning);
        }
    }
    text
}

/// Adds a paragraph with a margin of 10 blanks, in lines of at most 80 letters.
fn push_wrapped(text: &mut String, paragraph: &str) {
    let mut line = " ".repeat(9);
    for word in paragraph.split_whitespace() {
        if line.len() + 1 + word.len() > 80 {
            text.push_str(&line);
            text.push('\n');
            line = " ".repeat(9);
        }
        line.push(' ');
        line.push_str(word);
    }
    text.push_str(&line);
    text.push('\n');
}
