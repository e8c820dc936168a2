//! Both clocks read as one, and what deadlines and Unix times are to each other by such a reading.

use super::{BootTime, FAR, UnixMillis};

/// Both clocks at one moment.
#[derive(Clone, Copy, Debug)]
pub struct Reading {
    pub(super) boot_us: u64,
    pub(super) unix_us: i64,
}

impl Reading {
    /// The boot time.
    pub fn boot(self) -> BootTime {
        BootTime::from_micros(self.boot_us)
    }

    /// Microseconds since 1970.
    pub fn unix_micros(self) -> i64 {
        self.unix_us
    }

    /// What it would have been at `earlier`, if nobody has set the wall clock since.
    pub fn at(self, earlier: BootTime) -> Reading {
        let since_us = self.boot_us.saturating_sub(earlier.micros());
        Reading {
            boot_us: self.boot_us - since_us,
            unix_us: self.unix_us.saturating_sub_unsigned(since_us),
        }
    }

    /// The wall time at which `deadline` falls.
    pub fn to_unix(self, deadline: BootTime) -> UnixMillis {
        let deadline_us = i128::try_from(deadline.wide_micros()).unwrap_or(i128::MAX);
        let unix_us = i128::from(self.unix_us) + deadline_us - i128::from(self.boot_us);
        // A far deadline was cut down to the millisecond, a near one was not.
        let rounding_us = if deadline.micros() >= FAR { 999 } else { 500 };
        let unix_ms = (unix_us + rounding_us).div_euclid(1000);
        UnixMillis(i64::try_from(unix_ms).unwrap_or(i64::MAX))
    }

    /// The boot time at which the wall clock will show `unix`; a time before boot becomes the boot
    /// itself.
    pub fn from_unix(self, unix: UnixMillis) -> BootTime {
        let rest_us = i128::from(unix.0) * 1000 - i128::from(self.unix_us);
        let boot_us = i128::from(self.boot_us) + rest_us;
        BootTime::from_wide(u128::try_from(boot_us).unwrap_or(0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_earlier_reading_has_both_clocks_earlier() {
        let reading = Reading {
            boot_us: 5_000_000,
            unix_us: 1_700_000_000_000_000,
        };
        let earlier = reading.at(BootTime::from_micros(4_000_000));
        assert_eq!(earlier.boot(), BootTime::from_micros(4_000_000));
        assert_eq!(earlier.unix_micros(), 1_699_999_999_000_000);
        let deadline = BootTime::from_micros(9_000_000);
        assert_eq!(earlier.to_unix(deadline), reading.to_unix(deadline));
        // It is never moved forward.
        assert_eq!(reading.at(deadline).unix_micros(), reading.unix_micros());
    }
}
