//! Connections to a server: blocking ones for questions, non-blocking ones for load.
//!
//! A connection is made and authenticated while it blocks, and only then turned into one of a load.

use std::fmt;
use std::io::{self, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::Duration;

use crate::error::BenchError;

use super::reply::{Answer, first_answer};
use super::request::request;

/// Where a server listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// A host's name or address, and its port.
    Tcp(String, u16),
    /// A socket in the file system.
    Unix(PathBuf),
}

/// How long a connection may take, and a reply outside of the measurement.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Target::Tcp(host, port) if host.contains(':') => write!(f, "[{host}]:{port}"),
            Target::Tcp(host, port) => write!(f, "{host}:{port}"),
            Target::Unix(path) => write!(f, "{}", path.display()),
        }
    }
}

impl Target {
    fn connect(&self) -> io::Result<Socket> {
        match self {
            Target::Tcp(host, port) => connect_tcp(host, *port).map(Socket::Tcp),
            Target::Unix(path) => UnixStream::connect(path).map(Socket::Unix),
        }
    }

    /// The connection ended though replies were owed.
    pub(super) fn dropped(&self, reason: &str) -> BenchError {
        BenchError::Dropped {
            target: self.to_string(),
            reason: reason.to_owned(),
        }
    }

    /// What came is no reply.
    pub(super) fn protocol(&self, what: String) -> BenchError {
        BenchError::Protocol {
            target: self.to_string(),
            what,
        }
    }
}

/// The first of the host's addresses that accepts.
fn connect_tcp(host: &str, port: u16) -> io::Result<TcpStream> {
    let mut reason = io::Error::new(io::ErrorKind::NotFound, "the host has no address");
    for address in (host, port).to_socket_addrs()? {
        match TcpStream::connect_timeout(&address, PATIENCE) {
            Ok(stream) => {
                stream.set_nodelay(true)?;
                return Ok(stream);
            }
            Err(error) => reason = error,
        }
    }
    Err(reason)
}

enum Socket {
    Tcp(TcpStream),
    Unix(UnixStream),
}

/// A blocking connection: one question after another.
pub(super) struct Control {
    target: Target,
    socket: Socket,
    received: Vec<u8>,
}

impl Control {
    /// Connects, authenticates, and makes sure that the server answers.
    pub(super) fn open(target: &Target, password: Option<&str>) -> Result<Control, BenchError> {
        let socket = target.connect().map_err(|error| BenchError::Connect {
            target: target.to_string(),
            reason: error.to_string(),
        })?;
        let mut control = Control {
            target: target.clone(),
            socket,
            received: Vec::new(),
        };
        control.limit_waiting().map_err(|error| {
            let reason = error.to_string();
            target.dropped(&reason)
        })?;
        if let Some(password) = password {
            control.ask(&[b"AUTH", password.as_bytes()])?;
        }
        // A server that has no room says so only now.
        control.ask(&[b"PING"])?;
        Ok(control)
    }

    fn limit_waiting(&mut self) -> io::Result<()> {
        match &self.socket {
            Socket::Tcp(stream) => {
                stream.set_read_timeout(Some(PATIENCE))?;
                stream.set_write_timeout(Some(PATIENCE))
            }
            Socket::Unix(stream) => {
                stream.set_read_timeout(Some(PATIENCE))?;
                stream.set_write_timeout(Some(PATIENCE))
            }
        }
    }

    pub(super) fn target(&self) -> &Target {
        &self.target
    }

    /// Asks, and takes an error for the end of the matter.
    pub(super) fn ask(&mut self, words: &[&[u8]]) -> Result<Answer, BenchError> {
        let sent = self.send(&request(words));
        // What the server said before it closed tells more than that it did.
        match (sent, self.next_answer()) {
            (_, Ok(Answer::Error(reply))) => Err(self.refusal(words, reply)),
            (Ok(()), answer) => answer,
            (Err(error), _) => Err(error),
        }
    }

    fn refusal(&self, words: &[&[u8]], reply: String) -> BenchError {
        let target = self.target.to_string();
        let is_about_password = ["NOAUTH", "WRONGPASS"];
        if is_about_password.iter().any(|code| reply.starts_with(code)) {
            return BenchError::Password { target, reply };
        }
        let request = words.iter().take(1);
        let request = request.map(|word| String::from_utf8_lossy(word).into_owned());
        BenchError::Refused {
            target,
            request: request.collect(),
            reply,
        }
    }

