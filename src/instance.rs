//! One server's state: its keys, scripts, subscriptions, clients and counters.
//!
//! An instance shares nothing with another one but threads; five of them in one process are as
//! independent as five processes, their clock aside. It knows no sockets.

mod apply;
mod trouble;

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use parking_lot::RwLock;
use smallvec::SmallVec;
use tokio::sync::Notify;

use crate::auth::AuthFailures;
use crate::client::{Client, Clients};
use crate::clock::{BootTime, Clock};
use crate::config::{Config, NotifyFlags};
use crate::contention::Contention;
use crate::durability::{DumpCounts, Keeper};
use crate::fault::Faults;
use crate::gate::Gate;
use crate::keyspace::{Change, Class, Event, Keyspace, Observer};
use crate::latency::Latency;
use crate::memory_limit::MemoryLimit;
use crate::monitor::Monitors;
use crate::pause::Pause;
use crate::pubsub::PubSub;
use crate::rates::Rates;
use crate::script::cache::Scripts;
use crate::slowlog::Slowlog;
use crate::stats::Stats;
use crate::sync;
use crate::watch::WatchTable;

/// See the module's text.
pub struct Instance {
    /// Unique in the process.
    pub number: u64,
    /// The settings.
    pub config: Config,
    /// The time.
    pub clock: Arc<Clock>,
    /// The keys.
    pub keyspace: Keyspace,
    /// Who may touch them.
    pub gate: Arc<Gate>,
    /// The scripts.
    pub scripts: Scripts,
    /// The subscriptions.
    pub pubsub: Arc<PubSub>,
    /// The watched keys.
    pub watches: Arc<WatchTable>,
    /// The connections.
    pub clients: Clients,
    /// Who was refused a lock.
    pub contention: Contention,
    /// The counters.
    pub stats: Stats,
    /// What happens in a second.
    pub rates: Rates,
    /// The slowest commands.
    pub slowlog: Slowlog,
    /// What took too long, and when.
    pub latency: Latency,
    /// Who watches every command.
    pub monitors: Monitors,
    /// Who has guessed a password.
    pub auth_failures: AuthFailures,
    /// Who must wait.
    pub pause: Pause,
    /// How much memory the keys may take.
    pub memory_limit: MemoryLimit,
    /// Who keeps what was granted beyond the process, if anybody.
    pub keeper: OnceLock<Arc<Keeper>>,
    /// What the snapshot of a Redis had, if it was started from one.
    pub dump: OnceLock<DumpCounts>,
    /// What goes wrong on demand.
    pub faults: Faults,
    /// Descriptors of the process that are no client's, if this server may use all others.
    pub reserved_descriptors: OnceLock<u64>,
    /// The port it listens on, 0 for none: known once it does.
    pub tcp_port: AtomicU32,
    /// How many TCP sockets it listens on.
    pub tcp_sockets: AtomicU32,
    start: RwLock<Start>,
    notifications: Arc<Notifications>,
    next_client_id: AtomicU64,
    is_stopping: AtomicBool,
    stopping: Notify,
    changed_settings: Notify,
    timers: Notify,
}

/// What tells one start of a server from another.
struct Start {
    /// 40 hexadecimal digits.
    run_id: String,
    time: BootTime,
}

/// Which keyspace events are published; the observer of the keyspace.
struct Notifications {
    flags: AtomicU32,
    pubsub: Arc<PubSub>,
    watches: Arc<WatchTable>,
}

/// How long somebody waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    /// Until the clock shows this time.
    Until(BootTime),
    /// Until [`Instance::ring_timers`].
    Rung,
}

/// The longest sleep of a timer; what is later looks again.
const TIMER_MAX: Duration = Duration::from_secs(86_400);

static NEXT_NUMBER: AtomicU64 = AtomicU64::new(1);

