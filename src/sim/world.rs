//! The scheduler of a simulation: threads that take turns, and a time that stands still unless it
//! is moved.
//!
//! Every thread of the simulated servers is an *actor*. Exactly one runs; it hands its turn on where
//! it would wait (a lock, a condition variable, a disk, a timer) and at the points where it may be
//! interrupted. A seed chooses who comes next, so the same seed gives the same order. When nobody
//! can run, the time jumps to the next timer.

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::Thread;

use parking_lot::{Mutex, MutexGuard};

use super::machine::Process;
use crate::torture::random::Random;

/// Turns after which a simulation is taken for endless.
const TURNS_MAX: u64 = 20_000_000;

thread_local! {
    static HERE: RefCell<Option<Here>> = const { RefCell::new(None) };
}

/// Which actor the present thread is.
#[derive(Clone)]
pub(crate) struct Here {
    pub(crate) world: Arc<World>,
    pub(crate) process: Arc<Process>,
    actor: usize,
}

/// One simulation.
pub(crate) struct World {
    state: Mutex<State>,
    now_ns: AtomicU64,
    is_traced: bool,
}

struct State {
    actors: Vec<Actor>,
    current: usize,
    random: Random,
    /// Turns that did something: whoever found a lock taken need not look again before.
    progress: u64,
    turns: u64,
    /// How many of a hundred chances to interrupt an actor are passed over.
    stickiness: u64,
    /// The process that dies when so many turns have been taken.
    trap: Option<(u64, Arc<Process>)>,
    /// While the rest of a dead process ends, nobody else but the driver runs.
    drained: Option<Drained>,
    failure: Option<String>,
    next_key: usize,
    /// Stands for all turns that were given, in their order.
    digest: u64,
}

struct Drained {
    process: u64,
    random: Random,
    now_ns: u64,
}

struct Actor {
    name: String,
    process: u64,
    thread: Option<Thread>,
    has_turn: Arc<AtomicBool>,
    status: Status,
    /// How readily it is given a turn.
    weight: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Status {
    Ready,
    /// It found a lock taken when the progress was so far.
    Contending(u64),
    /// It waits to be woken, or for a time.
    Waiting {
        key: usize,
        until_ns: Option<u64>,
    },
    Ended,
}

/// The thread of the test, which plays the clients and inflicts the faults.
const DRIVER: usize = 0;

/// Calls `act` with the present thread's place, if it is in a simulation.
pub(crate) fn with_here<R>(act: impl FnOnce(&Here) -> R) -> Option<R> {
    HERE.with(|here| here.borrow().as_ref().map(act))
}

/// The present thread's place.
///
/// # Panics
/// It is in no simulation.
pub(crate) fn here() -> Here {
    with_here(Here::clone).expect("this thread is in a simulation")
}

/// Whether the present thread is in a simulation.
pub(crate) fn is_simulated() -> bool {
    HERE.with(|here| here.borrow().is_some())
}

/// A point at which an actor may be interrupted or its process die. Outside of a simulation it does
/// nothing.
pub(crate) fn step() {
    with_here(Here::step);
}

impl Here {
    /// See [`step`].
    pub(crate) fn step(&self) {
        self.world.offer_turn(self.actor);
    }

    /// Lets the others run until something has changed: a lock is taken. The first time it may have
    /// changed something itself, as it may have let another lock go.
    pub(crate) fn contend(&self, is_first: bool) {
        let seen = {
            let mut state = self.world.state.lock();
            state.progress += u64::from(is_first);
            state.progress
        };
        self.world.pass_turn(self.actor, Status::Contending(seen));
    }

    /// Waits to be woken by `key`, or for a time; tells whether it was woken.
    pub(crate) fn wait(&self, key: usize, until_ns: Option<u64>) -> bool {
        let waiting = Status::Waiting { key, until_ns };
        self.world.pass_turn(self.actor, waiting);
        until_ns.is_none_or(|until_ns| self.world.now_ns() < until_ns)
    }

    /// Lets so much time pass for this actor.
    pub(crate) fn rest(&self, rest_ns: u64) {
        let until_ns = self.world.now_ns() + rest_ns;
        self.wait(0, Some(until_ns));
    }
}

impl World {
    /// A world in which `seed` decides.
    pub(crate) fn new(seed: u64, is_traced: bool) -> Arc<World> {
        let mut random = Random::new(seed, 1);
        let stickiness = random.choice(&[0, 50, 80, 95]);
        Arc::new(World {
            state: Mutex::new(State {
                actors: Vec::new(),
                current: DRIVER,
                random,
                progress: 0,
                turns: 0,
                stickiness,
                trap: None,
                drained: None,
                failure: None,
                next_key: 1,
                digest: 0,
            }),
            // Servers may not see the very first moment of a machine.
            now_ns: AtomicU64::new(1_000_000_000_000),
            is_traced,
        })
    }

