//! `quintlock torture`: runs it and tells what it showed.
//!
//! Results go to standard output, a bar to standard error and only while that is a terminal. Ctrl-C or
//! SIGTERM ends the run with what was seen so far. A second one changes nothing: the first is heeded
//! within a second, and the servers that were started must be ended.

use std::fs;
use std::io::Write as _;

use crate::cli::{CliError, Format, TortureOptions};
use crate::error::TortureError;
use crate::torture;

use super::load::{Bar, SecondSignal, stop_on_interrupt};
use super::raise_descriptor_limit;

/// What stands before the bar.
const TITLE: &str = "torture";

/// Runs until the time is over.
///
/// # Errors
/// What keeps it from running, or a violation.
pub fn run(options: &TortureOptions) -> Result<(), CliError> {
    let stop = stop_on_interrupt(SecondSignal::Ignored)?;
    let run = &options.run;
    // A client's connection passes a proxy, which has two ends of its own.
    let descriptors = run.clients * run.service.instances() * 3 + run.clients * 2;
    raise_descriptor_limit(u32::try_from(descriptors).unwrap_or(u32::MAX));
    let bar = Bar::start(TITLE, TITLE.len());
    let report = torture::run(run, &stop, &mut |progress| {
        bar.show(progress.done, format!("{} locks taken", progress.acquired));
    });
    bar.finish();
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
