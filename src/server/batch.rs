//! Running a batch: every request that a connection has read, one after the other.
//!
//! A batch shares one reading of the clock and one access to the keyspace. A request that needs
//! the keyspace to itself leaves it, runs on a fiber and, if it takes long, parks the connection.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context as Task, Poll};

use crate::command::table::Row;
use crate::command::{Access, Context, Outcome, dispatch};
use crate::fiber::{self, Fiber, Nap};
use crate::gate::{Hold, Whole};
use crate::instance::Instance;
use crate::resp::encode::encode;
use crate::resp::request::{Limits, Parser};
use crate::server::connection::{Connection, FLUSH_BYTES, State};
use crate::server::lookahead::{Behind, Lookahead, Place};
use crate::server::settled::{Settled, Suspended};
use crate::session::{OwnedRequest, Replies, Session};
use crate::sync;

/// A request that has paused on its fiber, and the access that it keeps.
pub(super) struct Parked {
    fiber: Fiber<Ran>,
    /// What it has done so far depends on this.
    receipt: Suspended,
    /// Ends when the fiber should go on; `None` for at once.
    rest: Option<Pause>,
    whole: Whole,
}

/// Ends when a connection should go on.
pub(super) type Pause = Pin<Box<dyn Future<Output = ()>>>;

impl Parked {
    /// Ready when the fiber should go on.
    pub(super) fn poll_rest(&mut self, task: &mut Task<'_>) -> Poll<()> {
        match &mut self.rest {
            None => Poll::Ready(()),
            Some(rest) => rest.as_mut().poll(task),
        }
    }
}

/// What comes back from a fiber.
type Ran = (Box<Session>, Outcome);

impl<S> Connection<S> {
    /// Runs the requests in `bytes`; replies go to `out`. Tells how many bytes are done with.
    pub(super) fn run(&mut self, bytes: &[u8], parser: &mut Parser, out: &mut Settled) -> usize {
        let mut done = 0;
        loop {
            let (consumed, next) =
                out.add(|out| self.run_beside_others(&bytes[done..], parser, out));
            done += consumed;
            match next {
                Next::Stop(state) => {
                    self.state = state;
                    return done;
                }
                Next::Alone { request, bytes } => {
                    let whole = match self.instance.gate.whole() {
                        Ok(whole) => whole,
                        Err(seen) => {
                            self.state = State::Refused(seen);
                            return done;
                        }
                    };
                    match out.add(|out| self.run_alone(request, whole, out)) {
                        None => done += bytes,
                        // It has not run yet.
                        Some(State::Paused) => {
                            self.state = State::Paused;
                            return done;
                        }
                        Some(state) => {
                            self.state = state;
                            return done + bytes;
                        }
                    }
                }
            }
        }
    }

    /// Runs requests for as long as they need only the shards of their keys.
    fn run_beside_others(
        &mut self,
        bytes: &[u8],
        parser: &mut Parser,
        out: &mut Vec<u8>,
    ) -> (usize, Next) {
        let gate = &self.instance.gate;
        let shared = gate.shared();
        let access = match &shared {
            Ok(_) => Access::Beside,
            Err(seen) if seen.hold() == Hold::Busy => Access::Busy,
            Err(seen) => return (0, Next::Stop(State::Refused(*seen))),
        };
        let Some(session) = self.session.as_deref_mut() else {
            unreachable!("a parked connection runs nothing");
        };
        // Whoever has killed it holds the gate until it is done, so this look is not too early.
        if self.client.is_closing() {
            return (0, Next::Stop(State::Closed));
        }
        let mut ctx = Context::new(&self.instance, session, access);
        let now_us = ctx.now.micros();
        self.client.active_us.store(now_us, Ordering::Relaxed);
        let mut limits = limits(ctx.instance);
        let mut lookahead = Lookahead::default();
        let mut done = 0;
        loop {
            limits.authenticated = ctx.session.is_authenticated;
            let rest = &bytes[done..];
            let behind = lookahead.parse(parser, rest, &limits);
            ctx.foreseen.clear();
            if lookahead.requests().len() > 1 {
                lookahead.foresee(&mut ctx);
                // What was done for all of them is no part of the first one's time.
                ctx.laps.lap_ns();
            }
            for ahead in lookahead.requests() {
                ctx.foreseen.turn_to(ahead.first_key);
                let stopped = run_one(&mut ctx, ahead.row, &ahead.arguments, ahead.place, out);
                if let Some((consumed, next)) = stopped {
                    // Its bytes will be parsed again.
                    parser.forget_half_read();
                    return (done + consumed, next);
                }
            }
            match behind {
                Behind::Unknown(start) => done += start,
                Behind::Inline(place) => {
                    let request = parser.arguments(&rest[place.start..]);
                    let named = dispatch::named(&request);
                    match run_one(&mut ctx, named, &request, place, out) {
                        Some((consumed, next)) => return (done + consumed, next),
                        None => done += place.end,
                    }
                }
                Behind::Incomplete(start) => return (done + start, Next::Stop(State::Reading)),
                Behind::Malformed(error) => {
                    let reply = error.into_reply();
                    ctx.count_error(&reply);
                    encode(&reply, ctx.session.protocol, out);
                    return (bytes.len(), Next::Stop(State::Closing));
                }
            }
        }
    }

