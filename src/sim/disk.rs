//! A simulated disk: files in pages, of which the system has newer ones in its cache than the disk.
//!
//! What a process writes is in the cache and outlives the process. A sync brings it to the disk.
//! A crash of the machine leaves the disk's pages, and of each page that was not synced the old or
//! the new state. Names are made, changed and removed in a log that a crash cuts: as the journaling
//! file systems do it, a sync of any file or directory commits what was logged before.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;

use super::faults::{Call, Faults};
use crate::torture::random::Random;

/// Bytes of a page.
pub(super) const PAGE: usize = 4096;

/// A page's bytes; `None` is a page of zeros.
pub(super) type Page = Option<Arc<[u8; PAGE]>>;

/// The number of a file.
pub(super) type Inode = u64;

/// The disk as one process uses it.
pub(crate) struct Disk {
    state: Mutex<State>,
}

struct State {
    image: Image,
    faults: Faults,
    counts: Counts,
}

/// What was done to a disk.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Counts {
    /// Calls.
    pub(crate) calls: u64,
    /// Those that failed on purpose, short writes among them.
    pub(crate) faults: u64,
}

/// What is on a disk, and in the cache above it.
#[derive(Clone)]
pub(crate) struct Image {
    pub(super) files: BTreeMap<Inode, Data>,
    /// As processes see it.
    pub(super) names: BTreeMap<PathBuf, Inode>,
    /// As the disk has it.
    pub(super) kept_names: BTreeMap<PathBuf, Inode>,
    /// What leads from one to the other, in order.
    pub(super) log: Vec<Renaming>,
    next: Inode,
    /// Pages that nobody has.
    pub(super) free: u64,
}

/// A change of a name.
#[derive(Clone, Debug)]
pub(super) enum Renaming {
    Make(PathBuf, Inode),
    Move(PathBuf, PathBuf),
    Remove(PathBuf),
}

/// A file.
#[derive(Clone, Default)]
pub(super) struct Data {
    /// What processes see.
    pub(super) cache: Content,
    /// What is on the disk.
    pub(super) kept: Content,
    /// Pages of the cache that the disk does not have.
    pub(super) dirty: BTreeSet<u32>,
    /// Up to where it has space, in pages.
    allocated: u64,
    /// It was made shorter than it is on the disk, to so many bytes.
    pub(super) cut_to: Option<u64>,
    is_locked: bool,
    /// Where its bytes are if a process has mapped them.
    memory: Option<Arc<OwnedFd>>,
}

/// The bytes of a file.
#[derive(Clone, Default)]
pub(super) struct Content {
    pub(super) bytes: u64,
    pub(super) pages: Vec<Page>,
}

impl Default for Image {
    fn default() -> Image {
        Image {
            files: BTreeMap::new(),
            names: BTreeMap::new(),
            kept_names: BTreeMap::new(),
            log: Vec::new(),
            next: 1,
            free: u64::MAX / 2,
        }
    }
}

impl Content {
    pub(super) fn page(&self, index: u32) -> Page {
        self.pages.get(index as usize).cloned().flatten()
    }

    pub(super) fn set_page(&mut self, index: u32, page: Page) {
        let index = index as usize;
        if index >= self.pages.len() {
            self.pages.resize(index + 1, None);
        }
        self.pages[index] = page;
    }

    /// Makes it as long as said; what is behind is gone.
    pub(super) fn set_bytes(&mut self, bytes: u64) {
        if bytes < self.bytes {
            self.pages.truncate(pages_of(bytes) as usize);
            let inner = (bytes % PAGE as u64) as usize;
            if inner > 0
                && let Some(Some(page)) = self.pages.get_mut((bytes / PAGE as u64) as usize)
            {
                Arc::make_mut(page)[inner..].fill(0);
            }
        }
        self.bytes = bytes;
    }

    fn read(&self, at: u64, into: &mut [u8]) -> usize {
        let length = self.bytes.saturating_sub(at).min(into.len() as u64) as usize;
        let mut done = 0;
        while done < length {
            let (index, inner) = place(at + done as u64);
            let count = (PAGE - inner).min(length - done);
            let target = &mut into[done..done + count];
            match self.pages.get(index as usize) {
                Some(Some(page)) => target.copy_from_slice(&page[inner..inner + count]),
                _ => target.fill(0),
            }
            done += count;
        }
        length
    }

