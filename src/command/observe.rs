//! What a command leaves behind for those who watch: SLOWLOG, LATENCY and MONITOR.
//!
//! Nothing here runs for a command that nobody wants to hear of: the caller compares its run time
//! with [`Context::notable_ns`] first.

use std::borrow::Cow;
use std::time::Duration;

use crate::command::table::{Flags, Row};
use crate::command::{Caller, Context, Monitoring, args};
use crate::config::ClientClass;
use crate::latency::Sample;
use crate::monitor;
use crate::slowlog::Entry;

/// What is shown instead of a secret.
const REDACTED: &[u8] = b"(redacted)";
/// The settings whose values are secrets.
const SECRETS: [&str; 4] = [
    "requirepass",
    "masterauth",
    "tls-key-file-pass",
    "tls-client-key-file-pass",
];

/// A command has run for `took`.
#[cold]
pub(super) fn ran(ctx: &mut Context<'_>, row: &Row, request: &[&[u8]], took: Duration) {
    match (ctx.monitoring, ctx.caller) {
        (Monitoring::Off, _) => {}
        (Monitoring::Told, Caller::Client | Caller::Transaction) => {
            ctx.monitoring = Monitoring::On;
        }
        _ => tell_monitors(ctx, row, request),
    }
    let observation = &ctx.instance.config.settings.observation;
    let unix_s = || ctx.instance.clock.unix_micros().div_euclid(1_000_000);
    if observation
        .latency_threshold()
        .is_some_and(|least| took >= least)
    {
        let event = if row.flags.has(Flags::FAST) {
            "fast-command"
        } else {
            "command"
        };
        let took_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        let unix_s = unix_s();
        ctx.instance.latency.add(event, Sample { unix_s, took_ms });
    }
    let is_slow = observation
        .slowlog_slower_than()
        .is_some_and(|least| took >= least);
    if is_slow && !row.flags.has(Flags::SKIP_SLOWLOG) {
        let client = &ctx.session.client;
        // A script's command has no client of its own.
        let (peer, client_name) = match ctx.caller {
            Caller::Script => ("?:0".to_owned(), String::new()),
            Caller::Client | Caller::Transaction => {
                (client.address.peer(), client.labels().name.into())
            }
        };
        let entry = Entry {
            id: 0,
            unix_s: unix_s(),
            took_us: u64::try_from(took.as_micros()).unwrap_or(u64::MAX),
            arguments: Vec::new(),
            peer,
            client_name,
        };
        let shown = without_secrets(row, request);
        let entries_max = observation.slowlog_entries_max();
        ctx.instance.slowlog.add(&shown, entry, entries_max);
    }
}

/// Shows a command to all monitors, unless it is one that looks after the server.
#[cold]
pub(super) fn tell_monitors(ctx: &Context<'_>, row: &Row, request: &[&[u8]]) {
    if row.flags.has(Flags::ADMIN) {
        return;
    }
    tell_monitors_of(ctx, &without_secrets(row, request));
}

fn tell_monitors_of(ctx: &Context<'_>, request: &[&[u8]]) {
    let origin = match (ctx.caller, &ctx.session.client.address) {
        (Caller::Script, _) => "lua".to_owned(),
        (_, address) if address.is_unix() => {
            // Here Redis leaves out the port, which is always 0.
            let path = address.peer();
            format!("unix:{}", path.strip_suffix(":0").unwrap_or(&path))
        }
        (_, address) => address.peer(),
    };
    let unix_us = ctx.instance.clock.unix_micros();
    let line = monitor::line(unix_us, ctx.session.database, &origin, request);
    let limit = ctx
        .instance
        .config
        .settings
        .output_limit(ClientClass::Normal);
    ctx.instance.monitors.show(&line, limit);
}

/// A script is about to run: monitors are shown it first, so that its commands stand behind it.
pub(super) fn before_script(ctx: &mut Context<'_>, request: &[&[u8]]) {
    if ctx.monitoring == Monitoring::On {
        tell_monitors_of(ctx, request);
        ctx.monitoring = Monitoring::Told;
    }
}

/// The request as others may see it.
fn without_secrets<'a>(row: &Row, request: &'a [&'a [u8]]) -> Cow<'a, [&'a [u8]]> {
    let secret: Vec<usize> = match row.name {
        "auth" => (1..request.len()).collect(),
        "hello" => request
            .iter()
            .position(|word| args::is(word, "AUTH"))
            .map(|auth| vec![auth + 1, auth + 2])
            .unwrap_or_default(),
        "config|set" => (2..request.len())
            .step_by(2)
            .filter(|name| {
                SECRETS
                    .iter()
                    .any(|secret| args::is(request[*name], secret))
            })
            .map(|name| name + 1)
            .collect(),
        _ => Vec::new(),
    };
    if secret.is_empty() {
        return Cow::Borrowed(request);
    }
    let mut shown = request.to_vec();
    for index in secret {
        if let Some(argument) = shown.get_mut(index) {
            *argument = REDACTED;
        }
    }
    Cow::Owned(shown)
}
