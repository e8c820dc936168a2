//! The README says what is so: its list of commands is the table's, its limits are the settings'
//! defaults, the figures that need no clock are counted again, and the libraries it names are those
//! that are tested.
//!
//! `UPDATE=1` rewrites the list of commands. What else is wrong is for a person to correct.

use std::fs;

use quintlock::command::docs;
use quintlock::config::setting::{self, Preset};
use quintlock::script::native::Program;

use crate::support::document::{assert_in_readme, path, read, split};

const LIST_BEGINS: &str =
    "<!-- commands: begin; written by `UPDATE=1 cargo test --test it readme` -->\n";
const LIST_ENDS: &str = "<!-- commands: end -->\n";

#[test]
fn the_list_of_commands_is_that_of_the_table() {
    assert_in_readme(
        LIST_BEGINS,
        LIST_ENDS,
        &format!("\n{}\n", docs::markdown()),
        "the list is not the table's; run UPDATE=1 cargo test --test it readme",
    );
}

#[test]
fn the_limits_are_the_defaults_of_their_settings() {
    let readme = read("README.md");
    let (_, limits, _) = split(&readme, "### Limits\n", "\n## ");
    let mut compared = 0;
    for line in limits.lines().filter(|line| line.starts_with("| `")) {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let (name, shown) = (cells[1].trim_matches('`'), cells[2]);
        let setting = setting::all()
            .find(|setting| setting.name == name)
            .unwrap_or_else(|| panic!("no setting is called {name}"));
        let Preset::Words(default) = setting.default else {
            panic!("{name} has no fixed default");
        };
        assert_eq!(shown, default, "the default of {name}");
        compared += 1;
    }
    assert!(compared >= 10, "only {compared} limits are named");
}

#[test]
fn so_many_lock_scripts_run_natively() {
    let entries = fs::read_dir(path("tests/scripts/locks")).expect("the lock scripts");
    let scripts: Vec<Vec<u8>> = entries
        .map(|entry| entry.expect("a directory entry").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "lua"))
        .map(|path| fs::read(path).expect("a readable script"))
        .collect();
    let native = scripts
        .iter()
        .filter(|body| Program::compile(body).is_ok())
        .count();
    let said = format!("{native} of {} run natively", scripts.len());
    assert!(
        read("README.md").contains(&said),
        "README.md does not say that {said}"
    );
}

#[test]
fn every_tested_library_is_named_with_its_version() {
    let readme = read("README.md");
    let (_, tested, _) = split(&readme, "## Client libraries tested\n", "\n## ");
    let package = read("tests/clients/node/package.json");
    let node = package
        .lines()
        .filter_map(|line| line.split_once("\"npm:")?.1.split('"').next())
        .filter_map(|pinned| pinned.split_once('@'));
    let requirements = [
        read("tests/clients/python/requirements.txt"),
        read("tests/clients/python/requirements-redis-5.txt"),
    ]
    .concat();
    let python = requirements
        .lines()
        .filter_map(|line| line.split_once("=="))
        .filter(|(name, _)| name.starts_with("redis") || name.starts_with("redlock"));
    let lock = read("Cargo.lock");
    let (_, rust_client, _) = split(&lock, "name = \"redis\"\nversion = \"", "\"\n");
    let rust = [("redis", rust_client)];
    let mut named = 0;
    for (name, version) in node.chain(python).chain(rust) {
        let row = tested.lines().find(|line| {
            line.split_once(&format!("`{name}` "))
                .is_some_and(|(_, versions)| versions.contains(version))
        });
        assert!(
            row.is_some(),
            "README.md does not name `{name}` with {version}"
        );
        named += 1;
    }
    assert!(named >= 11, "only {named} libraries are pinned");
}

#[test]
fn the_minimum_rust_version_is_that_of_the_manifest() {
    let manifest = read("Cargo.toml");
    let version = manifest
        .lines()
        .find_map(|line| line.strip_prefix("rust-version = \""))
        .and_then(|rest| rest.split('"').next())
        .expect("a minimum Rust version in Cargo.toml");
    assert!(
        read("README.md").contains(&format!("Rust {version} or later")),
        "README.md does not name Rust {version}"
    );
}
