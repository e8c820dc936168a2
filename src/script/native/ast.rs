//! The syntax tree of a native script.
//!
//! Names are already resolved: a local is a [`Local`] with a slot in the run's register file and
//! an index among the script's declarations, a global is a node of its own. A tree that exists
//! is inside the language subset; whether its keys are provable is decided by `check`.

use std::ops::Range;

use crate::script::Deletion;

/// A line of the script, counted from 1.
pub(super) type Line = u32;

/// Statements in order.
pub(super) type Block = Vec<Statement>;

/// A compiled script before and after its check.
pub(super) struct Script {
    pub(super) body: Block,
    /// What is known of each declared local, in order of declaration.
    pub(super) declarations: Vec<Declaration>,
    /// How many locals are alive at once, at most.
    pub(super) slots: usize,
}

/// A declared local variable.
pub(super) struct Declaration {
    pub(super) name: Box<str>,
    pub(super) origin: Origin,
    /// Whether some assignment gives it another value later.
    pub(super) is_assigned: bool,
}

/// What the first value of a local is, as far as the proofs need it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// An element of KEYS, or nil.
    Key,
    /// The value of a command, an argument or a literal: no table built by the script.
    Plain,
    /// An integer that a loop counts.
    Counter,
    /// The value of the local with this index among the declarations, at that moment.
    CopyOf(usize),
    /// Anything.
    Unknown,
}

/// A use of a local variable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Local {
    /// Register that holds the value.
    pub(super) slot: usize,
    /// Index into [`Script::declarations`].
    pub(super) declaration: usize,
}

/// The two tables that every script is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Input {
    Keys,
    Argv,
}

#[derive(Debug)]
pub(super) enum Statement {
    /// `local a, b = x, y`: the locals take consecutive slots. Surplus values are computed and
    /// dropped, missing ones are nil.
    Local {
        first_slot: usize,
        count: usize,
        values: Vec<Expr>,
    },
    /// `a, b = x, y`
    Assign {
        targets: Vec<Local>,
        values: Vec<Expr>,
    },
    /// An expression whose value is dropped; the grammar admits calls only.
    Evaluate(Expr),
    /// `do ... end`
    Do(Block),
    If {
        arms: Vec<Arm>,
        otherwise: Block,
    },
    /// `for i, v in ipairs(list) do`; `slots` are those of the declared names.
    ForEach {
        slots: Range<usize>,
        list: Iterated,
        body: Block,
    },
    /// `for i = start, limit, step do` with `start` and `limit` known before the loop.
    Count {
        slot: usize,
        start: Bound,
        limit: Bound,
        step: f64,
        body: Block,
    },
    Break,
    /// Only the first value is answered; the others are computed.
    Return(Vec<Expr>),
}

/// `if condition then body`
#[derive(Debug)]
pub(super) struct Arm {
    pub(super) condition: Expr,
    pub(super) body: Block,
    /// How the body begins by deleting the key that the condition compares, if it does.
    pub(super) deletion: Option<Deletion>,
}

impl Arm {
    pub(super) fn new(condition: Expr, body: Block) -> Arm {
        let compared = condition.compared().map(|(key, _)| key);
        let deletion = match body.first() {
            Some(Statement::Evaluate(Expr::Command(command))) => match command.shape {
                Shape::Remove(deletion) if command.args.first() == compared => Some(deletion),
                _ => None,
            },
            _ => None,
        };
        Arm {
            condition,
            body,
            deletion,
        }
    }
}

/// What `ipairs` walks.
#[derive(Debug)]
pub(super) enum Iterated {
    Input(Input),
    Value { list: Expr, line: Line },
}

/// An end of a counting loop: a literal, or the length of KEYS or ARGV plus a literal.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bound {
    pub(super) length_of: Option<Input>,
    pub(super) offset: f64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Arithmetic {
    Add,
    Subtract,
    Multiply,
    Divide,
    Modulo,
}

