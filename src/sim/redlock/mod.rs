//! Several servers, each on a machine of its own, and clients that lock by Redlock over a network:
//! whatever fails, no two clients hold one lock at one time.

mod client;
mod network;

use std::collections::HashMap;
use std::sync::Arc;

use redis_protocol::resp2::decode::decode;
use redis_protocol::resp2::types::OwnedFrame;

use super::host::{Host, Outcome, Settings, check as check_actors};
use super::machine::Machine;
use super::socket::Wire;
use super::workload::encode;
use super::world::{World, here};
use crate::torture::random::Random;
use client::{Claim, Client, State, TIMEOUT_NS, overlap};
use network::{Answer, Event, Network, Weather};

const RELEASE: &[u8] = b"if redis.call('get',KEYS[1]) == ARGV[1] then return redis.call('del',KEYS[1]) else return 0 end";
const EXTEND: &[u8] = b"if redis.call('get',KEYS[1]) == ARGV[1] then return redis.call('pexpire',KEYS[1],ARGV[2]) else return 0 end";

/// What a run has done.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Figures {
    pub(crate) seeds: u64,
    pub(crate) claims: u64,
    pub(crate) extensions: u64,
    pub(crate) refusals: u64,
    pub(crate) messages: u64,
    pub(crate) lost: u64,
    pub(crate) doubled: u64,
    pub(crate) partings: u64,
    pub(crate) kills: u64,
    pub(crate) crashes: u64,
}

impl Figures {
    pub(crate) fn add(&mut self, other: Figures) {
        self.seeds += other.seeds;
        self.claims += other.claims;
        self.extensions += other.extensions;
        self.refusals += other.refusals;
        self.messages += other.messages;
        self.lost += other.lost;
        self.doubled += other.doubled;
        self.partings += other.partings;
        self.kills += other.kills;
        self.crashes += other.crashes;
    }
}

struct Server {
    machine: Arc<Machine>,
    settings: Settings,
    /// `None` while it is down.
    host: Option<Host>,
}

/// A request to one server.
struct Call {
    client: usize,
    server: usize,
    /// The turn of the client in which it counts; `None` if nobody waits for its answer.
    turn: Option<u64>,
    bytes: Vec<u8>,
}

struct Simulation {
    world: Arc<World>,
    random: Random,
    network: Network,
    servers: Vec<Server>,
    clients: Vec<Client>,
    calls: HashMap<u64, Call>,
    next_call: u64,
    next_token: u64,
    /// Requests that a server has: its connection, and of which call it is.
    running: Vec<(usize, u64, Arc<Wire>, Vec<u8>)>,
    claims: Vec<Claim>,
    figures: Figures,
    key: usize,
    end_ns: u64,
    /// Chances of a hundred that a client gives a lock back, and that it extends it.
    releases: u64,
    extends: u64,
}

/// Runs a seed.
///
/// # Errors
/// What went wrong.
pub(crate) fn run(seed: u64, is_traced: bool) -> Result<Figures, String> {
    let world = World::new(seed, is_traced);
    let mut random = Random::new(seed, 5);
    let count = random.choice(&[3, 3, 5]);
    let mode = random.choice(&["guard", "guard", "everysec", "always"]);
    let ttl_ms = random.choice(&[300, 1_000, 5_000]);
    let servers = (0..count).map(|_| Server::new(&world, mode, &mut random));
    let servers: Vec<Server> = servers.collect();
    let clients = (0..random.between(2, 5)).map(|_| Client {
        state: State::Resting,
        turn: 0,
        drift_ppm: random.choice(&[0, 100, -100, 2_000, -2_000]),
        ttl_ms,
    });
    let clients = clients.collect();
    let driver = servers[0].machine.start();
    let mut simulation = Simulation {
        network: Network::new(Weather::new(&mut random)),
        key: world.new_key(),
        end_ns: world.now_ns() + ttl_ms * 1_000_000 * random.between(3, 10),
        releases: random.choice(&[20, 50, 90]),
        extends: random.choice(&[0, 30]),
        world: Arc::clone(&world),
        random,
        servers,
        clients,
        calls: HashMap::new(),
        next_call: 0,
        next_token: 0,
        running: Vec::new(),
        claims: Vec::new(),
        figures: Figures::default(),
    };
    world.drive(&driver, || simulation.run())
}

