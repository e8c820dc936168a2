//! The network between Redlock's clients and its servers: messages are late, are lost, come twice,
//! and do not pass between what is apart.

use std::collections::BTreeMap;

use crate::torture::random::Random;

/// What happens at a time.
#[derive(Clone, Debug)]
pub(super) enum Event {
    /// A request reaches a server.
    Request { server: usize, call: u64 },
    /// An answer reaches its client.
    Answer { call: u64, answer: Answer },
    /// A client goes on, if it still waits for this.
    Wake { client: usize, turn: u64 },
    /// A server goes down, and how.
    Down { server: usize, crashes: bool },
    /// A server is started.
    Up { server: usize },
    /// Clients and servers on one side do not reach the other side.
    Part { clients: u64, servers: u64 },
}

/// What a server has answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// It has done what was asked.
    Yes,
    /// It has not: somebody else has the lock, or it is an error.
    No,
}

/// How messages fare in a seed, in chances of a hundred.
#[derive(Clone, Copy, Debug)]
pub(super) struct Weather {
    pub(super) lost: u64,
    pub(super) doubled: u64,
    pub(super) late: u64,
    /// How long a message takes at most, in nanoseconds, if it is late.
    pub(super) latest_ns: u64,
}

/// All that is yet to happen.
pub(super) struct Network {
    weather: Weather,
    events: BTreeMap<(u64, u64), Event>,
    serial: u64,
    parted_clients: u64,
    parted_servers: u64,
    /// Messages that were sent, lost and doubled.
    pub(super) sent: u64,
    pub(super) lost: u64,
    pub(super) doubled: u64,
}

impl Weather {
    pub(super) fn new(random: &mut Random) -> Weather {
        Weather {
            lost: random.choice(&[0, 2, 10]),
            doubled: random.choice(&[0, 2, 10]),
            late: random.choice(&[0, 5, 20]),
            latest_ns: random.choice(&[20_000_000, 200_000_000, 3_000_000_000]),
        }
    }
}

impl Network {
    pub(super) fn new(weather: Weather) -> Network {
        Network {
            weather,
            events: BTreeMap::new(),
            serial: 0,
            parted_clients: 0,
            parted_servers: 0,
            sent: 0,
            lost: 0,
            doubled: 0,
        }
    }

    /// Lets something happen at a time.
    pub(super) fn plan(&mut self, at_ns: u64, event: Event) {
        self.serial += 1;
        self.events.insert((at_ns, self.serial), event);
    }

    /// When the next thing happens.
    pub(super) fn next_ns(&self) -> Option<u64> {
        self.events.keys().next().map(|(at_ns, _)| *at_ns)
    }

    /// What happens by `now_ns`, the first of it.
    pub(super) fn take(&mut self, now_ns: u64) -> Option<Event> {
        let first = self.events.first_entry()?;
        (first.key().0 <= now_ns).then(|| first.remove())
    }

    /// Sends a message between a client and a server, which may be the other way round.
    pub(super) fn send(
        &mut self,
        now_ns: u64,
        (client, server): (usize, usize),
        event: &Event,
        random: &mut Random,
    ) {
        self.sent += 1;
        let of = |mask: u64, number: usize| mask >> number & 1;
        let is_apart = of(self.parted_clients, client) != of(self.parted_servers, server);
        if is_apart || random.below(100) < self.weather.lost {
            self.lost += 1;
            return;
        }
        let copies = 1 + u64::from(random.below(100) < self.weather.doubled);
        self.doubled += copies - 1;
        for _ in 0..copies {
            let delay_ns = match random.below(100) < self.weather.late {
                true => random.below(self.weather.latest_ns),
                false => random.between(50_000, 1_000_000),
            };
            self.plan(now_ns + delay_ns, event.clone());
        }
    }

    /// Has the masked clients and servers on one side, and all others on the other.
    pub(super) fn part(&mut self, clients: u64, servers: u64) {
        (self.parted_clients, self.parted_servers) = (clients, servers);
    }
}
