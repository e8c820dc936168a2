//! The lock scripts of `tests/scripts/locks`, and the tests that run each of them.

use std::fmt::Write as _;
use std::path::PathBuf;

use super::real::RealServer;
use super::{Case, Memory, NOW_UNIX_MS, Observed, Seed, Timing, case_count, run_native};
use crate::real_redis::is_update;
use crate::script::native::Program;

/// A script and the name of its file.
pub(crate) struct Script {
    pub(crate) name: String,
    pub(crate) body: Vec<u8>,
}

fn directory() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/scripts")
}

/// Every script of the corpus, in the order of their names.
pub(crate) fn corpus() -> Vec<Script> {
    let mut scripts: Vec<Script> = std::fs::read_dir(directory().join("locks"))
        .expect("the corpus is there")
        .map(|entry| {
            let path = entry.expect("the corpus can be listed").path();
            let name = path
                .file_stem()
                .map(|name| name.to_string_lossy().into_owned());
            let body = std::fs::read(&path).expect("a script can be read");
            Script {
                name: name.unwrap_or_default(),
                body,
            }
        })
        .collect();
    scripts.sort_by(|a, b| a.name.cmp(&b.name));
    scripts
}

/// The scripts that run natively.
pub(crate) fn native_corpus() -> Vec<(Script, Program)> {
    corpus()
        .into_iter()
        .filter_map(|script| {
            let program = Program::compile(&script.body).ok()?;
            Some((script, program))
        })
        .collect()
}

/// Cases for a script: the same ones wherever they are drawn.
pub(crate) fn cases(script: &Script, count: usize, salt: u64) -> Vec<Case> {
    let name = script
        .name
        .bytes()
        .fold(salt, |sum, byte| sum.wrapping_mul(31) + u64::from(byte));
    let mut seed = Seed(name);
    (0..count)
        .map(|_| Case::draw(&script.body, &mut seed))
        .collect()
}

/// How many cases of each script are recorded.
const RECORDED: usize = 16;

fn record_path() -> PathBuf {
    directory().join("native-cases.txt")
}

/// What is written down of one script: a line a case.
fn record(script: &Script, mut run: impl FnMut(&Case) -> Observed) -> String {
    let mut text = format!("# {}\n", script.name);
    for case in cases(script, RECORDED, 0) {
        let line = run(&case).line(Timing::of(&script.body));
        writeln!(text, "{line}").expect("writing into memory");
    }
    text
}

#[test]
fn the_corpus_is_native_but_for_known_scripts() {
    let refused: Vec<String> = corpus()
        .iter()
        .filter_map(|script| {
            let refusal = Program::compile(&script.body).err()?;
            Some(format!("{}: {refusal}", script.name))
        })
        .collect();
    assert_eq!(
        refused,
        [
            "c1-alias: line 3: a function is used without calling it",
            "c1-local-function: line 2: 'function' is not in the native subset here",
            "c1-undeclared: line 2: a key of 'get' is not taken from KEYS",
            "c1-while: line 3: 'while' is not in the native subset here",
            "c2m-extend: line 3: a loop must run between literals, #KEYS and #ARGV",
            "c4-bsm: line 4: '[' is not in the native subset here",
            "c4-select-later: line 3: SELECT must be a script's first statement, with a plain argument",
            "c6-computed: line 3: a command's name must be a string literal",
            "c6-format: line 4: 'string' is not in the native subset",
            "c6l-signal: line 4: the command 'lpush' is not in the native subset",
        ]
    );
    assert!(corpus().len() >= 60 + refused.len());
}

#[test]
fn native_scripts_answer_as_the_recorded_server_did() {
    let mut server = RealServer::from_environment();
    let scripts = native_corpus();
    if let Some(server) = &mut server
        && is_update()
    {
        let text: String = scripts
            .iter()
            .map(|(script, _)| record(script, |case| server.run(&script.body, case).0))
            .collect();
        std::fs::write(record_path(), text).expect("the record can be written");
    }
    let recorded = std::fs::read_to_string(record_path()).expect("the record is there");
    let observed: String = scripts
        .iter()
        .map(|(script, program)| {
            record(script, |case| {
                run_native(program, case, &script.body, NOW_UNIX_MS)
            })
        })
        .collect();
    for (index, (recorded, observed)) in recorded.lines().zip(observed.lines()).enumerate() {
        assert_eq!(recorded, observed, "line {} of the record", index + 1);
    }
    assert_eq!(recorded.lines().count(), observed.lines().count());
}

#[test]
fn native_scripts_agree_with_a_real_server() {
    let Some(mut server) = RealServer::from_environment() else {
        return;
    };
    let corpus = native_corpus();
    let each = case_count(3_000).div_ceil(corpus.len());
    let mut compared = 0;
    for (script, program) in corpus {
        for case in cases(&script, each, 1) {
            let (real, now) = server.run(&script.body, &case);
            let native = run_native(&program, &case, &script.body, now);
            assert!(
                native.agrees_with(&real, Timing::of(&script.body)),
                "{}\n{case:?}\nreal   {real:?}\nnative {native:?}",
                script.name
            );
            compared += 1;
        }
    }
    eprintln!("{compared} cases agree");
}

#[test]
fn a_run_is_repeatable() {
    for (script, program) in native_corpus() {
        for case in cases(&script, 50, 2) {
            let [first, second] =
                [(); 2].map(|()| run_native(&program, &case, &script.body, NOW_UNIX_MS));
            assert_eq!(
                first.line(Timing::Exact),
                second.line(Timing::Exact),
                "{}",
                script.name
            );
        }
    }
}

#[test]
fn a_case_loads_what_it_names() {
    for case in cases(&corpus()[0], 20, 3) {
        let held: Vec<_> = case.before.iter().map(|(_, held)| held.clone()).collect();
        assert_eq!(Memory::load(&case, NOW_UNIX_MS).dump(), held);
    }
}