impl Instance {
    /// An empty server with these settings.
    pub fn new(config: Config, clock: Clock) -> Instance {
        let pubsub = Arc::new(PubSub::default());
        let watches = Arc::new(WatchTable::default());
        let notifications = Arc::new(Notifications {
            flags: AtomicU32::new(0),
            pubsub: Arc::clone(&pubsub),
            watches: Arc::clone(&watches),
        });
        let databases = config.settings.databases as usize;
        let instance = Instance {
            number: NEXT_NUMBER.fetch_add(1, Ordering::Relaxed),
            start: RwLock::new(Start::new(clock.now())),
            keyspace: Keyspace::new(databases, Box::new(Arc::clone(&notifications))),
            gate: Arc::default(),
            scripts: Scripts::default(),
            clients: Clients::default(),
            contention: Contention::default(),
            stats: Stats::default(),
            rates: Rates::default(),
            slowlog: Slowlog::default(),
            latency: Latency::default(),
            monitors: Monitors::default(),
            auth_failures: AuthFailures::default(),
            pause: Pause::default(),
            memory_limit: MemoryLimit::default(),
            faults: Faults::default(),
            reserved_descriptors: OnceLock::new(),
            tcp_port: AtomicU32::new(0),
            tcp_sockets: AtomicU32::new(0),
            keeper: OnceLock::new(),
            dump: OnceLock::new(),
            next_client_id: AtomicU64::new(1),
            is_stopping: AtomicBool::new(false),
            stopping: Notify::new(),
            changed_settings: Notify::new(),
            timers: Notify::new(),
            config,
            clock: Arc::new(clock),
            pubsub,
            watches,
            notifications,
        };
        instance.apply_all();
        instance
    }

    /// Waits until CONFIG SET has changed something since this call, or the server stops. Call it
    /// before looking at a setting, or a change in between goes unheard.
    pub fn settings_changed(&self) -> impl Future<Output = ()> + '_ {
        let changed = self.changed_settings.notified();
        async move {
            tokio::select! {
                () = changed => {}
                () = self.stopping() => {}
            }
        }
    }

    /// Removes the keys whose deadline has come, and notes how late that was.
    pub fn expire_due(&self) {
        let lateness = &self.stats.lateness;
        self.keyspace
            .expire_due_and_tell(self.clock.now(), |deadlines| {
                let now_us = self.clock.now().micros();
                for deadline in deadlines {
                    let late_us = now_us.saturating_sub(deadline.micros());
                    lateness.add(Duration::from_micros(late_us));
                }
            });
    }

    /// Waits for as long as `wait` asks to; it is asked again when its time has come and after
    /// [`Instance::ring_timers`].
    pub async fn wait_while(&self, wait: impl Fn(BootTime) -> Option<Wait>) {
        loop {
            let rung = self.timers.notified();
            tokio::pin!(rung);
            // Before it asks, so that no ring in between goes unheard.
            rung.as_mut().enable();
            let now = self.clock.now();
            match wait(now) {
                None => return,
                Some(Wait::Until(end)) if end <= now => return,
                // A clock that is moved by hand rings.
                Some(Wait::Until(end)) if !self.clock.is_manual() => {
                    let rest = Duration::from_millis(now.millis_until(end)).min(TIMER_MAX);
                    tokio::select! {
                        () = rung => {}
                        () = sync::sleep(rest) => {}
                    }
                }
                Some(Wait::Until(_) | Wait::Rung) => rung.await,
            }
        }
    }

    /// Wakes who waits for a time: the clock was moved, or a pause has ended early.
    pub fn ring_timers(&self) {
        self.timers.notify_waiters();
    }

    /// 40 hexadecimal digits, new with each start.
    pub fn run_id(&self) -> String {
        self.start.read().run_id.clone()
    }

    /// When it started.
    pub fn started(&self) -> BootTime {
        self.start.read().time
    }

    /// A number for the next connection.
    pub fn next_client_id(&self) -> u64 {
        self.next_client_id.fetch_add(1, Ordering::Relaxed)
    }

    /// Asks the server to stop: no connection is accepted any more, and all are closed.
    pub fn stop(&self) {
        self.is_stopping.store(true, Ordering::SeqCst);
        self.stopping.notify_waiters();
        self.scripts.kill_for_shutdown();
        self.keyspace.alarm().stop();
        for client in &self.clients {
            client.close();
        }
        // Who waits for a time looks whether it must end.
        self.ring_timers();
    }

    /// Whether it was asked to stop.
    pub fn is_stopping(&self) -> bool {
        self.is_stopping.load(Ordering::SeqCst)
    }

    /// Waits until it is asked to stop.
    pub async fn stopping(&self) {
        let stopping = self.stopping.notified();
        tokio::pin!(stopping);
        stopping.as_mut().enable();
        if !self.is_stopping() {
            stopping.await;
        }
    }

    /// Enters a connection in the registry.
    pub fn register(&self, client: &Arc<Client>) {
        self.clients.insert(client.id, Arc::clone(client));
        // A stop that went through the registry before has missed this one.
        if self.is_stopping() {
            client.close();
        }
    }
}