impl Server {
    fn new(world: &Arc<World>, mode: &str, random: &mut Random) -> Server {
        let drift_ppm = random.choice(&[0, 50, -50, 2_000, -2_000]);
        let words = ["--durability", mode, "--dir", "/", "--guard-max", "60"];
        Server {
            machine: Machine::new(world, drift_ppm, 0),
            settings: Settings {
                words: words.map(str::to_owned).to_vec(),
                workers: 1,
            },
            host: None,
        }
    }

    fn is_up(&self) -> bool {
        self.host
            .as_ref()
            .is_some_and(|host| !host.process.is_dead())
    }
}

impl Simulation {
    fn run(&mut self) -> Result<Figures, String> {
        for server in 0..self.servers.len() {
            self.start(server)?;
        }
        self.plan_trouble();
        for client in 0..self.clients.len() {
            let rest_ns = self.random.below(50_000_000);
            self.wake(client, rest_ns);
        }
        while self.world.now_ns() < self.end_ns {
            let next_ns = self.network.next_ns().unwrap_or(self.end_ns);
            here().wait(self.key, Some(next_ns.min(self.end_ns)));
            check_actors(&self.world);
            self.bury();
            self.hear();
            while let Some(event) = self.network.take(self.world.now_ns()) {
                self.handle(event)?;
            }
        }
        for server in &mut self.servers {
            if let Some(host) = server.host.take() {
                host.kill();
            }
        }
        if let Some((first, second)) = overlap(&self.claims) {
            return Err(format!("two hold one lock: {first:?} and {second:?}"));
        }
        self.figures.seeds = 1;
        self.figures.claims = self.claims.len() as u64;
        self.figures.messages = self.network.sent;
        self.figures.lost = self.network.lost;
        self.figures.doubled = self.network.doubled;
        Ok(self.figures)
    }

    /// Servers go down, the network parts, and both come back.
    fn plan_trouble(&mut self) {
        let now_ns = self.world.now_ns();
        let span_ns = self.end_ns - now_ns;
        for _ in 0..self.random.below(8) {
            let at_ns = now_ns + self.random.below(span_ns);
            let server = self.random.below(self.servers.len() as u64) as usize;
            let crashes = self.random.below(2) == 0;
            self.network.plan(at_ns, Event::Down { server, crashes });
        }
        for _ in 0..self.random.below(4) {
            let at_ns = now_ns + self.random.below(span_ns);
            let (clients, servers) = (self.random.below(32), self.random.below(32));
            self.network.plan(at_ns, Event::Part { clients, servers });
            let over_ns = at_ns + self.random.below(span_ns / 4);
            let whole = Event::Part {
                clients: 0,
                servers: 0,
            };
            self.network.plan(over_ns, whole);
        }
    }

    fn start(&mut self, number: usize) -> Result<(), String> {
        let server = &mut self.servers[number];
        let process = server.machine.start();
        match Host::start(&process, &server.settings) {
            Outcome::Done(host) => server.host = Some(host),
            Outcome::Refused(error) => return Err(format!("it does not start: {error}")),
            Outcome::Died => {}
        }
        Ok(())
    }

    /// Clears away what is left of servers that have died by themselves: of a trap.
    fn bury(&mut self) {
        for number in 0..self.servers.len() {
            if self.servers[number].host.is_some() && !self.servers[number].is_up() {
                self.take_down(number, false);
            }
        }
    }

    fn take_down(&mut self, number: usize, crashes: bool) {
        let Some(host) = self.servers[number].host.take() else {
            return;
        };
        host.process.die();
        // What it has sent may arrive.
        self.hear();
        host.kill();
        self.world.clear_trap();
        self.running.retain(|(server, ..)| *server != number);
        self.figures.kills += u64::from(!crashes);
        if crashes {
            let span_ns = self.random.choice(&[1_000_000, 500_000_000]);
            self.servers[number]
                .machine
                .crash(&mut self.random, span_ns);
            self.figures.crashes += 1;
        }
        let rest_ns = self.random.choice(&[1_000_000, 100_000_000, 2_000_000_000]);
        let up_ns = self.world.now_ns() + rest_ns;
        self.network.plan(up_ns, Event::Up { server: number });
    }

