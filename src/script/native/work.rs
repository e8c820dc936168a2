//! How much a run can do at most, known before it begins.
//!
//! A native run holds the shards of its keys and cannot be interrupted, so it begins only if it
//! ends soon. What bounds it is known by then: the tree, the number of KEYS and ARGV, the longest
//! string among them and the longest value of the keys. Beyond the bound a script runs in Lua,
//! which gives the same answer and looks around while it runs.
//!
//! The unit is the cost of one node of the tree, some 10 ns; copying or comparing [`UNIT_BYTES`]
//! costs one more. Every node counts as if it touched the longest string, so the bound errs on the
//! side of Lua.

use super::ARGUMENTS_MAX;
use super::ast::{Bound, Command, Declaration, Expr, Input, Iterated, Origin, Script, Statement};
use super::commands::{self, Copies};

/// Units of a run that begins whatever the sizes of its strings are: too few to copy more than
/// three whole values, or to go over its arguments more than some tens of times.
const WORK_SMALL: u64 = 128;

/// Units of the longest run that begins: some 2 ms, the time for which Lua keeps its thread.
const WORK_MAX: u64 = 1 << 16;

/// How much longer than its parts a string or a reply may become in a run of [`WORK_SMALL`].
const GROWTH_SMALL: u64 = 64;

/// Bytes that are copied in the time of one unit.
const UNIT_BYTES: u64 = 256;

/// A command, its arguments aside.
const COMMAND_UNITS: u64 = 4;

/// A value that a command copies.
const COPY_UNITS: u64 = 32;

/// What a run costs, by the number of its keys and arguments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Work {
    straight: u64,
    per_key: u64,
    per_argument: u64,
    /// A run of up to so many units is small.
    small: u64,
    /// How many times the longest string a join can become, or how many items one can become by
    /// being put into tables.
    growth: u64,
    /// Whether values are copied, so that their length matters.
    copies: bool,
    /// Whether commands make values longer.
    appends: bool,
}

/// The sizes of what a run is given, in bytes.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Longest {
    /// Of KEYS and ARGV.
    pub(super) argument: usize,
    /// Of the values of KEYS.
    pub(super) value: usize,
}

impl Work {
    pub(super) fn of(script: &Script) -> Work {
        let work = Work {
            straight: 0,
            per_key: 0,
            per_argument: 0,
            small: WORK_SMALL,
            growth: 1,
            copies: false,
            appends: false,
        };
        let mut sum = Sum {
            work,
            declarations: &script.declarations,
        };
        sum.block(&script.body, Times::ONCE);
        if sum.work.growth > GROWTH_SMALL {
            sum.work.small = 0;
        }
        sum.work
    }

    /// Whether a run begins, whatever its strings are.
    #[inline]
    pub(super) fn is_small(&self, keys: usize, arguments: usize) -> bool {
        self.units(keys, arguments) <= self.small
    }

    /// Whether [`Work::is_bounded`] needs the values of KEYS.
    pub(super) fn copies(&self) -> bool {
        self.copies
    }

    /// Whether a run that is not small begins.
    pub(super) fn is_bounded(&self, keys: usize, arguments: usize, longest: Longest) -> bool {
        let units = self.units(keys, arguments);
        let (argument, value) = (longest.argument as u64, longest.value as u64);
        let appended = match self.appends {
            true => units.saturating_mul(argument),
            false => 0,
        };
        let bytes = argument.max(value.saturating_add(appended));
        let factor = (bytes / UNIT_BYTES).saturating_add(1);
        units.saturating_mul(factor.saturating_mul(self.growth)) <= WORK_MAX
    }

    #[inline]
    fn units(&self, keys: usize, arguments: usize) -> u64 {
        let looped = self.per_key.saturating_mul(keys as u64);
        let looped = looped.saturating_add(self.per_argument.saturating_mul(arguments as u64));
        looped.saturating_add(self.straight)
    }
}

/// How often a node is run: a count, and one more for each key and each argument.
#[derive(Clone, Copy)]
struct Times {
    fixed: u64,
    keys: u64,
    arguments: u64,
}

impl Times {
    const ONCE: Times = Times {
        fixed: 1,
        keys: 0,
        arguments: 0,
    };

    fn of(input: Input, fixed: u64) -> Times {
        let (keys, arguments) = match input {
            Input::Keys => (1, 0),
            Input::Argv => (0, 1),
        };
        Times {
            fixed,
            keys,
            arguments,
        }
    }

    fn of_each(list: &Iterated) -> Times {
        match list {
            Iterated::Input(input) => Times::of(*input, 0),
            // The longest list is what MGET answers.
            Iterated::Value { .. } => Times::of(Input::Keys, ARGUMENTS_MAX as u64),
        }
    }

    /// Of a counting loop: its steps are integers. A length from which it begins makes it shorter.
    fn counting(start: Bound, limit: Bound, step: f64) -> Times {
        let (low, high) = match step > 0.0 {
            true => (start, limit),
            false => (limit, start),
        };
        let fixed = (high.offset - low.offset + 1.0).max(0.0) as u64;
        match high.length_of {
            Some(input) => Times::of(input, fixed),
            None => Times {
                fixed,
                ..Times::ONCE
            },
        }
    }
}

