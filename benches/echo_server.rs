//! The limit of `scripts/compare`: a server with the threads and sockets of Quintlock that does no
//! work.
//!
//! ```sh
//! cargo run --release --example echo_server -- --port 7777 --reply SET/6=+OK --reply EVALSHA/5=:1
//! ```
//!
//! The command that a read begins with, and the number of its words, choose a reply, which is sent
//! as often as the read has requests: they are counted by their asterisks, and neither parsed nor
//! kept. So a load may have requests of one kind in flight on a connection, and no asterisk in its
//! keys and values. The reply `held` is the value that was set last when the connection was made.
//! Requests that no rule names (a load is set up with them) are parsed, and answered as by an
//! empty server that agrees to everything.

use std::cell::RefCell;
use std::future::poll_fn;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::pin::Pin;
use std::process::ExitCode;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use parking_lot::Mutex;
use quintlock::server::workers::Workers;
use socket2::{Domain, Socket, Type};
use tokio::io::{AsyncRead as _, AsyncWrite as _, ReadBuf};
use tokio::net::TcpStream;

const USAGE: &str = "echo_server --port PORT --reply COMMAND/WORDS=REPLY ...";

/// As the server that is measured beside it.
const READ_BYTES: usize = 64 * 1024;

/// Replies that are ready to be sent at once; more are put together.
const READY_REPLIES: usize = 64;

/// Bytes that requests of a set-up may have together before they are whole.
const SETUP_BYTES_MAX: usize = 1 << 24;

/// What SCRIPT LOAD answers: no script is kept, so one digest does for all.
const DIGEST: &[u8] = b"0123456789abcdef0123456789abcdef01234567";

const BACKLOG: i32 = 4096;

/// The reply to a request.
enum Reply {
    /// The bytes on the wire, `READY_REPLIES` times.
    Fixed { bytes: Vec<u8>, length: usize },
    /// What the connection found held.
    Held,
}

/// What every request of one kind is answered.
struct Rule {
    /// How such a request begins, up to its first argument.
    beginning: Vec<u8>,
    reply: Reply,
}

struct Rules {
    rules: Vec<Rule>,
    /// A bulk reply with the value of the latest SET that no rule answered.
    held: Mutex<Option<Arc<Reply>>>,
}

struct Options {
    port: u16,
    rules: Rules,
}

fn main() -> ExitCode {
    match options(std::env::args().skip(1)) {
        Ok(options) => match serve(options) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => complain(&format!("cannot serve: {error}")),
        },
        Err(reason) => complain(&format!("{reason}; usage: {USAGE}")),
    }
}

fn complain(reason: &str) -> ExitCode {
    eprintln!("echo_server: {reason}");
    ExitCode::from(2)
}

fn options(mut words: impl Iterator<Item = String>) -> Result<Options, String> {
    let (mut port, mut rules) = (None, Vec::new());
    while let Some(name) = words.next() {
        let value = words.next().ok_or(format!("{name} needs a value"))?;
        match name.as_str() {
            "--port" => port = Some(value.parse().map_err(|_| format!("no port is {value}"))?),
            "--reply" => rules.push(Rule::new(&value).ok_or(format!("{value} is no rule"))?),
            _ => return Err(format!("{name} is unknown")),
        }
    }
    let port = port.ok_or("--port is missing")?;
    let held = Mutex::new(None);
    let rules = Rules { rules, held };
    Ok(Options { port, rules })
}

impl Rule {
    /// A rule as it is written on the command line.
    fn new(text: &str) -> Option<Rule> {
        let (request, reply) = text.split_once('=')?;
        let (command, words) = request.split_once('/')?;
        let words: usize = words.parse().ok()?;
        let length = command.len();
        Some(Rule {
            beginning: format!("*{words}\r\n${length}\r\n{command}\r\n").into_bytes(),
            reply: match reply.as_bytes() {
                b"held" => Reply::Held,
                [b'+' | b':' | b'$', ..] => Reply::fixed(format!("{reply}\r\n").as_bytes()),
                _ => return None,
            },
        })
    }
}

