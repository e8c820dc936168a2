//! Files that cannot be used as they are: what the server says, and that its way out works.

use std::fs;

use super::{FIRST, MANIFEST, Place, records};
use crate::support::client::Connection;
use crate::support::program::{Directory, failure, free_port, run, serve, text};
use crate::support::service::connect;

/// Ten keys, each in a record of its own, after a clean end or after a kill.
fn ten_keys(is_clean: bool) -> Place {
    let place = Place::new();
    let server = place.start("guard", &[]);
    let mut client = connect(&server);
    for number in 0..10 {
        assert_eq!(client.ask(&format!("SET key:{number} value")), "+OK");
    }
    if is_clean {
        drop(server);
        return place;
    }
    place.settled_copy()
}

fn fails(place: &Place, more: &[&str]) -> String {
    let arguments = [&place.arguments("guard")[..], more].concat();
    let port = free_port().to_string();
    let (code, line) = failure(&[&["--port", &port], &arguments[..]].concat());
    assert_eq!(code, Some(1));
    line
}

#[test]
fn a_last_record_that_is_cut_off_is_left_out_unless_that_is_forbidden() {
    let place = ten_keys(false);
    let whole = records(&place.file(FIRST));
    fs::write(place.file(FIRST), &whole[..whole.len() - 3]).expect("a file");
    // With it, nobody would take the file for whole.
    fs::remove_file(place.file(super::RING)).expect("a ring");
    let last = *super::positions(&whole, b"*3\r\n")
        .last()
        .expect("a record");
    let line = fails(&place, &["--aof-load-truncated", "no"]);
    let path = place.file(FIRST);
    let shown = text(&path);
    let expected = format!(
        "{shown} ends inside of a record at offset {last} (try `quintlock check-journal --fix {shown}`)"
    );
    assert!(line.ends_with(&expected), "{line}");
    assert_eq!(
        fs::read(place.file(FIRST)).expect("a file").len(),
        whole.len() - 3
    );
    // Keys without an end are promised nothing, so nothing is waited for.
    let server = place.start("guard", &[]);
    assert_eq!(connect(&server).ask("DBSIZE"), ":9");
    drop(server);
    // It was cut, so nobody finds anything wrong with it any more.
    let server = place.start("guard", &[("aof-load-truncated", "no")]);
    assert_eq!(connect(&server).ask("DBSIZE"), ":9");
}

#[test]
fn damage_in_the_middle_is_refused_and_check_journal_mends_it() {
    for is_clean in [true, false] {
        let place = ten_keys(is_clean);
        let path = place.file(FIRST);
        let mut bytes = fs::read(&path).expect("a file");
        let at = super::positions(&bytes, b"*3\r\n")[5];
        bytes[at] = b'!';
        fs::write(&path, &bytes).expect("a file");
        let line = fails(&place, &[]);
        let shown = text(&path);
        assert!(
            line.contains(&format!("{shown} is damaged at offset {at}: ")),
            "{line}"
        );
        let way_out = format!("try `quintlock check-journal --fix {shown}`");
        assert!(line.contains(&way_out), "{line}");
        assert_eq!(
            fs::read(&path).expect("a file"),
            bytes,
            "nothing is touched"
        );
        let fixed = run(&["check-journal", "--fix", shown]);
        assert!(fixed.status.success(), "{fixed:?}");
        assert!(place.names().iter().any(|name| name.ends_with(".damaged")));
        let (_running, address) = serve(&place.arguments("guard"));
        let mut client = Connection::open(address).expect("the server accepts");
        // The end is gone, and what it may have granted is waited for if anything was promised.
        let answer = client.ask("DBSIZE");
        assert!(answer == ":5" || answer.starts_with("-LOADING"), "{answer}");
    }
}

#[test]
fn damage_after_a_crash_is_no_lost_page_while_records_follow_at_once() {
    let place = ten_keys(false);
    let path = place.file(FIRST);
    let mut bytes = fs::read(&path).expect("a file");
    let at = super::positions(&bytes, b"*3\r\n")[5];
    bytes[at] = b'!';
    fs::write(&path, &bytes).expect("a file");
    place.change_boot();
    let line = fails(&place, &[]);
    assert!(
        line.contains(&format!("is damaged at offset {at}")),
        "{line}"
    );
}

#[test]
fn files_that_no_manifest_names_are_not_written_over() {
    let place = ten_keys(true);
    fs::remove_file(place.file(MANIFEST)).expect("a manifest");
    let before = fs::read(place.file(FIRST)).expect("a journal");
    let line = fails(&place, &[]);
    assert!(line.contains(FIRST) && line.contains(MANIFEST), "{line}");
    assert_eq!(fs::read(place.file(FIRST)).expect("a journal"), before);
}

#[test]
fn a_file_that_the_manifest_names_and_nobody_finds_is_told() {
    let place = ten_keys(true);
    fs::remove_file(place.file(FIRST)).expect("a journal");
    let line = fails(&place, &[]);
    assert!(line.contains(FIRST), "{line}");
    fs::write(place.file(MANIFEST), "nonsense\n").expect("a manifest");
    let line = fails(&place, &[]);
    assert!(line.contains("check-journal"), "{line}");
}

#[test]
fn a_second_server_on_the_directory_refuses_to_start() {
    let place = Place::new();
    let (running, address) = serve(&place.arguments("guard"));
    let mut client = Connection::open(address).expect("the server accepts");
    assert_eq!(client.ask("SET lock token NX PX 60000"), "+OK");
    let line = fails(&place, &[]);
    assert!(
        line.contains("another server uses ")
            && line.contains("give each server a --dir of its own"),
        "{line}"
    );
    assert_eq!(client.ask("GET lock"), "$\"token\"");
    // Once the first one is gone, however it went, the next one may.
    drop(running);
    let (_running, address) = serve(&place.arguments("guard"));
    let mut client = Connection::open(address).expect("the server accepts");
    assert_eq!(client.ask("GET lock"), "$\"token\"");
}

#[test]
fn a_directory_that_cannot_be_written_to_is_told() {
    // Whoever runs the tests may be allowed everything, so a file stands in the directory's place.
    let directory = Directory::new();
    directory.write("appendonlydir", "a file");
    let port = free_port().to_string();
    let port = ["--port", &port];
    let own = ["--durability", "guard", "--dir", text(&directory.0)];
    let (code, line) = failure(&[&port[..], &own[..]].concat());
    assert_eq!(code, Some(1));
    assert!(
        line.contains("cannot make the directory") && line.contains("try another --dir"),
        "{line}"
    );
    let missing = directory.file("not-there");
    let own = ["--durability", "guard", "--dir", text(&missing)];
    let (code, line) = failure(&[&port[..], &own[..]].concat());
    assert_eq!(code, Some(1));
    assert!(line.contains("not-there"), "{line}");
}
