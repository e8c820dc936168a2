//! The functions of Lua's base library that the sandbox replaces, and read-only tables.
//!
//! Lua 5.1 knows no read-only table. A script is handed an empty stand-in whose metatable leads
//! reads to the real table and refuses writes; the functions that look past metatables (`next`,
//! `rawset`, `getmetatable`, `table.insert`, ...) are replaced by ones that know stand-ins.
//! `load` and `loadstring` are replaced because the originals take bytecode (see `load`). What may
//! take long is replaced in `matching`, `tables` and `text`, or counted here.
//!
//! Unlike a [`super::stack::Body`], the functions here may run Lua code and may be left by a
//! jump at any call: they own nothing.
#![expect(unsafe_code, reason = "the Lua API is C functions over a raw state")]

use std::ffi::{CStr, c_int};

use mlua::ffi;

use super::describe::describe_error;
use super::stack::host_of;
use super::{load, pace};

const READ_ONLY: &CStr = c"Attempt to modify a readonly table";

/// Its address marks, in the metatable of a stand-in, the real table.
static REAL: u8 = 0;
/// Its address marks what `getmetatable` shows for a stand-in.
static SHOWN: u8 = 0;

/// The replacements in the globals.
pub(super) const GLOBALS: &[(&CStr, ffi::lua_CFunction)] = &[
    (c"getmetatable", getmetatable),
    (c"load", load::load),
    (c"loadstring", load::loadstring),
    (c"next", next),
    (c"pairs", pairs),
    (c"pcall", pcall),
    (c"rawget", rawget),
    (c"rawset", rawset),
    (c"setmetatable", setmetatable),
    (c"xpcall", xpcall),
    (c"__redis__err__handler", describe_error),
];

/// Replaces the table on top by its stand-in; `getmetatable` shows the value below it, which
/// is taken too.
///
/// # Safety
/// Two values, a table on top; allocations must not be refused.
pub(super) unsafe fn protect(state: *mut ffi::lua_State) {
    // SAFETY: the caller's promise; raw access only.
    unsafe {
        ffi::lua_checkstack(state, 6);
        let real = ffi::lua_gettop(state);
        ffi::lua_createtable(state, 0, 0);
        ffi::lua_createtable(state, 0, 4);
        let meta = ffi::lua_gettop(state);
        ffi::lua_pushvalue(state, real);
        ffi::lua_setfield(state, meta, c"__index".as_ptr());
        ffi::lua_pushcfunction(state, refuse_write);
        ffi::lua_setfield(state, meta, c"__newindex".as_ptr());
        for (mark, value) in [(&raw const REAL, real), (&raw const SHOWN, real - 1)] {
            ffi::lua_pushlightuserdata(state, mark.cast_mut().cast());
            ffi::lua_pushvalue(state, value);
            ffi::lua_rawset(state, meta);
        }
        ffi::lua_setmetatable(state, -2);
        ffi::lua_replace(state, real - 1);
        ffi::lua_settop(state, real - 1);
    }
}

/// Pushes the real table if the value at `index` is a stand-in.
///
/// # Safety
/// An acceptable index, room for three values, and allocations granted.
pub(super) unsafe fn push_real(state: *mut ffi::lua_State, index: c_int) -> bool {
    // SAFETY: the caller's promise.
    unsafe { push_marked(state, index, &raw const REAL) }
}

/// Pushes what `mark` leads to if the value at `index` is a stand-in.
unsafe fn push_marked(state: *mut ffi::lua_State, index: c_int, mark: *const u8) -> bool {
    // SAFETY: called with an acceptable index and room on the stack.
    unsafe {
        if ffi::lua_type(state, index) != ffi::LUA_TTABLE
            || ffi::lua_getmetatable(state, index) == 0
        {
            return false;
        }
        ffi::lua_pushlightuserdata(state, (&raw const REAL).cast_mut().cast());
        ffi::lua_rawget_(state, -2);
        if ffi::lua_type(state, -1) == ffi::LUA_TNIL {
            ffi::lua_settop(state, -3);
            return false;
        }
        if mark != &raw const REAL {
            ffi::lua_settop(state, -2);
            ffi::lua_pushlightuserdata(state, mark.cast_mut().cast());
            ffi::lua_rawget_(state, -2);
        }
        ffi::lua_remove(state, -2);
        true
    }
}

/// Whether the value at `index` is a stand-in.
///
/// # Safety
/// As [`push_real`].
pub(super) unsafe fn is_read_only(state: *mut ffi::lua_State, index: c_int) -> bool {
    // SAFETY: the caller's promise.
    unsafe {
        let is_stand_in = push_real(state, index);
        if is_stand_in {
            ffi::lua_settop(state, -2);
        }
        is_stand_in
    }
}

