//! Runs a checked script.
//!
//! The tree is walked as it is: `exec` for statements, `eval` for expressions. A run cannot fail
//! in a way that Lua would not, takes time linear in its arguments, and touches no key but those
//! the check proved.

mod call;
mod loops;
mod operator;
mod scope;
mod step;

use self::scope::Scope;
use super::ast::{Equality, Expr, Line, Local, Script, Statement};
use super::value::{Tables, Text, Value, one_line};
use super::{JOINED_BYTES_MAX, operation};
use crate::error::{CommandError, GENERAL_CODE, ScriptError};
use crate::resp::reply::Reply;
use crate::script::Calls;

/// A script with no more locals alive at once needs no memory for them.
const LOCALS_FEW: usize = 4;

/// One run of a script.
pub(super) struct Run<'l, 'a, C: Calls + ?Sized> {
    scope: Scope<'l, 'a>,
    calls: &'a mut C,
    tables: Tables,
    join_budget: usize,
    /// What the script has returned.
    returned: Value<'a>,
    /// What has ended it, where it was [`Raised`].
    error: Option<Error>,
}

/// An error that ends the script.
struct Error {
    /// The line of the reply without its position, code first.
    message: Vec<u8>,
    /// Where it stands; Lua does not tell where its memory was at an end.
    line: Option<Line>,
}

/// The script ends with an error, which [`Run`] has: handed from function to function it is no
/// larger than what they answer.
struct Raised;

type Evaluated<'a> = Result<Value<'a>, Raised>;

/// Where control goes behind a statement.
enum Flow {
    Next,
    Break,
    /// The script ends; [`Run::returned`] is its answer.
    Return,
}

