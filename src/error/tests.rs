//! The line of every error, next to the variant that stands for it.
//!
//! A variant without a row fails the test of its table; so a text changes here and there together.

use std::collections::HashSet;
use std::fmt;
use std::mem;

use super::*;

fn quoted(text: &str) -> Quoted {
    Quoted::whole(text.as_bytes())
}

/// Checks the rows, and that they have every variant which `source` gives a text.
fn check<E: fmt::Display>(source: &str, rows: &[(E, &str)]) {
    for (error, line) in rows {
        assert_eq!(error.to_string(), *line);
    }
    let lines: HashSet<_> = rows.iter().map(|(_, line)| line).collect();
    assert_eq!(lines.len(), rows.len(), "two variants have the same text");
    let variants: HashSet<_> = rows
        .iter()
        .map(|(error, _)| mem::discriminant(error))
        .collect();
    assert_eq!(variants.len(), source.matches("#[error(").count());
}

fn has_code(line: &str) -> bool {
    let code = line.split(' ').next().unwrap_or_default();
    !code.is_empty() && code.bytes().all(|byte| byte.is_ascii_uppercase())
}

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
            "ERR CLIENT TRACKING is not supported by this server",
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
        (
            CommandError::WaitWithoutAof,
            "ERR WAITAOF cannot be used when numlocal is set but appendonly is disabled.",
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
            CommandError::ConfigRewrite {
                reason: "<reason>".to_owned(),
            },
            "ERR Rewriting config file: <reason>",
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
    check(include_str!("command.rs"), &rows);
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table")]
fn every_script_error_has_its_line() {
    let rows = [
        (ScriptError::Shebang, "ERR Invalid script shebang"),
        (ScriptError::DebugMode, "ERR Use SCRIPT DEBUG YES/SYNC/NO"),
        (
            ScriptError::DebugPipelined,
            "ERR SCRIPT DEBUG must be called outside a pipeline",
        ),
        (
            ScriptError::NoDebugger,
            "ERR there is no Lua debugger, and the script was not run; SCRIPT DEBUG NO allows it",
        ),
        (
            ScriptError::EngineUnreadable,
            "ERR Invalid engine in script shebang",
        ),
        (
            ScriptError::Engine {
                engine: quoted("<engine>"),
            },
            "ERR Unexpected engine in script shebang: <engine>",
        ),
        (
            ScriptError::ShebangOption {
                option: quoted("<option>"),
            },
            "ERR Unknown lua shebang option: <option>",
        ),
        (
            ScriptError::Flag {
                flag: quoted("<flag>"),
            },
            "ERR Unexpected flag in script shebang: <flag>",
        ),
        (
            ScriptError::Compile {
                message: quoted("<message>"),
            },
            "ERR Error compiling script (new function): <message>",
        ),
        (
            ScriptError::UnknownCommand,
            "ERR Unknown Redis command called from script",
        ),
        (
            ScriptError::WrongArity,
            "ERR Wrong number of args calling Redis command from script",
        ),
        (
            ScriptError::Forbidden,
            "ERR This Redis command is not allowed from script",
        ),
        (
            ScriptError::ReadOnly,
            "ERR Write commands are not allowed from read-only scripts.",
        ),
        (
            ScriptError::WritesUnderReadOnly,
            "ERR Can not execute a script with write flag using *_ro command.",
        ),
        (
            ScriptError::ArgumentType,
            "ERR Lua redis lib command arguments must be strings or integers",
        ),
        (
            ScriptError::NoArguments,
            "ERR Please specify at least one argument for this redis lib call",
        ),
        (
            ScriptError::ReplyText,
            "ERR wrong number or type of arguments",
        ),
        (ScriptError::Sha1Arity, "ERR wrong number of arguments"),
        (
            ScriptError::AclUnknownCommand,
            "ERR Invalid command passed to redis.acl_check_cmd()",
        ),
        (
            ScriptError::LogArity,
            "ERR redis.log() requires two arguments or more.",
        ),
        (
            ScriptError::LogLevelType,
            "ERR First argument must be a number (log level).",
        ),
        (ScriptError::LogLevel, "ERR Invalid debug level."),
        (
            ScriptError::ReplicationArity,
            "ERR redis.set_repl() requires two arguments.",
        ),
        (
            ScriptError::ReplicationFlags,
            "ERR Invalid replication flags. Use REPL_AOF, REPL_REPLICA, REPL_ALL or REPL_NONE.",
        ),
        (
            ScriptError::ProtocolArity,
            "ERR redis.setresp() requires one argument.",
        ),
        (ScriptError::Protocol, "ERR RESP version must be 2 or 3."),
        (ScriptError::TooDeep, "ERR reached lua stack limit"),
        (
            ScriptError::Killed,
            "ERR Script killed by user with SCRIPT KILL...",
        ),
        (ScriptError::Unknown, "ERR unknown error"),
        (ScriptError::NotRunning, "ERR no script is running"),
        (
            ScriptError::AlreadyRunning,
            "ERR another script is running in this Lua state",
        ),
        (
            ScriptError::Internal,
            "ERR internal error in a function called by the script",
        ),
    ];
    assert!(rows.iter().all(|(_, line)| has_code(line)));
    check(include_str!("script.rs"), &rows);
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table")]
fn every_refusal_of_a_setting_has_its_sentence() {
    let rows = [
        (SettingError::Arity, "wrong number of arguments"),
        (SettingError::NotYesOrNo, "argument must be 'yes' or 'no'"),
        (
            SettingError::NotAnInteger,
            "argument couldn't be parsed into an integer",
        ),
        (
            SettingError::NotOctal,
            "argument couldn't be parsed as an octal number",
        ),
        (SettingError::NotMemory, "argument must be a memory value"),
        (
            SettingError::NotMemoryOrPercent,
            "argument must be a memory or percent value",
        ),
        (
            SettingError::PercentTooLarge,
            "percentage argument must be less or equal to 100",
        ),
        (
            SettingError::SaveAndNosave,
            "shutdown options SAVE and NOSAVE can't be used simultaneously",
        ),
        (
            SettingError::EventClass,
            "Invalid event class character. Use 'Ag$lshzxeKEtmdn'.",
        ),
        (
            SettingError::TooManyAddresses,
            "Too many bind addresses specified.",
        ),
        (SettingError::PrimaryPort, "Invalid master port"),
        (SettingError::SavePoints, "Invalid save parameters"),
        (
            SettingError::OutputLimitArity,
            "Wrong number of arguments in buffer limit configuration.",
        ),
        (
            SettingError::OutputLimitClass,
            "Invalid client class specified in buffer limit configuration.",
        ),
        (
            SettingError::OutputLimitNumber,
            "Error in hard, soft or soft_seconds setting in buffer limit configuration.",
        ),
        (
            SettingError::Percentile,
            "Invalid latency-tracking-info-percentiles parameters",
        ),
        (
            SettingError::PercentileOutOfRange,
            "latency-tracking-info-percentiles parameters should sit between [0.0,100.0]",
        ),
        (
            SettingError::OomScores,
            "Invalid oom-score-adj-values, elements must be between -2000 and 2000.",
        ),
        (SettingError::Immutable, "can't set immutable config"),
        (SettingError::Protected, "can't set protected config"),
        (SettingError::Duplicate, "duplicate parameter"),
        (
            SettingError::OutOfRange {
                min: -1,
                max: i128::from(u64::MAX),
            },
            "argument must be between -1 and 18446744073709551615 inclusive",
        ),
        (
            SettingError::NotAChoice {
                allowed: &["no", "yes", "local"],
            },
            "argument(s) must be one of the following: no, yes, local",
        ),
        (
            SettingError::NotAFileName("no path, please"),
            "no path, please",
        ),
        (
            SettingError::NotHonoured { why: "none" },
            "not honoured: none",
        ),
    ];
    check(include_str!("setting.rs"), &rows);
}

#[test]
fn every_error_that_ends_a_connection_has_its_line() {
    let requests = [
        (
            ProtocolError::MultibulkLength,
            "ERR Protocol error: invalid multibulk length",
        ),
        (
            ProtocolError::MultibulkHeaderTooLong,
            "ERR Protocol error: too big mbulk count string",
        ),
        (
            ProtocolError::BulkLength,
            "ERR Protocol error: invalid bulk length",
        ),
        (
            ProtocolError::BulkHeaderTooLong,
            "ERR Protocol error: too big bulk count string",
        ),
        (
            ProtocolError::InlineTooLong,
            "ERR Protocol error: too big inline request",
        ),
        (
            ProtocolError::UnbalancedQuotes,
            "ERR Protocol error: unbalanced quotes in request",
        ),
        (
            ProtocolError::UnauthenticatedMultibulkLength,
            "ERR Protocol error: unauthenticated multibulk length",
        ),
        (
            ProtocolError::UnauthenticatedBulkLength,
            "ERR Protocol error: unauthenticated bulk length",
        ),
        (
            ProtocolError::ExpectedBulk(b'P'),
            "ERR Protocol error: expected '$', got 'P'",
        ),
    ];
    let callers = [
        (
            AdmissionError::TooManyClients,
            "ERR max number of clients reached",
        ),
        (
            AdmissionError::Protected,
            "DENIED Redis is running in protected mode: there is no password, so only clients on this machine are let in. Set requirepass, or protected-mode no.",
        ),
    ];
    let source = include_str!("protocol.rs");
    let (request_source, caller_source) = source.split_once("pub enum AdmissionError").unwrap();
    check(request_source, &requests);
    check(caller_source, &callers);
}

#[test]
fn every_byte_of_a_line_is_one_character() {
    let all: Vec<u8> = (1..=255).collect();
    let reply = CommandError::ConfigUnknown {
        name: Quoted::whole(&all),
    }
    .into_reply();
    let Reply::Error(line) = reply else {
        panic!("an error becomes an error");
    };
    let shown: Vec<u8> = all
        .iter()
        .map(|byte| {
            if matches!(byte, b'\r' | b'\n') {
                b' '
            } else {
                *byte
            }
        })
        .collect();
    assert!(line.windows(255).any(|part| part == shown));
}
