//! The arguments of `quintlock torture`.

use std::net::{SocketAddr, ToSocketAddrs};
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};

use crate::clock::Clock;
use crate::torture::{FaultKind, Options, Release, Service};

use super::{CliError, Format};

/// A run, and where its results go.
#[derive(Debug)]
pub struct TortureOptions {
    /// What is run.
    pub run: Options,
    /// How the results are told.
    pub format: Format,
    /// Where the picture of a violation goes.
    pub picture: PathBuf,
}

/// Check mutual exclusion of a lock service while it fails
///
/// Clients take locks by Redlock's rules: on a majority of the instances, within the
/// time to live less the drift of clocks, or else they release all. With one instance
/// it is a single-instance lock. A schedule of faults that --seed decides hits the
/// instances meanwhile. What the clients saw is then judged by one monotonic clock:
/// two holders of a lock at the same time are a violation (exit code 1, and a picture);
/// a lock that no majority knows any more before its time is a lost lock.
///
/// Without --addresses it starts the servers itself, by default this program, each in
/// a directory of its own, and ends them. Clients reach every server by a proxy here.
///
/// Faults (default: all; none: no faults):
///   kill          SIGKILL, and a new process on the same port after --restart-delay
///   stop          SIGSTOP, and SIGCONT later
///   partition     nothing passes: dropped, refused, or late when the cut is over
///   delay         everything arrives late, both ways
///   lost-replies  requests arrive, replies do not
///   clock         the wall clock steps, by libfaketime; left out where there is none
///
/// A server that keeps nothing over a kill gives held locks away when it is started
/// again at once. This server does so today, as a Redis without an append-only file
/// does: with kill, expect violations unless --restart-delay is longer than --ttl.
#[derive(Args)]
#[command(verbatim_doc_comment, override_usage = "quintlock torture [OPTIONS]")]
pub(super) struct TortureWords {
    /// How many servers to start, 1 to 15; Redlock wants an odd number
    #[arg(long, default_value_t = 5, value_name = "N", allow_negative_numbers = true,
        value_parser = clap::value_parser!(u16).range(1..=15), conflicts_with = "addresses")]
    instances: u16,
    /// What starts one of them: "redis-server --port {port} --save ''"; {dir} is its directory
    #[arg(long, value_name = "COMMAND", conflicts_with = "addresses")]
    server_command: Option<String>,
    /// The port of the first server, the others follow [default: free ones]
    #[arg(long, value_name = "PORT", allow_negative_numbers = true,
        value_parser = clap::value_parser!(u16).range(1..=65_000), conflicts_with = "addresses")]
    base_port: Option<u16>,
    /// Servers that run already, 1 to 15; these are never killed or stopped
    #[arg(long, value_name = "HOST:PORT,...", value_delimiter = ',', value_parser = address)]
    addresses: Vec<SocketAddr>,
    /// Clients, 1 to 256
    #[arg(long, default_value_t = 8, value_name = "N", allow_negative_numbers = true,
        value_parser = clap::value_parser!(u16).range(1..=256))]
    clients: u16,
    /// Locks that they take turns on, 1 to 1000000
    #[arg(long, default_value_t = 2, value_name = "N", allow_negative_numbers = true,
        value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    locks: u64,
    /// Time to live of a lock in milliseconds, 50 to 600000; a client waits a tenth for a reply
    #[arg(long, default_value_t = 1000, value_name = "MS", allow_negative_numbers = true,
        value_parser = clap::value_parser!(u64).range(50..=600_000))]
    ttl: u64,
    /// How a lock is released: by the script, or by DELEX (Redis 8.4)
    #[arg(
        long,
        default_value = "script",
        value_name = "script|delex",
        hide_possible_values = true
    )]
    release: ReleaseWord,
    /// What goes wrong
    #[arg(long, value_name = "FAULT,...", default_value = "all", hide_default_value = true,
        value_parser = faults)]
    faults: FaultWords,
    /// Decides the schedule: the same seed and options, the same faults [default: drawn]
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// How long it runs, 0.1 to 86400
    #[arg(long, value_name = "S", default_value = "30", allow_negative_numbers = true,
        value_parser = seconds)]
    seconds: Duration,
    /// Milliseconds from a kill to the next start, up to 600000
    #[arg(long, default_value_t = 0, value_name = "MS", allow_negative_numbers = true,
        value_parser = clap::value_parser!(u64).range(0..=600_000))]
    restart_delay: u64,
    /// Milliseconds between two faults, on average, 10 to 600000 [default: the time to live]
    #[arg(long, value_name = "MS", allow_negative_numbers = true,
        value_parser = clap::value_parser!(u64).range(10..=600_000))]
    pause: Option<u64>,
    /// How many instances each fault hits
    #[arg(long, default_value_t = 1, value_name = "N", allow_negative_numbers = true,
        value_parser = clap::value_parser!(u16).range(1..=15))]
    victims: u16,
    /// How many faults may last at the same time, on different instances, 1 to 15
    #[arg(long, default_value_t = 1, value_name = "N", allow_negative_numbers = true,
        value_parser = clap::value_parser!(u16).range(1..=15))]
    overlap: u16,
    /// Where a timeline of the first violation is written, if there is one
    #[arg(long, value_name = "FILE", default_value = "torture.svg")]
    picture: PathBuf,
    /// Print a line of JSON
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum ReleaseWord {
    Script,
    Delex,
}

