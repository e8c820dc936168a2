//! What the rest of the server may know of a connection, and how it reaches one.
//!
//! A connection's own state is its `Session`, which nobody else sees. This part is shared: the
//! registry of clients, CLIENT LIST and pub/sub read and write it from other threads.

mod address;
mod label;
pub mod mail;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU16, AtomicU32, AtomicU64, Ordering};

use std::time::Duration;

use atomic_waker::AtomicWaker;
use dashmap::DashMap;
use parking_lot::Mutex;

use crate::clock::{BootTime, Stopwatch};
use crate::command::table::Row;
use crate::config::OutputLimit;
use crate::resp::Protocol;

pub use address::Address;
pub use label::{line, set_library, set_name};
use mail::Mail;

/// The registry of an instance's connections, by id.
pub type Clients = DashMap<u64, Arc<Client>, foldhash::fast::RandomState>;

/// How a client calls itself; absent until it says so.
#[derive(Clone, Debug, Default)]
pub struct Labels {
    /// CLIENT SETNAME.
    pub name: Box<str>,
    /// CLIENT SETINFO LIB-NAME.
    pub library: Box<str>,
    /// CLIENT SETINFO LIB-VER.
    pub library_version: Box<str>,
}

/// See the module's text.
pub struct Client {
    /// Unique and rising within the instance.
    pub id: u64,
    /// Both ends of the connection.
    pub address: Address,
    /// The socket's file descriptor.
    pub descriptor: i32,
    /// When it connected.
    pub connected: BootTime,
    /// When its last batch of requests came, in boot microseconds.
    pub active_us: AtomicU64,
    /// The number of the selected database.
    pub database: AtomicU16,
    /// The index of the last command's row, [`NO_COMMAND`] before the first.
    pub last_command: AtomicU16,
    /// Subscribed channels.
    pub channels: AtomicU32,
    /// Subscribed patterns.
    pub patterns: AtomicU32,
    /// Subscribed shard channels.
    pub shard_channels: AtomicU32,
    /// Requests queued by MULTI plus one; 0 outside of MULTI.
    pub queued: AtomicU32,
    protocol: AtomicU8,
    marks: AtomicU8,
    block: AtomicU8,
    closing: AtomicU8,
    has_mail: AtomicBool,
    labels: Mutex<Option<Box<Labels>>>,
    /// Made with the first message.
    mail: Mutex<Option<Box<Mail>>>,
    waker: AtomicWaker,
}

/// What CLIENT LIST shows of a client by a letter, and little else depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Mark {
    /// `e`: CLIENT NO-EVICT.
    NoEvict = 1,
    /// `T`: CLIENT NO-TOUCH.
    NoTouch = 2,
    /// `O`: MONITOR.
    Monitor = 4,
    /// No letter: a fault has lost one of its replies, and nothing is sent to it any more.
    Silent = 8,
    /// `d`: a key that it watches has changed, so its EXEC will fail.
    WatchBroken = 16,
    /// `b`: CLIENT PAUSE holds its next request back.
    HeldBack = 32,
}

/// Whether a client waits, or why it does no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Block {
    /// It does not wait.
    No = 0,
    /// It waits until a time.
    Timed = 1,
    /// It waits, and no time ends that.
    Endless = 2,
    /// CLIENT UNBLOCK TIMEOUT: as if its time had come.
    TimedOut = 3,
    /// CLIENT UNBLOCK ERROR.
    Refused = 4,
}

/// Whether a connection must end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Closing {
    /// It goes on.
    No = 0,
    /// It must, if it has nothing under way: `timeout` takes it for idle.
    IfIdle = 1,
    /// It must.
    Now = 2,
}

impl Block {
    fn from_bits(bits: u8) -> Block {
        match bits {
            1 => Block::Timed,
            2 => Block::Endless,
            3 => Block::TimedOut,
            4 => Block::Refused,
            _ => Block::No,
        }
    }

    fn is_waiting(self) -> bool {
        matches!(self, Block::Timed | Block::Endless)
    }
}

/// `last_command` of a client that has sent none, or one that does not exist.
pub const NO_COMMAND: u16 = u16::MAX;

/// How long a client's unsent output has been over its soft limit.
#[derive(Default)]
pub struct Backlog {
    over_soft: Option<Stopwatch>,
}

