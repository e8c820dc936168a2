//! One workload from its preparations to its report.
//!
//! Time is measured in passes: all threads run, end, and are waited for. Most workloads need one
//! pass. One that uses up its keys needs as many as its length takes, and the keys are freed
//! between two passes, while no time is counted.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc;
use std::thread;

use crate::clock::Stopwatch;
use crate::error::BenchError;

use super::drive::Driver;
use super::keys::KeyRange;
use super::link::{Control, Target};
use super::measure::{Report, Tally};
use super::options::{Length, Options};
use super::pass::{LOOK_AROUND, PassLimit, Reuse, Shared, run_pass};
use super::process::Process;
use super::stage::{Stage, token};
use super::template::Step;
use super::vote::{Rules, VoteDriver};
use super::workload::{Filling, KeyUse, Workload};

/// How far a workload is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Progress {
    /// The part that is done, 0 to 1.
    pub done: f64,
    /// Replies so far.
    pub replies: u64,
}

/// Runs a workload, and calls `progress` about ten times a second. When `stop` becomes true it
/// ends early, with the figures so far.
///
/// # Errors
/// What keeps it from running, or ends it before any figure is of use.
pub fn run(
    options: &Options,
    workload: Workload,
    stop: &AtomicBool,
    progress: &mut dyn FnMut(Progress),
) -> Result<Report, BenchError> {
    options.check(workload)?;
    let mut load = Load::prepare(options, workload)?;
    let measured = load.measure(stop, progress);
    // After an error it is tried all the same; the error is what is told.
    let cleared = load.clear(measured.as_ref().ok());
    let Measured {
        took_ns,
        tally,
        server_cpu_ns,
    } = measured?;
    cleared?;
    Ok(Report::new(
        workload,
        options,
        took_ns,
        tally,
        server_cpu_ns,
    ))
}

/// A workload that is ready to run.
struct Load<'a> {
    options: &'a Options,
    workload: Workload,
    /// One for each server.
    stages: Vec<Stage>,
    engines: Vec<Engine>,
    process: Option<Process>,
    /// Requests of a turn.
    requests_per_turn: usize,
}

/// A thread's part of the load.
enum Engine {
    Batches(Driver),
    Votes(VoteDriver),
}

impl Engine {
    fn run(
        &mut self,
        limit: PassLimit,
        turns_per_second: Option<f64>,
        shared: Shared<'_>,
        tally: &mut Tally,
    ) -> Result<u64, BenchError> {
        match self {
            Engine::Batches(crew) => run_pass(crew, limit, turns_per_second, shared, tally),
            Engine::Votes(crew) => run_pass(crew, limit, turns_per_second, shared, tally),
        }
    }
}

/// What all passes together brought.
struct Measured {
    took_ns: u64,
    tally: Tally,
    server_cpu_ns: Option<u64>,
}

