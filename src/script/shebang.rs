//! The first line of a script: `#!lua flags=no-writes,allow-stale`.
//!
//! The line is read without Lua, because the dispatcher decides by the flags before a script
//! runs. The rest of the script keeps its line numbers: it begins with the line's own newline.

use crate::error::{Quoted, ScriptError};

/// What a script says of itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ScriptFlags(u8);

impl ScriptFlags {
    /// The script only reads.
    pub const NO_WRITES: ScriptFlags = ScriptFlags(1);
    /// The script may run when memory is short.
    pub const ALLOW_OOM: ScriptFlags = ScriptFlags(1 << 1);
    /// The script may run on a replica whose data is old.
    pub const ALLOW_STALE: ScriptFlags = ScriptFlags(1 << 2);
    /// The script refuses to run in a Redis Cluster.
    pub const NO_CLUSTER: ScriptFlags = ScriptFlags(1 << 3);
    /// The script may reach keys of several slots.
    pub const ALLOW_CROSS_SLOT_KEYS: ScriptFlags = ScriptFlags(1 << 4);
    /// The script has no shebang line: Redis's rules of before version 7 hold.
    pub const COMPATIBLE: ScriptFlags = ScriptFlags(1 << 5);

    /// Whether every flag of `flags` is set.
    pub fn contains(self, flags: ScriptFlags) -> bool {
        self.0 & flags.0 == flags.0
    }

    fn named(name: &[u8]) -> Option<ScriptFlags> {
        match name {
            b"no-writes" => Some(ScriptFlags::NO_WRITES),
            b"allow-oom" => Some(ScriptFlags::ALLOW_OOM),
            b"allow-stale" => Some(ScriptFlags::ALLOW_STALE),
            b"no-cluster" => Some(ScriptFlags::NO_CLUSTER),
            b"allow-cross-slot-keys" => Some(ScriptFlags::ALLOW_CROSS_SLOT_KEYS),
            _ => None,
        }
    }
}

/// Splits a script into its flags and the Lua code after the shebang line.
///
/// # Errors
/// Redis's texts for a line without an end, another engine, another option or another flag.
pub fn parse(script: &[u8]) -> Result<(ScriptFlags, &[u8]), ScriptError> {
    if !script.starts_with(b"#!") {
        return Ok((ScriptFlags::COMPATIBLE, script));
    }
    // A zero byte ends the line as it ends a C string: then it has no newline.
    let end = script.iter().position(|byte| matches!(byte, b'\n' | 0));
    let Some(end) = end.filter(|end| script[*end] == b'\n') else {
        return Err(ScriptError::Shebang);
    };
    let words = split_words(&script[..end])
        .filter(|words| !words.is_empty())
        .ok_or(ScriptError::EngineUnreadable)?;
    if words[0] != b"#!lua" {
        let engine = Quoted::whole(&words[0]);
        return Err(ScriptError::Engine { engine });
    }
    let mut flags = ScriptFlags::default();
    for option in &words[1..] {
        let Some(names) = option.strip_prefix(b"flags=") else {
            let option = Quoted::whole(option);
            return Err(ScriptError::ShebangOption { option });
        };
        if names.is_empty() {
            continue;
        }
        for name in names.split(|byte| *byte == b',') {
            let flag = ScriptFlags::named(name).ok_or_else(|| ScriptError::Flag {
                flag: Quoted::whole(name),
            })?;
            flags.0 |= flag.0;
        }
    }
    Ok((flags, &script[end..]))
}

/// Splits at blanks; double quotes (with backslash escapes) and single quotes keep blanks.
/// `None` where a quote stays open or text follows a closing quote.
fn split_words(line: &[u8]) -> Option<Vec<Vec<u8>>> {
    let mut words = Vec::new();
    let mut rest = line;
    loop {
        while let [blank, after @ ..] = rest {
            if !is_blank(*blank) {
                break;
            }
            rest = after;
        }
        if rest.is_empty() {
            return Some(words);
        }
        let mut word = Vec::new();
        loop {
            match rest {
                [] => break,
                [blank, ..] if is_blank(*blank) => break,
                [quote @ (b'"' | b'\''), after @ ..] => {
                    rest = quoted(*quote, after, &mut word)?;
                    if rest.first().is_some_and(|byte| !is_blank(*byte)) {
                        return None;
                    }
                    break;
                }
                [byte, after @ ..] => {
                    word.push(*byte);
                    rest = after;
                }
            }
        }
        words.push(word);
    }
}

fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | 0x0b | 0x0c)
}

/// Reads up to the closing quote and returns what follows it.
fn quoted<'l>(quote: u8, mut rest: &'l [u8], word: &mut Vec<u8>) -> Option<&'l [u8]> {
    loop {
        match rest {
            [] => return None,
            [byte, after @ ..] if *byte == quote => return Some(after),
            [b'\\', b'x', high, low, after @ ..]
                if quote == b'"' && high.is_ascii_hexdigit() && low.is_ascii_hexdigit() =>
            {
                let digit = |byte: u8| char::from(byte).to_digit(16).unwrap_or_default() as u8;
                word.push(digit(*high) * 16 + digit(*low));
                rest = after;
            }
            [b'\\', escaped, after @ ..] if quote == b'"' => {
                word.push(match escaped {
                    b'n' => b'\n',
                    b'r' => b'\r',
                    b't' => b'\t',
                    b'b' => 0x08,
                    b'a' => 0x07,
                    other => *other,
                });
                rest = after;
            }
            [b'\\', b'\'', after @ ..] => {
                word.push(b'\'');
                rest = after;
            }
            [byte, after @ ..] => {
                word.push(*byte);
                rest = after;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(script: &str) -> String {
        parse(script.as_bytes()).unwrap_err().to_string()
    }

    #[test]
    fn script_without_shebang_is_compatible() {
        assert_eq!(
            parse(b"return 1").unwrap(),
            (ScriptFlags::COMPATIBLE, &b"return 1"[..])
        );
    }

    #[test]
    fn flags_are_read_and_the_code_keeps_its_line() {
        let (flags, code) = parse(b"#!lua flags=no-writes,allow-stale\nreturn 1").unwrap();
        assert!(flags.contains(ScriptFlags::NO_WRITES));
        assert!(flags.contains(ScriptFlags::ALLOW_STALE));
        assert!(!flags.contains(ScriptFlags::ALLOW_OOM));
        assert!(!flags.contains(ScriptFlags::COMPATIBLE));
        assert_eq!(code, b"\nreturn 1");
    }

    #[test]
    fn bad_lines_are_refused_in_redis_words() {
        assert_eq!(error("#!lua"), "ERR Invalid script shebang");
        assert_eq!(error("#!lua\0\n"), "ERR Invalid script shebang");
        assert_eq!(
            error("#!lua \"open\n"),
            "ERR Invalid engine in script shebang"
        );
        assert_eq!(
            error("#!js\n"),
            "ERR Unexpected engine in script shebang: #!js"
        );
        assert_eq!(
            error("#!lua name=x\n"),
            "ERR Unknown lua shebang option: name=x"
        );
        assert_eq!(
            error("#!lua flags=a\n"),
            "ERR Unexpected flag in script shebang: a"
        );
        assert_eq!(
            error("#!lua flags=no-writes,\n"),
            "ERR Unexpected flag in script shebang: "
        );
    }
}
