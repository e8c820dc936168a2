//! The line of every error, next to the variant that stands for it.
//!
//! A variant without a row fails the test of its table; so a text changes here and there together.

mod command;
mod keeper;
mod protocol;
mod restore;
mod script;
mod setting;

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
