//! `quintlock torture`: runs it and tells what it showed.
//!
//! Results go to standard output, a bar to standard error and only while that is a terminal. Ctrl-C or
//! SIGTERM ends the run with what was seen so far. A second one changes nothing: the first is heeded
//! within a second, and the servers that were started must be ended.

use std::fs;
use std::io::{IsTerminal as _, Write as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::cli::{CliError, Format, TortureOptions};
use crate::error::{StartupError, TortureError};
use crate::torture;

use super::{Signals, raise_descriptor_limit};

/// Steps of the bar.
const BAR_STEPS: u64 = 1000;

/// Runs until the time is over.
///
/// # Errors
/// What keeps it from running, or a violation.
pub fn run(options: &TortureOptions) -> Result<(), CliError> {
    let stop = stop_on_interrupt()?;
    let run = &options.run;
    // A client's connection passes a proxy, which has two ends of its own.
    let descriptors = run.clients * run.service.instances() * 3 + run.clients * 2;
    let _ = raise_descriptor_limit(u32::try_from(descriptors).unwrap_or(u32::MAX));
    let bar = bar();
    let report = torture::run(run, &stop, &mut |progress| {
        bar.set_position((progress.done * BAR_STEPS as f64) as u64);
        bar.set_message(format!("{} locks taken", progress.acquired));
    });
    bar.finish_and_clear();
    let report = report?;
    let mut text = match options.format {
        Format::Table => report.table(),
        Format::Json => report.json() + "\n",
    };
    if let Some(picture) = report.picture() {
        let path = &options.picture;
        fs::write(path, picture)
            .map_err(|error| TortureError::system("write the picture (--picture)", &error))?;
        if options.format == Format::Table {
            text += &format!("  picture: {}\n", path.display());
        }
    }
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes())
        .and_then(|()| out.flush())
        .map_err(|error| TortureError::system("tell the results", &error))?;
    match report.fault() {
        None => Ok(()),
        Some(fault) => Err(CliError::Violation(fault)),
    }
}

/// A flag that SIGINT or SIGTERM sets.
fn stop_on_interrupt() -> Result<Arc<AtomicBool>, StartupError> {
    let stop = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&stop);
    let mut signals = Signals::catch()?;
    let watch = move || {
        signals.wait_for_one();
        flag.store(true, Ordering::Relaxed);
    };
    let started = std::thread::Builder::new()
        .name("signals".to_owned())
        .spawn(watch);
    started.map_err(|error| StartupError(format!("cannot wait for signals: {error}")))?;
    Ok(stop)
}

fn bar() -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::with_draw_target(Some(BAR_STEPS), ProgressDrawTarget::stderr());
    if let Ok(style) = ProgressStyle::with_template("torture [{bar:40}] {percent:>3} %  {msg}") {
        bar.set_style(style.progress_chars("=> "));
    }
    bar
}
