//! The lock cycle as a load, for any server that speaks RESP: `quintlock bench`.
//!
//! The generator must not be the limit of what it measures. So requests are templates in which
//! only digits change, a batch is one write and one read, and right replies are known by a
//! comparison of bytes. Nothing here prints, and nothing of the server is used: it may be any.
//!
//! - `workload`: what is sent. `template`, `keys`: its bytes.
//! - `pass`, `schedule`: the loop of a thread, a rate. `drive`, `lane`: batches on a connection.
//! - `vote`: Redlock's majority.
//! - `verify`, `reply`, `measure`: judging replies, and counting.
//! - `stage`, `link`: preparations on the server, and connections to it.

mod drive;
mod keys;
mod lane;
mod link;
mod measure;
mod options;
mod pass;
mod process;
pub(crate) mod reply;
pub(crate) mod request;
mod run;
mod schedule;
mod stage;
mod template;
mod verify;
mod vote;
mod workload;

pub use link::Target;
pub use measure::{Latency, Report, Votes};
pub use options::{Length, Options, REDLOCK_ADDRESSES};
pub use run::{Progress, run};
pub use verify::WrongReplies;
pub use workload::Workload;