    /// Runs the driver on the present thread; nobody else runs when this returns, but actors that
    /// have not ended keep their threads.
    pub(crate) fn drive<R>(
        self: &Arc<World>,
        process: &Arc<Process>,
        act: impl FnOnce() -> R,
    ) -> R {
        let actor = self.enter("driver", process.number);
        assert_eq!(actor, DRIVER, "a world has one driver");
        self.state.lock().actors[DRIVER].thread = Some(std::thread::current());
        set_here(Some(Here {
            world: Arc::clone(self),
            process: Arc::clone(process),
            actor,
        }));
        let result = catch_unwind(AssertUnwindSafe(act));
        set_here(None);
        match result {
            Ok(result) => result,
            Err(panic) => std::panic::resume_unwind(panic),
        }
    }

    /// Now, in nanoseconds of no clock in particular.
    pub(crate) fn now_ns(&self) -> u64 {
        self.now_ns.load(Ordering::SeqCst)
    }

    /// Moves the time without giving anybody a turn.
    pub(crate) fn spend(&self, span_ns: u64) {
        self.now_ns.fetch_add(span_ns, Ordering::SeqCst);
    }

    /// A number below `end` that the seed decides.
    pub(crate) fn below(&self, end: u64) -> u64 {
        self.state.lock().random().below(end)
    }

    /// Whether something happens that does so `count` times of `of`.
    pub(crate) fn happens(&self, count: u64, of: u64) -> bool {
        count > 0 && self.below(of) < count
    }

    /// How long a sync takes.
    pub(crate) fn sync_ns(&self) -> u64 {
        let mut state = self.state.lock();
        match state.drained {
            Some(_) => 0,
            None => state.random.between(20_000, 4_000_000),
        }
    }

    /// What actors wait by.
    pub(crate) fn new_key(&self) -> usize {
        let mut state = self.state.lock();
        state.next_key += 1;
        state.next_key
    }

    /// Lets whoever waits by `key` go on.
    pub(crate) fn wake(&self, key: usize) {
        let mut state = self.state.lock();
        state.progress += 1;
        for actor in &mut state.actors {
            if matches!(actor.status, Status::Waiting { key: its, .. } if its == key) {
                actor.status = Status::Ready;
            }
        }
    }

    /// Lets one of those who wait by `key` go on.
    pub(crate) fn wake_one(&self, key: usize) {
        let mut state = self.state.lock();
        state.progress += 1;
        let waits = |actor: &&mut Actor| matches!(actor.status, Status::Waiting { key: its, .. } if its == key);
        if let Some(actor) = state.actors.iter_mut().find(waits) {
            actor.status = Status::Ready;
        }
    }

    /// Has `process` die when so many more turns have been taken, unless it is told otherwise.
    pub(crate) fn set_trap(&self, turns: u64, process: &Arc<Process>) {
        let mut state = self.state.lock();
        let at = state.turns + turns;
        state.trap = Some((at, Arc::clone(process)));
    }

    /// Takes the trap away; tells how many turns were taken so far.
    pub(crate) fn clear_trap(&self) -> u64 {
        let mut state = self.state.lock();
        state.trap = None;
        state.turns
    }

    /// A number that is the same for two runs in which the same has happened.
    pub(crate) fn digest(&self) -> u64 {
        self.state.lock().digest ^ self.now_ns()
    }

    /// What an actor has panicked with.
    pub(crate) fn failure(&self) -> Option<String> {
        self.state.lock().failure.clone()
    }

    /// From here on only the driver and the actors of a dead process run. The time that this takes
    /// does not count.
    pub(crate) fn begin_drain(&self, process: &Process) {
        let mut state = self.state.lock();
        state.drained = Some(Drained {
            process: process.number,
            random: Random::new(process.number, 2),
            now_ns: self.now_ns(),
        });
    }

    /// The dead process is gone.
    pub(crate) fn end_drain(&self) {
        let drained = self.state.lock().drained.take();
        if let Some(drained) = drained {
            self.now_ns.store(drained.now_ns, Ordering::SeqCst);
        }
    }

