//! Lua 5.1's operators on values, with its error texts.
//!
//! An error is the sentence without its position; the run adds that.

use std::cmp::Ordering;

use smallvec::SmallVec;

use super::ast::{Arithmetic, Order};
use super::value::{Text, Value};
use crate::resp::reply::Blob;

/// `left op right` where Lua folds it while it compiles: no division by zero, no NaN.
pub(super) fn fold(operation: Arithmetic, left: f64, right: f64) -> Option<f64> {
    let divides = matches!(operation, Arithmetic::Divide | Arithmetic::Modulo);
    if divides && right == 0.0 {
        return None;
    }
    Some(compute(operation, left, right)).filter(|value| !value.is_nan())
}

/// `left op right`
#[inline]
pub(super) fn compute(operation: Arithmetic, left: f64, right: f64) -> f64 {
    match operation {
        Arithmetic::Add => left + right,
        Arithmetic::Subtract => left - right,
        Arithmetic::Multiply => left * right,
        Arithmetic::Divide => left / right,
        Arithmetic::Modulo => left - (left / right).floor() * right,
    }
}

/// Arithmetic on numbers and on strings that read as numbers. The names are those of the
/// operands in an error message.
pub(super) fn arithmetic(
    operation: Arithmetic,
    (left, left_name): (&Value<'_>, &str),
    (right, right_name): (&Value<'_>, &str),
) -> Result<f64, String> {
    match (left.to_number(), right.to_number()) {
        (Some(left), Some(right)) => Ok(compute(operation, left, right)),
        (None, _) => Err(wrong_type("perform arithmetic on", left, left_name)),
        (_, None) => Err(wrong_type("perform arithmetic on", right, right_name)),
    }
}

pub(super) fn negate(value: &Value<'_>, name: &str) -> Result<f64, String> {
    match value.to_number() {
        Some(number) => Ok(-number),
        None => Err(wrong_type("perform arithmetic on", value, name)),
    }
}

/// The operands stand as written; Lua runs `a > b` as `b < a`, which its error text shows.
pub(super) fn order(order: Order, left: &Value<'_>, right: &Value<'_>) -> Result<bool, String> {
    let (left, right, may_be_equal) = match order {
        Order::Less => (left, right, false),
        Order::LessOrEqual => (left, right, true),
        Order::Greater => (right, left, false),
        Order::GreaterOrEqual => (right, left, true),
    };
    let ordering = match (left, right) {
        (Value::Number(left), Value::Number(right)) => left.partial_cmp(right),
        (Value::Text(left), Value::Text(right)) => Some(left.bytes().cmp(right.bytes())),
        _ => return Err(not_comparable(left, right)),
    };
    Ok(match ordering {
        Some(Ordering::Less) => true,
        Some(Ordering::Equal) => may_be_equal,
        Some(Ordering::Greater) | None => false,
    })
}

fn not_comparable(left: &Value<'_>, right: &Value<'_>) -> String {
    let (left, right) = (left.type_name(), right.type_name());
    if left == right {
        format!("attempt to compare two {left} values")
    } else {
        format!("attempt to compare {left} with {right}")
    }
}

/// `a .. b .. c`: joined from the right, so the right-most bad operand is the one that is named.
pub(super) fn concat<'a>(operands: Vec<(Value<'a>, &str)>) -> Result<Parts<'a>, String> {
    let mut parts: SmallVec<[Text<'a>; 8]> = SmallVec::new();
    let mut right_most_failure = None;
    let last = operands.len().saturating_sub(1);
    for (index, (operand, name)) in operands.into_iter().enumerate() {
        match operand.into_text() {
            Ok(part) => parts.push(part),
            // Of the last two operands Lua blames the left one if both are wrong.
            Err(_)
                if index == last
                    && failed_at(&right_most_failure) == Some(last.wrapping_sub(1)) => {}
            Err(value) => {
                right_most_failure = Some((index, wrong_type("concatenate", &value, name)))
            }
        }
    }
    if let Some((_, failure)) = right_most_failure {
        return Err(failure);
    }
    Ok(Parts(parts))
}