    fn handle(&mut self, event: Event) -> Result<(), String> {
        self.world.trace(|| format!("{event:?}"));
        match event {
            Event::Request { server, call } => self.deliver(server, call),
            Event::Answer { call, answer } => self.answer(call, answer),
            Event::Wake { client, turn } if self.clients[client].turn == turn => self.go_on(client),
            Event::Wake { .. } => {}
            Event::Down { server, crashes } => match &self.servers[server].host {
                // At any step of what it does.
                Some(host) if !crashes => {
                    let turns = self.random.below(200);
                    self.world.set_trap(turns, &host.process);
                }
                _ => self.take_down(server, crashes),
            },
            Event::Up { server } => {
                if self.servers[server].host.is_none() {
                    self.start(server)?;
                }
            }
            Event::Part { clients, servers } => {
                self.network.part(clients, servers);
                self.figures.partings += u64::from(clients | servers != 0);
            }
        }
        Ok(())
    }

    /// A request reaches its server.
    fn deliver(&mut self, number: usize, call: u64) {
        let Some(known) = self.calls.get(&call) else {
            return;
        };
        let server = &mut self.servers[number];
        if !server.is_up() {
            return;
        }
        if let Some(host) = &mut server.host {
            let wire = Wire::new(&self.world, self.key);
            host.connect(&wire);
            wire.send(&known.bytes);
            self.running.push((number, call, wire, Vec::new()));
        }
    }

    /// Takes what servers have answered.
    fn hear(&mut self) {
        let now_ns = self.world.now_ns();
        let mut running = std::mem::take(&mut self.running);
        running.retain_mut(|(server, call, wire, inbox)| {
            for piece in wire.receive() {
                inbox.extend_from_slice(&piece.bytes);
            }
            let Ok(Some((frame, _))) = decode(inbox) else {
                return !wire.is_closed();
            };
            let answer = match frame {
                OwnedFrame::SimpleString(_) | OwnedFrame::Integer(1) => Answer::Yes,
                _ => Answer::No,
            };
            wire.leave();
            if let Some(known) = self.calls.get(call) {
                let event = Event::Answer {
                    call: *call,
                    answer,
                };
                let ends = (known.client, *server);
                self.network.send(now_ns, ends, &event, &mut self.random);
            }
            false
        });
        self.running = running;
    }

    /// An answer reaches its client.
    fn answer(&mut self, call: u64, answer: Answer) {
        let Some(known) = self.calls.get(&call) else {
            return;
        };
        let (number, server) = (known.client, known.server);
        let client = &mut self.clients[number];
        if known.turn != Some(client.turn) {
            return;
        }
        if let State::Asking {
            granted, answered, ..
        } = &mut client.state
        {
            *answered |= 1 << server;
            if answer == Answer::Yes {
                *granted |= 1 << server;
            }
            if answered.count_ones() as usize == self.servers.len() {
                self.go_on(number);
            }
        }
    }

    fn wake(&mut self, client: usize, rest_ns: u64) {
        let turn = self.clients[client].turn;
        let at_ns = self.world.now_ns() + rest_ns;
        self.network.plan(at_ns, Event::Wake { client, turn });
    }

    /// A client does what comes next.
    fn go_on(&mut self, number: usize) {
        self.clients[number].turn += 1;
        match self.clients[number].state.clone() {
            State::Resting => {
                self.next_token += 1;
                let token = format!("{number}-{}", self.next_token);
                let resource = self.random.below(2) as usize;
                self.ask(number, token, resource, None);
            }
            State::Asking {
                token,
                resource,
                began_ns,
                granted,
                extends,
                ..
            } => self.judge(number, token, resource, began_ns, granted, extends),
            State::Holding {
                token,
                resource,
                claim,
            } => self.use_lock(number, token, resource, claim),
        }
    }

