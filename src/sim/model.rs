//! What a server has said, and what that makes of its keys: the model that a restored server is held
//! against.
//!
//! An operation is what one request does; its parts are what it does to single keys, with what its
//! reply has told of each. What time it ran is known only to lie between its sending and its reply,
//! so a deadline is a span, and a key may count as expired or not where the spans overlap.

use std::collections::HashMap;

/// A value that has been seen: values are compared by number.
pub(crate) type Value = u32;

/// All values, each once.
#[derive(Default)]
pub(crate) struct Texts {
    texts: Vec<Vec<u8>>,
    known: HashMap<Vec<u8>, Value>,
}

impl Texts {
    /// The number of a value.
    pub(crate) fn number(&mut self, text: &[u8]) -> Value {
        if let Some(value) = self.known.get(text) {
            return *value;
        }
        let value = self.texts.len() as Value;
        self.texts.push(text.to_vec());
        self.known.insert(text.to_vec(), value);
        value
    }

    /// The value of a number.
    pub(crate) fn text(&self, value: Value) -> &[u8] {
        &self.texts[value as usize]
    }

    /// A value with another one behind it.
    pub(crate) fn joined(&mut self, first: Value, second: Value) -> Value {
        let text = [self.text(first), self.text(second)].concat();
        self.number(&text)
    }

    /// A value with a part of it replaced.
    pub(crate) fn overwritten(&mut self, value: Option<Value>, at: usize, with: Value) -> Value {
        let mut text = value.map_or(Vec::new(), |value| self.text(value).to_vec());
        let with = self.text(with).to_vec();
        let end = at + with.len();
        if text.len() < end {
            text.resize(end, 0);
        }
        text[at..end].copy_from_slice(&with);
        self.number(&text)
    }

    /// The beginning of a value, to be printed.
    pub(crate) fn shown(&self, value: Value) -> String {
        let text = self.text(value);
        let beginning = text[..text.len().min(40)].escape_ascii().to_string();
        format!("{beginning} ({} bytes)", text.len())
    }
}

/// What becomes of a deadline, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ttl {
    Never,
    Keep,
    Ms(u64),
}

/// What is done to one key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum What {
    /// It is set if it is not there.
    SetNx(Value, Ttl),
    /// The same, if none of several keys is there.
    SetNxAll(Value),
    Set(Value, Ttl),
    Get,
    Pttl,
    Del,
    /// It is removed if it has this value.
    CompareDel(Value),
    /// It gets a new time to live if it has this value.
    CompareExpire(Value, u64),
    Expire(u64),
    Persist,
    Append(Value),
    SetRange(usize, Value),
}

/// What a reply has told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// Nothing, for it has not come.
    Unknown,
    Done,
    Whether(bool),
    Value(Option<Value>),
    Length(u64),
    Pttl(i64),
}

/// One part of an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    Key {
        database: usize,
        name: usize,
        what: What,
        found: Found,
    },
    Flush(usize),
    Swap,
}

/// What has become of an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It has happened, as its reply tells.
    Happened,
    /// It has not happened.
    Refused,
    /// It may have happened, or not, or is yet to happen.
    Open,
}

/// One request.
#[derive(Clone, Debug)]
pub(crate) struct Operation {
    pub(crate) client: usize,
    pub(crate) parts: Vec<Part>,
    pub(crate) sent_ns: u64,
    /// When its reply left the server; `None` if it never did.
    pub(crate) answered_ns: Option<u64>,
    pub(crate) fate: Fate,
}

impl What {
    /// Whether it only looks.
    pub(crate) fn is_read(self) -> bool {
        matches!(self, What::Get | What::Pttl)
    }

    /// Whether it takes keys away and nothing else: if the disk fails, that may be forgotten.
    pub(crate) fn is_removal(self) -> bool {
        matches!(self, What::Del | What::CompareDel(_))
    }
}

/// A key that is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Entry {
    pub(crate) value: Value,
    /// Its deadline, in the world's time, is not earlier; `u64::MAX` for none.
    pub(crate) least_ns: u64,
    /// And not later.
    pub(crate) most_ns: u64,
}

/// A deadline that is none.
pub(crate) const NEVER: u64 = u64::MAX;

/// A key, in one database.
pub(crate) type Slot = Option<Entry>;

/// A key of one name, in each database.
pub(crate) type Slots = [Slot; 2];

/// When an operation may have run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Span {
    pub(crate) from_ns: u64,
    pub(crate) to_ns: u64,
}

impl Span {
    fn deadline(self, ttl_ms: u64) -> (u64, u64) {
        let ttl_ns = ttl_ms.saturating_mul(1_000_000);
        (
            self.from_ns.saturating_add(ttl_ns),
            self.to_ns.saturating_add(ttl_ns),
        )
    }
}

