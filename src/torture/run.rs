//! One run: the service, the clients and the faults beside each other, and then the verdict.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

use crate::clock::Stopwatch;
use crate::error::TortureError;

use super::client::{Client, Shared, Tally};
use super::fleet::Fleet;
use super::history::{Hold, Verdict, judge};
use super::inject::{Injected, inject};
use super::options::Options;
use super::schedule::{Planned, plan};
use super::wait::wait_until;

/// The pause between two looks at how far the run is.
const LOOK_NS: u64 = 100_000_000;

/// How far a run is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Progress {
    /// From 0 to 1.
    pub done: f64,
    /// Locks taken so far.
    pub acquired: u64,
}

/// What came of a run.
#[derive(Clone, Debug)]
pub struct Report {
    /// What was asked for.
    pub options: Options,
    /// How long it took, in nanoseconds.
    pub length_ns: u64,
    /// How attempts ended.
    pub tally: Tally,
    /// The schedule, which the seed decides.
    pub plan: Vec<Planned>,
    /// The faults that were done.
    pub injected: Vec<Injected>,
    /// Kinds of faults that could not be done, and why.
    pub left_out: Vec<String>,
    /// Every hold.
    pub history: Vec<Hold>,
    /// What they show.
    pub verdict: Verdict,
}

/// Runs until its time is over or `stop` is set. Whatever it has started has ended when it returns.
///
/// # Errors
/// What keeps it from running, or a server that ended by itself.
pub fn run(
    options: &Options,
    stop: &AtomicBool,
    watch: &mut dyn FnMut(Progress),
) -> Result<Report, TortureError> {
    let mut fleet = Fleet::start(options, stop)?;
    let plan = plan(options, &fleet.kinds);
    let addresses = fleet.addresses();
    let (is_over, acquired) = (AtomicBool::new(false), AtomicU64::new(0));
    let clock = Stopwatch::start();
    let shared = Shared {
        options,
        clock,
        is_over: &is_over,
        acquired: &acquired,
    };
    let numbers = 0..options.clients;
    let clients = numbers.map(|number| Client::new(number, &addresses, &shared));
    let clients: Vec<Client<'_>> = clients.collect::<Result<_, _>>()?;
    let (fleet_ref, plan_ref) = (&mut fleet, &plan);
    let (results, injected, length_ns) = thread::scope(|scope| {
        let clients = clients.into_iter();
        let clients: Vec<_> = clients.map(|client| scope.spawn(|| client.run())).collect();
        let injector = scope.spawn(|| {
            let injected = inject(fleet_ref, plan_ref, clock, &is_over);
            if injected.is_err() {
                is_over.store(true, Ordering::Relaxed);
            }
            injected
        });
        let end_ns = options.length.as_nanos() as u64;
        while !stop.load(Ordering::Relaxed) && clock.elapsed_ns() < end_ns {
            let next_ns = (clock.elapsed_ns() + LOOK_NS).min(end_ns);
            if !wait_until(clock, next_ns, &is_over) {
                break;
            }
            watch(Progress {
                done: clock.elapsed_ns() as f64 / end_ns as f64,
                acquired: acquired.load(Ordering::Relaxed),
            });
        }
        is_over.store(true, Ordering::Relaxed);
        let length_ns = clock.elapsed_ns();
        let results: Vec<_> = clients.into_iter().map(join).collect();
        (results, join(injector), length_ns)
    });
    let injected = injected?;
    fleet.check()?;
    let mut tally = Tally::default();
    let mut history = Vec::new();
    for (one, holds) in results {
        tally.merge(one);
        history.extend(holds);
    }
    let verdict = judge(&history, length_ns);
    Ok(Report {
        options: options.clone(),
        length_ns,
        tally,
        plan,
        injected,
        left_out: std::mem::take(&mut fleet.left_out),
        history,
        verdict,
    })
}

/// A thread's result; its panic goes on here.
fn join<T>(thread: thread::ScopedJoinHandle<'_, T>) -> T {
    thread
        .join()
        .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}
