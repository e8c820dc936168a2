//! Scripts made up at random from the grammar of the subset, most of them without sense.
//!
//! They meet what lock scripts rarely do: every operator on every type, errors of each kind, and
//! line breaks at any place.

use super::corpus::Script;
use super::real::RealServer;
use super::{NOW_UNIX_MS, Seed, Timing, case_count, run_native};
use crate::script::native::Program;

struct Writer {
    seed: Seed,
    text: String,
    locals: Vec<String>,
    counters: Vec<String>,
    in_loop: bool,
}

const LITERALS: [&str; 22] = [
    "nil",
    "true",
    "false",
    "0",
    "1",
    "-1",
    "3.5",
    "1e15",
    "0x10",
    "12345678901234567890",
    "\"\"",
    "\"7\"",
    "'abc'",
    "\" 0x1p3 \"",
    "[[long]]",
    "\"a\\0b\"",
    "'\\65\\n'",
    "\"inf\"",
    "\"nan\"",
    "1/0",
    "0/0",
    "100000",
];

/// Those that never fail are there several times, so that scripts get far enough.
const OPERATORS: [&str; 22] = [
    "==", "~=", "==", "~=", "and", "or", "and", "or", "and", "or", "and", "or", "<", "<=", ">",
    ">=", "+", "-", "*", "/", "%", "..",
];

impl Writer {
    fn one_of(&mut self, choices: &[&str]) -> String {
        choices[self.seed.below(choices.len())].to_owned()
    }

    /// A blank, now and then a line break.
    fn blank(&mut self) -> String {
        self.one_of(&[" ", " ", " ", " ", " ", "\n", " --[[ x\n]] ", "\r\n"])
    }

    fn local(&mut self) -> Option<String> {
        let index = self.seed.below(self.locals.len() + 1);
        self.locals.get(index).cloned()
    }

    fn key(&mut self) -> String {
        match self.counters.last() {
            Some(counter) if self.seed.below(3) == 0 => format!("KEYS[{counter}]"),
            _ => self.one_of(&[
                "KEYS[1]",
                "KEYS[1]",
                "KEYS[2]",
                "KEYS[3]",
                "KEYS[0]",
                "KEYS[1.5]",
            ]),
        }
    }

    fn command(&mut self, depth: usize) -> String {
        let call = self.one_of(&["redis.call", "redis.pcall", "redis.pcall", "redis.pcall"]);
        let (key, other) = (self.key(), self.key());
        let (blank, value) = (self.blank(), self.expr(depth.saturating_sub(1)));
        let args = match self.seed.below(12) {
            0..=2 => format!("'get',{blank}{key}"),
            3 => format!("\"SET\", {key},{blank}{value} or 'x'"),
            4 => format!("\"set\", {key}, ARGV[1], 'PX', {value}"),
            5 => format!("'mget', {key}, {other}"),
            6 if !self.in_loop => "'del', unpack(KEYS)".to_owned(),
            7 => format!("'incrby', {key}, {value}"),
            8 => format!("'type', {key}"),
            9 => format!("'strlen', {key}"),
            10 => format!("'get', {key}, {value}"),
            _ => format!("'exists', {key}, {other}"),
        };
        format!("{call}({args}{blank})")
    }

    fn expr(&mut self, depth: usize) -> String {
        if depth == 0 {
            return match self.seed.below(7) {
                0..=1 => self.one_of(&LITERALS),
                2 => self.key(),
                3 | 4 => self.one_of(&[
                    "ARGV[1]", "ARGV[2]", "ARGV[9]", "#KEYS", "#ARGV", "#ARGV[1]",
                ]),
                _ => self.local().unwrap_or_else(|| "KEYS[1]".to_owned()),
            };
        }
        let (blank, inner) = (self.blank(), self.expr(depth - 1));
        match self.seed.below(16) {
            0..=5 => {
                let (operator, after, right) =
                    (self.one_of(&OPERATORS), self.blank(), self.expr(depth - 1));
                format!("{inner}{blank}{operator}{after}{right}")
            }
            6 => format!("({blank}{inner})"),
            7 => format!("not {inner}"),
            8 if self.seed.below(2) == 0 => format!("-{blank}{inner}"),
            8 | 9 => format!("tonumber({inner})"),
            10 => format!("type({inner})"),
            11 | 12 if self.seed.below(3) != 0 => "(redis.pcall('mget', KEYS[1]))[1]".to_owned(),
            11 => format!("({inner}){blank}[1]"),
            12 => format!("({inner}).{}", self.one_of(&["ok", "err"])),
            13 => format!("#{}", self.one_of(&["KEYS", "ARGV", "KEYS[1]", "ARGV[2]"])),
            14 => {
                let function = self.one_of(&["redis.error_reply", "redis.status_reply"]);
                format!("{function}({inner})")
            }
            _ => self.command(depth),
        }
    }

