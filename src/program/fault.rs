//! `quintlock fault`: asks running instances by DEBUG to let something go wrong.

use std::io::{self, BufRead as _, BufReader, Write as _};
use std::net::{TcpStream, ToSocketAddrs as _};
use std::time::Duration;

use crate::cli::{CliError, FaultOptions, FaultTarget};
use crate::error::FaultError;
use crate::fault::Fault;

/// How long a connection may take, and then a reply.
const WAIT: Duration = Duration::from_secs(5);

/// Asks all of them, and tells of each that obeys.
///
/// # Errors
/// One cannot be reached, or refuses.
pub fn run(options: &FaultOptions) -> Result<(), CliError> {
    let FaultOptions {
        fault,
        targets,
        password,
    } = options;
    let mut failed = 0;
    for target in targets {
        match ask(target, *fault, password.as_deref()) {
            Ok(()) => println!("{}: {}", describe(target), fault.words().join(" ")),
            Err(error) if targets.len() == 1 => return Err(error.into()),
            Err(error) => {
                eprintln!("quintlock: {error}");
                failed += 1;
            }
        }
    }
    let all = targets.len();
    match failed {
        0 => Ok(()),
        failed => Err(FaultError::Some { failed, all }.into()),
    }
}

fn describe(target: &FaultTarget) -> String {
    let FaultTarget { number, host, port } = target;
    match number {
        Some(number) => format!("instance {number} ({host}:{port})"),
        None => format!("{host}:{port}"),
    }
}

fn ask(target: &FaultTarget, fault: Fault, password: Option<&str>) -> Result<(), FaultError> {
    let described = || describe(target);
    let unreachable = |error: io::Error| FaultError::Unreachable {
        target: described(),
        reason: error.to_string(),
    };
    let stream = connect(target).map_err(unreachable)?;
    // One write, so that no fault stands between the password and DEBUG.
    let mut request = Vec::new();
    if let Some(password) = password {
        push_request(&mut request, &["AUTH".to_owned(), password.to_owned()]);
    }
    push_request(
        &mut request,
        &[&["DEBUG".to_owned()], fault.words().as_slice()].concat(),
    );
    (&stream).write_all(&request).map_err(unreachable)?;
    let mut replies = BufReader::new(&stream).lines();
    let mut reply = || match replies.next() {
        None => Ok(None),
        Some(Ok(line)) => Ok(Some(line)),
        Some(Err(error)) => match error.kind() {
            io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => Err(FaultError::Silent {
                target: described(),
                seconds: WAIT.as_secs(),
            }),
            io::ErrorKind::ConnectionReset => Ok(None),
            _ => Err(unreachable(error)),
        },
    };
    let greeting = match password {
        Some(_) => reply()?,
        None => None,
    };
    judge(target, fault, greeting, reply()?)
}

fn connect(target: &FaultTarget) -> io::Result<TcpStream> {
    let addresses = (target.host.as_str(), target.port).to_socket_addrs()?;
    let mut last = io::Error::from(io::ErrorKind::AddrNotAvailable);
    for address in addresses {
        match TcpStream::connect_timeout(&address, WAIT) {
            Ok(stream) => {
                stream.set_read_timeout(Some(WAIT))?;
                stream.set_write_timeout(Some(WAIT))?;
                return Ok(stream);
            }
            Err(error) => last = error,
        }
    }
    Err(last)
}

fn push_request(out: &mut Vec<u8>, words: &[String]) {
    out.extend_from_slice(format!("*{}\r\n", words.len()).as_bytes());
    for word in words {
        out.extend_from_slice(format!("${}\r\n{word}\r\n", word.len()).as_bytes());
    }
}

/// What the replies to AUTH, if it was sent, and DEBUG mean; `None` is the end of the connection.
fn judge(
    target: &FaultTarget,
    fault: Fault,
    greeting: Option<String>,
    reply: Option<String>,
) -> Result<(), FaultError> {
    let target = describe(target);
    match reply {
        Some(line) if line.starts_with('+') => Ok(()),
        None if fault == Fault::Crash => Ok(()),
        None => Err(FaultError::Unreachable {
            target,
            reason: "it closed the connection".to_owned(),
        }),
        Some(line) if line.starts_with("-NOAUTH") => Err(FaultError::Password {
            target,
            reply: greeting.unwrap_or(line).trim_start_matches('-').to_owned(),
        }),
        Some(line) if line.contains("DEBUG command not allowed") => {
            Err(FaultError::Denied { target })
        }
        Some(line) => Err(FaultError::Refused {
            target,
            reply: line.trim_start_matches('-').to_owned(),
        }),
    }
}
