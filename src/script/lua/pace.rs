//! How a script looks around while it runs: it hears of SCRIPT KILL and leaves its thread to others.
//!
//! Lua calls a hook every [`PULSE_INSTRUCTIONS`]. That is no measure of time: one instruction can
//! join two strings of many megabytes, and a function in C can run for ever. So the hook comes the
//! sooner the more bytes large values take, and functions that may take long are the sandbox's own:
//! they count their [`work`](Host::work), a unit for each byte or so, and look around themselves.
//!
//! As in `base`, the functions that Lua calls own nothing where they may be left by a jump.
#![expect(unsafe_code, reason = "the Lua API is C functions over a raw state")]

use std::ffi::{CStr, c_int};
use std::panic::{AssertUnwindSafe, catch_unwind};

use mlua::ffi;

use super::host::Host;
use super::memory::Refuse;
use super::{Pulse, stack};

/// Instructions between two pulses, at most.
const PULSE_INSTRUCTIONS: usize = 10_000;

/// Instructions between two pulses in a coroutine, whose hook cannot be set from outside.
const COROUTINE_INSTRUCTIONS: usize = 100;

/// Bytes of large values for which each instruction gets a hook of its own. An instruction goes over
/// a string once: joining two of 1 MB takes 0.1 ms, reading a number of 1 MB takes 5 ms.
const INSTRUCTION_BYTES: usize = 1 << 28;

/// Units of work between two pulses: some 10 to 200 us.
const PULSE_WORK: usize = 1 << 16;

/// Bytes from which a block of memory is a large one.
pub(super) const LARGE_BYTES: usize = 1 << 16;

/// Instructions between two pulses while large values take so many bytes. Powers of two, so that
/// the hook is rarely set anew.
pub(super) fn instructions(large_bytes: usize) -> c_int {
    let affordable = INSTRUCTION_BYTES / large_bytes.max(1);
    let rounded = match affordable.checked_ilog2() {
        Some(exponent) => 1 << exponent,
        None => 1,
    };
    c_int::try_from(rounded.min(PULSE_INSTRUCTIONS)).unwrap_or(c_int::MAX)
}

/// Calls the hook of the main thread after so many instructions, from now on.
///
/// # Safety
/// `state` is the main thread of a state whose host was made for it.
pub(super) unsafe fn set_hook(state: *mut ffi::lua_State, host: &Host, instructions: c_int) {
    host.instructions.set(instructions);
    // SAFETY: setting a hook only stores it.
    unsafe { ffi::lua_sethook(state, Some(on_count), ffi::LUA_MASKCOUNT, instructions) };
}

impl Host {
    /// Counts work that the hook does not see; the script must end if this is [`Pulse::Kill`].
    #[inline]
    pub(super) fn work(&self, units: usize) -> Pulse {
        match self.work_left.get().checked_sub(units) {
            Some(left) => {
                self.work_left.set(left);
                Pulse::Continue
            }
            None => self.look_around(),
        }
    }

    /// A run begins.
    pub(super) fn start_work(&self) {
        self.work_left.set(PULSE_WORK);
        self.is_to_end.set(false);
    }

    /// Looks around now.
    pub(super) fn look_around(&self) -> Pulse {
        self.work_left.set(PULSE_WORK);
        if self.killed.get() {
            return Pulse::Kill;
        }
        let Some(running) = self.running.get() else {
            return Pulse::Continue;
        };
        #[expect(
            unsafe_code,
            reason = "the pulse is kept as a pointer for the length of a run"
        )]
        // SAFETY: the pointer is valid while a run is recorded.
        let verdict = catch_unwind(AssertUnwindSafe(|| unsafe { (*running.pulse)() }));
        // Whoever panics is heard of elsewhere; the script does not go on.
        let verdict = verdict.unwrap_or(Pulse::Kill);
        self.is_to_end.set(verdict == Pulse::Kill);
        verdict
    }
}

/// Counts work in a function that owns nothing; jumps if the script must end.
///
/// # Safety
/// Lua runs the calling function on `state`; nothing is owned where this jumps.
#[inline]
pub(super) unsafe fn count_work(state: *mut ffi::lua_State, units: usize) {
    // SAFETY: the caller's promise.
    unsafe {
        if stack::host_of(state).work(units) == Pulse::Kill {
            end_script(state);
        }
    }
}

