//! Running a batch: every request that a connection has read, one after the other.
//!
//! A batch shares one reading of the clock and one access to the keyspace. A request that needs
//! the keyspace to itself leaves it, runs on a fiber and, if it takes long, parks the connection.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::command::{Access, Context, Outcome, dispatch};
use crate::fiber::{self, Fiber};
use crate::gate::{Hold, Whole};
use crate::instance::Instance;
use crate::resp::encode::encode;
use crate::resp::request::Limits;
use crate::server::connection::{Connection, FLUSH_BYTES, State};
use crate::server::lookahead::{Behind, Lookahead};
use crate::session::{OwnedRequest, Session};

/// A request that has paused on its fiber, and the access that it keeps.
pub(super) struct Parked {
    fiber: Fiber<Ran>,
    whole: Whole,
}

/// What comes back from a fiber.
type Ran = (Box<Session>, Outcome);

impl<S> Connection<S> {
    /// Runs the requests in `bytes`; replies go to `out`. Tells how many bytes are done with.
    pub(super) fn run(
        &mut self,
        bytes: &[u8],
        lookahead: &mut Lookahead,
        out: &mut Vec<u8>,
    ) -> usize {
        let mut done = 0;
        loop {
            let (consumed, next) = self.run_beside_others(&bytes[done..], lookahead, out);
            done += consumed;
            match next {
                Next::Stop(state) => {
                    self.state = state;
                    return done;
                }
                Next::Alone { request, bytes } => {
                    let Some(whole) = self.instance.gate.whole() else {
                        self.state = State::Waiting(self.instance.gate.hold());
                        return done;
                    };
                    done += bytes;
                    if let Some(state) = self.run_alone(request, whole, out) {
                        self.state = state;
                        return done;
                    }
                }
            }
        }
    }

    /// Runs requests for as long as they need only the shards of their keys.
    fn run_beside_others(
        &mut self,
        bytes: &[u8],
        lookahead: &mut Lookahead,
        out: &mut Vec<u8>,
    ) -> (usize, Next) {
        let gate = &self.instance.gate;
        let shared = gate.shared();
        let access = match (&shared, gate.hold()) {
            (Some(_), _) => Access::Beside,
            (None, Hold::Busy) => Access::Busy,
            (None, hold) => return (0, Next::Stop(State::Waiting(hold))),
        };
        let Some(session) = self.session.as_deref_mut() else {
            unreachable!("a parked connection runs nothing");
        };
        let now = self.instance.clock.now();
        self.client.active_us.store(now.micros(), Ordering::Relaxed);
        let mut ctx = Context::new(&self.instance, session, now, access);
        let mut limits = limits(ctx.instance);
        let mut done = 0;
        loop {
            limits.authenticated = ctx.session.is_authenticated;
            let rest = &bytes[done..];
            let behind = lookahead.parse(rest, &limits);
            lookahead.prefetch(rest, &ctx.instance.keyspace, ctx.session.database);
            ctx.watch.lap();
            if let Some((consumed, next)) = run_parsed(&mut ctx, rest, lookahead, out) {
                lookahead.forget();
                return (done + consumed, next);
            }
            match behind {
                Behind::Unknown => done += lookahead.end(),
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
            let now = instance.clock.now();
            let mut ctx = Context::new(&instance, &mut session, now, Access::Whole);
            let outcome = dispatch::run(&mut ctx, &request);
            drop(ctx);
            (session, outcome)
        });
        match fiber {
            Ok(fiber) => self.advance(Parked { fiber, whole }, out),
            Err(error) => {
                tracing::warn!("closing client {}: no stack: {error}", self.client.id);
                Some(State::Closed)
            }
        }
    }

    /// Lets a request that runs alone go on until it ends or pauses.
    fn advance(&mut self, parked: Parked, out: &mut Vec<u8>) -> Option<State> {
        let Parked { fiber, whole } = parked;
        match fiber.resume() {
            fiber::Progress::Paused(fiber) => Some(State::Parked(Parked { fiber, whole })),
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
        let mut out = std::mem::take(&mut self.output);
        let state = self.advance(parked, &mut out);
        self.output = out;
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

/// Runs the requests that were parsed, to the last or to one that stands in the way of the next:
/// then it tells how many bytes are done with, and why.
fn run_parsed(
    ctx: &mut Context<'_>,
    bytes: &[u8],
    lookahead: &Lookahead,
    out: &mut Vec<u8>,
) -> Option<(usize, Next)> {
    for ahead in lookahead.requests() {
        if out.len() > FLUSH_BYTES {
            return Some((ahead.start, Next::Stop(State::Running)));
        }
        let request = ahead.arguments(bytes);
        // What was published before this request ran stands before its reply; what it
        // publishes to itself stands behind.
        if ctx.session.subscriptions.is_some() {
            ctx.session.client.take_mail(out);
        }
        let outcome = dispatch::run_named(ctx, ahead.row, &request);
        if matches!(outcome, Outcome::NeedsWhole) {
            let request = request.iter().map(|argument| argument.to_vec()).collect();
            let bytes = ahead.end - ahead.start;
            return Some((ahead.start, Next::Alone { request, bytes }));
        }
        if let Some(state) = answer(outcome, ctx.session, out) {
            return Some((bytes.len(), Next::Stop(state)));
        }
    }
    None
}

/// Encodes what a command answered; tells whether the connection ends with it.
fn answer(outcome: Outcome, session: &mut Session, out: &mut Vec<u8>) -> Option<State> {
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
        Outcome::NeedsWhole => unreachable!("a request that needs the whole was given it"),
    }
    None
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
