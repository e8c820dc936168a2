//! The program's modes: what `main` runs.

mod bench;

use std::io::Write as _;
use std::path::PathBuf;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::runtime::Runtime;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tracing_subscriber::filter::dynamic_filter_fn;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::cli::{Announcement, CliError, ClusterOptions, ExplainOptions, ServerOptions};
use crate::clock::Clock;
use crate::cluster::Cluster;
use crate::config::{LogLevel, Settings};
use crate::error::StartupError;
use crate::script::native::Program;
use crate::server::Server;

pub use bench::run as run_bench;

/// Serves until a signal or SHUTDOWN ends it.
///
/// # Errors
/// What keeps it from starting.
pub fn serve(options: ServerOptions) -> Result<(), CliError> {
    let ServerOptions { config, warnings } = options;
    start_log(&[&config.settings], Log::StandardOutput)?;
    for warning in warnings {
        tracing::warn!("{warning}");
    }
    if let Some(clients) = raise_descriptor_limit(config.settings.maxclients()) {
        tracing::warn!(
            "the system's limit on open files allows {clients} clients, fewer than maxclients \
             (raise `ulimit -n`, or lower --maxclients)"
        );
    }
    let signals = Signals::catch()?;
    let server = Server::start_with(config, Clock::system())?;
    let place = describe(&server);
    tracing::info!("Ready to accept connections on {place}");
    signals.wait(std::slice::from_ref(&server));
    drop(server);
    tracing::info!("Bye");
    Ok(())
}

/// Serves several independent instances until a signal, or SHUTDOWN of each, ends it.
///
/// # Errors
/// What keeps one of them from starting.
pub fn serve_cluster(options: ClusterOptions) -> Result<(), CliError> {
    let settings: Vec<_> = options.instances.iter().map(|one| &one.settings).collect();
    start_log(&settings, Log::StandardError)?;
    for warning in options.warnings {
        tracing::warn!("{warning}");
    }
    let clients = options
        .instances
        .iter()
        .map(|config| config.settings.maxclients());
    // Five times maxclients is more than a test needs: no reason to warn if it cannot be had.
    let _ = raise_descriptor_limit(clients.sum());
    let signals = Signals::catch()?;
    let cluster = Cluster::start_with(options.instances, Clock::system)?;
    let text = match options.announcement {
        Announcement::Text => text_announcement(&cluster),
        Announcement::Json => json_announcement(&cluster),
    };
    let mut out = std::io::stdout().lock();
    // A reader that has gone away does not stop the servers.
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    drop(out);
    signals.wait(cluster.instances());
    Ok(())
}

/// Says for each file how its script would run.
///
/// # Errors
/// A file that cannot be read.
pub fn explain(options: &ExplainOptions) -> Result<(), CliError> {
    for path in &options.files {
        let body = std::fs::read(path).map_err(|error| {
            let path = path.display();
            StartupError(format!("cannot read script {path}: {error}"))
        })?;
        let shown = path.display();
        match Program::compile(&body) {
            Ok(_) => println!("{shown}: runs natively"),
            Err(reason) => println!("{shown}: runs in Lua ({reason})"),
        }
    }
    Ok(())
}

fn describe(server: &Server) -> String {
    let addresses = server.addresses().iter().map(ToString::to_string);
    let unix = &server.instance().config.settings.unixsocket;
    let unix = unix.iter().map(|path| path.display().to_string());
    addresses.chain(unix).collect::<Vec<_>>().join(", ")
}

fn text_announcement(cluster: &Cluster) -> String {
    let mut text = String::new();
    for (number, address) in (1..).zip(cluster.addresses()) {
        text += &format!("instance {number}  redis://{address}\n");
    }
    text + "ready: all instances accept connections; Ctrl-C stops them\n"
}

fn json_announcement(cluster: &Cluster) -> String {
    let instances: Vec<_> = (1..)
        .zip(cluster.addresses())
        .map(|(number, address)| {
            serde_json::json!({
                "number": number,
                "host": address.ip().to_string(),
                "port": address.port(),
                "address": address.to_string(),
            })
        })
        .collect();
    format!("{}\n", serde_json::json!({ "instances": instances }))
}

