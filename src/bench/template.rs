//! The bytes of a batch of requests, written once; before each sending only the digits of its keys
//! are put in.
//!
//! Requests of one step have the same length, and so have their replies: they are known before
//! they come. Invariant: a template's replies are exactly what a right server answers to its
//! requests, so a comparison of bytes verifies them.

use super::keys::{self, DIGITS, Digits};

/// One argument of a request.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Word {
    /// As it stands.
    Text(Vec<u8>),
    /// A key of the connection, another one each time.
    Key,
}

/// A request, and the reply that a right server gives.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Step {
    pub(super) words: Vec<Word>,
    pub(super) reply: Vec<u8>,
}

impl Step {
    /// The keys that one request names.
    pub(super) fn keys(&self) -> usize {
        self.words.iter().filter(|word| **word == Word::Key).count()
    }

    /// The command's name.
    pub(super) fn command(&self) -> String {
        match self.words.first() {
            Some(Word::Text(name)) => String::from_utf8_lossy(name).into_owned(),
            _ => String::new(),
        }
    }
}

/// A step as often as requests may be in flight.
#[derive(Clone, Debug)]
pub(super) struct Template {
    requests: Vec<u8>,
    request_bytes: usize,
    /// Where the digits of each key begin, in one request.
    key_offsets: Vec<usize>,
    replies: Vec<u8>,
    reply_bytes: usize,
}

impl Template {
    pub(super) fn new(step: &Step, pipeline: usize) -> Template {
        let mut request = format!("*{}\r\n", step.words.len()).into_bytes();
        let mut key_offsets = Vec::new();
        let blank_key = keys::key(0);
        for word in &step.words {
            let text = match word {
                Word::Text(text) => text,
                Word::Key => &blank_key,
            };
            request.extend_from_slice(format!("${}\r\n", text.len()).as_bytes());
            if *word == Word::Key {
                key_offsets.push(request.len() + keys::PREFIX.len());
            }
            request.extend_from_slice(text);
            request.extend_from_slice(b"\r\n");
        }
        Template {
            request_bytes: request.len(),
            requests: request.repeat(pipeline),
            key_offsets,
            replies: step.reply.repeat(pipeline),
            reply_bytes: step.reply.len(),
        }
    }

    /// Puts the digits in, request by request and key by key.
    #[inline]
    pub(super) fn patch(&mut self, digits: &[Digits]) {
        let requests = self.requests.chunks_exact_mut(self.request_bytes);
        for (request, digits) in requests.zip(digits.chunks_exact(self.key_offsets.len())) {
            for (offset, digits) in self.key_offsets.iter().zip(digits) {
                request[*offset..*offset + DIGITS].copy_from_slice(digits);
            }
        }
    }

    /// The bytes of the first `count` requests.
    pub(super) fn requests(&self, count: usize) -> &[u8] {
        &self.requests[..count * self.request_bytes]
    }

    /// The bytes of the replies to the first `count` requests.
    pub(super) fn replies(&self, count: usize) -> &[u8] {
        &self.replies[..count * self.reply_bytes]
    }

    /// The bytes of one reply.
    pub(super) fn reply_bytes(&self) -> usize {
        self.reply_bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step() -> Step {
        let text = |text: &str| Word::Text(text.as_bytes().to_vec());
        Step {
            words: vec![text("MGET"), Word::Key, text("x"), Word::Key],
            reply: b"+OK\r\n".to_vec(),
        }
    }

    #[test]
    fn only_the_digits_of_the_keys_change() {
        let mut template = Template::new(&step(), 2);
        let expected = |numbers: [u64; 4]| {
            let request = |a: u64, b: u64| {
                format!(
                    "*4\r\n$4\r\nMGET\r\n$24\r\nlock:orders:{a:012}\r\n$1\r\nx\r\n$24\r\nlock:orders:{b:012}\r\n"
                )
            };
            [
                request(numbers[0], numbers[1]),
                request(numbers[2], numbers[3]),
            ]
            .concat()
        };
        for numbers in [[1, 2, 3, 4], [999_999_999_999, 0, 70, 123_456]] {
            template.patch(&numbers.map(keys::digits));
            assert_eq!(template.requests(2), expected(numbers).as_bytes());
        }
        template.patch(&[5, 6].map(keys::digits));
        let first = expected([5, 6, 0, 0]);
        assert_eq!(template.requests(1), &first.as_bytes()[..first.len() / 2]);
    }

    #[test]
    fn replies_are_as_many_as_requests() {
        let template = Template::new(&step(), 3);
        assert_eq!(template.replies(2), b"+OK\r\n+OK\r\n");
        assert_eq!((step().keys(), step().command()), (2, "MGET".to_owned()));
    }
}
