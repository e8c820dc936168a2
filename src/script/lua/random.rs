//! `math.random` and `math.randomseed` with the generator that Redis gives scripts: the 48-bit
//! congruence of drand48, so that one seed yields one sequence on every machine.

use super::number::to_int;
use super::stack::{Outcome, Raise, Stack};

/// The state before any script has set a seed.
pub(super) const INITIAL_STATE: u64 = 0x1234_ABCD_330E;

const MULTIPLIER: u64 = 0x5_DEEC_E66D;
const INCREMENT: u64 = 0xB;
const STATE_MASK: u64 = (1 << 48) - 1;
const MAX: f64 = i32::MAX as f64;

/// `math.random([m [, n]])`
pub(super) fn random(stack: &Stack) -> Outcome {
    let state = stack
        .host
        .random
        .get()
        .wrapping_mul(MULTIPLIER)
        .wrapping_add(INCREMENT)
        & STATE_MASK;
    stack.host.random.set(state);
    let fraction = ((state >> 17) % i32::MAX as u64) as f64 / MAX;
    let number = match stack.top() {
        0 => fraction,
        1 => {
            let upper = to_int(stack.check_number(1)?);
            if upper < 1 {
                return Err(Raise::argument(1, "interval is empty"));
            }
            (fraction * f64::from(upper)).floor() + 1.0
        }
        2 => {
            let lower = to_int(stack.check_number(1)?);
            let upper = to_int(stack.check_number(2)?);
            if lower > upper {
                return Err(Raise::argument(2, "interval is empty"));
            }
            let width = f64::from(upper.wrapping_sub(lower).wrapping_add(1));
            (fraction * width).floor() + f64::from(lower)
        }
        _ => return Err(Raise::message("wrong number of arguments")),
    };
    stack.push_number(number);
    Ok(1)
}

/// `math.randomseed(seed)`
pub(super) fn randomseed(stack: &Stack) -> Outcome {
    let seed = to_int(stack.check_number(1)?) as u32;
    stack.host.random.set((u64::from(seed) << 16) | 0x330E);
    Ok(0)
}
