//! MONITOR: who wants to see every command, and the line that shows one.
//!
//! While there is nobody, a batch of requests looks at one number. The lines come in the order in
//! which one connection's commands ran; those of two connections come as their threads took turns.

use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::RwLock;

use crate::client::Client;
use crate::config::OutputLimit;

/// The connections that watch.
#[derive(Default)]
pub struct Monitors {
    count: AtomicUsize,
    clients: RwLock<Vec<Arc<Client>>>,
}

impl Monitors {
    /// Whether there is one.
    pub fn is_any(&self) -> bool {
        self.count.load(Ordering::Relaxed) != 0
    }

    /// Adds a connection.
    pub fn add(&self, client: &Arc<Client>) {
        let mut clients = self.clients.write();
        clients.push(Arc::clone(client));
        self.count.store(clients.len(), Ordering::Relaxed);
    }

    /// Removes a connection, if it is one.
    pub fn remove(&self, client: &Client) {
        if !self.is_any() {
            return;
        }
        let mut clients = self.clients.write();
        clients.retain(|known| known.id != client.id);
        self.count.store(clients.len(), Ordering::Relaxed);
    }

    /// Shows a line to all; who lets more pile up than `limit` allows is disconnected.
    pub fn show(&self, line: &[u8], limit: OutputLimit) {
        for client in self.clients.read().iter() {
            client.show(limit, |out| out.extend_from_slice(line));
        }
    }
}

/// A command as MONITOR shows it, with its line end. `unix_us` is the time in microseconds since
/// 1970, `origin` the client's address or `lua`.
pub fn line(unix_us: i64, database: usize, origin: &str, request: &[&[u8]]) -> Vec<u8> {
    let (seconds, micros) = (unix_us.div_euclid(1_000_000), unix_us.rem_euclid(1_000_000));
    let mut line = format!("+{seconds}.{micros:06} [{database} {origin}]");
    for argument in request {
        line.push(' ');
        quote(argument, &mut line);
    }
    line.push_str("\r\n");
    line.into_bytes()
}

/// The bytes in quotes, those that are not printable ASCII escaped.
fn quote(bytes: &[u8], out: &mut String) {
    out.push('"');
    for byte in bytes {
        match byte {
            b'\\' | b'"' => {
                out.push('\\');
                out.push(char::from(*byte));
            }
            b'\n' => out.push_str("\\n"),
            b'\r' => out.push_str("\\r"),
            b'\t' => out.push_str("\\t"),
            0x07 => out.push_str("\\a"),
            0x08 => out.push_str("\\b"),
            b' '..=b'~' => out.push(char::from(*byte)),
            // Writing to a string cannot fail.
            _ => drop(write!(out, "\\x{byte:02x}")),
        }
    }
    out.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_that_of_redis() {
        let odd = b"a\x00\xff\"\\\n\r\t\x07\x08\x1b'";
        assert_eq!(
            line(1_795_402_318_007_439, 3, "lua", &[b"SET", odd, b""]),
            b"+1795402318.007439 [3 lua] \"SET\" \"a\\x00\\xff\\\"\\\\\\n\\r\\t\\a\\b\\x1b'\" \"\"\r\n"
        );
    }
}
