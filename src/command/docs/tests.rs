//! COMMAND DOCS against what Redis 7.0.15 answered, recorded in `tests/data`.

use super::super::table::{all, find, find_path};
use super::*;

const RECORDED: &str = include_str!("../../../tests/data/command-docs-7.0.15.txt");

/// Where our arguments are not those of Redis 7.0.15: the younger options of SET, and names and
/// groupings as Redis 7.2 and 8 have them.
const DIFFERENT: &[(&str, &str)] = &[
    (
        "set",
        "key:key#0 value:string condition:oneof(optional){nx:pure-token=NX xx:pure-token=XX \
         ifeq-value:string=IFEQ ifne-value:string=IFNE ifdeq-digest:string=IFDEQ \
         ifdne-digest:string=IFDNE} get:pure-token=GET(optional) expiration:oneof(optional){\
         seconds:integer=EX milliseconds:integer=PX unix-time-seconds:unix-time=EXAT \
         unix-time-milliseconds:unix-time=PXAT keepttl:pure-token=KEEPTTL}",
    ),
    ("mset", "data:block(multiple){key:key#0 value:string}"),
    ("msetnx", "data:block(multiple){key:key#0 value:string}"),
    (
        "script|flush",
        "flush-type:oneof(optional){async:pure-token=ASYNC sync:pure-token=SYNC}",
    ),
    (
        "flushdb",
        "flush-type:oneof(optional){async:pure-token=ASYNC sync:pure-token=SYNC}",
    ),
    (
        "flushall",
        "flush-type:oneof(optional){async:pure-token=ASYNC sync:pure-token=SYNC}",
    ),
    (
        "hello",
        "arguments:block(optional){protover:integer auth:block=AUTH(optional){username:string \
         password:string} clientname:string=SETNAME(optional)}",
    ),
    (
        "client|kill",
        "filter:oneof(multiple){ip-port:string client-id:integer=ID \
         client-type:oneof=TYPE{normal:pure-token=NORMAL master:pure-token=MASTER \
         slave:pure-token=SLAVE replica:pure-token=REPLICA pubsub:pure-token=PUBSUB} \
         username:string=USER addr:string=ADDR laddr:string=LADDR \
         skipme:oneof=SKIPME{yes:pure-token=YES no:pure-token=NO} maxage:integer=MAXAGE}",
    ),
    (
        "client|list",
        "client-type:oneof=TYPE(optional){normal:pure-token=NORMAL master:pure-token=MASTER \
         replica:pure-token=REPLICA pubsub:pure-token=PUBSUB} \
         client-id:integer=ID(optional multiple)",
    ),
    (
        "client|reply",
        "on-off-skip:oneof{on:pure-token=ON off:pure-token=OFF skip:pure-token=SKIP}",
    ),
    (
        "client|unblock",
        "client-id:integer unblock-type:oneof(optional){timeout:pure-token=TIMEOUT \
         error:pure-token=ERROR}",
    ),
    (
        "command|getkeys",
        "command:string arg:string(optional multiple)",
    ),
    (
        "command|getkeysandflags",
        "command:string arg:string(optional multiple)",
    ),
    ("config|get", "parameter:string(multiple)"),
    (
        "config|set",
        "data:block(multiple){parameter:string value:string}",
    ),
    ("psubscribe", "pattern:pattern(multiple)"),
    (
        "shutdown",
        "save-selector:oneof(optional){nosave:pure-token=NOSAVE save:pure-token=SAVE} \
         now:pure-token=NOW(optional) force:pure-token=FORCE(optional) \
         abort:pure-token=ABORT(optional)",
    ),
    (
        "lcs",
        "key1:key#0 key2:key#0 len:pure-token=LEN(optional) idx:pure-token=IDX(optional) \
         min-match-len:integer=MINMATCHLEN(optional) withmatchlen:pure-token=WITHMATCHLEN(optional)",
    ),
    ("debug", "subcommand:string arg:string(optional multiple)"),
    ("replicaof", "host:string port:integer"),
    ("slaveof", "host:string port:integer"),
];

fn text(reply: &Reply) -> String {
    match reply {
        Reply::Bulk(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        Reply::Status(line) => String::from_utf8_lossy(line).into_owned(),
        Reply::Integer(number) => number.to_string(),
        other => panic!("{other:?} is no text"),
    }
}

fn value<'a>(map: &'a Reply, name: &str) -> Option<&'a Reply> {
    let Reply::Map(pairs) = map else {
        panic!("{map:?} is not a map")
    };
    pairs
        .iter()
        .find(|(key, _)| text(key) == name)
        .map(|(_, value)| value)
}

/// The arguments in the words of the record, `display_text` aside.
fn trees(map: &Reply) -> String {
    let Some(Reply::Array(arguments)) = value(map, "arguments") else {
        return String::new();
    };
    let shown: Vec<String> = arguments.iter().map(tree_text).collect();
    shown.join(" ")
}

