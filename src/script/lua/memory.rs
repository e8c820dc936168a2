//! The allocator of one Lua state: it counts bytes and says no.
//!
//! Lua reports a refused allocation by a jump to the nearest protected call. Such a jump must
//! never cross a Rust frame that owns something, so refusals happen only while Lua's own code
//! runs; inside a native function the limit may be passed, and is checked when the function
//! ends. A killed script is refused everything.

use std::cell::Cell;
use std::ffi::c_void;

use super::host::Host;
use super::pace::{self, LARGE_BYTES};

/// Bytes in use, bytes allowed, and whether the limit applies at the moment.
pub(super) struct Memory {
    used_bytes: Cell<usize>,
    limit_bytes: Cell<usize>,
    /// Of those in use, the bytes of blocks that are large.
    large_bytes: Cell<usize>,
    native_depth: Cell<u32>,
    refuses_all: Cell<bool>,
    /// Whether something was refused in this run.
    has_refused: Cell<bool>,
}

impl Memory {
    /// An empty account.
    pub(super) fn new(limit_bytes: usize) -> Memory {
        Memory {
            used_bytes: Cell::new(0),
            limit_bytes: Cell::new(limit_bytes),
            large_bytes: Cell::new(0),
            native_depth: Cell::new(0),
            refuses_all: Cell::new(false),
            has_refused: Cell::new(false),
        }
    }

    /// Allows another number of bytes from now on.
    pub(super) fn limit(&self, limit_bytes: usize) {
        self.limit_bytes.set(limit_bytes);
    }

    /// From here to the matching [`Memory::leave_native`] no allocation is refused.
    pub(super) fn enter_native(&self) {
        self.native_depth.set(self.native_depth.get() + 1);
    }

    /// Ends the nearest [`Memory::enter_native`].
    pub(super) fn leave_native(&self) {
        debug_assert!(self.native_depth.get() > 0);
        self.native_depth
            .set(self.native_depth.get().saturating_sub(1));
    }

    /// Runs `work` with the limit lifted.
    pub(super) fn lifted<T>(&self, work: impl FnOnce() -> T) -> T {
        self.enter_native();
        let result = work();
        self.leave_native();
        result
    }

    /// Whether more is in use than the limit allows.
    pub(super) fn is_exceeded(&self) -> bool {
        self.used_bytes.get() > self.limit_bytes.get()
    }

    /// Whether every request from Lua's own code is refused from now on.
    pub(super) fn refuse_all(&self, refuse: Refuse) {
        self.refuses_all.set(refuse == Refuse::Everything);
    }

    /// Bytes in use.
    pub(super) fn used_bytes(&self) -> usize {
        self.used_bytes.get()
    }

    /// Bytes that a native function may still make; then its results would be refused.
    pub(super) fn room(&self) -> usize {
        let used_bytes = self.used_bytes.get();
        self.limit_bytes.get().saturating_sub(used_bytes)
    }

    /// Bytes that may be in use.
    pub(super) fn limit_bytes(&self) -> usize {
        self.limit_bytes.get()
    }

    /// Notes that a script was refused memory: what it holds is collected when it has ended.
    pub(super) fn note_refusal(&self) {
        self.has_refused.set(true);
    }

    /// Whether it was, since the last call.
    pub(super) fn take_refusal(&self) -> bool {
        self.has_refused.replace(false)
    }

    /// Bytes in use by large values, over which one instruction may go.
    pub(super) fn large_bytes(&self) -> usize {
        self.large_bytes.get()
    }

    /// Notes that a block has another size; tells whether more bytes are large now.
    fn note(&self, old_bytes: usize, new_bytes: usize) -> bool {
        let used = self.used_bytes.get().saturating_sub(old_bytes);
        self.used_bytes.set(used + new_bytes);
        if old_bytes.max(new_bytes) < LARGE_BYTES {
            return false;
        }
        let large = |bytes: usize| if bytes < LARGE_BYTES { 0 } else { bytes };
        let before = self.large_bytes.get();
        let after = before.saturating_sub(large(old_bytes)) + large(new_bytes);
        self.large_bytes.set(after);
        after > before
    }

    fn grants(&self, old_bytes: usize, new_bytes: usize) -> bool {
        if new_bytes <= old_bytes || self.native_depth.get() > 0 {
            return true;
        }
        let after = self
            .used_bytes
            .get()
            .saturating_sub(old_bytes)
            .saturating_add(new_bytes);
        !self.refuses_all.get() && after <= self.limit_bytes.get()
    }
}

/// What the allocator answers to Lua's own code.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Refuse {
    /// Only what would pass the limit is refused.
    PastLimit,
    /// A killed script gets nothing more.
    Everything,
}

/// The function that Lua calls for every allocation; `user` points to a [`Host`].
#[expect(
    unsafe_code,
    reason = "Lua's allocator contract is a C function over raw pointers"
)]
pub(super) unsafe extern "C" fn allocate(
    user: *mut c_void,
    block: *mut c_void,
    old_bytes: usize,
    new_bytes: usize,
) -> *mut c_void {
    // SAFETY: the state was created with a pointer to a Host that outlives it, and Lua hands
    // back only blocks that this function returned, with their size (0 for none).
    unsafe {
        let host = &*user.cast::<Host>();
        let memory = &host.memory;
        let old_bytes = if block.is_null() { 0 } else { old_bytes };
        if new_bytes == 0 {
            libc::free(block);
            memory.note(old_bytes, 0);
            return std::ptr::null_mut();
        }
        if !memory.grants(old_bytes, new_bytes) {
            return std::ptr::null_mut();
        }
        let moved = libc::realloc(block, new_bytes);
        if !moved.is_null() && memory.note(old_bytes, new_bytes) {
            hurry(host);
        }
        moved
    }
}

/// Has the hook called earlier than was meant before there were so many large values. It is never
/// put off here: whoever makes one with each turn of a loop would put it off for ever.
#[cold]
#[expect(unsafe_code, reason = "the hook belongs to a raw state")]
fn hurry(host: &Host) {
    let instructions = pace::instructions(host.memory.large_bytes());
    if !host.main.get().is_null() && instructions < host.instructions.get() {
        // SAFETY: the main thread of this host's state.
        unsafe { pace::set_hook(host.main.get(), host, instructions) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn growth_past_the_limit_is_refused_outside_native_code_only() {
        let memory = Memory::new(100);
        assert!(memory.grants(0, 100));
        assert!(!memory.grants(0, 101));
        memory.lifted(|| assert!(memory.grants(0, 101)));
        assert!(!memory.grants(0, 101));
    }

    #[test]
    fn shrinking_is_always_granted() {
        let memory = Memory::new(0);
        memory.refuse_all(Refuse::Everything);
        assert!(memory.grants(50, 20));
        assert!(!memory.grants(20, 50));
    }
}
