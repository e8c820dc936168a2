//! What a run showed, as a table for people and as a line of JSON for programs.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::{Value, json};

use super::history::{End, Hold, Violation};
use super::options::{Release, Service};
use super::run::Report;
use super::schedule::FaultKind;

impl Report {
    /// What was examined, in a few words.
    fn target(&self) -> String {
        match &self.options.service {
            Service::Running(addresses) => {
                let addresses: Vec<String> = addresses.iter().map(ToString::to_string).collect();
                addresses.join(", ")
            }
            Service::Started {
                instances, command, ..
            } => format!("{instances} x `{}`", shown(command)),
        }
    }

    /// How many faults of each kind were done; those that were asked for and did not occur are 0.
    pub fn faults_by_kind(&self) -> BTreeMap<FaultKind, u64> {
        let asked = self.options.faults.iter().map(|kind| (*kind, 0));
        let mut counts: BTreeMap<FaultKind, u64> = asked.collect();
        for injected in &self.injected {
            *counts.entry(injected.fault.kind()).or_default() += 1;
        }
        counts
    }

    /// The result for people.
    pub fn table(&self) -> String {
        let options = &self.options;
        let mut text = format!(
            "torture of {}: {} clients, {} locks, TTL {} ms, {:.1} s, seed {}\n",
            self.target(),
            options.clients,
            options.locks,
            options.ttl_ms,
            seconds(self.length_ns),
            options.seed
        );
        let mut row = |name: &str, value: String, what: &str| {
            let line = format!("  {name:<22}{value:>10} {what}");
            let _ = writeln!(text, "{}", line.trim_end());
        };
        row("acquired", self.tally.acquired.to_string(), "locks");
        row("refused", self.tally.refused.to_string(), "held by another");
        for (reason, count) in &self.tally.failed {
            row("failed", count.to_string(), reason);
        }
        for (kind, count) in self.faults_by_kind() {
            row("faults", count.to_string(), kind.name());
        }
        let gap_s = format!("{:.3}", seconds(self.verdict.longest_gap_ns));
        row("longest without grant", gap_s, "s");
        row("lost locks", self.verdict.lost.len().to_string(), "");
        row("violations", self.verdict.violations.len().to_string(), "");
        for left_out in &self.left_out {
            let _ = writeln!(text, "  left out: {left_out}");
        }
        if let Some(first) = self.verdict.violations.first() {
            let _ = writeln!(text, "  first violation: {}", describe(first));
        }
        text
    }

    /// The result for programs: one line.
    pub fn json(&self) -> String {
        let options = &self.options;
        let faults: BTreeMap<&str, u64> = self
            .faults_by_kind()
            .into_iter()
            .map(|(kind, count)| (kind.name(), count))
            .collect();
        let schedule = self.plan.iter().map(|planned| {
            json!({
                "fault": planned.fault.describe(),
                "instances": numbered(&planned.instances),
                "from_ms": planned.from_ms,
                "until_ms": planned.until_ms,
            })
        });
        let injected = self.injected.iter().map(|injected| {
            json!({
                "fault": injected.fault.describe(),
                "instances": numbered(&injected.instances),
                "from_s": seconds(injected.from_ns),
                "until_s": seconds(injected.until_ns),
            })
        });
        let violations = self.verdict.violations.iter().map(|violation| {
            let (from_ns, until_ns) = violation.overlap_ns();
            json!({
                "lock": violation.first.lock,
                "from_s": seconds(from_ns),
                "until_s": seconds(until_ns),
                "first": holder(&violation.first),
                "second": holder(&violation.second),
            })
        });
        let report = json!({
            "target": self.target(),
            "instances": options.service.instances(),
            "clients": options.clients,
            "locks": options.locks,
            "ttl_ms": options.ttl_ms,
            "release": match options.release {
                Release::Script => "script",
                Release::Delex => "delex",
            },
            "seed": options.seed,
            "seconds": seconds(self.length_ns),
            "acquired": self.tally.acquired,
            "refused": self.tally.refused,
            "failed": self.tally.failed,
            "faults": faults,
            "left_out": self.left_out,
            "longest_without_grant_s": seconds(self.verdict.longest_gap_ns),
            "lost_locks": self.verdict.lost.iter().map(holder).collect::<Vec<_>>(),
            "violations": violations.collect::<Vec<_>>(),
            "schedule": schedule.collect::<Vec<_>>(),
            "injected": injected.collect::<Vec<_>>(),
        });
        report.to_string()
    }

    /// What went against mutual exclusion, if anything did: one line.
    pub fn fault(&self) -> Option<String> {
        let violations = &self.verdict.violations;
        let first = violations.first()?;
        let text = format!(
            "mutual exclusion was violated {} times; first {}",
            violations.len(),
            describe(first)
        );
        Some(text)
    }
}

/// A command as it would be typed.
fn shown(command: &[String]) -> String {
    let words = command.iter().map(|word| {
        if word.is_empty() || word.contains(char::is_whitespace) {
            format!("'{word}'")
        } else {
            word.clone()
        }
    });
    words.collect::<Vec<_>>().join(" ")
}

fn numbered(instances: &[usize]) -> Vec<usize> {
    instances.iter().map(|instance| instance + 1).collect()
}

fn holder(hold: &Hold) -> Value {
    json!({
        "client": hold.client + 1,
        "lock": hold.lock,
        "attempt": hold.attempt,
        "from_s": seconds(hold.from_ns),
        "until_s": seconds(hold.until_ns),
        "ended": match hold.end {
            End::Released => "released",
            End::RanOut => "ran out",
        },
        "lost_s": hold.lost_ns.map(seconds),
    })
}

fn describe(violation: &Violation) -> String {
    let (from_ns, until_ns) = violation.overlap_ns();
    format!(
        "lock {} by client {} since {:.3} s and by client {} since {:.3} s, together for {:.3} s",
        violation.first.lock,
        violation.first.client + 1,
        seconds(violation.first.from_ns),
        violation.second.client + 1,
        seconds(violation.second.from_ns),
        seconds(until_ns - from_ns)
    )
}

/// Nanoseconds as seconds, to the microsecond.
fn seconds(ns: u64) -> f64 {
    (ns / 1000) as f64 / 1e6
}
