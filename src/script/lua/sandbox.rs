//! What a script finds: the globals of Redis's Lua, each table read-only.
//!
//! The set of names is Redis 7.0.15's, to the last one; a test compares it.
#![expect(unsafe_code, reason = "the Lua API is C functions over a raw state")]

use std::ffi::CStr;

use mlua::ffi;

use super::stack::{Body, Stack, push_function};
use super::{api, base, bit, cjson, cmsgpack, matching, pace, random, struct_pack, tables, text};

/// Names of Lua's base library that scripts do not have.
const REMOVED: [&CStr; 6] = [
    c"dofile",
    c"getfenv",
    c"loadfile",
    c"newproxy",
    c"print",
    c"setfenv",
];

/// The tables among the globals.
const TABLES: [&CStr; 9] = [
    c"bit",
    c"cjson",
    c"cmsgpack",
    c"coroutine",
    c"math",
    c"redis",
    c"string",
    c"struct",
    c"table",
];

/// Fills a new state; afterwards the registry field [`GLOBALS`] holds the real globals.
///
/// # Safety
/// `state` must be new and `stack` a view of it with allocations granted.
pub(super) unsafe fn build(state: *mut ffi::lua_State, stack: &Stack) {
    // SAFETY: the libraries are opened as the Lua manual says; nothing else touches the state.
    unsafe {
        for open in [
            ffi::luaopen_base,
            ffi::luaopen_table,
            ffi::luaopen_string,
            ffi::luaopen_math,
        ] {
            ffi::lua_pushcfunction(state, open);
            ffi::lua_call(state, 0, 0);
        }
        ffi::lua_pushvalue(state, ffi::LUA_GLOBALSINDEX);
        ffi::lua_setfield(state, ffi::LUA_REGISTRYINDEX, GLOBALS.as_ptr());
        for name in REMOVED {
            ffi::lua_pushnil(state);
            ffi::lua_setfield(state, ffi::LUA_GLOBALSINDEX, name.as_ptr());
        }
        for (name, function) in base::GLOBALS {
            ffi::lua_pushcfunction(state, *function);
            ffi::lua_setfield(state, ffi::LUA_GLOBALSINDEX, name.as_ptr());
        }
        replace_functions(state, stack);
        ffi::lua_settop(state, 0);
        add_modules(state, stack);
        protect_tables(state);
        protect_globals(state);
        ffi::lua_settop(state, 0);
    }
}

/// Puts functions that look around in the places of those that would not.
unsafe fn replace_functions(state: *mut ffi::lua_State, stack: &Stack) {
    // SAFETY: every library is a table among the globals, and allocations are granted.
    unsafe {
        for (library, functions, bodies) in [
            (c"string", matching::FUNCTIONS, text::STRING),
            (c"table", tables::FUNCTIONS, text::TABLE),
        ] {
            ffi::lua_getfield_(state, ffi::LUA_GLOBALSINDEX, library.as_ptr());
            for (name, function) in functions {
                ffi::lua_pushcfunction(state, *function);
                ffi::lua_setfield(state, -2, name.as_ptr());
            }
            add_functions(stack, bodies);
        }
        for (library, name) in base::COUNTED {
            wrap(state, library, name, base::counted);
        }
        wrap(state, None, c"collectgarbage", base::collectgarbage);
        wrap(state, Some(c"coroutine"), c"create", pace::create);
        wrap(state, Some(c"coroutine"), c"wrap", pace::wrap);
    }
}

/// Puts `wrapper` in the place of a function, which becomes its upvalue.
unsafe fn wrap(
    state: *mut ffi::lua_State,
    library: Option<&CStr>,
    name: &CStr,
    wrapper: ffi::lua_CFunction,
) {
    // SAFETY: as above.
    unsafe {
        match library {
            Some(library) => {
                ffi::lua_getfield_(state, ffi::LUA_GLOBALSINDEX, library.as_ptr());
            }
            None => ffi::lua_pushvalue(state, ffi::LUA_GLOBALSINDEX),
        }
        ffi::lua_getfield_(state, -1, name.as_ptr());
        ffi::lua_pushcclosure(state, wrapper, 1);
        ffi::lua_setfield(state, -2, name.as_ptr());
        ffi::lua_settop(state, -2);
    }
}

