//! The embedded Lua 5.1 in which every script runs that is not run natively.
//!
//! Only this module and its children name mlua, and of mlua only the plain C interface: the
//! error values, source positions and read-only tables of Redis's scripts cannot be had through
//! its safe one. `stack` is the door between Lua and Rust, `base` and `sandbox` make the
//! globals, `api` is the `redis` table, `convert` turns values into replies and back; the rest
//! are the libraries.
//!
//! Invariant: every call that may be left by one of Lua's jumps runs either inside Lua's own
//! protected call or with allocations granted, so no jump crosses a Rust frame that owns.
#![expect(unsafe_code, reason = "the Lua API is C functions over a raw state")]

mod api;
mod base;
mod bit;
mod cjson;
mod cmsgpack;
mod convert;
mod describe;
mod host;
mod lasting;
mod load;
mod matching;
mod memory;
mod number;
mod pace;
mod pattern;
mod random;
mod sandbox;
mod stack;
mod struct_pack;
mod tables;
mod text;

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::ffi::{CStr, c_int};

use mlua::ffi;

use self::host::{Host, Running};
pub use self::lasting::Lasting;
use self::lasting::Present;
use self::memory::Refuse;
use self::stack::Stack;
use super::{Calls, shebang};
use crate::error::{CommandError, Quoted, ScriptError, StartupError};
use crate::resp::reply::Reply;

/// Compiled scripts kept; one more empties the cache.
const SCRIPTS_MAX: usize = 1_000;

/// Runs between two steps of the collector beyond Lua's own.
const COLLECT_RUNS: u32 = 50;

/// How far such a step goes, in Lua's units.
const COLLECT_STEP: c_int = 50;

const CHUNK_NAME: &CStr = c"@user_script";

/// What one VM may use.
#[derive(Clone, Copy, Debug)]
pub struct VmLimits {
    /// Bytes of Lua values, compiled scripts included.
    pub memory_bytes: usize,
}

impl Default for VmLimits {
    fn default() -> VmLimits {
        VmLimits {
            memory_bytes: 256 << 20,
        }
    }
}

/// What becomes of a script that has run for a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pulse {
    /// It goes on.
    Continue,
    /// It ends, whatever it tries to catch.
    Kill,
}

/// A sandboxed Lua state with its compiled scripts. It belongs to one thread.
pub struct Vm {
    state: *mut ffi::lua_State,
    /// A thread of the state that only compiles: SCRIPT LOAD works while a script is suspended.
    compiler: *mut ffi::lua_State,
    host: Box<Host>,
    /// Registry references of compiled scripts, by SHA-1.
    scripts: RefCell<HashMap<String, c_int>>,
    runs: Cell<u32>,
    lasting: Present,
}

impl Vm {
    /// A fresh state with Redis's globals.
    ///
    /// # Errors
    /// When memory does not suffice for an empty state.
    pub fn new(limits: VmLimits) -> Result<Vm, StartupError> {
        let host = Box::new(Host::new(limits.memory_bytes));
        host.memory.enter_native();
        // SAFETY: the host is boxed and dropped after the state is closed; allocations are
        // granted while the state is filled, so no call here jumps.
        let (state, compiler) = unsafe {
            let user = (&raw const *host).cast_mut().cast();
            let state = ffi::lua_newstate(memory::allocate, user);
            if state.is_null() {
                return Err(StartupError(
                    "cannot create a Lua state: out of memory".into(),
                ));
            }
            host.main.set(state);
            sandbox::build(state, &Stack::new(state, &host));
            let compiler = ffi::lua_newthread(state);
            ffi::lua_setfield(state, ffi::LUA_REGISTRYINDEX, c"compiler".as_ptr());
            pace::set_hook(state, &host, pace::instructions(0));
            (state, compiler)
        };
        host.memory.leave_native();
        let vm = Vm {
            state,
            compiler,
            host,
            scripts: RefCell::default(),
            runs: Cell::new(0),
            lasting: Present::default(),
        };
        match vm.host.memory.is_exceeded() {
            true => Err(StartupError(
                "the memory limit for scripts is below an empty Lua state".into(),
            )),
            false => Ok(vm),
        }
    }

