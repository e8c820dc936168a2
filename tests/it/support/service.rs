//! Servers of this process for the tests of a behaviour, and waiting for what is about to happen.
//!
//! A test never sleeps for a guess: it asks until the answer is there, and fails when
//! [`REPLY_WAIT`] is over.

use std::sync::Once;
use std::time::Duration;

use parking_lot::Mutex;
use quintlock::clock::Stopwatch;
use quintlock::{Options, Server};

use super::client::{Connection, REPLY_WAIT, Received};
use super::frame::Frame;
use super::words::{Words, quoted};

/// A server on a manual clock, with these settings.
pub(crate) fn start(settings: &[(&str, &str)]) -> Server {
    start_by(Options::manual_clock(), settings)
}

/// A server on real time, with these settings.
pub(crate) fn start_on_real_time(settings: &[(&str, &str)]) -> Server {
    start_by(Options::new(), settings)
}

fn start_by(options: Options, settings: &[(&str, &str)]) -> Server {
    watch_for_panics();
    let options = settings
        .iter()
        .fold(options, |options, (name, value)| options.set(name, value));
    Server::start(&options).unwrap_or_else(|error| panic!("{error}"))
}

/// A fresh connection to `server`.
pub(crate) fn connect(server: &Server) -> Connection {
    Connection::open(server.address())
        .unwrap_or_else(|error| panic!("cannot connect to the server under test: {error}"))
}

impl Connection {
    /// Sends the words of `line` and returns the reply in the notation of the transcripts.
    ///
    /// # Panics
    /// If no well-formed reply comes in time.
    pub(crate) fn ask(&mut self, line: &str) -> String {
        let words = Words::all(line).unwrap_or_else(|fault| panic!("{fault}"));
        self.call(&words).to_string()
    }

    /// The next reply in the notation of the transcripts; `closed` at the connection's end.
    ///
    /// # Panics
    /// If nothing comes in time, or it is no reply.
    pub(crate) fn next(&mut self) -> String {
        match self.receive(REPLY_WAIT) {
            Ok(Received::Frame(frame)) => frame.to_string(),
            Ok(Received::Eof) => "closed".to_owned(),
            other => panic!("instead of a reply: {other:?}"),
        }
    }

    /// The text of a reply that is a string.
    ///
    /// # Panics
    /// If it is none.
    pub(crate) fn text(&mut self, line: &str) -> String {
        let words = Words::all(line).unwrap_or_else(|fault| panic!("{fault}"));
        match self.call(&words) {
            Frame::Blob(_, bytes) => String::from_utf8_lossy(&bytes).into_owned(),
            other => panic!("{line}: {other}"),
        }
    }

    /// The number behind `name:` in INFO.
    ///
    /// # Panics
    /// If INFO has no such line.
    pub(crate) fn info(&mut self, name: &str) -> u64 {
        let info = self.text("INFO everything");
        let mut lines = info.lines();
        let value = lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        value
            .and_then(|value| value.parse().ok())
            .unwrap_or_else(|| panic!("INFO has no number {name}: {}", quoted(info.as_bytes())))
    }
}

/// Waits until `condition` holds.
///
/// # Panics
/// If it does not within [`REPLY_WAIT`].
pub(crate) fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    let watch = Stopwatch::start();
    while !condition() {
        assert!(watch.elapsed() < REPLY_WAIT, "not in time: {what}");
        std::thread::park_timeout(Duration::from_millis(1));
    }
}

/// Fails if a thread of a server has panicked in this process. A panic in a connection ends no
/// thread, so nothing else would show it.
pub(crate) fn assert_no_server_panicked() {
    let panics = PANICS.lock();
    assert!(panics.is_empty(), "{panics:?}");
}

static PANICS: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// Notes every panic of a worker or expiry thread from here on.
fn watch_for_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            let thread = std::thread::current();
            let name = thread.name().unwrap_or_default();
            if name.starts_with("worker-") || name == "expiry" {
                PANICS.lock().push(panic.to_string());
            }
            before(panic);
        }));
    });
}
