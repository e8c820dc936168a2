//! One connection: reads what the socket has, runs every request in it, writes once.
//!
//! ```text
//! socket -> scratch buffer -> Parser -> dispatch -> encode -> Settled -> Output -> socket
//! ```
//!
//! The scratch buffers belong to the thread; a connection owns memory only while a request is
//! half read or a reply half written. A request that needs the keyspace to itself runs on a
//! fiber, so a script that takes long leaves the thread to the other connections.
//!
//! It is a future written by hand: an `async` function would hold the connection twice, as its
//! argument and as its variable, for as long as the client is idle.

use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context as Task, Poll, ready};

use tokio::io::ReadBuf;

use crate::client::{Client, Closing, Mark};
use crate::command::{Blocked, monitor, pubsub, transaction};
use crate::gate::Seen;
use crate::instance::Instance;
use crate::resp::request::Parser;
use crate::server::batch::Parked;
use crate::server::buffers::{READ_BYTES, SCRATCH, Scratch, Unrun};
use crate::server::output::{Output, Socket};
use crate::server::settled::Settled;
use crate::server::tasks::TaskGuard;
use crate::server::waiting::Held;
use crate::session::Session;

/// Replies of a batch are sent when they are longer than this, before the batch goes on.
pub(super) const FLUSH_BYTES: usize = 256 * 1024;

/// See the module's text.
pub struct Connection<S> {
    pub(super) output: Output<S>,
    pub(super) instance: Arc<Instance>,
    pub(super) client: Arc<Client>,
    /// `None` while a parked script has it.
    pub(super) session: Option<Box<Session>>,
    unrun: Option<Box<Unrun>>,
    pub(super) state: State,
    /// Dropped last: whoever waits for it may then forget the instance.
    _guard: TaskGuard,
}

/// What the connection does next.
pub(super) enum State {
    /// It waits for the socket.
    Reading,
    /// It has requests that were not looked at.
    Running,
    /// Its next request needs a keyspace which somebody else has.
    Refused(Seen),
    /// It waits for somebody else's hold, or a fault, to end.
    Waiting(Pin<Box<dyn Future<Output = ()>>>),
    /// Its own request has paused. It is resumed until it ends, whatever becomes of the socket: the
    /// keyspace must not be left in the middle of it.
    Parked(Box<Parked>),
    /// CLIENT PAUSE or a fault holds its next request back.
    Paused,
    /// It waits for a time; its reply follows then.
    Blocked(Box<Blocked>),
    /// One of these two has begun.
    Held(Box<Held>),
    /// It ends when its last replies are sent.
    Closing,
    /// It ends.
    Closed,
}

/// Whether there is more to do at once.
pub(super) enum Pace {
    Idle,
    Busy,
}

impl<S: Socket> Future for Connection<S> {
    type Output = ();

    /// Serves it until it ends.
    fn poll(mut self: Pin<&mut Self>, task: &mut Task<'_>) -> Poll<()> {
        loop {
            let pace = match std::mem::replace(&mut self.state, State::Reading) {
                State::Closed => return Poll::Ready(()),
                State::Refused(seen) => {
                    self.state = self.wait_for_gate(seen);
                    Pace::Idle
                }
                State::Waiting(mut moved) => {
                    if self.flush_meanwhile(task).is_err() {
                        return Poll::Ready(());
                    }
                    if moved.as_mut().poll(task).is_pending() {
                        self.state = State::Waiting(moved);
                        return Poll::Pending;
                    }
                    self.state = State::Running;
                    Pace::Idle
                }
                State::Parked(mut parked) => {
                    // It goes on though nobody may hear of it.
                    let _ = self.flush_meanwhile(task);
                    if parked.poll_rest(task).is_pending() {
                        self.state = State::Parked(parked);
                        return Poll::Pending;
                    }
                    self.resume(*parked);
                    self.client.note_active(self.instance.clock.now());
                    Pace::Idle
                }
                State::Paused => {
                    self.state = self.hold_for_pause();
                    Pace::Idle
                }
                State::Blocked(blocked) => {
                    self.state = State::Held(self.hold_for_time(*blocked));
                    Pace::Idle
                }
                State::Held(held) => {
                    self.state = ready!(self.poll_held(held, task));
                    self.client.unmark(Mark::HeldBack);
                    self.client.note_active(self.instance.clock.now());
                    Pace::Idle
                }
                state => {
                    self.state = state;
                    match ready!(self.poll_step(task)) {
                        Ok(pace) => pace,
                        Err(_) => return Poll::Ready(()),
                    }
                }
            };
            // The thread's other connections have their turn in between.
            if matches!(pace, Pace::Busy) || matches!(self.state, State::Parked(_)) {
                return give_way(task);
            }
        }
    }
}

/// Lets the thread look at its other connections, and their sockets, before this one goes on. The
/// first poll of this future arranges that; there is no need of a second.
fn give_way(task: &mut Task<'_>) -> Poll<()> {
    pin!(tokio::task::yield_now()).poll(task)
}

impl<S: Socket> Connection<S> {
    /// A connection that has just been accepted.
    pub(super) fn new(
        socket: S,
        instance: Arc<Instance>,
        client: Arc<Client>,
        guard: TaskGuard,
    ) -> Connection<S> {
        let is_authenticated = !instance.config.settings.has_password();
        let session = Session::new(Arc::clone(&client), is_authenticated);
        Connection {
            output: Output::new(socket),
            instance,
            client,
            session: Some(Box::new(session)),
            unrun: None,
            state: State::Reading,
            _guard: guard,
        }
    }

