//! The way from the clients to one instance, which can be cut, slowed down, or lose replies.
//!
//! A proxy listens on a port of its own and passes bytes on, in a thread of its own. What a condition
//! swallows is gone: such a connection is not in step any more and ends when the condition does. It
//! knows nothing of the protocol.

use std::collections::VecDeque;
use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token, Waker};
use parking_lot::Mutex;

use crate::clock::Stopwatch;
use crate::error::TortureError;

use super::schedule::Cut;

/// The state of the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Weather {
    Fair,
    Cut(Cut),
    /// Milliseconds each way.
    Delay(u64),
    LostReplies,
}

/// A proxy; its connections end when it is dropped.
pub(super) struct Proxy {
    address: SocketAddr,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    weather: Mutex<Weather>,
    is_over: AtomicBool,
    waker: Waker,
}

const LISTENER: Token = Token(usize::MAX);
const WAKER: Token = Token(usize::MAX - 1);
const EVENTS: usize = 256;
const READ_BYTES: usize = 16 * 1024;

impl Proxy {
    /// Begins to pass on what comes for `target`.
    pub(super) fn start(target: SocketAddr) -> Result<Proxy, TortureError> {
        let fail = |error: std::io::Error| TortureError::system("start a proxy", &error);
        let poll = Poll::new().map_err(fail)?;
        let waker = Waker::new(poll.registry(), WAKER).map_err(fail)?;
        let any_port = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let mut listener = TcpListener::bind(any_port).map_err(fail)?;
        let readable = Interest::READABLE;
        let registered = poll.registry().register(&mut listener, LISTENER, readable);
        registered.map_err(fail)?;
        let address = listener.local_addr().map_err(fail)?;
        let shared = Arc::new(Shared {
            weather: Mutex::new(Weather::Fair),
            is_over: AtomicBool::new(false),
            waker,
        });
        let relay = Relay {
            target,
            listener,
            poll,
            shared: Arc::clone(&shared),
            weather: Weather::Fair,
            pairs: Vec::new(),
            clock: Stopwatch::start(),
            buffer: vec![0; READ_BYTES],
        };
        let thread = std::thread::Builder::new()
            .name("proxy".to_owned())
            .spawn(move || relay.run())
            .map_err(fail)?;
        Ok(Proxy {
            address,
            shared,
            thread: Some(thread),
        })
    }

