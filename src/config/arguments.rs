//! The command line, read as redis-server reads it.
//!
//! `[FILE | -] [--name value ...]... [-]`: a first word without a dash is a configuration file, a
//! lone dash as first or last word is standard input. An option is everything from `--name` to the
//! next option; the word after a bare `--name` is always a value, so a password may begin with two
//! dashes.

use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use crate::error::ConfigError;
use crate::words;

/// What the command line asks for.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Arguments {
    /// The configuration file.
    pub(super) file: Option<PathBuf>,
    /// Whether standard input holds a configuration too.
    pub(super) standard_input: Option<StandardInput>,
    /// Name and values of each option, as a line of a file would have them.
    pub(super) options: Vec<Vec<Vec<u8>>>,
}

/// Standard input is asked for; asking twice is asking once.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct StandardInput;

/// Whether the next word must be a value.
#[derive(PartialEq)]
enum Expect {
    Value,
    Anything,
}

/// Reads the words after the program's name.
///
/// # Errors
/// A word that is neither an option nor the value of one, or a quote that does not close.
pub(super) fn parse(words: &[OsString]) -> Result<Arguments, ConfigError> {
    let mut arguments = Arguments::default();
    let mut expect = Expect::Anything;
    for (i, word) in words.iter().enumerate() {
        let bytes = word.as_bytes();
        let is_at_an_end = i == 0 || i + 1 == words.len();
        if bytes == b"-" && is_at_an_end {
            arguments.standard_input = Some(StandardInput);
            continue;
        }
        if i == 0 && !bytes.starts_with(b"-") {
            arguments.file = Some(PathBuf::from(word));
            continue;
        }
        if expect == Expect::Anything
            && let Some(option) = bytes.strip_prefix(b"--")
        {
            let mut option = option_words(option)?;
            let next = words.get(i + 1).map(|next| next.as_bytes());
            if is_bare_save(&option) && next.is_none_or(|next| next.starts_with(b"--")) {
                option.push(Vec::new());
            }
            if option.len() == 1 {
                expect = Expect::Value;
            }
            arguments.options.push(option);
            continue;
        }
        match arguments.options.last_mut() {
            Some(option) => option.push(bytes.to_vec()),
            None => return Err(unexpected(bytes)),
        }
        expect = Expect::Anything;
    }
    Ok(arguments)
}

/// One word may hold a whole line: `"--port 6380"`.
fn option_words(option: &[u8]) -> Result<Vec<Vec<u8>>, ConfigError> {
    let words = words::all(option).map_err(|words::UnbalancedQuotes| {
        let option = option.escape_ascii();
        ConfigError::Other(format!(
            "the quotes in '--{option}' do not pair; add the missing one"
        ))
    })?;
    match words.first() {
        Some(_) => Ok(words),
        None => Err(unexpected(b"--")),
    }
}

/// Redis takes `--save` without a value for `save ""`.
fn is_bare_save(option: &[Vec<u8>]) -> bool {
    matches!(option, [name] if name.eq_ignore_ascii_case(b"save"))
}

fn unexpected(word: &[u8]) -> ConfigError {
    ConfigError::Other(format!(
        "unexpected argument '{}': a configuration file comes first, settings are written as \
         --name value (see quintlock --help)",
        word.escape_ascii()
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(words: &[&str]) -> Result<Arguments, ConfigError> {
        parse(&words.iter().map(OsString::from).collect::<Vec<_>>())
    }

    fn options(words: &[&str]) -> Vec<Vec<String>> {
        let text = |word: Vec<u8>| String::from_utf8(word).unwrap();
        let options = parsed(words).unwrap().options;
        options
            .into_iter()
            .map(|option| option.into_iter().map(text).collect())
            .collect()
    }

    #[test]
    fn an_option_takes_every_word_up_to_the_next() {
        assert_eq!(
            options(&["--port", "1", "--bind", "a", "-b", "--save", "900", "1"]),
            [
                vec!["port", "1"],
                vec!["bind", "a", "-b"],
                vec!["save", "900", "1"]
            ]
        );
    }

    #[test]
    fn the_word_after_a_bare_name_is_a_value_whatever_it_looks_like() {
        assert_eq!(
            options(&["--requirepass", "--foo"]),
            [["requirepass", "--foo"]]
        );
        assert_eq!(
            options(&["--requirepass", "--", "--databases", "5"]),
            [["requirepass", "--"], ["databases", "5"]]
        );
        assert_eq!(options(&["--requirepass", "a b"]), [["requirepass", "a b"]]);
        assert_eq!(options(&["--requirepass", "\""]), [["requirepass", "\""]]);
    }

    #[test]
    fn a_word_may_hold_name_and_value() {
        assert_eq!(
            options(&["--databases 8", "--port", "1"]),
            [["databases", "8"], ["port", "1"]]
        );
    }

    #[test]
    fn save_without_a_value_means_no_snapshots() {
        assert_eq!(options(&["--save"]), [["save", ""]]);
        assert_eq!(
            options(&["--save", "--port", "1"]),
            [["save", ""], ["port", "1"]]
        );
        assert_eq!(options(&["--save", ""]), [["save", ""]]);
    }

    #[test]
    fn a_file_comes_first_and_a_dash_first_or_last() {
        let arguments = parsed(&["a.conf", "--port", "1", "-"]).unwrap();
        assert_eq!(arguments.file, Some(PathBuf::from("a.conf")));
        assert_eq!(arguments.standard_input, Some(StandardInput));
        assert_eq!(arguments.options.len(), 1);
        assert_eq!(parsed(&["-"]).unwrap().standard_input, Some(StandardInput));
        assert_eq!(parsed(&[]).unwrap(), Arguments::default());
    }

    #[test]
    fn a_word_that_belongs_to_nothing_is_refused() {
        for words in [
            &["-x"][..],
            &["a.conf", "b.conf"],
            &["a.conf", "-", "--port", "1"],
            &["--", "1"],
        ] {
            let error = parsed(words).unwrap_err().to_string();
            assert!(error.starts_with("unexpected argument '"), "{error}");
        }
        let error = parsed(&["--port \"1"]).unwrap_err().to_string();
        assert_eq!(
            error,
            "the quotes in '--port \\\"1' do not pair; add the missing one"
        );
    }
}
