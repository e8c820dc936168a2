//! `string.find`, `match`, `gmatch` and `gsub`, which look around while they match.
//!
//! As in `base`, the functions may run Lua code and may be left by a jump at any call: they own
//! nothing.
#![expect(unsafe_code, reason = "the Lua API is C functions over a raw state")]

use std::ffi::{CStr, c_int};
use std::mem::MaybeUninit;

use mlua::ffi;

use super::Pulse;
use super::pace::{count_work, end_script};
use super::pattern::{self, Capture, Matcher, STEPS, Stop};
use super::stack::host_of;

/// The functions, by name.
pub(super) const FUNCTIONS: &[(&CStr, ffi::lua_CFunction)] = &[
    (c"find", find),
    (c"gfind", gmatch),
    (c"gmatch", gmatch),
    (c"gsub", gsub),
    (c"match", first_match),
];

/// Bytes that are added to a buffer between two looks.
const PIECE_BYTES: usize = 1 << 16;

/// What is counted for each byte that is added to a buffer: Lua adds them one by one.
const ADDED_UNITS: usize = 2;

/// The bytes of the string at `index`, which must stay where it is.
unsafe fn bytes<'s>(state: *mut ffi::lua_State, index: c_int) -> &'s [u8] {
    // SAFETY: Lua keeps the bytes in place while the value is there.
    unsafe {
        let mut length = 0;
        let start = ffi::luaL_checklstring(state, index, &raw mut length);
        std::slice::from_raw_parts(start.cast::<u8>(), length)
    }
}

/// What a matcher calls: `false` once the script must end.
fn watch(state: *mut ffi::lua_State) -> impl FnMut() -> bool {
    // SAFETY: the state of the running function has a host.
    let host = unsafe { host_of(state) };
    move || host.work(STEPS as usize * MATCH_UNITS) == Pulse::Continue
}

/// What is counted for a step of a matcher.
const MATCH_UNITS: usize = 4;

/// The result, or its error raised.
unsafe fn or_raise<T>(state: *mut ffi::lua_State, result: Result<T, Stop>) -> T {
    match result {
        Ok(value) => value,
        // SAFETY: nothing is owned where this jumps; the texts have no arguments.
        Err(stop) => unsafe {
            if let Stop::Malformed(text) = stop {
                ffi::luaL_error(state, text.as_ptr());
            }
            loop {
                end_script(state);
            }
        },
    }
}

unsafe extern "C-unwind" fn find(state: *mut ffi::lua_State) -> c_int {
    // SAFETY: standard calls; nothing is owned where they may jump.
    unsafe {
        let (text, pattern) = (bytes(state, 1), bytes(state, 2));
        let start = start_of(state, text);
        if ffi::lua_toboolean(state, 4) == 0 && !pattern::is_plain(pattern) {
            return search(state, text, pattern, start, Wanted::Places);
        }
        let found = pattern::find_plain(&text[start..], pattern, watch(state));
        match or_raise(state, found) {
            Some(place) => {
                push_integer(state, start + place + 1);
                push_integer(state, start + place + pattern.len());
                2
            }
            None => {
                ffi::lua_pushnil(state);
                1
            }
        }
    }
}

unsafe extern "C-unwind" fn first_match(state: *mut ffi::lua_State) -> c_int {
    // SAFETY: as above.
    unsafe {
        let (text, pattern) = (bytes(state, 1), bytes(state, 2));
        let start = start_of(state, text);
        search(state, text, pattern, start, Wanted::Texts)
    }
}

/// The optional third argument: where to begin, counted from 1 or from the end.
unsafe fn start_of(state: *mut ffi::lua_State, text: &[u8]) -> usize {
    // SAFETY: as above.
    let given = unsafe { ffi::luaL_optinteger(state, 3, 1) };
    let from_start = match usize::try_from(given) {
        Ok(place) => place,
        Err(_) => {
            let from_end = usize::try_from(given.unsigned_abs()).unwrap_or(usize::MAX);
            (text.len() + 1).saturating_sub(from_end)
        }
    };
    from_start.saturating_sub(1).min(text.len())
}

/// What a search pushes before the captures.
#[derive(Clone, Copy, PartialEq)]
enum Wanted {
    /// Where the match begins and ends.
    Places,
    /// The whole match, if there are no captures.
    Texts,
}

