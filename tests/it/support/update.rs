//! Rewrites a transcript's replies from what a replay on the judge has seen.
//!
//! Only requests whose replies did not fit are touched, and none that is tagged as an exception:
//! there the file knows better than the judge. Patterns that fit stay as they are.

use std::collections::{BTreeMap, BTreeSet};

use super::replay::Report;
use super::transcript::{Exchange, Protocol, Section, Step, Transcript};

/// The text of the file with new replies.
pub(crate) fn rewrite(text: &str, transcript: &Transcript, report: &Report) -> String {
    let mut dropped = BTreeSet::new();
    let mut inserted: BTreeMap<usize, Vec<String>> = BTreeMap::new();
    for section in &transcript.sections {
        for step in &section.steps {
            if let Step::Exchange(exchange) = step
                && exchange.exception.is_none()
                && report
                    .mismatches
                    .iter()
                    .any(|each| each.line == exchange.line)
            {
                dropped.extend(exchange.replies.iter().map(|reply| reply.line));
                let lines = replies(section, exchange, report);
                assert!(
                    !lines.iter().any(|line| line.contains("(malformed: ")),
                    "no update from a reply that is none: {lines:?}"
                );
                inserted.insert(exchange.line, lines);
            }
        }
    }
    let mut out = String::new();
    for (index, line) in text.lines().enumerate() {
        let number = index + 1;
        if !dropped.contains(&number) {
            out.push_str(line);
            out.push('\n');
        }
        for reply in inserted.get(&number).into_iter().flatten() {
            out.push_str(reply);
            out.push('\n');
        }
    }
    out
}

/// The reply lines of an exchange: those of RESP3 only where they differ.
fn replies(section: &Section, exchange: &Exchange, report: &Report) -> Vec<String> {
    let observed = |version| match report.observed.get(&(exchange.line, version)) {
        Some(lines) if lines.is_empty() => vec!["<nothing>".to_owned()],
        Some(lines) => lines.clone(),
        None => Vec::new(),
    };
    let (common, resp3) = match section.protocols.as_slice() {
        [Protocol::Resp3] => (observed(3), Vec::new()),
        [Protocol::Resp2] => (observed(2), Vec::new()),
        _ => (observed(2), observed(3)),
    };
    let name = &exchange.connection;
    let mut lines: Vec<String> = common
        .iter()
        .map(|each| format!("{name}< {each}"))
        .collect();
    if resp3 != common {
        lines.extend(resp3.iter().map(|each| format!("{name}<3 {each}")));
    }
    lines
}
