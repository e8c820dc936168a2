//! Values of a running script.
//!
//! KEYS, ARGV and literals are borrowed, short replies are inline, and what is longer is shared,
//! so that copying a value never copies a long string. Tables cannot change once they are built;
//! like Lua's they are equal only to themselves, which an identity number stands for.

use std::borrow::Cow;
use std::rc::Rc;

use super::number;
use crate::resp::reply::{Blob, Reply};
use crate::script::reply_size::{ReplyBudget, TooLarge};

/// A string that is shorter than the least `script-reply-limit`.
const SHORT_BYTES: usize = 1 << 16;

#[derive(Clone, Debug)]
pub(super) enum Value<'a> {
    Nil,
    Boolean(bool),
    Number(f64),
    Text(Text<'a>),
    Table(Table<'a>),
}

/// A binary string.
#[derive(Clone, Debug)]
pub(super) enum Text<'a> {
    Borrowed(&'a [u8]),
    /// Short enough to be copied.
    Inline(Blob),
    Shared(Rc<Blob>),
}

#[derive(Clone, Debug)]
pub(super) struct Table<'a> {
    identity: u32,
    body: Body<'a>,
}

#[derive(Clone, Debug)]
enum Body<'a> {
    /// `{ok = line}`
    Status(Text<'a>),
    /// `{err = line}`
    Error(Text<'a>),
    Composite(Rc<Composite<'a>>),
}

/// A table with items, or with fields that a script wrote.
#[derive(Clone, Debug)]
struct Composite<'a> {
    items: Vec<Value<'a>>,
    ok: Value<'a>,
    err: Value<'a>,
}

impl<'a> Value<'a> {
    pub(super) fn is_true(&self) -> bool {
        !matches!(self, Value::Nil | Value::Boolean(false))
    }

    /// The type's name in Lua.
    pub(super) fn type_name(&self) -> &'static str {
        match self {
            Value::Nil => "nil",
            Value::Boolean(_) => "boolean",
            Value::Number(_) => "number",
            Value::Text(_) => "string",
            Value::Table(_) => "table",
        }
    }

    /// Lua's `==`: types never convert.
    pub(super) fn equals(&self, other: &Value<'_>) -> bool {
        match (self, other) {
            (Value::Nil, Value::Nil) => true,
            (Value::Boolean(a), Value::Boolean(b)) => a == b,
            (Value::Number(a), Value::Number(b)) => a == b,
            (Value::Text(a), Value::Text(b)) => a.bytes() == b.bytes(),
            (Value::Table(a), Value::Table(b)) => a.identity == b.identity,
            _ => false,
        }
    }

    /// The number this is or, as a string, reads as.
    pub(super) fn to_number(&self) -> Option<f64> {
        match self {
            Value::Number(number) => Some(*number),
            Value::Text(text) => number::parse(text.bytes()),
            _ => None,
        }
    }

    /// The string this is or, as a number, prints as; itself where it is neither.
    pub(super) fn into_text(self) -> Result<Text<'a>, Value<'a>> {
        match self {
            Value::Text(text) => Ok(text),
            Value::Number(number) => Ok(Text::Inline(number::tostring(number))),
            other => Err(other),
        }
    }

    /// Whether the reply takes at most `bytes`.
    pub(super) fn fits(&self, bytes: usize) -> bool {
        match self {
            // Nearly all: a short string, or a line.
            Value::Text(text) if text.bytes().len() < SHORT_BYTES => true,
            value => value.measure(&mut ReplyBudget::new(bytes)).is_ok(),
        }
    }

    fn measure(&self, budget: &mut ReplyBudget) -> Result<(), TooLarge> {
        match self {
            Value::Nil | Value::Boolean(_) | Value::Number(_) => budget.take(0),
            Value::Text(text) => budget.take(text.bytes().len()),
            Value::Table(table) => match &table.body {
                Body::Status(line) | Body::Error(line) => budget.take(line.bytes().len()),
                Body::Composite(table) => {
                    budget.take(0)?;
                    match (&table.err, &table.ok) {
                        (Value::Text(line), _) | (_, Value::Text(line)) => {
                            budget.take(line.bytes().len())
                        }
                        _ => table.items.iter().try_for_each(|item| item.measure(budget)),
                    }
                }
            },
        }
    }

    /// What the client is answered: Redis's conversion of a Lua value.
    #[inline]
    pub(super) fn into_reply(self) -> Reply {
        match self {
            Value::Nil | Value::Boolean(false) => Reply::Null,
            Value::Boolean(true) => Reply::Integer(1),
            Value::Number(number) => Reply::Integer(number::truncate(number)),
            Value::Text(text) => Reply::Bulk(text.into_blob()),
            Value::Table(table) => table.into_reply(),
        }
    }
}

