//! The `quintlock` program: one server, or five for Redlock.

use std::process;

use quintlock::cli::{self, CliError, ExitCode, Invocation};
use quintlock::program;

fn main() -> process::ExitCode {
    let code = match run() {
        Ok(()) => ExitCode::Success,
        Err(error) => error.report(),
    };
    code.into()
}

fn run() -> Result<(), CliError> {
    match cli::parse(std::env::args_os(), &mut std::io::stdin())? {
        Invocation::Server(options) => program::serve(*options),
        Invocation::Cluster(options) => program::serve_cluster(options),
        Invocation::Bench(options) => program::run_bench(&options),
        Invocation::Torture(options) => program::run_torture(&options),
        Invocation::CheckJournal(options) => program::check_journal(&options),
        Invocation::Fault(options) => program::run_fault(&options),
        Invocation::Explain(options) => program::explain(&options),
        Invocation::Check(options) => {
            program::check(&options);
            Ok(())
        }
        Invocation::Print(text) => {
            print!("{text}");
            Ok(())
        }
    }
}
