//! A script that runs natively beside the same script in Lua, on two whole servers.
//!
//! The second server gets the script with a function declared in front, on its first line: that
//! is outside the native subset and changes nothing, so it runs in Lua. Both begin with the same
//! keys at the same time. Replies, values, deadlines, keyspace events, published messages, INFO
//! and what later expires must be the same. `CASES=n` runs n cases in each test.

mod case;
mod made_up;
mod side;

use std::collections::BTreeMap;
use std::time::Duration;

use self::case::Case;
use self::side::{Side, show};
use crate::support::frame::Frame;
use crate::support::seed::Seed;

/// Stands in front of a script to keep it from running natively.
const NOT_NATIVE: &str = "local unused = function() end ";

/// The two servers, at the same time of day.
struct Pair {
    native: Side,
    lua: Side,
}

impl Pair {
    fn start(protocol: &str) -> Pair {
        let (mut native, mut lua) = (Side::start(protocol), Side::start(protocol));
        let times = [native.unix_micros(), lua.unix_micros()];
        let common = times[0].max(times[1]).next_multiple_of(1_000);
        for (side, time) in [&native, &lua].into_iter().zip(times) {
            side.server.advance(Duration::from_micros(common - time));
        }
        assert_eq!(native.unix_micros(), lua.unix_micros());
        Pair { native, lua }
    }

    fn unix_ms(&mut self) -> u64 {
        self.native.unix_micros() / 1_000
    }

    /// Loads the script both ways; `None` if it is not native.
    fn load(&mut self, body: &str) -> Option<(String, String)> {
        let (native_sha1, runs) = self.native.load(body);
        if runs != "native" {
            return None;
        }
        let (lua_sha1, runs) = self.lua.load(&format!("{NOT_NATIVE}{body}"));
        assert_eq!(runs, "lua", "{body}");
        Some((native_sha1, lua_sha1))
    }

    /// Runs the script both ways; what was counted meanwhile.
    ///
    /// # Panics
    /// If the two show anything that differs.
    fn check(&mut self, body: &str, sha1s: &(String, String), mut case: Case) -> Vec<String> {
        let preparation = case.preparation();
        self.native.call_all(&preparation);
        self.lua.call_all(&preparation);
        if let ([key, ..], [_, _, _, _, _, digest, ..]) = (&*case.keys, &mut *case.argv) {
            let [found, _] =
                [&mut self.native, &mut self.lua].map(|side| side.call(&[b"DIGEST", key]));
            if let Frame::Blob(_, found) = found {
                *digest = found;
            }
        }
        let native = show(&mut self.native, &sha1s.0, &case);
        let lua = show(&mut self.lua, &sha1s.1, &case);
        assert!(
            native == lua,
            "{body}\n{case:?}\n{}",
            native.differences(&lua)
        );
        native.counts
    }
}

fn case_count(default: usize) -> usize {
    match std::env::var("CASES") {
        Ok(count) => count.parse().expect("CASES is a number"),
        Err(_) => default,
    }
}

#[test]
fn lock_scripts_do_the_same_natively_and_in_lua() {
    let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/scripts/locks");
    let mut paths: Vec<_> = std::fs::read_dir(directory)
        .expect("the directory of scripts")
        .map(|entry| entry.expect("a directory entry").path())
        .collect();
    paths.sort();
    let mut pairs = [Pair::start("2"), Pair::start("3")];
    let each = case_count(450).div_ceil(2 * paths.len());
    let mut native = 0;
    for path in &paths {
        let body = std::fs::read_to_string(path).expect("a readable script");
        for (pair, salt) in pairs.iter_mut().zip(0..) {
            let Some(sha1s) = pair.load(&body) else {
                continue;
            };
            native += 1;
            let mut seed = Seed(native * 2 + salt);
            for _ in 0..each {
                let unix_ms = pair.unix_ms();
                let (keys, arguments) = (seed.below(4), 1 + seed.below(6));
                pair.check(
                    &body,
                    &sha1s,
                    Case::draw(&mut seed, keys, arguments, unix_ms),
                );
            }
        }
    }
    println!("{native} native scripts, RESP2 and RESP3 apart, each in {each} cases");
    assert!(native >= 100);
}

#[test]
fn made_up_scripts_do_the_same_natively_and_in_lua() {
    let mut pairs = [Pair::start("2"), Pair::start("3")];
    let mut seed = Seed(2);
    let (mut scripts, mut refused) = (0, 0);
    let mut succeeded: BTreeMap<String, u64> = BTreeMap::new();
    let count = case_count(800);
    while scripts < count {
        let body = made_up::script(&mut seed);
        let pair = &mut pairs[scripts % 2];
        let Some(sha1s) = pair.load(&body) else {
            refused += 1;
            continue;
        };
        scripts += 1;
        let unix_ms = pair.unix_ms();
        let case = Case::draw(&mut seed, 3, made_up::ARGUMENTS, unix_ms);
        for line in pair.check(&body, &sha1s, case) {
            if let Some((name, times)) = command_counts(&line) {
                *succeeded.entry(name.to_owned()).or_default() += times;
            }
        }
    }
    println!("{scripts} native scripts, {refused} that are not");
    assert!(
        refused * 20 < scripts,
        "{refused} of {scripts} are not native"
    );
    for name in made_up::COMMANDS {
        let times = succeeded.get(*name).copied().unwrap_or_default();
        assert!(times > 3, "{name} succeeded only {times} times");
    }
}

/// The command of a line of INFO commandstats, and how often it succeeded.
fn command_counts(line: &str) -> Option<(&str, u64)> {
    let (name, fields) = line.strip_prefix("cmdstat_")?.split_once(':')?;
    let number = |field: &str| -> Option<u64> {
        let found = fields.split(',').find_map(|each| each.strip_prefix(field));
        found?.parse().ok()
    };
    Some((name, number("calls=")? - number("failed_calls=")?))
}