    /// Prints what happens, if the run is traced.
    pub(crate) fn trace(&self, text: impl FnOnce() -> String) {
        if self.is_traced {
            let now_us = self.now_ns() / 1000;
            let actor = with_here(|here| {
                let state = self.state.lock();
                state.actors[here.actor].name.clone()
            });
            eprintln!("{now_us:>12} {:<10} {}", actor.unwrap_or_default(), text());
        }
    }

    fn enter(&self, name: &str, process: u64) -> usize {
        let mut state = self.state.lock();
        let weight = state.random().choice(&[1, 4, 16]);
        let actor = Actor {
            name: name.to_owned(),
            process,
            thread: None,
            has_turn: Arc::new(AtomicBool::new(false)),
            status: Status::Ready,
            weight,
        };
        // The place of one that has ended is used again.
        let ended = |actor: &Actor| actor.status == Status::Ended;
        match state.actors.iter().position(ended) {
            Some(place) => {
                state.actors[place] = actor;
                place
            }
            None => {
                state.actors.push(actor);
                state.actors.len() - 1
            }
        }
    }

    /// Perhaps lets somebody else run.
    fn offer_turn(&self, me: usize) {
        let mut state = self.state.lock();
        let stickiness = state.stickiness;
        let step_ns = state.random().between(100, 3_000);
        self.spend(step_ns);
        state.turns += 1;
        state.progress += 1;
        let stays = state.random().below(100) < stickiness && state.drained.is_none();
        if stays && !state.is_trapped() {
            return;
        }
        self.hand_on(state, me, Status::Ready);
    }

    fn pass_turn(&self, me: usize, status: Status) {
        let mut state = self.state.lock();
        state.turns += 1;
        if !matches!(status, Status::Contending(_)) {
            state.progress += 1;
        }
        self.hand_on(state, me, status);
    }

    /// Gives the turn to somebody, and waits until it comes back.
    fn hand_on<'a>(&'a self, mut state: MutexGuard<'a, State>, me: usize, status: Status) {
        state.actors[me].status = status;
        if let Some(process) = state.sprung() {
            drop(state);
            process.die();
            state = self.state.lock();
            // The driver hears of it whatever it waits for.
            state.actors[DRIVER].status = Status::Ready;
            state.current = DRIVER;
        } else {
            state.current = state.choose(&self.now_ns);
        }
        let next = state.current;
        state.actors[next].status = Status::Ready;
        if state.drained.is_none() {
            let moment = self.now_ns() ^ next as u64;
            state.digest = (state.digest ^ moment).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        }
        if next == me {
            return;
        }
        let mine = Arc::clone(&state.actors[me].has_turn);
        state.give_turn();
        drop(state);
        await_turn(&mine);
    }

    /// Gives the turn away for good.
    fn leave(&self, me: usize, failure: Option<String>) {
        let mut state = self.state.lock();
        state.progress += 1;
        state.actors[me].status = Status::Ended;
        if let Some(failure) = failure {
            let name = state.actors[me].name.clone();
            state
                .failure
                .get_or_insert(format!("thread {name} panicked: {failure}"));
            state.actors[DRIVER].status = Status::Ready;
        }
        state.current = state.choose(&self.now_ns);
        let next = state.current;
        state.actors[next].status = Status::Ready;
        state.give_turn();
    }
}

impl State {
    fn random(&mut self) -> &mut Random {
        match &mut self.drained {
            Some(drained) => &mut drained.random,
            None => &mut self.random,
        }
    }

    fn is_trapped(&self) -> bool {
        self.trap.as_ref().is_some_and(|(at, _)| self.turns >= *at)
    }

    /// The process that dies now.
    fn sprung(&mut self) -> Option<Arc<Process>> {
        let is_sprung = self.is_trapped() && self.drained.is_none();
        self.trap.take_if(|_| is_sprung).map(|(_, process)| process)
    }

    fn may_run(&self, index: usize) -> bool {
        let actor = &self.actors[index];
        let is_in = self
            .drained
            .as_ref()
            .is_none_or(|drained| drained.process == actor.process || index == DRIVER);
        is_in
            && match actor.status {
                Status::Ready => true,
                Status::Contending(seen) => self.progress > seen,
                Status::Waiting { .. } | Status::Ended => false,
            }
    }