impl Reply {
    fn fixed(one: &[u8]) -> Reply {
        Reply::Fixed {
            bytes: one.repeat(READY_REPLIES),
            length: one.len(),
        }
    }

    /// Puts the reply into `out`, `count` times.
    fn write(&self, mut count: usize, held: Option<&Reply>, out: &mut Vec<u8>) {
        match (self, held) {
            (Reply::Fixed { bytes, length }, _) => {
                while count > 0 {
                    let part = count.min(READY_REPLIES);
                    out.extend_from_slice(&bytes[..part * length]);
                    count -= part;
                }
            }
            (Reply::Held, Some(held)) => held.write(count, None, out),
            (Reply::Held, None) => out.extend_from_slice(&b"$-1\r\n".repeat(count)),
        }
    }
}

/// Serves until a signal ends the process.
fn serve(options: Options) -> io::Result<()> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let workers = Workers::new(cores);
    workers.start()?;
    let rules = Arc::new(options.rules);
    let listener = listen(options.port)?;
    for stream in listener.incoming() {
        let (stream, connection) = (stream?, Connection::new(Arc::clone(&rules)));
        stream.set_nodelay(true)?;
        stream.set_nonblocking(true)?;
        workers.run(move || {
            tokio::task::spawn_local(async move {
                if let Ok(stream) = TcpStream::from_std(stream) {
                    // A connection that breaks is the load's concern.
                    let _ = connection.serve(stream).await;
                }
            });
        });
    }
    Ok(())
}

fn listen(port: u16) -> io::Result<std::net::TcpListener> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    socket.set_reuse_address(true)?;
    socket.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, port)).into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// The buffers of a thread.
struct Scratch {
    read: Vec<u8>,
    write: Vec<u8>,
}

thread_local! {
    static SCRATCH: RefCell<Scratch> = RefCell::new(Scratch {
        read: vec![0; READ_BYTES],
        write: Vec::new(),
    });
}

struct Connection {
    rules: Arc<Rules>,
    /// What was held when it was made.
    held: Option<Arc<Reply>>,
    /// The rule of the read before: one that begins within a request goes on with it.
    rule: Option<usize>,
    /// Requests of a set-up that are not whole yet.
    half_read: Vec<u8>,
    /// Replies that the socket did not take yet.
    unsent: Vec<u8>,
}

impl Connection {
    fn new(rules: Arc<Rules>) -> Connection {
        let held = rules.held.lock().clone();
        Connection {
            rules,
            held,
            rule: None,
            half_read: Vec::new(),
            unsent: Vec::new(),
        }
    }

    async fn serve(mut self, mut stream: TcpStream) -> io::Result<()> {
        while poll_fn(|task| self.poll_flush(&mut stream, task)).await?
            && poll_fn(|task| self.poll_turn(&mut stream, task)).await? > 0
        {}
        Ok(())
    }

    /// Sends what the socket did not take; tells whether it still takes anything.
    fn poll_flush(
        &mut self,
        stream: &mut TcpStream,
        task: &mut Context<'_>,
    ) -> Poll<io::Result<bool>> {
        while !self.unsent.is_empty() {
            let sent = ready!(Pin::new(&mut *stream).poll_write(task, &self.unsent))?;
            if sent == 0 {
                return Poll::Ready(Ok(false));
            }
            self.unsent.drain(..sent);
        }
        Poll::Ready(Ok(true))
    }

    /// Reads, and answers at once what was read; tells how many bytes that were.
    fn poll_turn(
        &mut self,
        stream: &mut TcpStream,
        task: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        SCRATCH.with_borrow_mut(|Scratch { read, write }| {
            let mut buffer = ReadBuf::new(read);
            ready!(Pin::new(&mut *stream).poll_read(task, &mut buffer))?;
            write.clear();
            self.answer(buffer.filled(), write)?;
            let mut sent = 0;
            while sent < write.len() {
                match Pin::new(&mut *stream).poll_write(task, &write[sent..])? {
                    Poll::Ready(bytes) => sent += bytes,
                    Poll::Pending => break,
                }
            }
            self.unsent.extend_from_slice(&write[sent..]);
            Poll::Ready(Ok(buffer.filled().len()))
        })
    }

