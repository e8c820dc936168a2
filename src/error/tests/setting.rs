//! The sentences that say what is wrong with a setting.

use super::*;

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
        (
            SettingError::TooManyClients { clients: 7 },
            "The operating system is not able to handle the specified number of clients, try with 7",
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
        (
            SettingError::Settled,
            "it is fixed while the server runs; restart it with the new value",
        ),
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
            SettingError::NotAFileName {
                name: "appenddirname",
                noun: "dirname",
            },
            "appenddirname can't be a path, just a dirname",
        ),
        (
            SettingError::EmptyFileName {
                name: "appendfilename",
            },
            "appendfilename can't be empty",
        ),
        (
            SettingError::NotHonoured { why: "none" },
            "not honoured: none",
        ),
    ];
    check(include_str!("../setting.rs"), &rows);
}
