//! Cases in words that a person can read, for the message of a test that failed.

use std::fmt;

use super::{Case, Held};

impl fmt::Debug for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words = |list: &[Vec<u8>]| {
            let words: Vec<String> = list.iter().map(|text| quoted(text)).collect();
            words.join(" ")
        };
        let (keys, argv) = (words(&self.keys), words(&self.argv));
        write!(f, "KEYS {keys}\nARGV {argv}\nbefore")?;
        for (key, held) in &self.before {
            write!(f, " {} {held:?};", quoted(key))?;
        }
        Ok(())
    }
}

impl fmt::Debug for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Held::Nothing => f.write_str("-"),
            Held::List => f.write_str("list"),
            Held::Text { value, ttl_ms } => {
                f.write_str(&quoted(value))?;
                ttl_ms.map_or(Ok(()), |ttl| write!(f, " for {ttl} ms"))
            }
        }
    }
}

/// Bytes for people.
pub(crate) fn quoted(bytes: &[u8]) -> String {
    format!("'{}'", bytes.escape_ascii())
}