impl<'a> Text<'a> {
    pub(super) fn bytes(&self) -> &[u8] {
        match self {
            Text::Borrowed(bytes) => bytes,
            Text::Inline(blob) => blob,
            Text::Shared(blob) => blob,
        }
    }

    fn into_blob(self) -> Blob {
        match self {
            Text::Borrowed(bytes) => Blob::from_slice(bytes),
            Text::Inline(blob) => blob,
            Text::Shared(blob) => Rc::unwrap_or_clone(blob),
        }
    }
}

impl From<Blob> for Text<'_> {
    fn from(blob: Blob) -> Self {
        if blob.spilled() {
            Text::Shared(Rc::new(blob))
        } else {
            Text::Inline(blob)
        }
    }
}

impl From<Cow<'static, [u8]>> for Text<'_> {
    fn from(bytes: Cow<'static, [u8]>) -> Self {
        match bytes {
            Cow::Borrowed(bytes) => Text::Borrowed(bytes),
            Cow::Owned(bytes) => Text::from(Blob::from_vec(bytes)),
        }
    }
}

impl<'a> Table<'a> {
    /// `.ok`
    pub(super) fn ok(&self) -> Value<'a> {
        match &self.body {
            Body::Status(line) => Value::Text(line.clone()),
            Body::Error(_) => Value::Nil,
            Body::Composite(table) => table.ok.clone(),
        }
    }

    /// `.err`
    pub(super) fn err(&self) -> Value<'a> {
        match &self.body {
            Body::Status(_) => Value::Nil,
            Body::Error(line) => Value::Text(line.clone()),
            Body::Composite(table) => table.err.clone(),
        }
    }

    /// The item at `index`, counted from 0; nil past the end.
    pub(super) fn item(&self, index: usize) -> Value<'a> {
        match &self.body {
            Body::Status(_) | Body::Error(_) => Value::Nil,
            Body::Composite(table) => table.items.get(index).cloned().unwrap_or(Value::Nil),
        }
    }

    /// The number of items. Exact for replies, which have no nil among them.
    pub(super) fn length(&self) -> usize {
        match &self.body {
            Body::Status(_) | Body::Error(_) => 0,
            Body::Composite(table) => table.items.len(),
        }
    }

    /// Lua's text for a table, which names its address: any text that is unique will do.
    pub(super) fn address(&self) -> Blob {
        let unique = 0x7f00_0000_0000_u64 + u64::from(self.identity) * 0x40;
        Blob::from_slice(format!("table: 0x{unique:x}").as_bytes())
    }

    fn into_reply(self) -> Reply {
        let composite = match self.body {
            Body::Status(line) => return Reply::Status(one_line(line.bytes())),
            Body::Error(line) => return Reply::Error(error_line(line.bytes())),
            Body::Composite(table) => Rc::unwrap_or_clone(table),
        };
        match (composite.err, composite.ok) {
            (Value::Text(line), _) => Reply::Error(error_line(line.bytes())),
            (_, Value::Text(line)) => Reply::Status(one_line(line.bytes())),
            _ => {
                let items = composite.items.into_iter();
                let before_nil = items.take_while(|item| !matches!(item, Value::Nil));
                Reply::Array(before_nil.map(Value::into_reply).collect())
            }
        }
    }
}

/// `text` as Redis puts it into a status or error line: cut at a zero byte, line ends as spaces.
pub(super) fn one_line(text: &[u8]) -> Cow<'static, [u8]> {
    let text = text.split(|&byte| byte == 0).next().unwrap_or_default();
    if text == b"OK" {
        return Cow::Borrowed(b"OK");
    }
    let spaced = |byte: &u8| {
        if matches!(byte, b'\r' | b'\n') {
            b' '
        } else {
            *byte
        }
    };
    Cow::Owned(text.iter().map(spaced).collect())
}

