//! Scripts and what Redis 7.0.15 answers to them, replayed on a [`Vm`]; and what cannot be
//! recorded: limits, kills, the cache.

mod keyspace;
mod limits;
mod original;
mod transcript;

use self::keyspace::Keyspace;
use super::{Pulse, Vm, VmLimits};
use crate::resp::reply::Reply;

fn vm() -> Vm {
    Vm::new(VmLimits::default()).unwrap()
}

fn run(vm: &Vm, body: &str) -> Reply {
    run_with(vm, body, &[])
}

fn run_with(vm: &Vm, body: &str, argv: &[&[u8]]) -> Reply {
    let sha1 = sha1_smol::Sha1::from(body).digest().to_string();
    vm.run(
        &sha1,
        body.as_bytes(),
        &[],
        argv,
        &mut Keyspace::default(),
        &|| Pulse::Continue,
    )
}

fn error_text(reply: &Reply) -> String {
    match reply {
        Reply::Error(line) => String::from_utf8_lossy(line).into_owned(),
        other => panic!("not an error: {other:?}"),
    }
}