impl<'a, C: Calls + ?Sized> Run<'_, 'a, C> {
    /// Runs two blocks of `script`, one after the other, and answers with their value or their
    /// error.
    pub(super) fn answer(
        script: &'a Script,
        (block, rest): (&'a [Statement], &'a [Statement]),
        sha1_hex: &str,
        keys: &'a [&'a [u8]],
        argv: &'a [&'a [u8]],
        calls: &'a mut C,
    ) -> Reply {
        // Made where they stay: moving them would cost more than a short script does.
        let mut few = [const { Value::Nil }; LOCALS_FEW];
        let mut many = Vec::new();
        let locals = match few.get_mut(..script.slots) {
            Some(few) => few,
            None => {
                many.resize(script.slots, Value::Nil);
                many.as_mut_slice()
            }
        };
        let mut run = Run {
            scope: Scope { keys, argv, locals },
            calls,
            tables: Tables::default(),
            join_budget: JOINED_BYTES_MAX,
            returned: Value::Nil,
            error: None,
        };
        let flow = match run.exec_block(block) {
            Ok(Flow::Next) => run.exec_block(rest),
            leaving => leaving,
        };
        match flow {
            Ok(Flow::Return) => run.reply(),
            Ok(Flow::Next | Flow::Break) => Reply::Null,
            Err(Raised) => run.error.map_or(Reply::Null, |error| error.reply(sha1_hex)),
        }
    }

    /// What the script has returned as a reply, if that is not too large.
    #[inline]
    fn reply(self) -> Reply {
        if let Value::Text(_) | Value::Table(_) = &self.returned
            && !self.returned.fits(self.calls.reply_bytes_max())
        {
            return CommandError::from(ScriptError::ReplyTooLarge).into_reply();
        }
        self.returned.into_reply()
    }

    #[cold]
    fn raise(&mut self, line: Line, message: Vec<u8>) -> Raised {
        let line = Some(line);
        self.error = Some(Error { message, line });
        Raised
    }

    #[cold]
    fn out_of_memory(&mut self) -> Raised {
        let message = format!("{GENERAL_CODE}not enough memory").into_bytes();
        self.error = Some(Error {
            message,
            line: None,
        });
        Raised
    }

    #[cold]
    fn runtime_error(&mut self, line: Line, text: &str) -> Raised {
        let message = format!("{GENERAL_CODE}user_script:{line}: {text}");
        self.raise(line, message.into_bytes())
    }

    fn exec_block(&mut self, block: &'a [Statement]) -> Result<Flow, Raised> {
        for statement in block {
            match self.exec(statement)? {
                Flow::Next => {}
                leaving => return Ok(leaving),
            }
        }
        Ok(Flow::Next)
    }

    fn exec(&mut self, statement: &'a Statement) -> Result<Flow, Raised> {
        match statement {
            Statement::Local {
                first_slot,
                count,
                values,
            } => match values.as_slice() {
                [value] if *count == 1 => self.assign_one(*first_slot, value)?,
                values => {
                    let mut values = self.eval_all(values)?.into_iter();
                    for slot in *first_slot..first_slot + count {
                        self.scope
                            .set_local(slot, values.next().unwrap_or(Value::Nil));
                    }
                }
            },
            Statement::Assign { targets, values } => self.assign(targets, values)?,
            Statement::Evaluate(Expr::Command(command)) => self.command_unheard(command)?,
            Statement::Evaluate(expr) => {
                self.eval(expr)?;
            }
            Statement::Do(body) => return self.exec_block(body),
            Statement::If { arms, otherwise } => {
                for arm in arms {
                    if let Some(is_removed) = self.removed_if_equal(arm) {
                        if is_removed {
                            return self.exec_block(arm.body.get(1..).unwrap_or_default());
                        }
                    } else if self.holds(&arm.condition)? {
                        return self.exec_block(&arm.body);
                    }
                }
                if !otherwise.is_empty() {
                    return self.exec_block(otherwise);
                }
            }
            Statement::ForEach { slots, list, body } => {
                return self.for_each(slots.clone(), list, body);
            }
            Statement::Count {
                slot,
                start,
                limit,
                step,
                body,
            } => {
                let bounds = (self.bound(*start), self.bound(*limit));
                return self.count(*slot, bounds, *step, body);
            }
            Statement::Break => return Ok(Flow::Break),
            Statement::Return(values) => {
                if let Some((first, others)) = values.split_first() {
                    self.returned = match self.scope.number(first) {
                        Some(number) => Value::Number(number),
                        None => self.eval(first)?,
                    };
                    for other in others {
                        self.eval(other)?;
                    }
                }
                return Ok(Flow::Return);
            }
        }
        Ok(Flow::Next)
    }

    fn assign_one(&mut self, slot: usize, expr: &'a Expr) -> Result<(), Raised> {
        match self.scope.number(expr) {
            Some(number) => self.scope.set_local(slot, Value::Number(number)),
            None => {
                let value = self.eval(expr)?;
                self.scope.set_local(slot, value);
            }
        }
        Ok(())
    }

    fn assign(&mut self, targets: &[Local], values: &'a [Expr]) -> Result<(), Raised> {
        if let ([target], [value]) = (targets, values) {
            return self.assign_one(target.slot, value);
        }
        let mut values = self.eval_all(values)?;
        values.resize(targets.len(), Value::Nil);
        // Lua stores from the last target to the first, which shows in `a, a = 1, 2`.
        for (target, value) in targets.iter().zip(values).rev() {
            self.scope.set_local(target.slot, value);
        }
        Ok(())
    }

    fn eval_all(&mut self, exprs: &'a [Expr]) -> Result<Vec<Value<'a>>, Raised> {
        exprs.iter().map(|expr| self.eval(expr)).collect()
    }

    fn eval(&mut self, expr: &'a Expr) -> Evaluated<'a> {
        Ok(match expr {
            Expr::Nil => Value::Nil,
            Expr::Boolean(value) => Value::Boolean(*value),
            Expr::Number(value) => Value::Number(*value),
            Expr::Text(bytes) => Value::Text(Text::Borrowed(bytes)),
            Expr::Local(local) => {
                let local = self.scope.locals.get(local.slot);
                local.cloned().unwrap_or(Value::Nil)
            }
            Expr::Element { input, index } => self.scope.element(*input, *index),
            Expr::ElementAt { input, index } => {
                let index = self.scope.index_in(index.slot);
                self.scope.element(*input, index)
            }
            Expr::InputLength(input) => Value::Number(self.scope.input(*input).len() as f64),
            Expr::Not(operand) => Value::Boolean(!self.holds(operand)?),
            Expr::And(left, right) => {
                let left = self.eval(left)?;
                if left.is_true() {
                    self.eval(right)?
                } else {
                    left
                }
            }
            Expr::Or(left, right) => {
                let left = self.eval(left)?;
                if left.is_true() {
                    left
                } else {
                    self.eval(right)?
                }
            }
            Expr::Equality(equality, left, right) => {
                Value::Boolean(self.equality(*equality, left, right)?)
            }
            Expr::Order(order, left, right, line) => {
                let (left, right) = (self.eval(left)?, self.eval(right)?);
                let holds = operation::order(*order, &left, &right);
                Value::Boolean(holds.map_err(|text| self.runtime_error(*line, &text))?)
            }
            Expr::Command(command) => return self.command(command),
            Expr::Builtin(builtin, argument) => {
                let argument = self.eval(argument)?;
                self.builtin(*builtin, argument)
            }
            Expr::Length(..)
            | Expr::Field(..)
            | Expr::Item(..)
            | Expr::Negate(..)
            | Expr::Arithmetic(..)
            | Expr::Concat(..)
            | Expr::Table { .. } => return self.eval_rare(expr),
        })
    }

    /// Whether `expr` is true as a condition; reads locals where they are.
    fn holds(&mut self, expr: &'a Expr) -> Result<bool, Raised> {
        Ok(match expr {
            Expr::Local(local) => self
                .scope
                .locals
                .get(local.slot)
                .is_some_and(Value::is_true),
            Expr::Not(operand) => !self.holds(operand)?,
            Expr::And(left, right) => self.holds(left)? && self.holds(right)?,
            Expr::Or(left, right) => self.holds(left)? || self.holds(right)?,
            Expr::Equality(equality, left, right) => self.equality(*equality, left, right)?,
            other => self.eval(other)?.is_true(),
        })
    }

    fn equality(
        &mut self,
        equality: Equality,
        left: &'a Expr,
        right: &'a Expr,
    ) -> Result<bool, Raised> {
        if let Some(is_equal) = self.answered_in_place(left, right) {
            return Ok(is_equal == (equality == Equality::Equal));
        }
        let (is_left, is_right) = (
            self.scope.text(left).is_some(),
            self.scope.text(right).is_some(),
        );
        let is_equal = match (is_left, is_right) {
            (true, true) => self.scope.text(left) == self.scope.text(right),
            (false, true) => {
                let left = self.eval(left)?;
                matches!(&left, Value::Text(text) if Some(text.bytes()) == self.scope.text(right))
            }
            (true, false) => {
                let right = self.eval(right)?;
                matches!(&right, Value::Text(text) if Some(text.bytes()) == self.scope.text(left))
            }
            (false, false) => {
                let (left, right) = (self.eval(left)?, self.eval(right)?);
                left.equals(&right)
            }
        };
        Ok(is_equal == (equality == Equality::Equal))
    }
}

impl Error {
    fn reply(self, sha1_hex: &str) -> Reply {
        let mut line = one_line(&self.message).into_owned();
        if let Some(number) = self.line {
            let place = format!(" script: {sha1_hex}, on @user_script:{number}.");
            line.extend_from_slice(place.as_bytes());
        }
        Reply::Error(line.into())
    }
}
