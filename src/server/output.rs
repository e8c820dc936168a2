//! The socket of a connection, and what it was not sent yet.
//!
//! Only [`Settled`] bytes reach the socket: a reply leaves when what it tells of is on the disk,
//! and not before its time if a fault keeps it back. All leave in the order in which they came.

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as Task, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::client::{Backlog, Client};
use crate::clock::BootTime;
use crate::config::OutputLimit;
use crate::instance::Instance;
use crate::server::batch::Pause;
use crate::server::late;
use crate::server::settled::{Lost, Settled, Until};

/// A socket of either kind.
pub trait Socket: AsyncRead + AsyncWrite + Unpin {}

impl<S: AsyncRead + AsyncWrite + Unpin> Socket for S {}

/// Where a connection's bytes leave.
pub(super) struct Output<S> {
    socket: S,
    unsent: Option<Box<Unsent>>,
}

/// Bytes that were not sent yet.
#[derive(Default)]
struct Unsent {
    /// The socket did not take them yet.
    bytes: Vec<u8>,
    /// They may not leave yet; they come behind `bytes`.
    held: VecDeque<Part>,
    /// Ends when the first of them may leave by its time.
    over: Option<Pause>,
    /// Whether the thread's other connections have had their turn since the first of them waits.
    has_given_way: bool,
    /// Nothing is sent any more, and the connection ends when nothing of it runs.
    is_broken: bool,
    backlog: Backlog,
}

/// Bytes that wait for the same thing.
struct Part {
    bytes: Vec<u8>,
    until: Until,
    /// The time before which a fault does not let them leave.
    due: Option<BootTime>,
}

fn broken() -> io::Error {
    io::ErrorKind::BrokenPipe.into()
}

impl<S> Output<S> {
    pub(super) fn new(socket: S) -> Output<S> {
        Output {
            socket,
            unsent: None,
        }
    }

    /// Whether there is nothing to send, and no end to tell of.
    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.unsent.is_none()
    }

    /// Sends nothing any more.
    pub(super) fn break_off(&mut self) {
        let is_broken = true;
        self.unsent = Some(Box::new(Unsent {
            is_broken,
            ..Unsent::default()
        }));
    }

    /// Adds bytes to those that are not sent yet; before `due` they do not leave.
    pub(super) fn push(&mut self, settled: &mut Settled, due: Option<BootTime>) {
        if settled.is_lost() {
            // What a full disk did not take must not look granted.
            self.break_off();
        }
        if !settled.bytes().is_empty() {
            let unsent = self.unsent.get_or_insert_default();
            if unsent.is_broken {
                // Nobody will read them.
            } else if settled.is_free() && due.is_none() {
                settled.append_to(unsent.end());
            } else {
                let parts = settled.take_parts().into_iter();
                unsent
                    .held
                    .extend(parts.map(|(until, bytes)| Part { bytes, until, due }));
            }
        }
        settled.clear();
    }

    /// No fault keeps back what waits.
    pub(super) fn forget_times(&mut self) {
        if let Some(unsent) = &mut self.unsent {
            unsent.over = None;
            for part in &mut unsent.held {
                part.due = None;
            }
        }
    }

    /// Whether the server itself keeps something back, and not a client that does not read.
    pub(super) fn is_kept_back(&self) -> bool {
        let unsent = self.unsent.as_ref();
        unsent.is_some_and(|unsent| !unsent.held.is_empty())
    }

    /// Whether more is unsent than `limit` allows.
    pub(super) fn exceeds(&mut self, limit: OutputLimit) -> bool {
        self.unsent.as_mut().is_some_and(|unsent| {
            let held = unsent.held.iter().map(|part| part.bytes.len());
            let bytes = unsent.bytes.len() + held.sum::<usize>();
            unsent.backlog.exceeds(bytes, limit)
        })
    }
}

impl<S: Socket> Output<S> {
    /// Reads from the socket.
    pub(super) fn poll_read(
        &mut self,
        task: &mut Task<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_read(task, buffer)
    }

