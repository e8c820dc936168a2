//! The first violation as a timeline: an SVG with a row for each client and for each instance.
//!
//! A pure function of what happened. The ground is transparent and every colour is of middle
//! brightness, so that the picture can be read on a white page and on a black one.

use std::fmt::Write as _;

use super::history::{Hold, Violation};
use super::inject::Injected;

const WIDTH: f64 = 960.0;
const LABEL_WIDTH: f64 = 110.0;
const MARGIN: f64 = 16.0;
const TOP: f64 = 70.0;
const ROW_HEIGHT: f64 = 22.0;
const BAR_HEIGHT: f64 = 14.0;
/// A fault without a length is drawn with this many pixels.
const LEAST_WIDTH: f64 = 3.0;
/// Marks on the axis.
const TICKS: u32 = 6;

const TEXT: &str = "#6e7781";
const STRONG_TEXT: &str = "#768390";
const RULE: &str = "#8b949e";
const HOLD: &str = "#2f81f7";
const VIOLATION: &str = "#e5534b";
const FAULT: &str = "#d2762d";

/// What is drawn.
pub(super) struct Scene<'a> {
    pub(super) violation: &'a Violation,
    pub(super) history: &'a [Hold],
    pub(super) injected: &'a [Injected],
    pub(super) instances: usize,
    pub(super) ttl_ms: u64,
}

/// From when to when, in nanoseconds, and where that is on the page.
#[derive(Clone, Copy)]
struct Scale {
    from_ns: u64,
    until_ns: u64,
}

impl Scale {
    fn x(self, at_ns: u64) -> f64 {
        let at_ns = at_ns.clamp(self.from_ns, self.until_ns);
        let share = (at_ns - self.from_ns) as f64 / (self.until_ns - self.from_ns) as f64;
        LABEL_WIDTH + share * (WIDTH - LABEL_WIDTH - MARGIN)
    }

    fn shows(self, from_ns: u64, until_ns: u64) -> bool {
        from_ns <= self.until_ns && until_ns >= self.from_ns
    }
}

impl Scene<'_> {
    /// The page. Shown is the time around the violation, a time to live before and half of one behind.
    pub(super) fn svg(&self) -> String {
        let (first, second) = (&self.violation.first, &self.violation.second);
        let ttl_ns = self.ttl_ms.max(1) * 1_000_000;
        let scale = Scale {
            from_ns: first.from_ns.saturating_sub(ttl_ns),
            until_ns: first.until_ns.max(second.until_ns) + ttl_ns / 2,
        };
        let holds: Vec<&Hold> = self
            .history
            .iter()
            .filter(|hold| hold.lock == first.lock && scale.shows(hold.from_ns, hold.until_ns))
            .collect();
        let mut clients: Vec<usize> = holds.iter().map(|hold| hold.client).collect();
        clients.sort_unstable();
        clients.dedup();
        let rows = clients.len() + self.instances;
        let bottom = TOP + rows as f64 * ROW_HEIGHT + 10.0;
        let mut page = head(first.lock, bottom + 30.0);
        self.push_overlap(&mut page, scale, bottom);
        for (row, client) in clients.iter().enumerate() {
            let y = TOP + row as f64 * ROW_HEIGHT;
            push_label(&mut page, y, &format!("client {}", client + 1));
            for hold in holds.iter().filter(|hold| hold.client == *client) {
                push_hold(&mut page, scale, y, hold, self.violation);
            }
        }
        for instance in 0..self.instances {
            let y = TOP + (clients.len() + instance) as f64 * ROW_HEIGHT + 10.0;
            push_label(&mut page, y, &format!("instance {}", instance + 1));
            let hits = self.injected.iter().filter(|injected| {
                injected.instances.contains(&instance)
                    && scale.shows(injected.from_ns, injected.until_ns)
            });
            hits.for_each(|injected| push_fault(&mut page, scale, y, injected));
        }
        push_axis(&mut page, scale, bottom);
        page + "</svg>\n"
    }

    fn push_overlap(&self, page: &mut String, scale: Scale, bottom: f64) {
        let (from_ns, until_ns) = self.violation.overlap_ns();
        let (x, end) = (scale.x(from_ns), scale.x(until_ns));
        let width = (end - x).max(1.0);
        let height = bottom - TOP + 8.0;
        let _ = writeln!(
            page,
            "<rect x=\"{x:.1}\" y=\"{:.1}\" width=\"{width:.1}\" height=\"{height:.1}\" \
             fill=\"{VIOLATION}\" fill-opacity=\"0.18\"><title>two holders for {:.3} ms</title></rect>",
            TOP - 8.0,
            (until_ns - from_ns) as f64 / 1e6
        );
    }
}

fn head(lock: u64, height: f64) -> String {
    let title = format!("Two holders of lock {lock}");
    let mut page = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH}\" height=\"{height}\" \
         viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" font-family=\"system-ui, sans-serif\">\n\
         <title>{title}</title>\n"
    );
    push_text(&mut page, MARGIN, 24.0, 16, STRONG_TEXT, "start", &title);
    let legend = "blue: holds the lock; red: together with another; orange: fault of the instance";
    push_text(&mut page, MARGIN, 44.0, 12, TEXT, "start", legend);
    page
}

