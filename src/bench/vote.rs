//! The Redlock algorithm from the client's side, as a load.
//!
//! A voter has a connection to every server and takes one lock at a time. It sends SET NX PX to all
//! of them at once and has the lock as soon as a majority has granted it, if enough of the time to
//! live is left when the drift of clocks is taken off. When all have answered it sends the release to
//! all of them, whether it got the lock or not, and waits for their answers. A server that is
//! lost, or silent for too long, has no vote from then on; a voter that has lost the majority ends
//! the load.

use std::io;

use mio::Poll;
use mio::event::Event;

use crate::error::BenchError;

use super::drive::READ_BYTES;
use super::keys::{KeyRange, KeyWalk, digits};
use super::link::{Link, PATIENCE, Target, system};
use super::pass::{Crew, Pass, Reuse};
use super::reply::{Answer, first_answer};
use super::template::{Step, Template};

/// What a grant is answered with.
const GRANTED: &[u8] = b"+OK\r\n";

/// When a lock counts as taken.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rules {
    majority: usize,
    /// A decision later than this after the first request is too late.
    validity_ns: u64,
    /// Nobody waits longer for a server.
    patience_ns: u64,
}

impl Rules {
    /// The drift is a hundredth of the time to live and 2 ms, as the algorithm's authors have it.
    pub(super) fn new(servers: usize, ttl_ms: u64) -> Rules {
        let ttl_ns = ttl_ms * 1_000_000;
        let drift_ns = ttl_ns / 100 + 2_000_000;
        Rules {
            majority: servers / 2 + 1,
            validity_ns: ttl_ns.saturating_sub(drift_ns),
            patience_ns: ttl_ns.min(PATIENCE.as_nanos() as u64),
        }
    }
}

/// The voters of a thread.
pub(super) struct VoteDriver {
    targets: Vec<Target>,
    rules: Rules,
    poll: Poll,
    voters: Vec<Voter>,
    buffer: Vec<u8>,
}

/// Somebody who takes locks.
struct Voter {
    seats: Vec<Seat>,
    steps: Vec<Template>,
    walk: KeyWalk,
    phase: Phase,
    /// When the lock was asked for, or should have been.
    due_ns: u64,
    /// When the present requests were sent.
    sent_ns: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Idle,
    Taking,
    /// It is taken; some servers have not answered yet.
    Taken,
    Releasing,
}

impl Phase {
    /// Which of the templates is in flight.
    fn step(self) -> usize {
        usize::from(self == Phase::Releasing)
    }
}

/// One server, as a voter sees it.
struct Seat {
    /// `None` once the server is lost.
    link: Option<Link>,
    vote: Vote,
    unread: Vec<u8>,
    written: usize,
    is_owing: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Vote {
    For,
    Against,
}

impl VoteDriver {
    pub(super) fn new(targets: &[Target], rules: Rules) -> Result<VoteDriver, BenchError> {
        Ok(VoteDriver {
            targets: targets.to_vec(),
            rules,
            poll: Poll::new().map_err(|error| system("wait for replies", &error))?,
            voters: Vec::new(),
            buffer: vec![0; READ_BYTES],
        })
    }

    /// Adds a voter with a connection to each server, in the servers' order.
    pub(super) fn add(
        &mut self,
        links: Vec<Link>,
        steps: &[Step],
        range: KeyRange,
    ) -> Result<(), BenchError> {
        let first = self.voters.len() * self.targets.len();
        let mut seats = Vec::with_capacity(links.len());
        for (number, mut link) in (first..).zip(links) {
            link.register(&self.poll, number)?;
            seats.push(Seat {
                link: Some(link),
                vote: Vote::Against,
                unread: Vec::new(),
                written: 0,
                is_owing: false,
            });
        }
        self.voters.push(Voter {
            seats,
            steps: steps.iter().map(|step| Template::new(step, 1)).collect(),
            walk: KeyWalk::new(range),
            phase: Phase::Idle,
            due_ns: 0,
            sent_ns: 0,
        });
        Ok(())
    }

