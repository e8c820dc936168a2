//! The house rules that a compiler does not know, checked on the sources themselves.
//!
//! [`imports`] has the directions in which modules may name each other, [`rules`] what a single
//! file may hold. Each rule is a plain function from a text to its faults, and is shown to find
//! one in a made-up text; the tests here run them over the repository.

mod imports;
mod rules;
mod source;

use std::collections::BTreeSet;

use imports::{ARROWS, Arrow, CRATES, PAST_SEAMS};
use source::{Source, rust_files, text_files};

fn assert_none(faults: &[String]) {
    assert!(faults.is_empty(), "\n{}\n", faults.join("\n"));
}

#[test]
fn modules_name_only_what_lies_below_them() {
    let mut faults = Vec::new();
    let mut used: BTreeSet<(&str, &str)> = BTreeSet::new();
    for source in rust_files("src") {
        for arrow in imports::arrows_of(&source) {
            match imports::allowance(&arrow) {
                Some(allowance) => {
                    used.insert(allowance);
                }
                None => faults.push(arrow.to_string()),
            }
        }
    }
    for (from, targets) in ARROWS {
        for to in targets.iter().filter(|to| !used.contains(&(from, to))) {
            faults.push(format!(
                "{from} -> {to} is allowed and not used; take it out"
            ));
        }
    }
    assert_none(&faults);
}

#[test]
fn a_crate_is_named_only_where_it_belongs() {
    let sources = rust_files("src");
    let mut faults: Vec<String> = Vec::new();
    for (name, places) in CRATES {
        for source in &sources {
            faults.extend(rules::strays(source, name, places));
        }
    }
    assert_none(&faults);
}

#[test]
fn durability_reaches_disks_and_threads_by_their_seams() {
    let sources = rust_files("src");
    let room = sources
        .iter()
        .filter(|source| source.path.starts_with("src/durability/") && !source.is_test);
    let room: Vec<&Source> = room.collect();
    let mut faults = Vec::new();
    for name in PAST_SEAMS {
        for source in &room {
            faults.extend(rules::strays(source, name, &["src/durability/disk.rs"]));
        }
    }
    assert_none(&faults);
}

#[test]
fn no_file_is_long() {
    let sources = rust_files("src");
    let ours = sources.iter().filter(|source| !source.is_test);
    assert_none(&ours.filter_map(rules::length).collect::<Vec<_>>());
}

#[test]
fn every_file_says_what_lives_in_it() {
    let sources = [rust_files("src"), rust_files("tests")].concat();
    assert_none(
        &sources
            .iter()
            .filter_map(rules::heading)
            .collect::<Vec<_>>(),
    );
}

#[test]
fn nothing_is_left_to_do() {
    let texts = text_files();
    assert_none(&texts.iter().flat_map(rules::leftovers).collect::<Vec<_>>());
}

#[test]
fn only_the_program_prints() {
    let sources = rust_files("src");
    assert_none(&sources.iter().flat_map(rules::prints).collect::<Vec<_>>());
}

#[test]
fn error_texts_stand_in_one_place() {
    let sources = rust_files("src");
    assert_none(
        &sources
            .iter()
            .flat_map(rules::error_texts)
            .collect::<Vec<_>>(),
    );
}

#[test]
fn no_file_names_a_machine() {
    let texts = text_files();
    assert!(texts.len() > 100, "only {} files found", texts.len());
    assert_none(&texts.iter().flat_map(rules::machines).collect::<Vec<_>>());
}

#[test]
fn an_arrow_upwards_is_found() {
    let source = Source::new(
        "src/keyspace/shard.rs",
        "//! Doc of [`crate::server`].\nuse crate::clock::BootTime;\nuse crate::command::{args, table};\n\
         fn f() { let text = \"//\"; crate::server::start(); } // crate::config\n\
         #[cfg(test)]\nmod tests {\n    use crate::pubsub::PubSub;\n}\n",
    );
    let arrows: Vec<String> = imports::arrows_of(&source)
        .iter()
        .filter(|arrow| imports::allowance(arrow).is_none())
        .map(Arrow::to_string)
        .collect();
    assert_eq!(
        arrows,
        [
            "src/keyspace/shard.rs:3: keyspace must not name command::args",
            "src/keyspace/shard.rs:3: keyspace must not name command::table",
            "src/keyspace/shard.rs:4: keyspace must not name server::start",
        ]
    );
}
