//! Compiling text, never bytecode: Lua trusts bytecode, and a crafted piece of it reaches any
//! memory. `load` and `loadstring` of the sandbox, and the compiler of scripts, come by here.
//!
//! As in `base`, the functions may be left by a jump at any call and own nothing.
#![expect(unsafe_code, reason = "the Lua API is C functions over a raw state")]

use std::ffi::{c_char, c_int, c_void};

use mlua::ffi;

use super::pace::count_work;

/// The first byte of compiled Lua code.
const BYTECODE_MARK: u8 = 0x1b;

/// `loadstring(text [, name])`
pub(super) unsafe extern "C-unwind" fn loadstring(state: *mut ffi::lua_State) -> c_int {
    // SAFETY: standard calls; nothing is owned where they may jump.
    unsafe {
        let mut length = 0;
        let text = ffi::luaL_checklstring(state, 1, &raw mut length);
        let name = ffi::luaL_optlstring(state, 2, text, std::ptr::null_mut());
        let text = std::slice::from_raw_parts(text.cast::<u8>(), length);
        let status = load_text(state, text, name, Pace::Counted);
        finish_load(state, status)
    }
}

/// Whether compiling counts as work of the script that runs.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Pace {
    /// It is the script's: it looks around between two pieces of its text.
    Counted,
    /// It is not: the script that runs, if any, is another one.
    Free,
}

/// Bytes of a text that are compiled between two looks.
const PIECE_BYTES: usize = 1 << 12;

/// What a byte of a text is counted for.
const BYTE_UNITS: usize = 16;

/// A text that is handed to the parser in pieces.
struct Pieces {
    next: *const u8,
    left: usize,
    pace: Pace,
}

/// Compiles text, never bytecode; leaves the function or the error on top.
///
/// # Safety
/// `text` outlives the call; `name` is terminated. It may jump if memory is refused.
pub(super) unsafe fn load_text(
    state: *mut ffi::lua_State,
    text: &[u8],
    name: *const c_char,
    pace: Pace,
) -> c_int {
    // SAFETY: the caller's promise.
    unsafe {
        let mut pieces = Pieces {
            next: text.as_ptr(),
            left: text.len(),
            pace,
        };
        if text.first() != Some(&BYTECODE_MARK) {
            return ffi::lua_load(state, read_part, (&raw mut pieces).cast(), name);
        }
        // Lua takes bytecode for what begins with the mark, so a blank goes before it: the
        // parser then refuses the mark in its own words.
        ffi::lua_pushliteral(state, c" ");
        ffi::lua_pushlstring_(state, text.as_ptr().cast(), text.len());
        ffi::lua_concat(state, 2);
        pieces.next = ffi::lua_tolstring(state, -1, &raw mut pieces.left).cast();
        let status = ffi::lua_load(state, read_part, (&raw mut pieces).cast(), name);
        ffi::lua_remove(state, -2);
        status
    }
}

/// Hands the next piece of a text to the parser.
unsafe extern "C-unwind" fn read_part(
    state: *mut ffi::lua_State,
    pieces: *mut c_void,
    size: *mut usize,
) -> *const c_char {
    // SAFETY: lua_load passes on the pointer that `load_text` gave it; nothing is owned here.
    unsafe {
        let pieces = &mut *pieces.cast::<Pieces>();
        let piece = pieces.next;
        *size = pieces.left.min(PIECE_BYTES);
        if *size == 0 {
            return std::ptr::null();
        }
        if pieces.pace == Pace::Counted {
            count_work(state, *size * BYTE_UNITS);
        }
        pieces.next = piece.add(*size);
        pieces.left -= *size;
        piece.cast()
    }
}

unsafe fn finish_load(state: *mut ffi::lua_State, status: c_int) -> c_int {
    // SAFETY: the function or the error is on top.
    unsafe {
        if status == ffi::LUA_OK {
            return 1;
        }
        ffi::lua_pushnil(state);
        ffi::lua_insert(state, -2);
        2
    }
}

/// `load(function [, name])`
pub(super) unsafe extern "C-unwind" fn load(state: *mut ffi::lua_State) -> c_int {
    // SAFETY: standard calls; the reader is used only during lua_load.
    unsafe {
        ffi::luaL_checktype(state, 1, ffi::LUA_TFUNCTION);
        let name = ffi::luaL_optlstring(state, 2, c"=(load)".as_ptr(), std::ptr::null_mut());
        ffi::lua_settop(state, 3);
        let mut is_first = true;
        let status = ffi::lua_load(state, read_piece, (&raw mut is_first).cast(), name);
        finish_load(state, status)
    }
}

/// Calls the function at 1 for the next piece and keeps it at 3 while the parser reads it.
unsafe extern "C-unwind" fn read_piece(
    state: *mut ffi::lua_State,
    is_first: *mut c_void,
    size: *mut usize,
) -> *const c_char {
    // SAFETY: lua_load passes on the pointer that `load` gave it.
    unsafe {
        ffi::luaL_checkstack_(state, 3, c"too many nested functions".as_ptr());
        ffi::lua_pushvalue(state, 1);
        ffi::lua_call(state, 0, 1);
        if ffi::lua_type(state, -1) == ffi::LUA_TNIL {
            *size = 0;
            return std::ptr::null();
        }
        if ffi::lua_isstring(state, -1) == 0 {
            ffi::luaL_error(state, c"reader function must return a string".as_ptr());
        }
        ffi::lua_replace(state, 3);
        let piece = ffi::lua_tolstring(state, 3, size);
        let is_first = is_first.cast::<bool>();
        if *size == 0 || !*is_first || *piece.cast::<u8>() != BYTECODE_MARK {
            *is_first = false;
            return piece;
        }
        *is_first = false;
        ffi::lua_pushliteral(state, c" ");
        ffi::lua_pushvalue(state, 3);
        ffi::lua_concat(state, 2);
        ffi::lua_replace(state, 3);
        ffi::lua_tolstring(state, 3, size)
    }
}
