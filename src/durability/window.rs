//! A part of a file in memory, which moves on over it.
//!
//! Who reads asks for more until what is there makes sense, and consumes it. The memory grows with
//! what was read, never with what a length in the file claims.

use std::io::{self, ErrorKind, Read};

/// How much is read at first, in bytes. A record that is longer doubles it.
const BYTES_MIN: usize = 256 * 1024;

/// The bytes of `R` from one offset on, as far as they were asked for.
#[derive(Debug)]
pub struct Window<R> {
    source: R,
    memory: Vec<u8>,
    /// Invariant: `start <= end <= memory.len()`.
    start: usize,
    end: usize,
    /// Of `memory[start]` in the file.
    offset: u64,
    is_at_end: bool,
}

impl<R: Read> Window<R> {
    /// A window at the beginning of `source`; nothing is read yet.
    pub fn new(source: R) -> Window<R> {
        Window {
            source,
            memory: Vec::new(),
            start: 0,
            end: 0,
            offset: 0,
            is_at_end: false,
        }
    }

    /// The bytes that are here and not consumed.
    pub fn bytes(&self) -> &[u8] {
        &self.memory[self.start..self.end]
    }

    /// Where [`Window::bytes`] begin in the file.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// Whether the bytes here are the last of the file.
    pub fn is_at_end(&self) -> bool {
        self.is_at_end
    }

    /// Moves the beginning on by `length` bytes, at most to the end of those that are here.
    pub fn consume(&mut self, length: usize) {
        let length = length.min(self.end - self.start);
        self.start += length;
        self.offset += length as u64;
    }

    /// Reads until the memory is full, with room for something in it; false if the file has no
    /// more.
    ///
    /// # Errors
    /// What the system says while it reads.
    pub fn more(&mut self) -> io::Result<bool> {
        if self.is_at_end {
            return Ok(false);
        }
        self.make_room();
        let before = self.end;
        while self.end < self.memory.len() {
            match self.source.read(&mut self.memory[self.end..]) {
                Ok(0) => {
                    self.is_at_end = true;
                    break;
                }
                Ok(length) => self.end += length,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(self.end > before)
    }

    /// Reads until `length` bytes are here; false if the file ends before.
    ///
    /// # Errors
    /// What the system says while it reads.
    pub fn fill(&mut self, length: usize) -> io::Result<bool> {
        while self.end - self.start < length {
            if !self.more()? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Moves on by `length` bytes and gives them; `None`, without moving, if the file ends before.
    ///
    /// # Errors
    /// What the system says while it reads.
    pub fn take(&mut self, length: usize) -> io::Result<Option<&[u8]>> {
        if !self.fill(length)? {
            return Ok(None);
        }
        let begin = self.start;
        self.consume(length);
        Ok(Some(&self.memory[begin..self.start]))
    }

    fn make_room(&mut self) {
        if self.start > 0 {
            self.memory.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
        }
        if self.end == self.memory.len() {
            let length = (self.memory.len() * 2).max(BYTES_MIN);
            self.memory.resize(length, 0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_moves_over_the_whole_source() {
        let source: Vec<u8> = (0..3 * BYTES_MIN).map(|i| (i % 251) as u8).collect();
        let mut window = Window::new(source.as_slice());
        let mut seen = Vec::new();
        for step in (1..9000).cycle() {
            let whole = window.fill(step).unwrap();
            let length = window.bytes().len().min(step);
            assert_eq!(window.offset(), seen.len() as u64);
            seen.extend_from_slice(&window.bytes()[..length]);
            window.consume(length);
            if !whole {
                break;
            }
        }
        assert_eq!(seen, source);
        assert_eq!(window.memory.len(), BYTES_MIN);
    }

    #[test]
    fn a_claim_takes_no_memory() {
        let mut window = Window::new(&b"abc"[..]);
        assert!(!window.fill(usize::MAX).unwrap());
        assert_eq!(window.bytes(), b"abc");
        assert_eq!(window.memory.len(), BYTES_MIN);
    }
}
