//! `quintlock check-journal` as a user starts it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;

use quintlock::durability::lock::DirectoryLock;

use super::{contents, fixture, journal, record};
use crate::support::program::{Directory, run, text};

/// Exit code, standard output without the directory's path, and the last line of standard error.
fn check(words: &[&str], directory: &Path) -> (Option<i32>, String, String) {
    let Output {
        status,
        stdout,
        stderr,
    } = run(&[&["check-journal"], words].concat());
    let prefix = format!("{}/", text(directory));
    let plain = |bytes| String::from_utf8(bytes).expect("text").replace(&prefix, "");
    (
        status.code(),
        plain(stdout),
        plain(stderr).trim_end().to_owned(),
    )
}

/// A directory with a base and increments 1, 2, ...
fn listed(increments: &[&[u8]]) -> Directory {
    let directory = Directory::new();
    let base = fixture("redis-7/appendonly.aof.2.base.rdb");
    fs::copy(base, directory.file("a.1.base.rdb")).expect("the base can be copied");
    let mut manifest = "file a.1.base.rdb seq 1 type b\n".to_owned();
    for (number, bytes) in (1..).zip(increments) {
        let name = format!("a.{number}.incr.aof");
        fs::write(directory.file(&name), bytes).expect("a file can be written");
        manifest += &format!("file {name} seq {number} type i\n");
    }
    directory.write("a.manifest", &manifest);
    directory
}

const BASE_IS_OK: &str = "a.1.base.rdb: ok, 8 keys and 0 commands, 272 bytes\n";

fn set() -> Vec<u8> {
    record("SET k v")
}

#[test]
fn a_whole_directory_is_fine_by_any_name() {
    let directory = listed(&[&journal(), &[]]);
    let length = journal().len();
    let expected = format!(
        "{BASE_IS_OK}a.1.incr.aof: ok, 14 commands, {length} bytes\n\
         a.2.incr.aof: ok, 0 commands, 0 bytes\n"
    );
    for path in [directory.0.clone(), directory.file("a.manifest")] {
        let told = check(&[text(&path)], &directory.0);
        assert_eq!(told, (Some(0), expected.clone(), String::new()));
        // There is nothing to mend, and nothing is written.
        let told = check(&["--fix", text(&path)], &directory.0);
        assert_eq!(told, (Some(0), expected.clone(), String::new()));
    }
    let file = directory.file("a.1.incr.aof");
    let (code, told, _) = check(&[text(&file)], &directory.0);
    assert_eq!(code, Some(0));
    assert!(told.starts_with("a.1.incr.aof: ok"), "{told}");
    for name in ["redis-7", "redis-8", "redis-8-cluster", "valkey-9"] {
        let path = fixture(name);
        assert_eq!(check(&[text(&path)], &path).0, Some(0), "{name}");
    }
}

#[test]
fn a_cut_end_is_told_and_mended() {
    let whole = [set(), set()].concat();
    let directory = listed(&[&whole[..whole.len() - 3]]);
    let (code, told, _) = check(&[text(&directory.0)], &directory.0);
    assert_eq!(code, Some(0));
    let expected = "a.1.incr.aof: truncated at offset 27; a server takes it up to there \
                    (1 commands before, 51 bytes in all)\n";
    assert_eq!(told, format!("{BASE_IS_OK}{expected}"));
    let (code, told, _) = check(&["--fix", text(&directory.0)], &directory.0);
    assert_eq!(code, Some(0));
    let fixed = "a.1.incr.aof: cutting 24 bytes from offset 27 on; they are kept in \
                 a.1.incr.aof.damaged\nMended.\n";
    assert_eq!(told, format!("{BASE_IS_OK}{expected}{fixed}"));
    assert_eq!(fs::read(directory.file("a.1.incr.aof")).unwrap(), set());
    let kept = fs::read(directory.file("a.1.incr.aof.damaged")).unwrap();
    assert_eq!(kept, &whole[27..whole.len() - 3]);
}