/// One value of the option, though it names several kinds.
#[derive(Clone)]
struct FaultWords(Vec<FaultKind>);

/// Servers that locks may be taken on.
const INSTANCES_MAX: usize = 15;

impl TortureWords {
    pub(super) fn into_options(self) -> Result<TortureOptions, CliError> {
        let usage = |text: String| Err(CliError::Usage(text));
        if self.addresses.len() > INSTANCES_MAX {
            return usage(format!(
                "--addresses names more than {INSTANCES_MAX} servers"
            ));
        }
        let service = if self.addresses.is_empty() {
            Service::Started {
                instances: usize::from(self.instances),
                command: match &self.server_command {
                    Some(text) => split(text).map_err(CliError::Usage)?,
                    None => own_command()?,
                },
                base_port: self.base_port,
            }
        } else {
            Service::Running(self.addresses)
        };
        let victims = usize::from(self.victims);
        if victims > service.instances() {
            let instances = service.instances();
            return usage(format!(
                "--victims {victims} is more than the {instances} instances that there are"
            ));
        }
        Ok(TortureOptions {
            run: Options {
                service,
                clients: usize::from(self.clients),
                locks: self.locks,
                ttl_ms: self.ttl,
                release: match self.release {
                    ReleaseWord::Script => Release::Script,
                    ReleaseWord::Delex => Release::Delex,
                },
                faults: self.faults.0,
                seed: self.seed.unwrap_or_else(drawn_seed),
                length: self.seconds,
                restart_delay_ms: self.restart_delay,
                pause_ms: self.pause.unwrap_or(self.ttl),
                victims,
                overlap: usize::from(self.overlap),
            },
            format: if self.json {
                Format::Json
            } else {
                Format::Table
            },
            picture: self.picture,
        })
    }
}

/// This program, as a server.
fn own_command() -> Result<Vec<String>, CliError> {
    let program = std::env::current_exe().ok();
    match program.and_then(|path| path.into_os_string().into_string().ok()) {
        Some(program) => {
            let words = ["--port", "{port}", "--bind", "127.0.0.1"];
            let words = words.map(str::to_owned);
            Ok([vec![program], words.to_vec()].concat())
        }
        None => Err(CliError::Usage(
            "this program's own path is not known; use --server-command".to_owned(),
        )),
    }
}

/// The words of a command; quotes, single or double, hold a word together.
fn split(text: &str) -> Result<Vec<String>, String> {
    let (mut words, mut word, mut quote) = (Vec::new(), None::<String>, None::<char>);
    for letter in text.chars() {
        match quote {
            Some(mark) if letter == mark => quote = None,
            Some(_) => word.get_or_insert_default().push(letter),
            None if letter == '\'' || letter == '"' => {
                quote = Some(letter);
                word.get_or_insert_default();
            }
            None if letter.is_whitespace() => words.extend(word.take()),
            None => word.get_or_insert_default().push(letter),
        }
    }
    if quote.is_some() {
        return Err("a quote of --server-command is not closed".to_owned());
    }
    words.extend(word);
    if words.is_empty() {
        return Err("--server-command is empty".to_owned());
    }
    if !words.iter().any(|word| word.contains("{port}")) {
        return Err("--server-command does not say {port}, where the port belongs".to_owned());
    }
    Ok(words)
}

/// Different at each run; it is shown with the results, so a run can be repeated.
fn drawn_seed() -> u64 {
    Clock::system().unix_micros().unsigned_abs() % 1_000_000_000
}

