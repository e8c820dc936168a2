//! Every transcript of `tests/transcripts`, replayed.
//!
//! With `REAL_REDIS` set to a redis-server (a path, or the `host:port` of one that runs and may be
//! emptied) the files are held against the real thing; with `UPDATE=1` beside it, replies that do
//! not fit are rewritten from it. Without it the files are only read.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;

use quintlock::command::table;

use crate::support::in_process::InProcess;
use crate::support::replay::{Report, replay};
use crate::support::target::{RealRedis, Target, is_update};
use crate::support::transcript::{Exchange, Protocol, Request, Step, Transcript, faults};
use crate::support::update::rewrite;

/// The transcripts' paths, by name.
fn paths() -> Vec<PathBuf> {
    let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/transcripts");
    let entries = fs::read_dir(directory).expect("the directory of transcripts");
    let mut paths: Vec<PathBuf> = entries
        .map(|entry| entry.expect("a directory entry").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "txt"))
        .collect();
    paths.sort();
    assert!(!paths.is_empty(), "no transcript in {directory}");
    paths
}

/// Replays every file on `target`.
///
/// # Panics
/// If a reply is not as expected, after a list of all that are not.
pub(crate) fn replay_all(target: &mut dyn Target) {
    let mut skipped: BTreeMap<String, usize> = BTreeMap::new();
    let (mut replayed, mut mismatches) = (0, 0);
    for path in paths() {
        let text = fs::read_to_string(&path).expect("a readable transcript");
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let transcript =
            Transcript::parse(&text).unwrap_or_else(|problem| panic!("{name}:{problem}"));
        let mut report = Report::default();
        for section in &transcript.sections {
            for protocol in &section.protocols {
                replay(section, *protocol, target, &mut report);
            }
        }
        print_mismatches(&name, &text, &report);
        if is_update() && !report.mismatches.is_empty() {
            let rewritten = rewrite(&text, &transcript, &report);
            fs::write(&path, rewritten).expect("a writable transcript");
        }
        replayed += report.replayed;
        mismatches += report.mismatches.len();
        for (reason, count) in report.skipped {
            *skipped.entry(reason).or_default() += count;
        }
    }
    println!("{replayed} requests replayed, {mismatches} not answered as expected");
    for (reason, count) in skipped {
        println!("{count} skipped: {reason}");
    }
    assert_eq!(
        mismatches, 0,
        "replies are not as the transcripts have them"
    );
}

/// Prints each mismatch with its place, so that it can be found and read without the file.
fn print_mismatches(name: &str, text: &str, report: &Report) {
    for mismatch in &report.mismatches {
        let protocol = match mismatch.protocol {
            Protocol::Resp2 => "RESP2",
            Protocol::Resp3 => "RESP3",
        };
        let request = text.lines().nth(mismatch.line.saturating_sub(1));
        println!("{name}:{} in {protocol}", mismatch.line);
        println!("    request   {}", request.unwrap_or_default());
        println!(
            "    expected  {}",
            mismatch.expected.join("\n              ")
        );
        println!("    got       {}", mismatch.got.join("\n              "));
    }
}

#[test]
fn every_transcript_is_well_formed_and_says_what_must_be_answered() {
    let mut requests = 0;
    for path in paths() {
        let text = fs::read_to_string(&path).expect("a readable transcript");
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let transcript =
            Transcript::parse(&text).unwrap_or_else(|problem| panic!("{name}:{problem}"));
        let faults = faults(&transcript);
        assert!(faults.is_empty(), "{name}: {faults:#?}");
        let steps = transcript
            .sections
            .iter()
            .flat_map(|section| &section.steps);
        let here = steps.filter(|step| Step::is_request(step)).count();
        println!("{name}: {here} requests");
        requests += here;
    }
    println!("{requests} requests");
    assert!(requests >= 600, "only {requests} requests are left");
}

/// The rows of the command table that a request is for: the command, and its subcommand.
fn rows_of(exchange: &Exchange) -> Vec<String> {
    let (Request::Command(words) | Request::Repeat(words)) = &exchange.request else {
        return Vec::new();
    };
    let word = |at: usize| words.get(at).map(|word| word.to_ascii_lowercase());
    let text = |word: &[u8]| String::from_utf8_lossy(word).into_owned();
    let (Some(name), second) = (word(0), word(1).unwrap_or_default()) else {
        return Vec::new();
    };
    let name = text(&name);
    let subcommand = format!("{name}|{}", text(&second));
    vec![name, subcommand]
}

#[test]
fn every_row_of_the_command_table_is_in_a_transcript() {
    let mut met = BTreeSet::new();
    for path in paths() {
        let text = fs::read_to_string(&path).expect("a readable transcript");
        let transcript = Transcript::parse(&text).expect("a transcript that parses");
        let sections = transcript.sections.iter();
        for step in sections.flat_map(|section| &section.steps) {
            if let Step::Exchange(exchange) = step {
                met.extend(rows_of(exchange));
            }
        }
    }
    let missing: Vec<&str> = table::all()
        .map(|row| row.name)
        .filter(|name| !met.contains(*name))
        .collect();
    assert!(missing.is_empty(), "no transcript has {missing:?}");
}

#[test]
fn every_transcript_passes_here() {
    replay_all(&mut InProcess::start());
}

#[test]
fn every_transcript_passes_on_a_real_redis() {
    if let Some(mut redis) = RealRedis::from_environment() {
        replay_all(&mut redis);
    }
}
