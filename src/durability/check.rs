//! What the files of an append-only directory hold, and where each ends.
//!
//! Nothing is changed here. A file behind which another one follows must end clean: a record that
//! is cut off there is damage, for what follows was written after it.

use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};

use super::disk::{self, File};
use super::file::{AppendOnlyFile, Entry};
use super::left::Left;
use super::manifest::{Manifest, file_name};
use super::reader::Ending;
use crate::clock;
use crate::error::{Damage, JournalError};

/// What is to be checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// The files of a manifest.
    Listed {
        /// The directory of the manifest and of its files.
        directory: PathBuf,
        /// What the files are called (`appendfilename`).
        stem: String,
        /// Which files there are.
        manifest: Manifest,
    },
    /// One file, of which it is not known what follows it.
    Alone(PathBuf),
}

/// Where a file stands among those that are loaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// Others follow.
    Before,
    /// None follows, or it is alone.
    Last,
}

/// What one file holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checked {
    /// The file.
    pub path: PathBuf,
    /// Whether others follow.
    pub place: Place,
    /// What is in it; `None` if there is no such file.
    pub content: Option<Content>,
}

/// What was read of one file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Content {
    /// Its length.
    pub bytes: u64,
    /// How many keys its snapshot has.
    pub keys: u64,
    /// How many requests can be applied; those of transactions count, MULTI and EXEC do not.
    pub commands: u64,
    /// How it ends.
    pub ending: Ending,
}

/// Whether a server can use a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// As it is, and Redis too.
    Fine,
    /// As it is; its end says nothing, and cutting it loses nothing that counts.
    Tail,
    /// Not before it is mended.
    Damaged,
}

impl Target {
    /// Finds out what `path` names: a directory, a manifest, or one file.
    ///
    /// # Errors
    /// No manifest or several, or what is wrong with it.
    pub fn of(path: &Path) -> Result<Target, JournalError> {
        let metadata =
            disk::metadata(path).map_err(|error| JournalError::system("read", path, &error))?;
        if metadata.is_dir() {
            let stem = only_stem(path)?;
            return Target::listed(path, stem);
        }
        match path.file_name().and_then(stem_of) {
            Some(stem) => Target::listed(directory_of(path), stem.to_owned()),
            None => Ok(Target::Alone(path.to_owned())),
        }
    }

    fn listed(directory: &Path, stem: String) -> Result<Target, JournalError> {
        let manifest = Manifest::read(directory, &stem)?;
        let manifest = manifest.ok_or_else(|| JournalError::NoManifest {
            path: directory.display().to_string(),
        })?;
        Ok(Target::Listed {
            directory: directory.to_owned(),
            stem,
            manifest,
        })
    }

    /// The directory whose lock keeps a server away.
    pub fn directory(&self) -> &Path {
        match self {
            Target::Listed { directory, .. } => directory,
            Target::Alone(path) => directory_of(path),
        }
    }

    /// What a killed server has left in its ring; `None` if a start would not use it.
    pub fn left(&self) -> Option<Left> {
        let Target::Listed {
            directory,
            manifest,
            ..
        } = self
        else {
            return None;
        };
        Left::read(directory, manifest, &clock::boot_id()?)
    }

    /// The files, in the order in which they are loaded.
    pub fn files(&self) -> Vec<(PathBuf, Place)> {
        let mut files: Vec<_> = match self {
            Target::Listed {
                directory,
                manifest,
                ..
            } => {
                let paths = manifest.parts().map(|part| part.path(directory));
                paths.map(|path| (path, Place::Before)).collect()
            }
            Target::Alone(path) => vec![(path.clone(), Place::Before)],
        };
        if let Some((_, place)) = files.last_mut() {
            *place = Place::Last;
        }
        files
    }
}

impl Checked {
    /// Reads a file to its end, with what is `left` of it in a ring.
    ///
    /// # Errors
    /// What the system says, but for a file that is not there.
    pub fn read(path: PathBuf, place: Place, left: Option<&Left>) -> Result<Checked, JournalError> {
        let content = match left.filter(|left| left.path == path) {
            Some(left) => left.over_file().and_then(|source| read(source, left.end())),
            None => File::open(&path).and_then(|file| {
                let bytes = file.metadata()?.len();
                read(file, bytes)
            }),
        };
        let content = match content {
            Ok(content) => Some(content),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(JournalError::system("read", &path, &error)),
        };
        Ok(Checked {
            path,
            place,
            content,
        })
    }

    /// Whether a server can use the file where it stands.
    pub fn verdict(&self) -> Verdict {
        let Some(content) = &self.content else {
            return Verdict::Damaged;
        };
        match (&content.ending, self.place) {
            (Ending::Clean, _) => Verdict::Fine,
            // What begins with unused space was never written, or was lost as a whole.
            (Ending::Unused { offset: 0, .. }, Place::Before) => Verdict::Damaged,
            (
                Ending::Unused {
                    uncommitted_bytes: 0,
                    ..
                },
                _,
            )
            | (Ending::Unused { .. } | Ending::Truncated { .. }, Place::Last) => Verdict::Tail,
            _ => Verdict::Damaged,
        }
    }

    /// Where the file can be cut so that it ends clean; `None` if it does, or cannot.
    pub fn cut(&self) -> Option<u64> {
        match (&self.content.as_ref()?.ending, self.place) {
            (
                Ending::Damaged {
                    what: Damage::Snapshot(_),
                    ..
                },
                _,
            )
            | (Ending::Unused { offset: 0, .. }, Place::Before) => None,
            (ending, _) => ending.offset(),
        }
    }
}

fn read(source: impl io::Read, bytes: u64) -> io::Result<Content> {
    let (mut keys, mut commands) = (0, 0);
    let mut file = AppendOnlyFile::open(source)?;
    let ending = loop {
        match file.read()? {
            Entry::Key(_) => keys += 1,
            Entry::Request(_) => commands += 1,
            Entry::Annotation { .. } => {}
            Entry::End(ending) => break ending,
        }
    };
    Ok(Content {
        bytes,
        keys,
        commands,
        ending,
    })
}

/// The directory that a file is in.
fn directory_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// The stem of the only manifest in `directory`.
fn only_stem(directory: &Path) -> Result<String, JournalError> {
    let system = |error: io::Error| JournalError::system("read", directory, &error);
    let mut stems = Vec::new();
    for entry in disk::read_dir(directory).map_err(system)? {
        let name = entry.map_err(system)?.file_name();
        stems.extend(stem_of(&name).map(str::to_owned));
    }
    let path = directory.display().to_string();
    match (stems.pop(), stems.is_empty()) {
        (None, _) => Err(JournalError::NoManifest { path }),
        (Some(stem), true) => Ok(stem),
        (Some(_), false) => Err(JournalError::Manifests { path }),
    }
}

/// `appendonly.aof` of `appendonly.aof.manifest`. A manifest that was about to replace another one
/// is none.
fn stem_of(name: &OsStr) -> Option<&str> {
    let stem = name.to_str()?.strip_suffix(".manifest")?;
    let is_manifest = !stem.starts_with("temp-") && name == file_name(stem).as_str();
    is_manifest.then_some(stem)
}
