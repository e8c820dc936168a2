//! Scripts for EVAL and its kin: those that run what their arguments say, those that have a random
//! request written into them, and those of lock libraries.

use std::sync::LazyLock;

use sha1_smol::Sha1;

use super::pools;
use super::request;
use super::rows::Rows;
use crate::support::seed::Seed;

/// Scripts that call what ARGV holds. They are few, so that EVALSHA finds them.
const GENERIC: [&str; 6] = [
    "return redis.call(unpack(ARGV))",
    "return redis.pcall(unpack(ARGV))",
    "redis.setresp(3) return redis.call(unpack(ARGV))",
    "local r = redis.pcall(unpack(ARGV)) return {type(r), type(r) == 'table' and r.err, r}",
    "return {KEYS, ARGV}",
    "if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('del', KEYS[1]) else return 0 end",
];

/// Words that a script of the judge's version cannot call.
const LATER: [&str; 4] = ["delex", "delifeq", "digest", "ifeq"];

/// The scripts of lock libraries.
static LOCKS: LazyLock<Vec<String>> = LazyLock::new(|| {
    let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/scripts/locks");
    let entries = std::fs::read_dir(directory).expect("the directory of scripts");
    let mut paths: Vec<_> = entries
        .map(|entry| entry.expect("a directory entry").path())
        .collect();
    paths.sort();
    let texts = paths
        .iter()
        .map(|path| std::fs::read_to_string(path).expect("a readable script"));
    let is_known = |text: &String| {
        let text = text.to_ascii_lowercase();
        !LATER.iter().any(|word| text.contains(word))
    };
    texts.filter(is_known).collect()
});

/// A script, or its SHA-1 where `argument` is that.
pub(super) fn draw(seed: &mut Seed, rows: &Rows, argument: &str) -> Vec<u8> {
    if argument == "sha1" {
        let sha1 = Sha1::from(seed.one_of(&GENERIC)).digest().to_string();
        return match seed.below(8) {
            0 => b"ffffffffffffffffffffffffffffffffffffffff".to_vec(),
            1 => pools::any_word(seed),
            _ => pools::spelled(seed, &sha1),
        };
    }
    match seed.below(10) {
        0 => pools::any_word(seed),
        1..=2 => LOCKS[seed.below(LOCKS.len())].clone().into_bytes(),
        3..=4 => written(seed, rows),
        _ => seed.one_of(&GENERIC).as_bytes().to_vec(),
    }
}

/// A script with requests written into it.
fn written(seed: &mut Seed, rows: &Rows) -> Vec<u8> {
    let mut text = Vec::new();
    for at in 0..1 + seed.below(3) {
        let function = seed.one_of(&["redis.call", "redis.pcall"]);
        text.extend_from_slice(format!("local r{at} = {function}(").as_bytes());
        // Scripts in scripts are refused; the requests that may stand here hold none.
        let words = request::draw_plain(seed, rows);
        for (place, word) in words.iter().enumerate() {
            if place > 0 {
                text.extend_from_slice(b", ");
            }
            match seed.below(8) {
                0 if place > 0 => text.extend_from_slice(b"KEYS[1]"),
                1 if place > 0 => text.extend_from_slice(b"ARGV[1]"),
                _ => quote(&mut text, word),
            }
        }
        text.extend_from_slice(b")\n");
    }
    text.extend_from_slice(
        seed.one_of(&["return r0", "return {r0}", "return 1", ""])
            .as_bytes(),
    );
    text
}

/// A string of Lua with all its bytes.
fn quote(text: &mut Vec<u8>, word: &[u8]) {
    text.push(b'\'');
    for byte in word {
        match byte {
            b'\'' | b'\\' => text.extend_from_slice(&[b'\\', *byte]),
            0..=31 | 127.. => text.extend_from_slice(format!("\\{byte:03}").as_bytes()),
            _ => text.push(*byte),
        }
    }
    text.push(b'\'');
}