    /// Compiles a script, shebang line included, without keeping or running it.
    ///
    /// # Errors
    /// The text that Redis answers for a script that does not compile.
    pub fn check(&self, body: &[u8]) -> Result<(), CommandError> {
        self.compile(body)?;
        // SAFETY: the compiled function is on top of the compiler thread.
        unsafe { ffi::lua_settop(self.compiler, 0) };
        Ok(())
    }

    /// Runs a script and answers with its result or its error.
    ///
    /// `sha1_hex` is the digest of `body` in lower case; under it the compiled script is kept.
    /// A run begins in protocol version 2. `pulse` is asked every 10,000 instructions and may
    /// block or switch stacks; until it returns, this VM runs no other script, but compiles.
    pub fn run(
        &self,
        sha1_hex: &str,
        body: &[u8],
        keys: &[&[u8]],
        argv: &[&[u8]],
        calls: &mut dyn Calls,
        pulse: &dyn Fn() -> Pulse,
    ) -> Reply {
        if self.host.running.get().is_some() {
            return CommandError::from(ScriptError::AlreadyRunning).into_reply();
        }
        let function = match self.function(sha1_hex, body) {
            Ok(function) => function,
            Err(error) => return error.into_reply(),
        };
        // SAFETY: only the lifetimes are forgotten; the pointers are cleared before this
        // function returns, and nothing uses them outside of a run.
        let running = unsafe {
            Running {
                calls: std::mem::transmute::<*mut (dyn Calls + '_), *mut (dyn Calls + 'static)>(
                    calls,
                ),
                pulse: std::mem::transmute::<
                    *const (dyn Fn() -> Pulse + '_),
                    *const (dyn Fn() -> Pulse + 'static),
                >(pulse),
            }
        };
        let reply_bytes_max = calls.reply_bytes_max();
        self.host.running.set(Some(running));
        self.host.protocol.set(2);
        self.host.start_work();
        let status = self.execute(function, keys, argv);
        let reply = self.reply(status, sha1_hex, reply_bytes_max);
        self.host.running.set(None);
        self.settle(status);
        reply
    }

    /// Makes the state one in which scripts have left `lasting` behind. None runs.
    pub fn put_lasting(&self, lasting: &Lasting) {
        self.lasting.put(self.state, &self.host, lasting);
    }

    /// What the scripts that ran here leave behind. None runs.
    pub fn lasting(&self) -> Lasting {
        self.lasting.taken(self.state, &self.host)
    }

    /// Forgets every compiled script, as SCRIPT FLUSH asks.
    pub fn forget_all(&self) {
        self.host.memory.lifted(|| {
            for (_, reference) in self.scripts.borrow_mut().drain() {
                // SAFETY: the reference was made for this registry.
                unsafe { ffi::luaL_unref(self.state, ffi::LUA_REGISTRYINDEX, reference) };
            }
        });
    }

    /// Lets the values of the state take up to `bytes` from now on.
    pub fn limit_memory(&self, bytes: usize) {
        self.host.memory.limit(bytes);
    }

    /// Bytes of Lua values at the moment, for INFO.
    pub fn used_memory_bytes(&self) -> usize {
        self.host.memory.used_bytes()
    }

    fn function(&self, sha1_hex: &str, body: &[u8]) -> Result<c_int, CommandError> {
        if let Some(reference) = self.scripts.borrow().get(sha1_hex) {
            return Ok(*reference);
        }
        self.compile(body)?;
        if self.scripts.borrow().len() >= SCRIPTS_MAX {
            self.forget_all();
        }
        // SAFETY: the compiled function is on top of the compiler thread.
        let reference = self
            .host
            .memory
            .lifted(|| unsafe { ffi::luaL_ref(self.compiler, ffi::LUA_REGISTRYINDEX) });
        self.scripts
            .borrow_mut()
            .insert(sha1_hex.to_owned(), reference);
        Ok(reference)
    }

    /// Leaves the compiled script as the only value of the compiler thread.
    fn compile(&self, body: &[u8]) -> Result<(), CommandError> {
        let (_, code) = shebang::parse(body)?;
        self.host.memory.lifted(|| {
            // SAFETY: the code outlives the call; with allocations granted nothing jumps.
            unsafe {
                ffi::lua_settop(self.compiler, 0);
                let name = CHUNK_NAME.as_ptr();
                if load::load_text(self.compiler, code, name, load::Pace::Free) == ffi::LUA_OK {
                    return Ok(());
                }
                let stack = Stack::new(self.compiler, &self.host);
                let message = Quoted::whole(stack.bytes(-1).unwrap_or_default());
                ffi::lua_settop(self.compiler, 0);
                Err(ScriptError::Compile { message }.into())
            }
        })
    }

    /// Calls the function with KEYS and ARGV set; leaves its result or its error on top.
    fn execute(&self, function: c_int, keys: &[&[u8]], argv: &[&[u8]]) -> c_int {
        let state = self.state;
        // SAFETY: allocations are granted until the protected call, which catches every jump.
        unsafe {
            self.host.memory.lifted(|| {
                ffi::lua_settop(state, 0);
                ffi::lua_pushcfunction(state, describe::describe_error);
                ffi::lua_rawgeti_(state, ffi::LUA_REGISTRYINDEX, function);
                ffi::lua_getfield_(state, ffi::LUA_REGISTRYINDEX, sandbox::GLOBALS.as_ptr());
                let stack = Stack::new(state, &self.host);
                for (name, values) in [("KEYS", keys), ("ARGV", argv)] {
                    stack.push_table(values.len(), 0);
                    for (value, place) in values.iter().zip(1..) {
                        stack.push_bytes(value);
                        stack.set_item(-2, place);
                    }
                    stack.set_field(-2, name);
                }
                stack.pop(1);
            });
            ffi::lua_pcall(state, 0, 1, 1)
        }
    }

    fn reply(&self, status: c_int, sha1_hex: &str, bytes_max: usize) -> Reply {
        if self.host.killed.get() {
            let place = self.host.killed_at.borrow_mut().take().unwrap_or_default();
            let line = [
                ScriptError::Killed.line().as_slice(),
                b" script: ",
                sha1_hex.as_bytes(),
                b", on ",
                place.as_bytes(),
                b".",
            ]
            .concat();
            return Reply::Error(line.into());
        }
        self.host.memory.lifted(|| {
            // SAFETY: allocations are granted.
            let stack = unsafe { Stack::new(self.state, &self.host) };
            match status {
                ffi::LUA_OK => convert::reply_of_top(&stack, bytes_max),
                _ => convert::error_reply(&stack, sha1_hex),
            }
        })
    }

    /// Makes the state ready for the next run.
    fn settle(&self, status: c_int) {
        let host = &self.host;
        host.memory.refuse_all(Refuse::PastLimit);
        let runs = self.runs.get().wrapping_add(1);
        self.runs.set(runs);
        let was_refused = status == ffi::LUA_ERRMEM;
        let needs_collection = was_refused
            | host.killed.replace(false)
            | host.memory.take_refusal()
            | host.memory.is_exceeded();
        // SAFETY: allocations are granted, and no value of the sandbox has a finalizer.
        host.memory.lifted(|| unsafe {
            ffi::lua_settop(self.state, 0);
            if needs_collection {
                ffi::lua_gc(self.state, ffi::LUA_GCCOLLECT, 0);
                let instructions = pace::instructions(host.memory.large_bytes());
                pace::set_hook(self.state, host, instructions);
            } else if runs.is_multiple_of(COLLECT_RUNS) {
                ffi::lua_gc(self.state, ffi::LUA_GCSTEP, COLLECT_STEP);
            }
        });
    }
}

impl Drop for Vm {
    fn drop(&mut self) {
        // SAFETY: the state was created by this VM and is not used afterwards.
        unsafe { ffi::lua_close(self.state) }
    }
}

#[cfg(test)]
mod tests;
