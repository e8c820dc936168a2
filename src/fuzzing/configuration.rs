//! redis.conf, the command line and CONFIG SET: what was read is written, and reads the same again.

use std::ffi::OsString;
use std::fs;
use std::os::unix::ffi::OsStringExt as _;

use super::directory::Scratch;
use crate::config::Config;

/// Separates the file, the words of the command line, and the pairs of CONFIG SET.
const SEPARATOR: u8 = 0xff;

/// The text of a file, words of a command line, a pair of CONFIG SET.
pub(super) fn configuration(bytes: &[u8]) {
    // Other files than the one that is given are none of a fuzzer's business.
    if contains(&bytes.to_ascii_lowercase(), b"include") {
        return;
    }
    let mut parts = bytes.split(|byte| *byte == SEPARATOR);
    let text = parts.next().unwrap_or_default();
    let options = parts.next().unwrap_or_default();
    let pair: Vec<&[u8]> = parts.take(2).collect();
    let scratch = Scratch::new("configuration");
    let path = scratch.path.join("redis.conf");
    fs::write(&path, text).expect("a scratch file can be written");
    let mut words = vec![path.clone().into_os_string()];
    if !options.is_empty() {
        let options = options.split(|byte| *byte == b'\n');
        words.extend(options.map(|word| OsString::from_vec(word.to_vec())));
    }
    let Ok(loaded) = Config::load(&words, &mut std::io::empty()) else {
        return;
    };
    let config = loaded.config;
    if let [name, value] = *pair {
        let _ = config.set(&[(name, value)]);
    }
    let shown = config.get(&[b"*"]);
    if config.rewrite().is_err() {
        return;
    }
    let words = [path.into_os_string()];
    let again = match Config::load(&words, &mut std::io::empty()) {
        Ok(again) => again.config.get(&[b"*"]),
        Err(error) => panic!("what CONFIG REWRITE has written is refused: {error}"),
    };
    let differs = shown.iter().zip(&again).find(|(one, other)| one != other);
    assert_eq!(differs, None, "after CONFIG REWRITE");
}

fn contains(bytes: &[u8], word: &[u8]) -> bool {
    bytes.windows(word.len()).any(|window| window == word)
}