    fn block(&mut self, depth: usize) {
        let outer = self.locals.len();
        for _ in 0..1 + self.seed.below(3) {
            self.statement(depth);
        }
        self.locals.truncate(outer);
    }

    fn statement(&mut self, depth: usize) {
        let (blank, expr) = (self.blank(), self.expr(2));
        match self.seed.below(9) {
            0..=2 => {
                let name = format!("v{}", self.seed.below(4));
                self.text
                    .push_str(&format!("local {name}{blank}= {expr}\n"));
                self.locals.push(name);
            }
            3 => {
                if let Some(name) = self.local() {
                    self.text.push_str(&format!("{name} ={blank}{expr};\n"));
                }
            }
            4 | 5 if depth > 0 => {
                self.text.push_str(&format!("if {expr}{blank}then\n"));
                self.block(depth - 1);
                if self.seed.below(2) == 0 {
                    self.text.push_str("else ");
                    self.block(depth - 1);
                }
                self.text.push_str("end\n");
            }
            6 if depth > 0 && !self.in_loop => {
                let header = self.one_of(&[
                    "for i = 1, #KEYS do ",
                    "for i = #ARGV, 1, -1 do ",
                    "for i, e in ipairs(KEYS) do ",
                    "for i, e in ipairs(ARGV) do ",
                    "for i, e in ipairs(redis.call('mget', KEYS[1])) do ",
                ]);
                self.text.push_str(&header);
                let outer = self.locals.len();
                self.locals.push("i".to_owned());
                if header.contains("ipairs") {
                    self.locals.push("e".to_owned());
                }
                self.counters.push("i".to_owned());
                self.in_loop = true;
                self.block(depth - 1);
                self.in_loop = false;
                self.counters.pop();
                self.locals.truncate(outer);
                self.text.push_str("end\n");
            }
            _ => {
                let command = self.command(1);
                self.text.push_str(&command);
                self.text.push('\n');
            }
        }
    }
}

/// The script of a seed. It may be native or not.
pub(crate) fn made_up_script(seed: u64) -> String {
    let mut writer = Writer {
        seed: Seed(seed),
        text: String::new(),
        locals: Vec::new(),
        counters: Vec::new(),
        in_loop: false,
    };
    for _ in 0..1 + writer.seed.below(4) {
        writer.statement(2);
    }
    let (first, second) = (writer.expr(2), writer.expr(3));
    let last = match writer.seed.below(4) {
        0 => format!("return {first}"),
        1 => format!("return {{{first}, {second}}}"),
        2 => format!("return {{ {} = {first} }}", writer.one_of(&["err", "ok"])),
        _ => format!("return {second}, {first}"),
    };
    writer.text + &last
}

#[test]
fn a_script_made_up_at_random_runs_as_on_a_real_server() {
    let mut server = RealServer::from_environment();
    let count = case_count(if server.is_some() { 3_000 } else { 1_000 });
    let (mut native, mut failed) = (0, 0);
    for seed in 0..count as u64 {
        let body = made_up_script(seed);
        let Ok(program) = Program::compile(body.as_bytes()) else {
            continue;
        };
        native += 1;
        let script = Script {
            name: "grammar".to_owned(),
            body: body.clone().into_bytes(),
        };
        for case in super::corpus::cases(&script, 3, seed) {
            let observed = run_native(&program, &case, body.as_bytes(), NOW_UNIX_MS);
            failed += usize::from(observed.reply.is_error());
            let Some(server) = &mut server else {
                continue;
            };
            let (real, now) = server.run(body.as_bytes(), &case);
            let observed = run_native(&program, &case, body.as_bytes(), now);
            assert!(
                observed.agrees_with(&real, Timing::of(body.as_bytes())),
                "seed {seed}\n{body}\n{case:?}\nreal   {real:?}\nnative {observed:?}"
            );
        }
    }
    eprintln!("{native} of the scripts are native, {failed} of their runs end in an error");
    assert!(native > 100 && failed > 50);
}