    /// Runs a request while nothing else runs. What it returns, if anything, is what the
    /// connection does next instead of going on.
    fn run_alone(
        &mut self,
        request: OwnedRequest,
        whole: Whole,
        out: &mut Vec<u8>,
    ) -> Option<State> {
        let Some(mut session) = self.session.take() else {
            unreachable!("a parked connection runs nothing");
        };
        let instance = Arc::clone(&self.instance);
        let fiber = Fiber::new(move || {
            let request: Vec<&[u8]> = request.iter().map(Vec::as_slice).collect();
            let mut ctx = Context::new(&instance, &mut session, Access::Whole);
            ctx.begin_transaction();
            let mut outcome = dispatch::run(&mut ctx, &request);
            if ctx.is_half_done {
                ctx.forget_transaction();
                outcome = Outcome::Drop;
            }
            drop(ctx);
            (session, outcome)
        });
        match fiber {
            Ok(fiber) => self.advance(fiber, whole, out),
            Err(error) => {
                tracing::warn!("closing client {}: no stack: {error}", self.client.id);
                Some(State::Closed)
            }
        }
    }

    /// What ends when a fiber has rested for as long as it asked for, or the server stops.
    fn rest(&self, nap: Nap) -> Option<Pause> {
        let Nap::For(rest) = nap else {
            return None;
        };
        let instance = Arc::clone(&self.instance);
        Some(Box::pin(async move {
            tokio::select! {
                () = sync::sleep(rest) => {}
                () = instance.stopping() => {}
            }
        }))
    }

    /// Lets a request that runs alone go on until it ends or pauses.
    fn advance(&mut self, fiber: Fiber<Ran>, whole: Whole, out: &mut Vec<u8>) -> Option<State> {
        match fiber.resume() {
            fiber::Progress::Paused(fiber, nap) => {
                let parked = Parked {
                    fiber,
                    receipt: Suspended::suspend(),
                    rest: self.rest(nap),
                    whole,
                };
                Some(State::Parked(Box::new(parked)))
            }
            fiber::Progress::Done((mut session, outcome)) => {
                drop(whole);
                let state = answer(outcome, &mut session, out);
                self.session = Some(session);
                state
            }
        }
    }

    /// As [`Connection::advance`], for a request that has paused before.
    pub(super) fn resume(&mut self, parked: Parked) {
        let Parked {
            fiber,
            receipt,
            whole,
            ..
        } = parked;
        let state = self.reply_later(|connection, out| {
            receipt.resume();
            connection.advance(fiber, whole, out)
        });
        self.state = state.unwrap_or(State::Running);
    }
}

/// Why [`Connection::run_beside_others`] came back.
enum Next {
    /// There is nothing more to run now.
    Stop(State),
    /// This request of so many bytes must run alone.
    Alone { request: OwnedRequest, bytes: usize },
}

