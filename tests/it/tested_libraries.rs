//! The README's table of lock libraries is what their suites found out.
//!
//! `scripts/clients` runs the libraries and keeps a line of JSON for each in `tests/clients/results`, a file for each
//! suite: `language`, `library`, `part` (a class, or nothing), `version`, and either `left_out` with the reason, or
//! `client`, `passed`, `lacks` (with reasons), `scripts` (different texts that it sent), `native` (how many of them run
//! natively) and `lua` (why the others do not). No line is written by hand.
//!
//! `UPDATE=1` rewrites the table.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;

use serde_json::Value;

use crate::support::document::{assert_in_readme, path, read};

const BEGIN: &str = "<!-- lock libraries: begin; written by `UPDATE=1 scripts/clients` -->\n";
const END: &str = "<!-- lock libraries: end -->\n";
const SHOWN_BY_ALL: usize = 6;

/// The lines of all suites, in the order of the table.
fn results() -> Vec<Value> {
    let entries = fs::read_dir(path("tests/clients/results")).expect("the results");
    let mut results: Vec<Value> = entries
        .map(|entry| entry.expect("a directory entry").path())
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "jsonl")
        })
        .map(|path| fs::read_to_string(path).expect("readable results"))
        .flat_map(|text| text.lines().map(parse).collect::<Vec<_>>())
        .collect();
    results.sort_by_key(|result| {
        ["language", "library", "version", "part"].map(|name| text(result, name).to_owned())
    });
    results
}

fn parse(line: &str) -> Value {
    serde_json::from_str(line).unwrap_or_else(|error| panic!("{line}: {error}"))
}

fn text<'a>(result: &'a Value, field: &str) -> &'a str {
    result[field]
        .as_str()
        .unwrap_or_else(|| panic!("no {field} in {result}"))
}

fn number(result: &Value, field: &str) -> u64 {
    result[field]
        .as_u64()
        .unwrap_or_else(|| panic!("no {field} in {result}"))
}

fn texts<'a>(result: &'a Value, field: &str) -> Vec<&'a str> {
    let list = result[field].as_array();
    let list = list.unwrap_or_else(|| panic!("no {field} in {result}"));
    list.iter().filter_map(Value::as_str).collect()
}

fn is_left_out(result: &&Value) -> bool {
    result["left_out"].is_string()
}

fn named(result: &Value) -> String {
    let parts = text(result, "part")
        .split(", ")
        .filter(|part| !part.is_empty());
    let parts: String = parts.fold(String::new(), |all, part| format!("{all}, `{part}`"));
    format!(
        "`{}` {}{parts}",
        text(result, "library"),
        text(result, "version")
    )
}

fn shown(result: &Value) -> String {
    let passed = texts(result, "passed");
    let lacks = result["lacks"].as_object().expect("what a library lacks");
    assert_eq!(
        passed.len() + lacks.len(),
        SHOWN_BY_ALL,
        "a test of {result} is missing"
    );
    if lacks.is_empty() {
        return "all six".to_owned();
    }
    let mut shown = passed.join(", ");
    for (what, reason) in lacks {
        let reason = reason.as_str().expect("a reason");
        write!(shown, "; no {what}: {reason}").expect("a text takes all");
    }
    shown
}

fn table(results: &[Value]) -> String {
    let mut table = String::from(
        "\n| Language | Lock library | Its client | Shown | Its scripts that run natively |\n\
         | --- | --- | --- | --- | --- |\n",
    );
    let (mut scripts, mut native) = (0, 0);
    let mut in_lua: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for result in results {
        let (language, named) = (text(result, "language"), named(result));
        if is_left_out(&result) {
            let reason = text(result, "left_out");
            writeln!(table, "| {language} | {named} | | not run: {reason} | |")
                .expect("a text takes all");
            continue;
        }
        let share = match (number(result, "native"), number(result, "scripts")) {
            (_, 0) => "it has none".to_owned(),
            (native, scripts) => format!("{native} of {scripts}"),
        };
        let client = text(result, "client").replacen(' ', "` ", 1);
        let shown = shown(result);
        writeln!(
            table,
            "| {language} | {named} | `{client} | {shown} | {share} |"
        )
        .expect("a text takes all");
        scripts += number(result, "scripts");
        native += number(result, "native");
        let mut reasons = texts(result, "lua");
        reasons.dedup();
        if !reasons.is_empty() {
            in_lua.insert(named, reasons);
        }
    }
    writeln!(table, "\n{native} of these {scripts} scripts run natively.").expect("a text");
    for (named, reasons) in in_lua {
        writeln!(
            table,
            "In Lua are those of {named}: {}.",
            reasons.join("; ")
        )
        .expect("a text");
    }
    table.push('\n');
    table
}

#[test]
fn the_table_is_what_the_suites_found_out() {
    assert_in_readme(
        BEGIN,
        END,
        &table(&results()),
        "the table is not what was found out; run UPDATE=1 cargo test --test it tested_libraries",
    );
}

#[test]
fn every_result_is_of_a_pinned_version() {
    let package: Value = serde_json::from_str(&read("tests/clients/node/package.json"))
        .expect("package.json is JSON");
    let node = package["dependencies"].as_object().expect("dependencies");
    let is_pinned_in_node = |name: &str, version: &str| {
        let alias = format!("npm:{name}@{version}");
        node.iter()
            .any(|(pin, pinned)| *pinned == *alias || (pin == name && *pinned == *version))
    };
    let requirements = ["", "-redis-5", "-libraries", "-libraries-redis-5"]
        .map(|set| read(&format!("tests/clients/python/requirements{set}.txt")))
        .concat();
    let is_pinned_in_python = |name: &str, version: &str| {
        let pin = format!("{name}=={version}");
        requirements.lines().any(|line| line == pin)
    };
    let pins = |file: &str| read(&format!("tests/clients/{file}"));
    let (cargo, go, maven) = (
        pins("rust/Cargo.toml"),
        pins("go/go.mod"),
        pins("java/pom.xml"),
    );
    let is_pinned_in_maven = |name: &str, version: &str| {
        let artifact = format!("<artifactId>{name}</artifactId>");
        let mut found = maven.split(&artifact).skip(1);
        let pin = format!("<version>{version}");
        found.any(|rest| rest.trim_start().starts_with(&pin))
    };
    let mut compared = 0;
    for result in results() {
        let (name, version) = (text(&result, "library"), text(&result, "version"));
        let is_pinned = match text(&result, "language") {
            "Node.js" => is_pinned_in_node(name, version),
            "Python" => is_pinned_in_python(name, version),
            "Rust" => cargo.contains(&format!("\n{name} = {{ version = \"={version}\"")),
            "Go" => go.contains(&format!("\t{name} v{version}\n")),
            "Java" => is_pinned_in_maven(name, version),
            _ => continue,
        };
        assert!(
            is_pinned,
            "{name} {version} is not pinned; run UPDATE=1 scripts/clients"
        );
        compared += 1;
    }
    assert!(compared >= 24, "only {compared} libraries have results");
}

#[test]
fn nine_of_ten_scripts_run_natively() {
    let results = results();
    let sum = |field: &str| -> u64 {
        let ran = results.iter().filter(|result| !is_left_out(result));
        ran.map(|result| number(result, field)).sum()
    };
    let (native, scripts) = (sum("native"), sum("scripts"));
    assert!(native * 10 >= scripts * 9, "{native} of {scripts}");
    let mut redlocks = results.iter().filter(|result| {
        text(result, "library") == "redlock" && text(result, "language") == "Node.js"
    });
    assert!(redlocks.all(|result| number(result, "native") == 3));
}
