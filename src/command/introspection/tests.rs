//! COMMAND against what Redis 7.0.15, and 8.2.3 where that differs, answered; recorded in `tests/data`.

use std::collections::{BTreeMap, BTreeSet};

use super::super::table::all;
use super::*;

const RECORDED: &str = include_str!("../../../tests/data/command-info-7.0.15.txt");

/// What is another answer since Redis 7.2, or younger.
const RECORDED_LATER: &str = include_str!("../../../tests/data/command-info-8.2.3.txt");

/// Commands that are younger than Redis 8.2.3, or ours. CLUSTER has no subcommands here.
const YOUNGER: &[&str] = &[
    "cluster",
    "delex",
    "digest",
    "lock",
    "lock|help",
    "lock|info",
    "lock|list",
    "lock|top",
    "msetex",
    "script|explain",
];

/// The text of a bulk string, a status or a number, and all of an aggregate's with blanks.
fn text(reply: &Reply) -> String {
    let joined = |replies: &[Reply]| replies.iter().map(text).collect::<Vec<_>>().join(" ");
    match reply {
        Reply::Bulk(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        Reply::Status(line) => String::from_utf8_lossy(line).into_owned(),
        Reply::Integer(number) => number.to_string(),
        Reply::Array(replies) | Reply::Set(replies) => joined(replies),
        other => panic!("{other:?} has no place in COMMAND INFO"),
    }
}

fn entries(reply: &Reply) -> BTreeMap<String, &Reply> {
    match reply {
        Reply::Map(pairs) => pairs
            .iter()
            .map(|(name, value)| (text(name), value))
            .collect(),
        other => panic!("{other:?} is not a map"),
    }
}

/// A method to find keys and its numbers: `range lastkey 0 keystep 1 limit 0`.
fn method_text(reply: &Reply) -> String {
    let Reply::Map(numbers) = entries(reply)["spec"] else {
        panic!("a spec is a map")
    };
    let numbers = numbers
        .iter()
        .map(|(name, value)| format!(" {} {}", text(name), text(value)));
    format!(
        "{}{}",
        text(entries(reply)["type"]),
        numbers.collect::<String>()
    )
}

/// One line of the record.
fn record_line(reply: &Reply) -> String {
    let Reply::Array(fields) = reply else {
        panic!("{reply:?} is not an array")
    };
    let [
        name,
        arity,
        flags,
        first,
        last,
        step,
        categories,
        tips,
        keys,
        _subcommands,
    ] = &fields[..]
    else {
        panic!("COMMAND INFO has ten fields")
    };
    let Reply::Set(specifications) = keys else {
        panic!("key specifications are a set")
    };
    let specification_texts: Vec<String> = specifications
        .iter()
        .map(|specification| {
            let entries = entries(specification);
            let parts = [
                text(entries["flags"]),
                method_text(entries["begin_search"]),
                method_text(entries["find_keys"]),
            ];
            let notes = entries
                .get("notes")
                .map_or(String::new(), |notes| format!(" / {}", text(notes)));
            parts.join(" / ") + &notes
        })
        .collect();
    let specification = specification_texts.join(" | ");
    let range = [first, last, step].map(text).join(" ");
    let fields = [
        text(name),
        text(arity),
        text(flags),
        range,
        text(categories),
        text(tips),
        specification,
    ];
    fields.join("; ").trim_end().to_string()
}

#[test]
fn info_is_that_of_redis() {
    let lines = RECORDED.lines().chain(RECORDED_LATER.lines());
    let recorded: BTreeMap<&str, &str> = lines
        .filter(|line| !line.starts_with('#'))
        .map(|line| {
            let (name, _) = line.split_once(';').expect("a line begins with a name");
            (name, line)
        })
        .collect();
    for (name, line) in &recorded {
        let row = find_path(name.as_bytes()).unwrap_or_else(|| panic!("{name} is missing"));
        assert_eq!(record_line(&details(row)), *line);
    }
    let others: BTreeSet<&str> = all()
        .map(|row| row.name)
        .filter(|name| !recorded.contains_key(name))
        .collect();
    assert_eq!(others, YOUNGER.iter().copied().collect());
}

fn request(words: &str) -> Vec<&[u8]> {
    words.split(' ').map(str::as_bytes).collect()
}

fn starts_with(pattern: &[u8], text: &[u8]) -> bool {
    pattern
        .strip_suffix(b"*")
        .map_or(pattern == text, |head| text.starts_with(head))
}

fn listed(words: &str) -> Result<String, CommandError> {
    list(&request(words), starts_with).map(|reply| text(&reply))
}

#[test]
fn info_answers_null_for_names_that_are_no_command() {
    let Reply::Array(found) = info(&request("COMMAND INFO nope GET CONFIG|get get|x")) else {
        panic!("COMMAND INFO answers an array")
    };
    let row = |name: &[u8]| details(find_path(name).expect("the row is there"));
    assert_eq!(
        found,
        [Reply::Null, row(b"get"), row(b"config|get"), Reply::Null]
    );
    assert_eq!(info(&request("COMMAND INFO")), command());
    let Reply::Array(all) = command() else {
        panic!("COMMAND answers an array")
    };
    assert_eq!(count(), Reply::from(all.len()));
}

#[test]
fn subcommands_stand_inside_their_container() {
    let Reply::Array(fields) = details(find(b"config").expect("CONFIG is there")) else {
        panic!("COMMAND INFO has fields")
    };
    let Reply::Set(subcommands) = &fields[9] else {
        panic!("subcommands are a set")
    };
    let names: Vec<String> = subcommands.iter().map(record_line).collect();
    assert_eq!(names.len(), 5);
    assert!(
        names[0].starts_with("config|get; -3; admin noscript loading stale;"),
        "{}",
        names[0]
    );
}

#[test]
fn list_is_filtered_by_category_pattern_and_module() {
    let scripting = "eval evalsha eval_ro evalsha_ro script|load script|exists script|flush \
                     script|kill script|debug script|explain script|help";
    assert_eq!(
        listed("COMMAND LIST FILTERBY ACLCAT scripting").as_deref(),
        Ok(scripting)
    );
    assert_eq!(
        listed("COMMAND LIST filterby aclcat SCRIPTING").as_deref(),
        Ok(scripting)
    );
    assert_eq!(
        listed("COMMAND LIST FILTERBY ACLCAT @scripting").as_deref(),
        Ok("")
    );
    assert_eq!(
        listed("COMMAND LIST FILTERBY PATTERN set*").as_deref(),
        Ok("set setnx setex setrange")
    );
    assert_eq!(
        listed("COMMAND LIST FILTERBY PATTERN config|g*").as_deref(),
        Ok("config|get")
    );
    assert_eq!(listed("COMMAND LIST FILTERBY MODULE m").as_deref(), Ok(""));
    let everything = listed("COMMAND LIST").expect("no filter is no error");
    assert_eq!(everything.split(' ').count(), all().count());
}

#[test]
fn list_refuses_what_is_no_filter() {
    for words in [
        "COMMAND LIST x",
        "COMMAND LIST FILTERBY",
        "COMMAND LIST FILTERBY PATTERN",
        "COMMAND LIST FILTERBY x y",
        "COMMAND LIST by PATTERN y",
        "COMMAND LIST FILTERBY PATTERN a b",
    ] {
        assert_eq!(listed(words), Err(CommandError::Syntax), "{words}");
    }
}

#[test]
fn getkeysandflags_tells_what_is_done_with_each_key() {
    for (words, expected) in [
        ("rename a b", "a RW access delete b OW update"),
        ("mset a 1 b 2", "a OW update b OW update"),
        ("msetex 2 a 1 b 2 nx", "a OW update b OW update"),
        ("set a 1", "a OW update"),
        ("set a 1 get", "a RW access update"),
        ("object encoding a", "a RO"),
    ] {
        let words = format!("COMMAND GETKEYSANDFLAGS {words}");
        let answer = keys_and_flags_of_request(&request(&words));
        assert_eq!(answer.map(|keys| text(&keys)).as_deref(), Ok(expected));
    }
    let keyless = keys_and_flags_of_request(&request("COMMAND GETKEYSANDFLAGS ping a"));
    assert_eq!(keyless, Err(CommandError::KeysOfKeyless));
}

#[test]
fn getkeys_answers_as_redis() {
    let invalid = "ERR Invalid command specified";
    let no_keys = "ERR The command has no key arguments";
    let arity = "ERR Invalid number of arguments specified for command";
    for (words, expected) in [
        ("foo x", Err(invalid)),
        ("config nope x", Err(invalid)),
        ("config|get x", Err(invalid)),
        ("ping a", Err(no_keys)),
        ("config get", Err(no_keys)),
        ("ssubscribe a", Err(no_keys)),
        ("sunsubscribe a", Err(no_keys)),
        ("spublish a b", Err(no_keys)),
        ("multi a b", Err(no_keys)),
        ("get a b", Err(arity)),
        ("eval s", Err(arity)),
        ("SET a b", Ok("a")),
        ("mset a b c", Ok("a c")),
        ("mget a b c", Ok("a b c")),
        ("watch a b", Ok("a b")),
        ("eval s 0", Ok("")),
        ("eval s 1 a b", Ok("a")),
        ("eval s 2 a", Ok("")),
        ("eval s -1 a", Ok("")),
        ("eval s 1x a", Ok("a")),
    ] {
        let words = format!("COMMAND GETKEYS {words}");
        let answer = keys_of_request(&request(&words)).map(|keys| text(&keys));
        let answer = answer.map_err(|error| error.to_string());
        assert_eq!(
            answer.as_deref().map_err(String::as_str),
            expected,
            "{words}"
        );
    }
}
