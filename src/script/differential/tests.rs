//! Lock scripts, edits of them and made-up ones, each run both ways.

use super::*;
use crate::script::native::differential::{
    Script, Seed, case_count, cases, made_up_script, mutants, native_corpus,
};

impl Pair {
    /// # Panics
    /// If the two ways differ.
    fn check(&self, name: &str, program: &Program, body: &[u8], case: &Case) -> Run {
        let native = self.natively(program, body, case);
        let lua = self.in_lua(body, case);
        if native != lua {
            panic!("{name}\n{}", self.describe(body, case));
        }
        native
    }
}

/// Counts of a test, so that it can tell whether it has met anything.
#[derive(Debug, Default)]
struct Tally {
    cases: usize,
    errors: usize,
    changes: usize,
}

impl Tally {
    fn add(&mut self, case: &Case, run: &Run) {
        self.cases += 1;
        self.errors += usize::from(run.reply.is_error());
        let before = Memory::load(case, NOW_UNIX_MS).dump();
        self.changes += usize::from(run.keyspace != before);
    }
}

/// Checks that each script runs natively as in Lua, in about `count` cases together.
fn compare(scripts: &[(Script, Program)], count: usize, salt: u64) {
    let pair = Pair::new();
    let each = count.div_ceil(scripts.len());
    let mut tally = Tally::default();
    for (script, program) in scripts {
        for case in stirred_cases(script, each, salt) {
            tally.add(
                &case,
                &pair.check(&script.name, program, &script.body, &case),
            );
        }
    }
    eprintln!("{} scripts, {tally:?}", scripts.len());
    assert!(tally.errors * 20 > tally.cases && tally.changes * 10 > tally.cases);
}

/// As many cases of one script, half of them with arguments and values no script expects.
fn stirred_cases(script: &Script, count: usize, salt: u64) -> Vec<Case> {
    let mut cases = cases(script, count, salt);
    let mut seed = Seed(salt ^ 0x5eed);
    for case in cases.iter_mut().step_by(2) {
        case.stir(&mut seed);
    }
    cases
}

#[test]
fn lock_scripts_run_natively_as_in_lua() {
    compare(&native_corpus(), case_count(4_000), 11);
}

#[test]
fn edited_lock_scripts_run_natively_as_in_lua() {
    let mut edited = Vec::new();
    for (script, _) in native_corpus() {
        let body = String::from_utf8(script.body).expect("the corpus is text");
        for (what, body) in mutants(&body) {
            if let Ok(program) = Program::compile(body.as_bytes()) {
                let name = format!("{}: {what}", script.name);
                let body = body.into_bytes();
                edited.push((Script { name, body }, program));
            }
        }
    }
    assert!(edited.len() > 500);
    compare(&edited, case_count(4_000), 12);
}

#[test]
fn made_up_scripts_run_natively_as_in_lua() {
    const CASES_EACH: usize = 4;
    let pair = Pair::new();
    let (mut tally, mut native) = (Tally::default(), 0);
    let count = case_count(6_000);
    for seed in 1_000_000.. {
        if tally.cases >= count {
            break;
        }
        let body = made_up_script(seed).into_bytes();
        let Ok(program) = Program::compile(&body) else {
            continue;
        };
        native += 1;
        let name = format!("made up from seed {seed}");
        let script = Script { name, body };
        for case in stirred_cases(&script, CASES_EACH, seed) {
            tally.add(
                &case,
                &pair.check(&script.name, &program, &script.body, &case),
            );
        }
    }
    eprintln!("{native} scripts, {tally:?}");
    assert!(tally.errors * 20 > tally.cases && tally.changes * 20 > tally.cases);
}

#[test]
fn a_difference_is_found_and_made_small() {
    // The two ways disagree on where a table lies, which no script may rely on.
    let body = b"local spare = redis.call('get', KEYS[1])\nreturn tostring({1})";
    let pair = Pair::new();
    let script = Script {
        name: "address".to_owned(),
        body: body.to_vec(),
    };
    let case = &cases(&script, 1, 0)[0];
    assert!(pair.difference(body, case).is_some());
    let (smallest, case) = pair.shrink(body.to_vec(), case.clone());
    assert_eq!(String::from_utf8_lossy(&smallest), "return tostring({1})");
    assert_eq!((case.keys.len(), case.before.len()), (0, 0));
}
