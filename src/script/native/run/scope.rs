//! What the expressions of a run can see: KEYS, ARGV and the locals.
//!
//! Much of what a script says is there already: the string or the number that an expression is can
//! then be had without a [`Value`] being made of it.

use super::super::ast::{Expr, Input};
use super::super::operation;
use super::super::value::{Text, Value};

/// See the module's text.
pub(super) struct Scope<'l, 'a> {
    pub(super) keys: &'a [&'a [u8]],
    pub(super) argv: &'a [&'a [u8]],
    pub(super) locals: &'l mut [Value<'a>],
}

impl<'a> Scope<'_, 'a> {
    #[inline(always)]
    pub(super) fn set_local(&mut self, slot: usize, value: Value<'a>) {
        if let Some(local) = self.locals.get_mut(slot) {
            *local = value;
        }
    }

    #[inline]
    pub(super) fn input(&self, input: Input) -> &'a [&'a [u8]] {
        match input {
            Input::Keys => self.keys,
            Input::Argv => self.argv,
        }
    }

    pub(super) fn element(&self, input: Input, index: Option<usize>) -> Value<'a> {
        index
            .and_then(|index| self.input(input).get(index))
            .map_or(Value::Nil, |bytes| Value::Text(Text::Borrowed(bytes)))
    }

    /// The list index that the local in `slot` holds, counted from 0.
    pub(super) fn index_in(&self, slot: usize) -> Option<usize> {
        match self.locals.get(slot) {
            Some(Value::Number(index)) => operation::list_index(*index),
            _ => None,
        }
    }

    /// The string that `expr` is already, without computing or copying anything.
    ///
    /// No expression assigns to a local, so the answer stays true while others are computed.
    pub(super) fn text<'s>(&'s self, expr: &'a Expr) -> Option<&'s [u8]> {
        let (input, index) = match expr {
            Expr::Text(bytes) => return Some(bytes),
            Expr::Local(local) => match self.locals.get(local.slot)? {
                Value::Text(text) => return Some(text.bytes()),
                _ => return None,
            },
            Expr::Element { input, index } => (input, (*index)?),
            Expr::ElementAt { input, index } => (input, self.index_in(index.slot)?),
            _ => return None,
        };
        self.input(*input).get(index).copied()
    }

    /// The number that `expr` is already, or that two such numbers make.
    #[inline]
    pub(super) fn number(&self, expr: &Expr) -> Option<f64> {
        let known = |expr: &Expr| match expr {
            Expr::Number(number) => Some(*number),
            Expr::InputLength(input) => Some(self.input(*input).len() as f64),
            Expr::Local(local) => match self.locals.get(local.slot)? {
                Value::Number(number) => Some(*number),
                _ => None,
            },
            _ => None,
        };
        match expr {
            Expr::Arithmetic(operation, operands, _) => {
                let (left, right) = (known(&operands.0.expr)?, known(&operands.1.expr)?);
                Some(operation::compute(*operation, left, right))
            }
            expr => known(expr),
        }
    }
}
