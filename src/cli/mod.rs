//! The program's arguments: which of its modes is asked for, and with what.
//!
//! Without a subcommand the arguments are those of redis-server and are read by
//! [`config`](crate::config), whatever name the program was started under. Subcommands and help are
//! clap's. Nothing here starts anything.

mod bench;
mod check_journal;
mod fault;
mod page;
mod torture;

use std::ffi::{OsStr, OsString};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process;

use clap::{CommandFactory, FromArgMatches};

use crate::config::{Config, Loaded, REDIS_VERSION, TcpPort};
use crate::error::{BenchError, ConfigError, FaultError, JournalError, StartupError, TortureError};
pub use bench::{BenchOptions, Format};
pub use check_journal::{CheckJournalOptions, Repair};
pub use fault::{FaultOptions, FaultTarget};
use page::{ClusterWords, ExplainWords, Mode, Page};
pub use torture::TortureOptions;

/// Name and version, as errors show them.
const PROGRAM: &str = concat!("Quintlock ", env!("CARGO_PKG_VERSION"));

/// What the program is to do.
#[derive(Debug)]
pub enum Invocation {
    /// Serve, as redis-server does.
    Server(Box<ServerOptions>),
    /// Say whether a server would start, and what it would not honour.
    Check(Box<ServerOptions>),
    /// Serve several independent instances.
    Cluster(ClusterOptions),
    /// Run a load against a server.
    Bench(Box<BenchOptions>),
    /// Check mutual exclusion under faults.
    Torture(Box<TortureOptions>),
    /// Make something go wrong with running instances.
    Fault(FaultOptions),
    /// Say how scripts would run.
    Explain(ExplainOptions),
    /// Say where append-only files end, and cut them there.
    CheckJournal(CheckJournalOptions),
    /// Print this text and be done.
    Print(String),
}

/// One server.
#[derive(Debug)]
pub struct ServerOptions {
    /// Its configuration.
    pub config: Config,
    /// What its log should say about the configuration.
    pub warnings: Vec<String>,
    /// What its log should say about settings that change nothing.
    pub notes: Vec<String>,
}

/// Independent servers in one process.
#[derive(Debug)]
pub struct ClusterOptions {
    /// The configuration of each instance, at least one; addresses and ports are set.
    pub instances: Vec<Config>,
    /// What the log should say about the configuration, once for all.
    pub warnings: Vec<String>,
    /// What the log should say about settings that change nothing, once for all.
    pub notes: Vec<String>,
    /// How the addresses are announced.
    pub announcement: Announcement,
}

/// How the addresses of the instances are announced on standard output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Announcement {
    /// For people.
    Text,
    /// One JSON value for programs.
    Json,
}

/// Scripts to explain.
#[derive(Debug, PartialEq, Eq)]
pub struct ExplainOptions {
    /// Files with one Lua script each, at least one.
    pub files: Vec<PathBuf>,
}

