//! The names of `durability/disk.rs` in tests: the system's files outside of a simulation, those of
//! the simulated disk inside.
//!
//! Each call may be interrupted before it does something and takes its time; a long write may be
//! interrupted in the middle, so that a process that dies there leaves a part of it.

use std::ffi::OsString;
use std::io::{self, ErrorKind, Read, Seek, SeekFrom, Write};
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use rustix::fs::{FallocateFlags, FlockOperation};
use rustix::io::Errno;

use super::disk::{Disk, Inode};
use super::faults::Call;
use super::world::{Here, here, is_simulated, with_here};

/// A long write is interrupted after about so many bytes.
const PIECE_BYTES: usize = 128 * 1024;

/// An open file, or directory.
#[derive(Debug)]
pub(crate) enum File {
    Real(std::fs::File),
    Simulated(Handle),
}

/// An open file of a simulated disk.
pub(crate) struct Handle {
    disk: Arc<Disk>,
    /// `None` for a directory.
    inode: Option<Inode>,
    at: AtomicU64,
    appends: bool,
    memory: OnceLock<Arc<OwnedFd>>,
}

impl std::fmt::Debug for Handle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "file {:?}", self.inode)
    }
}

/// Notes a call on the disk of the present process.
fn begin(here: &Here, call: Call, what: &dyn std::fmt::Debug) -> io::Result<()> {
    here.step();
    let rest_ns = match call {
        Call::Sync => here.world.sync_ns(),
        _ => 0,
    };
    if rest_ns > 0 {
        here.rest(rest_ns);
    }
    let begun = here.process.disk.begin(call);
    here.world.trace(|| {
        format!(
            "{call:?} {what:?} {}",
            if begun.is_ok() { "" } else { "FAILS" }
        )
    });
    begun
}

impl File {
    pub(crate) fn open(path: impl AsRef<Path>) -> io::Result<File> {
        OpenOptions::new().read(true).open(path)
    }

    pub(crate) fn create(path: impl AsRef<Path>) -> io::Result<File> {
        OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .open(path)
    }

    pub(crate) fn metadata(&self) -> io::Result<Metadata> {
        match self {
            File::Real(file) => file.metadata().map(Metadata::Real),
            File::Simulated(handle) => Ok(Metadata::Simulated {
                bytes: handle.inode.map(|inode| handle.disk.bytes(inode)),
            }),
        }
    }

    pub(crate) fn set_len(&self, bytes: u64) -> io::Result<()> {
        match self {
            File::Real(file) => file.set_len(bytes),
            File::Simulated(handle) => {
                begin(&here(), Call::Cut, &(handle, bytes))?;
                handle.disk.set_bytes(handle.inode()?, bytes);
                Ok(())
            }
        }
    }

    pub(crate) fn sync_all(&self) -> io::Result<()> {
        match self {
            File::Real(file) => file.sync_all(),
            File::Simulated(handle) => handle.sync(),
        }
    }

    pub(crate) fn sync_data(&self) -> io::Result<()> {
        match self {
            File::Real(file) => file.sync_data(),
            File::Simulated(handle) => handle.sync(),
        }
    }

    pub(crate) fn try_clone(&self) -> io::Result<File> {
        match self {
            File::Real(file) => file.try_clone().map(File::Real),
            File::Simulated(_) => Err(ErrorKind::Unsupported.into()),
        }
    }

    fn read_here(&self, into: &mut [u8]) -> io::Result<usize> {
        match self {
            File::Real(file) => {
                let mut file = file;
                file.read(into)
            }
            File::Simulated(handle) => {
                begin(&here(), Call::Read, handle)?;
                let at = handle.at.load(Ordering::Relaxed);
                let length = handle.disk.read(handle.inode()?, at, into);
                handle.at.store(at + length as u64, Ordering::Relaxed);
                Ok(length)
            }
        }
    }
}

impl Handle {
    fn inode(&self) -> io::Result<Inode> {
        self.inode.ok_or_else(|| Errno::ISDIR.into())
    }

    fn sync(&self) -> io::Result<()> {
        let here = here();
        let begun = begin(&here, Call::Sync, self);
        match (self.inode, &begun) {
            (Some(inode), Ok(())) => self.disk.sync(inode),
            (Some(inode), Err(_)) => self.disk.lose(inode, || here.world.happens(1, 2)),
            (None, Ok(())) => self.disk.sync_names(),
            (None, Err(_)) => {}
        }
        begun
    }

    fn write(&self, bytes: &[u8], at: u64) -> io::Result<usize> {
        let here = here();
        begin(&here, Call::Write, &(self, at, bytes.len()))?;
        let inode = self.inode()?;
        let most = match here.process.disk.shortened(bytes.len()) {
            Some(short) => short,
            None => bytes.len(),
        };
        let mut done = 0;
        for piece in bytes[..most].chunks(PIECE_BYTES) {
            if done > 0 {
                here.step();
            }
            let first = here.world.below(piece.len() as u64 + 1) as usize;
            // A process may die with a part of a piece written.
            for part in [&piece[..first], &piece[first..]] {
                if part.is_empty() {
                    continue;
                }
                match self.disk.write(inode, at + done as u64, part) {
                    Ok(length) => {
                        done += length;
                        if length < part.len() {
                            return Ok(done);
                        }
                    }
                    Err(error) if done == 0 => return Err(error),
                    Err(_) => return Ok(done),
                }
                here.step();
            }
        }
        Ok(done)
    }
}

