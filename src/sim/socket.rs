//! Connections in memory: what a simulated server reads from and writes to.
//!
//! What is sent arrives in pieces that the seed chooses, and a write may take only a part. Each
//! piece of a reply bears the time at which the server let it go: from then on it may reach its
//! client, even if the server dies.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::world::World;

/// The server's end of a connection.
pub(crate) struct Socket {
    wire: Arc<Wire>,
}

/// What both ends share.
pub(crate) struct Wire {
    world: Arc<World>,
    /// What a client waits by.
    key: usize,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    to_server: Vec<u8>,
    from_server: Vec<Piece>,
    /// The client has closed it.
    is_left: bool,
    /// The server has closed it.
    is_closed: bool,
    reader: Option<Waker>,
}

/// A piece of what a server has sent.
pub(crate) struct Piece {
    /// When the server let it go.
    pub(crate) sent_ns: u64,
    pub(crate) bytes: Vec<u8>,
}

impl Wire {
    /// A connection; whoever waits by `key` is woken by what the server sends.
    pub(crate) fn new(world: &Arc<World>, key: usize) -> Arc<Wire> {
        Arc::new(Wire {
            world: Arc::clone(world),
            key,
            state: Mutex::default(),
        })
    }

    /// The server's end.
    pub(crate) fn socket(self: &Arc<Wire>) -> Socket {
        Socket {
            wire: Arc::clone(self),
        }
    }

    /// Sends to the server.
    pub(crate) fn send(&self, bytes: &[u8]) {
        let reader = {
            let mut state = self.state.lock();
            state.to_server.extend_from_slice(bytes);
            state.reader.take()
        };
        if let Some(reader) = reader {
            reader.wake();
        }
    }

    /// What the server has sent since the last call.
    pub(crate) fn receive(&self) -> Vec<Piece> {
        std::mem::take(&mut self.state.lock().from_server)
    }

    /// Closes the client's end.
    pub(crate) fn leave(&self) {
        let reader = {
            let mut state = self.state.lock();
            state.is_left = true;
            state.reader.take()
        };
        if let Some(reader) = reader {
            reader.wake();
        }
    }

    /// Whether the server has closed its end.
    pub(crate) fn is_closed(&self) -> bool {
        self.state.lock().is_closed
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        self: Pin<&mut Self>,
        task: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let wire = &self.wire;
        let mut state = wire.state.lock();
        if state.is_left {
            return Poll::Ready(Ok(()));
        }
        if state.to_server.is_empty() {
            state.reader = Some(task.waker().clone());
            return Poll::Pending;
        }
        let most = state.to_server.len().min(into.remaining());
        let length = match wire.world.happens(1, 8) {
            true => 1 + wire.world.below(most as u64) as usize,
            false => most,
        };
        into.put_slice(&state.to_server[..length]);
        state.to_server.drain(..length);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Socket {
    fn poll_write(
        self: Pin<&mut Self>,
        task: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let wire = &self.wire;
        let mut state = wire.state.lock();
        if state.is_left {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        if wire.world.happens(1, 40) {
            // It is full at the moment.
            task.waker().wake_by_ref();
            return Poll::Pending;
        }
        let length = match wire.world.happens(1, 20) {
            true => 1 + wire.world.below(bytes.len() as u64) as usize,
            false => bytes.len(),
        };
        state.from_server.push(Piece {
            sent_ns: wire.world.now_ns(),
            bytes: bytes[..length].to_vec(),
        });
        drop(state);
        wire.world.wake(wire.key);
        Poll::Ready(Ok(length))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        self.wire.state.lock().is_closed = true;
        self.wire.world.wake(self.wire.key);
    }
}
