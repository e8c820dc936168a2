//! Native functions: how a script enters Rust and leaves it again.
//!
//! A [`Body`] works on a [`Stack`] and returns how many results it pushed, or what to raise.
//! Lua's jump for an error is made by [`enter`] after the body's values are dropped, so no jump
//! crosses a Rust frame that owns something; a panic in a body becomes a Lua error.
//!
//! Invariants: within a body no allocation fails and no call can run Lua code (raw access only),
//! so nothing that a `Stack` does can jump. A slice from [`Stack::bytes`] must not be used after
//! its value has left the stack. Indexes count from 1 at the bottom, or are negative from the top.
#![expect(unsafe_code, reason = "the Lua API is C functions over a raw state")]

mod table;
mod work;

use std::ffi::{CStr, c_int, c_void};
use std::panic::{AssertUnwindSafe, catch_unwind};

use mlua::ffi;

use super::host::Host;
use super::pace;
use crate::error::ScriptError;
use crate::script::Calls;

/// What Lua says where an allocation is refused.
const NO_MEMORY: &[u8] = b"not enough memory";

/// What a native function does.
pub(super) type Body = fn(&Stack) -> Outcome;

/// How many results were pushed, or the error to raise.
pub(super) type Outcome = Result<c_int, Raise>;

/// An error on its way to the script.
#[derive(Debug)]
pub(super) enum Raise {
    /// A text after the caller's `source:line:`.
    Message(Vec<u8>),
    /// A text as it is.
    Plain(Vec<u8>),
    /// `bad argument #index to 'function' (text)`.
    Argument(c_int, String),
    /// The value on top of the stack.
    Value,
    /// The script is to end, whatever it catches.
    Killed,
}

impl Raise {
    /// A text after the caller's position.
    pub(super) fn message(text: impl Into<String>) -> Raise {
        Raise::Message(text.into().into_bytes())
    }

    /// A complaint about one argument.
    pub(super) fn argument(index: c_int, text: impl Into<String>) -> Raise {
        Raise::Argument(index, text.into())
    }
}

/// The Lua types that native functions tell apart.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Kind {
    None,
    Nil,
    Boolean,
    LightUserdata,
    Number,
    String,
    Table,
    Other,
}

/// The values of one native call, arguments first.
pub(super) struct Stack<'h> {
    state: *mut ffi::lua_State,
    /// The host of this state.
    pub(super) host: &'h Host,
}

/// The host that belongs to `state`.
///
/// # Safety
/// `state` must have been created with a pointer to a [`Host`] that outlives `'h`.
pub(super) unsafe fn host_of<'h>(state: *mut ffi::lua_State) -> &'h Host {
    // SAFETY: as promised by the caller.
    unsafe {
        let mut user: *mut c_void = std::ptr::null_mut();
        ffi::lua_getallocf(state, &raw mut user);
        &*user.cast::<Host>()
    }
}

/// The one C function behind every [`Body`]; the body is its first upvalue.
///
/// # Safety
/// Lua calls it as a closure that [`push_function`] made.
pub(super) unsafe extern "C-unwind" fn enter(state: *mut ffi::lua_State) -> c_int {
    // SAFETY: upvalue 1 is the address of a Body. The only values alive where Lua jumps are
    // plain numbers and pointers: `settle` consumes the error before.
    unsafe {
        let host = host_of(state);
        let body = ffi::lua_touserdata(state, ffi::lua_upvalueindex(1));
        let body: Body = std::mem::transmute::<*mut c_void, Body>(body);
        host.memory.enter_native();
        let stack = Stack { state, host };
        let settled = match catch_unwind(AssertUnwindSafe(|| body(&stack))) {
            Ok(Ok(results)) => Settled::Return(results),
            Ok(Err(raise)) => stack.settle(raise),
            Err(_panic) => {
                stack.push_error(&ScriptError::Internal);
                Settled::Raise
            }
        };
        host.memory.leave_native();
        match settled {
            Settled::Return(results) if !host.memory.is_exceeded() => results,
            Settled::Return(_) => {
                ffi::lua_settop(state, 0);
                host.memory.note_refusal();
                host.memory.lifted(|| stack.push_bytes(NO_MEMORY));
                ffi::lua_error(state)
            }
            Settled::Raise => ffi::lua_error(state),
            Settled::RaiseArgument(index) => {
                ffi::luaL_argerror(state, index, ffi::lua_tostring(state, -1))
            }
            Settled::Kill => loop {
                pace::end_script(state);
            },
        }
    }
}