    /// Sends bytes; what may not leave, or the socket does not take now, is kept. That the socket
    /// is broken is told by the next [`Output::poll_flush`].
    #[inline]
    pub(super) fn send(&mut self, settled: &mut Settled, task: &mut Task<'_>) {
        if self.unsent.is_some() || !settled.is_free() {
            self.push(settled, None);
            return;
        }
        let bytes = settled.bytes();
        let mut sent = 0;
        while sent < bytes.len() {
            match Pin::new(&mut self.socket).poll_write(task, &bytes[sent..]) {
                Poll::Ready(Ok(count)) => sent += count,
                Poll::Ready(Err(_)) => {
                    self.break_off();
                    break;
                }
                Poll::Pending => {
                    let unsent = self.unsent.get_or_insert_default();
                    unsent.bytes.extend_from_slice(&bytes[sent..]);
                    break;
                }
            }
        }
        settled.clear();
    }

    /// Sends what was kept; ready when all of it is gone.
    ///
    /// # Errors
    /// Nothing can be sent any more.
    pub(super) fn poll_flush(
        &mut self,
        instance: &Arc<Instance>,
        client: &Client,
        task: &mut Task<'_>,
    ) -> Poll<io::Result<()>> {
        let Some(unsent) = &mut self.unsent else {
            return Poll::Ready(Ok(()));
        };
        if unsent.is_broken {
            return Poll::Ready(Err(broken()));
        }
        let released = unsent.poll_release(instance, task);
        let unsent_bytes = unsent.bytes.len();
        let sent = unsent.poll_write(&mut self.socket, task);
        if unsent.bytes.len() < unsent_bytes {
            client.note_active(instance.clock.now());
        }
        match (released, sent) {
            (Poll::Ready(Err(error)), _) | (_, Poll::Ready(Err(error))) => {
                self.break_off();
                Poll::Ready(Err(error))
            }
            (Poll::Ready(Ok(())), Poll::Ready(Ok(()))) => {
                self.unsent = None;
                Poll::Ready(Ok(()))
            }
            _ => Poll::Pending,
        }
    }
}

impl Unsent {
    /// Where bytes go that wait for nothing but those before them.
    fn end(&mut self) -> &mut Vec<u8> {
        match self.held.back_mut() {
            Some(last) => &mut last.bytes,
            None => &mut self.bytes,
        }
    }

    /// Moves to `bytes` what may leave; ready when that is all.
    fn poll_release(
        &mut self,
        instance: &Arc<Instance>,
        task: &mut Task<'_>,
    ) -> Poll<io::Result<()>> {
        while let Some(part) = self.held.front_mut() {
            let keeper = instance.keeper.get();
            match part.until.poll(keeper, &mut self.has_given_way, task) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Err(Lost)) => return Poll::Ready(Err(broken())),
                Poll::Ready(Ok(())) => {}
            }
            if let Some(due) = part.due {
                let over = self.over.get_or_insert_with(|| late::wait(instance, due));
                if over.as_mut().poll(task).is_pending() {
                    return Poll::Pending;
                }
            }
            self.bytes.append(&mut part.bytes);
            self.held.pop_front();
            self.over = None;
            self.has_given_way = false;
        }
        Poll::Ready(Ok(()))
    }

    /// Sends `bytes`.
    fn poll_write<S: Socket>(
        &mut self,
        socket: &mut S,
        task: &mut Task<'_>,
    ) -> Poll<io::Result<()>> {
        let mut sent = 0;
        while sent < self.bytes.len() {
            match Pin::new(&mut *socket).poll_write(task, &self.bytes[sent..]) {
                Poll::Ready(Ok(count)) => sent += count,
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => {
                    self.bytes.drain(..sent);
                    return Poll::Pending;
                }
            }
        }
        self.bytes.clear();
        Poll::Ready(Ok(()))
    }
}
