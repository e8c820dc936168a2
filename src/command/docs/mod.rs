//! COMMAND DOCS, HELP and the README's list: what the table tells people and their tools.
//!
//! All three are drawn from the rows and nothing else, so none can fall behind. The structure of
//! COMMAND DOCS is that of Redis 7.2 and later (each argument has a `display_text`), which
//! redis-cli reads for its hints.

use std::fmt::Write;

use super::syntax::{self, Argument, Kind, Presence, Repetition, Style};
use super::table::{Keys, Row, commands};
use crate::resp::reply::Reply;

/// The name of a command and its documentation, an entry of COMMAND DOCS.
pub fn entry(row: &Row) -> (Reply, Reply) {
    let docs = &row.docs;
    let mut fields = vec![
        field("summary", docs.summary),
        field("since", docs.since.version()),
        field("group", docs.group),
        field("complexity", docs.complexity),
    ];
    if let Some(replacement) = docs.deprecated {
        let flags = vec![Reply::status("deprecated")];
        fields.push((Reply::bulk("doc_flags"), Reply::Set(flags)));
        fields.push(field("deprecated_since", replacement.since));
        fields.push(field("replaced_by", replacement.by));
    }
    let arguments = arguments(row);
    if !arguments.is_empty() {
        let mut keys = KeyNumbers::of(row);
        let trees = arguments.iter().map(|part| tree(part, &mut keys)).collect();
        fields.push((Reply::bulk("arguments"), Reply::Array(trees)));
    }
    if !row.subcommands.is_empty() {
        let entries = row.subcommands.iter().map(entry).collect();
        fields.push((Reply::bulk("subcommands"), Reply::Map(entries)));
    }
    (Reply::bulk(row.name), Reply::Map(fields))
}

/// The answer to HELP of a container: a line for each subcommand, and its summary.
pub fn help(container: &Row) -> Reply {
    let name = container.name.to_ascii_uppercase();
    let mut lines = vec![format!(
        "{name} <subcommand> [<arg> [value] [opt] ...]. Subcommands are:"
    )];
    if container.accepts(1) {
        lines.push("(no subcommand)".to_string());
        lines.push(format!("    {}", container.docs.summary));
    }
    for row in container.subcommands {
        lines.push(invocation(row, Style::Help));
        lines.push(format!("    {}", row.docs.summary));
    }
    let status = |line: String| Reply::Status(line.into_bytes().into());
    Reply::Array(lines.into_iter().map(status).collect())
}

/// The commands as Markdown, a table for each group, in the order of the groups' first commands.
pub fn markdown() -> String {
    let mut groups: Vec<&str> = Vec::new();
    for row in commands() {
        if !groups.contains(&row.docs.group) {
            groups.push(row.docs.group);
        }
    }
    let sections: Vec<String> = groups.into_iter().map(markdown_of_group).collect();
    sections.join("\n")
}

fn markdown_of_group(group: &str) -> String {
    let mut text =
        format!("### {group}\n\n| Command | What it does | Since |\n| --- | --- | --- |\n");
    for row in commands().iter().filter(|row| row.docs.group == group) {
        if !row.is_mere_container() {
            markdown_line(&mut text, row);
        }
        for subcommand in row.subcommands {
            markdown_line(&mut text, subcommand);
        }
    }
    text
}

fn markdown_line(text: &mut String, row: &Row) {
    let invocation = invocation_in_full(row).replace('|', "\\|");
    let since = row.docs.since;
    // Writing to a string cannot fail.
    let _ = writeln!(
        text,
        "| `{invocation}` | {} | {} {} |",
        row.docs.summary,
        since.server(),
        since.version()
    );
}

/// `CONFIG GET parameter [parameter ...]`
fn invocation_in_full(row: &Row) -> String {
    match row.name.split_once('|') {
        Some((container, _)) => {
            format!(
                "{} {}",
                container.to_ascii_uppercase(),
                invocation(row, Style::Manual)
            )
        }
        None => invocation(row, Style::Manual),
    }
}

/// The name without the container's and the arguments, as people read them.
fn invocation(row: &Row, style: Style) -> String {
    let name = row.short_name().to_ascii_uppercase();
    let usage = syntax::usage(&arguments(row), style);
    if usage.is_empty() {
        name
    } else {
        format!("{name} {usage}")
    }
}

/// The arguments of a row. A syntax that cannot be read is a mistake in the table, which its
/// tests rule out.
fn arguments(row: &Row) -> Vec<Argument> {
    let parsed = syntax::parse(row.docs.syntax);
    debug_assert!(
        parsed.is_ok(),
        "the syntax of {} is in the notation",
        row.name
    );
    parsed.unwrap_or_default()
}

/// Which key specification the next key argument belongs to: all to the first, or each to its own.
struct KeyNumbers {
    next: i64,
    step: i64,
}

impl KeyNumbers {
    fn of(row: &Row) -> KeyNumbers {
        let step = i64::from(matches!(row.keys, Keys::Pair { .. }));
        KeyNumbers { next: 0, step }
    }

    fn take(&mut self) -> i64 {
        let number = self.next;
        self.next += self.step;
        number
    }
}

fn tree(argument: &Argument, keys: &mut KeyNumbers) -> Reply {
    let mut fields = vec![
        field("name", &argument.name),
        field("type", argument.kind.name()),
    ];
    if argument.kind.parts().is_none() {
        fields.push(field("display_text", &argument.name));
    }
    if argument.kind == Kind::Key {
        let number = Reply::Integer(keys.take());
        fields.push((Reply::bulk("key_spec_index"), number));
    }
    if let Some(token) = argument.token {
        fields.push(field("token", token));
    }
    let flags = flags(argument);
    if !flags.is_empty() {
        let flags = flags.into_iter().map(Reply::status).collect();
        fields.push((Reply::bulk("flags"), Reply::Set(flags)));
    }
    if let Some(parts) = argument.kind.parts() {
        let trees = parts.iter().map(|part| tree(part, keys)).collect();
        fields.push((Reply::bulk("arguments"), Reply::Array(trees)));
    }
    Reply::Map(fields)
}

fn flags(argument: &Argument) -> Vec<&'static str> {
    let mut flags = Vec::new();
    if argument.presence == Presence::Optional {
        flags.push("optional");
    }
    match argument.repetition {
        Repetition::Once => {}
        Repetition::Repeated => flags.push("multiple"),
        Repetition::RepeatedWithToken => flags.extend(["multiple", "multiple_token"]),
    }
    flags
}

fn field(name: &'static str, text: &str) -> (Reply, Reply) {
    (Reply::bulk(name), Reply::bulk(text))
}

#[cfg(test)]
mod tests;
