//! Edited scripts: each runs with its own meaning, or not natively.

use super::corpus::{Script, cases, native_corpus};
use super::real::RealServer;
use super::{NOW_UNIX_MS, Timing, run_native};
use crate::script::native::Program;

/// Words that are exchanged, one occurrence at a time.
const EXCHANGES: &[(&str, &str)] = &[
    ("==", "~="),
    ("~=", "=="),
    ("KEYS[1]", "KEYS[2]"),
    ("KEYS[2]", "KEYS[1]"),
    ("KEYS[1]", "ARGV[1]"),
    ("ARGV[1]", "ARGV[2]"),
    ("ARGV[2]", "ARGV[1]"),
    ("ARGV[1]", "KEYS[1]"),
    ("return 0", "return 1"),
    ("return 1", "return 0"),
    ("return -1", "return 7"),
    ("return true", "return false"),
    ("\"del\"", "\"unlink\""),
    ("\"del\"", "\"persist\""),
    ("'del'", "'persist'"),
    ("\"unlink\"", "\"exists\""),
    ("\"pexpire\"", "\"persist\""),
    ("\"pexpire\"", "\"expire\""),
    ("\"expire\"", "\"pexpire\""),
    ("\"get\"", "\"getdel\""),
    ("\"get\"", "\"exists\""),
    ("'get'", "'strlen'"),
    ("\"call", "\"pcall"),
    ("redis.call", "redis.pcall"),
    ("redis.pcall", "redis.call"),
    (" < ", " <= "),
    (" < ", " >= "),
    (" > ", " < "),
    (" + ", " - "),
    (" * ", " .. "),
    (" .. ", " + "),
    (" and ", " or "),
    (" or ", " and "),
    ("not ", ""),
    ("nil", "false"),
    ("false", "nil"),
    ("#KEYS", "#ARGV"),
    ("(KEYS)", "(ARGV)"),
    ("tonumber(", "tostring("),
    ("else", "elseif ARGV[2] then"),
    ("\"NX\"", "\"XX\""),
    ("\"PX\"", "\"EX\""),
    (" do", " do break"),
    (" end", " "),
    ("local ", ""),
    (" = ", " == "),
    ("{", "{nil, "),
];

/// The mutants of a script, each with a word about what was done.
pub(crate) fn mutants(body: &str) -> Vec<(String, String)> {
    let mut mutants = Vec::new();
    for (from, to) in EXCHANGES {
        for (at, _) in body.match_indices(from) {
            let (head, tail) = (&body[..at], &body[at + from.len()..]);
            mutants.push((
                format!("{from} to {to} at {at}"),
                format!("{head}{to}{tail}"),
            ));
        }
    }
    // A condition turned round is its two branches exchanged.
    for (at, _) in body.match_indices("if ") {
        if let Some(length) = body[at..].find(" then") {
            let condition = &body[at + 3..at + length];
            let (head, tail) = (&body[..at + 3], &body[at + length..]);
            mutants.push((
                format!("branches at {at}"),
                format!("{head}not ({condition}){tail}"),
            ));
        }
    }
    for line in body.lines().skip(1).filter(|line| !line.trim().is_empty()) {
        mutants.push((format!("without '{line}'"), body.replacen(line, "", 1)));
    }
    mutants
}

/// Whether some case tells the mutant from the script it was made of.
fn differs(script: &Script, original: &Program, mutant: &Program, mutated: &[u8]) -> bool {
    let timing = Timing::of(&script.body);
    cases(script, 200, 5).iter().any(|case| {
        // The same name for both, so that errors do not differ by it.
        let original = run_native(original, case, b"", NOW_UNIX_MS);
        let mutant = run_native(mutant, case, b"", NOW_UNIX_MS);
        let timing = if Timing::of(mutated) == timing {
            Timing::Exact
        } else {
            timing
        };
        original.line(timing) != mutant.line(timing)
    })
}

#[test]
fn an_edited_script_keeps_its_own_meaning() {
    let mut server = RealServer::from_environment();
    let (mut native, mut refused, mut compared) = (0_usize, 0, 0);
    let mut same = Vec::new();
    for (script, program) in native_corpus() {
        let body = String::from_utf8(script.body.clone()).expect("the corpus is text");
        for (what, mutated) in mutants(&body) {
            let Ok(mutant) = Program::compile(mutated.as_bytes()) else {
                refused += 1;
                continue;
            };
            native += 1;
            if !differs(&script, &program, &mutant, mutated.as_bytes()) {
                same.push(format!("{}: {what}", script.name));
            }
            let Some(server) = &mut server else {
                continue;
            };
            for case in cases(&script, 12, native as u64) {
                let (real, now) = server.run(mutated.as_bytes(), &case);
                let observed = run_native(&mutant, &case, mutated.as_bytes(), now);
                assert!(
                    observed.agrees_with(&real, Timing::of(mutated.as_bytes())),
                    "{}: {what}\n{mutated}\n{case:?}\nreal   {real:?}\nnative {observed:?}",
                    script.name
                );
                compared += 1;
            }
        }
    }
    let unchanged = same.len();
    eprintln!(
        "{native} native mutants, {refused} refused, {unchanged} without a difference, \
         {compared} cases compared with a server"
    );
    if std::env::var_os("LIST").is_some() {
        eprintln!("{}", same.join("\n"));
    }
    assert!(native > 500 && refused > 100);
    assert!(
        unchanged * 5 < native,
        "most edits must show:\n{}",
        same.join("\n")
    );
}