/// Why the program does not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum CliError {
    /// The arguments of a subcommand are wrong; the text says how they are written.
    #[error("{0}")]
    Usage(String),
    /// The configuration is wrong.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The server cannot start.
    #[error(transparent)]
    Startup(#[from] StartupError),
    /// A load cannot be run.
    #[error(transparent)]
    Bench(#[from] BenchError),
    /// A load was run, and a server answered what it must not.
    #[error("{0}")]
    WrongReplies(String),
    /// An instance did not get its fault.
    #[error(transparent)]
    Fault(#[from] FaultError),
    /// A check of mutual exclusion cannot be run.
    #[error(transparent)]
    Torture(#[from] TortureError),
    /// Two clients held one lock at the same time.
    #[error("{0}")]
    Violation(String),
    /// Append-only files cannot be checked.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// Append-only files are damaged, and were not mended.
    #[error("{0}")]
    DamagedJournal(String),
}

/// How the process ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExitCode {
    /// All went well.
    Success = 0,
    /// It could not start, or had to stop.
    Failure = 1,
    /// A subcommand was written wrongly.
    BadUsage = 2,
}

impl From<ExitCode> for process::ExitCode {
    fn from(code: ExitCode) -> process::ExitCode {
        process::ExitCode::from(code as u8)
    }
}

impl CliError {
    /// Tells standard error, and gives the code to exit with.
    pub fn report(&self) -> ExitCode {
        if let CliError::Config(ConfigError::Line(fault)) = self {
            eprint!("{}", fault.block(PROGRAM));
        }
        eprintln!("quintlock: {self}");
        match self {
            CliError::Usage(_) => ExitCode::BadUsage,
            CliError::Config(_)
            | CliError::Startup(_)
            | CliError::Bench(_)
            | CliError::WrongReplies(_)
            | CliError::Fault(_)
            | CliError::Torture(_)
            | CliError::Violation(_)
            | CliError::Journal(_)
            | CliError::DamagedJournal(_) => ExitCode::Failure,
        }
    }
}

/// Reads the program's arguments, its own name first. `standard_input` is read if they ask for it.
///
/// # Errors
/// A subcommand that is written wrongly, or a configuration that cannot be used.
pub fn parse(
    arguments: impl IntoIterator<Item = OsString>,
    standard_input: &mut dyn Read,
) -> Result<Invocation, CliError> {
    let mut arguments = arguments.into_iter();
    let guise = Guise::of(arguments.next().as_deref())?;
    let words: Vec<OsString> = arguments.collect();
    if words.iter().any(|word| word == "--sentinel") {
        return Err(CliError::Usage(NO_SENTINEL.to_owned()));
    }
    let first = words.first().and_then(|word| word.to_str());
    match (first, guise) {
        (Some("-v" | "-V" | "--version"), _) => Ok(Invocation::Print(guise.version())),
        (Some("-h" | "--help"), _)
        | (
            Some("cluster" | "explain" | "bench" | "fault" | "torture" | "check-journal"),
            Guise::Quintlock,
        ) => parse_subcommand(&words),
        (Some("--check-config"), _) => {
            let options = server_options(&words[1..], standard_input)?;
            Ok(Invocation::Check(Box::new(options)))
        }
        (Some(word @ ("--test-memory" | "--check-system")), _) => Err(CliError::Usage(format!(
            "{word} is not supported: Quintlock tests no machine"
        ))),
        _ => {
            let options = server_options(&words, standard_input)?;
            Ok(Invocation::Server(Box::new(options)))
        }
    }
}

fn server_options(
    words: &[OsString],
    standard_input: &mut dyn Read,
) -> Result<ServerOptions, CliError> {
    let Loaded {
        config,
        warnings,
        notes,
        ..
    } = Config::load(words, standard_input)?;
    Ok(ServerOptions {
        config,
        warnings,
        notes,
    })
}

const NO_SENTINEL: &str = "Quintlock is no Sentinel and watches no other server; for several \
    servers use Redlock (see quintlock cluster --help)";

/// What the program is called as.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Guise {
    Quintlock,
    /// Somebody has put a link in Redis's place: subcommands would be names of files there.
    RedisServer,
}

impl Guise {
    fn of(program: Option<&OsStr>) -> Result<Guise, CliError> {
        let name = program.and_then(|path| Path::new(path).file_name());
        match name.and_then(OsStr::to_str).unwrap_or_default() {
            name if name.starts_with("redis-sentinel") => {
                Err(CliError::Usage(NO_SENTINEL.to_owned()))
            }
            name if name.starts_with("redis-check-") => Err(CliError::Usage(format!(
                "{name} is not part of Quintlock (for append-only files use quintlock check-journal)"
            ))),
            name if name.starts_with("redis-server") => Ok(Guise::RedisServer),
            _ => Ok(Guise::Quintlock),
        }
    }

    /// The line that `--version` prints. The fields after the version are those that scripts look
    /// for behind a redis-server; there is no commit and no build to name.
    fn version(self) -> String {
        let own = env!("CARGO_PKG_VERSION");
        match self {
            Guise::Quintlock => format!("Quintlock server v={own} redis={REDIS_VERSION}\n"),
            Guise::RedisServer => format!(
                "Redis server v={REDIS_VERSION} sha=00000000:0 malloc=libc bits={} \
                 build=quintlock-{own}\n",
                usize::BITS
            ),
        }
    }
}

fn parse_subcommand(words: &[OsString]) -> Result<Invocation, CliError> {
    let program = OsString::from("quintlock");
    let command = Page::command().after_long_help(page::settings_help());
    let matches = match command.try_get_matches_from([program].iter().chain(words)) {
        Ok(matches) => matches,
        Err(answer) if answer.use_stderr() => {
            let text = answer.render().to_string();
            let text = text.strip_prefix("error: ").unwrap_or(&text).trim_end();
            return Err(CliError::Usage(text.to_owned()));
        }
        Err(answer) => return Ok(Invocation::Print(answer.render().to_string())),
    };
    let page = Page::from_arg_matches(&matches)
        .map_err(|fault| CliError::Usage(fault.render().to_string()))?;
    match page.mode {
        Some(Mode::Cluster(words)) => words.into_options().map(Invocation::Cluster),
        Some(Mode::Bench(words)) => {
            let options = words.into_options()?;
            Ok(Invocation::Bench(Box::new(options)))
        }
        Some(Mode::Fault(words)) => words.into_options().map(Invocation::Fault),
        Some(Mode::Torture(words)) => {
            let options = words.into_options()?;
            Ok(Invocation::Torture(Box::new(options)))
        }
        Some(Mode::CheckJournal(words)) => Ok(Invocation::CheckJournal(words.into_options())),
        Some(Mode::Explain(ExplainWords { files })) => {
            Ok(Invocation::Explain(ExplainOptions { files }))
        }
        None => Ok(Invocation::Print(Page::command().render_help().to_string())),
    }
}

impl ClusterWords {
    fn into_options(self) -> Result<ClusterOptions, CliError> {
        let ports = ports(self.base_port, self.instances)?;
        if self.settings.iter().any(|word| word == "-") {
            let text = "the settings of `cluster` are not read from standard input; name a file";
            return Err(CliError::Usage(text.to_owned()));
        }
        let asked = Config::load(&self.settings, &mut std::io::empty())?;
        let mut settings = self.settings.clone();
        // Instances that are there for tests leave nothing behind, unless they are given a place.
        let is_kept = ["dir", "durability", "appendonly"];
        if !is_kept.iter().any(|name| asked.is_given(name)) {
            settings.extend(["--durability", "none"].map(OsString::from));
        }
        // For the same reason they obey DEBUG, by which `quintlock fault` reaches them.
        if !asked.is_given("enable-debug-command") {
            settings.extend(["--enable-debug-command", "local"].map(OsString::from));
        }
        let loaded = Config::load(&settings, &mut std::io::empty())?;
        for (name, instead) in [
            ("port", "use --base-port before the `--`"),
            ("bind", "use --bind before the `--`"),
            (
                "unixsocket",
                "the instances cannot share one; they listen on TCP alone",
            ),
        ] {
            if loaded.is_given(name) {
                let text = format!("`cluster` does not take the setting '{name}': {instead}");
                return Err(CliError::Usage(text));
            }
        }
        if loaded.config.settings.daemonize || loaded.config.settings.pidfile.is_some() {
            let text = "`cluster` stays in the foreground and has no pidfile: leave out daemonize \
                        and pidfile";
            return Err(CliError::Usage(text.to_owned()));
        }
        let numbered = ports.zip(1..);
        let instances =
            numbered.map(|(port, number)| loaded.config.sibling(&self.bind, port, Some(number)));
        Ok(ClusterOptions {
            instances: instances.collect::<Result<_, _>>()?,
            warnings: loaded.warnings,
            notes: loaded.notes,
            announcement: if self.json {
                Announcement::Json
            } else {
                Announcement::Text
            },
        })
    }
}

/// The port of each instance.
fn ports(base: u16, instances: u16) -> Result<impl Iterator<Item = TcpPort>, CliError> {
    if base != 0 && base.checked_add(instances - 1).is_none() {
        return Err(CliError::Usage(format!(
            "{instances} instances from port {base} would pass port 65535; choose a --base-port up to {}",
            u16::MAX - (instances - 1)
        )));
    }
    Ok((0..instances).map(move |i| match base {
        0 => TcpPort::SystemChosen,
        base => TcpPort::Fixed(base + i),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::DurabilityMode;
    use crate::config::setting::{self, Support};

    fn invocation(words: &[&str]) -> Result<Invocation, CliError> {
        parse(words.iter().map(OsString::from), &mut std::io::empty())
    }

    fn cluster(words: &[&str]) -> Result<ClusterOptions, CliError> {
        match invocation(&[&["quintlock", "cluster"], words].concat())? {
            Invocation::Cluster(options) => Ok(options),
            other => panic!("{other:?}"),
        }
    }

    fn printed(words: &[&str]) -> String {
        match invocation(words).unwrap() {
            Invocation::Print(text) => text,
            other => panic!("{other:?}"),
        }
    }

    fn usage_error(words: &[&str]) -> String {
        match invocation(&[&["quintlock"], words].concat()).unwrap_err() {
            CliError::Usage(text) => text,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn without_a_subcommand_it_is_a_server_under_any_name() {
        for program in ["quintlock", "/usr/bin/redis-server", "lock-server"] {
            match invocation(&[program, "--port", "7777", "--save", "", "--databases", "3"])
                .unwrap()
            {
                Invocation::Server(options) => {
                    let ServerOptions {
                        config, warnings, ..
                    } = *options;
                    assert_eq!(config.settings.port, TcpPort::Fixed(7777));
                    assert_eq!(config.settings.databases, 3);
                    assert!(warnings.is_empty());
                }
                other => panic!("{other:?}"),
            }
        }
    }

    #[test]
    fn the_version_line_names_both_versions() {
        for word in ["-v", "--version", "-V"] {
            assert_eq!(
                printed(&["quintlock", word]),
                "Quintlock server v=0.1.0 redis=7.2.4\n"
            );
        }
    }

    #[test]
    fn under_the_name_of_redis_server_it_answers_as_one() {
        assert_eq!(
            printed(&["/usr/bin/redis-server", "-v"]),
            format!(
                "Redis server v=7.2.4 sha=00000000:0 malloc=libc bits={} build=quintlock-0.1.0\n",
                usize::BITS
            )
        );
        // `cluster` is then the name of a file.
        let error = invocation(&["redis-server", "cluster"]).unwrap_err();
        assert!(
            error.to_string().starts_with("cannot open cluster: "),
            "{error}"
        );
    }

    #[test]
    fn what_it_cannot_be_is_refused() {
        for words in [
            &["redis-sentinel"][..],
            &["/usr/bin/redis-sentinel", "a.conf"],
            &["quintlock", "a.conf", "--sentinel"],
            &["redis-check-aof"],
            &["redis-server", "--test-memory", "1"],
            &["redis-server", "--check-system"],
        ] {
            match invocation(words).unwrap_err() {
                CliError::Usage(_) => {}
                other => panic!("{words:?}: {other:?}"),
            }
        }
    }

    #[test]
    fn a_checked_configuration_is_read_as_one_that_is_used() {
        match invocation(&["quintlock", "--check-config", "--cluster-enabled", "yes"]).unwrap() {
            Invocation::Check(options) => assert_eq!(options.warnings.len(), 1),
            other => panic!("{other:?}"),
        }
        assert!(invocation(&["quintlock", "--check-config", "--nosuch", "1"]).is_err());
    }

    #[test]
    fn a_cluster_stays_in_the_foreground() {
        for words in [["--daemonize", "yes"], ["--pidfile", "a.pid"]] {
            let text = usage_error(&[&["cluster", "--"][..], &words].concat());
            assert!(text.contains("stays in the foreground"), "{text}");
        }
        assert!(cluster(&["--", "--daemonize", "no"]).is_ok());
    }

    #[test]
    fn help_names_every_honoured_setting_and_the_modes() {
        let help = printed(&["quintlock", "--help"]);
        for expected in [
            "quintlock cluster",
            "quintlock explain",
            "--notify-keyspace-events",
        ] {
            assert!(help.contains(expected), "{expected}");
        }
        let honoured = setting::all().filter(|row| matches!(row.support, Support::Honoured(_)));
        assert!(
            honoured
                .into_iter()
                .all(|row| help.contains(&format!("  --{}", row.name)))
        );
        assert!(printed(&["quintlock", "cluster", "--help"]).contains("NOT Redis Cluster"));
        assert!(printed(&["quintlock", "-h"]).len() < help.len());
    }

    #[test]
    fn a_cluster_is_five_instances_on_loopback() {
        let options = cluster(&[]).unwrap();
        let ports: Vec<_> = options
            .instances
            .iter()
            .map(|config| config.settings.port)
            .collect();
        assert_eq!(ports, [7001, 7002, 7003, 7004, 7005].map(TcpPort::Fixed));
        assert_eq!(options.announcement, Announcement::Text);
        let shown = options.instances[2].get(&[b"port", b"bind"]);
        assert_eq!(shown[0].1, b"7003");
        assert_eq!(shown[1].1, b"127.0.0.1");
    }

    #[test]
    fn cluster_settings_go_to_every_instance() {
        let options = cluster(&[
            "--instances",
            "2",
            "--base-port",
            "0",
            "--json",
            "--",
            "--timeout",
            "60",
            "--cluster-enabled",
            "yes",
        ])
        .unwrap();
        assert_eq!(options.announcement, Announcement::Json);
        assert_eq!(options.warnings.len(), 1);
        assert_eq!(options.instances.len(), 2);
        for config in &options.instances {
            assert_eq!(config.settings.port, TcpPort::SystemChosen);
            assert_eq!(config.settings.timeout_s(), Some(60));
        }
        options.instances[0].set(&[(b"timeout", b"5")]).unwrap();
        assert_eq!(options.instances[1].settings.timeout_s(), Some(60));
    }

    #[test]
    fn a_cluster_leaves_nothing_behind_unless_it_is_given_a_place() {
        let modes = |words: &[&str]| {
            let options = cluster(&[&["--instances", "1", "--"], words].concat()).unwrap();
            options.instances[0].settings.durability.mode
        };
        assert_eq!(modes(&["--timeout", "1"]), DurabilityMode::None);
        assert_eq!(modes(&["--dir", "."]), DurabilityMode::Guard);
        assert_eq!(modes(&["--appendonly", "yes"]), DurabilityMode::EverySec);
        assert_eq!(modes(&["--durability", "always"]), DurabilityMode::Always);
        let options = cluster(&["--", "--durability", "guard"]).unwrap();
        let shown = |one: &Config| one.get(&[b"appenddirname"]).remove(0).1;
        assert_eq!(shown(&options.instances[4]), b"appendonlydir-5");
    }

    #[test]
    fn cluster_limits_are_explained() {
        assert!(usage_error(&["cluster", "--instances", "0"]).contains("0 is not in 1..=64"));
        assert!(usage_error(&["cluster", "--instances", "65"]).contains("65 is not in 1..=64"));
        assert!(
            usage_error(&["cluster", "--base-port", "70000"]).contains("70000 is not in 0..=65535")
        );
        assert_eq!(
            usage_error(&["cluster", "--base-port", "65533"]),
            "5 instances from port 65533 would pass port 65535; choose a --base-port up to 65531"
        );
        assert_eq!(
            cluster(&["--base-port", "65531"]).unwrap().instances.len(),
            5
        );
        for setting in ["port", "bind", "unixsocket"] {
            let text = usage_error(&["cluster", "--", &format!("--{setting}"), "1"]);
            assert!(text.starts_with(&format!("`cluster` does not take the setting '{setting}'")));
        }
        assert!(usage_error(&["cluster", "--", "-"]).contains("standard input"));
        assert!(usage_error(&["cluster", "--nosuch"]).contains("--nosuch"));
    }

    #[test]
    fn explain_wants_a_file() {
        match invocation(&["quintlock", "explain", "a.lua", "b.lua"]).unwrap() {
            Invocation::Explain(options) => {
                assert_eq!(
                    options.files,
                    [PathBuf::from("a.lua"), PathBuf::from("b.lua")]
                );
            }
            other => panic!("{other:?}"),
        }
        assert!(usage_error(&["explain"]).contains("<FILE>"));
    }

    #[test]
    fn wrong_settings_fail_the_start_and_wrong_words_the_usage() {
        let error = invocation(&["quintlock", "--nosuch", "1"]).unwrap_err();
        assert_eq!(error.report(), ExitCode::Failure);
        assert_eq!(CliError::Usage(String::new()).report(), ExitCode::BadUsage);
        let codes =
            [ExitCode::Success, ExitCode::Failure, ExitCode::BadUsage].map(|code| code as u8);
        assert_eq!(codes, [0, 1, 2]);
    }

    #[test]
    fn the_help_pages_fit_a_narrow_terminal() {
        for words in [
            &["quintlock", "--help"][..],
            &["quintlock", "cluster", "--help"],
            &["quintlock", "bench", "--help"],
            &["quintlock", "torture", "--help"],
            &["quintlock", "check-journal", "--help"],
        ] {
            let help = printed(words);
            let long = help.lines().find(|line| line.len() > 100);
            assert_eq!(long, None);
        }
    }

    #[test]
    fn the_grammar_of_the_subcommands_is_sound() {
        Page::command().debug_assert();
    }
}