/// As [`one_line`], without line ends at the end: Redis trims them off errors alone.
fn error_line(text: &[u8]) -> Cow<'static, [u8]> {
    let text = text.split(|&byte| byte == 0).next().unwrap_or_default();
    let end = text
        .iter()
        .rposition(|byte| !matches!(byte, b'\r' | b'\n'))
        .map_or(0, |at| at + 1);
    one_line(text.get(..end).unwrap_or_default())
}

/// Makes the tables of one run, each with an identity of its own.
#[derive(Debug, Default)]
pub(super) struct Tables {
    made: u32,
}

impl Tables {
    fn table<'a>(&mut self, body: Body<'a>) -> Value<'a> {
        self.made = self.made.wrapping_add(1);
        Value::Table(Table {
            identity: self.made,
            body,
        })
    }

    pub(super) fn status<'a>(&mut self, line: Text<'a>) -> Value<'a> {
        self.table(Body::Status(line))
    }

    pub(super) fn error<'a>(&mut self, line: Text<'a>) -> Value<'a> {
        self.table(Body::Error(line))
    }

    pub(super) fn list<'a>(&mut self, items: Vec<Value<'a>>) -> Value<'a> {
        self.composite(items, Value::Nil, Value::Nil)
    }

    pub(super) fn composite<'a>(
        &mut self,
        items: Vec<Value<'a>>,
        ok: Value<'a>,
        err: Value<'a>,
    ) -> Value<'a> {
        self.table(Body::Composite(Rc::new(Composite { items, ok, err })))
    }

    /// A reply as a script sees it in protocol version 2. An error becomes a table.
    pub(super) fn reply<'a>(&mut self, reply: Reply) -> Value<'a> {
        match reply {
            Reply::Status(line) => self.status(line.into()),
            Reply::Error(line) => self.error(line.into()),
            Reply::Integer(value) => Value::Number(value as f64),
            Reply::Boolean(value) => Value::Number(f64::from(u8::from(value))),
            Reply::Bulk(blob) | Reply::BigNumber(blob) => Value::Text(blob.into()),
            Reply::Double(value) => Value::Text(number::reply(value).into()),
            Reply::Verbatim(text) => Value::Text(Blob::from_vec(text.into_bytes()).into()),
            Reply::Null | Reply::NullArray => Value::Boolean(false),
            Reply::Array(items) | Reply::Set(items) | Reply::Push(items) => {
                let items = items.into_iter().map(|item| self.reply(item)).collect();
                self.list(items)
            }
            Reply::Map(pairs) => {
                let flat = pairs.into_iter().flat_map(|(key, value)| [key, value]);
                let items = flat.map(|item| self.reply(item)).collect();
                self.list(items)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_reply_stops_at_the_first_nil_and_keeps_false() {
        let items = vec![
            Value::Number(3.99),
            Value::Boolean(false),
            Value::Boolean(true),
            Value::Nil,
            Value::Number(4.0),
        ];
        let expected = Reply::Array(vec![Reply::Integer(3), Reply::Null, Reply::Integer(1)]);
        assert_eq!(Tables::default().list(items).into_reply(), expected);
    }

    #[test]
    fn an_error_field_wins_over_a_status_field() {
        let text = |bytes| Value::Text(Text::Borrowed(bytes));
        let mut tables = Tables::default();
        let both = tables.composite(vec![Value::Number(1.0)], text(b"x"), text(b"y\r\nz\0w"));
        assert_eq!(both.into_reply(), Reply::Error(Cow::Borrowed(b"y  z")));
        let number = tables.composite(vec![], Value::Number(1.0), Value::Boolean(true));
        assert_eq!(number.into_reply(), Reply::Array(vec![]));
    }

    #[test]
    fn tables_equal_only_themselves() {
        let mut tables = Tables::default();
        let (a, b) = (tables.reply(Reply::OK), tables.reply(Reply::OK));
        assert!(a.equals(&a.clone()));
        assert!(!a.equals(&b));
        assert!(!a.equals(&Value::Text(Text::Borrowed(b"OK"))));
    }
}
