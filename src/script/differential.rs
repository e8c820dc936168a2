//! A native run beside a run of the same script in Lua: nobody can tell them apart.
//!
//! Both ways get a keyspace of their own with the same keys; then the reply, the keyspace left
//! behind and every call on the way, with what it answered, must be equal. Scripts are the lock
//! scripts, edits of them, and scripts made up from the grammar; keyspaces and arguments are
//! drawn at random from fixed seeds. `CASES=n` runs n cases in each test instead of some
//! thousands. A script that fails is cut down to what still fails before it is shown.

use std::fmt::{self, Write as _};

use super::lua::{Pulse, Vm, VmLimits};
use super::native::Program;
use super::native::differential::{
    Case, Held, Memory, NOW_UNIX_MS, Script, Seed, Timing, case_count, cases, made_up_script,
    mutants, native_corpus, quoted, reply_text, run_with,
};
use super::{Calls, cache};
use crate::error::CommandError;
use crate::resp::reply::Reply;

/// What one run shows to the outside.
#[derive(PartialEq)]
struct Run {
    reply: Reply,
    keyspace: Vec<Held>,
    /// Each call with its answer, in order.
    calls: Vec<(Vec<Vec<u8>>, Reply)>,
}

impl fmt::Display for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = |reply| reply_text(reply, Timing::Exact);
        writeln!(f, "{}\n  leaves {:?}", shown(&self.reply), self.keyspace)?;
        for (args, answer) in &self.calls {
            let words: Vec<String> = args.iter().map(|arg| quoted(arg)).collect();
            writeln!(f, "  calls {} and hears {}", words.join(" "), shown(answer))?;
        }
        Ok(())
    }
}

/// A keyspace that notes who calls.
struct Recorder {
    memory: Memory,
    calls: Vec<(Vec<Vec<u8>>, Reply)>,
}

impl Recorder {
    fn load(case: &Case) -> Recorder {
        Recorder {
            memory: Memory::load(case, NOW_UNIX_MS),
            calls: Vec::new(),
        }
    }

    fn into_run(self, reply: Reply) -> Run {
        Run {
            reply,
            keyspace: self.memory.dump(),
            calls: self.calls,
        }
    }
}

impl Calls for Recorder {
    fn call(&mut self, args: &[&[u8]]) -> Result<Reply, CommandError> {
        let answer = self.memory.call(args);
        let noted = match &answer {
            Ok(reply) => reply.clone(),
            Err(error) => Reply::Error(error.to_string().into_bytes().into()),
        };
        let args = args.iter().map(|arg| arg.to_vec()).collect();
        self.calls.push((args, noted));
        answer
    }

    fn log(&mut self, level: u8, message: &[u8]) {
        self.memory.log(level, message);
    }

    fn is_command(&self, name: &[u8]) -> bool {
        self.memory.is_command(name)
    }
}

fn slices(list: &[Vec<u8>]) -> Vec<&[u8]> {
    list.iter().map(Vec::as_slice).collect()
}

/// Both ways to run a script.
struct Pair {
    vm: Vm,
}

impl Pair {
    fn new() -> Pair {
        Pair {
            vm: Vm::new(VmLimits::default()).expect("an empty VM fits into memory"),
        }
    }

    fn natively(&self, program: &Program, body: &[u8], case: &Case) -> Run {
        let sha1 = cache::sha1_of(body);
        let sha1 = String::from_utf8_lossy(&sha1);
        let mut recorder = Recorder::load(case);
        let (keys, argv) = (slices(&case.keys), slices(&case.argv));
        let reply = run_with(program, &sha1, &keys, &argv, &mut recorder);
        recorder.into_run(reply)
    }

    fn in_lua(&self, body: &[u8], case: &Case) -> Run {
        let sha1 = cache::sha1_of(body);
        let sha1 = String::from_utf8_lossy(&sha1);
        let mut recorder = Recorder::load(case);
        let (keys, argv) = (slices(&case.keys), slices(&case.argv));
        let pulse = || Pulse::Continue;
        let reply = self
            .vm
            .run(&sha1, body, &keys, &argv, &mut recorder, &pulse);
        recorder.into_run(reply)
    }

    /// The runs, native first, if the script is native and they differ.
    fn difference(&self, body: &[u8], case: &Case) -> Option<(Run, Run)> {
        let program = Program::compile(body).ok()?;
        let runs = (self.natively(&program, body, case), self.in_lua(body, case));
        (runs.0 != runs.1).then_some(runs)
    }

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

    /// A difference for people, made small.
    fn describe(&self, body: &[u8], case: &Case) -> String {
        let (body, case) = self.shrink(body.to_vec(), case.clone());
        let mut text = format!("{}\n{case:?}\n", String::from_utf8_lossy(&body));
        if let Some((native, lua)) = self.difference(&body, &case) {
            write!(text, "native: {native}lua: {lua}").expect("writing into memory");
        }
        text
    }

    /// Takes away words of the script and parts of the case for as long as the ways differ.
    fn shrink(&self, mut body: Vec<u8>, mut case: Case) -> (Vec<u8>, Case) {
        loop {
            let smaller_body = without_some_words(&body)
                .into_iter()
                .find(|body| self.difference(body, &case).is_some());
            if let Some(smaller) = smaller_body {
                body = smaller;
                continue;
            }
            let smaller_case = without_one_part(&case)
                .into_iter()
                .find(|case| self.difference(&body, case).is_some());
            match smaller_case {
                Some(smaller) => case = smaller,
                None => return (body, case),
            }
        }
    }
}

/// The script without some words in a row, most words first.
fn without_some_words(body: &[u8]) -> Vec<Vec<u8>> {
    let words: Vec<&[u8]> = body
        .split_inclusive(|&byte| b" \n,;".contains(&byte))
        .collect();
    let mut shorter = Vec::new();
    for length in [32, 16, 8, 4, 3, 2, 1] {
        for start in 0..(words.len() + 1).saturating_sub(length) {
            let (head, tail) = (&words[..start], &words[start + length..]);
            shorter.push([head.concat(), tail.concat()].concat());
        }
    }
    shorter
}

/// The case with one key, argument or value less.
fn without_one_part(case: &Case) -> Vec<Case> {
    let mut smaller = Vec::new();
    let (mut fewer_keys, mut fewer_argv) = (case.clone(), case.clone());
    if fewer_keys.keys.pop().is_some() {
        smaller.push(fewer_keys);
    }
    if fewer_argv.argv.pop().is_some() {
        smaller.push(fewer_argv);
    }
    for index in 0..case.before.len() {
        let mut shorter = case.clone();
        shorter.before.remove(index);
        smaller.push(shorter);
    }
    smaller
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
