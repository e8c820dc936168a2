//! The program's modes: what `main` runs.

use std::io::Write as _;
use std::path::PathBuf;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::signal::unix::{SignalKind, signal};

use crate::cli::{Announcement, CliError, ClusterOptions, ExplainOptions, ServerOptions};
use crate::clock::Clock;
use crate::cluster::Cluster;
use crate::config::{LogLevel, Settings};
use crate::error::StartupError;
use crate::script::native::Program;
use crate::server::Server;

/// Serves until a signal or SHUTDOWN ends it.
///
/// # Errors
/// What keeps it from starting.
pub fn serve(options: ServerOptions) -> Result<(), CliError> {
    let ServerOptions { config, warnings } = options;
    start_log(&config.settings, Log::StandardOutput)?;
    for warning in warnings {
        tracing::warn!("{warning}");
    }
    raise_descriptor_limit(config.settings.maxclients());
    let server = Server::start_with(config, Clock::system())?;
    let place = describe(&server);
    tracing::info!("Ready to accept connections on {place}");
    wait(std::slice::from_ref(&server))?;
    drop(server);
    tracing::info!("Bye");
    Ok(())
}

/// Serves several independent instances until a signal, or SHUTDOWN of each, ends it.
///
/// # Errors
/// What keeps one of them from starting.
pub fn serve_cluster(options: ClusterOptions) -> Result<(), CliError> {
    if let Some(first) = options.instances.first() {
        start_log(&first.settings, Log::StandardError)?;
    }
    for warning in options.warnings {
        tracing::warn!("{warning}");
    }
    let clients = options
        .instances
        .iter()
        .map(|config| config.settings.maxclients());
    raise_descriptor_limit(clients.sum());
    let cluster = Cluster::start_with(options.instances, Clock::system)?;
    let text = match options.announcement {
        Announcement::Text => text_announcement(&cluster),
        Announcement::Json => json_announcement(&cluster),
    };
    let mut out = std::io::stdout().lock();
    // A reader that has gone away does not stop the servers.
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    drop(out);
    wait(cluster.instances())?;
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

/// Waits for SIGTERM, SIGINT, or until every server was asked to stop.
fn wait(servers: &[Server]) -> Result<(), StartupError> {
    let fail = |error: std::io::Error| StartupError(format!("cannot wait for signals: {error}"));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .build()
        .map_err(fail)?;
    runtime.block_on(async {
        let mut terminate = signal(SignalKind::terminate()).map_err(fail)?;
        let mut interrupt = signal(SignalKind::interrupt()).map_err(fail)?;
        tokio::select! {
            _ = terminate.recv() => tracing::info!("received SIGTERM, stopping"),
            _ = interrupt.recv() => tracing::info!("received SIGINT, stopping"),
            () = all_stopping(servers) => {}
        }
        Ok(())
    })
}

/// Lets the process open a descriptor for each client, as far as the system allows.
fn raise_descriptor_limit(clients: u32) {
    /// Descriptors that are not clients': files, listening sockets, event queues.
    const OTHERS: u64 = 64;
    let wanted = u64::from(clients) + OTHERS;
    let limit = getrlimit(Resource::Nofile);
    if limit.current.is_none_or(|current| current >= wanted) {
        return;
    }
    let current = limit.maximum.map_or(wanted, |maximum| wanted.min(maximum));
    let raised = Rlimit {
        current: Some(current),
        maximum: limit.maximum,
    };
    if setrlimit(Resource::Nofile, raised).is_err() || current < wanted {
        tracing::warn!(
            "the system allows {current} open files, fewer than maxclients needs \
             (raise `ulimit -n`, or lower --maxclients)"
        );
    }
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

/// Sends log lines of the configured level to the log file, or else to `standard`.
fn start_log(settings: &Settings, standard: Log) -> Result<(), StartupError> {
    let level = match settings.loglevel() {
        LogLevel::Debug => tracing::Level::TRACE,
        LogLevel::Verbose => tracing::Level::DEBUG,
        LogLevel::Notice => tracing::Level::INFO,
        LogLevel::Warning => tracing::Level::WARN,
    };
    let log = tracing_subscriber::fmt()
        .with_max_level(level)
        .with_target(false)
        .with_ansi(false);
    match (&settings.logfile, standard) {
        (Some(path), _) => log.with_writer(open_log(path)?).init(),
        (None, Log::StandardOutput) => log.with_writer(std::io::stdout).init(),
        (None, Log::StandardError) => log.with_writer(std::io::stderr).init(),
    }
    Ok(())
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