/// Puts the real table in the place of a stand-in; tells whether there was one.
///
/// # Safety
/// As [`push_real`]; `index` counts from the bottom.
pub(super) unsafe fn resolve(state: *mut ffi::lua_State, index: c_int) -> bool {
    // SAFETY: as `push_marked`; `index` counts from the bottom.
    unsafe {
        let is_stand_in = push_marked(state, index, &raw const REAL);
        if is_stand_in {
            ffi::lua_replace(state, index);
        }
        is_stand_in
    }
}

/// Raises that a read-only table would be changed.
///
/// # Safety
/// Nothing is owned where this jumps.
pub(super) unsafe fn raise_read_only(state: *mut ffi::lua_State) -> c_int {
    // SAFETY: Lua calls this with room on the stack.
    unsafe {
        ffi::lua_pushliteral(state, READ_ONLY);
        ffi::lua_error(state)
    }
}

unsafe extern "C-unwind" fn refuse_write(state: *mut ffi::lua_State) -> c_int {
    // SAFETY: the text has no format directive.
    unsafe { ffi::luaL_error(state, READ_ONLY.as_ptr()) }
}

/// The `__index` of the globals' metatable.
pub(super) unsafe extern "C-unwind" fn refuse_unknown_global(state: *mut ffi::lua_State) -> c_int {
    // SAFETY: the arguments are the table and the name; the format takes one string.
    unsafe {
        ffi::luaL_error(
            state,
            c"Script attempted to access nonexistent global variable '%s'".as_ptr(),
            ffi::lua_tolstring(state, 2, std::ptr::null_mut()),
        )
    }
}

unsafe extern "C-unwind" fn getmetatable(state: *mut ffi::lua_State) -> c_int {
    // SAFETY: standard calls; nothing is owned where they may jump.
    unsafe {
        ffi::luaL_checkany(state, 1);
        if push_marked(state, 1, &raw const SHOWN) {
            return 1;
        }
        if ffi::lua_type(state, 1) == ffi::LUA_TSTRING {
            // What strings show is kept in the registry, as their real metatable is writable.
            ffi::lua_getfield_(state, ffi::LUA_REGISTRYINDEX, STRING_META.as_ptr());
            return 1;
        }
        if ffi::lua_getmetatable(state, 1) == 0 {
            ffi::lua_pushnil(state);
            return 1;
        }
        ffi::luaL_getmetafield_(state, 1, c"__metatable".as_ptr());
        1
    }
}

/// The registry field with the stand-in for the metatable of strings.
pub(super) const STRING_META: &CStr = c"string metatable";

unsafe extern "C-unwind" fn setmetatable(state: *mut ffi::lua_State) -> c_int {
    // SAFETY: as above.
    unsafe {
        let kind = ffi::lua_type(state, 2);
        ffi::luaL_checktype(state, 1, ffi::LUA_TTABLE);
        ffi::luaL_argcheck(
            state,
            c_int::from(kind == ffi::LUA_TNIL || kind == ffi::LUA_TTABLE),
            2,
            c"nil or table expected".as_ptr(),
        );
        if push_marked(state, 1, &raw const REAL) {
            return raise_read_only(state);
        }
        if ffi::luaL_getmetafield_(state, 1, c"__metatable".as_ptr()) != 0 {
            return ffi::luaL_error(state, c"cannot change a protected metatable".as_ptr());
        }
        ffi::lua_settop(state, 2);
        ffi::lua_setmetatable(state, 1);
        1
    }
}

unsafe extern "C-unwind" fn rawget(state: *mut ffi::lua_State) -> c_int {
    // SAFETY: as above.
    unsafe {
        ffi::luaL_checktype(state, 1, ffi::LUA_TTABLE);
        ffi::luaL_checkany(state, 2);
        ffi::lua_settop(state, 2);
        resolve(state, 1);
        ffi::lua_rawget_(state, 1);
        1
    }
}

unsafe extern "C-unwind" fn rawset(state: *mut ffi::lua_State) -> c_int {
    // SAFETY: as above.
    unsafe {
        ffi::luaL_checktype(state, 1, ffi::LUA_TTABLE);
        ffi::luaL_checkany(state, 2);
        ffi::luaL_checkany(state, 3);
        ffi::lua_settop(state, 3);
        if push_marked(state, 1, &raw const REAL) {
            return raise_read_only(state);
        }
        ffi::lua_rawset(state, 1);
        1
    }
}

