//! The allocator of one Lua state: it counts bytes and says no.
//!
//! Lua reports a refused allocation by a jump to the nearest protected call. Such a jump must
//! never cross a Rust frame that owns something, so refusals happen only while Lua's own code
//! runs; inside a native function the limit may be passed, and is checked when the function
//! ends. A killed script is refused everything.

use std::cell::Cell;
use std::ffi::c_void;

/// Bytes in use, bytes allowed, and whether the limit applies at the moment.
pub(super) struct Memory {
    used_bytes: Cell<usize>,
    limit_bytes: Cell<usize>,
    native_depth: Cell<u32>,
    refuses_all: Cell<bool>,
}

impl Memory {
    /// An empty account.
    pub(super) fn new(limit_bytes: usize) -> Memory {
        Memory {
            used_bytes: Cell::new(0),
            limit_bytes: Cell::new(limit_bytes),
            native_depth: Cell::new(0),
            refuses_all: Cell::new(false),
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

/// The function that Lua calls for every allocation; `user` points to a [`Memory`].
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
    // SAFETY: the state was created with a pointer to a Memory that outlives it, and Lua hands
    // back only blocks that this function returned, with their size (0 for none).
    unsafe {
        let memory = &*user.cast::<Memory>();
        let old_bytes = if block.is_null() { 0 } else { old_bytes };
        if new_bytes == 0 {
            libc::free(block);
            memory
                .used_bytes
                .set(memory.used_bytes.get().saturating_sub(old_bytes));
            return std::ptr::null_mut();
        }
        if !memory.grants(old_bytes, new_bytes) {
            return std::ptr::null_mut();
        }
        let moved = libc::realloc(block, new_bytes);
        if !moved.is_null() {
            memory
                .used_bytes
                .set(memory.used_bytes.get().saturating_sub(old_bytes) + new_bytes);
        }
        moved
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
