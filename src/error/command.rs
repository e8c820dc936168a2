//! Errors of commands: the connection that gets one lives on.

use std::borrow::Cow;

use super::{KeeperError, Quoted, ScriptError, SettingError, StartupError};

/// A command that failed. Its `Display` is the reply line without the leading `-`.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum CommandError {
    /// Options that contradict each other, or a word that is no option.
    #[error("ERR syntax error")]
    Syntax,
    /// An argument that should be a 64-bit integer and is not.
    #[error("ERR value is not an integer or out of range")]
    NotAnInteger,
    /// The key holds another type than the command works on.
    #[error("WRONGTYPE Operation against a key holding the wrong kind of value")]
    WrongType,
    /// Too few or too many arguments; `command` in lower case, `container|subcommand` for one.
    #[error("ERR wrong number of arguments for '{command}' command")]
    WrongArity {
        /// The full name in lower case.
        command: Cow<'static, str>,
    },
    /// A command that there is not.
    #[error("ERR unknown command '{name}', with args beginning with: {arguments}")]
    UnknownCommand {
        /// As it was given, cut.
        name: Quoted,
        /// The first of them, in quotes.
        arguments: Quoted,
    },
    /// A subcommand that there is not.
    #[error("ERR unknown subcommand '{subcommand}'. Try {} HELP.", .container.to_uppercase())]
    UnknownSubcommand {
        /// The command, in lower case.
        container: &'static str,
        /// As it was given, cut.
        subcommand: Quoted,
    },
    /// A subcommand that was given more arguments than it takes.
    #[error(
        "ERR unknown subcommand or wrong number of arguments for '{subcommand}'. Try {} HELP.",
        .container.to_uppercase()
    )]
    SubcommandArity {
        /// The command, in lower case.
        container: &'static str,
        /// As it was given, cut.
        subcommand: Quoted,
    },
    /// A command that a RESP2 subscriber may not run.
    #[error(
        "ERR Can't execute '{command}': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / \
         RESET are allowed in this context"
    )]
    NotWhileSubscribed {
        /// The full name in lower case.
        command: &'static str,
    },
    /// An expiry that is not positive or does not fit.
    #[error("ERR invalid expire time in '{command}' command")]
    InvalidExpire {
        /// The name in lower case.
        command: &'static str,
    },
    /// An option that EXPIRE and its kin do not have.
    #[error("ERR Unsupported option {option}")]
    ExpireOption {
        /// As it was given.
        option: Quoted,
    },
    /// NX with another condition on the expiry.
    #[error("ERR NX and XX, GT or LT options at the same time are not compatible")]
    ExpireIfAbsentAndMore,
    /// GT and LT.
    #[error("ERR GT and LT options at the same time are not compatible")]
    ExpireLaterAndEarlier,
    /// INCR and its kin past the 64-bit range.
    #[error("ERR increment or decrement would overflow")]
    Overflow,
    /// DECRBY of the smallest number.
    #[error("ERR decrement would overflow")]
    NoOpposite,
    /// An argument or a value that should be a number and is not.
    #[error("ERR value is not a valid float")]
    NotAFloat,
    /// INCRBYFLOAT past the range of its numbers.
    #[error("ERR increment would produce NaN or Infinity")]
    NotANumber,
    /// SETRANGE before the first byte.
    #[error("ERR offset is out of range")]
    Offset,
    /// APPEND or SETRANGE past `proto-max-bulk-len`.
    #[error("ERR string exceeds maximum allowed size (proto-max-bulk-len)")]
    StringTooLong,
    /// LCS with LEN and IDX.
    #[error("ERR If you want both the length and indexes, please just use IDX.")]
    LcsLengthAndIndexes,
    /// LCS of strings whose table would pass `proto-max-bulk-len`.
    #[error("ERR Insufficient memory, transient memory for LCS exceeds proto-max-bulk-len")]
    LcsTooLarge,
    /// LCS of strings for whose table there is no memory.
    #[error("ERR Insufficient memory, failed allocating transient memory for LCS")]
    LcsAllocation,
    /// MSETEX with a number of keys that is none.
    #[error("ERR invalid numkeys value")]
    MsetexCount,
    /// MSETEX with fewer keys and values than it says.
    #[error("ERR wrong number of key-value pairs")]
    MsetexPairs,
    /// A key that must be there and is not.
    #[error("ERR no such key")]
    NoSuchKey,
    /// COPY or MOVE of a key to itself.
    #[error("ERR source and destination objects are the same")]
    SameObject,
    /// The access frequency of a key, which is counted under no policy that there is.
    #[error(
        "ERR An LFU maxmemory policy is not selected, access frequency not tracked. Please note \
         that when switching between policies at runtime LRU and LFU data will take some time to \
         adjust."
    )]
    FrequencyNotTracked,
    /// The idle time of a key. Redis knows it unless it counts frequencies.
    #[error("ERR idle time not tracked: no key is ever evicted here")]
    IdleTimeNotTracked,
    /// A digest that cannot be one.
    #[error("ERR The digest must be exactly 16 hexadecimal characters")]
    DigestLength,
    /// A word that is no condition of DELEX.
    #[error("ERR Invalid condition. Use IFEQ, IFNE, IFDEQ, or IFDNE")]
    DelexCondition,
    /// A cursor of SCAN that is none.
    #[error("ERR invalid cursor")]
    Cursor,
    /// A database number past `databases`.
    #[error("ERR DB index is out of range")]
    DatabaseOutOfRange,
    /// A database number that is an integer, but no 32-bit one.
    #[error("ERR value is out of range, value must between -2147483648 and 2147483647")]
    DatabaseTooFar,
    /// SWAPDB with a first database number that is none.
    #[error("ERR invalid first DB index")]
    FirstDatabase,
    /// SWAPDB with a second database number that is none.
    #[error("ERR invalid second DB index")]
    SecondDatabase,
    /// The connection has not shown the password.
    #[error("NOAUTH Authentication required.")]
    NoAuth,
    /// HELLO without credentials on such a connection.
    #[error(
        "NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO \
         <proto> AUTH <user> <pass> option can be used to authenticate the client and select \
         the RESP protocol version at the same time"
    )]
    HelloNoAuth,
    /// AUTH with a password where there is none.
    #[error(
        "ERR AUTH <password> called without any password configured for the default user. Are \
         you sure your configuration is correct?"
    )]
    NoPassword,
    /// Another user or another password.
    #[error("WRONGPASS invalid username-password pair or user is disabled.")]
    WrongPassword,
    /// HELLO with a version that is no number.
    #[error("ERR Protocol version is not an integer or out of range")]
    ProtocolNotAnInteger,
    /// HELLO with a version that is not spoken.
    #[error("NOPROTO unsupported protocol version")]
    ProtocolUnsupported,
    /// A word that is no option of HELLO.
    #[error("ERR Syntax error in HELLO option '{option}'")]
    HelloOption {
        /// As it was given.
        option: Quoted,
    },
    /// A client's name that cannot be shown in a list.
    #[error("ERR Client names cannot contain spaces, newlines or special characters.")]
    ClientName,
    /// CLIENT SETINFO of an attribute that there is not.
    #[error("ERR Unrecognized option '{attribute}'")]
    ClientAttribute {
        /// As it was given.
        attribute: Quoted,
    },
    /// CLIENT SETINFO of a value that cannot be shown in a list.
    #[error("ERR {attribute} cannot contain spaces, newlines or special characters.")]
    ClientLabel {
        /// As it was given.
        attribute: Quoted,
    },
    /// A class of clients that there is not.
    #[error("ERR Unknown client type '{kind}'")]
    ClientType {
        /// As it was given.
        kind: Quoted,
    },
    /// A client's number that is none.
    #[error("ERR Invalid client ID")]
    ClientId,
    /// A key's command on a connection that watches all commands.
    #[error("ERR Replica can't interact with the keyspace")]
    MonitorTouchesKeys,
    /// MONITOR inside EXEC.
    #[error("ERR MONITOR isn't allowed for DENY BLOCKING client")]
    MonitorDenied,
    /// CLIENT UNBLOCK has ended a wait.
    #[error("UNBLOCKED client unblocked via CLIENT UNBLOCK")]
    Unblocked,
    /// CLIENT KILL of an address that no client has.
    #[error("ERR No such client")]
    NoSuchClient,
    /// CLIENT KILL of a number that is none.
    #[error("ERR client-id should be greater than 0")]
    KillId,
    /// CLIENT KILL of an age that is no number.
    #[error("ERR maxage is not an integer or out of range")]
    KillAge,
    /// CLIENT KILL of no age.
    #[error("ERR maxage should be greater than 0")]
    KillAgeNotPositive,
    /// CLIENT PAUSE of something else than WRITE or ALL.
    #[error("ERR CLIENT PAUSE mode must be WRITE or ALL")]
    PauseMode,
    /// A time to wait that is no number.
    #[error("ERR timeout is not an integer or out of range")]
    TimeoutNotAnInteger,
    /// A time to wait below 0.
    #[error("ERR timeout is negative")]
    TimeoutNegative,
    /// CLIENT UNBLOCK for another reason.
    #[error("ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR")]
    UnblockReason,
    /// CLIENT TRACKING, which would promise messages that do not come.
    #[error(
        "ERR CLIENT TRACKING is not supported by this server (switch off the client-side cache \
         of your client)"
    )]
    NoTracking,
    /// CLIENT CACHING while nothing is tracked.
    #[error(
        "ERR CLIENT CACHING can be called only when the client is in tracking mode with \
         OPTIN or OPTOUT mode enabled"
    )]
    CachingWithoutTracking,
    /// LATENCY GRAPH of an event that has not happened.
    #[error("ERR No samples available for event '{event}'")]
    NoLatencySamples {
        /// As it was given.
        event: Quoted,
    },
    /// SLOWLOG GET of a number that cannot be.
    #[error("ERR count should be greater than or equal to -1")]
    SlowlogCount,
    /// DEBUG without the setting that allows it.
    #[error(
        "ERR DEBUG command not allowed. If the enable-debug-command option is set to \
         \"local\", you can run it from a local connection, otherwise you need to set this \
         option in the configuration file, and then restart the server."
    )]
    DebugDenied,
    /// Any command while the fault lasts.
    #[error("ERR refused by DEBUG REFUSE")]
    Refused,
    /// A push, which RESP2 does not have.
    #[error("ERR RESP2 is not supported by this command")]
    NoResp2,
    /// DEBUG PROTOCOL of a type that there is not.
    #[error(
        "ERR Wrong protocol type name. Please use one of the following: \
         string|integer|double|bignum|null|array|set|map|attrib|push|verbatim|true|false"
    )]
    ProtocolType,
    /// REPLICAOF of a port that cannot be.
    #[error("ERR Invalid master port")]
    PrimaryPort,
    /// REPLICAOF of another server: a second primary would grant its locks again.
    #[error("ERR Quintlock does not replicate, only REPLICAOF NO ONE is accepted")]
    NoReplication,
    /// A command of Redis Cluster.
    #[error("ERR This instance has cluster support disabled")]
    NoCluster,
    /// SAVE and its kin.
    #[error("ERR Nothing is kept on disk")]
    NothingOnDisk,
    /// WAITAOF for more disks than one.
    #[error("ERR value is out of range, value must between 0 and 1")]
    WaitLocalRange,
    /// WAITAOF for fewer replicas than none.
    #[error("ERR value is out of range, must be positive")]
    WaitReplicasRange,
    /// CLIENT KILL of a user that there is not.
    #[error("ERR No such user '{user}'")]
    NoSuchUser {
        /// As it was given.
        user: Quoted,
    },
    /// SSUBSCRIBE among the requests of an EXEC.
    #[error("ERR SSUBSCRIBE isn't allowed for a DENY BLOCKING client")]
    ShardSubscriptionInExec,
    /// MULTI inside MULTI.
    #[error("ERR MULTI calls can not be nested")]
    NestedMulti,
    /// EXEC outside MULTI.
    #[error("ERR EXEC without MULTI")]
    ExecWithoutMulti,
    /// DISCARD outside MULTI.
    #[error("ERR DISCARD without MULTI")]
    DiscardWithoutMulti,
    /// A command that may not be queued by MULTI.
    #[error("ERR Command not allowed inside a transaction")]
    NotInsideMulti,
    /// WATCH inside MULTI.
    #[error("ERR WATCH inside MULTI is not allowed")]
    WatchInsideMulti,
    /// EXEC after a request that could not be queued.
    #[error("EXECABORT Transaction discarded because of previous errors.")]
    ExecAborted,
    /// An EXEC that may not run now.
    #[error("EXECABORT Transaction discarded because of: {reason}")]
    ExecRefused {
        /// The line of the refusal, without the general code.
        reason: Quoted,
    },
    /// An EVALSHA of a script that is not cached.
    #[error("NOSCRIPT No matching script. Please use EVAL.")]
    NoScript,
    /// EVAL with fewer than no keys.
    #[error("ERR Number of keys can't be negative")]
    NegativeKeyCount,
    /// EVAL with more keys than arguments.
    #[error("ERR Number of keys can't be greater than number of args")]
    KeyCountTooLarge,
    /// A word that is no mode of SCRIPT FLUSH.
    #[error("ERR SCRIPT FLUSH only support SYNC|ASYNC option")]
    ScriptFlushMode,
    /// A script has run past `busy-reply-threshold`.
    #[error(
        "BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE."
    )]
    Busy,
    /// Nothing is granted that a restart would forget.
    #[error(transparent)]
    Keeper(#[from] KeeperError),
    /// SCRIPT KILL while no script runs.
    #[error("NOTBUSY No scripts in execution right now.")]
    NotBusy,
    /// SCRIPT KILL of a script that has changed keys.
    #[error(
        "UNKILLABLE Sorry the script already executed write commands against the dataset. You \
         can either wait the script termination or kill the server in a hard way using the \
         SHUTDOWN NOSAVE command."
    )]
    Unkillable,
    /// COMMAND GETKEYS of a command that there is not.
    #[error("ERR Invalid command specified")]
    KeysOfUnknown,
    /// COMMAND GETKEYS of a command that cannot have keys.
    #[error("ERR The command has no key arguments")]
    KeysOfKeyless,
    /// COMMAND GETKEYS of too few or too many arguments.
    #[error("ERR Invalid number of arguments specified for command")]
    KeysArity,
    /// SHUTDOWN ABORT: a shutdown never waits here.
    #[error("ERR No shutdown in progress.")]
    NoShutdown,
    /// SHUTDOWN SAVE: there is nothing to save to.
    #[error("ERR Errors trying to SHUTDOWN. Check logs.")]
    ShutdownFailed,
    /// CONFIG SET of a setting that there is not.
    #[error("ERR Unknown option or number of arguments for CONFIG SET - '{name}'")]
    ConfigUnknown {
        /// As it was given.
        name: Quoted,
    },
    /// CONFIG SET of a value or a setting that cannot be; nothing was changed.
    #[error("ERR CONFIG SET failed (possibly related to argument '{name}') - {reason}")]
    ConfigRefused {
        /// The first setting that is wrong.
        name: Quoted,
        /// What is wrong with it.
        reason: SettingError,
    },
    /// CONFIG REWRITE of a server that was started without a file.
    #[error("ERR The server is running without a config file")]
    NoConfigFile,
    /// CONFIG REWRITE of a file that cannot be written.
    #[error("ERR Rewriting config file: {0}")]
    ConfigRewrite(String),
    /// A script that may not be, may not run, or may not do what it tries.
    #[error(transparent)]
    Script(#[from] ScriptError),
    /// This thread's Lua could not be made.
    #[error("ERR {0}")]
    NoLua(#[from] StartupError),
}
