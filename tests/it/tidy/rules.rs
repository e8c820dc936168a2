//! What one file may hold. Each rule gives its faults, one line each: where, and what is wrong.

use super::source::Source;

/// Lines that a file may have before its tests.
const LINES_MAX: usize = 400;

/// The codes of Redis's errors that the server may send, as they stand at the start of a text.
const CODES: [&str; 13] = [
    "ERR",
    "WRONGTYPE",
    "NOSCRIPT",
    "NOAUTH",
    "WRONGPASS",
    "NOPROTO",
    "DENIED",
    "BUSY",
    "NOTBUSY",
    "UNKILLABLE",
    "EXECABORT",
    "LOADING",
    "UNBLOCKED",
];

/// Words for work that is put off; in halves, so that this file has none.
const LEFTOVERS: [[&str; 2]; 4] = [["TO", "DO"], ["FIX", "ME"], ["XX", "X"], ["HA", "CK"]];

/// Files whose business is to print.
const PRINTERS: [&str; 3] = ["src/main.rs", "src/program/", "src/cli/"];

/// Paths of one person's machine, and hosts of package registries; in halves as above.
const MACHINES: [[&str; 2]; 9] = [
    ["/ho", "me/"],
    ["/ro", "ot/"],
    ["/Us", "ers/"],
    ["C:\\", "Users"],
    ["npm", "js.org"],
    ["pypi", ".org"],
    ["python", "hosted.org"],
    ["static.", "crates.io"],
    ["index.", "crates.io"],
];

fn fault(source: &Source, line: usize, what: &str) -> String {
    format!("{}:{line}: {what}", source.path)
}

/// Whether `text` has `word` with neither letter nor digit beside it; a path may go on.
fn has_word(text: &str, word: &str) -> bool {
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    text.match_indices(word).any(|(at, _)| {
        let (before, after) = (&text[..at], &text[at + word.len()..]);
        let is_path = word.ends_with("::");
        !before.ends_with(is_part) && (is_path || !after.starts_with(is_part))
    })
}

/// Lines of code that name `word` outside of `places`.
pub(super) fn strays(source: &Source, word: &str, places: &[&str]) -> Vec<String> {
    if places.iter().any(|place| source.path.starts_with(place)) {
        return Vec::new();
    }
    source
        .code()
        .filter(|(_, line)| has_word(line, word))
        .map(|(number, _)| {
            fault(
                source,
                number,
                &format!("{word} may only be named in {places:?}"),
            )
        })
        .collect()
}

/// A file with too many lines before its tests.
pub(super) fn length(source: &Source) -> Option<String> {
    let lines = source.lines().count();
    let what = format!("{lines} lines before the tests, {LINES_MAX} may be");
    (lines > LINES_MAX).then(|| fault(source, lines, &what))
}

/// A file that does not say what lives in it.
pub(super) fn heading(source: &Source) -> Option<String> {
    let has_heading = source.text.starts_with("//! ");
    (!has_heading).then(|| fault(source, 1, "begins with //! and a sentence"))
}

/// Work that is put off.
pub(super) fn leftovers(source: &Source) -> Vec<String> {
    let words = LEFTOVERS.map(|halves| halves.concat());
    let lines = (1..).zip(source.text.lines());
    lines
        .filter(|(_, line)| words.iter().any(|word| has_word(line, word)))
        .map(|(number, _)| fault(source, number, "leaves work for later"))
        .collect()
}

/// Prints by code that has no business with the terminal.
pub(super) fn prints(source: &Source) -> Vec<String> {
    if PRINTERS.iter().any(|place| source.path.starts_with(place)) {
        return Vec::new();
    }
    source
        .code()
        .filter(|(_, line)| {
            ["print", "println", "eprint", "eprintln", "dbg"]
                .iter()
                .any(|name| has_word(line, name) && line.contains(&format!("{name}!")))
        })
        .map(|(number, _)| fault(source, number, "only the program prints; use the log"))
        .collect()
}

