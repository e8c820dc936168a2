//! The lock service under test: the instances, and a proxy in front of each.
//!
//! Instances that the run did not start can be cut off, but not killed; kinds of faults that cannot
//! be done here are left out, with a reason that is shown.

use std::net::SocketAddr;
use std::sync::atomic::AtomicBool;

use rustix::process::Signal;

use crate::bench::reply::Answer;
use crate::clock::{Clock, Stopwatch};
use crate::error::TortureError;

use super::client::release_words;
use super::instance::{Instance, Scratch, free_ports, question};
use super::options::{Options, Service};
use super::proxy::{Proxy, Weather};
use super::schedule::{Fault, FaultKind};
use super::wait::wait_until;
use super::wall::{WallClock, library};

/// The servers of a run. Dropping it ends what was started.
pub(super) struct Fleet {
    proxies: Vec<Proxy>,
    /// None where the servers run already.
    instances: Vec<Instance>,
    /// The kinds of faults that can be done.
    pub(super) kinds: Vec<FaultKind>,
    /// Why others cannot.
    pub(super) left_out: Vec<String>,
    /// Behind the instances, whose directories it has.
    _scratch: Option<Scratch>,
}

/// The step by which a wall clock is tried, in seconds, and how long it may take to be seen.
const TRIAL_STEP_S: i64 = 100;
const TRIAL_NS: u64 = 3_000_000_000;
const TRIAL_PAUSE_NS: u64 = 20_000_000;

impl Fleet {
    /// Starts what is to be started, and waits until every server answers.
    pub(super) fn start(options: &Options, is_over: &AtomicBool) -> Result<Fleet, TortureError> {
        let mut fleet = Fleet {
            proxies: Vec::new(),
            instances: Vec::new(),
            kinds: options.faults.clone(),
            left_out: Vec::new(),
            _scratch: None,
        };
        let addresses = match &options.service {
            Service::Running(addresses) => {
                fleet.leave_out(
                    "the servers were not started here",
                    FaultKind::needs_process,
                );
                addresses.clone()
            }
            Service::Started { .. } => {
                fleet.start_instances(options, is_over)?;
                fleet.instances.iter().map(Instance::address).collect()
            }
        };
        for address in &addresses {
            check(*address, options)?;
        }
        let proxies = addresses.iter().map(|address| Proxy::start(*address));
        fleet.proxies = proxies.collect::<Result<_, _>>()?;
        Ok(fleet)
    }

    fn leave_out(&mut self, reason: &str, is_meant: impl Fn(FaultKind) -> bool) {
        for kind in self.kinds.extract_if(.., |kind| is_meant(*kind)) {
            self.left_out.push(format!("{}: {reason}", kind.name()));
        }
    }

    fn start_instances(
        &mut self,
        options: &Options,
        is_over: &AtomicBool,
    ) -> Result<(), TortureError> {
        self._scratch = Some(Scratch::new()?);
        let is_stepped = |fleet: &Fleet| fleet.kinds.contains(&FaultKind::Clock);
        if is_stepped(self) {
            match library() {
                None => {
                    let reason = "libfaketime is not installed (Debian: apt-get install faketime)";
                    self.leave_out(reason, |kind| kind == FaultKind::Clock);
                }
                Some(library) => {
                    let tried = self
                        .spawn_all(options, Some(&library), is_over)
                        .map_err(|error| error.to_string())
                        .and_then(|()| self.try_step(is_over));
                    let Err(reason) = tried else {
                        return Ok(());
                    };
                    let reason = format!("does not work under libfaketime: {reason}");
                    self.leave_out(&reason, |kind| kind == FaultKind::Clock);
                }
            }
        }
        self.spawn_all(options, None, is_over)
    }

    fn spawn_all(
        &mut self,
        options: &Options,
        faketime: Option<&std::path::Path>,
        is_over: &AtomicBool,
    ) -> Result<(), TortureError> {
        let (
            Service::Started {
                instances,
                command,
                base_port,
            },
            Some(scratch),
        ) = (&options.service, &self._scratch)
        else {
            return Ok(());
        };
        self.instances.clear();
        let ports = match base_port {
            Some(first) => (*first..).take(*instances).collect(),
            None => free_ports(*instances)?,
        };
        for (number, port) in ports.into_iter().enumerate() {
            let directory = scratch.inner(&format!("{}", number + 1))?;
            let wall = match faketime {
                None => None,
                Some(library) => Some(
                    WallClock::new(library, &directory)
                        .map_err(|error| TortureError::system("write a file", &error))?,
                ),
            };
            let instance = Instance::start(number, port, command, directory, wall)?;
            self.instances.push(instance);
        }
        for instance in &mut self.instances {
            instance.wait_until_ready(is_over)?;
        }
        Ok(())
    }

