//! What scripts leave behind for those that run after them: Redis has one Lua state for all, here
//! each worker thread has its own. So this is kept with the scripts of the instance, put into the
//! state that runs the next one, and taken out of it again.
//!
//! All else is fresh for each script: its globals and tables cannot be changed, KEYS and ARGV are
//! set, and `redis.setresp` is for one run.
#![expect(unsafe_code, reason = "the Lua API is C functions over a raw state")]

use std::cell::Cell;
use std::ffi::c_int;

use mlua::ffi;

use super::host::Host;
use super::stack::Stack;
use super::{cjson, random};

/// What outlives a script.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lasting {
    /// Where `math.random` stands; no SCRIPT FLUSH changes that, as in Redis.
    random: u64,
    settings: Settings,
}

/// What scripts have set, until SCRIPT FLUSH.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Settings {
    cjson: cjson::Settings,
    /// `collectgarbage("setpause")`, in percent.
    pause: c_int,
    /// `collectgarbage("setstepmul")`, in percent.
    step_multiplier: c_int,
}

impl Default for Lasting {
    fn default() -> Lasting {
        Lasting {
            random: random::INITIAL_STATE,
            settings: Settings::default(),
        }
    }
}

impl Default for Settings {
    /// As in a new Lua state.
    fn default() -> Settings {
        Settings {
            cjson: cjson::DEFAULTS,
            pause: 200,
            step_multiplier: 200,
        }
    }
}

impl Lasting {
    /// SCRIPT FLUSH.
    pub fn forget_settings(&mut self) {
        self.settings = Settings::default();
    }
}

/// What one Lua state has of it.
#[derive(Debug, Default)]
pub(super) struct Present {
    settings: Cell<Settings>,
}

impl Present {
    /// Puts `lasting` into the state, before a script runs.
    pub(super) fn put(&self, state: *mut ffi::lua_State, host: &Host, lasting: &Lasting) {
        host.random.set(lasting.random);
        let (old, new) = (self.settings.replace(lasting.settings), lasting.settings);
        if old.cjson != new.cjson {
            host.memory.lifted(|| {
                // SAFETY: allocations are granted.
                let stack = unsafe { Stack::new(state, host) };
                cjson::put_settings(&stack, &new.cjson);
            });
        }
        set_collector(state, new.pause, new.step_multiplier);
    }

    /// What the state has of it, once a script has run.
    pub(super) fn taken(&self, state: *mut ffi::lua_State, host: &Host) -> Lasting {
        let mut settings = self.settings.get();
        if host.has_cjson_settings.take() {
            settings.cjson = host.memory.lifted(|| {
                // SAFETY: allocations are granted.
                let stack = unsafe { Stack::new(state, host) };
                cjson::settings(&stack)
            });
        }
        (settings.pause, settings.step_multiplier) =
            set_collector(state, settings.pause, settings.step_multiplier);
        self.settings.set(settings);
        Lasting {
            random: host.random.get(),
            settings,
        }
    }
}

/// Sets both numbers and tells what they were.
fn set_collector(
    state: *mut ffi::lua_State,
    pause: c_int,
    step_multiplier: c_int,
) -> (c_int, c_int) {
    // SAFETY: these two only store a number.
    unsafe {
        (
            ffi::lua_gc(state, ffi::LUA_GCSETPAUSE, pause),
            ffi::lua_gc(state, ffi::LUA_GCSETSTEPMUL, step_multiplier),
        )
    }
}
