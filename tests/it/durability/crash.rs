//! A machine that crashed: what the journal has lost was granted to somebody, so nothing is granted
//! until none of it can be held any more.

use std::fs;
use std::time::Duration;

use super::{FIRST, HORIZON, MANIFEST, MODES, OTHER_BOOT, Place, assert_rest, records};
use crate::support::client::Connection;
use crate::support::service::{connect, eventually};

const MODES_THAT_WAIT: [&str; 2] = ["guard", "everysec"];
/// A promise reaches this far beyond the lock that asked for it.
const AHEAD_MS: u64 = 10_000;
const LOADING: &str = "-LOADING Redis is loading the dataset in memory";

/// Grants `lock` for `ttl_ms` and gives what a crash of the machine would leave, without the grant.
fn crashed(durability: &str, ttl_ms: u64) -> Place {
    let place = Place::new();
    let server = place.start(durability, &[]);
    let mut client = connect(&server);
    assert_eq!(client.ask(&format!("SET lock token NX PX {ttl_ms}")), "+OK");
    let copy = place.settled_copy();
    let before = records(&copy.file(FIRST));
    let grant = super::positions(&before, b"*5\r\n$3\r\nSET").remove(0);
    copy.lose_machine(FIRST, grant as u64);
    copy
}

fn is_loading(answer: &str) -> bool {
    answer.starts_with(LOADING)
}

/// Asks for everything that reads or writes a key; tells that it is refused.
fn assert_grants_nothing(client: &mut Connection) {
    for line in [
        "SET lock other NX PX 1000",
        "GET lock",
        "DEL lock",
        "PTTL lock",
        "EXISTS lock",
        "SCAN 0",
        "DBSIZE",
        "FLUSHALL",
        "SWAPDB 0 1",
        "EVAL \"return redis.call('set', KEYS[1], 'x', 'NX')\" 1 lock",
        "EVAL \"for i = 1, 2 do redis.call('set', 'lock', 'x', 'NX') end\" 0",
        "EVAL \"return 1\" 0",
        "PING",
    ] {
        let answer = client.ask(line);
        assert!(is_loading(&answer), "{line}: {answer}");
    }
    for line in [
        "SELECT 1",
        "SELECT 0",
        "CONFIG GET port",
        "CLIENT ID",
        "COMMAND COUNT",
    ] {
        let answer = client.ask(line);
        assert!(!answer.starts_with('-'), "{line}: {answer}");
    }
    assert_eq!(client.ask("MULTI"), "+OK");
    let answer = client.ask("SET lock other NX PX 1000");
    assert!(is_loading(&answer), "{answer}");
    assert!(client.ask("EXEC").starts_with("-EXECABORT"));
}

#[test]
fn nothing_is_granted_until_the_horizon_has_passed() {
    for mode in MODES_THAT_WAIT {
        let place = crashed(mode, 30_000);
        let server = place.start(mode, &[]);
        let mut client = connect(&server);
        assert_grants_nothing(&mut client);
        let answer = client.ask("GET lock");
        assert!(answer.ends_with("may live for another 40 s"), "{answer}");
        server.advance(Duration::from_millis(30_000 + AHEAD_MS - 1));
        let answer = client.ask("GET lock");
        assert!(
            answer.ends_with("may live for another 1 s"),
            "{mode}: {answer}"
        );
        assert_grants_nothing(&mut client);
        server.advance(Duration::from_millis(1));
        assert_eq!(client.ask("SET lock other NX PX 1000"), "+OK", "{mode}");
    }
}

#[test]
fn info_tells_that_it_waits_and_for_how_long() {
    let place = crashed("guard", 30_000);
    let server = place.start("guard", &[]);
    let mut client = connect(&server);
    assert_eq!(client.info("loading"), 1);
    assert_eq!(client.info("loading_eta_seconds"), 40);
    server.advance(Duration::from_millis(30_500));
    assert_eq!(client.info("loading_eta_seconds"), 10);
    server.advance(Duration::from_millis(AHEAD_MS));
    assert_eq!(client.info("loading"), 0);
    assert!(
        !client
            .text("INFO everything")
            .contains("loading_eta_seconds")
    );
}

