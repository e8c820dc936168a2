//! The arguments of `quintlock fault`.

use std::time::Duration;

use clap::Args;

use crate::fault::{COUNT_MAX, Fault, FaultKind, SPAN_MAX};

use super::CliError;
use super::page::INSTANCES_MAX;

/// A fault, and who gets it.
#[derive(Debug, PartialEq, Eq)]
pub struct FaultOptions {
    /// What goes wrong.
    pub fault: Fault,
    /// With whom, at least one.
    pub targets: Vec<FaultTarget>,
    /// What they ask for.
    pub password: Option<String>,
}

/// An instance that runs somewhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FaultTarget {
    /// Counted from 1; `None` if it was named by its address.
    pub number: Option<u16>,
    /// A name or an address.
    pub host: String,
    /// The port.
    pub port: u16,
}

/// Make something go wrong with an instance of a running cluster
///
/// INSTANCE is a number as `quintlock cluster` announces it, `all`, or HOST:PORT. The
/// instance must allow DEBUG, as those of `quintlock cluster` do; a single server does
/// with --enable-debug-command local. A SPAN has a unit: 200ms, 1.5s, 2m, 1h.
///
/// Faults:
///   advance SPAN               its time moves forward: locks expire
///   crash                      it ends as if killed; the other instances go on
///   delay SPAN [jitter SPAN]   replies come so much later, and up to the jitter more; 0 ends it
///   drop COUNT                 the next COUNT commands on keys are applied and never answered
///                              (an error is answered); a connection that has lost
///                              a reply stays silent until it is closed
///   pause SPAN                 nothing is read or answered, as under SIGSTOP; locks expire
///   refuse                     all commands are answered by an error
///   refuse COUNT               the next COUNT commands are
///   reset                      all faults end, and connections that have lost a reply
///   restart-empty              it forgets everything and closes all connections
///
/// Exit code 1 if an instance could not be reached or refused.
#[derive(Args)]
#[command(
    verbatim_doc_comment,
    override_usage = "quintlock fault INSTANCE FAULT [SPAN | COUNT] [OPTIONS]",
    after_help = "Examples:\n  \
        quintlock fault 3 delay 200ms jitter 50ms   instance 3 is slow\n  \
        quintlock fault 2 drop 1                    its next reply is lost\n  \
        quintlock fault all advance 11s             locks of 10 s have expired\n  \
        quintlock fault all reset                   everything works again"
)]
pub(super) struct FaultWords {
    /// Its number, counted from 1, or `all`, or HOST:PORT
    #[arg(value_name = "INSTANCE", allow_negative_numbers = true)]
    instance: String,
    /// What goes wrong
    #[arg(value_name = "FAULT")]
    kind: String,
    /// How long, or how many
    #[arg(value_name = "SPAN | COUNT", allow_negative_numbers = true)]
    arguments: Vec<String>,
    /// The port of the first instance
    #[arg(long, default_value_t = 7001, value_name = "PORT", visible_alias = "port",
        allow_negative_numbers = true, value_parser = clap::value_parser!(u16).range(1..))]
    base_port: u16,
    /// How many instances there are
    #[arg(long, default_value_t = 5, value_name = "N", allow_negative_numbers = true,
        value_parser = clap::value_parser!(u16).range(1..=i64::from(INSTANCES_MAX)))]
    instances: u16,
    /// Where they listen
    #[arg(long, default_value = "127.0.0.1", value_name = "HOST")]
    host: String,
    /// Their password
    #[arg(long)]
    password: Option<String>,
}

impl FaultWords {
    pub(super) fn into_options(self) -> Result<FaultOptions, CliError> {
        let arguments: Vec<&str> = self.arguments.iter().map(String::as_str).collect();
        Ok(FaultOptions {
            fault: fault(&self.kind, &arguments)?,
            targets: self.targets()?,
            password: self.password,
        })
    }

    fn targets(&self) -> Result<Vec<FaultTarget>, CliError> {
        if let Some((host, port)) = self.instance.rsplit_once(':') {
            let host = host.trim_start_matches('[').trim_end_matches(']');
            let port = port.parse().ok().filter(|port| *port > 0);
            let fault = || usage(format!("'{}' is no HOST:PORT", self.instance));
            return Ok(vec![FaultTarget {
                number: None,
                host: host.to_owned(),
                port: port.ok_or_else(fault)?,
            }]);
        }
        let numbers = match self.instance.as_str() {
            "all" => 1..=self.instances,
            text => {
                let number = text.parse().ok();
                let number = number.filter(|number| (1..=self.instances).contains(number));
                let fault = || {
                    usage(format!(
                        "there is no instance '{text}': name one of 1 to {}, all, or HOST:PORT \
                         (--instances says how many there are)",
                        self.instances
                    ))
                };
                let number = number.ok_or_else(fault)?;
                number..=number
            }
        };
        let target = |number: u16| {
            let port = self.base_port.checked_add(number - 1);
            port.map(|port| FaultTarget {
                number: Some(number),
                host: self.host.clone(),
                port,
            })
        };
        let targets: Option<Vec<_>> = numbers.map(target).collect();
        targets.ok_or_else(|| usage("--base-port is too high: ports end with 65535".to_owned()))
    }
}

fn usage(text: String) -> CliError {
    CliError::Usage(text)
}

