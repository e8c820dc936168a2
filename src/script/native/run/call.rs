//! Commands and functions that a script calls.

use smallvec::SmallVec;

use super::super::ast::{Builtin, Command, Line, OnError};
use super::super::value::{Text, Value};
use super::super::{UNPACKED_MAX, number};
use super::{Evaluated, Raised, Run};
use crate::error::{CommandError, ScriptError, error_reply_line};
use crate::resp::reply::{Blob, Reply};
use crate::script::Calls;

const TOO_MANY: &str = "too many results to unpack";

impl<'a, C: Calls + ?Sized> Run<'_, 'a, C> {
    pub(super) fn builtin(&mut self, builtin: Builtin, argument: Value<'a>) -> Value<'a> {
        match (builtin, argument) {
            (Builtin::ToNumber, value) => value.to_number().map_or(Value::Nil, Value::Number),
            (Builtin::Type, value) => Value::Text(Text::Borrowed(value.type_name().as_bytes())),
            (Builtin::ToString, Value::Table(table)) => Value::Text(table.address().into()),
            (Builtin::ToString, value) => Value::Text(match value.into_text() {
                Ok(text) => text,
                Err(Value::Boolean(true)) => Text::Borrowed(b"true"),
                Err(Value::Boolean(false)) => Text::Borrowed(b"false"),
                Err(_) => Text::Borrowed(b"nil"),
            }),
            (Builtin::StatusReply, Value::Text(line)) => self.tables.status(line),
            (Builtin::ErrorReply, Value::Text(line)) => {
                let line = error_reply_line(line.bytes());
                self.tables.error(line.into())
            }
            (Builtin::StatusReply | Builtin::ErrorReply, _) => {
                let error = CommandError::from(ScriptError::ReplyText);
                self.tables.reply(error.into_reply())
            }
        }
    }

    pub(super) fn command(&mut self, command: &'a Command) -> Evaluated<'a> {
        if let Some(done) = self.stepped(command) {
            return Ok(self.answer_of_step(command, done));
        }
        match self.answer_of(command)? {
            Ok(Reply::Error(line)) => self.failed(command, line.into_owned()),
            Ok(reply) => Ok(self.tables.reply(reply)),
            Err(error) => self.failed(command, error.into_line()),
        }
    }

    /// As [`Run::command`], where nobody asks for the answer.
    pub(super) fn command_unheard(&mut self, command: &'a Command) -> Result<(), Raised> {
        if self.stepped(command).is_some() {
            return Ok(());
        }
        let line = match self.answer_of(command)? {
            Ok(Reply::Error(line)) => line.into_owned(),
            Ok(_) => return Ok(()),
            Err(error) => error.into_line(),
        };
        self.failed(command, line).map(drop)
    }

    fn answer_of(&mut self, command: &'a Command) -> Result<Result<Reply, CommandError>, Raised> {
        if let Some(answer) = self.call_with_ready_args(command)? {
            return Ok(answer);
        }
        let mut args: SmallVec<[Value<'a>; 8]> = SmallVec::new();
        for arg in &command.args {
            args.push(self.eval(arg)?);
        }
        let unpacked = self
            .unpacked(command)
            .map_err(|line| self.runtime_error(line, TOO_MANY))?;
        Ok(self.call(&command.name, &mut args, unpacked))
    }

    /// What `unpack` appends; the line of an `unpack` that has too many results.
    fn unpacked(&self, command: &Command) -> Result<&'a [&'a [u8]], Line> {
        let Some((input, line)) = command.unpacked else {
            return Ok(&[]);
        };
        let input = self.scope.input(input);
        if input.len() > UNPACKED_MAX {
            return Err(line);
        }
        Ok(input)
    }

    /// The way of most calls: every argument is a string that is at hand. `None` if one is not;
    /// nothing has been computed then.
    fn call_with_ready_args(
        &mut self,
        command: &'a Command,
    ) -> Result<Option<Result<Reply, CommandError>>, Raised> {
        let answer = {
            let mut request: SmallVec<[&[u8]; 8]> = SmallVec::new();
            request.push(&command.name);
            for arg in &command.args {
                let Some(bytes) = self.scope.text(arg) else {
                    return Ok(None);
                };
                request.push(bytes);
            }
            self.unpacked(command).map(|unpacked| {
                request.extend_from_slice(unpacked);
                self.calls.call(&request)
            })
        };
        match answer {
            Ok(answer) => Ok(Some(answer)),
            Err(line) => Err(self.runtime_error(line, TOO_MANY)),
        }
    }

    fn call(
        &mut self,
        name: &[u8],
        args: &mut [Value<'a>],
        unpacked: &[&[u8]],
    ) -> Result<Reply, CommandError> {
        for arg in args.iter_mut() {
            if let Value::Number(number) = arg {
                *arg = Value::Text(Text::Inline(number::argument(*number)));
            }
        }
        let mut request: SmallVec<[&[u8]; 10]> = SmallVec::new();
        request.push(name);
        for arg in args.iter() {
            match arg {
                Value::Text(text) => request.push(text.bytes()),
                _ => {
                    return Err(ScriptError::ArgumentType.into());
                }
            }
        }
        request.extend_from_slice(unpacked);
        self.calls.call(&request)
    }

    fn failed(&mut self, command: &Command, message: Vec<u8>) -> Evaluated<'a> {
        match command.on_error {
            OnError::Raise => Err(self.raise(command.line, message)),
            OnError::Return => Ok(self.tables.error(Blob::from_vec(message).into())),
        }
    }
}