enum Settled {
    Return(c_int),
    Raise,
    RaiseArgument(c_int),
    Kill,
}

/// Pushes `body` as a Lua function that takes the top `extra` values with it.
pub(super) fn push_function(stack: &Stack, body: Body, extra: c_int) {
    stack.reserve(2);
    // SAFETY: the extra values are on the stack; the address is read back as a Body only.
    unsafe {
        ffi::lua_pushlightuserdata(stack.state, body as *mut c_void);
        ffi::lua_insert(stack.state, -1 - extra);
        ffi::lua_pushcclosure(stack.state, enter, 1 + extra);
    }
}

impl<'h> Stack<'h> {
    /// A view of `state` for the owner of the state.
    ///
    /// # Safety
    /// `state` must be alive and `host` be its host. Allocations must not be refused while the
    /// view is used.
    pub(super) unsafe fn new(state: *mut ffi::lua_State, host: &'h Host) -> Stack<'h> {
        Stack { state, host }
    }

    fn settle(&self, raise: Raise) -> Settled {
        match raise {
            Raise::Value => Settled::Raise,
            Raise::Killed => Settled::Kill,
            Raise::Plain(text) => {
                self.push_bytes(&text);
                Settled::Raise
            }
            Raise::Message(text) => {
                // SAFETY: allocations are not refused here, so none of these can jump; both
                // values to join are strings.
                unsafe {
                    ffi::luaL_where(self.state, 1);
                    self.push_bytes(&text);
                    ffi::lua_concat(self.state, 2);
                }
                Settled::Raise
            }
            Raise::Argument(index, text) => {
                self.push_bytes(text.as_bytes());
                Settled::RaiseArgument(index)
            }
        }
    }

    /// Makes room for `slots` more values.
    pub(super) fn reserve(&self, slots: c_int) {
        assert!(self.try_reserve(slots), "the Lua stack is full");
    }

    /// Makes room for `slots` more values, or tells that Lua's own limit is reached.
    pub(super) fn try_reserve(&self, slots: c_int) -> bool {
        // SAFETY: growing the stack allocates, which is not refused here.
        unsafe { ffi::lua_checkstack(self.state, slots) != 0 }
    }

    /// Hands `work` what the running script may call; `None` when no script runs.
    pub(super) fn with_calls<T>(&self, work: impl FnOnce(&mut dyn Calls) -> T) -> Option<T> {
        let running = self.host.running.get()?;
        // SAFETY: the pointer is valid while a run is recorded, and one native function at a
        // time runs on a state.
        Some(work(unsafe { &mut *running.calls }))
    }

    /// Moves the top value to `index`, over what stands there.
    pub(super) fn replace(&self, index: c_int) {
        let index = self.checked(index);
        // SAFETY: the index is acceptable and there is a value to move.
        unsafe { ffi::lua_replace(self.state, index) }
    }

    /// How many values there are.
    pub(super) fn top(&self) -> c_int {
        // SAFETY: reads the state.
        unsafe { ffi::lua_gettop(self.state) }
    }

    /// Removes the `count` topmost values.
    pub(super) fn pop(&self, count: c_int) {
        assert!(count <= self.top());
        // SAFETY: so many values are there.
        unsafe { ffi::lua_settop(self.state, -count - 1) }
    }

    /// `index` counted from the bottom.
    pub(super) fn absolute(&self, index: c_int) -> c_int {
        if index < 0 && index > ffi::LUA_REGISTRYINDEX {
            self.top() + 1 + index
        } else {
            index
        }
    }

    fn checked(&self, index: c_int) -> c_int {
        assert!(index > 0 || index <= ffi::LUA_REGISTRYINDEX || -index <= self.top());
        index
    }

    /// The type of a value.
    pub(super) fn kind(&self, index: c_int) -> Kind {
        // SAFETY: the index is acceptable.
        match unsafe { ffi::lua_type(self.state, self.checked(index)) } {
            ffi::LUA_TNONE => Kind::None,
            ffi::LUA_TNIL => Kind::Nil,
            ffi::LUA_TBOOLEAN => Kind::Boolean,
            ffi::LUA_TLIGHTUSERDATA => Kind::LightUserdata,
            ffi::LUA_TNUMBER => Kind::Number,
            ffi::LUA_TSTRING => Kind::String,
            ffi::LUA_TTABLE => Kind::Table,
            _ => Kind::Other,
        }
    }

    /// Lua's name for the type of a value: `no value` where there is none.
    pub(super) fn type_name(&self, index: c_int) -> &'static str {
        // SAFETY: the names are constants of the Lua library.
        unsafe {
            let name =
                ffi::lua_typename(self.state, ffi::lua_type(self.state, self.checked(index)));
            CStr::from_ptr(name).to_str().unwrap_or("?")
        }
    }