/// Texts that begin as an error does, outside of the catalogue.
pub(super) fn error_texts(source: &Source) -> Vec<String> {
    if source.path.starts_with("src/error/") {
        return Vec::new();
    }
    let begins = |line: &str, code: &str| {
        ["\"", "\"-"]
            .iter()
            .any(|quote| line.contains(&format!("{quote}{code} ")))
    };
    source
        .code()
        .filter(|(_, line)| CODES.iter().any(|code| begins(line, code)))
        .map(|(number, _)| fault(source, number, "error texts stand in src/error"))
        .collect()
}

/// What holds on one machine only.
pub(super) fn machines(source: &Source) -> Vec<String> {
    let names = MACHINES.map(|halves| halves.concat());
    let lines = (1..).zip(source.text.lines());
    lines
        .filter(|(_, line)| names.iter().any(|name| line.contains(name)))
        .map(|(number, _)| fault(source, number, "names a machine or a registry"))
        .collect()
}

#[test]
fn a_crate_in_the_wrong_place_is_found() {
    let text =
        "use tokio::net::TcpStream;\nlet tokio = 1; // tokio::net\nlet t: std::time::Instant;\n";
    let source = Source::new("src/keyspace/mod.rs", text);
    assert_eq!(strays(&source, "tokio::", &["src/server/"]).len(), 1);
    assert_eq!(strays(&source, "Instant", &["src/clock.rs"]).len(), 1);
    let source = Source::new("src/server/mod.rs", text);
    assert!(strays(&source, "tokio::", &["src/server/"]).is_empty());
}

#[test]
fn a_file_is_long_by_its_lines_before_the_tests() {
    let tests = format!("#[cfg(test)]\nmod tests {{\n{}}}\n", "\n".repeat(LINES_MAX));
    let short = Source::new("src/a.rs", &("\n".repeat(LINES_MAX) + &tests));
    assert_eq!(length(&short), None);
    let long = Source::new("src/a.rs", &("\n".repeat(LINES_MAX + 1) + &tests));
    let expected = "src/a.rs:401: 401 lines before the tests, 400 may be";
    assert_eq!(length(&long).as_deref(), Some(expected));
}

#[test]
fn a_file_without_a_heading_is_found() {
    assert_eq!(heading(&Source::new("src/a.rs", "//! What.\n")), None);
    assert!(heading(&Source::new("src/a.rs", "use std::io;\n//! What.\n")).is_some());
}

#[test]
fn work_for_later_is_found() {
    for halves in LEFTOVERS {
        let text = format!("let a = 1;\n// {}: b\n", halves.concat());
        assert_eq!(
            leftovers(&Source::new("src/a.rs", &text)),
            ["src/a.rs:2: leaves work for later"]
        );
    }
    let escape = format!("\\u{}X", LEFTOVERS[2].concat());
    assert!(leftovers(&Source::new("src/a.rs", &escape)).is_empty());
}

#[test]
fn a_print_is_found() {
    let text = "println!(\"a\");\n// println!(\"a\")\nprintln(1);\n";
    assert_eq!(prints(&Source::new("src/a.rs", text)).len(), 1);
    assert!(prints(&Source::new("src/cli/page.rs", text)).is_empty());
    let tests = "#[cfg(test)]\nmod tests {\n    println!(\"a\");\n}\n";
    assert!(prints(&Source::new("src/a.rs", tests)).is_empty());
}

#[test]
fn an_error_text_outside_of_the_catalogue_is_found() {
    for text in ["f(\"ERR no\")", "f(b\"-NOAUTH no\\r\\n\")", "f(c\"ERR \")"] {
        assert_eq!(
            error_texts(&Source::new("src/a.rs", text)).len(),
            1,
            "{text}"
        );
        assert!(error_texts(&Source::new("src/error/command.rs", text)).is_empty());
    }
    assert!(error_texts(&Source::new("src/a.rs", "f(\"ERROR no\") // \"ERR no\"")).is_empty());
}

#[test]
fn a_machine_is_found() {
    for halves in MACHINES {
        let text = format!("a\n{}\n", halves.concat());
        let expected = ["README.md:2: names a machine or a registry"];
        assert_eq!(machines(&Source::new("README.md", &text)), expected);
    }
}