/// Lua calls this now and then, and before every instruction once a kill has struck: then each
/// raises again what a script may have caught.
pub(super) unsafe extern "C-unwind" fn on_count(
    state: *mut ffi::lua_State,
    _frame: *mut ffi::lua_Debug,
) {
    // SAFETY: Lua hands a valid state; nothing is owned where the refusal jumps.
    unsafe {
        let host = stack::host_of(state);
        if host.look_around() == Pulse::Kill {
            end_script(state);
            return;
        }
        let instructions = instructions(host.memory.large_bytes());
        if state != host.main.get() {
            let instructions = instructions.min(COROUTINE_INSTRUCTIONS as c_int);
            ffi::lua_sethook(state, Some(on_count), ffi::LUA_MASKCOUNT, instructions);
        } else if instructions != host.instructions.get() {
            set_hook(state, host, instructions);
        }
    }
}

/// Ends the script, whatever it tries to catch.
///
/// # Safety
/// As [`count_work`].
pub(super) unsafe fn end_script(state: *mut ffi::lua_State) {
    // SAFETY: the caller's promise.
    unsafe {
        let host = stack::host_of(state);
        if !host.killed.get() {
            strike(state, host);
        }
        ffi::lua_sethook(state, Some(on_count), ffi::LUA_MASKCOUNT, 1);
        set_hook(host.main.get(), host, 1);
        // A refused allocation is the one error that calls no handler. A handler given to
        // `xpcall` would run inside this hook, where no hook can end it.
        ffi::lua_newuserdata(state, 1);
    }
}

/// Records where the kill strikes. From here Lua's own code gets no memory, so that it can
/// make neither coroutines with an old hook nor long strings.
unsafe fn strike(state: *mut ffi::lua_State, host: &Host) {
    // SAFETY: each level that `lua_getstack` knows may be asked about.
    let place = unsafe {
        let mut frame = std::mem::zeroed::<ffi::lua_Debug>();
        let mut level = 0;
        loop {
            if ffi::lua_getstack(state, level, &raw mut frame) == 0 {
                break String::new();
            }
            ffi::lua_getinfo(state, c"Sl".as_ptr(), &raw mut frame);
            // Functions in C have no lines.
            if frame.currentline > 0 {
                let source = CStr::from_ptr(frame.source).to_string_lossy();
                break format!("{source}:{}", frame.currentline);
            }
            level += 1;
        }
    };
    host.killed_at.replace(Some(place));
    host.killed.set(true);
    host.memory.refuse_all(Refuse::Everything);
}

/// `coroutine.create(function)`; the upvalue is Lua's own.
pub(super) unsafe extern "C-unwind" fn create(state: *mut ffi::lua_State) -> c_int {
    // SAFETY: standard calls; nothing is owned where they may jump.
    unsafe {
        let results = call_original(state);
        hook_coroutine(ffi::lua_tothread(state, -1));
        results
    }
}

/// `coroutine.wrap(function)`; the upvalue is Lua's own.
pub(super) unsafe extern "C-unwind" fn wrap(state: *mut ffi::lua_State) -> c_int {
    // SAFETY: as above; what Lua's own returns has the coroutine as its first upvalue.
    unsafe {
        let results = call_original(state);
        if !ffi::lua_getupvalue(state, -1, 1).is_null() {
            hook_coroutine(ffi::lua_tothread(state, -1));
            ffi::lua_settop(state, -2);
        }
        results
    }
}

/// Calls the C function that is the upvalue of the running one, in its place.
///
/// # Safety
/// Nothing is owned where it may jump.
pub(super) unsafe fn call_original(state: *mut ffi::lua_State) -> c_int {
    // SAFETY: it finds its arguments where they are.
    unsafe {
        match ffi::lua_tocfunction(state, ffi::lua_upvalueindex(1)) {
            Some(original) => original(state),
            None => 0,
        }
    }
}

unsafe fn hook_coroutine(coroutine: *mut ffi::lua_State) {
    let instructions = COROUTINE_INSTRUCTIONS as c_int;
    if !coroutine.is_null() {
        // SAFETY: setting a hook only stores it.
        unsafe { ffi::lua_sethook(coroutine, Some(on_count), ffi::LUA_MASKCOUNT, instructions) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hook_comes_the_sooner_the_more_large_values_there_are() {
        assert_eq!(instructions(0), 10_000);
        assert_eq!(instructions(LARGE_BYTES), 4_096);
        assert_eq!(instructions(1 << 20), 256);
        assert_eq!(instructions(64 << 20), 4);
        assert_eq!(instructions(1 << 40), 1);
    }
}
