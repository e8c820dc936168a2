//! One connection: reads what the socket has, runs every request in it, writes once.
//!
//! ```text
//! socket -> scratch buffer -> Parser -> dispatch -> encode -> out buffer -> socket
//! ```
//!
//! The scratch buffers belong to the thread; a connection owns memory only while a request is
//! half read or a reply half written. A request that needs the keyspace to itself runs on a
//! fiber, so a script that takes long leaves the thread to the other connections.

use std::cell::RefCell;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context as Task, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::client::{Backlog, Client};
use crate::command::{pubsub, transaction};
use crate::config::ClientClass;
use crate::gate::Hold;
use crate::instance::Instance;
use crate::resp::request::Parser;
use crate::server::batch::Parked;
use crate::session::Session;

/// Bytes read at once.
const READ_BYTES: usize = 64 * 1024;
/// Replies of a batch are sent when they are longer than this, before the batch goes on.
pub(super) const FLUSH_BYTES: usize = 256 * 1024;
/// Bytes that a thread keeps for replies between batches.
const SCRATCH_BYTES_KEPT: usize = 1 << 20;

/// A socket of either kind.
pub trait Socket: AsyncRead + AsyncWrite + Unpin {}

impl<S: AsyncRead + AsyncWrite + Unpin> Socket for S {}

/// See the module's text.
pub struct Connection<S> {
    socket: S,
    pub(super) instance: Arc<Instance>,
    pub(super) client: Arc<Client>,
    /// `None` while a parked script has it.
    pub(super) session: Option<Box<Session>>,
    /// Bytes of requests that could not be run yet.
    input: Vec<u8>,
    /// Remembers the half-read request at the start of `input`.
    parser: Option<Box<Parser>>,
    /// Bytes of replies that the socket did not take yet.
    pub(super) output: Vec<u8>,
    backlog: Backlog,
    pub(super) state: State,
}

/// What the connection does next.
pub(super) enum State {
    /// It waits for the socket.
    Reading,
    /// `input` has requests that were not looked at.
    Running,
    /// `input` begins with a request that needs a keyspace which somebody else has.
    Waiting(Hold),
    /// Its own request has paused.
    Parked(Parked),
    /// It ends when its last replies are sent.
    Closing,
    /// It ends.
    Closed,
}

/// Whether there is more to do at once.
enum Pace {
    Idle,
    Busy,
}

/// The buffers of a thread.
struct Scratch {
    read: Vec<u8>,
    write: Vec<u8>,
    parser: Parser,
}

thread_local! {
    static SCRATCH: RefCell<Scratch> = RefCell::new(Scratch {
        read: vec![0; READ_BYTES],
        write: Vec::new(),
        parser: Parser::default(),
    });
}

impl Scratch {
    /// Whoever used the buffers before may have ended in the middle: nothing of that may reach
    /// the next connection.
    fn forget_last_user(&mut self) {
        self.write.clear();
        self.parser.forget_half_read();
    }
}

impl<S: Socket> Connection<S> {
    /// A connection that has just been accepted.
    pub fn new(socket: S, instance: Arc<Instance>, client: Arc<Client>) -> Connection<S> {
        let is_authenticated = !instance.config.settings.has_password();
        let session = Session::new(Arc::clone(&client), is_authenticated);
        Connection {
            socket,
            instance,
            client,
            session: Some(Box::new(session)),
            input: Vec::new(),
            parser: None,
            output: Vec::new(),
            backlog: Backlog::default(),
            state: State::Reading,
        }
    }

    /// Serves it until it ends.
    pub async fn serve(mut self) {
        loop {
            match std::mem::replace(&mut self.state, State::Reading) {
                State::Closed => break,
                State::Waiting(hold) => {
                    self.instance.gate.moved_from(hold).await;
                    self.state = State::Running;
                }
                State::Parked(parked) => {
                    tokio::task::yield_now().await;
                    self.resume(parked);
                }
                state => {
                    self.state = state;
                    match poll_fn(|task| self.poll_step(task)).await {
                        Ok(Pace::Idle) => {}
                        // The thread's other connections have their turn in between.
                        Ok(Pace::Busy) => tokio::task::yield_now().await,
                        Err(_) => break,
                    }
                }
            }
        }
    }

    /// Sends, reads and runs as far as the socket and the keyspace let it.
    fn poll_step(&mut self, task: &mut Task<'_>) -> Poll<io::Result<Pace>> {
        self.client.waker().register(task.waker());
        if self.client.is_closing() {
            self.state = State::Closed;
            return Poll::Ready(Ok(Pace::Idle));
        }
        let mut flushed = self.poll_flush(task)?;
        if flushed.is_ready() && self.client.has_mail() {
            self.client.take_mail(&mut self.output);
            flushed = self.poll_flush(task)?;
        }
        match self.state {
            State::Closing => {
                ready!(flushed);
                self.state = State::Closed;
                Poll::Ready(Ok(Pace::Idle))
            }
            State::Running => {
                self.run_input(task)?;
                Poll::Ready(Ok(Pace::Busy))
            }
            _ => self.poll_read_and_run(task),
        }
    }

