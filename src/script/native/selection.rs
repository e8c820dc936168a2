//! The SELECT that a script begins with.
//!
//! KEYS are then keys of a database that is known once the script runs: whoever runs it has the
//! statement run first, and locks their shards in that database. So nothing may stand in front of
//! it, its argument must be there without calling anything, and there is no second one.

use super::ast::{Block, Command, Expr, Script, Statement};
use super::commands::SELECT;

/// The statement, if there is one, taken out of its script.
pub(super) struct Selection(Block);

impl Selection {
    /// Takes it off the front of `script`.
    pub(super) fn take(script: &mut Script) -> Option<Selection> {
        Selection::of(script.body.first()?)?;
        Some(Selection(script.body.drain(..1).collect()))
    }

    /// The command of a statement that selects a database and does nothing else.
    pub(super) fn of(statement: &Statement) -> Option<&Command> {
        let Statement::Evaluate(Expr::Command(command)) = statement else {
            return None;
        };
        let is_ready = command.args.iter().all(is_ready) && command.unpacked.is_none();
        (is_select(command) && is_ready).then_some(command)
    }

    pub(super) fn statements(&self) -> &[Statement] {
        &self.0
    }
}

pub(super) fn is_select(command: &Command) -> bool {
    command.name.eq_ignore_ascii_case(SELECT.as_bytes())
}

/// Whether an expression calls no command.
fn is_ready(expr: &Expr) -> bool {
    match expr {
        Expr::Number(_) | Expr::Text(_) | Expr::Element { .. } => true,
        Expr::Builtin(_, argument) => is_ready(argument),
        _ => false,
    }
}
