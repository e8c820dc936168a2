//! Commands that are steps: done without making a request of their words, a reply of what the
//! keyspace holds and a Lua value of the reply.
//!
//! Where a step is not done, nothing was, and the command runs as it is written.

use super::super::ast::{Arm, Command, Expr, Shape};
use super::super::value::{Text, Value};
use super::Run;
use crate::script::{Calls, Step};

impl<'a, C: Calls + ?Sized> Run<'_, 'a, C> {
    /// Runs a command, if it is a step and its arguments are at hand: tells what became of it.
    #[inline]
    pub(super) fn stepped(&mut self, command: &'a Command) -> Option<bool> {
        let (key, step) = match (command.shape, command.args.as_slice()) {
            (Shape::Exists, [key]) => (key, Step::Exists),
            (Shape::Remove(deletion), [key]) => (key, Step::Remove(deletion)),
            (Shape::SetFor, [key, value, _, lifetime_ms]) => (
                key,
                Step::SetFor(self.scope.text(value)?, self.scope.text(lifetime_ms)?),
            ),
            _ => return None,
        };
        self.calls.step(self.scope.text(key)?, step)
    }

    /// Compares and deletes by one step, if that is how `arm` begins: tells whether it did.
    #[inline]
    pub(super) fn removed_if_equal(&mut self, arm: &'a Arm) -> Option<bool> {
        let deletion = arm.deletion?;
        let (key, value) = arm.condition.compared()?;
        let step = Step::RemoveIfEqual(deletion, self.scope.text(value)?);
        self.calls.step(self.scope.text(key)?, step)
    }

    /// What the script is answered by a step.
    pub(super) fn answer_of_step(&mut self, command: &Command, done: bool) -> Value<'a> {
        match command.shape {
            Shape::SetFor => self.tables.status(Text::Borrowed(b"OK")),
            _ => Value::Number(f64::from(u8::from(done))),
        }
    }

    /// Whether both sides are equal, if one of them is GET compared with a string that is at hand,
    /// or EXISTS compared with a number. `None`: nothing was done, compute both sides.
    #[inline]
    pub(super) fn answered_in_place(&mut self, left: &'a Expr, right: &'a Expr) -> Option<bool> {
        let (command, other) = match (left, right) {
            (Expr::Command(command), other) | (other, Expr::Command(command)) => (command, other),
            _ => return None,
        };
        match (command.shape, command.args.as_slice(), other) {
            (Shape::Get, [key], other) => {
                let key = self.scope.text(key)?;
                let value = self.scope.text(other)?;
                self.calls.step(key, Step::Holds(value))
            }
            (Shape::Exists, [_], Expr::Number(number)) => {
                let exists = self.stepped(command)?;
                Some(*number == f64::from(u8::from(exists)))
            }
            _ => None,
        }
    }
}