unsafe extern "C-unwind" fn next(state: *mut ffi::lua_State) -> c_int {
    // SAFETY: as above; a key that is not in the table makes lua_next raise.
    unsafe {
        ffi::luaL_checktype(state, 1, ffi::LUA_TTABLE);
        ffi::lua_settop(state, 2);
        resolve(state, 1);
        if ffi::lua_next(state, 1) != 0 {
            return 2;
        }
        ffi::lua_pushnil(state);
        1
    }
}

unsafe extern "C-unwind" fn pairs(state: *mut ffi::lua_State) -> c_int {
    // SAFETY: as above.
    unsafe {
        ffi::luaL_checktype(state, 1, ffi::LUA_TTABLE);
        ffi::lua_pushcfunction(state, next);
        ffi::lua_pushvalue(state, 1);
        ffi::lua_pushnil(state);
        3
    }
}

/// Redis hands a caught error table on as its `err` text.
unsafe extern "C-unwind" fn pcall(state: *mut ffi::lua_State) -> c_int {
    // SAFETY: as above; the error of a failed call is on top.
    unsafe {
        if ffi::lua_gettop(state) == 0 {
            ffi::lua_pushboolean(state, 0);
            ffi::lua_pushliteral(state, c"attempt to call a nil value");
            return 2;
        }
        let arguments = ffi::lua_gettop(state) - 1;
        let status = ffi::lua_pcall(state, arguments, ffi::LUA_MULTRET, 0);
        ensure_room(state);
        if status == ffi::LUA_OK {
            ffi::lua_pushboolean(state, 1);
            ffi::lua_insert(state, 1);
            return ffi::lua_gettop(state);
        }
        if ffi::lua_type(state, -1) == ffi::LUA_TTABLE {
            ffi::lua_getfield_(state, -1, c"err".as_ptr());
            if ffi::lua_isstring(state, -1) == 0 {
                ffi::lua_settop(state, -2);
            }
        }
        ffi::lua_pushboolean(state, 0);
        ffi::lua_insert(state, -2);
        2
    }
}

/// As Lua's own, which writes its answer past the end of a full stack.
unsafe extern "C-unwind" fn xpcall(state: *mut ffi::lua_State) -> c_int {
    // SAFETY: as above.
    unsafe {
        ffi::luaL_checkany(state, 2);
        ffi::lua_settop(state, 2);
        ffi::lua_insert(state, 1);
        let status = ffi::lua_pcall(state, 0, ffi::LUA_MULTRET, 1);
        ensure_room(state);
        ffi::lua_pushboolean(state, c_int::from(status == ffi::LUA_OK));
        ffi::lua_replace(state, 1);
        ffi::lua_gettop(state)
    }
}

/// The results of a call may have filled the stack to its last place.
unsafe fn ensure_room(state: *mut ffi::lua_State) {
    // SAFETY: nothing is owned where this jumps.
    unsafe {
        if ffi::lua_checkstack(state, 2) == 0 {
            ffi::luaL_error(state, c"stack overflow".as_ptr());
        }
    }
}

/// What an argument is counted for, beside its bytes, by a function that goes over it once:
/// `string.format` writes a number with hundreds of digits.
const ARGUMENT_UNITS: usize = 1 << 10;

/// Functions of Lua's own that go over their arguments once, which is counted: the library, or
/// nothing for the globals, and the name.
pub(super) const COUNTED: [(Option<&CStr>, &CStr); 6] = [
    (None, c"tonumber"),
    (Some(c"math"), c"max"),
    (Some(c"math"), c"min"),
    (Some(c"string"), c"char"),
    (Some(c"string"), c"dump"),
    (Some(c"string"), c"format"),
];

/// Calls the function that is its upvalue, in its own place, and counts what it is given.
pub(super) unsafe extern "C-unwind" fn counted(state: *mut ffi::lua_State) -> c_int {
    // SAFETY: as above; the upvalue is a C function.
    unsafe {
        let mut units = 0;
        for index in 1..=ffi::lua_gettop(state) {
            units += ARGUMENT_UNITS;
            if ffi::lua_type(state, index) == ffi::LUA_TSTRING {
                units += ffi::lua_objlen(state, index);
            }
        }
        pace::count_work(state, units);
        pace::call_original(state)
    }
}

/// `collectgarbage(...)`; the upvalue is Lua's own, which may go over all that the script holds.
pub(super) unsafe extern "C-unwind" fn collectgarbage(state: *mut ffi::lua_State) -> c_int {
    // SAFETY: as above.
    unsafe {
        pace::count_work(state, host_of(state).memory.used_bytes());
        pace::call_original(state)
    }
}