/// The sum over a script.
struct Sum<'s> {
    work: Work,
    declarations: &'s [Declaration],
}

impl Sum<'_> {
    fn add(&mut self, units: u64, times: Times) {
        let add = |sum: &mut u64, count: u64| {
            *sum = sum.saturating_add(units.saturating_mul(count));
        };
        add(&mut self.work.straight, times.fixed);
        add(&mut self.work.per_key, times.keys);
        add(&mut self.work.per_argument, times.arguments);
    }

    fn grow(&mut self, factor: usize) {
        let factor = factor.max(1) as u64;
        self.work.growth = self.work.growth.saturating_mul(factor);
    }

    fn block(&mut self, block: &[Statement], times: Times) {
        for statement in block {
            self.statement(statement, times);
        }
    }

    fn statement(&mut self, statement: &Statement, times: Times) {
        match statement {
            Statement::Local { values, .. }
            | Statement::Assign { values, .. }
            | Statement::Return(values) => self.exprs(values, times),
            Statement::Evaluate(expr) => self.expr(expr, times),
            Statement::Do(body) => self.block(body, times),
            Statement::If { arms, otherwise } => {
                for arm in arms {
                    self.expr(&arm.condition, times);
                    self.block(&arm.body, times);
                }
                self.block(otherwise, times);
            }
            Statement::ForEach { list, body, .. } => {
                if let Iterated::Value { list, .. } = list {
                    self.expr(list, times);
                }
                self.turns(body, Times::of_each(list));
            }
            Statement::Count {
                start,
                limit,
                step,
                body,
                ..
            } => self.turns(body, Times::counting(*start, *limit, *step)),
            Statement::Break => {}
        }
    }

    fn turns(&mut self, body: &[Statement], times: Times) {
        self.add(1, times);
        self.block(body, times);
    }

    fn exprs(&mut self, exprs: &[Expr], times: Times) {
        for expr in exprs {
            self.expr(expr, times);
        }
    }

    fn expr(&mut self, expr: &Expr, times: Times) {
        self.add(1, times);
        match expr {
            Expr::Nil
            | Expr::Boolean(_)
            | Expr::Number(_)
            | Expr::Text(_)
            | Expr::Local(_)
            | Expr::Element { .. }
            | Expr::ElementAt { .. }
            | Expr::InputLength(_) => {}
            Expr::Length(operand, _) | Expr::Field(operand, _, _) | Expr::Negate(operand, _) => {
                self.expr(&operand.expr, times);
            }
            Expr::Item(operand, index, _) => {
                self.expr(&operand.expr, times);
                self.expr(index, times);
            }
            Expr::Not(operand) | Expr::Builtin(_, operand) => self.expr(operand, times),
            Expr::Equality(_, left, right) => match expr.compared_in_place() {
                Some((get, other)) => {
                    self.request(get, times);
                    self.expr(other, times);
                }
                None => {
                    self.expr(left, times);
                    self.expr(right, times);
                }
            },
            Expr::And(left, right) | Expr::Or(left, right) | Expr::Order(_, left, right, _) => {
                self.expr(left, times);
                self.expr(right, times);
            }
            Expr::Arithmetic(_, operands, _) => {
                self.expr(&operands.0.expr, times);
                self.expr(&operands.1.expr, times);
            }
            Expr::Concat(operands, _) => {
                for operand in operands {
                    self.expr(&operand.expr, times);
                }
                self.grow(operands.len());
            }
            Expr::Table { items, fields, .. } => {
                self.exprs(items, times);
                for (_, expr) in fields {
                    self.expr(expr, times);
                }
                let tables = items.iter().filter(|item| self.may_have_items(item));
                self.grow(tables.count());
            }
            Expr::Command(command) => self.command(command, times),
        }
    }

    /// Whether an item of a table may have items itself.
    fn may_have_items(&self, item: &Expr) -> bool {
        match item {
            Expr::Local(local) => {
                let declared = self.declarations.get(local.declaration);
                declared.is_none_or(|declared| {
                    declared.is_assigned
                        || !matches!(declared.origin, Origin::Key | Origin::Counter)
                })
            }
            Expr::And(left, right) | Expr::Or(left, right) => {
                self.may_have_items(left) || self.may_have_items(right)
            }
            Expr::Item(..) | Expr::Field(..) => true,
            _ => false,
        }
    }

    fn command(&mut self, command: &Command, times: Times) {
        self.request(command, times);
        let values = match commands::copies(command) {
            Copies::Nothing => return,
            Copies::Value => 1,
            Copies::ValueOfEach => command.args.len() as u64,
        };
        self.work.copies = true;
        self.add(values * COPY_UNITS, times);
        if let Some((input, _)) = command.unpacked {
            self.add(COPY_UNITS, Times::of(input, 0));
        }
        self.work.appends |= command.name.eq_ignore_ascii_case(b"append");
    }

    /// A command, what it answers aside.
    fn request(&mut self, command: &Command, times: Times) {
        self.add(COMMAND_UNITS, times);
        self.exprs(&command.args, times);
        if let Some((input, _)) = command.unpacked {
            self.add(1, Times::of(input, 0));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::parser::Parser;
    use super::*;

    fn work(body: &str) -> Work {
        let script = Parser::script(body.as_bytes()).unwrap_or_else(|reason| panic!("{reason}"));
        Work::of(&script)
    }

    fn longest(argument: usize, value: usize) -> Longest {
        Longest { argument, value }
    }

    #[test]
    fn what_lock_libraries_run_is_small() {
        for (body, keys, argv) in [
            (
                "if redis.call('get', KEYS[1]) == ARGV[1] then \
                 return redis.call('pexpire', KEYS[1], ARGV[2]) else return 0 end",
                1,
                2,
            ),
            (
                "for i, key in ipairs(KEYS) do \
                 if redis.call('exists', key) == 1 then return 0 end end \
                 for i, key in ipairs(KEYS) do \
                 redis.call('set', key, ARGV[1], 'PX', ARGV[2]) end return #KEYS",
                4,
                2,
            ),
            (
                "local v = redis.call('get', KEYS[1]) if v == false or v == ARGV[1] then \
                 redis.call('set', KEYS[1], ARGV[1], 'PX', ARGV[2]) return 1 end return 0",
                1,
                2,
            ),
        ] {
            assert!(work(body).is_small(keys, argv), "{body}: {:?}", work(body));
            assert!(work(body).is_bounded(1_000, argv, longest(50, 50)));
            assert!(!work(body).is_bounded(1_000_000, 1_000_000, longest(50, 50)) || keys == 1);
        }
    }

    #[test]
    fn a_run_is_as_long_as_its_loops_and_its_strings() {
        let compared = "for i = 1, #ARGV do if ARGV[1] < ARGV[2] then return 1 end end";
        assert!(work(compared).is_bounded(0, 1_000, longest(100, 0)));
        assert!(!work(compared).is_bounded(0, 1_000, longest(1_000_000, 0)));
        assert!(!work(compared).is_bounded(0, 100_000, longest(100, 0)));
        let read = "for i = 1, #ARGV do redis.call('get', KEYS[1]) end";
        assert!(work(read).copies());
        assert!(work(read).is_bounded(1, 100, longest(10, 1_000)));
        assert!(!work(read).is_bounded(1, 100, longest(10, 1_000_000)));
        let grown = "for i = 1, #ARGV do redis.call('append', KEYS[1], ARGV[i]) end";
        assert!(work(grown).is_bounded(1, 10, longest(10, 0)));
        assert!(!work(grown).is_bounded(1, 1_000, longest(10, 0)));
        for (body, units) in [
            ("for i = 1, 10 do local x = 1 end", 20),
            ("for i = 10, 1, -1 do local x = 1 end", 20),
            ("for i = 1, #KEYS do local x = 1 end", 2 * 7),
            ("for i = #KEYS, 1, -1 do local x = 1 end", 2 * 7),
            ("for i = 1, #KEYS - 0 do local x = 1 end", 2 * 7),
            ("for i = #KEYS, 10 do local x = 1 end", 22),
            ("for i in ipairs(ARGV) do local x = 1 end", 2 * 9),
        ] {
            if let Ok(script) = Parser::script(body.as_bytes()) {
                assert_eq!(Work::of(&script).units(7, 9), units, "{body}");
            }
        }
    }

    #[test]
    fn a_value_that_is_only_compared_is_not_copied() {
        for (body, copies) in [
            ("return redis.call('get', KEYS[1]) == ARGV[1]", false),
            ("return redis.call('get', KEYS[1]) ~= ARGV[1]", false),
            ("return redis.call('get', KEYS[1]) == 5", true),
            (
                "return redis.call('get', KEYS[1]) == redis.call('get', KEYS[2])",
                true,
            ),
            (
                "return redis.call('set', KEYS[1], ARGV[1], 'NX', 'PX', ARGV[2])",
                false,
            ),
            (
                "return redis.call('set', KEYS[1], ARGV[1], 'NX', 'GET')",
                true,
            ),
            ("return redis.call('set', KEYS[1], ARGV[1], ARGV[2])", true),
            (
                "return redis.call('set', KEYS[1], ARGV[1], unpack(ARGV))",
                true,
            ),
            ("return redis.call('delifeq', KEYS[1], ARGV[1])", false),
        ] {
            assert_eq!(work(body).copies(), copies, "{body}");
        }
    }

    #[test]
    fn what_doubles_in_straight_code_is_not_small() {
        let mut tables = "local t0 = {1, 1} ".to_owned();
        let mut texts = "local t0 = ARGV[1] ".to_owned();
        for step in 0..20 {
            tables += &format!("local t{} = {{t{step}, t{step}}} ", step + 1);
            texts += &format!("local t{} = t{step} .. t{step} ", step + 1);
        }
        for body in [tables, texts] {
            assert!(!work(&body).is_small(0, 1), "{body}");
            assert!(!work(&body).is_bounded(0, 1, longest(1, 0)), "{body}");
        }
    }
}
