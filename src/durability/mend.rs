//! Makes append-only files usable: cuts what is behind the last good record.
//!
//! Nothing is thrown away: what is cut is kept in a file beside, unless it is space that was never
//! used, and files that cannot be used without it stay where they are. The order of the steps is
//! such that a crash between two of them leaves damage that is found again.

use std::ffi::OsStr;
use std::io::{self, ErrorKind, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

use super::check::{Checked, Place, Target, Verdict};
use super::disk::{self, File, OpenOptions};
use super::left::Left;
use super::manifest::sync_directory;
use super::reader::Ending;
use crate::error::JournalError;

/// The most files that keep what was cut of one file.
const COPIES_MAX: u32 = 1000;

/// Writes to its file what is left in a ring. The caller holds the lock of the directory.
///
/// # Errors
/// What the system says.
pub fn settle(left: &Left) -> Result<(), JournalError> {
    left.settle()
        .map_err(|error| JournalError::system("write", &left.path, &error))
}

/// What is to be done about one file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// The file.
    pub path: PathBuf,
    /// Where it is cut.
    pub offset: u64,
    /// How much is behind.
    pub bytes: u64,
    /// Where this is kept; `None` if it is unused space.
    pub copy: Option<PathBuf>,
    /// Files that are taken from the manifest, for they follow what is lost.
    pub left_out: Vec<PathBuf>,
}

/// What mends `files`, which were read from `target`: nothing for those that are fine and for
/// those that nothing can mend. Behind a file that loses something, no other one counts.
pub fn plan(target: &Target, files: &[Checked]) -> Vec<Plan> {
    let mut plans = Vec::new();
    for (index, file) in files.iter().enumerate() {
        let (Some(offset), Some(content)) = (file.cut(), &file.content) else {
            continue;
        };
        let is_empty = matches!(
            content.ending,
            Ending::Unused {
                uncommitted_bytes: 0,
                ..
            }
        );
        let follows = file.place == Place::Before && file.verdict() == Verdict::Damaged;
        let left_out = match target {
            Target::Listed { .. } if follows => &files[index + 1..],
            _ => &[],
        };
        plans.push(Plan {
            path: file.path.clone(),
            offset,
            bytes: content.bytes.saturating_sub(offset),
            copy: (!is_empty).then(|| copy_path(&file.path)),
            left_out: left_out.iter().map(|file| file.path.clone()).collect(),
        });
        if follows {
            break;
        }
    }
    plans
}

/// Does what `plan` says. The caller holds the lock of the directory.
///
/// # Errors
/// What the system says. What was not done can be done again.
pub fn carry_out(target: &mut Target, plan: &Plan) -> Result<(), JournalError> {
    let path = &plan.path;
    if let Some(copy) = &plan.copy {
        keep(path, plan.offset, copy)
            .map_err(|error| JournalError::system("write", copy, &error))?;
    }
    if let Target::Listed {
        directory,
        stem,
        manifest,
    } = target
        && !plan.left_out.is_empty()
    {
        manifest.take_increments_behind(path.file_name().unwrap_or_default());
        manifest.write(directory, stem)?;
    }
    cut(path, plan.offset).map_err(|error| JournalError::system("cut", path, &error))
}

/// A name beside `path` that no file has.
fn copy_path(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or(OsStr::new("journal"));
    let with = |ending: String| {
        let mut name = name.to_owned();
        name.push(ending);
        path.with_file_name(name)
    };
    let first = with(".damaged".to_owned());
    let others = (1..COPIES_MAX).map(|number| with(format!(".damaged.{number}")));
    let mut all = std::iter::once(first.clone()).chain(others);
    all.find(|path| !disk::exists(path)).unwrap_or(first)
}

/// Copies all from `offset` on; an older copy is never written over.
fn keep(path: &Path, offset: u64, copy: &Path) -> io::Result<()> {
    let mut source = File::open(path)?;
    source.seek(SeekFrom::Start(offset))?;
    let mut kept = OpenOptions::new().write(true).create_new(true).open(copy)?;
    io::copy(&mut source, &mut kept)?;
    kept.sync_all()?;
    match copy.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => sync_directory(parent),
        _ => sync_directory(Path::new(".")),
    }
}

fn cut(path: &Path, offset: u64) -> io::Result<()> {
    let file = OpenOptions::new().write(true).open(path)?;
    if file.metadata()?.len() < offset {
        return Err(io::Error::from(ErrorKind::UnexpectedEof));
    }
    file.set_len(offset)?;
    file.sync_all()
}
