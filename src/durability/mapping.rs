//! A piece of a file as memory.
//!
//! What is written to it is in the page cache at once, without a system call, and stays there when
//! the process is killed. The space must be allocated: a hole that finds the disk full when it is
//! first written to ends the process (SIGBUS).

use std::fs::File;
use std::io;
use std::ptr::NonNull;

use rustix::mm::{Advice, MapFlags, ProtFlags, madvise, mmap, munmap};

/// Pages of at most so many bytes: offsets are multiples of it.
pub(super) const PAGE_BYTES: u64 = 64 * 1024;

/// See the module's text.
pub(super) struct Mapping {
    start: NonNull<u8>,
    length: usize,
    offset: u64,
}

// SAFETY: the memory belongs to this value alone, as a box's does.
#[expect(unsafe_code, reason = "a raw pointer is not Send by itself")]
unsafe impl Send for Mapping {}

impl Mapping {
    /// The bytes of `file` around `offset`, and `length` ones from there on.
    pub(super) fn around(file: &File, offset: u64, length: usize) -> io::Result<Mapping> {
        let start = offset / PAGE_BYTES * PAGE_BYTES;
        let length = length + (offset - start) as usize;
        #[expect(unsafe_code, reason = "mapping a file is what this module is for")]
        // SAFETY: a new mapping at an address that the system chooses overlaps nothing.
        let memory = unsafe {
            mmap(
                std::ptr::null_mut(),
                length,
                ProtFlags::READ | ProtFlags::WRITE,
                MapFlags::SHARED,
                file,
                start,
            )
        }?;
        let memory = NonNull::new(memory.cast());
        Ok(Mapping {
            start: memory.ok_or(io::ErrorKind::OutOfMemory)?,
            length,
            offset: start,
        })
    }

    /// Where it begins in the file.
    pub(super) fn offset(&self) -> u64 {
        self.offset
    }

    /// One past its end in the file.
    pub(super) fn end(&self) -> u64 {
        self.offset + self.length as u64
    }

    /// Makes all of it ready to be written to: a page that is touched first costs as much as
    /// several records. Where the system cannot, the pages come one by one.
    pub(super) fn populate(&mut self) {
        #[expect(unsafe_code, reason = "advice about raw memory")]
        // SAFETY: this memory is mapped, and to be populated changes none of it.
        let _ = unsafe {
            madvise(
                self.start.as_ptr().cast(),
                self.length,
                Advice::LinuxPopulateWrite,
            )
        };
    }

    /// The bytes.
    pub(super) fn bytes_mut(&mut self) -> &mut [u8] {
        #[expect(
            unsafe_code,
            reason = "the memory is the system's, not the allocator's"
        )]
        // SAFETY: `start` has `length` bytes, mapped until the drop; they are borrowed through
        // `self`, and the journal's lock on its directory keeps other processes of ours away.
        unsafe {
            std::slice::from_raw_parts_mut(self.start.as_ptr(), self.length)
        }
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        #[expect(unsafe_code, reason = "what was mapped must be unmapped")]
        // SAFETY: it was mapped with this address and length, and nobody borrows it any more.
        let unmapped = unsafe { munmap(self.start.as_ptr().cast(), self.length) };
        debug_assert!(unmapped.is_ok());
    }
}