/// Strings that are to be joined.
#[derive(Debug)]
pub(super) struct Parts<'a>(SmallVec<[Text<'a>; 8]>);

impl<'a> Parts<'a> {
    /// Joins them; `None` if that takes more than `budget`, of which it takes its bytes.
    pub(super) fn join(&self, budget: &mut usize) -> Option<Text<'a>> {
        let length = self.0.iter().map(|part| part.bytes().len()).sum();
        *budget = budget.checked_sub(length)?;
        let mut joined = Blob::with_capacity(length);
        for part in &self.0 {
            joined.extend_from_slice(part.bytes());
        }
        Some(joined.into())
    }
}

fn failed_at(failure: &Option<(usize, String)>) -> Option<usize> {
    failure.as_ref().map(|(index, _)| *index)
}

/// `attempt to index local 'x' (a nil value)`
pub(super) fn wrong_type(attempt: &str, value: &Value<'_>, name: &str) -> String {
    let type_name = value.type_name();
    if name.is_empty() {
        format!("attempt to {attempt} a {type_name} value")
    } else {
        format!("attempt to {attempt} {name}(a {type_name} value)")
    }
}

/// The place of a list's item that Lua's index `index` means, counted from 0.
pub(super) fn list_index(index: f64) -> Option<usize> {
    const LIMIT: f64 = 4_294_967_296.0;
    ((1.0..LIMIT).contains(&index) && index.fract() == 0.0).then(|| index as usize - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(bytes: &'static str) -> Value<'static> {
        Value::Text(Text::Borrowed(bytes.as_bytes()))
    }

    #[test]
    fn strings_are_numbers_in_arithmetic() {
        let sum = arithmetic(Arithmetic::Add, (&text("0x10"), ""), (&text(" 2 "), ""));
        assert_eq!(sum, Ok(18.0));
        let modulo = arithmetic(
            Arithmetic::Modulo,
            (&Value::Number(-5.0), ""),
            (&text("3"), ""),
        );
        assert_eq!(modulo, Ok(1.0));
    }

    #[test]
    fn arithmetic_blames_the_first_bad_operand() {
        let error = arithmetic(
            Arithmetic::Add,
            (&text("x"), "local 'a' "),
            (&Value::Nil, ""),
        );
        assert_eq!(
            error,
            Err("attempt to perform arithmetic on local 'a' (a string value)".to_owned())
        );
    }

    #[test]
    fn an_order_names_its_operands_as_lua_runs_it() {
        let error = order(Order::Greater, &Value::Nil, &Value::Number(0.0));
        assert_eq!(error, Err("attempt to compare number with nil".to_owned()));
        let error = order(Order::Less, &Value::Nil, &Value::Nil);
        assert_eq!(error, Err("attempt to compare two nil values".to_owned()));
        assert_eq!(order(Order::LessOrEqual, &text("a"), &text("a")), Ok(true));
        assert_eq!(order(Order::Less, &text("a"), &text("a\0")), Ok(true));
    }

    #[test]
    fn a_join_blames_the_right_most_bad_operand() {
        let operands = vec![
            (Value::Nil, "local 'a' "),
            (Value::Boolean(true), "local 'b' "),
            (text("c"), ""),
        ];
        assert_eq!(
            concat(operands).unwrap_err(),
            "attempt to concatenate local 'b' (a boolean value)"
        );
        let operands = vec![
            (text("x"), ""),
            (Value::Nil, "local 'a' "),
            (Value::Nil, "local 'b' "),
        ];
        assert_eq!(
            concat(operands).unwrap_err(),
            "attempt to concatenate local 'a' (a nil value)"
        );
    }

    #[test]
    fn a_join_past_its_budget_fails() {
        let mut budget = 5;
        let operands = || vec![(text("ab"), ""), (Value::Number(1.0), "")];
        let mut join = || concat(operands()).unwrap().join(&mut budget);
        assert_eq!(join().unwrap().bytes(), b"ab1");
        assert!(join().is_none());
    }
}