    fn poll_read_and_run(&mut self, task: &mut Task<'_>) -> Poll<io::Result<Pace>> {
        SCRATCH.with_borrow_mut(|scratch| {
            scratch.forget_last_user();
            let Scratch {
                read,
                write,
                parser,
            } = scratch;
            let mut buffer = ReadBuf::new(read);
            ready!(Pin::new(&mut self.socket).poll_read(task, &mut buffer))?;
            let bytes = buffer.filled();
            if bytes.is_empty() {
                self.state = State::Closed;
                return Poll::Ready(Ok(Pace::Idle));
            }
            let pace = if bytes.len() == READ_BYTES {
                Pace::Busy
            } else {
                Pace::Idle
            };
            self.instance.stats.input_bytes.add(bytes.len() as u64);
            if self.input.is_empty() {
                let consumed = self.run(bytes, parser, write);
                self.input.extend_from_slice(&bytes[consumed..]);
            } else {
                self.input.extend_from_slice(bytes);
                self.run_own_input(parser, write);
            }
            self.keep_half_read(parser);
            self.send(task, write)?;
            Poll::Ready(Ok(pace))
        })
    }

    /// Runs what is left in `input`.
    fn run_input(&mut self, task: &mut Task<'_>) -> io::Result<()> {
        SCRATCH.with_borrow_mut(|scratch| {
            scratch.forget_last_user();
            let Scratch { write, parser, .. } = scratch;
            self.state = State::Reading;
            self.run_own_input(parser, write);
            self.keep_half_read(parser);
            self.send(task, write)
        })
    }

    fn run_own_input(&mut self, parser: &mut Parser, write: &mut Vec<u8>) {
        if let Some(half_read) = self.parser.take() {
            *parser = *half_read;
        }
        let mut input = std::mem::take(&mut self.input);
        let consumed = self.run(&input, parser, write);
        if consumed < input.len() {
            input.drain(..consumed);
            self.input = input;
        }
    }

    /// The thread's parser must not remember anything of this connection.
    fn keep_half_read(&mut self, parser: &mut Parser) {
        if parser.is_half_read() {
            self.parser = Some(Box::new(std::mem::take(parser)));
        }
        let limit = self.instance.config.settings.client_query_buffer_limit();
        if self.input.len() as u64 > limit {
            tracing::warn!(
                "closing client {}: its query buffer is over client-query-buffer-limit",
                self.client.id
            );
            self.state = State::Closed;
        }
    }

    /// Sends `write`; what the socket does not take now is kept.
    fn send(&mut self, task: &mut Task<'_>, write: &mut Vec<u8>) -> io::Result<()> {
        let mut sent = 0;
        while self.output.is_empty() && sent < write.len() {
            match Pin::new(&mut self.socket).poll_write(task, &write[sent..])? {
                Poll::Ready(bytes) => sent += bytes,
                Poll::Pending => break,
            }
        }
        self.instance.stats.output_bytes.add(write.len() as u64);
        self.output.extend_from_slice(&write[sent..]);
        write.clear();
        write.shrink_to(SCRATCH_BYTES_KEPT);
        self.check_backlog();
        Ok(())
    }

    /// Ends a connection that does not read its replies.
    fn check_backlog(&mut self) {
        if self.output.is_empty() {
            return;
        }
        let class = if self.client.is_subscriber() {
            ClientClass::PubSub
        } else {
            ClientClass::Normal
        };
        let limit = self.instance.config.settings.output_limit(class);
        if self.backlog.exceeds(self.output.len(), limit) {
            tracing::warn!(
                "closing client {}: its unsent output is over client-output-buffer-limit",
                self.client.id
            );
            self.state = State::Closed;
        }
    }

    /// Sends what was kept; ready when all of it is gone.
    fn poll_flush(&mut self, task: &mut Task<'_>) -> Poll<io::Result<()>> {
        let mut sent = 0;
        while sent < self.output.len() {
            match Pin::new(&mut self.socket).poll_write(task, &self.output[sent..]) {
                Poll::Ready(bytes) => sent += bytes?,
                Poll::Pending => {
                    self.output.drain(..sent);
                    return Poll::Pending;
                }
            }
        }
        self.output = Vec::new();
        Poll::Ready(Ok(()))
    }
}

impl<S> Drop for Connection<S> {
    /// However it ends, nobody keeps a trace of it.
    fn drop(&mut self) {
        if let Some(session) = self.session.as_deref_mut() {
            transaction::stop_watching(&self.instance, session);
            pubsub::unsubscribe_everything(&self.instance, session);
        }
        self.instance.clients.remove(&self.client.id);
    }
}
