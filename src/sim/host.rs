//! A server on a simulated machine, from its start to its end, however it ends.

use std::sync::Arc;

use parking_lot::Mutex;

use super::executor::Worker;
use super::machine::Process;
use super::socket::Wire;
use super::world::{ActorHandle, World, here};
use crate::config::Config;
use crate::instance::Instance;
use crate::server::simulated::SimulatedServer;

/// A running server.
pub(crate) struct Host {
    pub(crate) process: Arc<Process>,
    server: Option<SimulatedServer>,
    workers: Vec<(Worker, ActorHandle)>,
    next: usize,
}

/// How a start or a stop has ended.
pub(crate) enum Outcome<T> {
    Done(T),
    /// The server says that it cannot.
    Refused(String),
    /// The process has died meanwhile.
    Died,
}

/// The arguments of a server.
pub(crate) struct Settings {
    pub(crate) words: Vec<String>,
    pub(crate) workers: usize,
}

/// What an actor has come to, for the driver.
type Slot<T> = Arc<Mutex<Option<T>>>;

impl Host {
    /// Starts `process`.
    pub(crate) fn start(process: &Arc<Process>, settings: &Settings) -> Outcome<Host> {
        let words: Vec<_> = settings.words.iter().map(Into::into).collect();
        let slot: Slot<Result<SimulatedServer, String>> = Slot::default();
        let filled = Arc::clone(&slot);
        let main = here().spawn("main", process, move || {
            let config = Config::load(&words, &mut std::io::empty());
            let config = config.expect("the settings are right").config;
            let started = SimulatedServer::start(config);
            *filled.lock() = Some(started.map_err(|error| error.to_string()));
        });
        let is_over = await_actor(&main, process);
        if !is_over {
            drain(process, || {
                main.join();
                if let Some(Ok(server)) = slot.lock().take() {
                    end(process, server, Vec::new(), true).join();
                }
            });
            return Outcome::Died;
        }
        let started = slot.lock().take();
        match started.expect("an actor that has ended has told how") {
            Ok(server) => Outcome::Done(Host::with_workers(process, server, settings.workers)),
            Err(error) => {
                process.die();
                Outcome::Refused(error)
            }
        }
    }

    fn with_workers(process: &Arc<Process>, server: SimulatedServer, count: usize) -> Host {
        let here = here();
        let workers = (0..count).map(|number| {
            let worker = Worker::new(&here.world);
            let actor = here.spawn(&format!("worker-{number}"), process, worker.work());
            (worker, actor)
        });
        Host {
            process: Arc::clone(process),
            workers: workers.collect(),
            server: Some(server),
            next: 0,
        }
    }

    /// What it serves.
    pub(crate) fn instance(&self) -> &Arc<Instance> {
        &self.server().instance
    }

    fn server(&self) -> &SimulatedServer {
        self.server.as_ref().expect("it runs")
    }

    /// Connects a client.
    pub(crate) fn connect(&mut self, wire: &Arc<Wire>) {
        let job = self.server().connect(wire.socket());
        let place = self.next % self.workers.len();
        self.next += 1;
        self.workers[place].0.give(job);
    }

    /// Stops it in peace.
    pub(crate) fn stop(mut self) -> Outcome<()> {
        let process = Arc::clone(&self.process);
        let server = self.server.take().expect("it runs");
        let ending = end(&process, server, std::mem::take(&mut self.workers), false);
        if await_actor(&ending, &process) {
            process.die();
            return Outcome::Done(());
        }
        drain(&process, || ending.join());
        Outcome::Died
    }

    /// The process dies now, unless it has; what is left of it is cleared away.
    pub(crate) fn kill(mut self) {
        let process = Arc::clone(&self.process);
        process.die();
        let server = self.server.take().expect("it runs");
        let workers = std::mem::take(&mut self.workers);
        drain(&process, || end(&process, server, workers, true).join());
    }
}

/// Waits for an actor; tells whether it has ended, and its process not.
fn await_actor(actor: &ActorHandle, process: &Process) -> bool {
    let here = here();
    while !actor.is_over() && !process.is_dead() {
        here.wait(actor.key(), None);
        check(&here.world);
    }
    !process.is_dead()
}

/// Ends the driver if an actor has panicked.
///
/// # Panics
/// It has.
pub(crate) fn check(world: &World) {
    if let Some(failure) = world.failure() {
        panic!("{failure}");
    }
}

/// Lets what is left of a dead process end.
fn drain(process: &Arc<Process>, ending: impl FnOnce()) {
    let world = here().world;
    world.begin_drain(process);
    ending();
    world.end_drain();
    check(&world);
}

/// Ends a server on an actor of its process.
fn end(
    process: &Arc<Process>,
    server: SimulatedServer,
    workers: Vec<(Worker, ActorHandle)>,
    is_crashed: bool,
) -> ActorHandle {
    here().spawn("end", process, move || {
        server.instance.stop();
        for (worker, _) in &workers {
            worker.end();
        }
        for (_, actor) in workers {
            actor.join();
        }
        server.end(is_crashed);
    })
}
