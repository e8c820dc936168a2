//! Does mutual exclusion hold under faults? `quintlock torture` asks it of any lock service that
//! speaks RESP, from outside.
//!
//! Clients take locks by Redlock's rules through proxies, a schedule that a seed decides hits the
//! instances with faults, and a pure function judges what the clients saw, by one monotonic clock.
//! Nothing here prints, and nothing of the server is used: it may be any.
//!
//! - `schedule`, `random`: which fault hits whom when. `inject`: carrying it out.
//! - `fleet`, `instance`, `wall`: processes and their wall clocks. `proxy`: the way to them.
//! - `client`, `voter`: taking, holding and releasing. `history`: the verdict.
//! - `report`, `picture`: what is shown.

mod client;
mod fleet;
mod history;
mod inject;
mod instance;
mod options;
mod picture;
mod proxy;
pub(crate) mod random;
mod report;
mod run;
mod schedule;
mod voter;
mod wait;
mod wall;

pub use client::Tally;
pub use history::{End, Hold, Verdict, Violation, judge};
pub use inject::Injected;
pub use options::{Options, Release, Service};
pub use run::{Progress, Report, run};
pub use schedule::{Cut, Fault, FaultKind, Planned, plan};

use picture::Scene;

impl Report {
    /// A timeline of the first violation, as SVG; `None` if there is none.
    pub fn picture(&self) -> Option<String> {
        let scene = Scene {
            violation: self.verdict.violations.first()?,
            history: &self.history,
            injected: &self.injected,
            instances: self.options.service.instances(),
            ttl_ms: self.options.ttl_ms,
        };
        Some(scene.svg())
    }
}