    /// Reads what a server says to a voter, and counts it.
    fn receive(
        &mut self,
        number: usize,
        seat_number: usize,
        pass: &mut Pass<'_>,
    ) -> Result<(), BenchError> {
        let voter = &mut self.voters[number];
        let read = match &mut voter.seats[seat_number].link {
            Some(link) => link.read(&mut self.buffer),
            None => return Ok(()),
        };
        match read {
            Ok(Some(length)) => {
                let heard = voter.hear(seat_number, &self.buffer[..length], self.rules, pass);
                heard.map_err(|what| self.targets[seat_number].protocol(what))
            }
            Ok(None) => Ok(()),
            Err(error) => self.lose(number, seat_number, &error.to_string(), pass),
        }
    }

    /// A server has no vote any more.
    fn lose(
        &mut self,
        number: usize,
        seat_number: usize,
        reason: &str,
        pass: &mut Pass<'_>,
    ) -> Result<(), BenchError> {
        let voter = &mut self.voters[number];
        voter.seats[seat_number].drop_link();
        pass.tally.votes.lost_connections += 1;
        let left = voter.seats.iter().filter(|seat| seat.link.is_some());
        if left.count() < self.rules.majority {
            return Err(self.targets[seat_number].dropped(reason));
        }
        Ok(())
    }

    /// Sends the present requests of a voter to all servers.
    fn send(&mut self, number: usize, pass: &mut Pass<'_>) -> Result<(), BenchError> {
        self.voters[number].sent_ns = pass.clock.elapsed_ns();
        for seat_number in 0..self.targets.len() {
            let voter = &mut self.voters[number];
            let bytes = voter.steps[voter.phase.step()].requests(1);
            if let Err(error) = voter.seats[seat_number].send(bytes) {
                self.lose(number, seat_number, &error.to_string(), pass)?;
            }
        }
        Ok(())
    }

    /// Goes on if all servers have answered.
    fn proceed(&mut self, number: usize, pass: &mut Pass<'_>) -> Result<(), BenchError> {
        // Servers that are lost while the release is sent may leave nobody to wait for.
        loop {
            let voter = &mut self.voters[number];
            if voter.phase == Phase::Idle || voter.seats.iter().any(|seat| seat.is_owing) {
                return Ok(());
            }
            match voter.phase {
                Phase::Releasing => {
                    voter.phase = Phase::Idle;
                    pass.tally.requests += 1;
                    return pass.ended(number, self);
                }
                Phase::Taken => pass.tally.votes.acquired += 1,
                Phase::Taking | Phase::Idle => pass.tally.votes.failed += 1,
            }
            voter.phase = Phase::Releasing;
            self.send(number, pass)?;
        }
    }
}

impl Voter {
    /// Takes what a server says: its vote, or the answer to the release.
    fn hear(
        &mut self,
        seat_number: usize,
        bytes: &[u8],
        rules: Rules,
        pass: &mut Pass<'_>,
    ) -> Result<(), String> {
        let seat = &mut self.seats[seat_number];
        let is_grant = seat.unread.is_empty() && bytes == GRANTED;
        let answer = if is_grant {
            Answer::Status(b"OK".to_vec())
        } else {
            seat.unread.extend_from_slice(bytes);
            match first_answer(&seat.unread)? {
                None => return Ok(()),
                Some((answer, length)) if length == seat.unread.len() => {
                    seat.unread.clear();
                    answer
                }
                Some(_) => return Err("more came than was asked for".to_owned()),
            }
        };
        if !seat.is_owing {
            return Err(format!("{answer} came though nothing was asked"));
        }
        seat.is_owing = false;
        match (self.phase, answer) {
            (Phase::Releasing, Answer::Integer(1)) if seat.vote == Vote::For => {}
            (Phase::Releasing, Answer::Integer(0)) if seat.vote == Vote::Against => {}
            (Phase::Releasing, answer) => {
                let expected = i32::from(seat.vote == Vote::For);
                let expected = format!(":{expected}\r\n");
                pass.tally
                    .wrong
                    .add(&answer.to_string(), expected.as_bytes());
            }
            (_, Answer::Status(text)) if text == b"OK" => {
                seat.vote = Vote::For;
                self.count(rules, pass);
            }
            (_, Answer::Null) => {}
            (_, answer) => pass.tally.wrong.add(&answer.to_string(), GRANTED),
        }
        Ok(())
    }