impl Start {
    fn new(time: BootTime) -> Start {
        let run_id = new_run_id();
        Start { run_id, time }
    }
}

impl Observer for Arc<Notifications> {
    fn changed(&self, change: Change<'_>) {
        if change.event.is_modification() {
            self.watches.touch(change.database, change.key);
        }
        let flags = NotifyFlags::from_bits(self.flags.load(Ordering::Relaxed));
        let Some(class) = change.event.class() else {
            return;
        };
        if !flags.publishes(flag_of(class)) || self.pubsub.is_unheard() {
            return;
        }
        let event = change.event.name().as_bytes();
        if flags.contains(NotifyFlags::KEYSPACE) {
            let channel = channel(b"__keyspace@", change.database, change.key);
            self.pubsub.publish(&channel, event);
        }
        if flags.contains(NotifyFlags::KEYEVENT) {
            let channel = channel(b"__keyevent@", change.database, event);
            self.pubsub.publish(&channel, change.key);
        }
    }

    fn expired(&self, database: usize, keys: &[&[u8]]) {
        let event = Event::Expired;
        let flags = NotifyFlags::from_bits(self.flags.load(Ordering::Relaxed));
        // Who hears both channels of a key hears them in turn, key by key.
        if flags.contains(NotifyFlags::KEYSPACE) {
            for key in keys {
                self.changed(Change {
                    database,
                    key,
                    event,
                });
            }
            return;
        }
        for key in keys {
            self.watches.touch(database, key);
        }
        if flags.publishes(NotifyFlags::EXPIRED) && !self.pubsub.is_unheard() {
            let channel = channel(b"__keyevent@", database, event.name().as_bytes());
            self.pubsub.publish_each(&channel, keys);
        }
    }
}

/// The channel of an event: on the stack, for a lock's key.
fn channel(prefix: &[u8], database: usize, name: &[u8]) -> SmallVec<[u8; 96]> {
    let mut digits = itoa::Buffer::new();
    let mut channel = SmallVec::from_slice(prefix);
    channel.extend_from_slice(digits.format(database).as_bytes());
    channel.extend_from_slice(b"__:");
    channel.extend_from_slice(name);
    channel
}

fn flag_of(class: Class) -> NotifyFlags {
    match class {
        Class::Generic => NotifyFlags::GENERIC,
        Class::String => NotifyFlags::STRING,
        Class::Expired => NotifyFlags::EXPIRED,
        Class::New => NotifyFlags::NEW,
        Class::KeyMiss => NotifyFlags::KEY_MISS,
    }
}

/// Random enough to tell two runs apart; it guards nothing.
fn new_run_id() -> String {
    use std::hash::BuildHasher;
    let random = std::hash::RandomState::new();
    let digits = [1u8, 2, 3].map(|part| format!("{:016x}", random.hash_one(part)));
    digits.concat()[..40].to_owned()
}
