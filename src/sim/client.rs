//! A client of a simulated server: what it has asked, and what it has been told.

use std::collections::VecDeque;
use std::sync::Arc;

use redis_protocol::resp2::decode::decode;
use redis_protocol::resp2::types::OwnedFrame;

use super::model::{Fate, Operation, Texts};
use super::socket::Wire;
use super::workload::{Request, Told};

/// A connection, as its client sees it.
pub(crate) struct Client {
    pub(crate) number: usize,
    pub(crate) database: usize,
    pub(crate) wire: Arc<Wire>,
    /// What was asked and not answered, with the number of its operation.
    pending: VecDeque<(Request, usize)>,
    inbox: Vec<u8>,
    frames: Vec<OwnedFrame>,
}

/// What replies say of the disk.
#[derive(Default)]
pub(crate) struct News {
    /// Everything that was answered by then is on the disk.
    pub(crate) synced_ns: Option<u64>,
}

impl Client {
    pub(crate) fn new(number: usize, database: usize, wire: Arc<Wire>) -> Client {
        Client {
            number,
            database,
            wire,
            pending: VecDeque::new(),
            inbox: Vec::new(),
            frames: Vec::new(),
        }
    }

    /// How many requests wait for their replies.
    pub(crate) fn pending(&self) -> usize {
        self.pending.len()
    }

    /// Sends a request, which is the operation `number`.
    pub(crate) fn ask(&mut self, request: Request, number: usize) {
        self.wire.send(&request.bytes);
        self.pending.push_back((request, number));
    }

    /// Takes in what the server has sent.
    ///
    /// # Errors
    /// A reply that cannot be.
    pub(crate) fn hear(
        &mut self,
        operations: &mut [Operation],
        texts: &mut Texts,
    ) -> Result<News, String> {
        let mut news = News::default();
        for piece in self.wire.receive() {
            self.inbox.extend_from_slice(&piece.bytes);
            let mut consumed = 0;
            loop {
                let rest = &self.inbox[consumed..];
                let decoded = decode(rest).map_err(|error| format!("no reply: {error}"))?;
                let Some((frame, length)) = decoded else {
                    break;
                };
                consumed += length;
                self.frames.push(frame);
                let Some((request, _)) = self.pending.front() else {
                    return Err(format!("a reply to nothing: {:?}", self.frames));
                };
                if self.frames.len() < request.replies {
                    continue;
                }
                let frames = std::mem::take(&mut self.frames);
                let Some((mut request, number)) = self.pending.pop_front() else {
                    break;
                };
                let operation = &mut operations[number];
                match request.hear(&frames, texts)? {
                    Told::Parts(fate) => operation.fate = fate,
                    Told::Synced => {
                        operation.fate = Fate::Happened;
                        news.synced_ns = news.synced_ns.max(Some(operation.sent_ns));
                    }
                }
                operation.parts = request.parts;
                operation.answered_ns = Some(piece.sent_ns);
            }
            self.inbox.drain(..consumed);
        }
        Ok(news)
    }
}
