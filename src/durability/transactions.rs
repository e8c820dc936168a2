//! Requests of an append-only file as they may be applied: a transaction whole or not at all.
//!
//! What stands between MULTI and EXEC is kept until EXEC is read and then given one by one, without
//! the two. A file that ends before EXEC ends at its MULTI, as in Redis.

use std::io::{self, Read};
use std::ops::Range;

use super::reader::{Ending, Item, Kind, Reader, Request};
use crate::error::Damage;

/// Reads an append-only file, each transaction in one piece.
#[derive(Debug)]
pub struct Transactions<R> {
    reader: Reader<R>,
    queue: Queue,
    /// How many requests of the queue were given since its EXEC; `None` if there is none to give.
    given: Option<usize>,
    /// Where the MULTI stands whose EXEC is to come.
    open: Option<u64>,
    ending: Option<Ending>,
}

impl<R: Read> Transactions<R> {
    /// Reads on from where `reader` is.
    pub fn new(reader: Reader<R>) -> Transactions<R> {
        Transactions {
            reader,
            queue: Queue::default(),
            given: None,
            open: None,
            ending: None,
        }
    }

    /// The next request that may be applied, or the next annotation. MULTI and EXEC are not given;
    /// an annotation between the two is given before their requests.
    ///
    /// # Errors
    /// What the system says while it reads. Damage is no error but an [`Ending`].
    pub fn read(&mut self) -> io::Result<Item<'_>> {
        if let Some(next) = self.given {
            if next < self.queue.requests.len() {
                self.given = Some(next + 1);
                return Ok(Item::Request(self.queue.request(next)));
            }
            self.given = None;
            self.queue.clear();
        }
        if let Some(ending) = &self.ending {
            return Ok(Item::End(ending.clone()));
        }
        loop {
            let kind = self.reader.advance()?;
            if kind != Kind::Request {
                break Ok(self.pass(kind));
            }
            let request = self.reader.request();
            let offset = request.offset();
            let is_alone = request.len() == 1;
            if is_alone && request.is("MULTI") {
                if self.open.is_some() {
                    break Ok(self.damaged(offset, Damage::NestedMulti));
                }
                self.open = Some(offset);
            } else if is_alone && request.is("EXEC") {
                if self.open.take().is_none() {
                    break Ok(self.damaged(offset, Damage::LoneExec));
                }
                self.given = Some(0);
                return self.read();
            } else if self.open.is_some() {
                self.queue.push(request);
            } else {
                break Ok(self.reader.item(kind));
            }
        }
    }

    /// An annotation, or the end, which is that of a transaction that is open.
    fn pass(&mut self, kind: Kind) -> Item<'_> {
        match (self.reader.item(kind), self.open) {
            (Item::End(ending), Some(multi)) => {
                let ending = match ending {
                    Ending::Clean | Ending::Truncated { .. } => Ending::Truncated { offset: multi },
                    Ending::Unused {
                        offset,
                        uncommitted_bytes,
                    } => Ending::Unused {
                        offset: multi,
                        uncommitted_bytes: offset - multi + uncommitted_bytes,
                    },
                    Ending::Damaged { offset, what } => return self.damaged(offset, what),
                };
                self.ending = Some(ending.clone());
                Item::End(ending)
            }
            _ => self.reader.item(kind),
        }
    }

    fn damaged(&mut self, at: u64, what: Damage) -> Item<'_> {
        let ending = match self.open {
            None => Ending::Damaged { offset: at, what },
            Some(multi) => Ending::Damaged {
                offset: multi,
                what: Damage::Transaction {
                    at,
                    what: Box::new(what),
                },
            },
        };
        self.ending = Some(ending.clone());
        Item::End(ending)
    }
}

/// The requests of one transaction.
#[derive(Debug, Default)]
struct Queue {
    bytes: Vec<u8>,
    arguments: Vec<Range<usize>>,
    requests: Vec<Queued>,
}