    fn answer(&mut self, bytes: &[u8], out: &mut Vec<u8>) -> io::Result<()> {
        if self.half_read.is_empty() {
            if bytes.starts_with(b"*") {
                self.rule = self.rules.find(bytes);
            }
            if let Some(rule) = self.rule {
                let count = bytes.iter().filter(|byte| **byte == b'*').count();
                let reply = &self.rules.rules[rule].reply;
                reply.write(count, self.held.as_deref(), out);
                return Ok(());
            }
        }
        self.half_read.extend_from_slice(bytes);
        let mut done = 0;
        while let Some((words, length)) = request(&self.half_read[done..])? {
            self.rules.agree(&words, out);
            done += length;
        }
        self.half_read.drain(..done);
        if self.half_read.len() > SETUP_BYTES_MAX {
            return Err(io::ErrorKind::InvalidData.into());
        }
        Ok(())
    }
}

impl Rules {
    /// The rule for requests that begin as `bytes` do.
    fn find(&self, bytes: &[u8]) -> Option<usize> {
        let is_meant = |rule: &Rule| bytes.starts_with(&rule.beginning);
        self.rules.iter().position(is_meant)
    }

    /// Answers a request as an empty server that agrees to everything.
    fn agree(&self, words: &[&[u8]], out: &mut Vec<u8>) {
        let name = words.first().map(|name| name.to_ascii_uppercase());
        let name = name.as_deref().unwrap_or_default();
        match name {
            b"PING" => out.extend_from_slice(b"+PONG\r\n"),
            b"SCRIPT" => bulk(DIGEST, out),
            b"EXISTS" => out.extend_from_slice(b":0\r\n"),
            b"DEL" | b"UNLINK" => out.extend(format!(":{}\r\n", words.len() - 1).bytes()),
            b"SET" => {
                let mut held = Vec::new();
                bulk(words.get(2).copied().unwrap_or_default(), &mut held);
                *self.held.lock() = Some(Arc::new(Reply::fixed(&held)));
                out.extend_from_slice(b"+OK\r\n");
            }
            _ => out.extend_from_slice(b"+OK\r\n"),
        }
    }
}

fn bulk(value: &[u8], out: &mut Vec<u8>) {
    out.extend(format!("${}\r\n", value.len()).bytes());
    out.extend_from_slice(value);
    out.extend_from_slice(b"\r\n");
}

/// The words of a request, and its length in bytes.
type Request<'a> = (Vec<&'a [u8]>, usize);

/// The words of the request that `bytes` begin with, and its length; `None` while it is not whole.
fn request(bytes: &[u8]) -> io::Result<Option<Request<'_>>> {
    let Some((count, mut at)) = number_after(b'*', bytes)? else {
        return Ok(None);
    };
    let mut words = Vec::new();
    for _ in 0..count {
        let Some((length, head)) = number_after(b'$', &bytes[at..])? else {
            return Ok(None);
        };
        let begin = at + head;
        at = begin + length + b"\r\n".len();
        match bytes.get(begin..at) {
            Some(word) => words.push(&word[..length]),
            None => return Ok(None),
        }
    }
    Ok(Some((words, at)))
}

/// The number in the line that `bytes` begin with, behind the mark, and the line's length.
fn number_after(mark: u8, bytes: &[u8]) -> io::Result<Option<(usize, usize)>> {
    let Some(end) = bytes.iter().position(|byte| *byte == b'\n') else {
        return Ok(None);
    };
    let digits = bytes[..end].trim_ascii_end().strip_prefix(&[mark]);
    let number = digits.and_then(|digits| std::str::from_utf8(digits).ok()?.parse().ok());
    match number {
        Some(number) if number <= SETUP_BYTES_MAX => Ok(Some((number, end + 1))),
        _ => Err(io::ErrorKind::InvalidData.into()),
    }
}
