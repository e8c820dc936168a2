//! The files of the repository, as the rules see them.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// One text file.
#[derive(Clone, Debug)]
pub(super) struct Source {
    /// From the top of the repository, with `/`.
    pub(super) path: String,
    pub(super) text: String,
    /// Whether the whole file is compiled for tests only.
    pub(super) is_test: bool,
}

impl Source {
    pub(super) fn new(path: &str, text: &str) -> Source {
        Source {
            path: path.to_owned(),
            text: text.to_owned(),
            is_test: path.starts_with("tests/"),
        }
    }

    /// The lines that are no tests, numbered from 1.
    pub(super) fn lines(&self) -> impl Iterator<Item = (usize, &str)> {
        let lines = if self.is_test {
            ""
        } else {
            before_tests(&self.text)
        };
        (1..).zip(lines.lines())
    }

    /// The same lines without comments.
    pub(super) fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        self.lines()
            .map(|(number, line)| (number, without_comment(line)))
    }
}

/// What stands before the tests at the foot of a file.
fn before_tests(text: &str) -> &str {
    text.find("#[cfg(test)]\nmod tests {")
        .map_or(text, |at| &text[..at])
}

/// A line up to the first `//` that is in no string.
fn without_comment(line: &str) -> &str {
    line.match_indices("//")
        .find(|(at, _)| {
            let quotes = line[..*at]
                .replace("\\\\", "")
                .replace("\\\"", "")
                .replace("'\"'", "");
            quotes.matches('"').count().is_multiple_of(2)
        })
        .map_or(line, |(at, _)| &line[..at])
}

/// The Rust files under a folder.
pub(super) fn rust_files(folder: &str) -> Vec<Source> {
    let mut sources: Vec<Source> = files(folder)
        .into_iter()
        .filter(|path| path.ends_with(".rs"))
        .map(|path| Source::new(&path, &read(&path).expect("a source is UTF-8")))
        .collect();
    let test_files: BTreeSet<String> = sources.iter().flat_map(test_modules).collect();
    for source in &mut sources {
        let is_below = |stem: &String| source.path.starts_with(&format!("{stem}/"));
        let stem = source.path.trim_end_matches(".rs").to_owned();
        source.is_test |= test_files.contains(&stem) || test_files.iter().any(is_below);
    }
    assert!(
        sources.len() > 5,
        "the sources under {folder} were not found"
    );
    sources
}

/// The paths, without `.rs`, of the modules that this file compiles for tests only.
fn test_modules(source: &Source) -> Vec<String> {
    let stem = source.path.trim_end_matches(".rs");
    let folder = match stem.rsplit_once('/') {
        Some((folder, "mod" | "lib" | "main")) => folder,
        _ => stem,
    };
    source
        .text
        .replace("#[cfg(any(test, fuzzing))]\n", "#[cfg(test)]\n")
        .split("#[cfg(test)]\n")
        .skip(1)
        .filter_map(|after| after.lines().next()?.strip_suffix(';')?.split_once("mod "))
        .filter(|(_, name)| {
            name.bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte == b'_')
        })
        .map(|(_, name)| format!("{folder}/{name}"))
        .collect()
}

/// Every text file that belongs to the repository.
pub(super) fn text_files() -> Vec<Source> {
    let sources = files("").into_iter();
    sources
        .filter_map(|path| read(&path).map(|text| Source::new(&path, &text)))
        .collect()
}

/// The files under a folder, without what `.gitignore` names and what belongs to git.
fn files(folder: &str) -> Vec<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let ignored = fs::read_to_string(root.join(".gitignore")).unwrap_or_default();
    let mut ignored: Vec<&str> = ignored
        .lines()
        .map(|line| line.trim_matches('/'))
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .collect();
    ignored.push(".git");
    let mut found = Vec::new();
    let mut folders = vec![root.join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a folder of the repository") {
            let path: PathBuf = entry.expect("an entry").path();
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            if ignored.contains(&name.as_ref()) {
                continue;
            }
            if path.is_dir() {
                folders.push(path);
            } else if let Ok(path) = path.strip_prefix(root) {
                found.push(path.to_string_lossy().into_owned());
            }
        }
    }
    found.sort();
    found
}

/// The text of a file; `None` for one that is no text.
fn read(path: &str) -> Option<String> {
    let bytes = fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).ok()?;
    String::from_utf8(bytes).ok()
}

#[test]
fn comments_and_tests_are_left_out() {
    let source = Source::new(
        "src/a.rs",
        "let a = \"http://b\"; // c\n// d\n'\"' // e\n#[cfg(test)]\nmod tests {\n}\n",
    );
    let code: Vec<_> = source.code().map(|(_, line)| line.trim_end()).collect();
    assert_eq!(code, ["let a = \"http://b\";", "", "'\"'"]);
}

#[test]
fn files_for_tests_are_told_by_their_parent() {
    let parent = Source::new(
        "src/a/mod.rs",
        "#[cfg(test)]\npub(crate) mod hostile;\nmod b;\n",
    );
    assert_eq!(test_modules(&parent), ["src/a/hostile"]);
    let parent = Source::new("src/a.rs", "#[cfg(any(test, fuzzing))]\nmod b;\nmod c;\n");
    assert_eq!(test_modules(&parent), ["src/a/b"]);
    let parent = Source::new("src/a.rs", "#[cfg(test)]\nmod tests;\n");
    assert_eq!(test_modules(&parent), ["src/a/tests"]);
    let parent = Source::new("src/a.rs", "#[cfg(test)]\nmod tests {\n    let a = 1;\n}\n");
    assert!(test_modules(&parent).is_empty());
}
