//! Loops, whose length must be known before they run.
//!
//! A loop runs over KEYS, ARGV or a reply, or counts between literals and their lengths, and
//! holds no other loop: the run time of a script is linear in its arguments.

use super::super::ast::{Block, Bound, Expr, Input, Iterated, Origin, Statement};
use super::super::lexer::Token;
use super::super::{COUNT_LITERAL_MAX, NotNative};
use super::{Parser, Place};

impl Parser<'_> {
    pub(super) fn for_statement(&mut self) -> Result<Statement, NotNative> {
        self.refuse_in_loop("a loop")?;
        self.advance()?;
        let names = self.names()?;
        match (&self.token, names.as_slice()) {
            (Token::Symbol("="), [name]) => self.counting_loop(name),
            (Token::Word("in"), _) => self.list_loop(&names),
            _ => Err(self.unexpected()),
        }
    }

    /// `in ipairs(list) do ... end`
    fn list_loop(&mut self, names: &[&str]) -> Result<Statement, NotNative> {
        self.advance()?;
        if self.token != Token::Word("ipairs") || self.local("ipairs").is_some() {
            return Err(self.refuse("a for loop in the native subset runs over ipairs(...)"));
        }
        self.count_constant()?;
        self.advance()?;
        let line = self.token_line;
        self.open_call()?;
        let list = match self.input() {
            Some(input) => {
                self.advance()?;
                Iterated::Input(input)
            }
            None => Iterated::Value {
                list: self.expression()?,
                line,
            },
        };
        self.expect(")")?;
        let value_origin = match list {
            Iterated::Input(Input::Keys) => Origin::Key,
            Iterated::Input(Input::Argv) => Origin::Plain,
            Iterated::Value { .. } => Origin::Unknown,
        };
        let first_slot = self.scope.len();
        for (index, name) in names.iter().enumerate() {
            let origin = match index {
                0 => Origin::Counter,
                1 => value_origin,
                _ => Origin::Plain,
            };
            self.declare(name, origin)?;
        }
        let body = self.loop_body(first_slot)?;
        Ok(Statement::ForEach {
            slots: first_slot..first_slot + names.len(),
            list,
            body,
        })
    }

    /// `= start, limit, step do ... end`
    fn counting_loop(&mut self, name: &str) -> Result<Statement, NotNative> {
        self.advance()?;
        let start = self.bound()?;
        self.expect(",")?;
        let limit = self.bound()?;
        let step = if self.accept(",")? {
            self.bound()?
        } else {
            Bound {
                length_of: None,
                offset: 1.0,
            }
        };
        if step.length_of.is_some() || step.offset == 0.0 {
            return Err(self.refuse("the step of a loop must be a literal other than 0"));
        }
        let slot = self.scope.len();
        self.declare(name, Origin::Counter)?;
        let body = self.loop_body(slot)?;
        Ok(Statement::Count {
            slot,
            start,
            limit,
            step: step.offset,
            body,
        })
    }

    fn loop_body(&mut self, outer_scope: usize) -> Result<Block, NotNative> {
        self.expect_word("do")?;
        self.place = Place::Loop;
        let body = self.block()?;
        self.place = Place::Straight;
        self.expect_word("end")?;
        self.scope.truncate(outer_scope);
        Ok(body)
    }

    /// An end of a counting loop, which must be known without running the script.
    fn bound(&mut self) -> Result<Bound, NotNative> {
        let reason = "a loop must run between literals, #KEYS and #ARGV";
        let line = self.token_line;
        let expr = self.expression()?;
        let bound = match expr {
            Expr::Number(offset) => Bound {
                length_of: None,
                offset,
            },
            Expr::InputLength(input) => Bound {
                length_of: Some(input),
                offset: 0.0,
            },
            _ => {
                return Err(NotNative {
                    line,
                    reason: reason.to_owned(),
                });
            }
        };
        if bound.offset.fract() != 0.0 || bound.offset.abs() > COUNT_LITERAL_MAX {
            let reason = format!("a loop's literals are integers up to {COUNT_LITERAL_MAX}");
            return Err(NotNative { line, reason });
        }
        Ok(bound)
    }
}