/// The registry field with the real globals.
pub(super) const GLOBALS: &CStr = c"globals";

unsafe fn add_modules(state: *mut ffi::lua_State, stack: &Stack) {
    let set_global = |name: &CStr| {
        // SAFETY: the module is on top.
        unsafe { ffi::lua_setfield(state, ffi::LUA_GLOBALSINDEX, name.as_ptr()) }
    };
    cjson::push_global(stack);
    set_global(c"cjson");
    stack.pop(1);
    cmsgpack::push_module(stack);
    set_global(c"cmsgpack");
    stack.push_table(0, bit::FUNCTIONS.len());
    add_functions(stack, bit::FUNCTIONS);
    set_global(c"bit");
    stack.push_table(0, struct_pack::FUNCTIONS.len());
    add_functions(stack, struct_pack::FUNCTIONS);
    set_global(c"struct");
    stack.push_table(0, 32);
    add_functions(stack, api::FUNCTIONS);
    for (name, number) in api::NUMBERS {
        stack.push_number(*number);
        stack.set_field(-2, name);
    }
    stack.push_bytes(api::REDIS_VERSION.as_bytes());
    stack.set_field(-2, "REDIS_VERSION");
    set_global(c"redis");
    // SAFETY: math was opened before.
    unsafe { ffi::lua_getfield_(state, ffi::LUA_GLOBALSINDEX, c"math".as_ptr()) };
    add_functions(
        stack,
        &[
            ("random", random::random),
            ("randomseed", random::randomseed),
        ],
    );
    stack.pop(1);
}

fn add_functions(stack: &Stack, functions: &[(&str, Body)]) {
    for (name, body) in functions {
        push_function(stack, *body, 0);
        stack.set_field(-2, name);
    }
}

unsafe fn protect_tables(state: *mut ffi::lua_State) {
    // SAFETY: every name is a table among the globals.
    unsafe {
        for name in TABLES {
            ffi::lua_pushnil(state);
            ffi::lua_getfield_(state, ffi::LUA_GLOBALSINDEX, name.as_ptr());
            base::protect(state);
            ffi::lua_setfield(state, ffi::LUA_GLOBALSINDEX, name.as_ptr());
        }
        // Strings index the stand-in, so that `getmetatable("").__index` gives nothing away.
        ffi::lua_pushnil(state);
        ffi::lua_pushliteral(state, c"");
        ffi::lua_getmetatable(state, -1);
        ffi::lua_remove(state, -2);
        ffi::lua_getfield_(state, ffi::LUA_GLOBALSINDEX, c"string".as_ptr());
        ffi::lua_setfield(state, -2, c"__index".as_ptr());
        base::protect(state);
        ffi::lua_setfield(state, ffi::LUA_REGISTRYINDEX, base::STRING_META.as_ptr());
    }
}

unsafe fn protect_globals(state: *mut ffi::lua_State) {
    // SAFETY: the globals are a table; raw access and plain calls.
    unsafe {
        ffi::lua_createtable(state, 0, 1);
        ffi::lua_pushcfunction(state, base::refuse_unknown_global);
        ffi::lua_setfield(state, -2, c"__index".as_ptr());
        ffi::lua_pushvalue(state, ffi::LUA_GLOBALSINDEX);
        ffi::lua_pushvalue(state, -2);
        ffi::lua_setmetatable(state, -2);
        // From here: the metatable and the real globals, in that order.
        ffi::lua_pushnil(state);
        ffi::lua_pushvalue(state, -3);
        base::protect(state);
        ffi::lua_replace(state, -3);
        base::protect(state);
        ffi::lua_pushliteral(state, c"_G");
        ffi::lua_pushvalue(state, -2);
        ffi::lua_rawset(state, ffi::LUA_GLOBALSINDEX);
        ffi::lua_replace(state, ffi::LUA_GLOBALSINDEX);
    }
}
