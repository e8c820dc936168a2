//! The processor time of a server that runs on this machine.
//!
//! Linux keeps it for each thread to the nanosecond in `/proc`; elsewhere there is no such file and
//! the option is refused.

use std::fs;
use std::io;
use std::path::PathBuf;

use crate::error::BenchError;

use super::link::system;

/// A process by its number.
pub(super) struct Process {
    threads: PathBuf,
}

impl Process {
    /// The process, if it can be looked at.
    pub(super) fn open(pid: u32) -> Result<Process, BenchError> {
        let process = Process {
            threads: PathBuf::from(format!("/proc/{pid}/task")),
        };
        process.cpu_ns().map(|_| process)
    }

    /// What its present threads have used so far, in nanoseconds.
    pub(super) fn cpu_ns(&self) -> Result<u64, BenchError> {
        self.sum()
            .map_err(|error| system("read the server's processor time (--server-pid)", &error))
    }

    fn sum(&self) -> io::Result<u64> {
        let mut sum_ns = 0;
        for thread in fs::read_dir(&self.threads)? {
            match fs::read_to_string(thread?.path().join("schedstat")) {
                Ok(text) => {
                    let first = text.split_whitespace().next();
                    let used_ns = first.and_then(|number| number.parse::<u64>().ok());
                    sum_ns += used_ns.ok_or(io::ErrorKind::InvalidData)?;
                }
                // A thread that ended since it was listed.
                Err(error) if error.kind() == io::ErrorKind::NotFound && sum_ns > 0 => {}
                Err(error) => return Err(error),
            }
        }
        Ok(sum_ns)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_uses_time_and_a_missing_one_is_told() {
        let own = Process::open(std::process::id()).unwrap();
        assert!(own.cpu_ns().unwrap() > 0);
        assert!(Process::open(u32::MAX).is_err());
    }
}
