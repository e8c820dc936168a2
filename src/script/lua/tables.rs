//! The functions of `table` that go over a whole table, which look around on the way; those that
//! write know read-only tables.
//!
//! They are those of Lua 5.1, step for step: what an order that is none makes of a list, and where a
//! list with holes ends, is a script's to see. As in `base`, they may run Lua code and may be left
//! by a jump at any call: they own nothing.
#![expect(unsafe_code, reason = "the Lua API is C functions over a raw state")]

use std::ffi::{CStr, c_int};

use mlua::ffi;

use super::base::{is_read_only, raise_read_only, resolve};
use super::pace::count_work;

/// The functions, by name.
pub(super) const FUNCTIONS: &[(&CStr, ffi::lua_CFunction)] = &[
    (c"foreach", foreach),
    (c"foreachi", foreachi),
    (c"insert", insert),
    (c"maxn", maxn),
    (c"remove", remove),
    (c"sort", sort),
];

/// What an item is counted for that is moved or looked at.
const ITEM_UNITS: usize = 8;

/// What a call is counted for: a function in C may be called, which calls no hook.
const CALL_UNITS: usize = 64;

/// Bytes that are compared in the time of a unit.
const COMPARED_BYTES: usize = 8;

/// The length of the list that is the first argument.
unsafe fn length(state: *mut ffi::lua_State) -> c_int {
    // SAFETY: standard calls; nothing is owned where they may jump.
    unsafe {
        ffi::luaL_checktype(state, 1, ffi::LUA_TTABLE);
        ffi::lua_objlen(state, 1) as c_int
    }
}

unsafe extern "C-unwind" fn foreach(state: *mut ffi::lua_State) -> c_int {
    // SAFETY: as above.
    unsafe {
        ffi::luaL_checktype(state, 1, ffi::LUA_TTABLE);
        ffi::luaL_checktype(state, 2, ffi::LUA_TFUNCTION);
        resolve(state, 1);
        ffi::lua_pushnil(state);
        while ffi::lua_next(state, 1) != 0 {
            count_work(state, CALL_UNITS);
            ffi::lua_pushvalue(state, 2);
            ffi::lua_pushvalue(state, -3);
            ffi::lua_pushvalue(state, -3);
            ffi::lua_call(state, 2, 1);
            if ffi::lua_type(state, -1) != ffi::LUA_TNIL {
                return 1;
            }
            ffi::lua_settop(state, -3);
        }
        0
    }
}

unsafe extern "C-unwind" fn foreachi(state: *mut ffi::lua_State) -> c_int {
    // SAFETY: as above.
    unsafe {
        let length = length(state);
        ffi::luaL_checktype(state, 2, ffi::LUA_TFUNCTION);
        for place in 1..=length {
            count_work(state, CALL_UNITS);
            ffi::lua_pushvalue(state, 2);
            ffi::lua_pushinteger(state, ffi::lua_Integer::from(place));
            ffi::lua_rawgeti_(state, 1, place);
            ffi::lua_call(state, 2, 1);
            if ffi::lua_type(state, -1) != ffi::LUA_TNIL {
                return 1;
            }
            ffi::lua_settop(state, -2);
        }
        0
    }
}

unsafe extern "C-unwind" fn maxn(state: *mut ffi::lua_State) -> c_int {
    // SAFETY: as above.
    unsafe {
        ffi::luaL_checktype(state, 1, ffi::LUA_TTABLE);
        let mut most = 0.0;
        ffi::lua_pushnil(state);
        while ffi::lua_next(state, 1) != 0 {
            count_work(state, ITEM_UNITS);
            ffi::lua_settop(state, -2);
            if ffi::lua_type(state, -1) == ffi::LUA_TNUMBER {
                let key = ffi::lua_tonumber(state, -1);
                if key > most {
                    most = key;
                }
            }
        }
        ffi::lua_pushnumber(state, most);
        1
    }
}

unsafe extern "C-unwind" fn insert(state: *mut ffi::lua_State) -> c_int {
    // SAFETY: as above.
    unsafe {
        let mut end = length(state).wrapping_add(1);
        let place = match ffi::lua_gettop(state) {
            2 => end,
            3 => {
                let place = ffi::luaL_checkinteger(state, 2) as c_int;
                end = end.max(place);
                place
            }
            _ => return ffi::luaL_error(state, c"wrong number of arguments to 'insert'".as_ptr()),
        };
        if is_read_only(state, 1) {
            return raise_read_only(state);
        }
        while end > place {
            count_work(state, ITEM_UNITS);
            ffi::lua_rawgeti_(state, 1, end - 1);
            ffi::lua_rawseti_(state, 1, end);
            end -= 1;
        }
        ffi::lua_rawseti_(state, 1, place);
        0
    }
}

unsafe extern "C-unwind" fn remove(state: *mut ffi::lua_State) -> c_int {
    // SAFETY: as above.
    unsafe {
        let end = length(state);
        let mut place = ffi::luaL_optinteger(state, 2, ffi::lua_Integer::from(end)) as c_int;
        if !(1..=end).contains(&place) {
            return 0;
        }
        ffi::lua_rawgeti_(state, 1, place);
        while place < end {
            count_work(state, ITEM_UNITS);
            ffi::lua_rawgeti_(state, 1, place + 1);
            ffi::lua_rawseti_(state, 1, place);
            place += 1;
        }
        ffi::lua_pushnil(state);
        ffi::lua_rawseti_(state, 1, end);
        1
    }
}

