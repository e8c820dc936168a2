//! Load on single connections, each with one batch in flight at a time.
//!
//! When the last reply of a batch has come, the next batch goes out: the next step on the same
//! keys, or the first step on fresh ones.

use mio::Poll;
use mio::event::Event;

use crate::error::BenchError;

use super::keys::KeyRange;
use super::lane::{Fault, Lane, Next};
use super::link::{Link, PATIENCE, Target, system};
use super::pass::{Crew, Pass, Reuse};
use super::template::Step;

/// Bytes that one read takes at most: the replies to a deep pipeline.
pub(super) const READ_BYTES: usize = 64 * 1024;

/// The connections of a thread.
pub(super) struct Driver {
    target: Target,
    pipeline: usize,
    poll: Poll,
    lanes: Vec<Lane>,
    buffer: Vec<u8>,
}

impl Driver {
    pub(super) fn new(target: &Target, pipeline: usize) -> Result<Driver, BenchError> {
        Ok(Driver {
            target: target.clone(),
            pipeline,
            poll: Poll::new().map_err(|error| system("wait for replies", &error))?,
            lanes: Vec::new(),
            buffer: vec![0; READ_BYTES],
        })
    }

    /// Adds a connection with its requests and keys.
    pub(super) fn add(
        &mut self,
        mut link: Link,
        steps: &[Step],
        range: KeyRange,
    ) -> Result<(), BenchError> {
        link.register(&self.poll, self.lanes.len())?;
        let lane = Lane::new(link, steps, self.pipeline, range);
        self.lanes.push(lane);
        Ok(())
    }

    fn told(&self, fault: Fault) -> BenchError {
        match fault {
            Fault::Protocol(what) => self.target.protocol(what),
            Fault::Dropped(error) => self.target.dropped(&error.to_string()),
        }
    }

    /// Reads what a connection has; tells whether it has done its turns.
    fn receive(&mut self, event: &Event, pass: &mut Pass<'_>) -> Result<Next, Fault> {
        let lane = &mut self.lanes[event.token().0];
        if event.is_writable() {
            lane.flush().map_err(Fault::Dropped)?;
        }
        if !(event.is_readable() || event.is_read_closed() || event.is_error()) {
            return Ok(Next::Wait);
        }
        loop {
            let Some(length) = lane.read(&mut self.buffer).map_err(Fault::Dropped)? else {
                return Ok(Next::Wait);
            };
            let next = lane.accept(&self.buffer[..length], pass.clock, pass.tally)?;
            // Less than there was room for: that was all, and more will be announced.
            if next == Next::Idle || length < self.buffer.len() {
                return Ok(next);
            }
        }
    }
}

impl Crew for Driver {
    fn size(&self) -> usize {
        self.lanes.len()
    }

    fn restart(&mut self) {
        self.lanes.iter_mut().for_each(Lane::restart);
    }

    fn turns_max(&self, number: usize, reuse: Reuse) -> u64 {
        let pipeline = self.pipeline as u64;
        match reuse {
            Reuse::Allowed => pipeline,
            Reuse::OnceEach => pipeline.min(self.lanes[number].fresh_turns()),
        }
    }

    fn begin(
        &mut self,
        number: usize,
        turns: usize,
        pass: &mut Pass<'_>,
    ) -> Result<(), BenchError> {
        let lane = &mut self.lanes[number];
        let begun = lane.begin(turns, &pass.due_ns, pass.clock);
        begun.map_err(|error| self.told(Fault::Dropped(error)))
    }

    fn attend(&mut self, event: &Event, pass: &mut Pass<'_>) -> Result<(), BenchError> {
        match self.receive(event, pass) {
            Ok(Next::Wait) => Ok(()),
            Ok(Next::Idle) => pass.ended(event.token().0, self),
            Err(fault) => Err(self.told(fault)),
        }
    }

    fn look_around(&mut self, heard_ns: u64, pass: &mut Pass<'_>) -> Result<(), BenchError> {
        let silence_ns = pass.clock.elapsed_ns().saturating_sub(heard_ns);
        if u128::from(silence_ns) < PATIENCE.as_nanos() {
            return Ok(());
        }
        Err(BenchError::Silent {
            target: self.target.to_string(),
            waited: PATIENCE,
        })
    }

    fn poll(&mut self) -> &mut Poll {
        &mut self.poll
    }
}