/// The signals that end the program. They are caught before anybody is told that it is ready, so
/// whoever was told can stop it cleanly.
struct Signals {
    runtime: Runtime,
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn catch() -> Result<Signals, StartupError> {
        let fail =
            |error: std::io::Error| StartupError(format!("cannot wait for signals: {error}"));
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_io()
            .build()
            .map_err(fail)?;
        let catch = |kind| {
            let _runtime = runtime.enter();
            signal(kind).map_err(fail)
        };
        Ok(Signals {
            terminate: catch(SignalKind::terminate())?,
            interrupt: catch(SignalKind::interrupt())?,
            runtime,
        })
    }

    /// Waits for SIGTERM or SIGINT.
    fn wait_for_one(&mut self) {
        self.runtime.block_on(async {
            tokio::select! {
                _ = self.terminate.recv() => {}
                _ = self.interrupt.recv() => {}
            }
        });
    }

    /// Waits for SIGTERM, SIGINT, or until every server was asked to stop.
    fn wait(mut self, servers: &[Server]) {
        self.runtime.block_on(async {
            tokio::select! {
                _ = self.terminate.recv() => tracing::info!("received SIGTERM, stopping"),
                _ = self.interrupt.recv() => tracing::info!("received SIGINT, stopping"),
                () = all_stopping(servers) => {}
            }
        });
    }
}

/// Lets the process open a descriptor for each client, as far as the system allows; tells how many
/// clients there can be if that is fewer.
fn raise_descriptor_limit(clients: u32) -> Option<u64> {
    /// Descriptors that are not clients': files, listening sockets, event queues.
    const OTHERS: u64 = 64;
    let wanted = u64::from(clients) + OTHERS;
    let limit = getrlimit(Resource::Nofile);
    let current = limit.current.unwrap_or(u64::MAX);
    let reachable = limit.maximum.unwrap_or(u64::MAX).min(wanted);
    let raised = Rlimit {
        current: Some(reachable),
        maximum: limit.maximum,
    };
    let allowed = if current < reachable && setrlimit(Resource::Nofile, raised).is_ok() {
        reachable
    } else {
        current
    };
    (allowed < wanted).then(|| allowed.saturating_sub(OTHERS))
}

async fn all_stopping(servers: &[Server]) {
    for server in servers {
        server.stopping().await;
    }
}

#[derive(Clone, Copy)]
enum Log {
    StandardOutput,
    StandardError,
}

/// Sends log lines to the log file, or else to `standard`: those that one of the servers wants at
/// the time, since CONFIG SET may change the level.
fn start_log(servers: &[&Settings], standard: Log) -> Result<(), StartupError> {
    let levels: Vec<_> = servers.iter().map(|server| server.loglevel()).collect();
    let is_wanted = move |line: &tracing::Metadata<'_>| {
        let is_wanted_at = |level| *line.level() <= most_detailed(level);
        levels.iter().any(|level| is_wanted_at(level.now()))
    };
    let filter = dynamic_filter_fn(move |line, _| is_wanted(line));
    let lines = tracing_subscriber::fmt::layer()
        .with_target(false)
        .with_ansi(false);
    let registry = tracing_subscriber::registry().with(filter);
    let file = servers.first().and_then(|first| first.logfile.as_ref());
    match (file, standard) {
        (Some(path), _) => registry.with(lines.with_writer(open_log(path)?)).init(),
        (None, Log::StandardOutput) => registry.with(lines.with_writer(std::io::stdout)).init(),
        (None, Log::StandardError) => registry.with(lines.with_writer(std::io::stderr)).init(),
    }
    Ok(())
}

fn most_detailed(level: LogLevel) -> tracing::Level {
    match level {
        LogLevel::Debug => tracing::Level::TRACE,
        LogLevel::Verbose => tracing::Level::DEBUG,
        LogLevel::Notice => tracing::Level::INFO,
        LogLevel::Warning => tracing::Level::WARN,
    }
}

fn open_log(path: &PathBuf) -> Result<std::fs::File, StartupError> {
    let mut options = std::fs::OpenOptions::new();
    options
        .create(true)
        .append(true)
        .open(path)
        .map_err(|error| {
            let path = path.display();
            StartupError(format!(
                "cannot open logfile {path}: {error} (try another path)"
            ))
        })
}
