//! Operators that can fail, and tables.

use super::super::ast::{Expr, Field, Operand};
use super::super::operation;
use super::super::value::{Table, Value};
use super::{Evaluated, Raised, Run};
use crate::script::Calls;

impl<'a, C: Calls + ?Sized> Run<'_, 'a, C> {
    /// The nodes that compare-and-delete does without; apart, so that `eval` stays small.
    #[inline(never)]
    pub(super) fn eval_rare(&mut self, expr: &'a Expr) -> Evaluated<'a> {
        let (line, result) = match expr {
            Expr::Arithmetic(operation, operands, line) => {
                let (left, right) = (&operands.0, &operands.1);
                let (a, b) = (self.eval(&left.expr)?, self.eval(&right.expr)?);
                let result = operation::arithmetic(*operation, (&a, &left.name), (&b, &right.name));
                (*line, result.map(Value::Number))
            }
            Expr::Negate(operand, line) => {
                let value = self.eval(&operand.expr)?;
                (
                    *line,
                    operation::negate(&value, &operand.name).map(Value::Number),
                )
            }
            Expr::Concat(operands, line) => {
                let mut values = Vec::with_capacity(operands.len());
                for operand in operands {
                    values.push((self.eval(&operand.expr)?, &*operand.name));
                }
                let joined = match operation::concat(values) {
                    Ok(parts) => match parts.join(&mut self.join_budget) {
                        Some(text) => Ok(Value::Text(text)),
                        None => return Err(self.out_of_memory()),
                    },
                    Err(text) => Err(text),
                };
                (*line, joined)
            }
            Expr::Length(operand, line) => (*line, self.length(operand)?),
            Expr::Field(operand, field, line) => (
                *line,
                self.eval_indexed(operand)?
                    .map(|table| match (table, field) {
                        (Some(table), Field::Ok) => table.ok(),
                        (Some(table), Field::Err) => table.err(),
                        (None, _) => Value::Nil,
                    }),
            ),
            Expr::Item(operand, index, line) => {
                let table = self.eval_indexed(operand)?;
                let index = self.eval(index)?;
                (*line, table.map(|table| item(table, &index)))
            }
            Expr::Table { items, fields, .. } => return self.table(items, fields),
            other => return self.eval(other),
        };
        result.map_err(|text| self.runtime_error(line, &text))
    }

    /// The table that an index is applied to. A string has no field that a script of the subset
    /// can name, so it counts as an empty table.
    fn eval_indexed(
        &mut self,
        operand: &'a Operand,
    ) -> Result<Result<Option<Table<'a>>, String>, Raised> {
        Ok(match self.eval(&operand.expr)? {
            Value::Table(table) => Ok(Some(table)),
            Value::Text(_) => Ok(None),
            other => Err(operation::wrong_type("index", &other, &operand.name)),
        })
    }

    fn length(&mut self, operand: &'a Operand) -> Result<Result<Value<'a>, String>, Raised> {
        Ok(match self.eval(&operand.expr)? {
            Value::Table(table) => Ok(Value::Number(table.length() as f64)),
            Value::Text(text) => Ok(Value::Number(text.bytes().len() as f64)),
            other => Err(operation::wrong_type(
                "get length of",
                &other,
                &operand.name,
            )),
        })
    }

    fn table(&mut self, items: &'a [Expr], fields: &'a [(Field, Expr)]) -> Evaluated<'a> {
        let items = self.eval_all(items)?;
        let (mut ok, mut err) = (Value::Nil, Value::Nil);
        for (field, expr) in fields {
            match field {
                Field::Ok => ok = self.eval(expr)?,
                Field::Err => err = self.eval(expr)?,
            }
        }
        Ok(self.tables.composite(items, ok, err))
    }
}

fn item<'a>(table: Option<Table<'a>>, index: &Value<'_>) -> Value<'a> {
    match (table, index) {
        (Some(table), Value::Number(index)) => {
            operation::list_index(*index).map_or(Value::Nil, |index| table.item(index))
        }
        _ => Value::Nil,
    }
}