#[test]
fn the_unused_space_of_a_killed_server_is_cut() {
    let directory = listed(&[&[set(), vec![0; 1_000_000]].concat()]);
    let (code, told, _) = check(&["--fix", text(&directory.0)], &directory.0);
    assert_eq!(code, Some(0));
    let expected = "a.1.incr.aof: unused space from offset 27 on, as a server leaves it that is \
                    killed; a server takes it, Redis only when --fix has cut it \
                    (1 commands before, 1000027 bytes in all)\n\
                    a.1.incr.aof: cutting 1000000 bytes of unused space from offset 27 on\nMended.\n";
    assert_eq!(told, format!("{BASE_IS_OK}{expected}"));
    assert_eq!(fs::read(directory.file("a.1.incr.aof")).unwrap(), set());
    assert!(!directory.file("a.1.incr.aof.damaged").exists());
}

#[test]
fn damage_fails_until_it_is_mended() {
    let directory = listed(&[&[&set()[..], b"oh no", &set()].concat()]);
    let (code, told, error) = check(&[text(&directory.0)], &directory.0);
    assert_eq!(code, Some(1));
    assert!(
        told.ends_with(
            "a.1.incr.aof: damaged at offset 27: a record begins with '*' or '#', and here is o; a \
             server does not start (1 commands before, 59 bytes in all)\n"
        ),
        "{told}"
    );
    let expected = "quintlock: a.1.incr.aof is damaged (--fix cuts it behind its last good record)";
    assert_eq!(error, expected);
    // An older copy is not written over.
    directory.write("a.1.incr.aof.damaged", "older");
    let (code, told, error) = check(&["--fix", text(&directory.0)], &directory.0);
    assert_eq!((code, error.as_str()), (Some(0), ""), "{told}");
    let kept = fs::read(directory.file("a.1.incr.aof.damaged.1")).unwrap();
    assert_eq!(kept, [&b"oh no"[..], &set()].concat());
    let older = fs::read(directory.file("a.1.incr.aof.damaged")).unwrap();
    assert_eq!(older, b"older");
    assert_eq!(check(&[text(&directory.0)], &directory.0).0, Some(0));
}

#[test]
fn files_behind_a_damaged_one_are_left_out_and_stay() {
    let cut = &set()[..20];
    let directory = listed(&[&set(), cut, &set(), &set()]);
    let (code, told, error) = check(&[text(&directory.0)], &directory.0);
    assert_eq!(code, Some(1));
    assert!(
        told.contains(
            "a.2.incr.aof: truncated at offset 0; a server does not start, for other files follow"
        ),
        "{told}"
    );
    assert!(error.contains("a.2.incr.aof is damaged (--fix"), "{error}");
    let before = fs::read(directory.file("a.manifest")).unwrap();
    let (code, told, _) = check(&["--fix", text(&directory.0)], &directory.0);
    assert_eq!(code, Some(0), "{told}");
    for number in [3, 4] {
        let line = format!(
            "a.{number}.incr.aof: left out of the manifest, for it follows what is lost; the file \
             stays\n"
        );
        assert!(told.contains(&line), "{told}");
        let name = format!("a.{number}.incr.aof");
        assert_eq!(fs::read(directory.file(&name)).unwrap(), set());
    }
    let lines: Vec<&[u8]> = before.split_inclusive(|byte| *byte == b'\n').collect();
    let after = fs::read(directory.file("a.manifest")).unwrap();
    assert_eq!(after, lines[..3].concat());
    assert_eq!(fs::read(directory.file("a.2.incr.aof")).unwrap(), b"");
}

