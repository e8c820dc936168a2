//! A deterministic simulation of servers: the whole of a server runs over a simulated disk, clock and
//! scheduler, and a seed decides all that happens.
//!
//! [`world`] is the scheduler and the time, [`machine`] a computer with its clocks, [`disk`] what is
//! on its disk and what is left of that after a crash, [`faults`] what fails. By [`file`] and
//! [`sync`] the code of the server reaches them, in the place of the names in `durability/disk.rs`
//! and `sync.rs`; [`executor`] and [`socket`] take the place of the runtime and the network.

mod check;
mod client;
mod crash;
pub(crate) mod disk;
pub(crate) mod executor;
pub(crate) mod faults;
pub(crate) mod file;
pub(crate) mod hash;
pub(crate) mod host;
mod lease;
pub(crate) mod machine;
mod model;
mod redlock;
mod seed;
pub(crate) mod socket;
pub(crate) mod sync;
mod workload;
pub(crate) mod world;

/// Where every simulated server has its files: its `dir` is the root, which is there on any machine.
pub(crate) const DIRECTORY: &str = "/appendonlydir";

/// How many seeds of each harness are run by every `cargo test`.
const SEEDS: u64 = 20;

/// A number from the environment.
fn number(name: &str, default: u64) -> u64 {
    let text = std::env::var(name).ok();
    text.and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// Runs the seeds that the environment names, and prints those that fail with the command that runs
/// them again. Without `QUINTLOCK_SIM_ALL` the first one that fails is the last one.
fn run_seeds<F: Default + std::fmt::Debug>(
    harness: &str,
    run: impl Fn(u64, bool) -> Result<F, String> + std::panic::RefUnwindSafe,
    add: impl Fn(&mut F, F),
) {
    let first = number("QUINTLOCK_SIM_FROM", 1);
    let count = number("QUINTLOCK_SIM_SEEDS", SEEDS);
    let is_traced = std::env::var_os("QUINTLOCK_SIM_TRACE").is_some();
    let goes_on = std::env::var_os("QUINTLOCK_SIM_ALL").is_some();
    let mut figures = F::default();
    let mut failed = Vec::new();
    for seed in first..first + count {
        let result = std::panic::catch_unwind(|| run(seed, is_traced));
        match result.unwrap_or_else(|_| Err("it panicked".to_owned())) {
            Ok(more) => add(&mut figures, more),
            Err(fault) => {
                println!("seed {seed}: {fault}");
                println!(
                    "to run it again: scripts/simulate --harness {harness} --from {seed} --seeds 1 --trace"
                );
                failed.push(seed);
                if !goes_on {
                    break;
                }
            }
        }
    }
    println!("{figures:?}");
    assert!(failed.is_empty(), "seeds {failed:?} fail");
}

#[test]
fn a_seed_decides_all_that_happens() {
    for seed in 1..4 {
        let digest = || seed::run(seed, false).map(|figures| figures.digest);
        assert_eq!(digest(), digest());
    }
}

#[test]
#[ignore = "some seeds still find faults"]
fn every_seed_keeps_what_its_replies_have_promised() {
    run_seeds("server", seed::run, seed::Figures::add);
}

#[test]
#[ignore = "some seeds still find faults"]
fn no_seed_lets_two_clients_of_redlock_hold_one_lock() {
    run_seeds("redlock", redlock::run, redlock::Figures::add);
}