/// The fault that the words name.
fn fault(name: &str, arguments: &[&str]) -> Result<Fault, CliError> {
    let kind = FaultKind::named(name.as_bytes()).ok_or_else(|| {
        let names = FaultKind::ALL.map(FaultKind::name).join(", ");
        usage(format!(
            "there is no fault '{name}'; the faults are {names}"
        ))
    })?;
    match (kind, arguments) {
        (FaultKind::Advance, [step]) => span(step).map(Fault::Advance),
        (FaultKind::Crash, []) => Ok(Fault::Crash),
        (FaultKind::Delay, [by]) => delay(by, "0"),
        (FaultKind::Delay, [by, "jitter", jitter]) => delay(by, jitter),
        (FaultKind::Drop, [replies]) => count(replies).map(Fault::Drop),
        (FaultKind::Pause, [length]) => span(length).map(Fault::Pause),
        (FaultKind::Refuse, []) => Ok(Fault::Refuse(None)),
        (FaultKind::Refuse, [commands]) => count(commands).map(|count| Fault::Refuse(Some(count))),
        (FaultKind::Reset, []) => Ok(Fault::Reset),
        (FaultKind::RestartEmpty, []) => Ok(Fault::RestartEmpty),
        _ => Err(usage(format!("it is written: {}", form(kind)))),
    }
}

/// How a fault is written.
fn form(kind: FaultKind) -> String {
    let arguments = match kind {
        FaultKind::Advance | FaultKind::Pause => " SPAN, such as 11s",
        FaultKind::Delay => " SPAN [jitter SPAN], such as 200ms jitter 50ms",
        FaultKind::Drop => " COUNT",
        FaultKind::Refuse => " [COUNT]",
        FaultKind::Crash | FaultKind::Reset | FaultKind::RestartEmpty => "",
    };
    format!("quintlock fault INSTANCE {}{arguments}", kind.name())
}

fn delay(by: &str, jitter: &str) -> Result<Fault, CliError> {
    let (by, jitter) = (span(by)?, span(jitter)?);
    Ok(Fault::Delay { by, jitter })
}

/// A span with its unit. Nothing needs none.
fn span(text: &str) -> Result<Duration, CliError> {
    let digits = text.trim_end_matches(|letter: char| letter.is_ascii_alphabetic());
    let unit_s = match &text[digits.len()..] {
        "ms" => Some(0.001),
        "s" => Some(1.0),
        "m" => Some(60.0),
        "h" => Some(3600.0),
        "" if digits == "0" => Some(0.0),
        _ => None,
    };
    let number = digits.parse::<f64>().ok();
    let seconds = number.zip(unit_s).map(|(number, unit_s)| number * unit_s);
    let span = seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    // Half a microsecond is what a sum of fractions may be beside a whole number.
    let span =
        span.map(|span| Duration::from_micros((span + HALF_A_MICROSECOND).as_micros() as u64));
    span.filter(|span| *span <= SPAN_MAX).ok_or_else(|| {
        usage(format!(
            "'{text}' is no span: write a number and a unit, such as 200ms, 1.5s, 2m or 1h, up to \
             {}h",
            SPAN_MAX.as_secs() / 3600
        ))
    })
}

const HALF_A_MICROSECOND: Duration = Duration::from_nanos(500);

fn count(text: &str) -> Result<u64, CliError> {
    let count = text.parse().ok().filter(|count| *count <= COUNT_MAX);
    count.ok_or_else(|| {
        usage(format!(
            "'{text}' is no count: write a number up to {COUNT_MAX}"
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<Fault, String> {
        let words: Vec<&str> = line.split(' ').collect();
        fault(words[0], &words[1..]).map_err(|error| error.to_string())
    }

    #[test]
    fn faults_are_read_with_their_units() {
        let ms = Duration::from_millis;
        for (line, expected) in [
            ("advance 11s", Fault::Advance(ms(11_000))),
            ("PAUSE 1.5s", Fault::Pause(ms(1500))),
            ("pause 0.1s", Fault::Pause(ms(100))),
            ("pause 8760h", Fault::Pause(SPAN_MAX)),
            (
                "delay 200ms jitter 2m",
                Fault::Delay {
                    by: ms(200),
                    jitter: ms(120_000),
                },
            ),
            (
                "delay 0",
                Fault::Delay {
                    by: ms(0),
                    jitter: ms(0),
                },
            ),
            ("drop 3", Fault::Drop(3)),
            ("refuse", Fault::Refuse(None)),
            ("refuse 0", Fault::Refuse(Some(0))),
            ("restart-empty", Fault::RestartEmpty),
        ] {
            assert_eq!(parsed(line), Ok(expected), "{line}");
        }
    }

    #[test]
    fn what_cannot_be_read_is_told_with_the_way_to_write_it() {
        for (line, told) in [
            (
                "sleep 1s",
                "there is no fault 'sleep'; the faults are advance, crash, delay, drop, pause, refuse, reset, restart-empty",
            ),
            (
                "delay",
                "it is written: quintlock fault INSTANCE delay SPAN [jitter SPAN], such as 200ms jitter 50ms",
            ),
            (
                "delay 1s 2s",
                "it is written: quintlock fault INSTANCE delay SPAN [jitter SPAN], such as 200ms jitter 50ms",
            ),
            ("crash now", "it is written: quintlock fault INSTANCE crash"),
            (
                "delay 200",
                "'200' is no span: write a number and a unit, such as 200ms, 1.5s, 2m or 1h, up to 8760h",
            ),
            (
                "pause -1s",
                "'-1s' is no span: write a number and a unit, such as 200ms, 1.5s, 2m or 1h, up to 8760h",
            ),
            (
                "pause 8761h",
                "'8761h' is no span: write a number and a unit, such as 200ms, 1.5s, 2m or 1h, up to 8760h",
            ),
            (
                "drop some",
                "'some' is no count: write a number up to 1000000000",
            ),
        ] {
            assert_eq!(parsed(line), Err(told.to_owned()), "{line}");
        }
    }
}
