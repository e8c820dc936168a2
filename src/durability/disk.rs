//! What durability uses of a disk: files, directories, space, locks and mapped memory.
//!
//! Everything in `durability/` reaches the disk by the names that stand here. In a program they are
//! those of the standard library and of the system, at no cost; in a test that is a simulation they
//! are those of its disk.

#[cfg(test)]
pub(super) use crate::sim::file::{
    File, FileExt, OpenOptions, allocate, create_dir_all, exists, is_file, kill_point, lock,
    mappable, metadata, read, read_dir, remove_file, rename, unlock,
};
#[cfg(not(test))]
pub(super) use system::{
    File, FileExt, OpenOptions, allocate, create_dir_all, exists, is_file, kill_point, lock,
    mappable, metadata, read, read_dir, remove_file, rename, unlock,
};

#[cfg(not(test))]
mod system {
    use std::io;
    use std::path::Path;

    pub(in crate::durability) use std::fs::{
        File, OpenOptions, create_dir_all, metadata, read, read_dir, remove_file, rename,
    };
    pub(in crate::durability) use std::os::unix::fs::FileExt;

    use rustix::fs::{FallocateFlags, FlockOperation};
    use rustix::io::Errno;

    /// Whether `path` names a file, and not a directory.
    pub(in crate::durability) fn is_file(path: &Path) -> bool {
        path.is_file()
    }

    /// Whether `path` names anything.
    pub(in crate::durability) fn exists(path: &Path) -> bool {
        path.exists()
    }

    /// Takes space for the bytes from `from` up to `to`; the file stays as long as it is. Where the
    /// file system promises nothing, a full disk is noticed when it is full.
    ///
    /// # Errors
    /// The disk is full.
    pub(in crate::durability) fn allocate(file: &File, from: u64, to: u64) -> io::Result<()> {
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
    pub(in crate::durability) fn lock(file: &File) -> io::Result<()> {
        Ok(rustix::fs::flock(
            file,
            FlockOperation::NonBlockingLockExclusive,
        )?)
    }

    /// Lets the lock of a file go.
    ///
    /// # Errors
    /// What the system says.
    pub(in crate::durability) fn unlock(file: &File) -> io::Result<()> {
        Ok(rustix::fs::flock(file, FlockOperation::Unlock)?)
    }

    /// What is mapped to have the bytes of `file` in memory.
    ///
    /// # Errors
    /// What the system says.
    pub(in crate::durability) fn mappable(file: &File) -> io::Result<&File> {
        Ok(file)
    }

    /// A moment at which the process may be killed: memory that is mapped from a file then stays as
    /// it is. Nothing is done here.
    #[inline(always)]
    pub(in crate::durability) fn kill_point() {}
}
