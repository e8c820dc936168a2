//! What durability uses of a disk: files, directories, space, locks and mapped memory.
//!
//! Everything in `durability/` reaches the disk by the names that stand here. In a program they are
//! those of the standard library and of the system, at no cost.

use std::io;
use std::path::Path;

pub(super) use std::fs::{
    File, OpenOptions, create_dir_all, metadata, read, read_dir, remove_file, rename,
};
pub(super) use std::os::unix::fs::FileExt;

use rustix::fs::{FallocateFlags, FlockOperation};
use rustix::io::Errno;

/// Whether `path` names a file, and not a directory.
pub(super) fn is_file(path: &Path) -> bool {
    path.is_file()
}

/// Whether `path` names anything.
pub(super) fn exists(path: &Path) -> bool {
    path.exists()
}

/// Takes space for the bytes from `from` up to `to`; the file stays as long as it is. Where the
/// file system promises nothing, a full disk is noticed when it is full.
///
/// # Errors
/// The disk is full.
pub(super) fn allocate(file: &File, from: u64, to: u64) -> io::Result<()> {
    let allocated = rustix::fs::fallocate(file, FallocateFlags::KEEP_SIZE, from, to - from);
    match allocated {
        Ok(()) | Err(Errno::OPNOTSUPP | Errno::NOSYS) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Locks a file for its process.
///
/// # Errors
/// Another process has it locked ([`io::ErrorKind::WouldBlock`]).
pub(super) fn lock(file: &File) -> io::Result<()> {
    Ok(rustix::fs::flock(
        file,
        FlockOperation::NonBlockingLockExclusive,
    )?)
}

/// Lets the lock of a file go.
///
/// # Errors
/// What the system says.
pub(super) fn unlock(file: &File) -> io::Result<()> {
    Ok(rustix::fs::flock(file, FlockOperation::Unlock)?)
}

/// What is mapped to have the bytes of `file` in memory.
///
/// # Errors
/// What the system says.
pub(super) fn mappable(file: &File) -> io::Result<&File> {
    Ok(file)
}
