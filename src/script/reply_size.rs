//! How large the reply of a script may be.
//!
//! A table that holds another one twice is small to the script and twice as large as a reply, so
//! what a script may hold does not bound what it may answer: every element is counted each time it
//! is answered.

/// What an element of a reply counts beside its bytes.
pub const ELEMENT_BYTES: usize = 64;

/// What is left of `script-reply-limit`.
#[derive(Debug)]
pub struct ReplyBudget {
    left: usize,
}

/// The reply is larger than it may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooLarge;

impl ReplyBudget {
    /// A reply of up to so many bytes.
    pub fn new(bytes: usize) -> ReplyBudget {
        ReplyBudget { left: bytes }
    }

    /// Counts an element of so many bytes.
    ///
    /// # Errors
    /// It does not fit any more.
    pub fn take(&mut self, bytes: usize) -> Result<(), TooLarge> {
        let left = self.left.checked_sub(bytes.saturating_add(ELEMENT_BYTES));
        self.left = left.ok_or(TooLarge)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_element_that_just_fits_is_the_last_one() {
        let mut budget = ReplyBudget::new(2 * ELEMENT_BYTES + 10);
        assert_eq!(budget.take(10), Ok(()));
        assert_eq!(budget.take(1), Err(TooLarge));
        assert_eq!(budget.take(0), Ok(()));
        assert_eq!(budget.take(0), Err(TooLarge));
    }
}
