//! The arguments of `quintlock check-journal`.

use std::path::PathBuf;

use clap::{ArgAction, Args};

/// Which files are checked, and whether they are changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckJournalOptions {
    /// A directory of append-only files, its manifest, or one file.
    pub path: PathBuf,
    /// What is done about damage.
    pub repair: Repair,
}

/// What is done about damage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Repair {
    /// It is told.
    Report,
    /// Files are cut where it begins.
    Cut,
}

/// Check the append-only files that a server starts from, and mend them
///
/// For each file: what it holds, and whether it ends as it should. A server takes a
/// last file that ends inside of a record or in space that was not used, as a kill or
/// a power cut leaves it. Any other damage keeps it from starting: exit code 1.
///
/// With --fix a file is cut behind its last good record. What is lost is told before,
/// and kept beside the file as NAME.damaged. Files that follow one that was damaged
/// cannot be used without it: they are taken from the manifest and stay where they
/// are. Snapshots (RDB) cannot be mended. The server must not run meanwhile.
///
/// Redis's and Valkey's files are checked as well as Quintlock's own.
#[derive(Args)]
#[command(verbatim_doc_comment)]
pub(super) struct CheckJournalWords {
    /// Cut files behind their last good record
    #[arg(long, action = ArgAction::SetTrue)]
    fix: bool,
    /// The directory (appenddirname), its manifest, or one file
    path: PathBuf,
}

impl CheckJournalWords {
    pub(super) fn into_options(self) -> CheckJournalOptions {
        CheckJournalOptions {
            path: self.path,
            repair: if self.fix {
                Repair::Cut
            } else {
                Repair::Report
            },
        }
    }
}
