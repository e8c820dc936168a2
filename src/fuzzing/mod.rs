//! What a fuzzer may throw bytes at: an entry for each kind of input that comes from outside.
//!
//! The targets in `fuzz/` are a line each and call [`TARGETS`]; only they and tests are built with
//! this module. An entry panics where a promise is broken, so each one checks more than that the
//! server survives: two ways to read the same bytes agree, what is written is read back, a start
//! that succeeds can be repeated. The inputs that `fuzz/corpus` keeps run as a test.

mod commands;
mod configuration;
mod directory;
mod files;
mod replies;
mod requests;
mod scripts;

/// An entry: it takes any bytes.
pub type Entry = fn(&[u8]);

/// The entries by the names of their targets.
pub const TARGETS: &[(&str, Entry)] = &[
    ("commands", commands::commands),
    ("configuration", configuration::configuration),
    ("directory", directory::directory),
    ("horizon", files::horizon),
    ("journal", files::journal),
    ("manifest", files::manifest),
    ("replies", replies::replies),
    ("requests", requests::requests),
    ("ring", files::ring),
    ("script_data", scripts::data),
    ("scripts", scripts::native_and_lua),
    ("snapshot", files::snapshot),
];

/// Runs one entry.
///
/// # Panics
/// No entry has this name, or the bytes show a fault.
pub fn run(target: &str, bytes: &[u8]) {
    let known = TARGETS.iter().find(|(name, _)| *name == target);
    known.expect("the target has an entry").1(bytes);
}

/// Cuts what a fuzzer gives into choices and the rest; what is missing counts as 0.
struct Choices<'a> {
    bytes: &'a [u8],
}

impl<'a> Choices<'a> {
    fn new(bytes: &'a [u8]) -> Choices<'a> {
        Choices { bytes }
    }

    fn byte(&mut self) -> u8 {
        let Some((first, rest)) = self.bytes.split_first() else {
            return 0;
        };
        self.bytes = rest;
        *first
    }

    fn number(&mut self) -> u64 {
        u64::from_le_bytes(std::array::from_fn(|_| self.byte()))
    }

    fn take(&mut self, length: usize) -> &'a [u8] {
        let (taken, rest) = self.bytes.split_at(length.min(self.bytes.len()));
        self.bytes = rest;
        taken
    }
}

/// Gives its bytes in pieces of at most `step`, as a slow file does.
struct Slow<'a> {
    bytes: &'a [u8],
    step: usize,
}

impl std::io::Read for Slow<'_> {
    fn read(&mut self, space: &mut [u8]) -> std::io::Result<usize> {
        let length = self.step.min(space.len()).min(self.bytes.len());
        let (given, rest) = self.bytes.split_at(length);
        space[..length].copy_from_slice(given);
        self.bytes = rest;
        Ok(length)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::*;

    fn run_kept_inputs(target: &str) {
        let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus");
        let mut inputs = 0;
        for file in fs::read_dir(corpus.join(target)).expect("a folder for each target") {
            let bytes = fs::read(file.expect("a file").path()).expect("a readable file");
            run(target, &bytes);
            inputs += 1;
        }
        assert!(inputs > 0, "no input is kept for {target}");
    }

    /// A test for each target, and one that none is left out.
    macro_rules! kept_inputs {
        ($($target:ident)*) => {
            $(
                #[test]
                fn $target() {
                    run_kept_inputs(stringify!($target));
                }
            )*

            #[test]
            fn the_inputs_of_every_target_are_run() {
                let names: Vec<&str> = TARGETS.iter().map(|(name, _)| *name).collect();
                assert_eq!(names, [$(stringify!($target)),*]);
            }
        };
    }

    kept_inputs! {
        commands configuration directory horizon journal manifest replies requests ring script_data
        scripts snapshot
    }
}