    /// Sends, reads and runs as far as the socket and the keyspace let it.
    pub(super) fn poll_step(&mut self, task: &mut Task<'_>) -> Poll<io::Result<Pace>> {
        self.client.waker().register(task.waker());
        match self.client.closing() {
            Closing::No => {}
            Closing::IfIdle => return self.poll_read_or_close(task),
            Closing::Now => {
                self.state = State::Closed;
                return Poll::Ready(Ok(Pace::Idle));
            }
        }
        let mut flushed = self.poll_flush(task)?;
        if (flushed.is_ready() || self.instance.faults.is_any()) && self.collect_mail() {
            flushed = self.poll_flush(task)?;
        }
        match self.state {
            State::Closing => {
                ready!(flushed);
                self.state = State::Closed;
                Poll::Ready(Ok(Pace::Idle))
            }
            State::Running => {
                self.run_unrun(task);
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
            ready!(self.output.poll_read(task, &mut buffer))?;
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
            if let Some(unrun) = &mut self.unrun {
                unrun.bytes.extend_from_slice(bytes);
                self.run_again(parser, write);
            } else {
                let consumed = self.run(bytes, parser, write);
                self.keep_unrun(&bytes[consumed..], parser);
            }
            self.send(task, write);
            Poll::Ready(Ok(pace))
        })
    }

    /// Runs what could not be run before.
    fn run_unrun(&mut self, task: &mut Task<'_>) {
        SCRATCH.with_borrow_mut(|scratch| {
            scratch.forget_last_user();
            let Scratch { write, parser, .. } = scratch;
            self.state = State::Reading;
            self.run_again(parser, write);
            self.send(task, write);
        });
    }

    fn run_again(&mut self, parser: &mut Parser, write: &mut Settled) {
        let Some(mut unrun) = self.unrun.take() else {
            return;
        };
        std::mem::swap(parser, &mut unrun.parser);
        let consumed = self.run(&unrun.bytes, parser, write);
        unrun.bytes.drain(..consumed);
        std::mem::swap(parser, &mut unrun.parser);
        if !unrun.bytes.is_empty() {
            self.check_unrun(unrun.bytes.len());
            self.unrun = Some(unrun);
        }
    }

    /// The thread's buffers must not remember anything of this connection.
    fn keep_unrun(&mut self, bytes: &[u8], parser: &mut Parser) {
        if !bytes.is_empty() {
            self.check_unrun(bytes.len());
            self.unrun = Some(Box::new(Unrun {
                bytes: bytes.to_vec(),
                parser: if parser.is_half_read() {
                    std::mem::take(parser)
                } else {
                    Parser::default()
                },
            }));
        }
    }

    /// Keeps bytes that came while nothing can be run; ready when they are too many, and the
    /// connection ends.
    pub(super) fn keep_more(&mut self, bytes: &[u8]) -> Poll<()> {
        let unrun = self.unrun.get_or_insert_default();
        unrun.bytes.extend_from_slice(bytes);
        let unrun_bytes = unrun.bytes.len();
        self.check_unrun(unrun_bytes);
        if self.client.is_closing() {
            return Poll::Ready(());
        }
        Poll::Pending
    }

    /// Puts what others have sent behind the replies; tells whether there was something.
    #[inline]
    pub(super) fn collect_mail(&mut self) -> bool {
        let has_mail = self.client.has_mail();
        if has_mail {
            self.take_mail();
        }
        has_mail
    }

    #[inline(never)]
    fn take_mail(&mut self) {
        let mut mail = Settled::default();
        mail.add(|out| self.client.take_mail(out));
        let faults = &self.instance.faults;
        // Messages are as late as replies.
        let due = match faults.is_any() {
            true => faults.due(self.instance.clock.now()),
            false => None,
        };
        self.output.push(&mut mail, due);
    }

    /// Sends what ran before, while the connection waits for something else.
    fn flush_meanwhile(&mut self, task: &mut Task<'_>) -> io::Result<()> {
        // A server that stands still sends nothing.
        if !self.output.is_empty() && !self.instance.faults.is_any() {
            self.client.waker().register(task.waker());
            if let Poll::Ready(flushed) = self.poll_flush(task) {
                return flushed;
            }
        }
        Ok(())
    }

    /// Sends replies; what may not leave, or the socket does not take now, is kept.
    fn send(&mut self, task: &mut Task<'_>, settled: &mut Settled) {
        let bytes = settled.bytes().len() as u64;
        self.instance.stats.output_bytes.add(bytes);
        if self.instance.faults.is_any() {
            self.push_late(settled);
        } else {
            self.output.send(settled, task);
        }
        self.check_backlog();
    }

    /// Sends what was kept; ready when all of it is gone.
    #[inline]
    pub(super) fn poll_flush(&mut self, task: &mut Task<'_>) -> Poll<io::Result<()>> {
        if self.output.is_empty() {
            return Poll::Ready(Ok(()));
        }
        self.output.poll_flush(&self.instance, &self.client, task)
    }
}

impl<S> Drop for Connection<S> {
    /// However it ends, nobody keeps a trace of it.
    fn drop(&mut self) {
        if let Some(session) = self.session.as_deref_mut() {
            transaction::stop_watching(&self.instance, session);
            pubsub::unsubscribe_everything(&self.instance, session);
            monitor::stop(&self.instance, session);
        }
        self.instance.clients.remove(&self.client.id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An idle connection costs its future, its session and its client. tokio rounds a future with
    /// 96 bytes of its own up to a multiple of 128.
    #[test]
    fn an_idle_connection_is_small() {
        assert!(size_of::<Connection<tokio::net::TcpStream>>() <= 112);
        assert!(size_of::<Session>() <= 88);
        assert!(size_of::<Client>() <= 136);
    }
}
