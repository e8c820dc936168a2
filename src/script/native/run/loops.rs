//! Loops of a running script.

use std::ops::Range;

use super::super::ast::{Bound, Iterated, Statement};
use super::super::value::{Text, Value};
use super::{Flow, Raised, Run};
use crate::script::Calls;

impl<'a, C: Calls + ?Sized> Run<'_, 'a, C> {
    pub(super) fn for_each(
        &mut self,
        slots: Range<usize>,
        list: &'a Iterated,
        body: &'a [Statement],
    ) -> Result<Flow, Raised> {
        let table = match list {
            Iterated::Input(input) => {
                for (index, bytes) in self.scope.input(*input).iter().enumerate() {
                    let item = || Value::Text(Text::Borrowed(bytes));
                    match self.turn(slots.clone(), index, item, body)? {
                        Flow::Next => {}
                        Flow::Break => break,
                        leaving => return Ok(leaving),
                    }
                }
                return Ok(Flow::Next);
            }
            Iterated::Value { list, line } => match self.eval(list)? {
                Value::Table(table) => table,
                other => {
                    let got = other.type_name();
                    let text = format!("bad argument #1 to 'ipairs' (table expected, got {got})");
                    return Err(self.runtime_error(*line, &text));
                }
            },
        };
        for index in 0.. {
            let item = table.item(index);
            if matches!(item, Value::Nil) {
                break;
            }
            match self.turn(slots.clone(), index, || item, body)? {
                Flow::Next => {}
                Flow::Break => break,
                leaving => return Ok(leaving),
            }
        }
        Ok(Flow::Next)
    }

    /// One turn of a loop with `ipairs`. The item is made where it stays: moving it costs more than
    /// the turn does.
    #[inline(always)]
    fn turn(
        &mut self,
        mut slots: Range<usize>,
        index: usize,
        item: impl FnOnce() -> Value<'a>,
        body: &'a [Statement],
    ) -> Result<Flow, Raised> {
        if let Some(slot) = slots.next() {
            self.scope
                .set_local(slot, Value::Number((index + 1) as f64));
        }
        if let Some(slot) = slots.next() {
            self.scope.set_local(slot, item());
        }
        for slot in slots {
            self.scope.set_local(slot, Value::Nil);
        }
        self.exec_block(body)
    }

    pub(super) fn count(
        &mut self,
        slot: usize,
        (start, limit): (f64, f64),
        step: f64,
        body: &'a [Statement],
    ) -> Result<Flow, Raised> {
        let mut counter = start;
        while if step > 0.0 {
            counter <= limit
        } else {
            counter >= limit
        } {
            self.scope.set_local(slot, Value::Number(counter));
            match self.exec_block(body)? {
                Flow::Next => {}
                Flow::Break => break,
                leaving => return Ok(leaving),
            }
            counter += step;
        }
        Ok(Flow::Next)
    }

    pub(super) fn bound(&self, bound: Bound) -> f64 {
        bound.offset
            + bound
                .length_of
                .map_or(0.0, |input| self.scope.input(input).len() as f64)
    }
}