    /// Writes, and tells which pages have changed by calling `touched`.
    fn write(&mut self, at: u64, bytes: &[u8], mut touched: impl FnMut(u32)) {
        let mut done = 0;
        while done < bytes.len() {
            let (index, inner) = place(at + done as u64);
            let count = (PAGE - inner).min(bytes.len() - done);
            let source = &bytes[done..done + count];
            touched(index);
            done += count;
            let is_zero = source.iter().all(|byte| *byte == 0);
            if is_zero && self.page(index).is_none() {
                self.set_page(index, None);
                continue;
            }
            let mut page = self.page(index).unwrap_or_else(|| Arc::new([0; PAGE]));
            // Not shared with the table any more, so that it is copied only if the disk has it.
            self.set_page(index, None);
            Arc::make_mut(&mut page)[inner..inner + count].copy_from_slice(source);
            self.set_page(index, Some(page));
        }
        self.bytes = self.bytes.max(at + bytes.len() as u64);
    }
}

fn place(at: u64) -> (u32, usize) {
    ((at / PAGE as u64) as u32, (at % PAGE as u64) as usize)
}

fn pages_of(bytes: u64) -> u64 {
    bytes.div_ceil(PAGE as u64)
}

impl Data {
    /// What was written to mapped memory is in the cache as well.
    fn take_from_memory(&mut self) {
        let Some(memory) = &self.memory else { return };
        let mut bytes = vec![0; self.cache.bytes as usize];
        let read = rustix::io::pread(memory, &mut bytes[..], 0);
        assert_eq!(read, Ok(bytes.len()), "mapped memory can be read");
        let dirty = &mut self.dirty;
        for (index, page) in (0u32..).zip(bytes.chunks(PAGE)) {
            let mut old = [0; PAGE];
            self.cache
                .read(u64::from(index) * PAGE as u64, &mut old[..page.len()]);
            if old[..page.len()] != *page {
                self.cache
                    .write(u64::from(index) * PAGE as u64, page, |index| {
                        dirty.insert(index);
                    });
            }
        }
    }

    fn sync(&mut self) {
        self.take_from_memory();
        if self.cut_to.take().is_some() {
            self.kept.set_bytes(self.kept.bytes.min(self.cache.bytes));
        }
        for index in std::mem::take(&mut self.dirty) {
            if u64::from(index) < pages_of(self.cache.bytes) {
                self.kept.set_page(index, self.cache.page(index));
            }
        }
        self.kept.set_bytes(self.cache.bytes);
    }
}

/// A file is on the disk as it is.
fn data_is_kept(data: Option<&mut Data>) {
    if let Some(data) = data {
        data.dirty.clear();
        data.kept = data.cache.clone();
    }
}

impl Image {
    /// Whatever clears up temporary files, or an upgrade, does to the ring; tells whether there was
    /// one.
    pub(crate) fn damage_ring(&mut self, random: &mut Random) -> bool {
        let path = Path::new(super::DIRECTORY).join("quintlock.ring");
        let Some(inode) = self.names.get(&path).copied() else {
            return false;
        };
        let data = self.files.entry(inode).or_default();
        match random.below(4) {
            0 => {
                self.names.remove(&path);
                self.kept_names.remove(&path);
            }
            1 => data.cache.set_bytes(random.below(data.cache.bytes + 1)),
            2 => data.cache.write(0, b"QLRING01", |_| {}),
            _ => {
                let mut turn = [0];
                data.cache.read(16, &mut turn);
                data.cache.write(16, &[turn[0] ^ 1], |_| {});
            }
        }
        data_is_kept(self.files.get_mut(&inode));
        true
    }

    fn inode(&self, path: &Path) -> io::Result<Inode> {
        self.names.get(path).copied().ok_or_else(not_found)
    }

    fn make(&mut self, path: &Path) -> Inode {
        let inode = self.next;
        self.next += 1;
        self.files.insert(inode, Data::default());
        self.rename(Renaming::Make(path.to_owned(), inode));
        inode
    }

    fn rename(&mut self, renaming: Renaming) {
        let replaced = apply(&mut self.names, &renaming);
        if let Some(data) = replaced.and_then(|inode| self.files.get(&inode)) {
            // Handles may still have it, which is of no account here.
            self.free += data.allocated;
        }
        self.log.push(renaming);
    }

    fn commit_names(&mut self) {
        for renaming in self.log.drain(..) {
            apply(&mut self.kept_names, &renaming);
        }
        let (names, kept) = (&self.names, &self.kept_names);
        let named: BTreeSet<Inode> = names.values().chain(kept.values()).copied().collect();
        // Whoever still has a file that has no name any more may go on with it.
        self.files
            .retain(|inode, data| named.contains(inode) || data.memory.is_some());
    }
}

/// Changes names; tells which file has lost its name.
pub(super) fn apply(names: &mut BTreeMap<PathBuf, Inode>, renaming: &Renaming) -> Option<Inode> {
    match renaming {
        Renaming::Make(path, inode) => names.insert(path.clone(), *inode),
        Renaming::Move(from, to) => {
            let inode = names.remove(from)?;
            names.insert(to.clone(), inode)
        }
        Renaming::Remove(path) => names.remove(path),
    }
}

