//! Which files there are when a server starts, and what Redis before version 7 has left.
//!
//! That had one file, `appendonly.aof` in `dir`. As Redis 7 does, it is moved into the append-only
//! directory and becomes the base. The manifest that names it is written first: a crash in between
//! leaves the file where the next start finds it.

use std::io;
use std::path::{Path, PathBuf};

use super::disk;
use super::manifest::{Manifest, sync_directory};
use crate::error::{JournalError, RestoreError};

/// Reads the manifest of `directory`, or makes the first one.
///
/// # Errors
/// It is damaged, is missing beside files that it should name, or the system denies something.
pub(super) fn manifest(directory: &Path, stem: &str) -> Result<Manifest, RestoreError> {
    let unusable = |fault: JournalError| RestoreError::Files {
        directory: directory.to_owned(),
        fault,
    };
    let old = directory.parent().unwrap_or(Path::new(".")).join(stem);
    let manifest = match Manifest::read(directory, stem).map_err(unusable)? {
        Some(manifest) if manifest == Manifest::of_one_file(stem) => manifest,
        Some(manifest) => return Ok(manifest),
        None => {
            let listed = unlisted(directory, stem)
                .map_err(|error| RestoreError::system("list", directory, &error))?;
            if let Some(path) = listed {
                return Err(RestoreError::Unlisted {
                    path,
                    manifest: super::manifest::file_name(stem),
                });
            }
            if !disk::is_file(&old) {
                return Ok(Manifest::default());
            }
            let manifest = Manifest::of_one_file(stem);
            manifest.write(directory, stem).map_err(unusable)?;
            manifest
        }
    };
    let new = directory.join(stem);
    if !disk::exists(&new) && disk::is_file(&old) {
        move_synced(&old, &new).map_err(|error| RestoreError::system("move", &old, &error))?;
        tracing::info!(
            "{} is the file of a Redis before version 7, it is {} now",
            old.display(),
            new.display()
        );
    }
    Ok(manifest)
}

fn move_synced(old: &Path, new: &Path) -> io::Result<()> {
    disk::rename(old, new)?;
    let parents = [new.parent(), old.parent()];
    parents.into_iter().flatten().try_for_each(sync_directory)
}

/// A file with keys: without a manifest nobody knows whether it counts, and it would be written
/// over. An empty one is what a first start leaves that was interrupted: the manifest names the
/// first increment only once it is there.
fn unlisted(directory: &Path, stem: &str) -> io::Result<Option<PathBuf>> {
    let mut found = Vec::new();
    for entry in disk::read_dir(directory)? {
        let entry = entry?;
        let is_numbered = is_numbered(&entry.file_name().to_string_lossy(), stem);
        if is_numbered && disk::metadata(entry.path())?.len() > 0 {
            found.push(entry.path());
        }
    }
    found.sort();
    Ok(found.into_iter().next())
}

/// Whether a name is that of a base or an increment.
fn is_numbered(name: &str, stem: &str) -> bool {
    let rest = name
        .strip_prefix(stem)
        .and_then(|rest| rest.strip_prefix('.'));
    let Some((number, kind)) = rest.and_then(|rest| rest.split_once('.')) else {
        return false;
    };
    number.parse::<u64>().is_ok() && matches!(kind, "incr.aof" | "base.aof" | "base.rdb")
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    const STEM: &str = "appendonly.aof";

    #[test]
    fn only_names_of_bases_and_increments_are_numbered() {
        for name in ["appendonly.aof.1.incr.aof", "appendonly.aof.12.base.rdb"] {
            assert!(is_numbered(name, STEM), "{name}");
        }
        for name in [
            "appendonly.aof",
            "appendonly.aof.manifest",
            "appendonly.aof.1.incr.aof.damaged",
            "appendonly.aof.x.incr.aof",
            "other.aof.1.incr.aof",
        ] {
            assert!(!is_numbered(name, STEM), "{name}");
        }
    }

    #[test]
    fn a_first_start_that_was_interrupted_leaves_nothing_in_the_way_of_the_next() {
        let dir = tempfile::tempdir().unwrap();
        let directory = dir.path().join("appendonlydir");
        fs::create_dir(&directory).unwrap();
        let first = directory.join("appendonly.aof.1.incr.aof");
        fs::write(&first, "").unwrap();
        assert_eq!(manifest(&directory, STEM).unwrap(), Manifest::default());
        fs::write(&first, "*1\r\n$4\r\nPING\r\n").unwrap();
        let refused = manifest(&directory, STEM).unwrap_err();
        assert!(matches!(refused, RestoreError::Unlisted { path, .. } if path == first));
    }

    #[test]
    fn a_move_that_was_interrupted_is_ended() {
        let dir = tempfile::tempdir().unwrap();
        let directory = dir.path().join("appendonlydir");
        fs::create_dir(&directory).unwrap();
        fs::write(dir.path().join(STEM), "").unwrap();
        Manifest::of_one_file(STEM).write(&directory, STEM).unwrap();
        let manifest = manifest(&directory, STEM).unwrap();
        assert_eq!(manifest, Manifest::of_one_file(STEM));
        assert!(directory.join(STEM).is_file());
        assert!(!dir.path().join(STEM).exists());
    }

    #[test]
    fn a_lone_file_beside_a_directory_that_is_used_stays() {
        let dir = tempfile::tempdir().unwrap();
        let directory = dir.path().join("appendonlydir");
        fs::create_dir(&directory).unwrap();
        fs::write(dir.path().join(STEM), "").unwrap();
        let mut used = Manifest::default();
        used.add_increment(STEM);
        used.write(&directory, STEM).unwrap();
        assert_eq!(manifest(&directory, STEM).unwrap(), used);
        assert!(dir.path().join(STEM).exists());
    }
}