unsafe fn search(
    state: *mut ffi::lua_State,
    text: &[u8],
    pattern: &[u8],
    start: usize,
    wanted: Wanted,
) -> c_int {
    // SAFETY: as above.
    unsafe {
        let matcher = Matcher::new(text, pattern, true, watch(state));
        let mut matcher = or_raise(state, matcher);
        let found = matcher.find_from(start);
        let Some(place) = or_raise(state, found) else {
            ffi::lua_pushnil(state);
            return 1;
        };
        if wanted == Wanted::Texts {
            return push_captures(state, &matcher, text, place);
        }
        push_integer(state, place.0 + 1);
        push_integer(state, place.1);
        match matcher.capture_count() {
            0 => 2,
            _ => 2 + push_captures(state, &matcher, text, place),
        }
    }
}

/// Pushes the captures of a match, or the whole of it if there are none.
unsafe fn push_captures<W: FnMut() -> bool>(
    state: *mut ffi::lua_State,
    matcher: &Matcher<'_, W>,
    text: &[u8],
    place: (usize, usize),
) -> c_int {
    let count = matcher.capture_count().max(1);
    // SAFETY: as above.
    unsafe {
        ffi::luaL_checkstack_(state, count as c_int, c"too many captures".as_ptr());
        for index in 0..count {
            push_capture(state, matcher, text, (index, place));
        }
    }
    count as c_int
}

unsafe fn push_capture<W: FnMut() -> bool>(
    state: *mut ffi::lua_State,
    matcher: &Matcher<'_, W>,
    text: &[u8],
    (index, place): (usize, (usize, usize)),
) {
    // SAFETY: as above; the caller has made room.
    unsafe {
        match or_raise(state, matcher.capture(index, place)) {
            Capture::Text(start, end) => {
                let bytes = &text[start..end];
                count_work(state, bytes.len() / 8);
                ffi::lua_pushlstring_(state, bytes.as_ptr().cast(), bytes.len());
            }
            Capture::Position(at) => push_integer(state, at + 1),
        }
    }
}

unsafe fn push_integer(state: *mut ffi::lua_State, value: usize) {
    // SAFETY: the caller has room.
    unsafe { ffi::lua_pushinteger(state, value as ffi::lua_Integer) }
}

unsafe extern "C-unwind" fn gmatch(state: *mut ffi::lua_State) -> c_int {
    // SAFETY: as above.
    unsafe {
        bytes(state, 1);
        bytes(state, 2);
        ffi::lua_settop(state, 2);
        ffi::lua_pushinteger(state, 0);
        ffi::lua_pushcclosure(state, next_match, 3);
        1
    }
}

/// What `gmatch` returns. Its upvalues are the text, the pattern and where to go on.
unsafe extern "C-unwind" fn next_match(state: *mut ffi::lua_State) -> c_int {
    // SAFETY: as above; the upvalues are strings and a number.
    unsafe {
        let text = bytes(state, ffi::lua_upvalueindex(1));
        let pattern = bytes(state, ffi::lua_upvalueindex(2));
        let start = ffi::lua_tointeger(state, ffi::lua_upvalueindex(3)) as usize;
        let matcher = Matcher::new(text, pattern, false, watch(state));
        let mut matcher = or_raise(state, matcher);
        let found = matcher.find_from(start);
        let Some(place) = or_raise(state, found) else {
            return 0;
        };
        let next = if place.0 == place.1 {
            place.1 + 1
        } else {
            place.1
        };
        push_integer(state, next);
        ffi::lua_replace(state, ffi::lua_upvalueindex(3));
        push_captures(state, &matcher, text, place)
    }
}