    /// Where clients connect to.
    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Changes the state of the way for what is sent from now on.
    pub(super) fn set(&self, weather: Weather) {
        *self.shared.weather.lock() = weather;
        // A thread that cannot be woken has ended, and passes nothing on.
        let _ = self.shared.waker.wake();
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.is_over.store(true, Ordering::Relaxed);
        let _ = self.shared.waker.wake();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// The thread's side.
struct Relay {
    target: SocketAddr,
    listener: TcpListener,
    poll: Poll,
    shared: Arc<Shared>,
    weather: Weather,
    /// A free place is `None`.
    pairs: Vec<Option<Pair>>,
    clock: Stopwatch,
    buffer: Vec<u8>,
}

/// A client's connection, and ours to the instance for it.
struct Pair {
    ends: [End; 2],
    /// Something was swallowed.
    is_broken: bool,
}

const CLIENT: usize = 0;
const SERVER: usize = 1;

struct End {
    stream: TcpStream,
    is_closed: bool,
    /// What is to be written here, and not before when.
    outbound: VecDeque<(u64, Vec<u8>)>,
}

impl Relay {
    fn run(mut self) {
        let mut events = Events::with_capacity(EVENTS);
        while !self.shared.is_over.load(Ordering::Relaxed) {
            let wait = self.next_due().map(Duration::from_nanos);
            if let Err(error) = self.poll.poll(&mut events, wait)
                && error.kind() != ErrorKind::Interrupted
            {
                return;
            }
            let weather = *self.shared.weather.lock();
            if weather != self.weather {
                self.change(weather);
            }
            for event in &events {
                match event.token() {
                    LISTENER => self.accept(),
                    WAKER => {}
                    Token(number) => self.receive(number),
                }
            }
            self.pass_on();
        }
    }

    /// How long it is until something may be passed on, in nanoseconds.
    fn next_due(&self) -> Option<u64> {
        if self.is_held() {
            return None;
        }
        let now_ns = self.clock.elapsed_ns();
        let ends = self.pairs.iter().flatten().flat_map(|pair| &pair.ends);
        let due = ends.filter_map(|end| end.outbound.front().map(|(due_ns, _)| *due_ns));
        // What is due already waits for the socket.
        due.filter(|due_ns| *due_ns > now_ns)
            .min()
            .map(|due_ns| due_ns - now_ns)
    }

    /// Whether nothing moves, not even the end of a connection.
    fn is_held(&self) -> bool {
        matches!(self.weather, Weather::Cut(Cut::Blackhole | Cut::Drop))
    }

    fn change(&mut self, weather: Weather) {
        self.weather = weather;
        for place in &mut self.pairs {
            let is_gone = match weather {
                Weather::Cut(Cut::Refuse) => true,
                _ => place.as_ref().is_some_and(|pair| pair.is_broken),
            };
            if is_gone {
                *place = None;
            }
        }
    }

    fn accept(&mut self) {
        while let Ok((client, _)) = self.listener.accept() {
            // Not what it was when this thread woke: the connection may be younger than that.
            if *self.shared.weather.lock() == Weather::Cut(Cut::Refuse) {
                continue;
            }
            let Ok(server) = TcpStream::connect(self.target) else {
                continue;
            };
            let free = self.pairs.iter().position(Option::is_none);
            let number = free.unwrap_or(self.pairs.len());
            let mut pair = Pair {
                ends: [End::new(client), End::new(server)],
                is_broken: false,
            };
            let both = Interest::READABLE | Interest::WRITABLE;
            let mut is_registered = true;
            for (side, end) in pair.ends.iter_mut().enumerate() {
                let token = Token(number * 2 + side);
                let done = self.poll.registry().register(&mut end.stream, token, both);
                is_registered &= done.is_ok();
            }
            match (is_registered, free) {
                (true, Some(place)) => self.pairs[place] = Some(pair),
                (true, None) => self.pairs.push(Some(pair)),
                (false, _) => {}
            }
        }
    }

    fn receive(&mut self, number: usize) {
        let (place, side) = (number / 2, number % 2);
        if let Some(Some(pair)) = self.pairs.get_mut(place) {
            pair.receive(side, self.weather, self.clock, &mut self.buffer);
        }
    }

    /// Writes what is due, and ends the connections that are over.
    fn pass_on(&mut self) {
        if self.is_held() {
            return;
        }
        let now_ns = self.clock.elapsed_ns();
        for place in &mut self.pairs {
            let Some(pair) = place else { continue };
            for end in &mut pair.ends {
                end.write(now_ns);
            }
            let [client, server] = &pair.ends;
            let is_over = (client.is_closed && server.outbound.is_empty())
                || (server.is_closed && client.outbound.is_empty());
            if is_over {
                *place = None;
            }
        }
    }
}

impl Pair {
    fn receive(&mut self, side: usize, weather: Weather, clock: Stopwatch, buffer: &mut [u8]) {
        let is_swallowed = match weather {
            Weather::Cut(Cut::Drop) => true,
            Weather::LostReplies => side == SERVER,
            _ => false,
        };
        let delay_ns = match weather {
            Weather::Delay(delay_ms) => delay_ms * 1_000_000,
            _ => 0,
        };
        loop {
            match self.ends[side].stream.read(buffer) {
                Ok(length) if length > 0 => {
                    if is_swallowed {
                        self.is_broken = true;
                        continue;
                    }
                    let outbound = &mut self.ends[CLIENT + SERVER - side].outbound;
                    // A later condition does not overtake an earlier one.
                    let before_ns = outbound.back().map_or(0, |(due_ns, _)| *due_ns);
                    let due_ns = before_ns.max(clock.elapsed_ns() + delay_ns);
                    outbound.push_back((due_ns, buffer[..length].to_vec()));
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Ok(_) | Err(_) => {
                    self.ends[side].is_closed = true;
                    self.ends[side].outbound.clear();
                    return;
                }
            }
        }
    }
}

impl End {
    fn new(stream: TcpStream) -> End {
        let _ = stream.set_nodelay(true);
        End {
            stream,
            is_closed: false,
            outbound: VecDeque::new(),
        }
    }

    fn write(&mut self, now_ns: u64) {
        while let Some((due_ns, bytes)) = self.outbound.front_mut() {
            if *due_ns > now_ns {
                return;
            }
            match self.stream.write(bytes) {
                Ok(length) if length == bytes.len() => {
                    self.outbound.pop_front();
                }
                Ok(length) => {
                    bytes.drain(..length);
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => {
                    self.is_closed = true;
                    self.outbound.clear();
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener as Listener, TcpStream as Stream};

    use super::*;

    /// Far above what passing a byte takes.
    const PATIENCE: Duration = Duration::from_secs(20);

    /// Both ends of a connection by way of a proxy.
    struct Way {
        proxy: Proxy,
        listener: Listener,
    }

    impl Way {
        fn new() -> Way {
            let listener = Listener::bind("127.0.0.1:0").unwrap();
            let proxy = Proxy::start(listener.local_addr().unwrap()).unwrap();
            Way { proxy, listener }
        }

        fn connect(&self) -> (Stream, Stream) {
            let client = Stream::connect(self.proxy.address()).unwrap();
            let (server, _) = self.listener.accept().unwrap();
            for stream in [&client, &server] {
                stream.set_read_timeout(Some(PATIENCE)).unwrap();
            }
            (client, server)
        }
    }

    fn assert_passes(from: &mut Stream, to: &mut Stream) {
        from.write_all(b"word").unwrap();
        let mut word = [0; 4];
        to.read_exact(&mut word).unwrap();
        assert_eq!(&word, b"word");
    }

    fn assert_ended(stream: &mut Stream) {
        let read = stream.read(&mut [0; 16]);
        let is_ended = match &read {
            Ok(length) => *length == 0,
            Err(error) => error.kind() == ErrorKind::ConnectionReset,
        };
        assert!(is_ended, "{read:?}");
    }

    #[test]
    fn bytes_pass_both_ways_and_so_does_the_end() {
        let way = Way::new();
        let (mut client, mut server) = way.connect();
        assert_passes(&mut client, &mut server);
        assert_passes(&mut server, &mut client);
        drop(server);
        assert_ended(&mut client);
    }

    #[test]
    fn what_is_sent_into_a_blackhole_arrives_when_it_is_over() {
        let way = Way::new();
        let (mut client, mut server) = way.connect();
        way.proxy.set(Weather::Cut(Cut::Blackhole));
        client.write_all(b"late").unwrap();
        way.proxy.set(Weather::Fair);
        let mut word = [0; 4];
        server.read_exact(&mut word).unwrap();
        assert_eq!(&word, b"late");
        assert_passes(&mut server, &mut client);
    }

    #[test]
    fn a_refusal_ends_connections_and_new_ones_too() {
        let way = Way::new();
        let (mut client, _server) = way.connect();
        way.proxy.set(Weather::Cut(Cut::Refuse));
        assert_ended(&mut client);
        let mut another = Stream::connect(way.proxy.address()).unwrap();
        assert_ended(&mut another);
        way.proxy.set(Weather::Fair);
        let (mut client, mut server) = way.connect();
        assert_passes(&mut client, &mut server);
    }

    #[test]
    fn lost_replies_are_lost_while_requests_pass_and_then_the_connection_ends() {
        let way = Way::new();
        let (mut client, mut server) = way.connect();
        assert_passes(&mut client, &mut server);
        way.proxy.set(Weather::LostReplies);
        // The reply is sent after the request has come by the changed way.
        let (mut other, mut other_server) = way.connect();
        assert_passes(&mut other, &mut other_server);
        server.write_all(b"lost").unwrap();
        other_server.write_all(b"lost").unwrap();
        drop(server);
        assert_ended(&mut client);
        drop(other_server);
        assert_ended(&mut other);
    }

    #[test]
    fn a_delay_keeps_the_order_and_takes_its_time() {
        let way = Way::new();
        let (mut client, mut server) = way.connect();
        way.proxy.set(Weather::Delay(30));
        let (mut other, mut other_server) = way.connect();
        let clock = Stopwatch::start();
        assert_passes(&mut other, &mut other_server);
        assert!(clock.elapsed() >= Duration::from_millis(30));
        client.write_all(b"wo").unwrap();
        way.proxy.set(Weather::Fair);
        client.write_all(b"rd").unwrap();
        let mut word = [0; 4];
        server.read_exact(&mut word).unwrap();
        assert_eq!(&word, b"word");
    }
}
