//! One seed: a machine whose server is started, used, killed and stopped some times, with whatever
//! goes wrong meanwhile, and held against the model after each start.

mod figures;
mod look;
mod plan;

use std::sync::Arc;

use super::client::Client;
use super::disk::Counts;
use super::faults::{Call, Failure, Fault, Faults};
use super::host::{Host, Outcome, Settings, check as check_actors};
use super::lease::{self, Crash};
use super::machine::{Machine, Process};
use super::model::{Fate, Operation, Slots, Texts, Value};
use super::socket::Wire;
use super::workload::{Author, Habits, LOCKS, NAMES};
use super::world::{World, here};
use crate::torture::random::Random;

pub(crate) use figures::Figures;

use plan::{Mode, Plan};

/// What has happened since the keys were last looked at.
#[derive(Clone, Copy, Debug, Default)]
struct Since {
    has_crashed: bool,
    has_lost_ring: bool,
    is_lossy: bool,
    /// The disk had failed before, and what was restored then may not be on it.
    is_in_doubt: bool,
    /// Everything that was answered by then is on the disk.
    synced_ns: u64,
    /// When clients could last be answered.
    over_ns: u64,
    /// It has stopped in peace, and nothing has run since.
    is_clean: bool,
}

struct Simulation {
    world: Arc<World>,
    machine: Arc<Machine>,
    random: Random,
    plan: Plan,
    settings: Settings,
    habits: Habits,
    texts: Texts,
    tokens: Vec<Vec<Value>>,
    serial: u64,
    operations: Vec<Operation>,
    /// Where the operations begin that came after the last look.
    first: usize,
    before: Vec<Slots>,
    looked_ns: u64,
    since: Since,
    crashes: Vec<Crash>,
    /// Until when a start was told to wait, in the world's time.
    waits_until_ns: i128,
    waits_ms: u64,
    has_started: bool,
    /// The machine had crashed before the last look.
    is_first_of_boot: bool,
    figures: Figures,
}

/// Runs a seed.
///
/// # Errors
/// What went wrong.
pub(crate) fn run(seed: u64, is_traced: bool) -> Result<Figures, String> {
    let world = World::new(seed, is_traced);
    let mut random = Random::new(seed, 3);
    let plan = Plan::new(&mut random);
    world.trace(|| format!("{plan:?}"));
    let wall_drift_ppm = random.choice(&[0, 0, 30, -200]);
    let machine = Machine::new(&world, 0, wall_drift_ppm);
    let mut simulation = Simulation {
        habits: Habits::new(&mut random),
        settings: plan.settings(&mut random),
        world: Arc::clone(&world),
        random,
        plan,
        texts: Texts::default(),
        tokens: vec![Vec::new(); LOCKS.end],
        serial: 0,
        operations: Vec::new(),
        first: 0,
        before: vec![[None; 2]; NAMES.len()],
        looked_ns: 0,
        since: Since::default(),
        crashes: Vec::new(),
        waits_until_ns: 0,
        waits_ms: 0,
        has_started: false,
        is_first_of_boot: false,
        figures: Figures::default(),
        machine,
    };
    let driver = simulation.machine.start();
    world.drive(&driver, || simulation.run())
}

impl Simulation {
    fn run(&mut self) -> Result<Figures, String> {
        for life in 0..self.plan.lives {
            let is_faulty = self.plan.fails_calls && self.random.below(4) == 0;
            let may_die = self.random.below(6) == 0;
            self.world.trace(|| format!("life {life}"));
            if let Some((host, calls)) = self.start(is_faulty, may_die)? {
                self.live(host, calls)?;
            }
            self.between_lives();
        }
        match self.start(false, false)? {
            Some((host, _)) => host.kill(),
            None => return Err("the last start did not come to its end".to_owned()),
        }
        let faults = lease::faults(&self.operations, &self.crashes, &self.texts);
        if let Some(fault) = faults.first() {
            return Err(fault.clone());
        }
        self.figures.seeds = 1;
        self.figures.digest = self.world.digest();
        self.figures.operations = self.operations.len() as u64;
        let answered = |operation: &&Operation| operation.answered_ns.is_some();
        self.figures.answered = self.operations.iter().filter(answered).count() as u64;
        Ok(self.figures)
    }