impl Read for File {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.read_here(into)
    }
}

impl Read for &File {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.read_here(into)
    }
}

impl Write for &File {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            File::Real(file) => {
                let mut file = file;
                file.write(bytes)
            }
            File::Simulated(handle) => {
                let at = match (handle.appends, handle.inode) {
                    (true, Some(inode)) => handle.disk.bytes(inode),
                    _ => handle.at.load(Ordering::Relaxed),
                };
                let length = handle.write(bytes, at)?;
                handle.at.store(at + length as u64, Ordering::Relaxed);
                Ok(length)
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Write for File {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut file = &*self;
        file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Seek for File {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        match self {
            File::Real(file) => file.seek(to),
            File::Simulated(handle) => {
                let SeekFrom::Start(at) = to else {
                    return Err(ErrorKind::Unsupported.into());
                };
                handle.at.store(at, Ordering::Relaxed);
                Ok(at)
            }
        }
    }
}

/// Reads and writes at an offset, as [`std::os::unix::fs::FileExt`] has them.
pub(crate) trait FileExt {
    fn write_at(&self, bytes: &[u8], at: u64) -> io::Result<usize>;

    fn write_all_at(&self, bytes: &[u8], at: u64) -> io::Result<()> {
        let mut done = 0;
        while done < bytes.len() {
            match self.write_at(&bytes[done..], at + done as u64) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(length) => done += length,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

impl FileExt for File {
    fn write_at(&self, bytes: &[u8], at: u64) -> io::Result<usize> {
        match self {
            File::Real(file) => std::os::unix::fs::FileExt::write_at(file, bytes, at),
            File::Simulated(handle) => handle.write(bytes, at),
        }
    }
}

/// How a file is opened.
#[derive(Clone, Debug, Default)]
pub(crate) struct OpenOptions {
    reads: bool,
    writes: bool,
    appends: bool,
    creates: bool,
    creates_new: bool,
    truncates: bool,
}

impl OpenOptions {
    pub(crate) fn new() -> OpenOptions {
        OpenOptions::default()
    }

    pub(crate) fn read(&mut self, value: bool) -> &mut OpenOptions {
        self.reads = value;
        self
    }

    pub(crate) fn write(&mut self, value: bool) -> &mut OpenOptions {
        self.writes = value;
        self
    }

    pub(crate) fn append(&mut self, value: bool) -> &mut OpenOptions {
        self.appends = value;
        self
    }

    pub(crate) fn create(&mut self, value: bool) -> &mut OpenOptions {
        self.creates = value;
        self
    }

    pub(crate) fn create_new(&mut self, value: bool) -> &mut OpenOptions {
        self.creates_new = value;
        self
    }

    pub(crate) fn truncate(&mut self, value: bool) -> &mut OpenOptions {
        self.truncates = value;
        self
    }

    pub(crate) fn open(&self, path: impl AsRef<Path>) -> io::Result<File> {
        let path = path.as_ref();
        if !is_simulated() {
            let mut options = std::fs::OpenOptions::new();
            options
                .read(self.reads)
                .write(self.writes)
                .append(self.appends);
            options.create(self.creates).create_new(self.creates_new);
            return options.truncate(self.truncates).open(path).map(File::Real);
        }
        let here = here();
        begin(&here, Call::Open, &path)?;
        let disk = &here.process.disk;
        let inode = match disk.find(path) {
            Ok(_) if self.creates_new => return Err(Errno::EXIST.into()),
            Ok(inode) => Some(inode),
            Err(_) if self.creates || self.creates_new => Some(disk.make(path)),
            Err(_) if is_directory(disk, path) && !self.writes => None,
            Err(error) => return Err(error),
        };
        if let (true, Some(inode)) = (self.truncates, inode) {
            disk.set_bytes(inode, 0);
        }
        Ok(File::Simulated(Handle {
            disk: Arc::clone(disk),
            inode,
            at: AtomicU64::new(0),
            appends: self.appends,
            memory: OnceLock::new(),
        }))
    }
}

/// A simulated directory is there if something is in it, or it is the one of a server.
fn is_directory(disk: &Disk, path: &Path) -> bool {
    path == Path::new(super::DIRECTORY) || !disk.list(path).is_empty()
}

/// What is known of a file.
#[derive(Debug)]
pub(crate) enum Metadata {
    Real(std::fs::Metadata),
    /// `None` is a directory.
    Simulated {
        bytes: Option<u64>,
    },
}

impl Metadata {
    pub(crate) fn len(&self) -> u64 {
        match self {
            Metadata::Real(metadata) => metadata.len(),
            Metadata::Simulated { bytes } => bytes.unwrap_or(0),
        }
    }

    pub(crate) fn is_dir(&self) -> bool {
        match self {
            Metadata::Real(metadata) => metadata.is_dir(),
            Metadata::Simulated { bytes } => bytes.is_none(),
        }
    }
}

/// A name in a directory.
#[derive(Debug)]
pub(crate) struct DirEntry {
    path: PathBuf,
}

impl DirEntry {
    pub(crate) fn file_name(&self) -> OsString {
        self.path.file_name().unwrap_or_default().to_owned()
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.path.clone()
    }
}

pub(crate) fn read_dir(path: &Path) -> io::Result<impl Iterator<Item = io::Result<DirEntry>>> {
    let entries: Vec<io::Result<DirEntry>> = match is_simulated() {
        true => {
            let here = here();
            begin(&here, Call::Open, &path)?;
            let names = here.process.disk.list(path).into_iter();
            names
                .map(|name| {
                    Ok(DirEntry {
                        path: path.join(name),
                    })
                })
                .collect()
        }
        false => {
            let entries = std::fs::read_dir(path)?;
            entries
                .map(|entry| {
                    Ok(DirEntry {
                        path: entry?.path(),
                    })
                })
                .collect()
        }
    };
    Ok(entries.into_iter())
}

pub(crate) fn create_dir_all(path: &Path) -> io::Result<()> {
    with_here(|here| begin(here, Call::Name, &path))
        .unwrap_or_else(|| std::fs::create_dir_all(path))
}

pub(crate) fn metadata(path: impl AsRef<Path>) -> io::Result<Metadata> {
    let path = path.as_ref();
    if !is_simulated() {
        return std::fs::metadata(path).map(Metadata::Real);
    }
    let here = here();
    begin(&here, Call::Read, &path)?;
    let disk = &here.process.disk;
    let bytes = match disk.find(path) {
        Ok(inode) => Some(disk.bytes(inode)),
        Err(_) if is_directory(disk, path) => None,
        Err(error) => return Err(error),
    };
    Ok(Metadata::Simulated { bytes })
}

pub(crate) fn read(path: impl AsRef<Path>) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.read_to_end(&mut bytes)?;
    Ok(bytes)
}

pub(crate) fn remove_file(path: impl AsRef<Path>) -> io::Result<()> {
    let path = path.as_ref();
    with_here(|here| {
        begin(here, Call::Name, &("remove", path))?;
        here.process.disk.remove(path)
    })
    .unwrap_or_else(|| std::fs::remove_file(path))
}

pub(crate) fn rename(from: impl AsRef<Path>, to: impl AsRef<Path>) -> io::Result<()> {
    let (from, to) = (from.as_ref(), to.as_ref());
    with_here(|here| {
        begin(here, Call::Name, &(from, to))?;
        here.process.disk.rename(from, to)
    })
    .unwrap_or_else(|| std::fs::rename(from, to))
}

pub(crate) fn is_file(path: &Path) -> bool {
    with_here(|here| here.process.disk.find(path).is_ok()).unwrap_or_else(|| path.is_file())
}

pub(crate) fn exists(path: &Path) -> bool {
    with_here(|here| here.process.disk.find(path).is_ok()).unwrap_or_else(|| path.exists())
}

pub(crate) fn allocate(file: &File, from: u64, to: u64) -> io::Result<()> {
    match file {
        File::Real(file) => {
            let keep = FallocateFlags::KEEP_SIZE;
            match rustix::fs::fallocate(file, keep, from, to - from) {
                Ok(()) | Err(Errno::OPNOTSUPP | Errno::NOSYS) => Ok(()),
                Err(error) => Err(error.into()),
            }
        }
        File::Simulated(handle) => {
            begin(&here(), Call::Allocate, &(handle, to))?;
            handle.disk.allocate(handle.inode()?, to)
        }
    }
}

pub(crate) fn lock(file: &File) -> io::Result<()> {
    match file {
        File::Real(file) => Ok(rustix::fs::flock(
            file,
            FlockOperation::NonBlockingLockExclusive,
        )?),
        File::Simulated(handle) => match handle.disk.lock(handle.inode()?) {
            true => Ok(()),
            false => Err(Errno::WOULDBLOCK.into()),
        },
    }
}

pub(crate) fn unlock(file: &File) -> io::Result<()> {
    match file {
        File::Real(file) => Ok(rustix::fs::flock(file, FlockOperation::Unlock)?),
        File::Simulated(handle) => {
            handle.disk.unlock(handle.inode()?);
            Ok(())
        }
    }
}

pub(crate) fn mappable(file: &File) -> io::Result<BorrowedFd<'_>> {
    match file {
        File::Real(file) => Ok(file.as_fd()),
        File::Simulated(handle) => {
            let memory = handle.disk.memory(handle.inode()?)?;
            Ok(handle.memory.get_or_init(|| memory).as_fd())
        }
    }
}

pub(crate) fn kill_point() {
    super::world::step();
}