unsafe extern "C-unwind" fn gsub(state: *mut ffi::lua_State) -> c_int {
    // SAFETY: as above; the buffer owns nothing but values on Lua's stack.
    unsafe {
        let (text, pattern) = (bytes(state, 1), bytes(state, 2));
        let kind = ffi::lua_type(state, 3);
        let most = ffi::luaL_optinteger(state, 4, (text.len() + 1) as ffi::lua_Integer) as c_int;
        let is_replacement = matches!(
            kind,
            ffi::LUA_TNUMBER | ffi::LUA_TSTRING | ffi::LUA_TFUNCTION | ffi::LUA_TTABLE
        );
        ffi::luaL_argcheck(
            state,
            c_int::from(is_replacement),
            3,
            c"string/function/table expected".as_ptr(),
        );
        let matcher = Matcher::new(text, pattern, true, watch(state));
        let mut matcher = or_raise(state, matcher);
        let mut buffer = MaybeUninit::<ffi::luaL_Buffer>::uninit();
        let buffer = buffer.as_mut_ptr();
        ffi::luaL_buffinit(state, buffer);
        let (mut at, mut count): (usize, c_int) = (0, 0);
        while count < most {
            let found = or_raise(state, matcher.match_at(at));
            if let Some(end) = found {
                count += 1;
                add_replacement(state, buffer, &matcher, text, (at, end));
            }
            match found {
                Some(end) if end > at => at = end,
                _ if at < text.len() => {
                    ffi::luaL_addchar(buffer, text[at] as _);
                    at += 1;
                }
                _ => break,
            }
            if matcher.is_anchored() {
                break;
            }
        }
        add_bytes(state, buffer, &text[at..]);
        ffi::luaL_pushresult(buffer);
        ffi::lua_pushinteger(state, ffi::lua_Integer::from(count));
        2
    }
}

/// Adds what takes the place of a match: by the third argument, or the match itself.
unsafe fn add_replacement<W: FnMut() -> bool>(
    state: *mut ffi::lua_State,
    buffer: *mut ffi::luaL_Buffer,
    matcher: &Matcher<'_, W>,
    text: &[u8],
    place: (usize, usize),
) {
    // SAFETY: as above.
    unsafe {
        match ffi::lua_type(state, 3) {
            ffi::LUA_TNUMBER | ffi::LUA_TSTRING => {
                return add_template(state, buffer, matcher, text, place);
            }
            ffi::LUA_TFUNCTION => {
                ffi::lua_pushvalue(state, 3);
                let arguments = push_captures(state, matcher, text, place);
                ffi::lua_call(state, arguments, 1);
            }
            _ => {
                push_capture(state, matcher, text, (0, place));
                ffi::lua_gettable_(state, 3);
            }
        }
        if ffi::lua_toboolean(state, -1) == 0 {
            ffi::lua_settop(state, -2);
            return add_bytes(state, buffer, &text[place.0..place.1]);
        }
        if ffi::lua_isstring(state, -1) == 0 {
            let name = ffi::lua_typename(state, ffi::lua_type(state, -1));
            ffi::luaL_error(state, c"invalid replacement value (a %s)".as_ptr(), name);
        }
        add_top(state, buffer);
    }
}

/// Adds the third argument, in which `%1` stands for a capture and `%0` for the match.
unsafe fn add_template<W: FnMut() -> bool>(
    state: *mut ffi::lua_State,
    buffer: *mut ffi::luaL_Buffer,
    matcher: &Matcher<'_, W>,
    text: &[u8],
    place: (usize, usize),
) {
    // SAFETY: as above. A number becomes a string where it stands.
    unsafe {
        let template = bytes(state, 3);
        let mut rest = template;
        while let Some(escape) = rest.iter().position(|byte| *byte == b'%') {
            add_bytes(state, buffer, &rest[..escape]);
            // As in C, a NUL stands behind the last byte.
            let escaped = rest.get(escape + 1).copied().unwrap_or(0);
            rest = rest.get(escape + 2..).unwrap_or_default();
            match escaped {
                b'0' => add_bytes(state, buffer, &text[place.0..place.1]),
                b'1'..=b'9' => {
                    let index = usize::from(escaped - b'1');
                    push_capture(state, matcher, text, (index, place));
                    add_top(state, buffer);
                }
                other => ffi::luaL_addchar(buffer, other as _),
            }
        }
        add_bytes(state, buffer, rest);
    }
}

/// Adds the string or number on top, and takes it away.
unsafe fn add_top(state: *mut ffi::lua_State, buffer: *mut ffi::luaL_Buffer) {
    // SAFETY: as above.
    unsafe {
        count_work(state, ffi::lua_objlen(state, -1));
        ffi::luaL_addvalue(buffer);
    }
}

unsafe fn add_bytes(state: *mut ffi::lua_State, buffer: *mut ffi::luaL_Buffer, bytes: &[u8]) {
    for piece in bytes.chunks(PIECE_BYTES) {
        // SAFETY: as above.
        unsafe {
            count_work(state, piece.len() * ADDED_UNITS);
            ffi::luaL_addlstring(buffer, piece.as_ptr().cast(), piece.len());
        }
    }
}
