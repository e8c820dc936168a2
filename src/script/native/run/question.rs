//! Comparisons with what a command answers, where the answer itself is wanted by nobody.
//!
//! `redis.call("get", KEYS[1]) == ARGV[1]` asks one thing of the keyspace. Making a reply of the
//! value and a Lua value of the reply, only to compare and drop it, would be most of the work.

use super::super::ast::Expr;
use super::{Run, ready};
use crate::script::Calls;

impl<'a, C: Calls + ?Sized> Run<'a, C> {
    /// Whether both sides are equal, if one of them is GET compared with a string that is at hand,
    /// or EXISTS compared with a number. `None`: nothing was done, compute both sides.
    pub(super) fn answered_in_place(&mut self, left: &'a Expr, right: &'a Expr) -> Option<bool> {
        let (command, other) = match (left, right) {
            (Expr::Command(command), other) | (other, Expr::Command(command)) => (command, other),
            _ => return None,
        };
        let [key] = command.args.as_slice() else {
            return None;
        };
        if command.unpacked.is_some() {
            return None;
        }
        let key = ready(self.keys, self.argv, &self.locals, key)?;
        if command.name.eq_ignore_ascii_case(b"get") {
            let value = ready(self.keys, self.argv, &self.locals, other)?;
            return self.calls.holds_value(key, value);
        }
        if command.name.eq_ignore_ascii_case(b"exists")
            && let Expr::Number(number) = other
        {
            let exists = self.calls.exists(key)?;
            return Some(*number == f64::from(u8::from(exists)));
        }
        None
    }
}