#[test]
fn unused_space_in_the_middle_loses_nothing() {
    let directory = listed(&[&[set(), vec![0; 100]].concat(), &set()]);
    assert_eq!(check(&[text(&directory.0)], &directory.0).0, Some(0));
    let (code, told, _) = check(&["--fix", text(&directory.0)], &directory.0);
    assert_eq!(code, Some(0));
    assert!(!told.contains("left out"), "{told}");
    assert_eq!(fs::read(directory.file("a.1.incr.aof")).unwrap(), set());
    assert_eq!(fs::read(directory.file("a.2.incr.aof")).unwrap(), set());
}

#[test]
fn a_snapshot_and_a_missing_file_cannot_be_mended() {
    let directory = listed(&[&set()]);
    let base = directory.file("a.1.base.rdb");
    for zeroed in [0..8, 100..101, 0..272] {
        let mut bytes = fs::read(fixture("redis-7/appendonly.aof.2.base.rdb")).unwrap();
        bytes[zeroed].fill(0);
        fs::write(&base, &bytes).unwrap();
        let (code, told, error) = check(&["--fix", text(&directory.0)], &directory.0);
        assert_eq!(code, Some(1), "{told}");
        let expected = "quintlock: a.1.base.rdb cannot be mended (put a copy of it in its place)";
        assert_eq!(error, expected, "{told}");
        assert_eq!(fs::read(&base).unwrap(), bytes);
    }
    fs::remove_file(&base).unwrap();
    let (code, told, error) = check(&["--fix", text(&directory.0)], &directory.0);
    assert_eq!(code, Some(1));
    assert!(told.starts_with("a.1.base.rdb: missing\n"), "{told}");
    assert!(error.contains("cannot be mended"), "{error}");
}

#[test]
fn while_a_server_runs_there_nothing_is_checked() {
    let directory = listed(&[&set()]);
    let lock = DirectoryLock::take(&directory.0).unwrap();
    for words in [&[text(&directory.0)][..], &["--fix", text(&directory.0)]] {
        let (code, told, error) = check(words, &directory.0);
        assert_eq!((code, told.as_str()), (Some(1), ""));
        let expected = "quintlock: lock is locked: a server runs on this directory (stop it first)";
        assert_eq!(error, expected);
    }
    assert!(DirectoryLock::take(&directory.0).is_err());
    drop(lock);
    assert_eq!(check(&[text(&directory.0)], &directory.0).0, Some(0));
}

#[test]
fn what_cannot_be_checked_is_said() {
    let directory = Directory::new();
    let path = |name: &str| -> PathBuf { directory.file(name) };
    let errors = |path: &Path| {
        let (code, told, error) = check(&[text(path)], &directory.0);
        assert_eq!((code, told.as_str()), (Some(1), ""));
        error
    };
    let error = errors(&path("nosuch"));
    assert!(
        error.starts_with("quintlock: cannot read nosuch: "),
        "{error}"
    );
    assert!(errors(&directory.0).contains("has no manifest"));
    directory.write("a.manifest", "file a/b seq 1 type i\n");
    assert_eq!(
        errors(&directory.0),
        "quintlock: a.manifest: line 1 of the manifest: a file is named by its name alone, not by \
         a path (name one file of the directory to check it alone)"
    );
    directory.write("b.manifest", "file b seq 1 type i\n");
    assert!(errors(&directory.0).contains("has several manifests"));
    directory.write("list.aof", "");
    fs::copy(fixture("list.rdb"), path("list.aof")).unwrap();
    let (code, told, _) = check(&[text(&path("list.aof"))], &directory.0);
    assert_eq!(code, Some(1));
    let expected = "list.aof: damaged at offset 0: the key jobs in database 2 holds a list: \
                    Quintlock keeps strings only";
    assert!(told.starts_with(expected), "{told}");
    assert_eq!(contents(&fs::read(path("list.aof")).unwrap()).0.len(), 0);
    let (code, _, error) = check(&[], &directory.0);
    assert_eq!(code, Some(2));
    assert!(error.contains("<PATH>"), "{error}");
}
