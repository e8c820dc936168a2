//! One thread of a load: its connections, and the loop that keeps requests in flight on them.
//!
//! A connection has one batch in flight at a time. When the last reply of a batch has come, the
//! next batch goes out: the next step on the same keys, or the first step on fresh ones. Without a
//! rate every connection does so at once; with one, turns wait until they are due, and latency
//! counts from the time at which they should have been sent.

use std::collections::VecDeque;
use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use mio::event::Event;
use mio::{Events, Poll};

use crate::clock::{self, Stopwatch};
use crate::error::BenchError;

use super::keys::KeyRange;
use super::lane::{Fault, Lane, Next};
use super::link::{Link, PATIENCE, Target, system};
use super::measure::Tally;
use super::schedule::Schedule;
use super::template::Step;

/// Bytes that one read takes at most: the replies to a deep pipeline.
const READ_BYTES: usize = 64 * 1024;

/// The longest that the loop waits before it looks whether it should end.
pub(super) const LOOK_AROUND: Duration = Duration::from_millis(100);

/// When a pass over the keys ends: at the first of these.
#[derive(Clone, Copy, Debug)]
pub(super) struct PassLimit {
    /// No turn begins after so many nanoseconds.
    pub(super) time_ns: Option<u64>,
    /// So many turns begin. A turn is all the steps of the workload on one set of keys.
    pub(super) turns: Option<u64>,
    /// Whether a key may be met twice.
    pub(super) reuse: Reuse,
}

/// Whether a key may be met twice in one pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reuse {
    /// The walk over a range begins again at its end.
    Allowed,
    /// The walk ends with its range.
    OnceEach,
}

/// What all threads look at while they run.
#[derive(Clone, Copy)]
pub(super) struct Shared<'a> {
    /// The user wants an end.
    pub(super) stop: &'a AtomicBool,
    /// Replies so far, for those who watch.
    pub(super) replies: &'a AtomicU64,
}

/// A thread's part of the load.
pub(super) struct Driver {
    target: Target,
    pipeline: usize,
    poll: Poll,
    lanes: Vec<Lane>,
    buffer: Vec<u8>,
}

/// One run over the keys.
struct Pass<'a> {
    clock: Stopwatch,
    limit: PassLimit,
    turns_left: u64,
    schedule: Option<Schedule>,
    shared: Shared<'a>,
    tally: &'a mut Tally,
    /// Connections with a batch in flight.
    in_flight: usize,
    /// Connections that wait for a turn to be due.
    idle: VecDeque<usize>,
    due_ns: Vec<u64>,
}

impl Driver {
    pub(super) fn new(target: &Target, pipeline: usize) -> Result<Driver, BenchError> {
        Ok(Driver {
            target: target.clone(),
            pipeline,
            poll: Poll::new().map_err(|error| system("wait for replies", &error))?,
            lanes: Vec::new(),
            buffer: vec![0; READ_BYTES],
        })
    }

    /// Adds a connection with its requests and keys.
    pub(super) fn add(
        &mut self,
        mut link: Link,
        steps: &[Step],
        range: KeyRange,
    ) -> Result<(), BenchError> {
        link.register(&self.poll, self.lanes.len())?;
        let lane = Lane::new(link, steps, self.pipeline, range);
        self.lanes.push(lane);
        Ok(())
    }

    /// Runs until the limit, and until every reply that is owed has come. Tells the nanoseconds
    /// that this took.
    pub(super) fn run(
        &mut self,
        limit: PassLimit,
        turns_per_second: Option<f64>,
        shared: Shared<'_>,
        tally: &mut Tally,
    ) -> Result<u64, BenchError> {
        let cpu_ns = clock::thread_cpu_ns();
        let clock = Stopwatch::start();
        self.lanes.iter_mut().for_each(Lane::restart);
        let mut pass = Pass {
            clock,
            limit,
            turns_left: limit.turns.unwrap_or(u64::MAX),
            schedule: turns_per_second.map(Schedule::new),
            shared,
            tally,
            in_flight: 0,
            idle: (0..self.lanes.len()).collect(),
            due_ns: Vec::new(),
        };
        self.serve(&mut pass)?;
        let took_ns = clock.elapsed_ns();
        tally.cpu_ns += clock::thread_cpu_ns() - cpu_ns;
        Ok(took_ns)
    }

