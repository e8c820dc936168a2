//! One connection of a load, and the batch that is in flight on it.

use std::io;

use crate::clock::Stopwatch;

use super::keys::{Digits, KeyRange, KeyWalk, digits};
use super::link::Link;
use super::measure::Tally;
use super::template::{Step, Template};
use super::verify::Reception;

/// A connection with its requests, its keys and what is in flight.
pub(super) struct Lane {
    link: Link,
    steps: Vec<Template>,
    walk: KeyWalk,
    keys_per_turn: usize,
    /// Turns that the keys of the range suffice for, and those that have begun in this pass.
    turns_max: u64,
    turns_begun: u64,
    /// The keys of the batch.
    digits: Vec<Digits>,
    /// The step that is in flight, in so many requests.
    step: usize,
    batch: usize,
    written: usize,
    answered: usize,
    reception: Reception,
    sent_ns: u64,
    /// When each turn of the batch should have been sent, if a rate says so.
    intended_ns: Vec<u64>,
}

/// What is to be done with a connection after something came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// Replies are owed.
    Wait,
    /// All steps are done: it is free for other keys.
    Idle,
}

impl Lane {
    pub(super) fn new(link: Link, steps: &[Step], pipeline: usize, range: KeyRange) -> Lane {
        let keys_per_turn = steps.first().map_or(1, Step::keys);
        let template = |step| Template::new(step, pipeline);
        Lane {
            link,
            steps: steps.iter().map(template).collect(),
            walk: KeyWalk::new(range),
            keys_per_turn,
            turns_max: range.count / keys_per_turn as u64,
            turns_begun: 0,
            digits: Vec::with_capacity(pipeline * keys_per_turn),
            step: 0,
            batch: 0,
            written: 0,
            answered: 0,
            reception: Reception::default(),
            sent_ns: 0,
            intended_ns: Vec::with_capacity(pipeline),
        }
    }

    /// Begins the walk over the keys again.
    pub(super) fn restart(&mut self) {
        self.walk.restart();
        self.turns_begun = 0;
    }

    /// Turns that the range still has keys for that were not met in this pass.
    pub(super) fn fresh_turns(&self) -> u64 {
        self.turns_max - self.turns_begun
    }

    /// Sends the first step of `turns` turns on the next keys. They were due at `due_ns`; if that is
    /// empty, now.
    pub(super) fn begin(
        &mut self,
        turns: usize,
        due_ns: &[u64],
        clock: Stopwatch,
    ) -> io::Result<()> {
        self.intended_ns.clear();
        self.intended_ns.extend_from_slice(due_ns);
        let walk = &mut self.walk;
        let keys = turns * self.keys_per_turn;
        self.digits.clear();
        self.digits.extend((0..keys).map(|_| digits(walk.step())));
        self.turns_begun = self.turns_begun.wrapping_add(turns as u64);
        self.batch = turns;
        self.step = 0;
        self.send(clock)
    }

    fn send(&mut self, clock: Stopwatch) -> io::Result<()> {
        self.steps[self.step].patch(&self.digits);
        self.reception.restart();
        self.answered = 0;
        self.written = 0;
        self.sent_ns = clock.elapsed_ns();
        self.flush()
    }

    /// Writes what is not written yet, as far as there is room.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        let bytes = self.steps[self.step].requests(self.batch);
        while self.written < bytes.len() {
            match self.link.write(&bytes[self.written..])? {
                Some(length) => self.written += length,
                None => break,
            }
        }
        Ok(())
    }

    /// Reads what is there; `None` if nothing is.
    pub(super) fn read(&mut self, buffer: &mut [u8]) -> io::Result<Option<usize>> {
        self.link.read(buffer)
    }

    /// Takes what came, and goes on to the next step if that was all of this one.
    pub(super) fn accept(
        &mut self,
        bytes: &[u8],
        clock: Stopwatch,
        tally: &mut Tally,
    ) -> Result<Next, Fault> {
        let now_ns = clock.elapsed_ns();
        let template = &self.steps[self.step];
        let answered = self
            .reception
            .accept(template, self.batch, bytes, &mut tally.wrong)
            .map_err(Fault::Protocol)?;
        self.record(answered, now_ns, tally);
        if answered < self.batch {
            return Ok(Next::Wait);
        }
        self.step += 1;
        if self.step < self.steps.len() {
            self.send(clock).map_err(Fault::Dropped)?;
            return Ok(Next::Wait);
        }
        self.step = 0;
        self.batch = 0;
        Ok(Next::Idle)
    }

    /// Counts the replies up to the `answered`-th, which came at `now_ns`.
    fn record(&mut self, answered: usize, now_ns: u64, tally: &mut Tally) {
        let count = (answered - self.answered) as u64;
        // A later step depends on the reply before it: it is due when that has come.
        let intended = match self.step {
            0 => self.intended_ns.get(self.answered..answered),
            _ => None,
        };
        match intended {
            Some(intended) => {
                for due_ns in intended {
                    tally.record(now_ns.saturating_sub(*due_ns), 1);
                }
            }
            None => tally.record(now_ns.saturating_sub(self.sent_ns), count),
        }
        tally.requests += count;
        self.answered = answered;
    }
}

/// What ends a connection.
pub(super) enum Fault {
    /// What came is no reply.
    Protocol(String),
    /// The system says so.
    Dropped(io::Error),
}
