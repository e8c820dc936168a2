//! LATENCY GRAPH: samples as columns of characters, the time ago below each.

use std::fmt::Write as _;

use crate::latency::Series;

/// Samples side by side; more make another picture below.
const COLUMNS: usize = 80;
/// Lines of a column.
const ROWS: u64 = 4;
/// From the bottom to the top of a line.
const STEPS: [char; 3] = ['_', 'o', '#'];
/// What stands below a step.
const BODY: char = '|';

/// The picture of an event that has samples; `unix_s` is now.
pub(super) fn draw(event: &str, series: &Series, unix_s: i64) -> String {
    let values = series.samples.iter().map(|sample| sample.took_ms);
    let (low, high) = (values.clone().min().unwrap_or(0), values.max().unwrap_or(0));
    let mut picture = format!(
        "{event} - high {high} ms, low {low} ms (all time high {} ms)\n{}\n",
        series.worst_ms,
        "-".repeat(COLUMNS)
    );
    let columns: Vec<(u64, String)> = series
        .samples
        .iter()
        .map(|sample| (step(sample.took_ms, low, high), age(unix_s - sample.unix_s)))
        .collect();
    for (number, columns) in columns.chunks(COLUMNS).enumerate() {
        if number > 0 {
            picture.push('\n');
        }
        draw_columns(columns, &mut picture);
    }
    picture
}

/// How high a sample stands, from 0 to the number of steps in all lines less one.
fn step(value: u64, low: u64, high: u64) -> u64 {
    let steps = ROWS * STEPS.len() as u64;
    let span = (high - low).max(1);
    ((value - low).saturating_mul(steps) / span).min(steps - 1)
}

fn draw_columns(columns: &[(u64, String)], picture: &mut String) {
    let per_row = STEPS.len() as u64;
    for row in (0..ROWS).rev() {
        let floor = row * per_row;
        picture.extend(
            columns
                .iter()
                .map(|(step, _)| match step.checked_sub(floor) {
                    None => ' ',
                    Some(over) => STEPS.get(over as usize).copied().unwrap_or(BODY),
                }),
        );
        picture.push('\n');
    }
    // A blank line, then the ages from top to bottom.
    let _ = writeln!(picture, "{}", " ".repeat(columns.len()));
    let longest = columns.iter().map(|(_, age)| age.len()).max().unwrap_or(0);
    for line in 0..longest {
        let letter = |age: &String| age.chars().nth(line).unwrap_or(' ');
        picture.extend(columns.iter().map(|(_, age)| letter(age)));
        picture.push('\n');
    }
}

/// `5s`, `2m`, `3h`, `1d`
fn age(seconds: i64) -> String {
    match seconds {
        ..60 => format!("{seconds}s"),
        60..3600 => format!("{}m", seconds / 60),
        3600..86_400 => format!("{}h", seconds / 3600),
        86_400.. => format!("{}d", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::latency::Sample;

    fn series(samples: &[(i64, u64)]) -> Series {
        Series {
            samples: samples
                .iter()
                .map(|(unix_s, took_ms)| Sample {
                    unix_s: *unix_s,
                    took_ms: *took_ms,
                })
                .collect(),
            worst_ms: 10,
        }
    }

    #[test]
    fn a_picture_is_that_of_redis() {
        let expected = "command - high 10 ms, low 5 ms (all time high 10 ms)\n\
            --------------------------------------------------------------------------------\n \
            #\n |\n |\n_|\n  \n20\nss\n";
        assert_eq!(draw("command", &series(&[(8, 5), (10, 10)]), 10), expected);
    }

    #[test]
    fn more_than_a_line_of_samples_makes_two_pictures() {
        let samples: Vec<(i64, u64)> = (0..81).map(|second| (second, 7)).collect();
        let picture = draw("command", &series(&samples), 7200);
        assert_eq!(picture.lines().count(), 2 + 7 + 1 + 7);
        assert!(picture.contains("\n_\n \n1\nh\n"), "{picture}");
    }
}
