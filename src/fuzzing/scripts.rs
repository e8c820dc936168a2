//! Scripts: a native run beside one in Lua, and what Lua's libraries make of any data.

use std::cell::{Cell, RefCell};

use super::Choices;
use crate::error::CommandError;
use crate::resp::reply::Reply;
use crate::script::Calls;
use crate::script::cache;
use crate::script::differential::Pair;
use crate::script::lua::{Pulse, Vm, VmLimits};
use crate::script::native::Program;
use crate::script::native::differential::{Case, Seed};

/// How often a script may look around before it is ended.
const PULSES_MAX: usize = 20;

/// A Lua state keeps every script that it has compiled, up to its limit of memory.
const RUNS_OF_A_VM: usize = 1000;

/// A seed for keys and arguments, the text of a script.
pub(super) fn native_and_lua(bytes: &[u8]) {
    thread_local! {
        static PAIR: RefCell<(usize, Pair)> = RefCell::new((0, Pair::new()));
    }
    let mut choices = Choices::new(bytes);
    let mut seed = Seed(choices.number());
    let is_stirred = choices.byte() % 2 == 1;
    let body = choices.bytes;
    // Whatever native refuses runs in Lua alone, as it does on a server.
    if Program::compile(body).is_err() {
        return;
    }
    let mut case = Case::draw(body, &mut seed);
    if is_stirred {
        case.stir(&mut seed);
    }
    PAIR.with_borrow_mut(|(runs, pair)| {
        *runs += 1;
        if runs.is_multiple_of(RUNS_OF_A_VM) {
            *pair = Pair::new();
        }
        if let Some(difference) = pair.told_difference(body, &case) {
            panic!("{difference}");
        }
    });
}

/// What Lua's libraries are given, as ARGV[1] and ARGV[2].
const USES: [&str; 12] = [
    "return cjson.encode(cjson.decode(ARGV[1]))",
    "local t = {cmsgpack.unpack(ARGV[1])} return cmsgpack.pack(unpack(t))",
    "local at, n = 0, 0 while at ~= -1 and n < 50 do at = cmsgpack.unpack_one(ARGV[1], at) n = n + 1 end return n",
    "return {struct.unpack(ARGV[2], ARGV[1])}",
    "return struct.pack(ARGV[2], ARGV[1], 1, -2, 3.5, 'four', ARGV[1])",
    "return {string.find(ARGV[1], ARGV[2])}",
    "return {string.gsub(ARGV[1], ARGV[2], '%0-%1', 20)}",
    "local n = 0 for a, b in string.gmatch(ARGV[1], ARGV[2]) do n = n + 1 if n > 50 then break end end return n",
    "return string.format(ARGV[2], ARGV[1], 1, -2.5, ARGV[1], 7, 8)",
    "return {tonumber(ARGV[1]), tostring(tonumber(ARGV[1])), tonumber(ARGV[1], 2 + #ARGV[2] % 35)}",
    "return {pcall(loadstring(ARGV[1]) or function() return 0 end)}",
    "return {bit.tohex(tonumber(ARGV[1]) or 0), bit.rol(tonumber(ARGV[1]) or 1, #ARGV[2]), bit.bswap(#ARGV[1])}",
];

/// Which use, the length of the second argument, both arguments.
pub(super) fn data(bytes: &[u8]) {
    thread_local! {
        static VM: Vm = Vm::new(VmLimits::default()).expect("an empty VM fits into memory");
    }
    let mut choices = Choices::new(bytes);
    let body = USES[usize::from(choices.byte()) % USES.len()];
    let length = usize::from(choices.byte());
    let second = choices.take(length);
    let first = choices.bytes;
    let sha1 = cache::sha1_of(body.as_bytes());
    let sha1 = String::from_utf8_lossy(&sha1);
    let pulses = Cell::new(0);
    let pulse = || {
        pulses.set(pulses.get() + 1);
        if pulses.get() > PULSES_MAX {
            Pulse::Kill
        } else {
            Pulse::Continue
        }
    };
    let reply = VM.with(|vm| {
        let argv = [first, second];
        vm.run(&sha1, body.as_bytes(), &[], &argv, &mut NoCalls, &pulse)
    });
    super::replies::check(&reply);
}

/// A script that reaches no keyspace.
struct NoCalls;

impl Calls for NoCalls {
    fn call(&mut self, _args: &[&[u8]]) -> Result<Reply, CommandError> {
        Ok(Reply::Null)
    }

    fn is_command(&self, _name: &[u8]) -> bool {
        true
    }

    fn log(&mut self, _level: u8, _message: &[u8]) {}
}
