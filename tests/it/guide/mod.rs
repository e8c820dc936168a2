//! The guide for users of Redlock shows code that runs: each of its examples is the marked part of
//! a file that a suite of client libraries, or this one, runs.
//!
//! `UPDATE=1` takes the code over from the files.

mod redlock;

use std::fs;
use std::path::Path;

const GUIDE: &str = "docs/testing-redlock.md";

/// What marks an example in the guide: `<!-- FILE: NAME -->`, then the code between fences.
const MARK: &str = "<!-- tests/";

/// The pinned names of packages that the suites use, and what users call them.
const ALIASES: [(&str, &str); 2] = [("ioredis-6", "ioredis"), ("redlock-5", "redlock")];

fn read(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// The lines between the mark `guide: NAME` and the next `guide: end`, without a common margin.
fn example(file: &str, name: &str) -> String {
    let text = read(file);
    let is_mark = |line: &str, name: &str| {
        let line = line.trim_start();
        ["// ", "# "]
            .iter()
            .any(|comment| line == format!("{comment}guide: {name}"))
    };
    let mut lines = text.lines().skip_while(|line| !is_mark(line, name));
    let begin = lines.next();
    let begin = begin.unwrap_or_else(|| panic!("{file} has no part called {name}"));
    let margin = begin.len() - begin.trim_start().len();
    let lines: Vec<&str> = lines.take_while(|line| !is_mark(line, "end")).collect();
    let mut code = String::new();
    for line in lines {
        code += line.get(margin..).unwrap_or_default();
        code.push('\n');
    }
    ALIASES.iter().fold(code, |code, (pinned, name)| {
        code.replace(&format!("'{pinned}'"), &format!("'{name}'"))
    })
}

/// The guide as it should be, and how many examples it has.
fn expected(guide: &str) -> (String, usize) {
    let mut expected = String::new();
    let mut examples = 0;
    let mut lines = guide.lines();
    while let Some(line) = lines.next() {
        expected += &format!("{line}\n");
        let Some(place) = line.strip_prefix(MARK) else {
            continue;
        };
        let place = place.strip_suffix(" -->").expect("a mark ends with -->");
        let (file, name) = place.split_once(": ").expect("a mark is FILE: NAME");
        let fence = lines.next().unwrap_or_default();
        assert!(fence.starts_with("```"), "code follows {line}");
        expected += &format!("{fence}\n{}```\n", example(&format!("tests/{file}"), name));
        assert!(lines.any(|line| line == "```"), "the code of {name} ends");
        examples += 1;
    }
    (expected, examples)
}

#[test]
fn every_example_of_the_guide_is_run_by_a_suite() {
    let guide = read(GUIDE);
    let (expected, examples) = expected(&guide);
    assert_eq!(examples, 15, "four faults and a setup for three languages");
    assert_eq!(
        guide.matches("\n```\n").count(),
        examples + 1,
        "no other code but the shell's"
    );
    if expected == guide {
        return;
    }
    let is_update = std::env::var("UPDATE").is_ok_and(|value| value == "1");
    assert!(
        is_update,
        "{GUIDE} is not what the suites run; UPDATE=1 cargo test --test it guide"
    );
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(GUIDE);
    fs::write(path, expected).expect("a writable guide");
}