    /// Starts the server and holds it against the model; `None` if it did not come so far.
    fn start(&mut self, is_faulty: bool, may_die: bool) -> Result<Option<(Host, Counts)>, String> {
        let process = self.machine.start();
        process.disk.set_free(u64::MAX / 2);
        if is_faulty {
            process.disk.set_faults(self.some_faults());
        }
        if may_die {
            let turns = self.random.below(200);
            self.world.set_trap(turns, &process);
        }
        let started = Host::start(&process, &self.settings);
        self.world.clear_trap();
        process.disk.set_faults(Faults::default());
        self.figures.starts += 1;
        self.note_disk(&process);
        match started {
            Outcome::Done(host) => {
                self.look(&host)?;
                let counts = process.disk.counts();
                Ok(Some((host, counts)))
            }
            Outcome::Refused(error) if process.disk.counts().faults == 0 => {
                Err(format!("it does not start: {error}"))
            }
            Outcome::Refused(_) => Ok(None),
            Outcome::Died => {
                self.figures.kills += 1;
                Ok(None)
            }
        }
    }

    fn note_disk(&mut self, process: &Process) {
        let Counts { calls, faults } = process.disk.counts();
        self.figures.disk_calls += calls;
        self.figures.disk_faults += faults;
        self.since.is_lossy |= faults > 0;
    }

    /// Lets clients use the server until it ends.
    fn live(&mut self, mut host: Host, begun: Counts) -> Result<(), String> {
        let process = Arc::clone(&host.process);
        let dies = self.random.below(2) == 0;
        if dies {
            let turns = self.random.below(40 * self.plan.rounds * self.plan.clients);
            self.world.set_trap(turns, &process);
        }
        let key = self.world.new_key();
        let mut clients: Vec<Client> = Vec::new();
        for _ in 0..self.plan.clients {
            let client = self.connect(&mut host, key);
            clients.push(client);
        }
        for _ in 0..self.plan.rounds {
            self.act(&mut host, &mut clients, key)?;
            self.hear(&mut clients)?;
            if process.is_dead() {
                break;
            }
        }
        let patience = self.random.choice(&[0, 20, 400]);
        for _ in 0..patience {
            if process.is_dead() || clients.iter().all(|client| client.pending() == 0) {
                break;
            }
            self.pause(key, 10_000_000)?;
            self.hear(&mut clients)?;
        }
        self.end(host, &mut clients, begun)
    }

    fn end(&mut self, host: Host, clients: &mut [Client], begun: Counts) -> Result<(), String> {
        let process = Arc::clone(&host.process);
        // What looks at a dead server would let it go on.
        if let (false, Some(keeper)) = (process.is_dead(), host.instance().keeper.get()) {
            self.figures.rewrites += keeper.rewrite_state().rewrites;
        }
        let stops = !process.is_dead() && self.random.below(2) == 0;
        let ended = if stops {
            self.world.trace(|| "stops".to_owned());
            host.stop()
        } else {
            process.die();
            self.hear(clients)?;
            self.since.over_ns = self.world.now_ns();
            host.kill();
            Outcome::Died
        };
        self.world.clear_trap();
        check_actors(&self.world);
        let is_dead = matches!(ended, Outcome::Died);
        if stops {
            // What was answered before a stop, or before a kill during one, was answered.
            self.hear(clients)?;
            self.since.over_ns = self.world.now_ns();
        }
        for client in clients {
            client.wire.leave();
        }
        match is_dead {
            true => self.figures.kills += 1,
            false => self.figures.stops += 1,
        }
        let counts = process.disk.counts();
        self.figures.disk_calls += counts.calls - begun.calls;
        self.figures.disk_faults += counts.faults - begun.faults;
        self.since.is_lossy |= counts.faults > begun.faults;
        self.since.is_clean = !is_dead && !self.since.is_lossy;
        Ok(())
    }

    /// What happens to a machine on which no server runs.
    fn between_lives(&mut self) {
        if self.plan.damages_ring && !self.since.is_clean && self.random.below(3) == 0 {
            self.since.has_lost_ring |= self.machine.image().damage_ring(&mut self.random);
        }
        let crashes = self.random.below(3) == 0;
        if crashes {
            self.world.trace(|| "the machine crashes".to_owned());
            self.crashes.push(Crash {
                at_ns: self.world.now_ns(),
                covered_ms: match self.plan.mode {
                    Mode::Always => u64::MAX,
                    Mode::Guard | Mode::EverySec => self.plan.guard_max_ms,
                },
            });
            let span_ns = self
                .random
                .choice(&[1_000_000, 2_000_000_000, 20_000_000_000]);
            self.machine.crash(&mut self.random, span_ns);
            self.since.has_crashed = true;
            self.figures.crashes += 1;
        } else {
            let span_ns = self.random.choice(&[1_000_000, 100_000_000, 3_000_000_000]);
            self.world.spend(span_ns);
        }
        if self.plan.steps_wall && self.random.below(3) == 0 {
            self.step_wall();
        }
    }

