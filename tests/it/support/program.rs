//! The program as its own process: started, read, signalled and ended, and the files it is given.
//!
//! Nothing here knows what the program should say.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc;

use rustix::process::{Pid, Signal};

use super::client::REPLY_WAIT;
use super::service::eventually;

pub(crate) const READY: &str = "Ready to accept connections on ";

/// The program, running in a directory of its own. It is killed when it is dropped.
pub(crate) struct Running {
    pub(crate) child: Child,
    pub(crate) lines: mpsc::Receiver<String>,
    place: Directory,
}

impl Running {
    pub(crate) fn start<A: AsRef<OsStr>>(arguments: &[A]) -> Running {
        let place = Directory::new();
        let mut child = program(arguments)
            .current_dir(&place.0)
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .expect("the program starts");
        let out = child.stdout.take().expect("its output is piped");
        let (sender, lines) = mpsc::channel();
        std::thread::spawn(move || {
            for line in BufReader::new(out).lines().map_while(Result::ok) {
                let _ = sender.send(line);
            }
        });
        Running {
            child,
            lines,
            place,
        }
    }

    /// A child that was started otherwise, and whose lines are read by the caller, if at all.
    pub(crate) fn adopt(child: Child, place: Directory) -> Running {
        Running {
            child,
            lines: mpsc::channel().1,
            place,
        }
    }

    /// The directory it was started in, or that it was adopted with.
    pub(crate) fn place(&self) -> &Directory {
        &self.place
    }

    pub(crate) fn line(&self) -> String {
        self.lines.recv_timeout(REPLY_WAIT).expect("a line in time")
    }

    /// What the ready line says behind its fixed words.
    pub(crate) fn ready(&self) -> String {
        loop {
            let line = self.line();
            if let Some((_, place)) = line.split_once(READY) {
                return place.to_owned();
            }
        }
    }

    pub(crate) fn signal(&self, signal: Signal) {
        rustix::process::kill_process(Pid::from_child(&self.child), signal)
            .expect("the child can be signalled");
    }

    /// Waits for its end and tells the exit code.
    pub(crate) fn exit_code(&mut self) -> Option<i32> {
        let mut status = None;
        eventually("the program ends", || {
            status = self.child.try_wait().expect("the child can be waited for");
            status.is_some()
        });
        status.and_then(|status| status.code())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub(crate) fn program<A: AsRef<OsStr>>(arguments: &[A]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_quintlock"));
    command.args(arguments).stdin(Stdio::null());
    command
}

/// Runs the program to its end.
pub(crate) fn run<A: AsRef<OsStr>>(arguments: &[A]) -> Output {
    program(arguments).output().expect("the program runs")
}

/// Runs the program, which must fail to start, and returns its exit code and its last line, which
/// says it all.
pub(crate) fn failure<A: AsRef<OsStr>>(arguments: &[A]) -> (Option<i32>, String) {
    let output = run(arguments);
    let told = String::from_utf8(output.stderr).expect("a message is text");
    assert_eq!(output.stdout, b"", "a failure is told on standard error");
    let mut lines: Vec<&str> = told.lines().collect();
    let last = lines.pop().unwrap_or_default().to_owned();
    // A wrong configuration is told in Redis's form before, and a cluster may warn of the machine.
    let is_block = lines
        .get(1)
        .is_some_and(|line| line.starts_with("*** FATAL"));
    assert!(
        is_block || lines.iter().all(|line| line.contains(" # ")),
        "{told}"
    );
    (output.status.code(), last)
}

/// A directory of this test's own, removed when dropped.
pub(crate) struct Directory(pub(crate) PathBuf);

impl Directory {
    pub(crate) fn new() -> Directory {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("quintlock-startup-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir(&path).expect("a new directory");
        Directory(path)
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    pub(crate) fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.file(name);
        std::fs::write(&path, text).expect("a file can be written");
        path
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

pub(crate) fn text(path: &Path) -> &str {
    path.to_str().expect("a path of plain letters")
}

/// A port that was free a moment ago.
pub(crate) fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("its address").port()
}

/// A server on a free port, ready.
pub(crate) fn serve(more: &[&str]) -> (Running, SocketAddr) {
    let port = free_port().to_string();
    let arguments = [&["--bind", "127.0.0.1", "--port", &port], more].concat();
    let running = Running::start(&arguments);
    let address = running.ready();
    let address = address.split(',').next().unwrap_or_default();
    let address = address.parse().expect("the ready line names the address");
    (running, address)
}
