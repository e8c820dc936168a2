//! The `cjson` library: JSON for scripts, with the settings of the module that Redis ships.
//!
//! Every module table (`cjson` itself and each `cjson.new()`) has settings of its own: a Lua
//! array that its functions carry. [`Setting`] names the places. Those of `cjson` itself outlive a
//! script, so they are found in the registry too.

mod decode;
mod encode;

use mlua::ffi;

use super::number::to_int;
use super::stack::{Body, Kind, Outcome, Raise, Stack, push_function};

/// Depth past which nesting is refused whatever the settings say: it bounds native recursion.
const NESTING_MAX: i32 = 1_000;

/// The place of a setting in the array; 0 and 1 stand for false and true.
#[derive(Clone, Copy)]
enum Setting {
    SparseConvert = 1,
    SparseRatio = 2,
    SparseSafe = 3,
    EncodeDepth = 4,
    DecodeDepth = 5,
    Precision = 6,
    KeepBuffer = 7,
    EncodeInvalid = 8,
    DecodeInvalid = 9,
}

/// The settings of a module, in the order of [`Setting`].
pub(super) type Settings = [i32; 9];

/// Those of a new module.
pub(super) const DEFAULTS: Settings = [0, 2, 10, 1_000, 1_000, 14, 1, 0, 1];

/// `encode_invalid_numbers("null")`
const INVALID_AS_NULL: i32 = 2;

const FUNCTIONS: &[(&str, Body)] = &[
    ("encode", encode::encode),
    ("decode", decode::decode),
    ("encode_sparse_array", sparse_array),
    ("encode_max_depth", |stack| {
        integer_setting(stack, Setting::EncodeDepth, 1, i32::MAX)
    }),
    ("decode_max_depth", |stack| {
        integer_setting(stack, Setting::DecodeDepth, 1, i32::MAX)
    }),
    ("encode_number_precision", |stack| {
        integer_setting(stack, Setting::Precision, 1, 14)
    }),
    ("encode_keep_buffer", |stack| {
        choice_setting(stack, Setting::KeepBuffer, &SWITCH)
    }),
    ("encode_invalid_numbers", |stack| {
        choice_setting(stack, Setting::EncodeInvalid, &INVALID)
    }),
    ("decode_invalid_numbers", |stack| {
        choice_setting(stack, Setting::DecodeInvalid, &SWITCH)
    }),
    ("new", |stack| {
        push_settings(stack, &DEFAULTS);
        push_module_of_top(stack);
        Ok(1)
    }),
];

const SWITCH: [&str; 2] = ["off", "on"];
const INVALID: [&str; 3] = ["off", "on", "null"];

/// The registry field with the settings of `cjson` itself.
const SETTINGS: &str = "cjson_settings";

/// Pushes the module table of which [`settings`] tells.
pub(super) fn push_global(stack: &Stack) {
    push_settings(stack, &DEFAULTS);
    stack.push_copy(-1);
    stack.set_field(ffi::LUA_REGISTRYINDEX, SETTINGS);
    push_module_of_top(stack);
}

/// The settings of `cjson` itself.
pub(super) fn settings(stack: &Stack) -> Settings {
    let mut settings = DEFAULTS;
    stack.push_field(ffi::LUA_REGISTRYINDEX, SETTINGS);
    for (value, place) in settings.iter_mut().zip(1..) {
        stack.push_item(-1, place);
        *value = to_int(stack.number(-1).unwrap_or_default());
        stack.pop(1);
    }
    stack.pop(1);
    settings
}

/// Gives `cjson` itself these settings.
pub(super) fn put_settings(stack: &Stack, settings: &Settings) {
    stack.push_field(ffi::LUA_REGISTRYINDEX, SETTINGS);
    fill(stack, settings);
    stack.pop(1);
}

fn push_settings(stack: &Stack, settings: &Settings) {
    stack.push_table(settings.len(), 0);
    fill(stack, settings);
}

