//! Running one test in a process of its own.
//!
//! Threads, descriptors and memory are counted for a whole process, and the test binary runs its
//! tests side by side; what counts them must be alone.

use std::process::Command;

const MARK: &str = "QUINTLOCK_TEST_ALONE";

/// Runs `body` in a process that runs nothing else. `name` is the calling test's full name.
///
/// # Panics
/// If `body` panics there, or does not run at all.
pub(crate) fn alone(name: &str, body: impl FnOnce()) {
    if std::env::var_os(MARK).is_some() {
        body();
        return;
    }
    let program = std::env::current_exe().expect("the test binary's path");
    let output = Command::new(program)
        .args(["--exact", name, "--test-threads=1", "--nocapture"])
        .env(MARK, "1")
        // Else glibc learns from the first large block to keep the next ones, and what the
        // program gives back could not be seen.
        .env("MALLOC_MMAP_THRESHOLD_", "131072")
        .output()
        .expect("the test binary runs");
    let text = String::from_utf8_lossy(&output.stdout);
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{name} alone:\n{text}\n{told}");
    assert!(text.contains("1 passed"), "there is no test {name}: {text}");
}

/// How many threads this process has.
pub(crate) fn threads() -> usize {
    entries("/proc/self/task")
}

/// How many files and sockets this process has open.
pub(crate) fn descriptors() -> usize {
    entries("/proc/self/fd")
}

/// How much memory this process has in use, in bytes.
pub(crate) fn resident_bytes() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").expect("a process has a status");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<usize>().ok());
    kib.expect("the status names the memory in kB") * 1024
}

fn entries(directory: &str) -> usize {
    std::fs::read_dir(directory)
        .expect("Linux lists them")
        .count()
}