fn tree_text(argument: &Reply) -> String {
    let field = |name: &str, mark: &str| {
        value(argument, name).map_or(String::new(), |value| format!("{mark}{}", text(value)))
    };
    let flags = match value(argument, "flags") {
        Some(Reply::Set(flags)) => {
            format!("({})", flags.iter().map(text).collect::<Vec<_>>().join(" "))
        }
        _ => String::new(),
    };
    let parts = trees(argument);
    let parts = if parts.is_empty() {
        parts
    } else {
        format!("{{{parts}}}")
    };
    let index = field("key_spec_index", "#");
    format!(
        "{}{}{index}{}{flags}{parts}",
        field("name", ""),
        field("type", ":"),
        field("token", "=")
    )
}

#[test]
fn arguments_since_and_group_are_those_of_redis() {
    let mut different = Vec::new();
    for line in RECORDED.lines().filter(|line| !line.starts_with('#')) {
        let fields: Vec<&str> = line.splitn(4, ';').map(str::trim).collect();
        let [name, since, group, arguments] = fields[..] else {
            panic!("{line} has four fields")
        };
        let Some(row) = find_path(name.as_bytes()) else {
            continue;
        };
        let (_, docs) = entry(row);
        assert_eq!(
            value(&docs, "since").map(text).as_deref(),
            Some(since),
            "{name}"
        );
        assert_eq!(
            value(&docs, "group").map(text).as_deref(),
            Some(group),
            "{name}"
        );
        let ours = trees(&docs);
        if ours != arguments {
            different.push((name, ours));
        }
    }
    let different: Vec<(&str, &str)> = different
        .iter()
        .map(|(name, ours)| (*name, ours.as_str()))
        .collect();
    assert_eq!(different, DIFFERENT);
}

#[test]
fn values_have_a_display_text_and_groups_have_none() {
    let (_, docs) = entry(find(b"set").expect("SET is there"));
    let Some(Reply::Array(arguments)) = value(&docs, "arguments") else {
        panic!("SET has arguments")
    };
    let display_texts: Vec<Option<String>> = arguments
        .iter()
        .map(|argument| value(argument, "display_text").map(text))
        .collect();
    let expected = [Some("key"), Some("value"), None, Some("get"), None];
    assert_eq!(display_texts, expected.map(|text| text.map(str::to_string)));
}

#[test]
fn a_deprecated_command_names_its_replacement() {
    let (_, docs) = entry(find(b"getset").expect("GETSET is there"));
    assert_eq!(
        value(&docs, "doc_flags"),
        Some(&Reply::Set(vec![Reply::status("deprecated")]))
    );
    assert_eq!(
        value(&docs, "deprecated_since").map(text).as_deref(),
        Some("6.2.0")
    );
    let replaced_by = value(&docs, "replaced_by").map(text);
    assert_eq!(
        replaced_by.as_deref(),
        Some("`SET` with the `GET` argument")
    );
}

#[test]
fn help_has_two_lines_for_each_subcommand() {
    let Reply::Array(lines) = help(find(b"config").expect("CONFIG is there")) else {
        panic!("HELP answers an array")
    };
    let lines: Vec<String> = lines.iter().map(text).collect();
    assert_eq!(
        lines,
        [
            "CONFIG <subcommand> [<arg> [value] [opt] ...]. Subcommands are:",
            "GET <parameter> [<parameter> ...]",
            "    Returns the settings that match the patterns.",
            "SET <parameter> <value> [<parameter> <value> ...]",
            "    Changes settings, all of them or none.",
            "RESETSTAT",
            "    Sets the counters of INFO to zero.",
            "REWRITE",
            "    Puts the present settings into the configuration file.",
            "HELP",
            "    Lists the subcommands, each with a sentence.",
        ]
    );
    let Reply::Array(lines) = help(find(b"command").expect("COMMAND is there")) else {
        panic!("HELP answers an array")
    };
    assert_eq!(text(&lines[1]), "(no subcommand)");
}

#[test]
fn the_markdown_list_has_a_line_for_each_command() {
    let markdown = markdown();
    for row in all() {
        let name = row.name.replace('|', " ").to_ascii_uppercase();
        let lines = markdown
            .lines()
            .filter(|line| {
                line.strip_prefix("| `")
                    .and_then(|line| line.strip_prefix(name.as_str()))
                    .is_some_and(|rest| {
                        rest.starts_with(['`', ' ']) && line.contains(row.docs.summary)
                    })
            })
            .count();
        assert_eq!(lines, usize::from(!row.is_mere_container()), "{name}");
    }
    let line = "| `GETEX key [EX seconds \\| PX milliseconds \\| EXAT unix-time-seconds \\| PXAT \
                unix-time-milliseconds \\| PERSIST]` | Returns the string at a key and sets or \
                lifts its expiry. | Redis 6.2.0 |";
    assert!(
        markdown.lines().any(|candidate| candidate == line),
        "{markdown}"
    );
    assert!(
        markdown.starts_with("### string\n\n| Command |"),
        "{markdown}"
    );
}
