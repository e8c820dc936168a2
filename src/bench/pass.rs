//! One run of a thread over its keys: the loop that waits for replies, and when turns begin.
//!
//! What the turns consist of is a [`Crew`]'s business: batches on single connections, or votes
//! over several. A turn is all the requests of the workload on one set of keys.

use std::collections::VecDeque;
use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use mio::event::Event;
use mio::{Events, Poll};

use crate::clock::{self, Stopwatch};
use crate::error::BenchError;

use super::link::system;
use super::measure::Tally;
use super::schedule::Schedule;

/// The longest that the loop waits before it looks whether it should end.
pub(super) const LOOK_AROUND: Duration = Duration::from_millis(100);

/// Connections that the system may announce at one time.
const EVENTS_MAX: usize = 1024;

/// When a pass ends: at the first of these.
#[derive(Clone, Copy, Debug)]
pub(super) struct PassLimit {
    /// No turn begins after so many nanoseconds.
    pub(super) time_ns: Option<u64>,
    /// So many turns begin.
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
    /// Requests so far, for those who watch.
    pub(super) requests: &'a AtomicU64,
}

/// The connections of a thread, by number.
pub(super) trait Crew {
    /// How many take turns.
    fn size(&self) -> usize;

    /// Begins the pass with the first key of each range.
    fn restart(&mut self);

    /// The most turns that a member may begin now.
    fn turns_max(&self, number: usize, reuse: Reuse) -> u64;

    /// Begins so many turns; they are due at `pass.due_ns`, or now if that is empty.
    fn begin(&mut self, number: usize, turns: usize, pass: &mut Pass<'_>)
    -> Result<(), BenchError>;

    /// Takes what a socket has for us, and calls [`Pass::ended`] for each member that is done.
    fn attend(&mut self, event: &Event, pass: &mut Pass<'_>) -> Result<(), BenchError>;

    /// Looks for replies that are overdue; nothing has been heard since `heard_ns`.
    fn look_around(&mut self, heard_ns: u64, pass: &mut Pass<'_>) -> Result<(), BenchError>;

    /// What tells of sockets.
    fn poll(&mut self) -> &mut Poll;
}

/// The state of a pass.
pub(super) struct Pass<'a> {
    pub(super) clock: Stopwatch,
    pub(super) tally: &'a mut Tally,
    /// When the turns that begin were due, if a rate says so.
    pub(super) due_ns: Vec<u64>,
    limit: PassLimit,
    turns_left: u64,
    schedule: Option<Schedule>,
    shared: Shared<'a>,
    in_flight: usize,
    /// Members that wait for a turn.
    idle: VecDeque<usize>,
}

/// Runs until the limit, and until every reply that is owed has come. Tells the nanoseconds that
/// this took.
pub(super) fn run_pass(
    crew: &mut impl Crew,
    limit: PassLimit,
    turns_per_second: Option<f64>,
    shared: Shared<'_>,
    tally: &mut Tally,
) -> Result<u64, BenchError> {
    let cpu_ns = clock::thread_cpu_ns();
    crew.restart();
    let mut pass = Pass {
        clock: Stopwatch::start(),
        tally,
        due_ns: Vec::new(),
        limit,
        turns_left: limit.turns.unwrap_or(u64::MAX),
        schedule: turns_per_second.map(Schedule::new),
        shared,
        in_flight: 0,
        idle: (0..crew.size()).collect(),
    };
    serve(crew, &mut pass)?;
    let took_ns = pass.clock.elapsed_ns();
    tally.cpu_ns += clock::thread_cpu_ns() - cpu_ns;
    Ok(took_ns)
}

fn serve(crew: &mut impl Crew, pass: &mut Pass<'_>) -> Result<(), BenchError> {
    let mut events = Events::with_capacity(EVENTS_MAX);
    let mut heard_ns = 0;
    loop {
        pass.begin_due(crew)?;
        if pass.in_flight == 0 && pass.idle.is_empty() {
            return Ok(());
        }
        let now_ns = pass.clock.elapsed_ns();
        if pass.in_flight == 0 {
            heard_ns = now_ns;
        }
        let waited = crew.poll().poll(&mut events, Some(pass.patience(now_ns)));
        match waited {
            Err(error) if error.kind() != io::ErrorKind::Interrupted => {
                return Err(system("wait for replies", &error));
            }
            _ => {}
        }
        if events.is_empty() {
            crew.look_around(heard_ns, pass)?;
        } else {
            heard_ns = now_ns;
        }
        let requests = pass.tally.requests;
        for event in &events {
            crew.attend(event, pass)?;
        }
        let answered = pass.tally.requests - requests;
        pass.shared.requests.fetch_add(answered, Ordering::Relaxed);
    }
}

impl Pass<'_> {
    /// A member has done its turns. It begins the next ones at once, or waits until they are due.
    pub(super) fn ended(&mut self, number: usize, crew: &mut impl Crew) -> Result<(), BenchError> {
        self.in_flight -= 1;
        if self.schedule.is_some() {
            self.idle.push_back(number);
            return Ok(());
        }
        self.begin(number, crew).map(|_| ())
    }

    /// Gives idle members what is due for them.
    fn begin_due(&mut self, crew: &mut impl Crew) -> Result<(), BenchError> {
        while let Some(number) = self.idle.pop_front() {
            if self.begin(number, crew)? == Begun::Early {
                self.idle.push_front(number);
                break;
            }
        }
        Ok(())
    }

    fn begin(&mut self, number: usize, crew: &mut impl Crew) -> Result<Begun, BenchError> {
        let most = crew
            .turns_max(number, self.limit.reuse)
            .min(self.turns_left);
        if most == 0 || self.is_over() {
            return Ok(Begun::Never);
        }
        let mut turns = most as usize;
        self.due_ns.clear();
        if let Some(schedule) = &mut self.schedule {
            let now_ns = self.clock.elapsed_ns();
            let due = std::iter::from_fn(|| schedule.take(now_ns));
            self.due_ns.extend(due.take(turns));
            turns = self.due_ns.len();
            if turns == 0 {
                return Ok(Begun::Early);
            }
        }
        self.turns_left -= turns as u64;
        self.in_flight += 1;
        crew.begin(number, turns, self)?;
        Ok(Begun::Now)
    }

    fn is_over(&self) -> bool {
        self.shared.stop.load(Ordering::Relaxed)
            || (self.limit.time_ns).is_some_and(|limit| self.clock.elapsed_ns() >= limit)
    }

    /// How long the loop may wait for replies.
    fn patience(&self, now_ns: u64) -> Duration {
        match &self.schedule {
            Some(schedule) if !self.idle.is_empty() => schedule.wait(now_ns).min(LOOK_AROUND),
            _ => LOOK_AROUND,
        }
    }
}

/// Whether a member began turns.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Begun {
    Now,
    /// None is due yet.
    Early,
    /// There are none left for it in this pass.
    Never,
}
