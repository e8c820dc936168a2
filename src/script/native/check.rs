//! The proofs over a whole script.
//!
//! Every key that a command is given must be an element of KEYS, or nil, which fails before the
//! command runs: the shards of KEYS are all that is locked. And the few operations whose result
//! hangs on how Lua lays out its tables must not meet such a table, and a loop must not build a
//! table of tables. All need to know which locals are assigned anywhere, so they wait until the
//! script is parsed.

use std::cell::Cell;

use super::ast::{
    Command, Declaration, Expr, Input, Iterated, Line, Local, Origin, Script, Statement,
};
use super::commands::{self, KeyPositions};
use super::selection::{Selection, is_select};
use super::{NotNative, ast::Operand};

/// Checks a parsed script.
pub(super) fn check(script: &Script) -> Result<(), NotNative> {
    let check = Check {
        declarations: &script.declarations,
        is_in_loop: Cell::new(false),
    };
    match script.body.split_first() {
        Some((first, rest)) if Selection::of(first).is_some() => check.block(rest),
        _ => check.block(&script.body),
    }
}

struct Check<'s> {
    declarations: &'s [Declaration],
    is_in_loop: Cell<bool>,
}

fn refuse(line: Line, reason: impl Into<String>) -> NotNative {
    NotNative {
        line,
        reason: reason.into(),
    }
}

