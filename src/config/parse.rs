//! Values of settings, read from words.
//!
//! Every refusal is the sentence that Redis gives, so that a file, the command line and CONFIG SET
//! say the same. Nothing here knows a setting's name or where its words came from.

use std::borrow::Cow;

use super::notify::NotifyFlags;
use super::value::{Kind, OutputLimit, Value};

/// Why a value is refused: Redis's sentence, without code or setting.
pub(super) type Refusal = Cow<'static, str>;

impl Kind {
    /// Reads the words that follow the name; `current` is what the setting holds now.
    ///
    /// # Errors
    /// Redis's sentence about the first thing that is wrong.
    pub(super) fn parse(self, words: &[&[u8]], current: &Value) -> Result<Value, Refusal> {
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
            _ => Err("wrong number of arguments".into()),
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

    fn parse_one(self, word: &[u8]) -> Result<Value, Refusal> {
        match self {
            Kind::Switch if word.eq_ignore_ascii_case(b"yes") => Ok(Value::Switch(true)),
            Kind::Switch if word.eq_ignore_ascii_case(b"no") => Ok(Value::Switch(false)),
            Kind::Switch => Err("argument must be 'yes' or 'no'".into()),
            Kind::Integer { min, max } => {
                let number = integer(word).ok_or("argument couldn't be parsed into an integer")?;
                within(number, min, max).map(Value::Integer)
            }
            Kind::Permissions => {
                let mode =
                    permissions(word).ok_or("argument couldn't be parsed as an octal number")?;
                match u32::try_from(mode) {
                    Ok(mode @ 0..=0o777) => Ok(Value::Permissions(mode)),
                    _ => Err("argument must be between 0 and 777 inclusive".into()),
                }
            }
            Kind::Memory { min, max } => {
                let bytes = memory(word).ok_or("argument must be a memory value")?;
                within(bytes, min, max).map(Value::Memory)
            }
            Kind::MemoryOrPercent => memory_or_percent(word),
            Kind::Choice(allowed) => choice(word, allowed).map(|word| Value::Choices(vec![word])),
            Kind::FileName(refusal) if word.contains(&b'/') => Err(refusal.into()),
            Kind::Notify => NotifyFlags::parse(word)
                .map(Value::Notify)
                .ok_or_else(|| "Invalid event class character. Use 'Ag$lshzxeKEtmdn'.".into()),
            _ => Ok(Value::Text(word.to_vec())),
        }
    }

    fn parse_several(self, words: &[&[u8]], current: &Value) -> Result<Value, Refusal> {
        match self {
            Kind::Choices(allowed) => choices(words, allowed),
            Kind::Words { max } if words.len() > max => {
                Err("Too many bind addresses specified.".into())
            }
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

fn memory_or_percent(word: &[u8]) -> Result<Value, Refusal> {
    if let Some((b'%', digits)) = word.split_last()
        && !digits.is_empty()
        && digits.iter().all(u8::is_ascii_digit)
    {
        return match saturating_digits(digits) {
            0 => Ok(Value::Memory(0)),
            share @ 1..=100 => Ok(Value::Percent(share)),
            _ => Err("percentage argument must be less or equal to 100".into()),
        };
    }
    let bytes = memory(word).ok_or("argument must be a memory or percent value")?;
    Ok(Value::Memory(bytes))
}

fn within<T: PartialOrd + std::fmt::Display>(number: T, min: T, max: T) -> Result<T, Refusal> {
    if number < min || number > max {
        return Err(format!("argument must be between {min} and {max} inclusive").into());
    }
    Ok(number)
}

fn choice(word: &[u8], allowed: &[&'static str]) -> Result<&'static str, Refusal> {
    let known = allowed
        .iter()
        .find(|known| word.eq_ignore_ascii_case(known.as_bytes()));
    known.copied().ok_or_else(|| {
        let list = allowed.join(", ");
        format!("argument(s) must be one of the following: {list}").into()
    })
}

fn choices(words: &[&[u8]], allowed: &'static [&'static str]) -> Result<Value, Refusal> {
    let words = if words.is_empty() { &[&b""[..]] } else { words };
    let chosen = words
        .iter()
        .map(|word| choice(word, allowed))
        .collect::<Result<Vec<_>, _>>()?;
    if chosen.contains(&"save") && chosen.contains(&"nosave") {
        return Err("shutdown options SAVE and NOSAVE can't be used simultaneously".into());
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

fn primary(words: &[&[u8]]) -> Result<Value, Refusal> {
    match words {
        [] => Ok(Value::Words(Vec::new())),
        [host, port] if host.eq_ignore_ascii_case(b"no") && port.eq_ignore_ascii_case(b"one") => {
            Ok(Value::Words(Vec::new()))
        }
        [host, port] if matches!(integer(port), Some(0..=65_535)) => {
            Ok(Value::Words(vec![host.to_vec(), port.to_vec()]))
        }
        [_, _] => Err("Invalid master port".into()),
        _ => Err("wrong number of arguments".into()),
    }
}

fn save_points(words: &[&[u8]]) -> Result<Value, Refusal> {
    let numbers: Option<Vec<i64>> = words.iter().map(|word| integer(word)).collect();
    match numbers {
        Some(numbers)
            if numbers
                .chunks(2)
                .all(|pair| matches!(*pair, [(1..), (0..)])) =>
        {
            Ok(Value::Numbers(numbers))
        }
        _ => Err("Invalid save parameters".into()),
    }
}

fn output_limits(words: &[&[u8]], current: &Value) -> Result<Value, Refusal> {
    let mut limits = match current {
        Value::OutputLimits(limits) => *limits,
        _ => Default::default(),
    };
    if !words.len().is_multiple_of(4) {
        return Err("Wrong number of arguments in buffer limit configuration.".into());
    }
    for part in words.chunks_exact(4) {
        let class = match part[0].to_ascii_lowercase().as_slice() {
            b"normal" => 0,
            b"slave" | b"replica" => 1,
            b"pubsub" => 2,
            _ => {
                return Err("Invalid client class specified in buffer limit configuration.".into());
            }
        };
        let seconds = integer(part[3]).and_then(|seconds| u64::try_from(seconds).ok());
        let (Some(hard_bytes), Some(soft_bytes), Some(soft_seconds)) =
            (memory(part[1]), memory(part[2]), seconds)
        else {
            let refusal =
                "Error in hard, soft or soft_seconds setting in buffer limit configuration.";
            return Err(refusal.into());
        };
        limits[class] = OutputLimit {
            hard_bytes,
            soft_bytes,
            soft_seconds,
        };
    }
    Ok(Value::OutputLimits(limits))
}

fn percentiles(words: &[&[u8]]) -> Result<Value, Refusal> {
    let mut shares = Vec::with_capacity(words.len());
    for word in words {
        let share: Option<f64> = str::from_utf8(word).ok().and_then(|word| word.parse().ok());
        let share = share.ok_or("Invalid latency-tracking-info-percentiles parameters")?;
        if !(0.0..=100.0).contains(&share) {
            let refusal =
                "latency-tracking-info-percentiles parameters should sit between [0.0,100.0]";
            return Err(refusal.into());
        }
        shares.push(share);
    }
    Ok(Value::Percentiles(shares))
}

fn oom_scores(words: &[&[u8]]) -> Result<Value, Refusal> {
    if words.len() != 3 {
        return Err("wrong number of arguments".into());
    }
    let scores: Option<Vec<i64>> = words.iter().map(|word| integer(word)).collect();
    match scores {
        Some(scores) if scores.iter().all(|score| (-2000..=2000).contains(score)) => {
            Ok(Value::Numbers(scores))
        }
        _ => {
            let refusal = "Invalid oom-score-adj-values, elements must be between -2000 and 2000.";
            Err(refusal.into())
        }
    }
}