impl Backlog {
    /// Whether `unsent_bytes` are more than `limit` allows: at once over the hard limit, or for too
    /// long over the soft one. A limit of 0 is none.
    pub fn exceeds(&mut self, unsent_bytes: usize, limit: OutputLimit) -> bool {
        let is_over = |limit_bytes| limit_bytes != 0 && unsent_bytes as u64 > limit_bytes;
        if is_over(limit.hard_bytes) {
            return true;
        }
        if !is_over(limit.soft_bytes) {
            self.over_soft = None;
            return false;
        }
        let since = *self.over_soft.get_or_insert_with(Stopwatch::start);
        since.elapsed() > Duration::from_secs(limit.soft_seconds)
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

impl Client {
    /// A client that has just connected.
    pub fn new(id: u64, address: Address, descriptor: i32, now: BootTime) -> Client {
        Client {
            id,
            address,
            descriptor,
            connected: now,
            active_us: AtomicU64::new(now.micros()),
            database: AtomicU16::new(0),
            last_command: AtomicU16::new(NO_COMMAND),
            channels: AtomicU32::new(0),
            patterns: AtomicU32::new(0),
            shard_channels: AtomicU32::new(0),
            queued: AtomicU32::new(0),
            protocol: AtomicU8::new(2),
            marks: AtomicU8::new(0),
            block: AtomicU8::new(Block::No as u8),
            closing: AtomicU8::new(Closing::No as u8),
            has_mail: AtomicBool::new(false),
            labels: Mutex::new(None),
            mail: Mutex::new(None),
            waker: AtomicWaker::new(),
        }
    }

    /// Whether it has a subscription.
    pub fn is_subscriber(&self) -> bool {
        let counts = [&self.channels, &self.patterns, &self.shard_channels];
        counts.iter().any(|count| count.load(Ordering::Relaxed) > 0)
    }

    /// Whether it bears a mark.
    pub fn has(&self, mark: Mark) -> bool {
        self.marks.load(Ordering::Acquire) & mark as u8 != 0
    }

    /// Gives it a mark.
    pub fn mark(&self, mark: Mark) {
        self.marks.fetch_or(mark as u8, Ordering::AcqRel);
    }

    /// Takes a mark away.
    pub fn unmark(&self, mark: Mark) {
        self.marks.fetch_and(!(mark as u8), Ordering::AcqRel);
    }

    /// It begins to wait, until `end` if there is one.
    pub fn block(&self, end: Option<BootTime>) {
        let block = end.map_or(Block::Endless, |_| Block::Timed);
        self.block.store(block as u8, Ordering::SeqCst);
    }

    /// Whether and how it waits.
    pub fn waiting(&self) -> Block {
        Block::from_bits(self.block.load(Ordering::SeqCst))
    }

    /// Whether it waits.
    pub fn is_blocked(&self) -> bool {
        self.waiting().is_waiting()
    }

    /// Ends its wait for `reason`; tells whether it waited. Somebody must wake it then.
    pub fn unblock(&self, reason: Block) -> bool {
        let end = |bits| Block::from_bits(bits).is_waiting().then_some(reason as u8);
        let order = Ordering::SeqCst;
        self.block.fetch_update(order, order, end).is_ok()
    }

    /// It waits no more; tells why, if somebody has ended it.
    pub fn end_block(&self) -> Block {
        Block::from_bits(self.block.swap(Block::No as u8, Ordering::SeqCst))
    }

    /// Notes that bytes of it have come or gone.
    pub fn note_active(&self, now: BootTime) {
        self.active_us.store(now.micros(), Ordering::Relaxed);
    }

    /// Notes the command that it runs.
    #[inline]
    pub fn note_command(&self, row: &Row) {
        let index = u16::try_from(row.index()).unwrap_or(NO_COMMAND);
        self.last_command.store(index, Ordering::Relaxed);
    }

    /// Notes that it asked for a command that does not exist.
    pub fn note_no_command(&self) {
        self.last_command.store(NO_COMMAND, Ordering::Relaxed);
    }

    /// Whether that was the last command which it has run.
    pub fn ran_last(&self, row: &Row) -> bool {
        usize::from(self.last_command.load(Ordering::Relaxed)) == row.index()
    }

    /// The protocol in which it reads.
    pub fn protocol(&self) -> Protocol {
        let version = self.protocol.load(Ordering::Relaxed);
        Protocol::from_version(i64::from(version)).unwrap_or_default()
    }

    /// Notes the protocol in which it reads from now on.
    pub fn set_protocol(&self, protocol: Protocol) {
        self.protocol.store(protocol.version(), Ordering::Relaxed);
    }

    /// What it calls itself.
    pub fn labels(&self) -> Labels {
        self.labels.lock().as_deref().cloned().unwrap_or_default()
    }

    /// Changes what it calls itself.
    pub fn change_labels(&self, change: impl FnOnce(&mut Labels)) {
        change(self.labels.lock().get_or_insert_default());
    }

    /// Ends the connection as soon as it can be.
    pub fn close(&self) {
        self.closing.store(Closing::Now as u8, Ordering::SeqCst);
        self.waker.wake();
    }

    /// Ends the connection, unless it turns out to have something under way.
    pub fn close_if_idle(&self) {
        if self.change_closing(Closing::No, Closing::IfIdle) {
            self.waker.wake();
        }
    }

    /// The connection was not idle after all.
    pub fn stay_open(&self) {
        self.change_closing(Closing::IfIdle, Closing::No);
    }

    fn change_closing(&self, from: Closing, to: Closing) -> bool {
        let (from, to, order) = (from as u8, to as u8, Ordering::SeqCst);
        self.closing
            .compare_exchange(from, to, order, order)
            .is_ok()
    }

    /// Whether the connection must end.
    pub fn closing(&self) -> Closing {
        match self.closing.load(Ordering::SeqCst) {
            0 => Closing::No,
            1 => Closing::IfIdle,
            _ => Closing::Now,
        }
    }

    /// Whether the connection must end in any case.
    pub fn is_closing(&self) -> bool {
        self.closing() == Closing::Now
    }

    /// Who is woken by mail and by [`Client::close`].
    pub fn waker(&self) -> &AtomicWaker {
        &self.waker
    }
}
