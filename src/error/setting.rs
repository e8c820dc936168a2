//! Why a setting is refused: by a file, by the command line or by CONFIG SET.
//!
//! The sentences have no code and no name of a setting; who reports one adds where it comes from.

/// What is wrong with the value of a setting, or with changing it.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum SettingError {
    /// More or fewer words than the setting takes.
    #[error("wrong number of arguments")]
    Arity,
    /// A switch that is neither on nor off.
    #[error("argument must be 'yes' or 'no'")]
    NotYesOrNo,
    /// A number that is none.
    #[error("argument couldn't be parsed into an integer")]
    NotAnInteger,
    /// File permissions that are no octal number.
    #[error("argument couldn't be parsed as an octal number")]
    NotOctal,
    /// A number of bytes that is none.
    #[error("argument must be a memory value")]
    NotMemory,
    /// Neither a number of bytes nor a share.
    #[error("argument must be a memory or percent value")]
    NotMemoryOrPercent,
    /// A share of more than all.
    #[error("percentage argument must be less or equal to 100")]
    PercentTooLarge,
    /// A number outside of the setting's limits; permissions are shown in octal digits.
    #[error("argument must be between {min} and {max} inclusive")]
    OutOfRange {
        /// The least allowed.
        min: i128,
        /// The greatest allowed.
        max: i128,
    },
    /// A word that the setting does not know.
    #[error("argument(s) must be one of the following: {}", .allowed.join(", "))]
    NotAChoice {
        /// The words it knows.
        allowed: &'static [&'static str],
    },
    /// Both SAVE and NOSAVE.
    #[error("shutdown options SAVE and NOSAVE can't be used simultaneously")]
    SaveAndNosave,
    /// A path where a file name belongs.
    #[error("{name} can't be a path, just a {noun}")]
    NotAFileName {
        /// The setting.
        name: &'static str,
        /// What it names.
        noun: &'static str,
    },
    /// No name where a file name belongs.
    #[error("{name} can't be empty")]
    EmptyFileName {
        /// The setting.
        name: &'static str,
    },
    /// A letter of `notify-keyspace-events` that is none.
    #[error("Invalid event class character. Use 'Ag$lshzxeKEtmdn'.")]
    EventClass,
    /// More addresses to bind than the limit.
    #[error("Too many bind addresses specified.")]
    TooManyAddresses,
    /// A primary's port that is none.
    #[error("Invalid master port")]
    PrimaryPort,
    /// Something else than pairs of seconds and changes.
    #[error("Invalid save parameters")]
    SavePoints,
    /// Not four words for each class.
    #[error("Wrong number of arguments in buffer limit configuration.")]
    OutputLimitArity,
    /// A class of clients that there is not.
    #[error("Invalid client class specified in buffer limit configuration.")]
    OutputLimitClass,
    /// A limit that is no number.
    #[error("Error in hard, soft or soft_seconds setting in buffer limit configuration.")]
    OutputLimitNumber,
    /// A percentile that is no number.
    #[error("Invalid latency-tracking-info-percentiles parameters")]
    Percentile,
    /// A percentile that is no share.
    #[error("latency-tracking-info-percentiles parameters should sit between [0.0,100.0]")]
    PercentileOutOfRange,
    /// A score outside of its limits.
    #[error("Invalid oom-score-adj-values, elements must be between -2000 and 2000.")]
    OomScores,
    /// CONFIG SET of a setting that is fixed at the start.
    #[error("can't set immutable config")]
    Immutable,
    /// CONFIG SET of a setting that is guarded.
    #[error("can't set protected config")]
    Protected,
    /// CONFIG SET of a setting to what a start alone can give it.
    #[error("it is fixed while the server runs; restart it with the new value")]
    Settled,
    /// More clients than the process can have descriptors for.
    #[error(
        "The operating system is not able to handle the specified number of clients, try with \
         {clients}"
    )]
    TooManyClients {
        /// The clients that there can be.
        clients: u32,
    },
    /// The same setting twice in one CONFIG SET.
    #[error("duplicate parameter")]
    Duplicate,
    /// A setting that the server does not honour.
    #[error("not honoured: {why}")]
    NotHonoured {
        /// What it would change.
        why: &'static str,
    },
}