    fn ask(&mut self, number: usize, token: String, resource: usize, extends: Option<usize>) {
        let ttl = self.clients[number].ttl_ms.to_string();
        let key = format!("resource:{resource}");
        let (key, text, ttl) = (key.as_bytes(), token.as_bytes(), ttl.as_bytes());
        let bytes = match extends {
            None => encode(&[b"SET", key, text, b"NX", b"PX", ttl]),
            Some(_) => encode(&[b"EVAL", EXTEND, b"1", key, text, ttl]),
        };
        self.clients[number].state = State::Asking {
            token,
            resource,
            began_ns: self.world.now_ns(),
            granted: 0,
            answered: 0,
            extends,
        };
        let turn = self.clients[number].turn;
        self.call_all(number, Some(turn), &bytes);
        let timeout_ns = self.clients[number].real_ns(TIMEOUT_NS);
        self.wake(number, timeout_ns);
    }

    fn call_all(&mut self, client: usize, turn: Option<u64>, bytes: &[u8]) {
        for server in 0..self.servers.len() {
            self.next_call += 1;
            let call = Call {
                client,
                server,
                turn,
                bytes: bytes.to_vec(),
            };
            self.calls.insert(self.next_call, call);
            let event = Event::Request {
                server,
                call: self.next_call,
            };
            let now_ns = self.world.now_ns();
            self.network
                .send(now_ns, (client, server), &event, &mut self.random);
        }
    }

    /// Decides whether a client has the lock.
    fn judge(
        &mut self,
        number: usize,
        token: String,
        resource: usize,
        began_ns: u64,
        granted: u64,
        extends: Option<usize>,
    ) {
        let now_ns = self.world.now_ns();
        let client = &self.clients[number];
        let elapsed_ns = client.measured_ns(now_ns - began_ns);
        let is_majority = granted.count_ones() as usize > self.servers.len() / 2;
        let validity_ns = client.validity_ns(elapsed_ns).filter(|_| is_majority);
        let Some(validity_ns) = validity_ns else {
            self.figures.refusals += 1;
            // What it held so far it does not count on any more.
            if let Some(claim) = extends {
                self.claims[claim].until_ns = self.claims[claim].until_ns.min(now_ns);
            }
            return self.give_back(number, &token, resource);
        };
        let until_ns = now_ns + client.real_ns(validity_ns);
        let claim = match extends {
            Some(claim) if self.claims[claim].until_ns >= now_ns => {
                self.claims[claim].until_ns = until_ns;
                self.figures.extensions += 1;
                claim
            }
            // The lock had run out meanwhile: whatever it did is over.
            Some(_) => return self.give_back(number, &token, resource),
            None => {
                self.claims.push(Claim {
                    client: number,
                    resource,
                    from_ns: now_ns,
                    until_ns,
                });
                self.claims.len() - 1
            }
        };
        self.clients[number].state = State::Holding {
            token,
            resource,
            claim,
        };
        let used_ns = self.random.below(until_ns - now_ns);
        self.wake(number, used_ns);
    }

    /// A client that holds the lock extends it, gives it back, or lets it run out.
    fn use_lock(&mut self, number: usize, token: String, resource: usize, claim: usize) {
        let now_ns = self.world.now_ns();
        if self.random.below(100) < self.extends {
            return self.ask(number, token, resource, Some(claim));
        }
        if self.random.below(100) < self.releases {
            self.claims[claim].until_ns = self.claims[claim].until_ns.min(now_ns);
            return self.give_back(number, &token, resource);
        }
        self.clients[number].state = State::Resting;
        let rest_ns = self.claims[claim].until_ns.saturating_sub(now_ns);
        self.wake(number, rest_ns + 1);
    }

    fn give_back(&mut self, number: usize, token: &str, resource: usize) {
        let key = format!("resource:{resource}");
        let bytes = encode(&[b"EVAL", RELEASE, b"1", key.as_bytes(), token.as_bytes()]);
        self.call_all(number, None, &bytes);
        self.clients[number].state = State::Resting;
        let ttl_ns = self.clients[number].ttl_ms * 1_000_000;
        let rest_ns = self.random.between(ttl_ns / 50, ttl_ns / 4);
        self.wake(number, rest_ns);
    }
}