#[test]
fn a_server_that_ends_while_it_waits_waits_again() {
    for end in ["clean", "kill"] {
        let place = crashed("guard", 30_000);
        let server = place.start("guard", &[]);
        server.advance(Duration::from_secs(10));
        let place = match end {
            "clean" => {
                drop(server);
                place
            }
            _ => place.copy(),
        };
        let same = place.copy();
        let server = same.start("guard", &[]);
        let mut client = connect(&server);
        assert_grants_nothing(&mut client);
        // The clock begins anew, as that of the first server did.
        server.advance(Duration::from_millis(30_000 + AHEAD_MS));
        assert_eq!(client.ask("SET lock other NX PX 1000"), "+OK");
        place.change_boot();
        let server = place.start("guard", &[]);
        let mut client = connect(&server);
        assert_grants_nothing(&mut client);
        server.advance(Duration::from_millis(30_000 + AHEAD_MS));
        assert_eq!(client.ask("SET lock other NX PX 1000"), "+OK");
    }
}

#[test]
fn who_has_waited_and_ended_in_peace_waits_no_more() {
    let place = crashed("guard", 30_000);
    let server = place.start("guard", &[]);
    server.advance(Duration::from_millis(30_000 + AHEAD_MS));
    assert_eq!(connect(&server).ask("SET lock token NX PX 9000"), "+OK");
    drop(server);
    place.change_boot();
    let server = place.start("guard", &[]);
    assert_eq!(connect(&server).ask("GET lock"), "$\"token\"");
}

#[test]
fn always_has_lost_nothing_and_waits_for_nothing() {
    let place = Place::new();
    let server = place.start("always", &[]);
    let mut client = connect(&server);
    for number in 0..20 {
        let grant = format!("SET lock:{number} token NX PX 60000");
        assert_eq!(client.ask(&grant), "+OK");
        if number % 2 == 1 {
            assert_eq!(client.ask(&format!("DEL lock:{}", number - 1)), ":1");
        }
        // Whatever was answered was synced, so a crash leaves all that is in the file.
        let copy = place.copy();
        let length = records(&copy.file(FIRST)).len();
        copy.lose_machine(FIRST, length as u64);
        let server = copy.start("always", &[]);
        let mut client = connect(&server);
        let expected = if number % 2 == 1 { "$-1" } else { "$\"token\"" };
        let earlier = format!("GET lock:{}", number - number % 2);
        assert_eq!(client.ask(&earlier), expected);
        assert_eq!(client.ask(&format!("GET lock:{number}")), "$\"token\"");
        assert_rest(&mut client, &format!("lock:{number}"), 60_000);
        assert_eq!(
            client.ask(&format!("SET lock:{number} other NX PX 1")),
            "$-1"
        );
    }
}

#[test]
fn a_clean_end_before_another_boot_waits_for_nothing_and_keeps_the_rest_of_each_lock() {
    for mode in MODES {
        let place = Place::new();
        let server = place.start(mode, &[]);
        assert_eq!(connect(&server).ask("SET lock token NX PX 30000"), "+OK");
        server.advance(Duration::from_millis(12_000));
        drop(server);
        place.change_boot();
        let server = place.start(mode, &[]);
        let mut client = connect(&server);
        assert_rest(&mut client, "lock", 18_000);
        assert_eq!(client.ask("SET lock other NX PX 1000"), "$-1");
        assert_eq!(client.ask("SET more token NX PX 1000"), "+OK");
    }
}

#[test]
fn grants_behind_a_clean_end_are_covered_too() {
    // The first server ends in peace. What the second one grants is lost with the machine, and
    // the file ends as the first one left it.
    let place = Place::new();
    let server = place.start("guard", &[]);
    assert_eq!(connect(&server).ask("SET first token NX PX 60000"), "+OK");
    drop(server);
    let length = fs::metadata(place.file(FIRST)).expect("a journal").len();
    for boot in ["this", "another"] {
        let copy = place.copy();
        if boot == "another" {
            copy.change_boot();
        }
        let server = copy.start("guard", &[]);
        let mut client = connect(&server);
        assert_eq!(client.ask("SET second token NX PX 30000"), "+OK");
        let after = copy.copy();
        after.lose_machine(FIRST, length);
        let server = after.start("guard", &[]);
        assert_grants_nothing(&mut connect(&server));
    }
}

