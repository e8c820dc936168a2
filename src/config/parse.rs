//! Values of settings, read from words.
//!
//! Every refusal is the sentence that Redis gives, so that a file, the command line and CONFIG SET
//! say the same. Nothing here knows a setting's name or where its words came from.

use super::notify::NotifyFlags;
use super::value::{Kind, OutputLimit, Value};
use crate::error::SettingError;

impl Kind {
    /// Reads the words that follow the name; `current` is what the setting holds now.
    ///
    /// # Errors
    /// Redis's sentence about the first thing that is wrong.
    pub(super) fn parse(self, words: &[&[u8]], current: &Value) -> Result<Value, SettingError> {
        if self.takes_several_words() {
            // One word may hold all of them: `save "900 1"`, and every CONFIG SET.
            return match *words {
                [b""] => self.parse_several(&[], current),
                [line] => {
                    self.parse_several(&line.split(|&b| b == b' ').collect::<Vec<_>>(), current)
                }
                _ => self.parse_several(words, current),
            };
        }
        match *words {
            [word] => self.parse_one(word),
            _ => Err(SettingError::Arity),
        }
    }

    /// Whether the words of a line belong together, so that CONFIG SET takes them as one.
    fn takes_several_words(self) -> bool {
        matches!(
            self,
            Kind::Choices(_)
                | Kind::Words { .. }
                | Kind::Primary
                | Kind::SavePoints
                | Kind::OutputLimits
                | Kind::Percentiles
                | Kind::OomScores
        )
    }

    fn parse_one(self, word: &[u8]) -> Result<Value, SettingError> {
        match self {
            Kind::Switch if word.eq_ignore_ascii_case(b"yes") => Ok(Value::Switch(true)),
            Kind::Switch if word.eq_ignore_ascii_case(b"no") => Ok(Value::Switch(false)),
            Kind::Switch => Err(SettingError::NotYesOrNo),
            Kind::Integer { min, max } => {
                let number = integer(word).ok_or(SettingError::NotAnInteger)?;
                within(number, min, max).map(Value::Integer)
            }
            Kind::Permissions => {
                let mode = permissions(word).ok_or(SettingError::NotOctal)?;
                match u32::try_from(mode) {
                    Ok(mode @ 0..=0o777) => Ok(Value::Permissions(mode)),
                    _ => Err(SettingError::OutOfRange { min: 0, max: 777 }),
                }
            }
            Kind::Memory { min, max } => {
                let bytes = memory(word).ok_or(SettingError::NotMemory)?;
                within(bytes, min, max).map(Value::Memory)
            }
            Kind::MemoryOrPercent => memory_or_percent(word),
            Kind::Choice(allowed) => choice(word, allowed).map(|word| Value::Choices(vec![word])),
            Kind::FileName(name, noun) | Kind::FileNameOrNone(name, noun)
                if word.iter().any(|byte| br"/\".contains(byte)) =>
            {
                Err(SettingError::NotAFileName { name, noun })
            }
            Kind::FileName(name, _) if word.is_empty() => Err(SettingError::EmptyFileName { name }),
            Kind::Notify => NotifyFlags::parse(word)
                .map(Value::Notify)
                .ok_or(SettingError::EventClass),
            _ => Ok(Value::Text(word.to_vec())),
        }
    }

    fn parse_several(self, words: &[&[u8]], current: &Value) -> Result<Value, SettingError> {
        match self {
            Kind::Choices(allowed) => choices(words, allowed),
            Kind::Words { max } if words.len() > max => Err(SettingError::TooManyAddresses),
            Kind::Primary => primary(words),
            Kind::SavePoints => save_points(words),
            Kind::OutputLimits => output_limits(words, current),
            Kind::Percentiles => percentiles(words),
            Kind::OomScores => oom_scores(words),
            _ => Ok(Value::Words(
                words.iter().map(|word| word.to_vec()).collect(),
            )),
        }
    }
}

/// A decimal number in the one way Redis accepts: no blanks, no plus, no leading zeros.
fn integer(word: &[u8]) -> Option<i64> {
    let number: i64 = str::from_utf8(word).ok()?.parse().ok()?;
    (itoa::Buffer::new().format(number).as_bytes() == word).then_some(number)
}

fn permissions(word: &[u8]) -> Option<i64> {
    i64::from_str_radix(str::from_utf8(word).ok()?, 8).ok()
}

/// A number of bytes with an optional unit.
///
/// Digits beyond 64 bits mean the greatest number, as in Redis; a product beyond 64 bits is
/// refused, where Redis lets it wrap around to something small.
fn memory(word: &[u8]) -> Option<u64> {
    let digits_end = word
        .iter()
        .position(|b| !b.is_ascii_digit())
        .unwrap_or(word.len());
    let (digits, unit) = word.split_at(digits_end);
    let factor: u64 = match unit.to_ascii_lowercase().as_slice() {
        b"" | b"b" => 1,
        b"k" => 1_000,
        b"kb" => 1 << 10,
        b"m" => 1_000_000,
        b"mb" => 1 << 20,
        b"g" => 1_000_000_000,
        b"gb" => 1 << 30,
        _ => return None,
    };
    saturating_digits(digits).checked_mul(factor)
}

fn saturating_digits(digits: &[u8]) -> u64 {
    digits.iter().fold(0_u64, |number, digit| {
        number
            .saturating_mul(10)
            .saturating_add(u64::from(digit - b'0'))
    })
}

fn memory_or_percent(word: &[u8]) -> Result<Value, SettingError> {
    if let Some((b'%', digits)) = word.split_last()
        && !digits.is_empty()
        && digits.iter().all(u8::is_ascii_digit)
    {
        return match saturating_digits(digits) {
            0 => Ok(Value::Memory(0)),
            share @ 1..=100 => Ok(Value::Percent(share)),
            _ => Err(SettingError::PercentTooLarge),
        };
    }
    let bytes = memory(word).ok_or(SettingError::NotMemoryOrPercent)?;
    Ok(Value::Memory(bytes))
}

fn within<T: PartialOrd + Into<i128>>(number: T, min: T, max: T) -> Result<T, SettingError> {
    if number < min || number > max {
        return Err(SettingError::OutOfRange {
            min: min.into(),
            max: max.into(),
        });
    }
    Ok(number)
}

fn choice(word: &[u8], allowed: &'static [&'static str]) -> Result<&'static str, SettingError> {
    let known = allowed
        .iter()
        .find(|known| word.eq_ignore_ascii_case(known.as_bytes()));
    known.copied().ok_or(SettingError::NotAChoice { allowed })
}