    /// Decides whether the lock is taken by now.
    fn count(&mut self, rules: Rules, pass: &mut Pass<'_>) {
        let votes = self.seats.iter().filter(|seat| seat.vote == Vote::For);
        if self.phase != Phase::Taking || votes.count() < rules.majority {
            return;
        }
        let now_ns = pass.clock.elapsed_ns();
        if now_ns.saturating_sub(self.sent_ns) < rules.validity_ns {
            self.phase = Phase::Taken;
            pass.tally.record(now_ns.saturating_sub(self.due_ns), 1);
        }
    }
}

impl Seat {
    /// Sends a request, if the server is not lost.
    fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.is_owing = self.link.is_some();
        self.written = 0;
        self.flush(bytes)
    }

    fn flush(&mut self, bytes: &[u8]) -> io::Result<()> {
        if let Some(link) = &mut self.link {
            while self.written < bytes.len() {
                match link.write(&bytes[self.written..])? {
                    Some(length) => self.written += length,
                    None => break,
                }
            }
        }
        Ok(())
    }

    fn drop_link(&mut self) {
        self.link = None;
        self.is_owing = false;
        self.vote = Vote::Against;
    }
}

impl Crew for VoteDriver {
    fn size(&self) -> usize {
        self.voters.len()
    }

    fn restart(&mut self) {
        self.voters
            .iter_mut()
            .for_each(|voter| voter.walk.restart());
    }

    fn turns_max(&self, _number: usize, _reuse: Reuse) -> u64 {
        1
    }

    fn begin(
        &mut self,
        number: usize,
        _turns: usize,
        pass: &mut Pass<'_>,
    ) -> Result<(), BenchError> {
        let now_ns = pass.clock.elapsed_ns();
        let voter = &mut self.voters[number];
        voter.due_ns = pass.due_ns.first().copied().unwrap_or(now_ns);
        voter.phase = Phase::Taking;
        let digits = digits(voter.walk.step());
        for template in &mut voter.steps {
            template.patch(&[digits]);
        }
        for seat in &mut voter.seats {
            seat.vote = Vote::Against;
        }
        self.send(number, pass)
    }

    fn attend(&mut self, event: &Event, pass: &mut Pass<'_>) -> Result<(), BenchError> {
        let servers = self.targets.len();
        let (number, seat_number) = (event.token().0 / servers, event.token().0 % servers);
        if event.is_writable() {
            let voter = &mut self.voters[number];
            let bytes = voter.steps[voter.phase.step()].requests(1);
            let seat = &mut voter.seats[seat_number];
            if seat.is_owing
                && let Err(error) = seat.flush(bytes)
            {
                self.lose(number, seat_number, &error.to_string(), pass)?;
            }
        }
        if event.is_readable() || event.is_read_closed() || event.is_error() {
            self.receive(number, seat_number, pass)?;
        }
        self.proceed(number, pass)
    }

    fn look_around(&mut self, _heard_ns: u64, pass: &mut Pass<'_>) -> Result<(), BenchError> {
        let now_ns = pass.clock.elapsed_ns();
        for number in 0..self.voters.len() {
            let waited_ns = now_ns.saturating_sub(self.voters[number].sent_ns);
            if self.voters[number].phase == Phase::Idle || waited_ns < self.rules.patience_ns {
                continue;
            }
            for seat_number in 0..self.targets.len() {
                if self.voters[number].seats[seat_number].is_owing {
                    self.lose(number, seat_number, "it does not reply", pass)?;
                }
            }
            self.proceed(number, pass)?;
        }
        Ok(())
    }

    fn poll(&mut self) -> &mut Poll {
        &mut self.poll
    }
}
