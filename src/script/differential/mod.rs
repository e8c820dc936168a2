//! A native run beside a run of the same script in Lua: nobody can tell them apart.
//!
//! Both ways get a keyspace of their own with the same keys; then the reply, the keyspace left
//! behind and every call on the way, with what it answered, must be equal. Scripts are the lock
//! scripts, edits of them, and scripts made up from the grammar; keyspaces and arguments are
//! drawn at random from fixed seeds. `CASES=n` runs n cases in each test instead of some
//! thousands. A script that fails is cut down to what still fails before it is shown.

use std::fmt::{self, Write as _};

use super::lua::{Pulse, Vm, VmLimits};
use super::native::Program;
use super::native::differential::{
    Case, Held, Memory, NOW_UNIX_MS, Timing, quoted, reply_text, run_with,
};
use super::{Calls, cache};
use crate::error::CommandError;
use crate::resp::reply::Reply;

/// What one run shows to the outside.
#[derive(PartialEq)]
struct Run {
    reply: Reply,
    keyspace: Vec<Held>,
    /// Each call with its answer, in order.
    calls: Vec<(Vec<Vec<u8>>, Reply)>,
}

impl fmt::Display for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = |reply| reply_text(reply, Timing::Exact);
        writeln!(f, "{}\n  leaves {:?}", shown(&self.reply), self.keyspace)?;
        for (args, answer) in &self.calls {
            let words: Vec<String> = args.iter().map(|arg| quoted(arg)).collect();
            writeln!(f, "  calls {} and hears {}", words.join(" "), shown(answer))?;
        }
        Ok(())
    }
}

/// A keyspace that notes who calls.
struct Recorder {
    memory: Memory,
    calls: Vec<(Vec<Vec<u8>>, Reply)>,
}

impl Recorder {
    fn load(case: &Case) -> Recorder {
        Recorder {
            memory: Memory::load(case, NOW_UNIX_MS),
            calls: Vec::new(),
        }
    }

    fn into_run(self, reply: Reply) -> Run {
        Run {
            reply,
            keyspace: self.memory.dump(),
            calls: self.calls,
        }
    }
}

impl Calls for Recorder {
    fn call(&mut self, args: &[&[u8]]) -> Result<Reply, CommandError> {
        let answer = self.memory.call(args);
        let noted = match &answer {
            Ok(reply) => reply.clone(),
            Err(error) => Reply::Error(error.to_string().into_bytes().into()),
        };
        let args = args.iter().map(|arg| arg.to_vec()).collect();
        self.calls.push((args, noted));
        answer
    }

    fn log(&mut self, level: u8, message: &[u8]) {
        self.memory.log(level, message);
    }

    fn is_command(&self, name: &[u8]) -> bool {
        self.memory.is_command(name)
    }
}

fn slices(list: &[Vec<u8>]) -> Vec<&[u8]> {
    list.iter().map(Vec::as_slice).collect()
}

/// Both ways to run a script.
pub(crate) struct Pair {
    vm: Vm,
}

impl Pair {
    pub(crate) fn new() -> Pair {
        Pair {
            vm: Vm::new(VmLimits::default()).expect("an empty VM fits into memory"),
        }
    }

    fn natively(&self, program: &Program, body: &[u8], case: &Case) -> Run {
        let sha1 = cache::sha1_of(body);
        let sha1 = String::from_utf8_lossy(&sha1);
        let mut recorder = Recorder::load(case);
        let (keys, argv) = (slices(&case.keys), slices(&case.argv));
        let reply = run_with(program, &sha1, &keys, &argv, &mut recorder);
        recorder.into_run(reply)
    }

    fn in_lua(&self, body: &[u8], case: &Case) -> Run {
        let sha1 = cache::sha1_of(body);
        let sha1 = String::from_utf8_lossy(&sha1);
        let mut recorder = Recorder::load(case);
        let (keys, argv) = (slices(&case.keys), slices(&case.argv));
        let pulse = || Pulse::Continue;
        let reply = self
            .vm
            .run(&sha1, body, &keys, &argv, &mut recorder, &pulse);
        recorder.into_run(reply)
    }

    /// The runs, native first, if the script is native and they differ.
    fn difference(&self, body: &[u8], case: &Case) -> Option<(Run, Run)> {
        let program = Program::compile(body).ok()?;
        let runs = (self.natively(&program, body, case), self.in_lua(body, case));
        (runs.0 != runs.1).then_some(runs)
    }

    /// What differs between the two ways, made small, if anything does.
    pub(crate) fn told_difference(&self, body: &[u8], case: &Case) -> Option<String> {
        self.difference(body, case)?;
        Some(self.describe(body, case))
    }

    /// A difference for people, made small.
    fn describe(&self, body: &[u8], case: &Case) -> String {
        let (body, case) = self.shrink(body.to_vec(), case.clone());
        let mut text = format!("{}\n{case:?}\n", String::from_utf8_lossy(&body));
        if let Some((native, lua)) = self.difference(&body, &case) {
            write!(text, "native: {native}lua: {lua}").expect("writing into memory");
        }
        text
    }

    /// Takes away words of the script and parts of the case for as long as the ways differ.
    fn shrink(&self, mut body: Vec<u8>, mut case: Case) -> (Vec<u8>, Case) {
        loop {
            let smaller_body = without_some_words(&body)
                .into_iter()
                .find(|body| self.difference(body, &case).is_some());
            if let Some(smaller) = smaller_body {
                body = smaller;
                continue;
            }
            let smaller_case = without_one_part(&case)
                .into_iter()
                .find(|case| self.difference(&body, case).is_some());
            match smaller_case {
                Some(smaller) => case = smaller,
                None => return (body, case),
            }
        }
    }
}

/// The script without some words in a row, most words first.
fn without_some_words(body: &[u8]) -> Vec<Vec<u8>> {
    let words: Vec<&[u8]> = body
        .split_inclusive(|&byte| b" \n,;".contains(&byte))
        .collect();
    let mut shorter = Vec::new();
    for length in [32, 16, 8, 4, 3, 2, 1] {
        for start in 0..(words.len() + 1).saturating_sub(length) {
            let (head, tail) = (&words[..start], &words[start + length..]);
            shorter.push([head.concat(), tail.concat()].concat());
        }
    }
    shorter
}

/// The case with one key, argument or value less.
fn without_one_part(case: &Case) -> Vec<Case> {
    let mut smaller = Vec::new();
    let (mut fewer_keys, mut fewer_argv) = (case.clone(), case.clone());
    if fewer_keys.keys.pop().is_some() {
        smaller.push(fewer_keys);
    }
    if fewer_argv.argv.pop().is_some() {
        smaller.push(fewer_argv);
    }
    for index in 0..case.before.len() {
        let mut shorter = case.clone();
        shorter.before.remove(index);
        smaller.push(shorter);
    }
    smaller
}

#[cfg(test)]
mod tests;
