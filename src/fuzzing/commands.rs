//! Requests of a client, run one after the other: every one is answered by a whole reply.

use std::sync::Arc;
use std::time::Duration;

use super::replies;
use crate::client::{Address, Client};
use crate::clock::Clock;
use crate::command::{Access, Context, Outcome, dispatch};
use crate::config::Config;
use crate::instance::Instance;
use crate::resp::request::{Limits, Parser, Progress};
use crate::session::Session;

/// What reaches beyond the instance, or runs for as long as its text says.
const LEFT_OUT: [&str; 10] = [
    "bgrewriteaof",
    "config",
    "debug",
    "eval",
    "eval_ro",
    "evalsha",
    "evalsha_ro",
    "fcall",
    "script",
    "shutdown",
];

/// Requests as a client sends them; each takes a millisecond of the clock.
pub(super) fn commands(bytes: &[u8]) {
    let instance = instance(&[]);
    let mut session = session(&instance);
    let (mut parser, limits) = (Parser::default(), Limits::default());
    let mut rest = bytes;
    while let Ok(Progress::Request { consumed } | Progress::Empty { consumed }) =
        parser.parse(rest, &limits)
    {
        let arguments = parser.arguments(rest);
        run(&instance, &mut session, &arguments);
        rest = &rest[consumed..];
        instance.clock.advance(Duration::from_millis(1));
        instance.expire_due();
    }
}

fn run(instance: &Arc<Instance>, session: &mut Session, arguments: &[&[u8]]) {
    if arguments.is_empty() || is_left_out(arguments[0]) {
        return;
    }
    let mut ctx = Context::new(instance, session, Access::Whole);
    match dispatch::run(&mut ctx, arguments) {
        Outcome::Reply(reply) | Outcome::Close(reply) => replies::check(&reply),
        Outcome::Many(many) => many.iter().for_each(replies::check),
        Outcome::Blocked(blocked) => replies::check(&blocked.reply),
        Outcome::NeedsWhole => panic!("the keyspace is there for it alone"),
        Outcome::Drop | Outcome::Paused => {}
    }
}

pub(super) fn is_left_out(name: &[u8]) -> bool {
    LEFT_OUT
        .iter()
        .any(|known| name.eq_ignore_ascii_case(known.as_bytes()))
}

/// An instance on a clock that stands still, with values of a bounded size.
pub(super) fn instance(more: &[&str]) -> Arc<Instance> {
    let words = ["--proto-max-bulk-len", "1mb", "--durability", "guard"];
    let words: Vec<_> = words.iter().chain(more).map(Into::into).collect();
    let loaded = Config::load(&words, &mut std::io::empty()).expect("the settings are known");
    Arc::new(Instance::new(loaded.config, Clock::manual()))
}

pub(super) fn session(instance: &Instance) -> Session {
    let now = instance.clock.now();
    let client = Client::new(1, Address::unix(&"".into()), -1, now);
    Session::new(Arc::new(client), true)
}
