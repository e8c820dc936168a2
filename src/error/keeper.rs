//! What is refused because it could not be kept: by a disk, over a restart, in memory.

/// A refusal, with the text that Redis has for it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeeperError {
    /// After a crash of the machine.
    #[error(
        "LOADING Redis is loading the dataset in memory: locks that were granted before the crash \
         may live for another {seconds} s"
    )]
    Loading {
        /// Until data commands are served, rounded up.
        seconds: u64,
    },
    /// The journal cannot be written to.
    #[error("MISCONF Errors writing to the AOF file: {reason}")]
    DiskFailing {
        /// What the system says.
        reason: String,
    },
    /// The keys take more memory than `maxmemory`.
    #[error("OOM command not allowed when used memory > 'maxmemory'.")]
    OutOfMemory,
    /// WAITAOF for the disk, to which nothing is written.
    #[error("ERR WAITAOF cannot be used when numlocal is set but appendonly is disabled.")]
    WaitWithoutAof,
    /// BGREWRITEAOF while one runs.
    #[error("ERR Background append only file rewriting already in progress")]
    RewriteRunning,
}