impl Load<'_> {
    fn prepare(options: &Options, workload: Workload) -> Result<Load<'_>, BenchError> {
        let mut load = Load {
            options,
            workload,
            stages: Vec::new(),
            engines: Vec::new(),
            process: options.server_pid.map(Process::open).transpose()?,
            requests_per_turn: 1,
        };
        let mut digests = Vec::new();
        for target in options.targets(workload) {
            let mut stage = Stage::new(load.open(target)?);
            // The name of a script is the same everywhere.
            digests = stage.load(workload.scripts())?;
            stage.clear(whole(options))?;
            load.stages.push(stage);
        }
        for _ in 0..options.threads {
            load.engines.push(load.engine()?);
        }
        let ranges: Vec<_> = KeyRange::shares(options.keys, options.clients).collect();
        for (number, range) in ranges.iter().enumerate() {
            let steps = workload.steps(&Filling {
                token: &token(number, options.token_length),
                ttl_ms: options.ttl_ms,
                digests: &digests,
            });
            if number == 0 {
                load.rehearse(&steps, *range)?;
            }
            load.connect(number, &steps, *range)?;
        }
        if workload.key_use() == KeyUse::Held {
            for (number, range) in ranges.into_iter().enumerate() {
                load.hold(range, &token(number, options.token_length))?;
            }
        }
        Ok(load)
    }

    fn open(&self, target: &Target) -> Result<Control, BenchError> {
        Control::open(target, self.options.password.as_deref())
    }

    fn engine(&self) -> Result<Engine, BenchError> {
        let targets = self.options.targets(self.workload);
        match self.workload {
            Workload::Redlock => {
                let rules = Rules::new(targets.len(), self.options.ttl_ms);
                VoteDriver::new(targets, rules).map(Engine::Votes)
            }
            _ => Driver::new(&self.options.target, self.options.pipeline).map(Engine::Batches),
        }
    }

    fn rehearse(&mut self, steps: &[Step], range: KeyRange) -> Result<(), BenchError> {
        if self.workload != Workload::Redlock {
            self.requests_per_turn = steps.len();
        }
        let workload = self.workload;
        let mut stages = self.stages.iter_mut();
        stages.try_for_each(|stage| stage.rehearse(workload, steps, range))
    }

    /// Adds the connections of one client.
    fn connect(
        &mut self,
        number: usize,
        steps: &[Step],
        range: KeyRange,
    ) -> Result<(), BenchError> {
        let targets = self.options.targets(self.workload);
        let open = |target| self.open(target)?.into_link();
        let links: Vec<_> = targets.iter().map(open).collect::<Result<_, _>>()?;
        let threads = self.engines.len();
        match &mut self.engines[number % threads] {
            Engine::Votes(driver) => driver.add(links, steps, range),
            Engine::Batches(driver) => {
                let mut links = links.into_iter();
                links.try_for_each(|link| driver.add(link, steps, range))
            }
        }
    }

    fn hold(&mut self, range: KeyRange, token: &[u8]) -> Result<(), BenchError> {
        let mut stages = self.stages.iter_mut();
        stages.try_for_each(|stage| stage.hold(range, token))
    }

    fn free(&mut self) -> Result<(), BenchError> {
        let range = whole(self.options);
        self.stages
            .iter_mut()
            .try_for_each(|stage| stage.free(range))
    }

    fn measure(
        &mut self,
        stop: &AtomicBool,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Measured, BenchError> {
        let mut ignored = |_| {};
        let warmup = Length::Time(self.options.warmup);
        if !self.options.warmup.is_zero() {
            self.passes(warmup, stop, &mut ignored)?;
            if self.workload.key_use() == KeyUse::Taken {
                self.free()?;
            }
        }
        self.passes(self.options.length, stop, progress)
    }

    /// As many passes as `length` takes.
    fn passes(
        &mut self,
        length: Length,
        stop: &AtomicBool,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Measured, BenchError> {
        let mut measured = Measured {
            took_ns: 0,
            tally: Tally::new()?,
            server_cpu_ns: self.process.as_ref().map(|_| 0),
        };
        loop {
            let watch = Watch {
                length,
                before: (measured.took_ns, measured.tally.requests),
            };
            let used_ns = self.process.as_ref().map(Process::cpu_ns).transpose()?;
            let (took_ns, tally) = self.pass(watch, stop, progress)?;
            if let (Some(process), Some(used_ns)) = (&self.process, used_ns) {
                let now_ns = process.cpu_ns()?;
                *measured.server_cpu_ns.get_or_insert(0) += now_ns.saturating_sub(used_ns);
            }
            measured.took_ns += took_ns;
            measured.tally.merge(tally);
            let is_over = match length {
                Length::Time(time) => u128::from(measured.took_ns) >= time.as_nanos(),
                Length::Requests(requests) => measured.tally.requests >= requests,
            };
            if is_over || stop.load(Ordering::Relaxed) {
                return Ok(measured);
            }
            if self.workload.key_use() == KeyUse::Taken {
                self.free()?;
            }
        }
    }

    /// One pass of all threads. Its time is that of the slowest.
    fn pass(
        &mut self,
        watch: Watch,
        stop: &AtomicBool,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<(u64, Tally), BenchError> {
        let threads = self.engines.len();
        let turns_per_second =
            (self.options.rate).map(|rate| rate / self.requests_per_turn as f64 / threads as f64);
        let reuse = match self.workload.key_use() {
            KeyUse::Taken => Reuse::OnceEach,
            KeyUse::Held | KeyUse::Released => Reuse::Allowed,
        };
        let requests = AtomicU64::new(0);
        let shared = Shared {
            stop,
            requests: &requests,
        };
        let clock = Stopwatch::start();
        thread::scope(|scope| {
            let (ended, ends) = mpsc::channel::<()>();
            let mut running = Vec::with_capacity(threads);
            for (number, engine) in self.engines.iter_mut().enumerate() {
                let ended = ended.clone();
                let limit = watch.limit(self.requests_per_turn, threads, number, reuse);
                running.push(scope.spawn(move || {
                    // Dropped at the thread's end, whatever the end is.
                    let _ended = ended;
                    let mut tally = Tally::new()?;
                    let took_ns = engine.run(limit, turns_per_second, shared, &mut tally)?;
                    Ok((took_ns, tally))
                }));
            }
            drop(ended);
            while ends.recv_timeout(LOOK_AROUND) == Err(mpsc::RecvTimeoutError::Timeout) {
                progress(watch.progress(clock.elapsed_ns(), requests.load(Ordering::Relaxed)));
            }
            let mut all = (0, Tally::new()?);
            for thread in running {
                let (took_ns, tally) = thread
                    .join()
                    .unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
                all.0 = all.0.max(took_ns);
                all.1.merge(tally);
            }
            Ok(all)
        })
    }

    /// Deletes what the workload may have left.
    fn clear(&mut self, measured: Option<&Measured>) -> Result<(), BenchError> {
        let is_clean = measured.is_some_and(|measured| measured.tally.wrong.count == 0);
        if is_clean && self.workload.key_use() == KeyUse::Released {
            return Ok(());
        }
        self.free()
    }
}

/// All the keys that the connections share out.
fn whole(options: &Options) -> KeyRange {
    let clients = options.clients as u64;
    KeyRange {
        first: 0,
        count: options.keys / clients * clients,
    }
}

/// What is left of a length.
#[derive(Clone, Copy)]
struct Watch {
    length: Length,
    /// Nanoseconds and requests of earlier passes.
    before: (u64, u64),
}

impl Watch {
    /// The part of the thread with this number.
    fn limit(self, per_turn: usize, threads: usize, number: usize, reuse: Reuse) -> PassLimit {
        let (before_ns, before_requests) = self.before;
        let (time_ns, turns) = match self.length {
            Length::Time(time) => {
                let left_ns = time.as_nanos().saturating_sub(u128::from(before_ns));
                (Some(u64::try_from(left_ns).unwrap_or(u64::MAX)), None)
            }
            Length::Requests(requests) => {
                let left = requests.saturating_sub(before_requests);
                let turns = left.div_ceil(per_turn as u64);
                let (threads, number) = (threads as u64, number as u64);
                let share = turns / threads + u64::from(number < turns % threads);
                (None, Some(share))
            }
        };
        PassLimit {
            time_ns,
            turns,
            reuse,
        }
    }

    fn progress(self, elapsed_ns: u64, replies: u64) -> Progress {
        let (before_ns, before_requests) = self.before;
        let (elapsed_ns, replies) = (before_ns + elapsed_ns, before_requests + replies);
        let done = match self.length {
            Length::Time(time) => elapsed_ns as f64 / time.as_nanos().max(1) as f64,
            Length::Requests(requests) => replies as f64 / requests.max(1) as f64,
        };
        Progress {
            done: done.min(1.0),
            replies,
        }
    }
}