#[derive(Debug)]
struct Queued {
    offset: u64,
    /// Which of the queue's arguments.
    arguments: Range<usize>,
}

impl Queue {
    fn push(&mut self, request: Request<'_>) {
        let first = self.arguments.len();
        for argument in request.arguments() {
            let begin = self.bytes.len();
            self.bytes.extend_from_slice(argument);
            self.arguments.push(begin..self.bytes.len());
        }
        self.requests.push(Queued {
            offset: request.offset(),
            arguments: first..self.arguments.len(),
        });
    }

    fn request(&self, index: usize) -> Request<'_> {
        let Queued { offset, arguments } = &self.requests[index];
        Request::new(*offset, &self.bytes, &self.arguments[arguments.clone()])
    }

    fn clear(&mut self) {
        self.bytes.clear();
        self.arguments.clear();
        self.requests.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::durability::annotation::Annotation;

    /// A file of requests with one word each; `#` is an annotation.
    fn file(words: &str) -> Vec<u8> {
        let records = words.split_whitespace().map(|word| match word {
            "#" => "#TS:1\r\n".to_owned(),
            word => format!("*1\r\n${}\r\n{word}\r\n", word.len()),
        });
        records.collect::<String>().into_bytes()
    }

    fn read(file: &[u8]) -> (String, Ending) {
        let mut transactions = Transactions::new(Reader::new(file));
        let mut seen = Vec::new();
        loop {
            match transactions.read().unwrap() {
                Item::Request(request) => {
                    assert_eq!(file[request.offset() as usize], b'*');
                    seen.push(String::from_utf8(request[0].to_vec()).unwrap());
                }
                Item::Annotation { annotation, .. } => {
                    assert_eq!(annotation, Annotation::Other(b"TS:1"));
                    seen.push("#".to_owned());
                }
                Item::End(ending) => {
                    assert_eq!(transactions.read().unwrap(), Item::End(ending.clone()));
                    return (seen.join(" "), ending);
                }
            }
        }
    }

    #[test]
    fn a_transaction_is_given_without_its_brackets() {
        for (words, expected) in [
            ("A MULTI B C EXEC D", "A B C D"),
            ("multi B exec # MULTI D E F EXEC", "B # D E F"),
            ("MULTI EXEC MULTI A # EXEC", "# A"),
        ] {
            assert_eq!(read(&file(words)), (expected.to_owned(), Ending::Clean));
        }
    }

    #[test]
    fn a_transaction_without_its_end_is_not_given() {
        let whole = file("A MULTI B EXEC C MULTI");
        let multi = file("A MULTI B EXEC C").len() as u64;
        let expected = |ending| ("A B C".to_owned(), ending);
        let file = file("A MULTI B EXEC C MULTI D E");
        for cut in multi as usize + 1..=file.len() {
            let ending = Ending::Truncated { offset: multi };
            assert_eq!(read(&file[..cut]), expected(ending));
        }
        let unused = Ending::Unused {
            offset: multi,
            uncommitted_bytes: whole.len() as u64 - multi,
        };
        assert_eq!(read(&[&whole[..], &[0; 9]].concat()), expected(unused));
    }

    #[test]
    fn damage_in_a_transaction_takes_it_away() {
        let at = file("A MULTI B").len() as u64;
        for (end, what) in [
            (&b"x"[..], Damage::Start(b'x')),
            (b"*1\r\n$5\r\nMULTI\r\n", Damage::NestedMulti),
        ] {
            let ending = Ending::Damaged {
                offset: file("A").len() as u64,
                what: Damage::Transaction {
                    at,
                    what: Box::new(what),
                },
            };
            let file = [&file("A MULTI B"), end].concat();
            assert_eq!(read(&file), ("A".to_owned(), ending));
        }
        let ending = Ending::Damaged {
            offset: file("A").len() as u64,
            what: Damage::LoneExec,
        };
        assert_eq!(read(&file("A EXEC B")), ("A".to_owned(), ending));
    }
}
