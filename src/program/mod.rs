//! The program's modes: what `main` runs.

mod bench;
mod check_journal;
mod daemon;
mod fault;
mod load;
mod log;
mod process;
mod signals;
mod supervision;
mod torture;

use std::io::Write as _;

use crate::cli::{Announcement, CliError, ClusterOptions, ExplainOptions, ServerOptions};
use crate::clock::Clock;
use crate::cluster::Cluster;
use crate::config::{DurabilityMode, Settings, Supervision};
use crate::error::StartupError;
use crate::script::native::Program;
use crate::server::Server;
use daemon::PidFile;
use log::Standard;
use process::{forgo_huge_pages, make_room, raise_descriptor_limit};
use signals::Signals;
use supervision::Supervisor;

pub use bench::run as run_bench;
pub use check_journal::run as check_journal;
pub use fault::run as run_fault;
pub use torture::run as run_torture;

/// Serves until a signal or SHUTDOWN ends it.
///
/// # Errors
/// What keeps it from starting.
pub fn serve(options: ServerOptions) -> Result<(), CliError> {
    let ServerOptions {
        config,
        warnings,
        notes,
    } = options;
    let settings = &config.settings;
    change_directory(settings)?;
    // As in Redis: who is supervised stays where the supervisor looks for it.
    let is_daemon = settings.daemonize && settings.supervised == Supervision::No;
    let starter = is_daemon.then(daemon::detach).transpose()?;
    log::start(&[settings], Standard::Output)?;
    log_remarks(&warnings, &notes);
    if config.settings.durability.mode == DurabilityMode::None {
        tracing::warn!("durability is none: a restart forgets the locks that are held");
    }
    let reserved = make_room(&[&config])?;
    if settings.disable_thp {
        forgo_huge_pages();
    }
    let supervisor = Supervisor::find(settings.supervised);
    let pidfile = settings.pidfile.clone();
    let signals = Signals::catch()?;
    let server = Server::start_with(config, Clock::system())?;
    server.instance().faults.let_crash_end_process();
    let _ = server.instance().reserved_descriptors.set(reserved);
    let pidfile = PidFile::write(pidfile.as_deref(), starter.as_ref());
    let place = describe(&server);
    tracing::info!("Ready to accept connections on {place}");
    supervisor.tell_ready();
    if let Some(starter) = starter {
        starter.tell_ready();
    }
    signals.wait(std::slice::from_ref(&server));
    supervisor.tell_stopping();
    drop(server);
    drop(pidfile);
    tracing::info!("Bye");
    Ok(())
}

/// Serves several independent instances until a signal, or SHUTDOWN of each, ends it.
///
/// # Errors
/// What keeps one of them from starting.
pub fn serve_cluster(options: ClusterOptions) -> Result<(), CliError> {
    let settings: Vec<_> = options.instances.iter().map(|one| &one.settings).collect();
    if let Some(first) = settings.first() {
        change_directory(first)?;
    }
    log::start(&settings, Standard::Error)?;
    log_remarks(&options.warnings, &options.notes);
    let reserved = make_room(&options.instances.iter().collect::<Vec<_>>())?;
    if settings.iter().any(|one| one.disable_thp) {
        forgo_huge_pages();
    }
    let signals = Signals::catch()?;
    let cluster = Cluster::start_with(options.instances, Clock::system)?;
    for server in cluster.instances() {
        let _ = server.instance().reserved_descriptors.set(reserved);
    }
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

/// Says what is not honoured, and what changes nothing.
fn log_remarks(warnings: &[String], notes: &[String]) {
    for warning in warnings {
        tracing::warn!("{warning}");
    }
    for note in notes {
        tracing::info!("{note}");
    }
}

/// Says what would not be honoured, and what would change nothing.
pub fn check(options: &ServerOptions) {
    for remark in options.warnings.iter().chain(&options.notes) {
        println!("{remark}");
    }
    println!("The configuration is fine: the server would start with it.");
}

/// `dir`: where relative paths begin.
fn change_directory(settings: &Settings) -> Result<(), StartupError> {
    let Some(path) = &settings.dir else {
        return Ok(());
    };
    std::env::set_current_dir(path).map_err(|error| {
        let path = path.display();
        StartupError(format!(
            "cannot change to dir {path}: {error} (try another path)"
        ))
    })
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