/// An ordering as Lua runs it: `a > b` is `b < a`, with the operands computed in written order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Equality {
    Equal,
    NotEqual,
}

#[derive(Debug, PartialEq)]
pub(super) enum Expr {
    Nil,
    Boolean(bool),
    Number(f64),
    Text(Box<[u8]>),
    Local(Local),
    /// `KEYS[2]`; the index is none of the list's where the literal is no positive integer.
    Element {
        input: Input,
        index: Option<usize>,
    },
    /// `KEYS[i]` with a local as index.
    ElementAt {
        input: Input,
        index: Local,
    },
    /// `#KEYS`
    InputLength(Input),
    /// `#value`
    Length(Box<Operand>, Line),
    /// `value.ok`, `value["err"]`
    Field(Box<Operand>, Field, Line),
    /// `value[1]`, `value[i]`
    Item(Box<Operand>, Box<Expr>, Line),
    Not(Box<Expr>),
    Negate(Box<Operand>, Line),
    And(Box<Expr>, Box<Expr>),
    Or(Box<Expr>, Box<Expr>),
    Equality(Equality, Box<Expr>, Box<Expr>),
    Order(Order, Box<Expr>, Box<Expr>, Line),
    Arithmetic(Arithmetic, Box<(Operand, Operand)>, Line),
    /// `a .. b .. c`: all operands are computed, then joined from the right.
    Concat(Vec<Operand>, Line),
    Table {
        items: Vec<Expr>,
        fields: Vec<(Field, Expr)>,
        /// Where it begins.
        line: Line,
    },
    Command(Box<Command>),
    Builtin(Builtin, Box<Expr>),
}

impl Expr {
    /// The GET and the other side, if this compares the two and the other side is no command: the
    /// value is compared where it is, and not copied.
    pub(super) fn compared_in_place(&self) -> Option<(&Command, &Expr)> {
        let Expr::Equality(_, left, right) = self else {
            return None;
        };
        let is_at_hand = |expr: &Expr| {
            matches!(
                expr,
                Expr::Text(_) | Expr::Local(_) | Expr::Element { .. } | Expr::ElementAt { .. }
            )
        };
        match (&**left, &**right) {
            (Expr::Command(get), other) | (other, Expr::Command(get))
                if get.shape == Shape::Get && is_at_hand(other) =>
            {
                Some((get, other))
            }
            _ => None,
        }
    }

    /// The key and the other side, if this asks whether a GET of one key answers something.
    pub(super) fn compared(&self) -> Option<(&Expr, &Expr)> {
        let Expr::Equality(Equality::Equal, left, right) = self else {
            return None;
        };
        match (&**left, &**right) {
            (Expr::Command(get), other) | (other, Expr::Command(get))
                if get.shape == Shape::Get =>
            {
                Some((get.args.first()?, other))
            }
            _ => None,
        }
    }
}

/// The two fields that replies have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Field {
    Ok,
    Err,
}

/// Functions of one argument that cannot fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Builtin {
    ToNumber,
    ToString,
    Type,
    StatusReply,
    ErrorReply,
}

/// An operand that an error message may have to name.
#[derive(Debug, PartialEq)]
pub(super) struct Operand {
    pub(super) expr: Expr,
    /// As Lua names it: `local 'x' `, `field '?' `, or nothing.
    pub(super) name: Box<str>,
}

/// `redis.call("set", KEYS[1], ...)`
#[derive(Debug, PartialEq)]
pub(super) struct Command {
    pub(super) on_error: OnError,
    /// As the script wrote it.
    pub(super) name: Box<[u8]>,
    pub(super) args: Vec<Expr>,
    /// `unpack(KEYS)` behind the other arguments.
    pub(super) unpacked: Option<(Input, Line)>,
    pub(super) line: Line,
    pub(super) shape: Shape,
}

/// Which [`Step`](crate::script::Step) a command is, if its arguments are strings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// `get key`
    Get,
    /// `exists key`
    Exists,
    /// `del key`, `unlink key`
    Remove(Deletion),
    /// `set key value px milliseconds`
    SetFor,
    /// None.
    Other,
}

