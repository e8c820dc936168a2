//! What the rest of the server may know of a connection, and how it reaches one.
//!
//! A connection's own state is its `Session`, which nobody else sees. This part is shared: the
//! registry of clients, CLIENT LIST and pub/sub read and write it from other threads.

mod address;
mod label;

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
    is_closing: AtomicBool,
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
}

/// Whether a client waits, or why it does no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Block {
    /// It does not wait.
    No = 0,
    /// It waits.
    Waiting = 1,
    /// CLIENT UNBLOCK TIMEOUT: as if its time had come.
    TimedOut = 2,
    /// CLIENT UNBLOCK ERROR.
    Refused = 3,
}

/// `last_command` of a client that has sent none.
pub const NO_COMMAND: u16 = u16::MAX;

/// Encoded bytes that answer no request.
#[derive(Default)]
struct Mail {
    bytes: Vec<u8>,
    backlog: Backlog,
}

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
            is_closing: AtomicBool::new(false),
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
        self.marks.load(Ordering::Relaxed) & mark as u8 != 0
    }

    /// Gives it a mark.
    pub fn mark(&self, mark: Mark) {
        self.marks.fetch_or(mark as u8, Ordering::Relaxed);
    }

    /// Takes a mark away.
    pub fn unmark(&self, mark: Mark) {
        self.marks.fetch_and(!(mark as u8), Ordering::Relaxed);
    }

    /// It begins to wait.
    pub fn block(&self) {
        self.block.store(Block::Waiting as u8, Ordering::SeqCst);
    }

    /// Whether it waits.
    pub fn is_blocked(&self) -> bool {
        self.block.load(Ordering::SeqCst) == Block::Waiting as u8
    }

    /// Ends its wait for `reason`; tells whether it waited. Somebody must wake it then.
    pub fn unblock(&self, reason: Block) -> bool {
        let (from, to) = (Block::Waiting as u8, reason as u8);
        self.block
            .compare_exchange(from, to, Ordering::SeqCst, Ordering::SeqCst)
            .is_ok()
    }

    /// It waits no more; tells why, if somebody has ended it.
    pub fn end_block(&self) -> Block {
        match self.block.swap(Block::No as u8, Ordering::SeqCst) {
            2 => Block::TimedOut,
            3 => Block::Refused,
            _ => Block::No,
        }
    }

    /// Notes the command that it runs.
    #[inline]
    pub fn note_command(&self, row: &Row) {
        let index = u16::try_from(row.index()).unwrap_or(NO_COMMAND);
        self.last_command.store(index, Ordering::Relaxed);
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

    /// Sends what `message` writes and answers no request. A client that lets more pile up than
    /// `limit` allows is disconnected.
    pub fn send(&self, limit: OutputLimit, message: impl FnOnce(&mut Vec<u8>)) {
        if self.has(Mark::Silent) {
            return;
        }
        let mut mailbox = self.mail.lock();
        let mail = mailbox.get_or_insert_default();
        message(&mut mail.bytes);
        if mail.backlog.exceeds(mail.bytes.len(), limit) {
            mail.bytes = Vec::new();
            drop(mailbox);
            self.close();
            return;
        }
        drop(mailbox);
        if !self.has_mail.swap(true, Ordering::SeqCst) {
            self.waker.wake();
        }
    }

    /// Moves what was sent to `out`.
    pub fn take_mail(&self, out: &mut Vec<u8>) {
        if !self.has_mail.swap(false, Ordering::SeqCst) {
            return;
        }
        let mut mailbox = self.mail.lock();
        let Some(mail) = mailbox.as_deref_mut() else {
            return;
        };
        // Whoever sends waits for this lock: a whole mailbox changes hands without being copied.
        if out.is_empty() {
            *out = std::mem::take(&mut mail.bytes);
        } else {
            out.append(&mut mail.bytes);
        }
        mail.backlog = Backlog::default();
    }

    /// Whether something was sent and not yet taken.
    pub fn has_mail(&self) -> bool {
        self.has_mail.load(Ordering::SeqCst)
    }

    /// Ends the connection as soon as it can be.
    pub fn close(&self) {
        self.is_closing.store(true, Ordering::SeqCst);
        self.waker.wake();
    }

    /// Whether the connection must end.
    pub fn is_closing(&self) -> bool {
        self.is_closing.load(Ordering::SeqCst)
    }

    /// Who is woken by mail and by [`Client::close`].
    pub fn waker(&self) -> &AtomicWaker {
        &self.waker
    }
}