/// What the keys of one name may be after `part`, in which only those parts count that concern it.
pub(crate) fn after(
    slots: Slots,
    part: &Part,
    own_name: usize,
    span: Span,
    texts: &mut Texts,
) -> Vec<Slots> {
    match *part {
        Part::Flush(database) => {
            let mut slots = slots;
            slots[database] = None;
            vec![slots]
        }
        Part::Swap => vec![[slots[1], slots[0]]],
        Part::Key { name, .. } if name != own_name => vec![slots],
        Part::Key {
            database,
            what,
            found,
            ..
        } => {
            let with = |slot: Slot| {
                let mut slots = slots;
                slots[database] = slot;
                slots
            };
            let mut results = Vec::new();
            if let Some(entry) = slots[database].filter(|entry| span.from_ns < entry.most_ns) {
                results.extend(on_present(entry, what, found, span, texts).map(with));
            }
            if slots[database].is_none_or(|entry| span.to_ns >= entry.least_ns) {
                let absent = on_absent(what, found, span, texts);
                // What has expired is still in the files: a crash may bring it back for a while.
                results.extend(absent.map(|slot| with(slot.or(slots[database]))));
            }
            results
        }
    }
}

/// Whether a reply may have told this.
fn tells(found: Found, truth: Found) -> bool {
    found == Found::Unknown || found == truth
}

/// What a key that is there becomes, if the reply is possible.
fn on_present(
    entry: Entry,
    what: What,
    found: Found,
    span: Span,
    texts: &mut Texts,
) -> Option<Slot> {
    let Entry {
        value,
        least_ns,
        most_ns,
    } = entry;
    let set = |value, ttl| {
        let (least_ns, most_ns) = match ttl {
            Ttl::Never => (NEVER, NEVER),
            Ttl::Keep => (least_ns, most_ns),
            Ttl::Ms(ms) => span.deadline(ms),
        };
        Some(Entry {
            value,
            least_ns,
            most_ns,
        })
    };
    let (truth, slot) = match what {
        What::SetNx(..) => (Found::Whether(false), Some(entry)),
        // Another key may have stood in the way.
        What::SetNxAll(_) => (Found::Whether(false), Some(entry)),
        What::Set(value, ttl) => (Found::Done, set(value, ttl)),
        What::Get => (Found::Value(Some(value)), Some(entry)),
        What::Pttl => return with_pttl(entry, found, span).map(Some),
        What::Del => (Found::Whether(true), None),
        What::CompareDel(token) if token == value => (Found::Whether(true), None),
        What::CompareExpire(token, ms) if token == value => {
            (Found::Whether(true), set(value, Ttl::Ms(ms)))
        }
        What::CompareDel(_) | What::CompareExpire(..) => (Found::Whether(false), Some(entry)),
        What::Expire(ms) => (Found::Whether(true), set(value, Ttl::Ms(ms))),
        What::Persist => (Found::Whether(least_ns != NEVER), set(value, Ttl::Never)),
        What::Append(chunk) => {
            let value = texts.joined(value, chunk);
            let length = texts.text(value).len() as u64;
            (Found::Length(length), set(value, Ttl::Keep))
        }
        What::SetRange(at, chunk) => {
            let value = texts.overwritten(Some(value), at, chunk);
            let length = texts.text(value).len() as u64;
            (Found::Length(length), set(value, Ttl::Keep))
        }
    };
    tells(found, truth).then_some(slot)
}

fn on_absent(what: What, found: Found, span: Span, texts: &mut Texts) -> Option<Slot> {
    let made = |value, ttl| {
        let (least_ns, most_ns) = match ttl {
            Ttl::Never | Ttl::Keep => (NEVER, NEVER),
            Ttl::Ms(ms) => span.deadline(ms),
        };
        Some(Entry {
            value,
            least_ns,
            most_ns,
        })
    };
    let (truth, slot) = match what {
        What::SetNx(value, ttl) => (Found::Whether(true), made(value, ttl)),
        What::SetNxAll(_) if found == Found::Whether(false) => return Some(None),
        What::SetNxAll(value) => (Found::Whether(true), made(value, Ttl::Never)),
        What::Set(value, ttl) => (Found::Done, made(value, ttl)),
        What::Get => (Found::Value(None), None),
        What::Pttl => (Found::Pttl(-2), None),
        What::Append(chunk) => {
            let length = texts.text(chunk).len() as u64;
            (Found::Length(length), made(chunk, Ttl::Never))
        }
        What::SetRange(at, chunk) => {
            let value = texts.overwritten(None, at, chunk);
            let length = texts.text(value).len() as u64;
            (Found::Length(length), made(value, Ttl::Never))
        }
        What::Del
        | What::CompareDel(_)
        | What::CompareExpire(..)
        | What::Expire(_)
        | What::Persist => (Found::Whether(false), None),
    };
    tells(found, truth).then_some(slot)
}

/// A key of which a reply has told how long it lives yet.
fn with_pttl(entry: Entry, found: Found, span: Span) -> Option<Entry> {
    let rest_ms = match found {
        Found::Unknown => return Some(entry),
        Found::Pttl(-1) => return (entry.least_ns == NEVER).then_some(entry),
        Found::Pttl(rest_ms) => u64::try_from(rest_ms).ok()?,
        _ => return None,
    };
    if entry.least_ns == NEVER {
        return None;
    }
    let least_ns = span.from_ns + rest_ms.saturating_sub(1).saturating_mul(1_000_000);
    let most_ns = span.to_ns.saturating_add(rest_ms.saturating_mul(1_000_000));
    let entry = Entry {
        least_ns: entry.least_ns.max(least_ns),
        most_ns: entry.most_ns.min(most_ns),
        ..entry
    };
    (entry.least_ns <= entry.most_ns).then_some(entry)
}
