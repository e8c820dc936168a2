//! What must hold for every row.

use std::collections::HashSet;

use super::*;
use crate::command::syntax;

#[test]
fn names_are_unique_and_lower_case() {
    let mut seen = HashSet::new();
    for row in all() {
        assert!(seen.insert(row.name), "{} is there twice", row.name);
        let is_plain = row
            .name
            .bytes()
            .all(|byte| matches!(byte, b'a'..=b'z' | b'_' | b'-' | b'|'));
        assert!(is_plain, "{}", row.name);
    }
}

#[test]
fn subcommands_carry_the_name_of_their_container() {
    for container in commands() {
        assert!(!container.name.contains('|'), "{}", container.name);
        for row in container.subcommands {
            let own = row
                .name
                .strip_prefix(container.name)
                .and_then(|name| name.strip_prefix('|'));
            assert_eq!(own, Some(row.short_name()));
            assert!(row.subcommands.is_empty(), "{} has subcommands", row.name);
        }
    }
}

#[test]
fn every_container_offers_help_last() {
    for container in commands().iter().filter(|row| !row.subcommands.is_empty()) {
        let last = container.subcommands.last().map(|row| row.short_name());
        assert_eq!(last, Some("help"), "{}", container.name);
        assert!(
            container.run.is_none() || container.accepts(1),
            "{}",
            container.name
        );
    }
}

#[test]
fn the_arity_counts_the_name_and_covers_the_first_key() {
    for row in all() {
        let name_words = row.name.split('|').count();
        assert!(row.arity.least() >= name_words, "{}", row.name);
        if !row.keys.are_possible() {
            continue;
        }
        let least_needed = match row.keys {
            Keys::None => 0,
            Keys::Range {
                first, last, step, ..
            } => last.unwrap_or(first) + step,
            Keys::Pair { .. } => 3,
            Keys::Counted { count, .. } => count + 1,
        };
        assert!(row.arity.least() >= least_needed, "{}", row.name);
    }
}

#[test]
fn no_command_both_writes_and_is_readonly() {
    for row in all() {
        let is_both = row.flags.has(Flags::WRITE) && row.flags.has(Flags::READONLY);
        assert!(!is_both, "{}", row.name);
        let takes_memory_or_key_space = row.flags.has(Flags::DENYOOM);
        assert!(
            !takes_memory_or_key_space || row.flags.has(Flags::WRITE),
            "{}",
            row.name
        );
    }
}

#[test]
fn every_category_of_a_row_follows_from_its_flags_or_is_named() {
    for row in all() {
        let speed = [Categories::FAST, Categories::SLOW];
        assert_eq!(
            speed
                .iter()
                .filter(|speed| row.categories().has(**speed))
                .count(),
            1
        );
        let implied = row.flags.implied_categories(row.categories());
        assert!(row.categories().has(implied), "{}", row.name);
    }
}

#[test]
fn every_row_is_documented() {
    for row in all() {
        let docs = &row.docs;
        assert!(
            docs.summary.ends_with('.'),
            "{}: {}",
            row.name,
            docs.summary
        );
        assert!(
            docs.summary
                .starts_with(|first: char| first.is_ascii_uppercase())
        );
        assert!(
            !docs.summary.trim_end_matches('.').is_empty(),
            "{}",
            row.name
        );
        assert_eq!(docs.since.version().split('.').count(), 3, "{}", row.name);
        assert!(
            docs.since
                .version()
                .split('.')
                .all(|part| part.parse::<u8>().is_ok())
        );
        assert!(!docs.group.is_empty(), "{}", row.name);
        let has_known_form = docs.complexity.starts_with("O(") || docs.complexity.ends_with('.');
        assert!(has_known_form, "{}: {}", row.name, docs.complexity);
    }
}

#[test]
fn syntaxes_parse_and_ask_for_no_more_than_the_arity() {
    for row in all() {
        let arguments = syntax::parse(row.docs.syntax).unwrap_or_else(|fault| {
            panic!("{}: {fault} in {}", row.name, row.docs.syntax);
        });
        if !row.subcommands.is_empty() {
            assert!(arguments.is_empty(), "{}", row.name);
            continue;
        }
        let name_words = row.name.split('|').count();
        let least = name_words + arguments.iter().map(fewest_words).sum::<usize>();
        assert!(
            least <= row.arity.least(),
            "{}: {}",
            row.name,
            row.docs.syntax
        );
        let can_vary = arguments.iter().any(|argument| {
            argument.presence == syntax::Presence::Optional
                || argument.repetition != syntax::Repetition::Once
        });
        let is_exact = matches!(row.arity, Arity::Exactly(_));
        // QUIT takes arguments and ignores them, and says nothing of it in its syntax.
        assert!(row.name == "quit" || is_exact != can_vary, "{}", row.name);
        // GETKEYS and its like want a command that has an argument, the notation can only allow one.
        let is_odd = matches!(row.name, "command|getkeys" | "command|getkeysandflags");
        assert!(
            is_odd || least == row.arity.least(),
            "{}: {}",
            row.name,
            row.docs.syntax
        );
    }
}

/// How many words an argument takes at least.
fn fewest_words(argument: &syntax::Argument) -> usize {
    if argument.presence == syntax::Presence::Optional {
        return 0;
    }
    let value = match &argument.kind {
        syntax::Kind::PureToken => 0,
        syntax::Kind::OneOf(parts) => parts.iter().map(fewest_words).min().unwrap_or(0),
        syntax::Kind::Block(parts) => parts.iter().map(fewest_words).sum(),
        _ => 1,
    };
    value + usize::from(argument.token.is_some())
}

#[test]
fn a_command_has_a_key_argument_if_and_only_if_it_has_keys() {
    for row in all() {
        let arguments = syntax::parse(row.docs.syntax).unwrap_or_default();
        let names_a_key = arguments.iter().any(|argument| {
            let parts = argument.kind.parts().unwrap_or_default();
            argument.kind == syntax::Kind::Key
                || parts.iter().any(|part| part.kind == syntax::Kind::Key)
        });
        assert_eq!(names_a_key, row.keys.are_possible(), "{}", row.name);
    }
}