fn faults(text: &str) -> Result<FaultWords, String> {
    let mut kinds = match text {
        "all" => return Ok(FaultWords(FaultKind::ALL.to_vec())),
        "none" => return Ok(FaultWords(Vec::new())),
        names => names
            .split(',')
            .map(|name| FaultKind::named(name).ok_or(name))
            .collect::<Result<Vec<_>, _>>()
            .map_err(|name| {
                let names = FaultKind::ALL.map(FaultKind::name);
                format!(
                    "'{name}' is no fault; they are {}, or all, or none",
                    names.join(", ")
                )
            })?,
    };
    // The order that they are written in does not change the schedule.
    kinds.sort_unstable();
    kinds.dedup();
    Ok(FaultWords(kinds))
}

fn seconds(text: &str) -> Result<Duration, String> {
    super::bench::number(text, 0.1, super::bench::SECONDS_MAX).map(Duration::from_secs_f64)
}

fn address(text: &str) -> Result<SocketAddr, String> {
    let mut found = text
        .to_socket_addrs()
        .map_err(|error| format!("{error} (written as HOST:PORT)"))?;
    found
        .next()
        .ok_or_else(|| "the host has no address".to_owned())
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;

    use super::super::{Invocation, parse};
    use super::*;

    fn torture(words: &[&str]) -> Result<TortureOptions, String> {
        let words = [&["quintlock", "torture"], words].concat();
        match parse(words.iter().map(OsString::from), &mut std::io::empty()) {
            Ok(Invocation::Torture(options)) => Ok(*options),
            Ok(other) => panic!("{other:?}"),
            Err(error) => Err(error.to_string()),
        }
    }

    #[test]
    fn without_options_it_starts_five_of_this_program_and_all_goes_wrong() {
        let TortureOptions { run, format, .. } = torture(&[]).unwrap();
        let Service::Started { command, .. } = &run.service else {
            panic!("{run:?}");
        };
        assert_eq!(command[1..], ["--port", "{port}", "--bind", "127.0.0.1"]);
        assert_eq!(run.service.instances(), 5);
        assert_eq!(run.faults, FaultKind::ALL);
        assert_eq!((run.ttl_ms, run.pause_ms), (1000, 1000));
        assert_eq!(format, Format::Table);
    }

    #[test]
    fn a_command_is_split_into_words() {
        let words = |text| split(text).unwrap();
        assert_eq!(
            words("redis-server --port {port} --save ''"),
            ["redis-server", "--port", "{port}", "--save", ""]
        );
        assert_eq!(words(" a\"b c\"d  {port}"), ["ab cd", "{port}"]);
        for (text, expected) in [
            ("a 'b {port}", "is not closed"),
            (" ", "is empty"),
            ("redis-server", "does not say {port}"),
        ] {
            let error = torture(&["--server-command", text]).unwrap_err();
            assert!(error.contains(expected), "{error}");
        }
    }

    #[test]
    fn faults_are_named_in_any_order() {
        let kinds = |text| torture(&["--faults", text]).map(|options| options.run.faults);
        let expected = vec![FaultKind::Kill, FaultKind::LostReplies];
        assert_eq!(kinds("lost-replies,kill,kill"), Ok(expected));
        assert_eq!(kinds("none"), Ok(Vec::new()));
        let error = kinds("kil").unwrap_err();
        assert!(
            error.contains("'kil' is no fault; they are kill, stop"),
            "{error}"
        );
    }

    #[test]
    fn servers_that_run_already_are_not_started() {
        let run = torture(&["--addresses", "127.0.0.1:7001,localhost:7002"])
            .unwrap()
            .run;
        assert_eq!(run.service.instances(), 2);
        for more in [
            ["--instances", "3"],
            ["--base-port", "7001"],
            ["--victims", "2"],
        ] {
            let error = torture(&[&["--addresses", "127.0.0.1:7001"], &more[..]].concat());
            assert!(error.is_err(), "{more:?}");
        }
    }

    #[test]
    fn limits_are_explained() {
        for (words, expected) in [
            (["--instances", "16"], "16 is not in 1..=15"),
            (["--victims", "6"], "more than the 5 instances"),
            (["--ttl", "49"], "49 is not in 50..=600000"),
            (["--seconds", "0"], "0 is not in 0.1..=86400"),
            (["--addresses", "here"], "HOST:PORT"),
            (["--release", "del"], "delex"),
        ] {
            let error = torture(&words).unwrap_err();
            assert!(error.contains(expected), "{error}");
        }
    }
}