unsafe extern "C-unwind" fn sort(state: *mut ffi::lua_State) -> c_int {
    // SAFETY: as above. The stack suffices for a recursion into the smaller half each time.
    unsafe {
        let length = length(state);
        ffi::luaL_checkstack_(state, 40, c"".as_ptr());
        if !matches!(ffi::lua_type(state, 2), ffi::LUA_TNONE | ffi::LUA_TNIL) {
            ffi::luaL_checktype(state, 2, ffi::LUA_TFUNCTION);
        }
        ffi::lua_settop(state, 2);
        sort_range(state, 1, length);
        0
    }
}

/// Whether the value at `left` comes before that at `right`; both count from the top.
unsafe fn is_less(state: *mut ffi::lua_State, left: c_int, right: c_int) -> bool {
    // SAFETY: as above.
    unsafe {
        if ffi::lua_type(state, 2) == ffi::LUA_TNIL {
            let bytes = match ffi::lua_type(state, left) {
                ffi::LUA_TSTRING => ffi::lua_objlen(state, left),
                _ => 0,
            };
            count_work(state, ITEM_UNITS + bytes / COMPARED_BYTES);
            return ffi::lua_lessthan(state, left, right) != 0;
        }
        count_work(state, CALL_UNITS);
        // Each push moves the others one further from the top.
        ffi::lua_pushvalue(state, 2);
        ffi::lua_pushvalue(state, left - 1);
        ffi::lua_pushvalue(state, right - 2);
        ffi::lua_call(state, 2, 1);
        let is_less = ffi::lua_toboolean(state, -1) != 0;
        ffi::lua_settop(state, -2);
        is_less
    }
}

/// Takes the two values on top as items: the upper one at `first`, the lower one at `second`.
unsafe fn set_two(state: *mut ffi::lua_State, first: c_int, second: c_int) {
    // SAFETY: as above.
    unsafe {
        ffi::lua_rawseti_(state, 1, first);
        ffi::lua_rawseti_(state, 1, second);
    }
}

/// Lua's quicksort: the order of items that are equal, and what a bad comparison makes of the list,
/// are those of its steps.
unsafe fn sort_range(state: *mut ffi::lua_State, mut low: c_int, mut high: c_int) {
    // SAFETY: as above.
    unsafe {
        while low < high {
            ffi::lua_rawgeti_(state, 1, low);
            ffi::lua_rawgeti_(state, 1, high);
            if is_less(state, -1, -2) {
                set_two(state, low, high);
            } else {
                ffi::lua_settop(state, -3);
            }
            if high - low == 1 {
                return;
            }
            let middle = ((i64::from(low) + i64::from(high)) / 2) as c_int;
            ffi::lua_rawgeti_(state, 1, middle);
            ffi::lua_rawgeti_(state, 1, low);
            if is_less(state, -2, -1) {
                set_two(state, middle, low);
            } else {
                ffi::lua_settop(state, -2);
                ffi::lua_rawgeti_(state, 1, high);
                if is_less(state, -1, -2) {
                    set_two(state, middle, high);
                } else {
                    ffi::lua_settop(state, -3);
                }
            }
            if high - low == 2 {
                return;
            }
            let middle = partition(state, low, high, middle);
            // The smaller half by recursion, the larger one by the loop.
            if middle - low < high - middle {
                sort_range(state, low, middle - 1);
                low = middle + 1;
            } else {
                sort_range(state, middle + 1, high);
                high = middle - 1;
            }
        }
    }
}

/// Moves what is less than the pivot in front of it and the rest behind; tells where it is then.
unsafe fn partition(state: *mut ffi::lua_State, low: c_int, high: c_int, middle: c_int) -> c_int {
    const BAD_ORDER: &CStr = c"invalid order function for sorting";
    // SAFETY: as above.
    unsafe {
        ffi::lua_rawgeti_(state, 1, middle);
        ffi::lua_pushvalue(state, -1);
        ffi::lua_rawgeti_(state, 1, high - 1);
        set_two(state, middle, high - 1);
        let (mut left, mut right) = (low, high - 1);
        loop {
            left += 1;
            ffi::lua_rawgeti_(state, 1, left);
            while is_less(state, -1, -2) {
                if left > high {
                    ffi::luaL_error(state, BAD_ORDER.as_ptr());
                }
                ffi::lua_settop(state, -2);
                left += 1;
                ffi::lua_rawgeti_(state, 1, left);
            }
            right -= 1;
            ffi::lua_rawgeti_(state, 1, right);
            while is_less(state, -3, -1) {
                if right < low {
                    ffi::luaL_error(state, BAD_ORDER.as_ptr());
                }
                ffi::lua_settop(state, -2);
                right -= 1;
                ffi::lua_rawgeti_(state, 1, right);
            }
            if right < left {
                ffi::lua_settop(state, -4);
                break;
            }
            set_two(state, left, right);
        }
        ffi::lua_rawgeti_(state, 1, high - 1);
        ffi::lua_rawgeti_(state, 1, left);
        set_two(state, high - 1, left);
        left
    }
}