impl Shape {
    /// Of the command `name` with these arguments and no others.
    pub(super) fn of(name: &[u8], args: &[Expr]) -> Shape {
        let is = |known: &str| name.eq_ignore_ascii_case(known.as_bytes());
        match args {
            [_] if is("get") => Shape::Get,
            [_] if is("exists") => Shape::Exists,
            [_] if is("del") => Shape::Remove(Deletion::Del),
            [_] if is("unlink") => Shape::Remove(Deletion::Unlink),
            [_, _, Expr::Text(option), _] if is("set") && option.eq_ignore_ascii_case(b"px") => {
                Shape::SetFor
            }
            _ => Shape::Other,
        }
    }
}

/// What a failing command does to the script.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum OnError {
    /// `redis.call`
    Raise,
    /// `redis.pcall`
    Return,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::script::native::parser::Parser;

    fn deletion(body: &str) -> Option<Deletion> {
        let script = Parser::script(body.as_bytes()).unwrap_or_else(|reason| panic!("{reason}"));
        script.body.iter().find_map(|statement| match statement {
            Statement::If { arms, .. } => arms.first()?.deletion,
            _ => None,
        })
    }

    #[test]
    fn an_arm_deletes_what_it_compares_only_if_that_comes_first_and_is_the_same_key() {
        for (body, expected) in [
            (
                "if redis.call('get', KEYS[1]) == ARGV[1] then redis.call('del', KEYS[1]) end",
                Deletion::Del,
            ),
            (
                "local k = KEYS[1] if ARGV[2] == redis.pcall('GET', k) then redis.pcall('unlink', k) return 1 end",
                Deletion::Unlink,
            ),
            (
                "if redis.call('get', KEYS[1]) == 'x' then redis.call('DEL', KEYS[1]) else return 0 end",
                Deletion::Del,
            ),
        ] {
            assert_eq!(deletion(body), Some(expected), "{body}");
        }
        for body in [
            "if redis.call('get', KEYS[1]) == ARGV[1] then redis.call('del', KEYS[2]) end",
            "local k = KEYS[1] if redis.call('get', k) == ARGV[1] then redis.call('del', KEYS[1]) end",
            "if redis.call('get', KEYS[1]) ~= ARGV[1] then redis.call('del', KEYS[1]) end",
            "if not redis.call('get', KEYS[1]) == ARGV[1] then redis.call('del', KEYS[1]) end",
            "if redis.call('type', KEYS[1]) == ARGV[1] then redis.call('del', KEYS[1]) end",
            "if redis.call('get', KEYS[1]) == ARGV[1] then redis.call('del', KEYS[1], KEYS[1]) end",
            "if redis.call('get', KEYS[1]) == ARGV[1] then local n = redis.call('del', KEYS[1]) end",
            "if redis.call('get', KEYS[1]) == ARGV[1] then redis.call('set', KEYS[2], 1) redis.call('del', KEYS[1]) end",
        ] {
            assert_eq!(deletion(body), None, "{body}");
        }
    }

    #[test]
    fn a_set_is_a_step_with_a_lifetime_in_milliseconds_and_nothing_else() {
        let text = |text: &str| Expr::Text(text.as_bytes().into());
        let args = |words: &[&str]| words.iter().map(|word| text(word)).collect::<Vec<_>>();
        let shape = |words: &[&str]| Shape::of(b"Set", &args(words));
        assert_eq!(shape(&["k", "v", "pX", "1"]), Shape::SetFor);
        for words in [
            &["k", "v"][..],
            &["k", "v", "EX", "1"],
            &["k", "v", "PX"],
            &["k", "v", "PX", "1", "NX"],
        ] {
            assert_eq!(shape(words), Shape::Other, "{words:?}");
        }
        assert_eq!(
            Shape::of(b"setex", &args(&["k", "1", "PX", "v"])),
            Shape::Other
        );
    }
}