    fn serve(&mut self, pass: &mut Pass<'_>) -> Result<(), BenchError> {
        let mut events = Events::with_capacity(1024);
        let mut heard_ns = 0;
        loop {
            self.begin_due(pass).map_err(|fault| self.told(fault))?;
            if pass.in_flight == 0 && pass.idle.is_empty() {
                return Ok(());
            }
            let now_ns = pass.clock.elapsed_ns();
            if pass.in_flight == 0 {
                heard_ns = now_ns;
            }
            if now_ns.saturating_sub(heard_ns) > PATIENCE.as_nanos() as u64 {
                return Err(BenchError::Silent {
                    target: self.target.to_string(),
                    waited: PATIENCE,
                });
            }
            let waited = self.poll.poll(&mut events, Some(pass.patience(now_ns)));
            match waited {
                Err(error) if error.kind() != io::ErrorKind::Interrupted => {
                    return Err(system("wait for replies", &error));
                }
                _ => {}
            }
            for event in &events {
                heard_ns = now_ns;
                self.attend(event, pass).map_err(|fault| self.told(fault))?;
            }
        }
    }

    fn told(&self, fault: Fault) -> BenchError {
        match fault {
            Fault::Protocol(what) => self.target.protocol(what),
            Fault::Dropped(error) => self.target.dropped(&error.to_string()),
        }
    }

    /// Gives idle connections what is due for them.
    fn begin_due(&mut self, pass: &mut Pass<'_>) -> Result<(), Fault> {
        while let Some(number) = pass.idle.pop_front() {
            let in_flight = pass.in_flight;
            self.begin(number, pass)?;
            let is_early = pass.in_flight == in_flight && pass.idle.back() == Some(&number);
            if is_early {
                break;
            }
        }
        Ok(())
    }

    /// Begins the next turns on a connection, or lays it aside: among the idle ones if there will
    /// be more for it to do in this pass, else for good.
    fn begin(&mut self, number: usize, pass: &mut Pass<'_>) -> Result<(), Fault> {
        let lane = &mut self.lanes[number];
        let turns = pass.turns_allowed(lane).min(self.pipeline as u64) as usize;
        if turns == 0 {
            return Ok(());
        }
        let begun = match &mut pass.schedule {
            None => lane.begin(turns, pass.clock).map(|()| turns),
            Some(schedule) => {
                let now_ns = pass.clock.elapsed_ns();
                pass.due_ns.clear();
                let due = std::iter::from_fn(|| schedule.take(now_ns));
                pass.due_ns.extend(due.take(turns));
                if pass.due_ns.is_empty() {
                    pass.idle.push_back(number);
                    return Ok(());
                }
                let due = &pass.due_ns;
                lane.begin_due(due, pass.clock).map(|()| due.len())
            }
        };
        pass.turns_left -= begun.map_err(Fault::Dropped)? as u64;
        pass.in_flight += 1;
        Ok(())
    }

    /// Takes what a connection has for us.
    fn attend(&mut self, event: &Event, pass: &mut Pass<'_>) -> Result<(), Fault> {
        let number = event.token().0;
        if event.is_writable() {
            self.lanes[number].flush().map_err(Fault::Dropped)?;
        }
        if !(event.is_readable() || event.is_read_closed() || event.is_error()) {
            return Ok(());
        }
        loop {
            let lane = &mut self.lanes[number];
            let read = lane.read(&mut self.buffer).map_err(Fault::Dropped)?;
            let Some(length) = read else {
                return Ok(());
            };
            let received = &self.buffer[..length];
            let answered_before = pass.tally.requests;
            let next = lane.accept(received, pass.clock, pass.tally)?;
            let answered = pass.tally.requests - answered_before;
            pass.shared.replies.fetch_add(answered, Ordering::Relaxed);
            if next == Next::Idle {
                pass.in_flight -= 1;
                match pass.schedule {
                    Some(_) => pass.idle.push_back(number),
                    None => self.begin(number, pass)?,
                }
            }
            // Less than there was room for: that was all, and more will be announced.
            if length < self.buffer.len() {
                return Ok(());
            }
        }
    }
}

impl Pass<'_> {
    /// Turns that may begin now on a connection.
    fn turns_allowed(&self, lane: &Lane) -> u64 {
        let is_over = self.shared.stop.load(Ordering::Relaxed)
            || (self.limit.time_ns).is_some_and(|limit| self.clock.elapsed_ns() >= limit);
        match self.limit.reuse {
            _ if is_over => 0,
            Reuse::Allowed => self.turns_left,
            Reuse::OnceEach => self.turns_left.min(lane.fresh_turns()),
        }
    }

    /// How long the loop may wait for replies.
    fn patience(&self, now_ns: u64) -> Duration {
        match &self.schedule {
            Some(schedule) if !self.idle.is_empty() => schedule.wait(now_ns).min(LOOK_AROUND),
            _ => LOOK_AROUND,
        }
    }
}
