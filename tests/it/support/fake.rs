//! A server that answers the requests of a load, but not as it should.
//!
//! It reads requests as arrays of bulk strings and knows the commands that a load's preparations
//! send.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// What is wrong with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Manners {
    /// A release is answered with 0, though the lock was granted.
    WrongRelease,
    /// Nobody is granted a lock.
    Refuse,
    /// A connection is closed at its SET of this number.
    DropAt { set: usize },
    /// Every request is answered as a web server would.
    Http,
}

/// It listens until it is dropped; its connections live as long as their clients.
pub(crate) struct Fake {
    address: SocketAddr,
    is_ended: Arc<AtomicBool>,
}

impl Fake {
    pub(crate) fn start(manners: Manners) -> Fake {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("its address");
        let is_ended = Arc::new(AtomicBool::new(false));
        let flag = Arc::clone(&is_ended);
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                if flag.load(Ordering::Relaxed) {
                    return;
                }
                std::thread::spawn(move || serve(&stream, manners));
            }
        });
        Fake { address, is_ended }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Fake {
    fn drop(&mut self) {
        self.is_ended.store(true, Ordering::Relaxed);
        // Wakes the listener, so that it looks at the flag.
        let _ = TcpStream::connect(self.address);
    }
}

fn serve(stream: &TcpStream, manners: Manners) {
    // Else each small reply would wait for the acknowledgement of the one before.
    stream
        .set_nodelay(true)
        .expect("a socket takes TCP_NODELAY");
    let mut requests = BufReader::new(stream);
    let mut out = stream;
    let mut sets = 0;
    while let Some(words) = next_request(&mut requests) {
        let name = String::from_utf8_lossy(&words[0]).into_owned();
        sets += usize::from(name == "SET");
        if matches!(manners, Manners::DropAt { set } if sets == set) {
            return;
        }
        let reply = match (name.as_str(), manners) {
            (_, Manners::Http) => "HTTP/1.1 400 Bad Request\r\n\r\n".to_owned(),
            ("SCRIPT", _) => {
                let digest = sha1_smol::Sha1::from(&words[2]).digest();
                format!("$40\r\n{digest}\r\n")
            }
            ("PING", _) => "+PONG\r\n".to_owned(),
            ("SET", Manners::Refuse) => "$-1\r\n".to_owned(),
            ("SET", _) => "+OK\r\n".to_owned(),
            ("EVALSHA", Manners::DropAt { .. }) => ":1\r\n".to_owned(),
            ("EVALSHA" | "EXISTS" | "DEL", _) => ":0\r\n".to_owned(),
            (name, _) => format!("-ERR unknown command '{name}'\r\n"),
        };
        if out.write_all(reply.as_bytes()).is_err() {
            return;
        }
    }
}

/// The words of the next request; `None` at the end of the connection.
fn next_request(requests: &mut impl BufRead) -> Option<Vec<Vec<u8>>> {
    let count = header(requests, '*')?;
    let mut words = Vec::with_capacity(count);
    for _ in 0..count {
        let length = header(requests, '$')?;
        let mut word = vec![0; length + 2];
        requests.read_exact(&mut word).ok()?;
        word.truncate(length);
        words.push(word);
    }
    Some(words)
}

fn header(requests: &mut impl BufRead, mark: char) -> Option<usize> {
    let mut line = String::new();
    requests.read_line(&mut line).ok()?;
    line.trim_end().strip_prefix(mark)?.parse().ok()
}
