//! The lines of errors that a command answers.

use super::*;

#[test]
#[expect(clippy::too_many_lines, reason = "a table")]
fn every_command_error_has_its_line() {
    let rows = [
        (CommandError::Syntax, "ERR syntax error"),
        (
            CommandError::NotAnInteger,
            "ERR value is not an integer or out of range",
        ),
        (
            CommandError::WrongType,
            "WRONGTYPE Operation against a key holding the wrong kind of value",
        ),
        (
            CommandError::WrongArity {
                command: "client|id".into(),
            },
            "ERR wrong number of arguments for 'client|id' command",
        ),
        (
            CommandError::UnknownCommand {
                name: quoted("<name>"),
                arguments: quoted("<arguments>"),
            },
            "ERR unknown command '<name>', with args beginning with: <arguments>",
        ),
        (
            CommandError::UnknownSubcommand {
                container: "client",
                subcommand: quoted("<subcommand>"),
            },
            "ERR unknown subcommand '<subcommand>'. Try CLIENT HELP.",
        ),
        (
            CommandError::SubcommandArity {
                container: "client",
                subcommand: quoted("<subcommand>"),
            },
            "ERR unknown subcommand or wrong number of arguments for '<subcommand>'. Try CLIENT HELP.",
        ),
        (
            CommandError::NotWhileSubscribed { command: "client" },
            "ERR Can't execute 'client': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this context",
        ),
        (
            CommandError::InvalidExpire { command: "client" },
            "ERR invalid expire time in 'client' command",
        ),
        (
            CommandError::ExpireOption {
                option: quoted("<option>"),
            },
            "ERR Unsupported option <option>",
        ),
        (
            CommandError::ExpireIfAbsentAndMore,
            "ERR NX and XX, GT or LT options at the same time are not compatible",
        ),
        (
            CommandError::ExpireLaterAndEarlier,
            "ERR GT and LT options at the same time are not compatible",
        ),
        (
            CommandError::Overflow,
            "ERR increment or decrement would overflow",
        ),
        (
            CommandError::MonitorTouchesKeys,
            "ERR Replica can't interact with the keyspace",
        ),
        (
            CommandError::Unblocked,
            "UNBLOCKED client unblocked via CLIENT UNBLOCK",
        ),
        (
            CommandError::MonitorDenied,
            "ERR MONITOR isn't allowed for DENY BLOCKING client",
        ),
        (CommandError::NoSuchClient, "ERR No such client"),
        (
            CommandError::KillId,
            "ERR client-id should be greater than 0",
        ),
        (
            CommandError::KillAge,
            "ERR maxage is not an integer or out of range",
        ),
        (
            CommandError::KillAgeNotPositive,
            "ERR maxage should be greater than 0",
        ),
        (
            CommandError::PauseMode,
            "ERR CLIENT PAUSE mode must be WRITE or ALL",
        ),
        (
            CommandError::TimeoutNotAnInteger,
            "ERR timeout is not an integer or out of range",
        ),
        (CommandError::TimeoutNegative, "ERR timeout is negative"),
        (
            CommandError::UnblockReason,
            "ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR",
        ),
        (
            CommandError::NoTracking,
            "ERR CLIENT TRACKING is not supported by this server (switch off the client-side cache \
             of your client)",
        ),
        (
            CommandError::CachingWithoutTracking,
            "ERR CLIENT CACHING can be called only when the client is in tracking mode with OPTIN or OPTOUT mode enabled",
        ),
        (
            CommandError::NoSuchUser {
                user: quoted("<user>"),
            },
            "ERR No such user '<user>'",
        ),
        (
            CommandError::NoLatencySamples {
                event: quoted("<event>"),
            },
            "ERR No samples available for event '<event>'",
        ),
        (
            CommandError::SlowlogCount,
            "ERR count should be greater than or equal to -1",
        ),
        (
            CommandError::DebugDenied,
            "ERR DEBUG command not allowed. If the enable-debug-command option is set to \"local\", you can run it from a local connection, otherwise you need to set this option in the configuration file, and then restart the server.",
        ),
        (CommandError::Refused, "ERR refused by DEBUG REFUSE"),
        (
            CommandError::NoResp2,
            "ERR RESP2 is not supported by this command",
        ),
        (
            CommandError::ProtocolType,
            "ERR Wrong protocol type name. Please use one of the following: string|integer|double|bignum|null|array|set|map|attrib|push|verbatim|true|false",
        ),
        (CommandError::PrimaryPort, "ERR Invalid master port"),
        (
            CommandError::NoReplication,
            "ERR Quintlock does not replicate, only REPLICAOF NO ONE is accepted",
        ),
        (
            CommandError::NoCluster,
            "ERR This instance has cluster support disabled",
        ),
        (CommandError::NothingOnDisk, "ERR Nothing is kept on disk"),
        (
            CommandError::WaitLocalRange,
            "ERR value is out of range, value must between 0 and 1",
        ),
        (
            CommandError::WaitReplicasRange,
            "ERR value is out of range, must be positive",
        ),
        (CommandError::NoOpposite, "ERR decrement would overflow"),
        (
            CommandError::DigestLength,
            "ERR The digest must be exactly 16 hexadecimal characters",
        ),
        (
            CommandError::DelexCondition,
            "ERR Invalid condition. Use IFEQ, IFNE, IFDEQ, or IFDNE",
        ),
        (CommandError::Cursor, "ERR invalid cursor"),
        (
            CommandError::DatabaseOutOfRange,
            "ERR DB index is out of range",
        ),
        (CommandError::NoAuth, "NOAUTH Authentication required."),
        (
            CommandError::HelloNoAuth,
            "NOAUTH HELLO must be called with the client already authenticated, otherwise the HELLO <proto> AUTH <user> <pass> option can be used to authenticate the client and select the RESP protocol version at the same time",
        ),
        (
            CommandError::NoPassword,
            "ERR AUTH <password> called without any password configured for the default user. Are you sure your configuration is correct?",
        ),
        (
            CommandError::WrongPassword,
            "WRONGPASS invalid username-password pair or user is disabled.",
        ),
        (
            CommandError::ProtocolNotAnInteger,
            "ERR Protocol version is not an integer or out of range",
        ),
        (
            CommandError::ProtocolUnsupported,
            "NOPROTO unsupported protocol version",
        ),
        (
            CommandError::HelloOption {
                option: quoted("<option>"),
            },
            "ERR Syntax error in HELLO option '<option>'",
        ),
        (
            CommandError::ClientName,
            "ERR Client names cannot contain spaces, newlines or special characters.",
        ),
        (
            CommandError::ClientAttribute {
                attribute: quoted("<attribute>"),
            },
            "ERR Unrecognized option '<attribute>'",
        ),
        (
            CommandError::ClientLabel {
                attribute: quoted("<attribute>"),
            },
            "ERR <attribute> cannot contain spaces, newlines or special characters.",
        ),
        (
            CommandError::ClientType {
                kind: quoted("<kind>"),
            },
            "ERR Unknown client type '<kind>'",
        ),
        (CommandError::ClientId, "ERR Invalid client ID"),
        (
            CommandError::NestedMulti,
            "ERR MULTI calls can not be nested",
        ),
        (
            CommandError::ShardSubscriptionInExec,
            "ERR SSUBSCRIBE isn't allowed for a DENY BLOCKING client",
        ),
        (CommandError::ExecWithoutMulti, "ERR EXEC without MULTI"),
        (
            CommandError::DiscardWithoutMulti,
            "ERR DISCARD without MULTI",
        ),
        (
            CommandError::WatchInsideMulti,
            "ERR WATCH inside MULTI is not allowed",
        ),
        (
            CommandError::NotInsideMulti,
            "ERR Command not allowed inside a transaction",
        ),
        (
            CommandError::ExecAborted,
            "EXECABORT Transaction discarded because of previous errors.",
        ),
        (
            CommandError::ExecRefused {
                reason: quoted("<reason>"),
            },
            "EXECABORT Transaction discarded because of: <reason>",
        ),
        (
            CommandError::NoScript,
            "NOSCRIPT No matching script. Please use EVAL.",
        ),
        (
            CommandError::NegativeKeyCount,
            "ERR Number of keys can't be negative",
        ),
        (
            CommandError::KeyCountTooLarge,
            "ERR Number of keys can't be greater than number of args",
        ),
        (
            CommandError::ScriptFlushMode,
            "ERR SCRIPT FLUSH only support SYNC|ASYNC option",
        ),
        (
            CommandError::Busy,
            "BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.",
        ),
        (
            CommandError::NotBusy,
            "NOTBUSY No scripts in execution right now.",
        ),
        (
            CommandError::Unkillable,
            "UNKILLABLE Sorry the script already executed write commands against the dataset. You can either wait the script termination or kill the server in a hard way using the SHUTDOWN NOSAVE command.",
        ),
        (CommandError::KeysOfUnknown, "ERR Invalid command specified"),
        (
            CommandError::KeysOfKeyless,
            "ERR The command has no key arguments",
        ),
        (
            CommandError::KeysArity,
            "ERR Invalid number of arguments specified for command",
        ),
        (CommandError::NotAFloat, "ERR value is not a valid float"),
        (
            CommandError::NotANumber,
            "ERR increment would produce NaN or Infinity",
        ),
        (CommandError::Offset, "ERR offset is out of range"),
        (
            CommandError::StringTooLong,
            "ERR string exceeds maximum allowed size (proto-max-bulk-len)",
        ),
        (
            CommandError::LcsLengthAndIndexes,
            "ERR If you want both the length and indexes, please just use IDX.",
        ),
        (
            CommandError::LcsTooLarge,
            "ERR Insufficient memory, transient memory for LCS exceeds proto-max-bulk-len",
        ),
        (
            CommandError::LcsAllocation,
            "ERR Insufficient memory, failed allocating transient memory for LCS",
        ),
        (CommandError::MsetexCount, "ERR invalid numkeys value"),
        (
            CommandError::MsetexPairs,
            "ERR wrong number of key-value pairs",
        ),
        (CommandError::NoSuchKey, "ERR no such key"),
        (
            CommandError::SameObject,
            "ERR source and destination objects are the same",
        ),
        (
            CommandError::FrequencyNotTracked,
            "ERR An LFU maxmemory policy is not selected, access frequency not tracked. Please note that when switching between policies at runtime LRU and LFU data will take some time to adjust.",
        ),
        (
            CommandError::IdleTimeNotTracked,
            "ERR idle time not tracked: no key is ever evicted here",
        ),
        (
            CommandError::DatabaseTooFar,
            "ERR value is out of range, value must between -2147483648 and 2147483647",
        ),
        (CommandError::FirstDatabase, "ERR invalid first DB index"),
        (CommandError::SecondDatabase, "ERR invalid second DB index"),
        (CommandError::NoShutdown, "ERR No shutdown in progress."),
        (
            CommandError::ShutdownFailed,
            "ERR Errors trying to SHUTDOWN. Check logs.",
        ),
        (
            CommandError::ConfigUnknown {
                name: quoted("<name>"),
            },
            "ERR Unknown option or number of arguments for CONFIG SET - '<name>'",
        ),
        (
            CommandError::ConfigRefused {
                name: quoted("<name>"),
                reason: SettingError::Immutable,
            },
            "ERR CONFIG SET failed (possibly related to argument '<name>') - can't set immutable config",
        ),
        (
            CommandError::NoConfigFile,
            "ERR The server is running without a config file",
        ),
        (
            CommandError::ConfigRewrite("<reason>".to_owned()),
            "ERR Rewriting config file: <reason>",
        ),
        (
            CommandError::Keeper(KeeperError::RewriteRunning),
            "ERR Background append only file rewriting already in progress",
        ),
        (
            CommandError::Script(ScriptError::Shebang),
            "ERR Invalid script shebang",
        ),
        (
            CommandError::NoLua(StartupError("no memory".into())),
            "ERR no memory",
        ),
    ];
    assert!(rows.iter().all(|(_, line)| has_code(line)));
    check(include_str!("../command.rs"), &rows);
}