    /// Steps the first instance's wall clock, and looks whether its TIME follows.
    fn try_step(&mut self, is_over: &AtomicBool) -> Result<(), String> {
        let Some(first) = self.instances.first_mut() else {
            return Ok(());
        };
        let clock = Stopwatch::start();
        first
            .step_wall(TRIAL_STEP_S)
            .map_err(|error| error.to_string())?;
        loop {
            let seen_s = wall_seconds(first.address())?;
            let true_s = Clock::system().unix_micros() / 1_000_000;
            if (seen_s - true_s - TRIAL_STEP_S).abs() <= 2 {
                return first
                    .step_wall(-TRIAL_STEP_S)
                    .map_err(|error| error.to_string());
            }
            let next_ns = clock.elapsed_ns() + TRIAL_PAUSE_NS;
            if next_ns > TRIAL_NS || !wait_until(clock, next_ns, is_over) {
                return Err("TIME does not follow a step of its clock".to_owned());
            }
        }
    }

    /// Where clients connect to, in the order of the instances.
    pub(super) fn addresses(&self) -> Vec<SocketAddr> {
        self.proxies.iter().map(Proxy::address).collect()
    }

    /// Begins a fault.
    pub(super) fn begin(&mut self, fault: Fault, victims: &[usize]) -> Result<(), TortureError> {
        for victim in victims {
            let proxy = &self.proxies[*victim];
            match fault {
                Fault::Kill => self.instances[*victim].kill(),
                Fault::Stop => self.instances[*victim].signal(Signal::STOP),
                Fault::Partition(cut) => proxy.set(Weather::Cut(cut)),
                Fault::Delay(delay_ms) => proxy.set(Weather::Delay(delay_ms)),
                Fault::LostReplies => proxy.set(Weather::LostReplies),
                Fault::Clock(step_s) => self.instances[*victim].step_wall(step_s)?,
            }
        }
        Ok(())
    }

    /// Ends a fault; processes that were killed are started, and answer when it returns.
    pub(super) fn end(
        &mut self,
        fault: Fault,
        victims: &[usize],
        is_over: &AtomicBool,
    ) -> Result<(), TortureError> {
        for victim in victims {
            match fault {
                Fault::Kill => self.instances[*victim].spawn()?,
                Fault::Stop => self.instances[*victim].signal(Signal::CONT),
                Fault::Partition(_) | Fault::Delay(_) | Fault::LostReplies => {
                    self.proxies[*victim].set(Weather::Fair);
                }
                Fault::Clock(_) => {}
            }
        }
        if fault == Fault::Kill {
            for victim in victims {
                self.instances[*victim].wait_until_ready(is_over)?;
            }
        }
        Ok(())
    }

    /// Whether every process that should run does.
    pub(super) fn check(&mut self) -> Result<(), TortureError> {
        self.instances.iter_mut().try_for_each(Instance::check)
    }
}

/// Whether a server grants a lock and takes it back in the way that is asked for.
fn check(address: SocketAddr, options: &Options) -> Result<(), TortureError> {
    let key: &[u8] = b"lock:torture:trial";
    let token = format!("trial-{}", std::process::id()).into_bytes();
    let unfit = |request, reply| TortureError::Unfit {
        address: address.to_string(),
        request,
        reply,
    };
    // Another run may be at its own trial.
    let own_key = [key, b":", &token].concat();
    let set: [&[u8]; 6] = [b"SET", &own_key, &token, b"NX", b"PX", b"10000"];
    match question(address, &set) {
        Ok(Answer::Status(text)) if text == b"OK" => {}
        Ok(other) => return Err(unfit("SET NX PX", other.to_string())),
        Err(reason) => return Err(unfit("SET NX PX", format!("nothing ({reason})"))),
    }
    let words = release_words(options.release, &own_key, &token);
    match question(address, &words) {
        Ok(Answer::Integer(1)) => Ok(()),
        Ok(other) => Err(unfit("the release (--release)", other.to_string())),
        Err(reason) => Err(unfit("the release", format!("nothing ({reason})"))),
    }
}

/// The wall clock of a server, which is not asked by TIME, because that answers with an array.
fn wall_seconds(address: SocketAddr) -> Result<i64, String> {
    let script: &[u8] = b"return redis.call('time')[1]";
    match question(address, &[b"EVAL", script, b"0"])? {
        Answer::Bulk(digits) => {
            let digits = String::from_utf8_lossy(&digits).into_owned();
            digits.parse().map_err(|_| format!("TIME is {digits}"))
        }
        other => Err(format!("TIME is answered with {other}")),
    }
}