fn choices(words: &[&[u8]], allowed: &'static [&'static str]) -> Result<Value, SettingError> {
    let words = if words.is_empty() { &[&b""[..]] } else { words };
    let chosen = words
        .iter()
        .map(|word| choice(word, allowed))
        .collect::<Result<Vec<_>, _>>()?;
    if chosen.contains(&"save") && chosen.contains(&"nosave") {
        return Err(SettingError::SaveAndNosave);
    }
    let (none, others) = allowed.split_at(1);
    let mut in_order: Vec<_> = others
        .iter()
        .copied()
        .filter(|word| chosen.contains(word))
        .collect();
    if in_order.is_empty() {
        in_order.extend(none);
    }
    Ok(Value::Choices(in_order))
}

fn primary(words: &[&[u8]]) -> Result<Value, SettingError> {
    match words {
        [] => Ok(Value::Words(Vec::new())),
        [host, port] if host.eq_ignore_ascii_case(b"no") && port.eq_ignore_ascii_case(b"one") => {
            Ok(Value::Words(Vec::new()))
        }
        [host, port] if matches!(integer(port), Some(0..=65_535)) => {
            Ok(Value::Words(vec![host.to_vec(), port.to_vec()]))
        }
        [_, _] => Err(SettingError::PrimaryPort),
        _ => Err(SettingError::Arity),
    }
}

fn save_points(words: &[&[u8]]) -> Result<Value, SettingError> {
    let numbers: Option<Vec<i64>> = words.iter().map(|word| integer(word)).collect();
    match numbers {
        Some(numbers)
            if numbers
                .chunks(2)
                .all(|pair| matches!(*pair, [(1..), (0..)])) =>
        {
            Ok(Value::Numbers(numbers))
        }
        _ => Err(SettingError::SavePoints),
    }
}

fn output_limits(words: &[&[u8]], current: &Value) -> Result<Value, SettingError> {
    let mut limits = match current {
        Value::OutputLimits(limits) => *limits,
        _ => Default::default(),
    };
    if !words.len().is_multiple_of(4) {
        return Err(SettingError::OutputLimitArity);
    }
    for part in words.chunks_exact(4) {
        let class = match part[0].to_ascii_lowercase().as_slice() {
            b"normal" => 0,
            b"slave" | b"replica" => 1,
            b"pubsub" => 2,
            _ => {
                return Err(SettingError::OutputLimitClass);
            }
        };
        let seconds = integer(part[3]).and_then(|seconds| u64::try_from(seconds).ok());
        let (Some(hard_bytes), Some(soft_bytes), Some(soft_seconds)) =
            (memory(part[1]), memory(part[2]), seconds)
        else {
            return Err(SettingError::OutputLimitNumber);
        };
        limits[class] = OutputLimit {
            hard_bytes,
            soft_bytes,
            soft_seconds,
        };
    }
    Ok(Value::OutputLimits(limits))
}

fn percentiles(words: &[&[u8]]) -> Result<Value, SettingError> {
    let mut shares = Vec::with_capacity(words.len());
    for word in words {
        let share: Option<f64> = str::from_utf8(word).ok().and_then(|word| word.parse().ok());
        let share = share.ok_or(SettingError::Percentile)?;
        if !(0.0..=100.0).contains(&share) {
            return Err(SettingError::PercentileOutOfRange);
        }
        shares.push(share);
    }
    Ok(Value::Percentiles(shares))
}

fn oom_scores(words: &[&[u8]]) -> Result<Value, SettingError> {
    if words.len() != 3 {
        return Err(SettingError::Arity);
    }
    let scores: Option<Vec<i64>> = words.iter().map(|word| integer(word)).collect();
    match scores {
        Some(scores) if scores.iter().all(|score| (-2000..=2000).contains(score)) => {
            Ok(Value::Numbers(scores))
        }
        _ => Err(SettingError::OomScores),
    }
}