fn not_found() -> io::Error {
    io::Error::from_raw_os_error(rustix::io::Errno::NOENT.raw_os_error())
}

fn no_space() -> io::Error {
    io::Error::from_raw_os_error(rustix::io::Errno::NOSPC.raw_os_error())
}

impl Disk {
    pub(super) fn new(image: Image) -> Disk {
        Disk {
            state: Mutex::new(State {
                image,
                faults: Faults::default(),
                counts: Counts::default(),
            }),
        }
    }

    /// What the machine keeps of it; what is done to it from now on is seen by nobody else and
    /// never fails.
    pub(super) fn leave(&self) -> Image {
        let mut state = self.state.lock();
        state.faults = Faults::default();
        let image = &mut state.image;
        for data in image.files.values_mut() {
            data.take_from_memory();
        }
        let mut left = image.clone();
        image.free = u64::MAX / 2;
        for data in left.files.values_mut() {
            data.memory = None;
            data.is_locked = false;
        }
        let named: BTreeSet<Inode> = left
            .names
            .values()
            .chain(left.kept_names.values())
            .copied()
            .collect();
        let logged: BTreeSet<Inode> = left
            .log
            .iter()
            .filter_map(|renaming| match renaming {
                Renaming::Make(_, inode) => Some(*inode),
                _ => None,
            })
            .collect();
        left.files
            .retain(|inode, _| named.contains(inode) || logged.contains(inode));
        left
    }

    /// What goes wrong from now on.
    pub(crate) fn set_faults(&self, faults: Faults) {
        self.state.lock().faults = faults;
    }

    /// Leaves so many pages free.
    pub(crate) fn set_free(&self, pages: u64) {
        self.state.lock().image.free = pages;
    }

    /// What was done to it.
    pub(crate) fn counts(&self) -> Counts {
        self.state.lock().counts
    }

    /// The system writes some pages to the disk of its own accord.
    pub(crate) fn write_back(&self, mut is_chosen: impl FnMut() -> bool) {
        let mut state = self.state.lock();
        for data in state.image.files.values_mut() {
            if data.cut_to.is_some() {
                continue;
            }
            let dirty: Vec<u32> = data.dirty.iter().copied().collect();
            for index in dirty {
                if is_chosen() {
                    data.dirty.remove(&index);
                    data.kept.set_page(index, data.cache.page(index));
                    let end = (u64::from(index) + 1) * PAGE as u64;
                    let bytes = end.min(data.cache.bytes);
                    data.kept.bytes = data.kept.bytes.max(bytes);
                }
            }
        }
    }

    /// Notes a call; an error if it is to fail.
    pub(super) fn begin(&self, call: Call) -> io::Result<()> {
        let mut state = self.state.lock();
        state.counts.calls += 1;
        let failed = state.faults.fails(call);
        state.counts.faults += u64::from(failed.is_some());
        failed.map_or(Ok(()), Err)
    }

    /// How much of a write is written that is written in part.
    pub(super) fn shortened(&self, length: usize) -> Option<usize> {
        let mut state = self.state.lock();
        let short = state.faults.shortened(length);
        state.counts.faults += u64::from(short.is_some());
        short
    }

    pub(super) fn find(&self, path: &Path) -> io::Result<Inode> {
        self.state.lock().image.inode(path)
    }

    pub(super) fn make(&self, path: &Path) -> Inode {
        self.state.lock().image.make(path)
    }

    pub(super) fn remove(&self, path: &Path) -> io::Result<()> {
        let mut state = self.state.lock();
        state.image.inode(path)?;
        state.image.rename(Renaming::Remove(path.to_owned()));
        Ok(())
    }

