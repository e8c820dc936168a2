//! What the modes that put a load on servers share: Ctrl-C that ends a run early, and a bar.
//!
//! The bar is shown on standard error, and only while that is a terminal.

use std::io::IsTerminal as _;
use std::process;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::Signals;
use crate::error::StartupError;

/// The exit code of a program that SIGINT ended: 128 and the signal's number.
const INTERRUPTED: i32 = 130;

/// Steps of the bar.
const BAR_STEPS: u64 = 1000;

/// What a second SIGINT or SIGTERM does; the first ends the run with the figures so far.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum SecondSignal {
    /// Nothing: there is something to be cleared away.
    Ignored,
    EndsTheProgram,
}

/// A flag that the first SIGINT or SIGTERM sets.
///
/// # Errors
/// The system has no descriptor or no thread for it.
pub(super) fn stop_on_interrupt(second: SecondSignal) -> Result<Arc<AtomicBool>, StartupError> {
    let stop = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&stop);
    let mut signals = Signals::catch()?;
    let watch = move || {
        signals.wait_for_one();
        flag.store(true, Ordering::Relaxed);
        if second == SecondSignal::EndsTheProgram {
            signals.wait_for_one();
            process::exit(INTERRUPTED);
        }
    };
    let started = std::thread::Builder::new()
        .name("signals".to_owned())
        .spawn(watch);
    started.map_err(|error| StartupError(format!("cannot wait for signals: {error}")))?;
    Ok(stop)
}

/// How far a run is.
pub(super) struct Bar(ProgressBar);

impl Bar {
    /// An empty one behind `title`, which is given `width` columns.
    pub(super) fn start(title: &'static str, width: usize) -> Bar {
        if !std::io::stderr().is_terminal() {
            return Bar(ProgressBar::hidden());
        }
        let bar = ProgressBar::with_draw_target(Some(BAR_STEPS), ProgressDrawTarget::stderr());
        let template = format!("{{prefix:{width}}} [{{bar:40}}] {{percent:>3}} %  {{msg}}");
        if let Ok(style) = ProgressStyle::with_template(&template) {
            bar.set_style(style.progress_chars("=> "));
        }
        bar.set_prefix(title);
        Bar(bar)
    }

    /// Shows what part of the run is done, from 0 to 1, and what it has reached.
    pub(super) fn show(&self, done: f64, reached: String) {
        self.0.set_position((done * BAR_STEPS as f64) as u64);
        self.0.set_message(reached);
    }

    /// Takes it off the terminal.
    pub(super) fn finish(self) {
        self.0.finish_and_clear();
    }
}
