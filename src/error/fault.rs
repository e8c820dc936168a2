//! Why `quintlock fault` could not make trouble. Each is one line with a way out.

/// See the module's text.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum FaultError {
    /// No connection, or it broke.
    #[error(
        "cannot reach {target}: {reason} (is `quintlock cluster` running? --base-port and --host \
         say where)"
    )]
    Unreachable {
        /// The instance and its address.
        target: String,
        /// What the system says.
        reason: String,
    },
    /// Connected, and no reply.
    #[error("{target} does not answer within {seconds} s (a script or DEBUG SLEEP may hold it up)")]
    Silent {
        /// The instance and its address.
        target: String,
        /// How long it was waited for.
        seconds: u64,
    },
    /// DEBUG is off.
    #[error(
        "{target} does not allow DEBUG (start it with `--enable-debug-command local`, and ask from \
         the same machine)"
    )]
    Denied {
        /// The instance and its address.
        target: String,
    },
    /// No password, or a wrong one.
    #[error("{target} wants another password (--password): {reply}")]
    Password {
        /// The instance and its address.
        target: String,
        /// What it says.
        reply: String,
    },
    /// It is no server that knows this fault.
    #[error("{target} refuses: {reply}")]
    Refused {
        /// The instance and its address.
        target: String,
        /// What it says.
        reply: String,
    },
    /// Of several instances; the reason of each was told before.
    #[error("{failed} of {all} instances did not get the fault")]
    Some {
        /// How many did not get it.
        failed: usize,
        /// How many were asked.
        all: usize,
    },
}