fn push_hold(page: &mut String, scale: Scale, y: f64, hold: &Hold, violation: &Violation) {
    let is_part = *hold == violation.first || *hold == violation.second;
    let colour = if is_part { VIOLATION } else { HOLD };
    let (x, end) = (scale.x(hold.from_ns), scale.x(hold.until_ns));
    let _ = writeln!(
        page,
        "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{:.1}\" height=\"{BAR_HEIGHT}\" rx=\"2\" \
         fill=\"{colour}\"><title>client {}, attempt {}: {:.3} s to {:.3} s</title></rect>",
        (end - x).max(1.0),
        hold.client + 1,
        hold.attempt,
        hold.from_ns as f64 / 1e9,
        hold.until_ns as f64 / 1e9
    );
}

fn push_fault(page: &mut String, scale: Scale, y: f64, injected: &Injected) {
    let x = scale.x(injected.from_ns);
    let width = (scale.x(injected.until_ns) - x).max(LEAST_WIDTH);
    let _ = writeln!(
        page,
        "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{BAR_HEIGHT}\" rx=\"2\" \
         fill=\"{FAULT}\" fill-opacity=\"0.6\"/>"
    );
    let words = injected.fault.describe();
    push_text(page, x + 4.0, y + 11.0, 10, STRONG_TEXT, "start", &words);
}

fn push_label(page: &mut String, y: f64, label: &str) {
    push_text(page, LABEL_WIDTH - 10.0, y + 11.0, 12, TEXT, "end", label);
}

fn push_axis(page: &mut String, scale: Scale, y: f64) {
    let span_ns = scale.until_ns - scale.from_ns;
    for tick in 0..=TICKS {
        let at_ns = scale.from_ns + span_ns / u64::from(TICKS) * u64::from(tick);
        let x = scale.x(at_ns);
        let _ = writeln!(
            page,
            "<line x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{:.1}\" y2=\"{y:.1}\" stroke=\"{RULE}\" \
             stroke-opacity=\"0.3\"/>",
            TOP - 8.0
        );
        let anchor = match tick {
            TICKS => "end",
            _ => "middle",
        };
        let words = format!("{:.3} s", at_ns as f64 / 1e9);
        push_text(page, x, y + 16.0, 11, TEXT, anchor, &words);
    }
}

/// `words` have no letters that XML would take for markup.
fn push_text(
    page: &mut String,
    x: f64,
    y: f64,
    size: u32,
    colour: &str,
    anchor: &str,
    words: &str,
) {
    let _ = writeln!(
        page,
        "<text x=\"{x:.1}\" y=\"{y:.1}\" font-size=\"{size}\" fill=\"{colour}\" \
         text-anchor=\"{anchor}\">{words}</text>"
    );
}

#[cfg(test)]
mod tests {
    use super::super::history::End;
    use super::super::schedule::Fault;
    use super::*;

    const MS: u64 = 1_000_000;

    fn hold(lock: u64, client: usize, from_ms: u64, until_ms: u64) -> Hold {
        Hold {
            lock,
            client,
            attempt: 1,
            from_ns: from_ms * MS,
            until_ns: until_ms * MS,
            end: End::Released,
            lost_ns: None,
        }
    }

    fn drawn() -> String {
        let history = [
            hold(7, 0, 5000, 5900),
            hold(7, 3, 5400, 6000),
            hold(7, 1, 4200, 4700),
            hold(7, 2, 1000, 1500),
            hold(8, 4, 5000, 5500),
        ];
        let fault = |fault, instance, from_ms, until_ms| Injected {
            fault,
            instances: vec![instance],
            from_ns: from_ms * MS,
            until_ns: until_ms * MS,
        };
        let injected = [
            fault(Fault::Kill, 0, 5200, 5300),
            fault(Fault::Clock(30), 1, 5350, 5350),
            fault(Fault::Stop, 1, 100, 200),
        ];
        let violation = Violation {
            first: history[0].clone(),
            second: history[1].clone(),
        };
        let scene = Scene {
            violation: &violation,
            history: &history,
            injected: &injected,
            instances: 2,
            ttl_ms: 1000,
        };
        scene.svg()
    }

    #[test]
    fn rows_are_those_who_had_the_lock_around_the_violation_and_all_instances() {
        let page = drawn();
        let rows = |word: &str| page.matches(&format!(">{word} ")).count();
        assert_eq!(rows("client"), 3 + 3, "rows and the titles of bars");
        assert!(page.contains(">client 1</text>") && page.contains(">client 4</text>"));
        assert!(page.contains(">client 2</text>") && !page.contains(">client 3</text>"));
        assert_eq!(rows("instance"), 2);
        assert!(page.contains(">kill</text>") && page.contains(">clock +30 s</text>"));
        assert!(!page.contains(">stop</text>"));
    }

    #[test]
    fn bars_stand_where_their_times_are() {
        let page = drawn();
        // Shown are 4.0 s to 6.5 s over 834 pixels from 110 on: 333.6 pixels a second.
        for bar in [
            "<rect x=\"443.6\" y=\"70.0\" width=\"300.2\" height=\"14\" rx=\"2\" fill=\"#e5534b\"",
            "<rect x=\"176.7\" y=\"92.0\" width=\"166.8\" height=\"14\" rx=\"2\" fill=\"#2f81f7\"",
            "<rect x=\"577.0\" y=\"62.0\" width=\"166.8\"",
        ] {
            assert!(page.contains(bar), "{bar}\n{page}");
        }
    }

    #[test]
    fn every_element_is_closed() {
        let page = drawn();
        for name in ["svg", "title", "text"] {
            let opened = page.matches(&format!("<{name}")).count();
            assert_eq!(opened, page.matches(&format!("</{name}>")).count());
        }
        assert!(!page.contains("NaN") && !page.contains("inf"));
    }
}