    /// Whether argument `index` was not given.
    pub(super) fn is_none(&self, index: c_int) -> bool {
        index > self.top()
    }

    /// Lua's truth: everything but nil and false.
    pub(super) fn truth(&self, index: c_int) -> bool {
        // SAFETY: the index is acceptable.
        unsafe { ffi::lua_toboolean(self.state, self.checked(index)) != 0 }
    }

    /// The number at `index`, also from a string that reads as one.
    pub(super) fn number(&self, index: c_int) -> Option<f64> {
        // SAFETY: the index is acceptable; the conversion does not change the value.
        unsafe {
            (ffi::lua_isnumber(self.state, self.checked(index)) != 0)
                .then(|| ffi::lua_tonumber(self.state, index))
        }
    }

    /// The bytes of the string at `index`; a number there is turned into a string.
    pub(super) fn bytes(&self, index: c_int) -> Option<&'h [u8]> {
        let mut length = 0;
        // SAFETY: Lua keeps the bytes in place while the value is on the stack.
        unsafe {
            let start = ffi::lua_tolstring(self.state, self.checked(index), &raw mut length);
            (!start.is_null()).then(|| std::slice::from_raw_parts(start.cast::<u8>(), length))
        }
    }

    /// The bytes at `index` if a string, not a number, is there.
    pub(super) fn string(&self, index: c_int) -> Option<&'h [u8]> {
        if self.kind(index) == Kind::String {
            self.bytes(index)
        } else {
            None
        }
    }

    /// Argument `index` as a number.
    pub(super) fn check_number(&self, index: c_int) -> Result<f64, Raise> {
        self.number(index)
            .ok_or_else(|| self.wrong_type(index, "number"))
    }

    /// Argument `index` as a string.
    pub(super) fn check_bytes(&self, index: c_int) -> Result<&'h [u8], Raise> {
        self.bytes(index)
            .ok_or_else(|| self.wrong_type(index, "string"))
    }

    /// The complaint about an argument of another type.
    pub(super) fn wrong_type(&self, index: c_int, expected: &str) -> Raise {
        Raise::Argument(
            index,
            format!("{expected} expected, got {}", self.type_name(index)),
        )
    }

    /// The index of the value that a library function was made with.
    pub(super) fn own_value(&self) -> c_int {
        ffi::lua_upvalueindex(2)
    }

    pub(super) fn push_nil(&self) {
        self.reserve(1);
        // SAFETY: there is room.
        unsafe { ffi::lua_pushnil(self.state) }
    }

    pub(super) fn push_boolean(&self, value: bool) {
        self.reserve(1);
        // SAFETY: there is room.
        unsafe { ffi::lua_pushboolean(self.state, c_int::from(value)) }
    }

    pub(super) fn push_number(&self, value: f64) {
        self.reserve(1);
        // SAFETY: there is room.
        unsafe { ffi::lua_pushnumber(self.state, value) }
    }

    /// Pushes the null light userdata that stands for JSON's null.
    pub(super) fn push_null(&self) {
        self.reserve(1);
        // SAFETY: there is room.
        unsafe { ffi::lua_pushlightuserdata(self.state, std::ptr::null_mut()) }
    }

    pub(super) fn is_null(&self, index: c_int) -> bool {
        // SAFETY: the index is acceptable.
        self.kind(index) == Kind::LightUserdata
            && unsafe { ffi::lua_touserdata(self.state, index).is_null() }
    }

    pub(super) fn push_bytes(&self, bytes: &[u8]) {
        self.reserve(1);
        // SAFETY: there is room, and Lua copies the bytes.
        unsafe { ffi::lua_pushlstring_(self.state, bytes.as_ptr().cast(), bytes.len()) }
    }

    /// Pushes a copy of the value at `index`.
    pub(super) fn push_copy(&self, index: c_int) {
        let index = self.checked(index);
        self.reserve(1);
        // SAFETY: there is room and the index is acceptable.
        unsafe { ffi::lua_pushvalue(self.state, index) }
    }
}