impl Check<'_> {
    /// What `local` is for as long as it lives.
    fn origin(&self, local: Local) -> Origin {
        let mut index = local.declaration;
        loop {
            match self.declarations.get(index) {
                Some(declared) if declared.is_assigned => return Origin::Unknown,
                // A copy is declared after its source, so this ends.
                Some(Declaration {
                    origin: Origin::CopyOf(source),
                    ..
                }) if *source < index => {
                    index = *source;
                }
                Some(declared) => return declared.origin,
                None => return Origin::Unknown,
            }
        }
    }

    fn block(&self, block: &[Statement]) -> Result<(), NotNative> {
        block
            .iter()
            .try_for_each(|statement| self.statement(statement))
    }

    fn statement(&self, statement: &Statement) -> Result<(), NotNative> {
        match statement {
            Statement::Local { values, .. }
            | Statement::Assign { values, .. }
            | Statement::Return(values) => self.exprs(values),
            Statement::Evaluate(expr) => self.expr(expr),
            Statement::Do(body) => self.block(body),
            Statement::Count { body, .. } => self.loop_body(body),
            Statement::If { arms, otherwise } => {
                for arm in arms {
                    self.expr(&arm.condition)?;
                    self.block(&arm.body)?;
                }
                self.block(otherwise)
            }
            Statement::ForEach { list, body, .. } => {
                if let Iterated::Value { list, .. } = list {
                    self.expr(list)?;
                }
                self.loop_body(body)
            }
            Statement::Break => Ok(()),
        }
    }

    /// No loop holds another one, so one flag tells of all that stands inside.
    fn loop_body(&self, body: &[Statement]) -> Result<(), NotNative> {
        self.is_in_loop.set(true);
        let result = self.block(body);
        self.is_in_loop.set(false);
        result
    }

    fn exprs(&self, exprs: &[Expr]) -> Result<(), NotNative> {
        exprs.iter().try_for_each(|expr| self.expr(expr))
    }

    fn expr(&self, expr: &Expr) -> Result<(), NotNative> {
        match expr {
            Expr::Nil
            | Expr::Boolean(_)
            | Expr::Number(_)
            | Expr::Text(_)
            | Expr::Local(_)
            | Expr::Element { .. }
            | Expr::ElementAt { .. }
            | Expr::InputLength(_) => Ok(()),
            Expr::Length(operand, line) => self.length(operand, *line),
            Expr::Field(operand, _, _) | Expr::Negate(operand, _) => self.expr(&operand.expr),
            Expr::Item(operand, index, line) => self.item(operand, index, *line),
            Expr::Not(operand) | Expr::Builtin(_, operand) => self.expr(operand),
            Expr::And(left, right)
            | Expr::Or(left, right)
            | Expr::Equality(_, left, right)
            | Expr::Order(_, left, right, _) => {
                self.expr(left)?;
                self.expr(right)
            }
            Expr::Arithmetic(_, operands, _) => {
                self.expr(&operands.0.expr)?;
                self.expr(&operands.1.expr)
            }
            Expr::Concat(operands, _) => operands
                .iter()
                .try_for_each(|operand| self.expr(&operand.expr)),
            Expr::Table {
                items,
                fields,
                line,
            } => {
                let mut parts = items.iter().chain(fields.iter().map(|(_, expr)| expr));
                parts.try_for_each(|part| {
                    self.part_of_table(part, *line)?;
                    self.expr(part)
                })
            }
            Expr::Command(command) => self.command(command),
        }
    }

    /// Tables that hold one another would grow with each turn of a loop: twice as large, or deeper.
    fn part_of_table(&self, part: &Expr, line: Line) -> Result<(), NotNative> {
        let Some(local) = self.table_in(part).filter(|_| self.is_in_loop.get()) else {
            return Ok(());
        };
        let declared = self.declarations.get(local.declaration);
        let name = declared.map_or("?", |declared| &declared.name);
        let reason = format!("a table inside a loop holds '{name}', which is assigned");
        Err(refuse(line, reason))
    }

    /// The local from which a table may come that is the value of `expr`, if the local is assigned
    /// anywhere.
    fn table_in(&self, expr: &Expr) -> Option<Local> {
        match expr {
            Expr::Local(local) => {
                let declared = self.declarations.get(local.declaration);
                declared
                    .is_none_or(|declared| declared.is_assigned)
                    .then_some(*local)
            }
            Expr::And(left, right) | Expr::Or(left, right) => {
                self.table_in(left).or_else(|| self.table_in(right))
            }
            Expr::Item(operand, _, _) | Expr::Field(operand, _, _) => self.table_in(&operand.expr),
            // The parts of a table are looked at one by one.
            _ => None,
        }
    }

    /// The length of a table that the script built depends on its layout where items are nil.
    fn length(&self, operand: &Operand, line: Line) -> Result<(), NotNative> {
        let is_reply_or_text = match &operand.expr {
            Expr::Local(local) => matches!(self.origin(*local), Origin::Plain | Origin::Key),
            Expr::Command(_) | Expr::Text(_) | Expr::Element { .. } | Expr::ElementAt { .. } => {
                true
            }
            _ => false,
        };
        if !is_reply_or_text {
            return Err(refuse(
                line,
                "'#' of anything but KEYS, ARGV or a command's reply",
            ));
        }
        self.expr(&operand.expr)
    }

    /// A string has fields such as `len`, so an index must be a number for sure.
    fn item(&self, operand: &Operand, index: &Expr, line: Line) -> Result<(), NotNative> {
        let is_number = match index {
            Expr::Number(_) | Expr::InputLength(_) => true,
            Expr::Local(local) => self.origin(*local) == Origin::Counter,
            _ => false,
        };
        if !is_number {
            let reason = "an index must be a literal, #KEYS, #ARGV or a loop's counter";
            return Err(refuse(line, reason));
        }
        self.expr(&operand.expr)
    }

    fn command(&self, command: &Command) -> Result<(), NotNative> {
        if is_select(command) {
            let reason = "SELECT must be a script's first statement, with a plain argument";
            return Err(refuse(command.line, reason));
        }
        let keys = commands::native_keys(&command.name).unwrap_or(KeyPositions::All);
        for (index, arg) in command.args.iter().enumerate() {
            if keys.contains(index) && !self.is_key(arg) {
                let name = command.name.escape_ascii();
                let reason = format!("a key of '{name}' is not taken from KEYS");
                return Err(refuse(command.line, reason));
            }
            self.expr(arg)?;
        }
        let count = command.args.len();
        // Two places in a row tell for all that follow: no command repeats in longer steps.
        let unpacks_keys = keys.contains(count) || keys.contains(count + 1);
        match command.unpacked {
            Some((Input::Argv, line)) if unpacks_keys => {
                Err(refuse(line, "unpack(ARGV) where the command has keys"))
            }
            _ => Ok(()),
        }
    }

    /// Whether `expr` is an element of KEYS, or nil.
    fn is_key(&self, expr: &Expr) -> bool {
        match expr {
            Expr::Element {
                input: Input::Keys, ..
            }
            | Expr::ElementAt {
                input: Input::Keys, ..
            } => true,
            Expr::Local(local) => self.origin(*local) == Origin::Key,
            _ => false,
        }
    }
}
