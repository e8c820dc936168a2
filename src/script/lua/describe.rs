//! What an error value says: the table that the reply of a failed run is made of.
//!
//! As in `base`, the functions may be left by a jump at any call and own nothing.
#![expect(unsafe_code, reason = "the Lua API is C functions over a raw state")]

use std::ffi::{CStr, c_int};

use mlua::ffi;

use super::base;
use crate::error::GENERAL_CODE;

/// Turns any error value into `{err, source, line}`: the message handler of every run.
pub(super) unsafe extern "C-unwind" fn describe_error(state: *mut ffi::lua_State) -> c_int {
    // SAFETY: standard calls, nothing is owned where they may jump; `frame` is filled before it is read.
    unsafe {
        ffi::lua_settop(state, 1);
        let is_read_only = base::push_real(state, 1);
        ffi::lua_settop(state, 1);
        if ffi::lua_type(state, 1) == ffi::LUA_TTABLE && !is_read_only {
            // The reply is made of raw fields, but Redis honours an inherited `err` here.
            ffi::lua_getfield_(state, 1, c"err".as_ptr());
            ffi::lua_setfield(state, 1, c"err".as_ptr());
        } else {
            ffi::lua_createtable(state, 0, 3);
            let code = GENERAL_CODE.as_bytes();
            ffi::lua_pushlstring_(state, code.as_ptr().cast(), code.len());
            push_text(state, 1);
            ffi::lua_concat(state, 2);
            ffi::lua_setfield(state, 2, c"err".as_ptr());
            ffi::lua_replace(state, 1);
        }
        let mut frame = std::mem::zeroed::<ffi::lua_Debug>();
        for level in 1..=2 {
            if ffi::lua_getstack(state, level, &raw mut frame) == 0 {
                return 1;
            }
            ffi::lua_getinfo(state, c"nSl".as_ptr(), &raw mut frame);
            if CStr::from_ptr(frame.what) != c"C" {
                break;
            }
        }
        ffi::lua_pushstring_(state, frame.source);
        ffi::lua_setfield(state, 1, c"source".as_ptr());
        ffi::lua_pushinteger(state, ffi::lua_Integer::from(frame.currentline));
        ffi::lua_setfield(state, 1, c"line".as_ptr());
        1
    }
}

unsafe fn push_text(state: *mut ffi::lua_State, index: c_int) {
    // SAFETY: as above.
    unsafe {
        match ffi::lua_type(state, index) {
            ffi::LUA_TNIL => ffi::lua_pushliteral(state, c"nil"),
            ffi::LUA_TBOOLEAN if ffi::lua_toboolean(state, index) != 0 => {
                ffi::lua_pushliteral(state, c"true")
            }
            ffi::LUA_TBOOLEAN => ffi::lua_pushliteral(state, c"false"),
            ffi::LUA_TNUMBER | ffi::LUA_TSTRING => ffi::lua_pushvalue(state, index),
            kind => {
                let (name, address) = (
                    ffi::lua_typename(state, kind),
                    ffi::lua_topointer(state, index),
                );
                ffi::lua_pushfstring(state, c"%s: %p".as_ptr(), name, address);
            }
        }
    }
}
