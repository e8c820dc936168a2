//! Calls of a disk that fail on purpose.

use std::io;

use rustix::io::Errno;

use crate::torture::random::Random;

/// What is asked of a disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Call {
    Open,
    Read,
    Write,
    Sync,
    /// A name is made, changed or removed.
    Name,
    Allocate,
    Cut,
}

/// How it fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    NoSpace,
    Io,
    /// A write writes a part.
    Short,
}

/// Calls of one kind that fail.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fault {
    pub(crate) call: Call,
    pub(crate) failure: Failure,
    /// How many of a hundred calls fail.
    pub(crate) chance: u64,
    /// How many calls may fail yet.
    pub(crate) left: u32,
}

/// All that fails.
#[derive(Clone, Debug, Default)]
pub(crate) struct Faults {
    faults: Vec<Fault>,
    random: Option<Random>,
}

impl Faults {
    pub(crate) fn new(faults: Vec<Fault>, random: Random) -> Faults {
        Faults {
            faults,
            random: Some(random),
        }
    }

    /// The error of a call that fails.
    pub(super) fn fails(&mut self, call: Call) -> Option<io::Error> {
        let errno =
            match self.take(|fault| fault.call == call && fault.failure != Failure::Short)? {
                Failure::NoSpace => Errno::NOSPC,
                Failure::Io | Failure::Short => Errno::IO,
            };
        Some(io::Error::from_raw_os_error(errno.raw_os_error()))
    }

    /// How much of a write is written that is written in part.
    pub(super) fn shortened(&mut self, length: usize) -> Option<usize> {
        self.take(|fault| fault.call == Call::Write && fault.failure == Failure::Short)?;
        let random = self.random.as_mut()?;
        Some(random.below(length as u64) as usize).filter(|short| *short > 0)
    }

    fn take(&mut self, is_meant: impl Fn(&Fault) -> bool) -> Option<Failure> {
        let random = self.random.as_mut()?;
        let mut meant = self.faults.iter_mut().filter(|fault| is_meant(fault));
        let fault = meant.find(|fault| fault.left > 0 && random.below(100) < fault.chance)?;
        fault.left -= 1;
        Some(fault.failure)
    }
}