    fn step_wall(&mut self) {
        let size_us = self.random.choice(&[2_000_000, 60_000_000, 3_600_000_000]);
        let by_us = if self.random.below(2) == 0 {
            size_us
        } else {
            -size_us
        };
        self.world
            .trace(|| format!("the wall clock steps by {by_us} us"));
        self.machine.step_wall(by_us);
        self.figures.wall_steps += 1;
    }

    fn connect(&mut self, host: &mut Host, key: usize) -> Client {
        let wire = Wire::new(&self.world, key);
        host.connect(&wire);
        let database = usize::from(self.random.below(4) == 0);
        let number = self.random.below(1000) as usize;
        let mut client = Client::new(number, database, wire);
        if database == 1 {
            let select = super::workload::select(database);
            let operation = self.operation(&client, Vec::new());
            client.ask(select, operation);
        }
        client
    }

    fn operation(&mut self, client: &Client, parts: Vec<super::model::Part>) -> usize {
        self.operations.push(Operation {
            client: client.number,
            parts,
            sent_ns: self.world.now_ns(),
            answered_ns: None,
            fate: Fate::Open,
        });
        self.operations.len() - 1
    }

    fn hear(&mut self, clients: &mut [Client]) -> Result<(), String> {
        for client in clients {
            let news = client.hear(&mut self.operations, &mut self.texts)?;
            let synced_ns = news.synced_ns.unwrap_or(0);
            self.since.synced_ns = self.since.synced_ns.max(synced_ns);
        }
        Ok(())
    }

    /// One thing that a client or the world does.
    fn act(&mut self, host: &mut Host, clients: &mut [Client], key: usize) -> Result<(), String> {
        let disk = &host.process.disk;
        match self.random.below(100) {
            0 if self.plan.steps_wall => self.step_wall(),
            1..=4 if self.plan.fails_calls => disk.set_faults(self.some_faults()),
            5..=9 => {
                disk.set_faults(Faults::default());
                disk.set_free(u64::MAX / 2);
            }
            10..=11 if self.plan.fills_disk => {
                let pages = self.random.choice(&[0, 3, 300]);
                disk.set_free(pages);
            }
            12..=14 if self.plan.writes_back => {
                let chance = self.random.choice(&[1, 50, 100]);
                let random = &mut self.random;
                disk.write_back(|| random.below(100) < chance);
            }
            15..=16 => {
                let place = self.random.below(clients.len() as u64) as usize;
                clients[place].wire.leave();
                self.hear(&mut clients[place..=place])?;
                clients[place] = self.connect(host, key);
            }
            17 if self.plan.sleeps_long => {
                let span_ns = self.random.between(1_000_000_000, 14_000_000_000);
                self.pause(key, span_ns)?;
            }
            _ => {
                let place = self.random.below(clients.len() as u64) as usize;
                let most = if self.plan.pipelines { 3 } else { 1 };
                let closed = clients[place].wire.is_closed();
                if closed {
                    self.hear(&mut clients[place..=place])?;
                    clients[place] = self.connect(host, key);
                }
                if clients[place].pending() < most {
                    self.ask(&mut clients[place]);
                }
            }
        }
        let span_ns = self
            .random
            .choice(&[0, 10_000, 100_000, 1_000_000, 30_000_000]);
        self.pause(key, span_ns)
    }

    fn ask(&mut self, client: &mut Client) {
        let mut author = Author {
            random: &mut self.random,
            texts: &mut self.texts,
            habits: &self.habits,
            tokens: &mut self.tokens,
            serial: &mut self.serial,
        };
        let request = author.request(client.database);
        self.world
            .trace(|| format!("client {} asks {:?}", client.number, request.parts));
        let number = self.operation(client, request.parts.clone());
        client.ask(request, number);
    }

    fn pause(&mut self, key: usize, span_ns: u64) -> Result<(), String> {
        let until_ns = self.world.now_ns() + span_ns;
        here().wait(key, Some(until_ns));
        match self.world.failure() {
            Some(failure) => Err(failure),
            None => Ok(()),
        }
    }

    fn some_faults(&mut self) -> Faults {
        let calls = [
            Call::Open,
            Call::Read,
            Call::Write,
            Call::Write,
            Call::Sync,
            Call::Sync,
            Call::Name,
            Call::Allocate,
            Call::Cut,
        ];
        let count = self.random.between(1, 3);
        let faults = (0..count).map(|_| Fault {
            call: self.random.choice(&calls),
            failure: self
                .random
                .choice(&[Failure::Io, Failure::NoSpace, Failure::Short]),
            chance: self.random.choice(&[10, 50, 100]),
            left: self.random.choice(&[1, 3, u32::MAX]),
        });
        let faults = faults.collect();
        self.world.trace(|| format!("faults {faults:?}"));
        Faults::new(faults, self.random.clone())
    }
}