    /// Sends several requests with one argument list each, and gives their answers.
    pub(super) fn ask_all(&mut self, requests: &[Vec<Vec<u8>>]) -> Result<Vec<Answer>, BenchError> {
        let words = |each: &Vec<Vec<u8>>| {
            let words: Vec<&[u8]> = each.iter().map(Vec::as_slice).collect();
            request(&words)
        };
        let bytes: Vec<u8> = requests.iter().flat_map(words).collect();
        self.send(&bytes)?;
        let mut answers = Vec::with_capacity(requests.len());
        for request in requests {
            match self.next_answer()? {
                Answer::Error(reply) => {
                    let words: Vec<&[u8]> = request.iter().map(Vec::as_slice).collect();
                    return Err(self.refusal(&words, reply));
                }
                answer => answers.push(answer),
            }
        }
        Ok(answers)
    }

    pub(super) fn send(&mut self, bytes: &[u8]) -> Result<(), BenchError> {
        let sent = match &mut self.socket {
            Socket::Tcp(stream) => stream.write_all(bytes),
            Socket::Unix(stream) => stream.write_all(bytes),
        };
        sent.map_err(|error| self.failure(&error))
    }

    pub(super) fn next_answer(&mut self) -> Result<Answer, BenchError> {
        loop {
            match first_answer(&self.received) {
                Ok(Some((answer, length))) => {
                    self.received.drain(..length);
                    return Ok(answer);
                }
                Ok(None) => self.receive()?,
                Err(what) => return Err(self.target.protocol(what)),
            }
        }
    }

    fn receive(&mut self) -> Result<(), BenchError> {
        let mut part = [0; 16 * 1024];
        let length = match &mut self.socket {
            Socket::Tcp(stream) => stream.read(&mut part),
            Socket::Unix(stream) => stream.read(&mut part),
        };
        match length {
            Ok(0) => Err(self.target.dropped("it was closed by the server")),
            Ok(length) => {
                self.received.extend_from_slice(&part[..length]);
                Ok(())
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(()),
            Err(error) => Err(self.failure(&error)),
        }
    }

    fn failure(&self, error: &io::Error) -> BenchError {
        match error.kind() {
            io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => BenchError::Silent {
                target: self.target.to_string(),
                waited: PATIENCE,
            },
            _ => self.target.dropped(&error.to_string()),
        }
    }

    /// The connection for a load.
    pub(super) fn into_link(self) -> Result<Link, BenchError> {
        let link = match self.socket {
            Socket::Tcp(stream) => stream
                .set_nonblocking(true)
                .map(|()| Link::Tcp(mio::net::TcpStream::from_std(stream))),
            Socket::Unix(stream) => stream
                .set_nonblocking(true)
                .map(|()| Link::Unix(mio::net::UnixStream::from_std(stream))),
        };
        link.map_err(|error| self.target.dropped(&error.to_string()))
    }
}

/// A non-blocking connection.
pub(super) enum Link {
    Tcp(mio::net::TcpStream),
    Unix(mio::net::UnixStream),
}

impl Link {
    /// Has `poll` tell when there is something to read, or room to write again.
    pub(super) fn register(&mut self, poll: &mio::Poll, number: usize) -> Result<(), BenchError> {
        let (token, interest) = (
            mio::Token(number),
            mio::Interest::READABLE | mio::Interest::WRITABLE,
        );
        let registered = match self {
            Link::Tcp(stream) => poll.registry().register(stream, token, interest),
            Link::Unix(stream) => poll.registry().register(stream, token, interest),
        };
        registered.map_err(|error| system("watch its connections", &error))
    }

    /// Reads what is there; `None` if nothing is.
    #[inline]
    pub(super) fn read(&mut self, buffer: &mut [u8]) -> io::Result<Option<usize>> {
        let read = match self {
            Link::Tcp(stream) => stream.read(buffer),
            Link::Unix(stream) => stream.read(buffer),
        };
        match read {
            Ok(0) => Err(io::Error::new(
                io::ErrorKind::UnexpectedEof,
                "it was closed by the server",
            )),
            other => or_later(other),
        }
    }

    /// Writes as much as there is room for; `None` if there is none.
    #[inline]
    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<Option<usize>> {
        or_later(match self {
            Link::Tcp(stream) => stream.write(bytes),
            Link::Unix(stream) => stream.write(bytes),
        })
    }
}

fn or_later(done: io::Result<usize>) -> io::Result<Option<usize>> {
    match done {
        Ok(length) => Ok(Some(length)),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
        Err(error) => Err(error),
    }
}

/// The system denies something to the load generator.
pub(super) fn system(what: &'static str, error: &io::Error) -> BenchError {
    BenchError::System {
        what,
        reason: error.to_string(),
    }
}
