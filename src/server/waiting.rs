//! A connection that waits: for somebody who has the keyspace to himself, or for a time, held back by
//! CLIENT PAUSE, in WAIT, or in WAITAOF.
//!
//! Who waits for a time goes on reading meanwhile, so that its end is noticed: the request of a
//! client that is gone is not run when the pause is over.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context as Task, Poll};
use std::time::Duration;

use tokio::io::ReadBuf;

use crate::client::{Block, Mark};
use crate::command::Blocked;
use crate::durability::Ticket;
use crate::error::CommandError;
use crate::gate::Seen;
use crate::instance::Wait;
use crate::resp::encode::encode;
use crate::resp::reply::Reply;
use crate::server::batch::Pause;
use crate::server::connection::{Connection, State};
use crate::server::output::Socket;
use crate::session::Replies;
use crate::sync;

/// Bytes read at once.
const READ_BYTES: usize = 4096;

/// What a connection waits for.
pub(super) struct Held {
    over: Pause,
    /// What is answered then. A request that was held back is run instead.
    reply: Option<Reply>,
    /// What is answered instead once the disk has what is waited for.
    sync: Option<(Ticket, Reply)>,
}

impl<S: Socket> Connection<S> {
    /// Begins to wait for the holder of the whole keyspace, or the end of the server. Who waits for
    /// `busy-reply-threshold` says that the holder is busy, in case that it does not look around.
    pub(super) fn wait_for_gate(&self, seen: Seen) -> State {
        let instance = Arc::clone(&self.instance);
        State::Waiting(Box::pin(async move {
            let threshold_ms = instance.config.settings.busy_reply_threshold_ms();
            let patience = async {
                match threshold_ms {
                    Some(ms) => sync::sleep(Duration::from_millis(ms)).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = instance.gate.moved_from(seen) => {}
                () = instance.stopping() => {}
                () = patience => instance.gate.call_busy(seen),
            }
        }))
    }

    /// Begins to wait until no pause holds its request back.
    pub(super) fn hold_for_pause(&self) -> State {
        let instance = Arc::clone(&self.instance);
        if instance.faults.pause_end(instance.clock.now()).is_some() {
            return self.stand_still();
        }
        self.client.mark(Mark::HeldBack);
        let over = Box::pin(async move {
            let pause = &instance.pause;
            let wait = instance.wait_while(|now| pause.end(now).map(Wait::Until));
            wait.await;
        });
        State::Held(Box::new(Held {
            over,
            reply: None,
            sync: None,
        }))
    }

    /// Begins to wait for the time, or for CLIENT UNBLOCK.
    pub(super) fn hold_for_time(&self, blocked: Blocked) -> Box<Held> {
        let (instance, client) = (Arc::clone(&self.instance), Arc::clone(&self.client));
        let Blocked { end, reply, sync } = blocked;
        let awaited = sync.as_ref().filter(|sync| sync.ends_it);
        let awaited = awaited.map(|sync| sync.ticket);
        let over = Box::pin(async move {
            let wait = instance.wait_while(|_| {
                let wait = end.map_or(Wait::Rung, Wait::Until);
                client.is_blocked().then_some(wait)
            });
            match (awaited, instance.keeper.get()) {
                (Some(ticket), Some(keeper)) => {
                    let synced = poll_fn(|task| match keeper.poll(ticket, task.waker()) {
                        true => Poll::Ready(()),
                        false => Poll::Pending,
                    });
                    tokio::select! {
                        () = wait => {}
                        () = synced => {}
                    }
                }
                _ => wait.await,
            }
        });
        let reply = Some(reply);
        let sync = sync.map(|sync| (sync.ticket, sync.reply));
        Box::new(Held { over, reply, sync })
    }

    /// The state in which it goes on, once it does.
    pub(super) fn poll_held(&mut self, mut held: Box<Held>, task: &mut Task<'_>) -> Poll<State> {
        if self.poll_end(task).is_ready() {
            return Poll::Ready(State::Closed);
        }
        if held.over.as_mut().poll(task).is_pending() {
            self.state = State::Held(held);
            return Poll::Pending;
        }
        let keeper = self.instance.keeper.get();
        let synced = held
            .sync
            .filter(|(ticket, _)| keeper.is_some_and(|keeper| keeper.is_reached(*ticket)));
        if let Some(reply) = synced.map(|(_, reply)| reply).or(held.reply) {
            self.answer_held(reply);
        }
        Poll::Ready(State::Running)
    }

    fn answer_held(&mut self, reply: Reply) {
        let reply = match self.client.end_block() {
            Block::Refused => CommandError::Unblocked.into_reply(),
            Block::No | Block::Timed | Block::Endless | Block::TimedOut => reply,
        };
        self.reply_later(|connection, out| {
            if let Some(session) = &connection.session
                && session.replies == Replies::On
            {
                encode(&reply, session.protocol, out);
            }
        });
    }

    /// Sends and reads, but runs nothing; ready when the connection has ended.
    fn poll_end(&mut self, task: &mut Task<'_>) -> Poll<()> {
        self.client.waker().register(task.waker());
        if self.client.is_closing() {
            return Poll::Ready(());
        }
        self.collect_mail();
        if let Poll::Ready(Err(_)) = self.poll_flush(task) {
            return Poll::Ready(());
        }
        loop {
            let mut bytes = [0; READ_BYTES];
            let mut buffer = ReadBuf::new(&mut bytes);
            match self.output.poll_read(task, &mut buffer) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Err(_)) => return Poll::Ready(()),
                Poll::Ready(Ok(())) if buffer.filled().is_empty() => return Poll::Ready(()),
                Poll::Ready(Ok(())) => {
                    let read = buffer.filled();
                    self.instance.stats.input_bytes.add(read.len() as u64);
                    if self.keep_more(read).is_ready() {
                        return Poll::Ready(());
                    }
                }
            }
        }
    }
}
