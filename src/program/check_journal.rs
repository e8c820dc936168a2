//! `quintlock check-journal`: tells what the append-only files hold, and mends them.
//!
//! What is found and done goes to standard output; the last line, on standard error and with exit
//! code 1, says that a server would not start.

use std::io::Write as _;

use crate::cli::{CheckJournalOptions, CliError, Repair};
use crate::durability::check::{Checked, Content, Place, Target, Verdict};
use crate::durability::left::Left;
use crate::durability::lock::DirectoryLock;
use crate::durability::mend::{self, Plan};
use crate::durability::reader::Ending;
use crate::error::JournalError;

/// Checks, and mends if it was asked to.
///
/// # Errors
/// Files that cannot be read, or that a server could not start from afterwards.
pub fn run(options: &CheckJournalOptions) -> Result<(), CliError> {
    let mut target = Target::of(&options.path)?;
    let _lock = lock(&target, options.repair)?;
    let left = target.left();
    if let Some(left) = &left {
        tell(&announce_left(left, options.repair));
        if options.repair == Repair::Cut {
            mend::settle(left)?;
        }
    }
    let files = check(&target, left.as_ref())?;
    tell(&files.iter().map(describe).collect::<String>());
    let plans = mend::plan(&target, &files);
    let left = match options.repair {
        Repair::Report => damaged(&files),
        Repair::Cut => {
            for plan in &plans {
                tell(&announce(plan));
                mend::carry_out(&mut target, plan)?;
            }
            if !plans.is_empty() {
                tell("Mended.\n");
            }
            damaged(&check(&Target::of(&options.path)?, None)?)
        }
    };
    match left {
        None => Ok(()),
        Some(file) => Err(CliError::DamagedJournal(verdict(&file, options.repair))),
    }
}

/// Keeps servers away. Only who changes files makes a lock file, and only where a manifest is.
fn lock(target: &Target, repair: Repair) -> Result<Option<DirectoryLock>, JournalError> {
    match (target, repair) {
        (Target::Listed { directory, .. }, Repair::Cut) => DirectoryLock::take(directory).map(Some),
        _ => DirectoryLock::take_if_present(target.directory()),
    }
}

fn check(target: &Target, left: Option<&Left>) -> Result<Vec<Checked>, JournalError> {
    let files = target.files().into_iter();
    files
        .map(|(path, place)| Checked::read(path, place, left))
        .collect()
}

/// The first file that a server cannot use.
fn damaged(files: &[Checked]) -> Option<Checked> {
    let mut damaged = files
        .iter()
        .filter(|file| file.verdict() == Verdict::Damaged);
    damaged.next().cloned()
}

fn describe(file: &Checked) -> String {
    let path = file.path.display();
    let Some(content) = &file.content else {
        return format!("{path}: missing\n");
    };
    let Content {
        bytes,
        keys,
        commands,
        ending,
    } = content;
    let holds = match keys {
        0 => format!("{commands} commands"),
        keys => format!("{keys} keys and {commands} commands"),
    };
    let end = match ending {
        Ending::Clean => return format!("{path}: ok, {holds}, {bytes} bytes\n"),
        Ending::Truncated { offset } => format!("truncated at offset {offset}"),
        Ending::Unused {
            offset,
            uncommitted_bytes: 0,
        } => format!("unused space from offset {offset} on, as a server leaves it that is killed"),
        Ending::Unused {
            offset,
            uncommitted_bytes,
        } => format!(
            "unused space from offset {offset} on, as a server leaves it that is killed, with \
             {uncommitted_bytes} bytes that were not yet valid"
        ),
        Ending::Damaged { offset, what } => format!("damaged at offset {offset}: {what}"),
    };
    let use_of_it = match (file.verdict(), file.place) {
        (Verdict::Damaged, Place::Before) => "a server does not start, for other files follow",
        (Verdict::Damaged, Place::Last) => "a server does not start",
        _ if matches!(ending, Ending::Truncated { .. }) => "a server takes it up to there",
        _ => "a server takes it, Redis only when --fix has cut it",
    };
    format!("{path}: {end}; {use_of_it} ({holds} before, {bytes} bytes in all)\n")
}

fn announce_left(left: &Left, repair: Repair) -> String {
    let (path, bytes) = (left.path.display(), left.records.len());
    let (in_ring, behind) = match repair {
        Repair::Report => (
            "a server takes them from there, Redis only when --fix has put them here",
            "a server leaves them out",
        ),
        Repair::Cut => ("put here", "cut"),
    };
    let mut text = String::new();
    if bytes > 0 {
        text +=
            &format!("{path}: {bytes} bytes of a killed server are still in its ring; {in_ring}\n");
    }
    // What was on its way from the ring to the file is in both.
    if left.written_behind > bytes as u64 {
        let (bytes, offset) = (left.written_behind, left.offset);
        text +=
            &format!("{path}: {bytes} bytes behind offset {offset} were not finished; {behind}\n");
    }
    text
}

fn announce(plan: &Plan) -> String {
    let path = plan.path.display();
    let Plan { offset, bytes, .. } = plan;
    let mut text = match &plan.copy {
        Some(copy) => format!(
            "{path}: cutting {bytes} bytes from offset {offset} on; they are kept in {}\n",
            copy.display()
        ),
        None => format!("{path}: cutting {bytes} bytes of unused space from offset {offset} on\n"),
    };
    for file in &plan.left_out {
        text += &format!(
            "{}: left out of the manifest, for it follows what is lost; the file stays\n",
            file.display()
        );
    }
    text
}

/// Why a server does not start, and what to do.
fn verdict(file: &Checked, repair: Repair) -> String {
    let path = file.path.display();
    match (file.cut(), repair) {
        (Some(_), Repair::Report) => {
            format!("{path} is damaged (--fix cuts it behind its last good record)")
        }
        _ => format!("{path} cannot be mended (put a copy of it in its place)"),
    }
}

fn tell(text: &str) {
    let mut out = std::io::stdout().lock();
    // A reader that has gone away does not stop the work.
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}