    pub(super) fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut state = self.state.lock();
        state.image.inode(from)?;
        let renaming = Renaming::Move(from.to_owned(), to.to_owned());
        state.image.rename(renaming);
        Ok(())
    }

    /// The names in a directory.
    pub(super) fn list(&self, directory: &Path) -> Vec<OsString> {
        let state = self.state.lock();
        let inside = state.image.names.keys();
        let inside = inside.filter(|path| path.parent() == Some(directory));
        inside
            .filter_map(|path| Some(path.file_name()?.to_owned()))
            .collect()
    }

    pub(super) fn bytes(&self, inode: Inode) -> u64 {
        self.with(inode, |data| data.cache.bytes)
    }

    pub(super) fn read(&self, inode: Inode, at: u64, into: &mut [u8]) -> usize {
        self.with(inode, |data| {
            data.take_from_memory();
            data.cache.read(at, into)
        })
    }

    /// Writes as much as there is space for; tells how much that is.
    pub(super) fn write(&self, inode: Inode, at: u64, bytes: &[u8]) -> io::Result<usize> {
        let mut state = self.state.lock();
        let free = state.image.free;
        let data = state.image.files.entry(inode).or_default();
        let needed = pages_of(at + bytes.len() as u64).saturating_sub(data.allocated);
        let given = needed.min(free);
        data.allocated += given;
        let room = (data.allocated * PAGE as u64).saturating_sub(at);
        let length = bytes.len().min(usize::try_from(room).unwrap_or(usize::MAX));
        let dirty = &mut data.dirty;
        data.cache.write(at, &bytes[..length], |index| {
            dirty.insert(index);
        });
        state.image.free -= given;
        if length == 0 && !bytes.is_empty() {
            state.counts.faults += 1;
            return Err(no_space());
        }
        Ok(length)
    }

    pub(super) fn allocate(&self, inode: Inode, to: u64) -> io::Result<()> {
        let mut state = self.state.lock();
        let free = state.image.free;
        let data = state.image.files.entry(inode).or_default();
        let needed = pages_of(to).saturating_sub(data.allocated);
        if needed > free {
            state.counts.faults += 1;
            return Err(no_space());
        }
        data.allocated += needed;
        state.image.free -= needed;
        Ok(())
    }

    pub(super) fn set_bytes(&self, inode: Inode, bytes: u64) {
        let mut state = self.state.lock();
        let data = state.image.files.entry(inode).or_default();
        if bytes < data.cache.bytes || pages_of(bytes) < data.allocated {
            let freed = data.allocated.saturating_sub(pages_of(bytes));
            data.allocated -= freed;
            let keeps = |index: &u32| u64::from(*index) < pages_of(bytes);
            data.dirty.retain(keeps);
            if bytes < data.kept.bytes {
                data.cut_to = Some(data.cut_to.map_or(bytes, |cut| cut.min(bytes)));
            }
            if !bytes.is_multiple_of(PAGE as u64) && bytes < data.cache.bytes {
                data.dirty.insert(place(bytes).0);
            }
            data.cache.set_bytes(bytes);
            state.image.free += freed;
        } else {
            data.cache.set_bytes(bytes);
        }
    }

    /// Brings a file to the disk, and all names that were changed before.
    pub(super) fn sync(&self, inode: Inode) {
        let mut state = self.state.lock();
        state.image.files.entry(inode).or_default().sync();
        state.image.commit_names();
    }

    /// Takes a sync that has failed for one that has not: the cache counts as clean, and only what
    /// `is_chosen` is on the disk.
    pub(super) fn lose(&self, inode: Inode, mut is_chosen: impl FnMut() -> bool) {
        let mut state = self.state.lock();
        let data = state.image.files.entry(inode).or_default();
        data.take_from_memory();
        for index in std::mem::take(&mut data.dirty) {
            if data.cut_to.is_none() && is_chosen() {
                data.kept.set_page(index, data.cache.page(index));
                let end = (u64::from(index) + 1) * PAGE as u64;
                data.kept.bytes = data.kept.bytes.max(end.min(data.cache.bytes));
            }
        }
    }

    /// Brings all names to the disk.
    pub(super) fn sync_names(&self) {
        self.state.lock().image.commit_names();
    }

    /// Locks a file; tells whether nobody had.
    pub(super) fn lock(&self, inode: Inode) -> bool {
        self.with(inode, |data| !std::mem::replace(&mut data.is_locked, true))
    }

    pub(super) fn unlock(&self, inode: Inode) {
        self.with(inode, |data| data.is_locked = false);
    }

    /// Memory that has the bytes of a file from now on.
    pub(super) fn memory(&self, inode: Inode) -> io::Result<Arc<OwnedFd>> {
        use rustix::fs::{MemfdFlags, ftruncate, memfd_create};
        self.with(inode, |data| {
            let memory = memfd_create("quintlock-simulation", MemfdFlags::CLOEXEC)?;
            ftruncate(&memory, data.cache.bytes)?;
            for (index, page) in (0..).zip(&data.cache.pages) {
                if let Some(page) = page {
                    let at = index * PAGE as u64;
                    let length = data.cache.bytes.saturating_sub(at).min(PAGE as u64);
                    rustix::io::pwrite(&memory, &page[..length as usize], at)?;
                }
            }
            let memory = Arc::new(memory);
            data.memory = Some(Arc::clone(&memory));
            Ok(memory)
        })
    }

    fn with<R>(&self, inode: Inode, act: impl FnOnce(&mut Data) -> R) -> R {
        act(self.state.lock().image.files.entry(inode).or_default())
    }
}