fn fill(stack: &Stack, settings: &Settings) {
    for (value, place) in settings.iter().zip(1..) {
        stack.push_number(f64::from(*value));
        stack.set_item(-2, place);
    }
}

/// Pushes a module table whose settings are on top; they stay below it.
fn push_module_of_top(stack: &Stack) {
    stack.push_table(0, FUNCTIONS.len() + 3);
    stack.push_copy(-2);
    for (name, body) in FUNCTIONS {
        stack.push_copy(-1);
        push_function(stack, *body, 1);
        stack.set_field(-3, name);
    }
    stack.pop(1);
    stack.push_null();
    stack.set_field(-2, "null");
    for (name, text) in [("_NAME", "cjson"), ("_VERSION", "2.1.0")] {
        stack.push_bytes(text.as_bytes());
        stack.set_field(-2, name);
    }
}

fn setting(stack: &Stack, setting: Setting) -> i32 {
    stack.push_item(stack.own_value(), setting as i32);
    let value = stack.number(-1).unwrap_or_default();
    stack.pop(1);
    to_int(value)
}

fn change(stack: &Stack, setting: Setting, value: i32) {
    stack.host.has_cjson_settings.set(true);
    stack.push_number(f64::from(value));
    stack.set_item(stack.own_value(), setting as i32);
}

/// Brings the arguments to `count`; the complaint about more comes first, as in the original.
fn limit_arguments(stack: &Stack, count: i32) -> Result<(), Raise> {
    if stack.top() > count {
        return Err(Raise::argument(count + 1, "found too many arguments"));
    }
    while stack.top() < count {
        stack.push_nil();
    }
    Ok(())
}

fn integer_setting(stack: &Stack, name: Setting, least: i32, most: i32) -> Outcome {
    limit_arguments(stack, 1)?;
    integer_option(stack, 1, name, least, most)
}

fn integer_option(stack: &Stack, index: i32, name: Setting, least: i32, most: i32) -> Outcome {
    if stack.kind(index) != Kind::Nil {
        let value = to_int(stack.check_number(index)?);
        if !(least..=most).contains(&value) {
            let text = format!("expected integer between {least} and {most}");
            return Err(Raise::argument(1, text));
        }
        change(stack, name, value);
    }
    stack.push_number(f64::from(setting(stack, name)));
    Ok(1)
}

fn choice_setting(stack: &Stack, name: Setting, choices: &[&str]) -> Outcome {
    limit_arguments(stack, 1)?;
    choice_option(stack, 1, name, choices)
}

fn choice_option(stack: &Stack, index: i32, name: Setting, choices: &[&str]) -> Outcome {
    match stack.kind(index) {
        Kind::Nil => {}
        Kind::Boolean => change(stack, name, i32::from(stack.truth(index))),
        _ => {
            let word = stack.check_bytes(index)?;
            let place = choices
                .iter()
                .position(|choice| choice.as_bytes() == word)
                .ok_or_else(|| {
                    Raise::argument(
                        index,
                        format!("invalid option '{}'", String::from_utf8_lossy(word)),
                    )
                })?;
            change(stack, name, i32::try_from(place).unwrap_or_default());
        }
    }
    match setting(stack, name) {
        value @ 0..=1 => stack.push_boolean(value == 1),
        value => stack.push_bytes(choices[usize::try_from(value).unwrap_or_default()].as_bytes()),
    }
    Ok(1)
}

/// `encode_sparse_array([convert [, ratio [, safe]]])`
fn sparse_array(stack: &Stack) -> Outcome {
    limit_arguments(stack, 3)?;
    choice_option(stack, 1, Setting::SparseConvert, &SWITCH)?;
    integer_option(stack, 2, Setting::SparseRatio, 0, i32::MAX)?;
    integer_option(stack, 3, Setting::SparseSafe, 0, i32::MAX)?;
    Ok(3)
}