/// Runs one request. What it returns, if anything, stands in the way of the next: how many bytes
/// are done with, and why.
#[inline]
fn run_one(
    ctx: &mut Context<'_>,
    named: Option<&'static Row>,
    request: &[&[u8]],
    place: Place,
    out: &mut Vec<u8>,
) -> Option<(usize, Next)> {
    if out.len() > FLUSH_BYTES {
        return Some((place.start, Next::Stop(State::Running)));
    }
    // What was published before this request ran stands before its reply; what it publishes to
    // itself stands behind.
    if ctx.session.subscriptions.is_some() {
        ctx.session.client.take_mail(out);
    }
    let result = dispatch::run_named(ctx, named, request);
    let outcome = match result {
        // The way of nearly all: the reply is encoded where it was written.
        Ok(Outcome::Reply(ref reply)) if ctx.session.replies == Replies::On => {
            encode(reply, ctx.session.protocol, out);
            return None;
        }
        Ok(outcome) => outcome,
        Err(error) => dispatch::answer_error(ctx, error),
    };
    if matches!(outcome, Outcome::NeedsWhole) {
        let request = request.iter().map(|argument| argument.to_vec()).collect();
        let bytes = place.end - place.start;
        return Some((place.start, Next::Alone { request, bytes }));
    }
    let state = answer(outcome, ctx.session, out)?;
    let done = match state {
        // It has not run yet.
        State::Paused => place.start,
        _ => place.end,
    };
    Some((done, Next::Stop(state)))
}

/// Encodes what a command answered; tells whether the connection ends with it.
fn answer(outcome: Outcome, session: &mut Session, out: &mut Vec<u8>) -> Option<State> {
    let outcome = if session.replies == Replies::On {
        outcome
    } else {
        muted(outcome, session)
    };
    match outcome {
        Outcome::Reply(reply) => encode(&reply, session.protocol, out),
        Outcome::Many(replies) => {
            // No message may follow the confirmation that its subscription has ended.
            session.client.take_mail(out);
            for reply in &replies {
                encode(reply, session.protocol, out);
            }
        }
        Outcome::Close(reply) => {
            encode(&reply, session.protocol, out);
            return Some(State::Closing);
        }
        Outcome::Drop => {
            out.clear();
            return Some(State::Closed);
        }
        Outcome::Paused => return Some(State::Paused),
        Outcome::Blocked(blocked) => {
            session.client.block(blocked.end);
            return Some(State::Blocked(blocked));
        }
        Outcome::NeedsWhole => unreachable!("a request that needs the whole was given it"),
    }
    None
}

/// What is left of an outcome when CLIENT REPLY has switched replies off, or a fault has lost one.
/// Only CLIENT REPLY lets confirmations of subscriptions pass.
#[cold]
fn muted(outcome: Outcome, session: &mut Session) -> Outcome {
    if matches!(outcome, Outcome::Paused) {
        return outcome;
    }
    let replies = session.replies;
    if replies == Replies::Lost {
        return match outcome {
            Outcome::Reply(_) | Outcome::Many(_) => Outcome::Many(Vec::new()),
            Outcome::Close(_) => Outcome::Drop,
            outcome => outcome,
        };
    }
    session.replies = match replies {
        Replies::SkipNext => Replies::Skip,
        Replies::Skip => Replies::On,
        Replies::On | Replies::Off | Replies::Lost => replies,
    };
    match outcome {
        outcome if replies == Replies::SkipNext => outcome,
        Outcome::Reply(_) => Outcome::Many(Vec::new()),
        outcome => outcome,
    }
}

fn limits(instance: &Instance) -> Limits {
    let settings = &instance.config.settings;
    Limits {
        bulk_bytes: settings.proto_max_bulk_len(),
        arguments: u64::from(settings.proto_max_multibulk_len()),
        inline_bytes: usize::try_from(settings.proto_inline_max_size()).unwrap_or(usize::MAX),
        authenticated: true,
    }
}