#[test]
fn a_journal_that_is_gone_is_waited_for() {
    for boot in ["this", "another"] {
        let place = Place::new();
        let server = place.start("guard", &[]);
        assert_eq!(connect(&server).ask("SET lock token NX PX 30000"), "+OK");
        let copy = place.copy();
        if boot == "another" {
            copy.change_boot();
        }
        fs::remove_file(copy.file(FIRST)).expect("it is there");
        fs::remove_file(copy.file(MANIFEST)).expect("it is there");
        let server = copy.start("guard", &[]);
        assert_grants_nothing(&mut connect(&server));
        server.advance(Duration::from_millis(30_000 + AHEAD_MS));
        assert_eq!(connect(&server).ask("SET lock other NX PX 1000"), "+OK");
    }
}

#[test]
fn pages_that_the_crash_has_kept_from_the_disk_are_left_out() {
    let place = Place::new();
    let server = place.start("guard", &[]);
    let mut client = connect(&server);
    for number in 0..500 {
        assert_eq!(
            client.ask(&format!("SET lock:{number} token NX PX 30000")),
            "+OK"
        );
    }
    let copy = place.settled_copy();
    let mut bytes = fs::read(copy.file(FIRST)).expect("a journal");
    bytes[8192..12288].fill(0);
    fs::write(copy.file(FIRST), bytes).expect("it can be written");
    copy.change_boot();
    let server = copy.start("guard", &[]);
    assert_grants_nothing(&mut connect(&server));
    server.advance(Duration::from_millis(29_999));
    drop(server);
    let server = copy.start("guard", &[]);
    assert_grants_nothing(&mut connect(&server));
}

#[test]
fn guard_max_bounds_the_wait() {
    let place = Place::new();
    let server = place.start("guard", &[("guard-max", "60")]);
    let mut client = connect(&server);
    assert_eq!(client.ask("SET long token NX PX 86400000"), "+OK");
    assert_eq!(client.ask("SET endless token NX"), "+OK");
    let copy = place.copy();
    copy.lose_machine(FIRST, 0);
    let server = copy.start("guard", &[("guard-max", "60")]);
    assert_grants_nothing(&mut connect(&server));
    server.advance(Duration::from_millis(60_000 + AHEAD_MS));
    assert_eq!(connect(&server).ask("SET long2 other NX"), "+OK");
}

#[test]
fn a_grant_is_answered_only_when_its_horizon_is_on_the_disk() {
    let place = Place::new();
    let server = place.start("guard", &[]);
    let mut client = connect(&server);
    for ttl_ms in [1000, 30_000, 100_000, 1_000_000] {
        assert_eq!(
            client.ask(&format!("SET lock:{ttl_ms} token NX PX {ttl_ms}")),
            "+OK"
        );
        let until: u64 = place.promised("until").parse().expect("a number");
        // The clock stands at one second.
        assert!(until >= 1_000_000 + ttl_ms * 1000, "{until}");
    }
    assert_eq!(client.ask("PEXPIRE lock:1000 2000000"), ":1");
    let until: u64 = place.promised("until").parse().expect("a number");
    assert!(until >= 2_001_000_000, "{until}");
}

#[test]
fn locks_of_one_length_cost_a_sync_every_six_seconds() {
    let place = Place::new();
    let server = place.start("guard", &[]);
    let mut client = connect(&server);
    for second in 0..120 {
        let grant = format!("SET lock:{second} token NX PX 30000");
        assert_eq!(client.ask(&grant), "+OK");
        server.advance(Duration::from_secs(1));
    }
    // A promise is renewed ahead of time, so the last one may still be on its way.
    eventually("the last promise is written", || {
        let until: u64 = place.promised("until").parse().expect("a number");
        until >= 120_000_000 + 30_000_000 - 6_000_000
    });
    let count: u64 = place.promised("count").parse().expect("a number");
    assert!((10..=22).contains(&count), "{count} syncs in 120 s");
}

#[test]
fn the_boot_that_the_tests_make_up_is_another_one() {
    let place = Place::new();
    let server = place.start("guard", &[]);
    assert_eq!(connect(&server).ask("SET lock token NX PX 1000"), "+OK");
    drop(server);
    place.change_boot();
    assert_eq!(place.promised("boot"), OTHER_BOOT);
    assert_ne!(fs::read(place.file(HORIZON)).expect("a horizon").len(), 0);
    let journal = fs::read_to_string(place.file(FIRST)).expect("a journal of text");
    assert!(journal.contains(OTHER_BOOT));
}
