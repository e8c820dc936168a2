//! Calls: commands, and the few functions of one argument.

use super::super::ast::{Builtin, Command, Expr, Input, Line, OnError, Shape};
use super::super::lexer::Token;
use super::super::{ARGUMENTS_MAX, NotNative, commands};
use super::Parser;

impl Parser<'_> {
    pub(super) fn redis_function(&mut self) -> Result<Expr, NotNative> {
        self.advance()?;
        self.expect(".")?;
        self.count_constant()?;
        let name = self.name()?;
        match name {
            "call" => self.command(OnError::Raise),
            "pcall" => self.command(OnError::Return),
            "status_reply" => self.builtin_call(Builtin::StatusReply),
            "error_reply" => self.builtin_call(Builtin::ErrorReply),
            _ => Err(self.refuse(format!("redis.{name} is not in the native subset"))),
        }
    }

    /// The parenthesis of a call, which must stand on the line of the function's name.
    pub(super) fn open_call(&mut self) -> Result<(), NotNative> {
        if self.token == Token::Symbol("(") && self.token_line != self.last_line {
            return Err(self.refuse("a line break in front of a call's parenthesis"));
        }
        if !self.accept("(")? {
            return Err(self.refuse("a function is used without calling it"));
        }
        Ok(())
    }

    pub(super) fn builtin_call(&mut self, builtin: Builtin) -> Result<Expr, NotNative> {
        self.open_call()?;
        let argument = self.expression()?;
        if self.token != Token::Symbol(")") {
            return Err(self.refuse("this function takes one argument in the native subset"));
        }
        self.advance()?;
        Ok(Expr::Builtin(builtin, Box::new(argument)))
    }

    fn command(&mut self, on_error: OnError) -> Result<Expr, NotNative> {
        let line = self.token_line;
        self.open_call()?;
        let Token::Text(name) = &mut self.token else {
            return Err(self.refuse("a command's name must be a string literal"));
        };
        let name = std::mem::take(name);
        if commands::native_keys(&name).is_none() {
            let name = name.escape_ascii();
            return Err(self.refuse(format!("the command '{name}' is not in the native subset")));
        }
        self.count_constant()?;
        self.advance()?;
        let mut args = Vec::new();
        let mut unpacked = None;
        while self.accept(",")? {
            if self.token == Token::Word("unpack") && self.local("unpack").is_none() {
                unpacked = Some(self.unpack()?);
                break;
            }
            args.push(self.expression()?);
            if args.len() > ARGUMENTS_MAX {
                let reason = format!("a command has more than {ARGUMENTS_MAX} arguments");
                return Err(self.refuse(reason));
            }
        }
        if self.token != Token::Symbol(")") {
            return Err(self.unexpected());
        }
        self.advance()?;
        let shape = match unpacked {
            None => Shape::of(&name, &args),
            Some(_) => Shape::Other,
        };
        Ok(Expr::Command(Box::new(Command {
            shape,
            on_error,
            name,
            args,
            unpacked,
            line,
        })))
    }

    /// `unpack(KEYS)` as the last argument.
    fn unpack(&mut self) -> Result<(Input, Line), NotNative> {
        self.refuse_in_loop("unpack")?;
        self.count_constant()?;
        self.advance()?;
        let line = self.token_line;
        self.open_call()?;
        let Some(input) = self.input() else {
            return Err(self.refuse("only KEYS and ARGV may be unpacked"));
        };
        self.advance()?;
        self.expect(")")?;
        if self.token != Token::Symbol(")") {
            return Err(self.refuse("unpack must be the last argument"));
        }
        Ok((input, line))
    }
}
