//! A journal that ends anywhere: what was done as one is there as a whole or not at all.

use std::fs;

use super::{FIRST, Place, records, state};
use crate::support::service::connect;

/// Moves one from the first account to the second; in Lua and natively.
const MOVES: [&str; 3] = [
    "EVAL \"redis.call('incrby', 'a', -1) for i = 1, 2 do end redis.call('incr', 'b')\" 0",
    "EVAL \"local a = redis.call('get', KEYS[1]) redis.call('set', KEYS[1], a - 1) \
     redis.call('set', KEYS[2], 100 - a + 1)\" 2 a b",
    "MULTI",
];

#[test]
fn scripts_and_transactions_are_there_whole_or_not_at_all() {
    let place = Place::new();
    let server = place.start("guard", &[]);
    let mut client = connect(&server);
    assert_eq!(client.ask("MSET a 100 b 0"), "+OK");
    let begin = records(&place.settled_copy().file(FIRST)).len();
    for line in MOVES {
        let answer = client.ask(line);
        assert!(!answer.starts_with("-"), "{line}: {answer}");
    }
    assert_eq!(client.ask("DECR a"), "+QUEUED");
    assert_eq!(client.ask("SELECT 1"), "+QUEUED");
    assert_eq!(client.ask("SET other x PX 100000"), "+QUEUED");
    assert_eq!(client.ask("SELECT 0"), "+QUEUED");
    assert_eq!(client.ask("INCR b"), "+QUEUED");
    client.ask("EXEC");
    assert_eq!(client.ask("MGET a b"), "*2 $\"97\" $\"3\"");
    let copy = place.settled_copy();
    let end = records(&copy.file(FIRST)).len();
    let whole = fs::read(copy.file(FIRST)).expect("a journal");
    let mut seen = [false; 4];
    for length in begin..=end {
        fs::write(copy.file(FIRST), &whole[..length]).expect("it can be written");
        let server = copy.start("guard", &[]);
        // The horizon knows of a longer journal.
        server.advance(std::time::Duration::from_secs(200));
        let found = state(&mut connect(&server), 2);
        let value = |key: &str| {
            let (value, _) = found.get(&(0, key.into())).expect("an account");
            String::from_utf8_lossy(value)
                .parse::<i64>()
                .expect("a number")
        };
        assert_eq!(value("a") + value("b"), 100, "cut at {length}");
        seen[value("b") as usize] = true;
    }
    assert_eq!(seen, [true; 4]);
}

#[test]
fn a_record_that_was_not_finished_is_not_there_whatever_it_holds() {
    let place = Place::new();
    let server = place.start("guard", &[]);
    let mut client = connect(&server);
    assert_eq!(client.ask("SET first 1"), "+OK");
    let begin = records(&place.settled_copy().file(FIRST)).len();
    let value = "*1\r\n$8\r\nFLUSHALL\r\n#QL:end now=1 unix=1\r\n*1\r\n$4\r\nEXEC\r\n";
    assert_eq!(client.call(&["SET", "second", value]).to_string(), "+OK");
    let copy = place.settled_copy();
    let end = records(&copy.file(FIRST)).len();
    let whole = fs::read(copy.file(FIRST)).expect("a journal");
    for written in begin..=end {
        fs::write(copy.file(FIRST), &whole[..written]).expect("it can be written");
        copy.end_journal_at(1, begin as u64, end as u64);
        if written % 16 == 0 {
            let told = copy.check(&[]);
            let has_piece = told.contains("were not finished; a server leaves them out");
            assert_eq!(has_piece, written > begin, "{told}");
        }
        let after = copy.copy();
        let server = after.start("guard", &[]);
        let mut client = connect(&server);
        assert_eq!(
            client.ask("MGET first second"),
            "*2 $\"1\" $-1",
            "{written}"
        );
        assert_eq!(client.ask("SET third 3"), "+OK");
    }
}