    /// Whoever has the next turn. If nobody can run, the time moves on.
    fn choose(&mut self, now_ns: &AtomicU64) -> usize {
        if self.turns > TURNS_MAX {
            return self.give_up("it is endless");
        }
        loop {
            let now = now_ns.load(Ordering::SeqCst);
            for actor in &mut self.actors {
                if matches!(actor.status, Status::Waiting { until_ns: Some(until), .. } if until <= now)
                {
                    actor.status = Status::Ready;
                }
            }
            let can = (0..self.actors.len()).filter(|index| self.may_run(*index));
            let can: Vec<usize> = can.collect();
            let total: u64 = can.iter().map(|index| self.actors[*index].weight).sum();
            if total > 0 {
                let mut drawn = self.random().below(total);
                for index in can {
                    let weight = self.actors[index].weight;
                    if drawn < weight {
                        return index;
                    }
                    drawn -= weight;
                }
            }
            let in_play = |index: &usize| {
                let process = self.actors[*index].process;
                self.drained
                    .as_ref()
                    .is_none_or(|drained| drained.process == process || *index == DRIVER)
            };
            let next = (0..self.actors.len()).filter(in_play).filter_map(|index| {
                match self.actors[index].status {
                    Status::Waiting { until_ns, .. } => until_ns,
                    _ => None,
                }
            });
            match next.min() {
                Some(next) => now_ns.store(next.max(now), Ordering::SeqCst),
                None => return self.give_up("nobody can go on"),
            }
        }
    }

    /// Lets the driver hear that nothing makes sense any more.
    fn give_up(&mut self, why: &str) -> usize {
        let text = format!("{why}: {}", self.describe());
        self.failure.get_or_insert(text);
        DRIVER
    }

    fn give_turn(&self) {
        let next = &self.actors[self.current];
        next.has_turn.store(true, Ordering::Release);
        if let Some(thread) = &next.thread {
            thread.unpark();
        }
    }

    fn describe(&self) -> String {
        let actors = self.actors.iter().map(|actor| {
            let Actor {
                name,
                process,
                status,
                ..
            } = actor;
            format!("{name} of process {process} is {status:?}")
        });
        actors.collect::<Vec<_>>().join(", ")
    }
}

fn await_turn(has_turn: &AtomicBool) {
    while !has_turn.swap(false, Ordering::Acquire) {
        std::thread::park();
    }
}

fn set_here(here: Option<Here>) {
    HERE.with(|place| *place.borrow_mut() = here);
}

/// An actor that somebody may wait for.
pub(crate) struct ActorHandle {
    is_over: Arc<AtomicBool>,
    key: usize,
}

impl ActorHandle {
    /// Waits until it has ended.
    pub(crate) fn join(self) {
        let here = here();
        while !self.is_over.load(Ordering::SeqCst) {
            here.wait(self.key, None);
            if let (DRIVER, Some(failure)) = (here.actor, here.world.failure()) {
                panic!("{failure}");
            }
        }
    }

    /// Whether it has ended.
    pub(crate) fn is_over(&self) -> bool {
        self.is_over.load(Ordering::SeqCst)
    }

    /// What wakes who waits for it.
    pub(crate) fn key(&self) -> usize {
        self.key
    }
}

impl Here {
    /// Starts an actor of the present process.
    pub(crate) fn spawn(
        &self,
        name: &str,
        process: &Arc<Process>,
        work: impl FnOnce() + Send + 'static,
    ) -> ActorHandle {
        let world = Arc::clone(&self.world);
        let actor = world.enter(name, process.number);
        let here = Here {
            world: Arc::clone(&world),
            process: Arc::clone(process),
            actor,
        };
        let key = world.new_key();
        let is_over = Arc::new(AtomicBool::new(false));
        let handle = ActorHandle {
            is_over: Arc::clone(&is_over),
            key,
        };
        let has_turn = Arc::clone(&world.state.lock().actors[actor].has_turn);
        let thread = std::thread::Builder::new()
            .name(name.to_owned())
            .spawn(move || {
                await_turn(&has_turn);
                set_here(Some(here.clone()));
                let ended = catch_unwind(AssertUnwindSafe(work));
                set_here(None);
                is_over.store(true, Ordering::SeqCst);
                here.world.wake(key);
                here.world
                    .leave(here.actor, ended.err().map(|panic| text_of(&*panic)));
            })
            .expect("the system has a thread");
        self.world.state.lock().actors[actor].thread = Some(thread.thread().clone());
        handle
    }
}

fn text_of(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
    text.unwrap_or("something that is no text").to_owned()
}
