//! Memory, kills, panics, the cache of compiled scripts, and runs within runs.

use std::cell::Cell;

use super::keyspace::Keyspace;
use super::{error_text, run, vm};
use crate::resp::reply::Reply;
use crate::script::lua::{Pulse, Vm, VmLimits};

const KILLED: &str = "ERR Script killed by user with SCRIPT KILL... script: ";

/// Runs a script that is killed at the given pulse; answers with its error and the pulse count.
fn kill_at(vm: &Vm, pulse: u32, body: &str) -> (String, u32) {
    let pulses = Cell::new(0);
    let reply = vm.run(
        body,
        body.as_bytes(),
        &[],
        &[],
        &mut Keyspace::default(),
        &|| {
            pulses.set(pulses.get() + 1);
            if pulses.get() >= pulse {
                Pulse::Kill
            } else {
                Pulse::Continue
            }
        },
    );
    (error_text(&reply), pulses.get())
}

#[test]
fn killed_script_cannot_catch_its_end() {
    let vm = vm();
    for body in [
        "while true do end",
        "while true do pcall(function() while true do end end) end",
        "local function f() while true do pcall(f) end end f()",
        "while true do xpcall(function() while true do end end, function(e) while true do end end) end",
        "while true do coroutine.wrap(function() while true do pcall(function() end) end end)() end",
        "while true do local c = coroutine.create(function() while true do end end) coroutine.resume(c) end",
        "while true do pcall(string.gsub, string.rep('x', 99), '.', function() while true do end end) end",
        "table.sort({1, 2, 3}, function() while true do end end)",
        "local t = setmetatable({}, {__index = function() while true do end end}) while true do pcall(function() return t.x end) end",
        "while true do loadstring('local x = 1')() end",
    ] {
        let (text, pulses) = kill_at(&vm, 2, body);
        assert!(text.starts_with(KILLED), "{body}: {text}");
        assert!(
            text.ends_with('.') && text.contains(", on "),
            "{body}: {text}"
        );
        assert_eq!(pulses, 2, "{body}");
        assert_eq!(run(&vm, "return 1"), Reply::Integer(1), "after {body}");
    }
}

#[test]
fn killed_script_cannot_go_on_in_coroutines_made_before() {
    let body = "local cos = {}
        for i = 1, 1000 do cos[i] = coroutine.create(function() while true do pcall(function() end) end end) end
        while true do for i = 1, #cos do coroutine.resume(cos[i]) end end";
    let (text, pulses) = kill_at(&vm(), 5, body);
    assert!(text.starts_with(KILLED), "{text}");
    assert_eq!(pulses, 5);
}

#[test]
fn kill_names_the_line_at_which_it_struck() {
    let (text, _) = kill_at(&vm(), 1, "local x = 1\n\nwhile true do end");
    assert!(text.ends_with("on @user_script:3."), "{text}");
}

#[test]
fn pulse_that_panics_kills() {
    let reply = vm().run(
        "s",
        b"while true do end",
        &[],
        &[],
        &mut Keyspace::default(),
        &|| panic!("a pulse that panics"),
    );
    assert!(error_text(&reply).starts_with(KILLED));
}

#[test]
fn command_that_panics_becomes_an_error() {
    let vm = vm();
    let text = error_text(&run(&vm, "return redis.call('panic')"));
    assert!(
        text.starts_with("ERR internal error in a function called by the script"),
        "{text}"
    );
    assert_eq!(run(&vm, "return redis.call('ping')"), Reply::status("PONG"));
}

#[test]
fn memory_bombs_end_in_an_error_and_leave_the_vm_usable() {
    let vm = Vm::new(VmLimits {
        memory_bytes: 8 << 20,
    })
    .unwrap();
    for body in [
        "return string.rep('x', 1e9)",
        "local t = {} while true do t[#t + 1] = {} end",
        "local t = {} while true do t[#t + 1] = string.rep('x', 1e5) .. #t end",
        "local s = 'x' while true do s = s .. s end",
        "local t = {} while true do t[#t + 1] = coroutine.create(function() end) end",
        "local s = string.rep('x', 3e6) return cjson.encode({s, s, s, s})",
        "return cmsgpack.unpack(string.rep(string.char(0x90), 4e6))",
        "local s = string.rep('[],', 1e6) return cjson.decode('[' .. s .. '1]')",
    ] {
        let text = error_text(&run(&vm, body));
        assert!(
            text.contains("not enough memory") || text.contains("Too many values"),
            "{body}: {text}"
        );
        assert_eq!(
            run(&vm, "return {1, 'x'}"),
            Reply::Array(vec![Reply::Integer(1), Reply::bulk("x")])
        );
        assert!(
            vm.used_memory_bytes() < 5 << 20,
            "{body} left {} bytes",
            vm.used_memory_bytes()
        );
    }
}

#[test]
fn memory_of_caught_refusals_can_be_collected() {
    let vm = Vm::new(VmLimits {
        memory_bytes: 8 << 20,
    })
    .unwrap();
    let body = "for i = 1, 50 do pcall(string.rep, 'x', 1e9) end collectgarbage() return #string.rep('x', 1e6)";
    assert_eq!(run(&vm, body), Reply::Integer(1_000_000));
}

#[test]
fn empty_state_needs_more_than_a_few_bytes() {
    assert!(
        Vm::new(VmLimits {
            memory_bytes: 1_000
        })
        .is_err()
    );
}

#[test]
fn deep_values_are_cut_off_instead_of_overflowing() {
    let vm = vm();
    let mut reply = run(&vm, "local t = {} t[1] = t return t");
    let mut depth = 0;
    while let Reply::Array(mut items) = reply {
        reply = items.remove(0);
        depth += 1;
    }
    assert_eq!(error_text(&reply), "ERR reached lua stack limit");
    assert!(depth >= 500);
    let deep = "local s = string.rep('[', 1e5) cjson.decode_max_depth(1e6) return cjson.decode(s)";
    assert!(error_text(&run(&vm, deep)).contains("Found too many nested data structures"));
    let packed = "return cmsgpack.unpack(string.rep(string.char(0x91), 1e5))";
    assert!(error_text(&run(&vm, packed)).contains("nested too deeply"));
}

#[test]
fn error_values_that_end_a_redis_server_are_answered() {
    let vm = vm();
    for body in [
        "error({})",
        "error({1})",
        "error(_G)",
        "error(redis)",
        "error({err = {}})",
    ] {
        let text = error_text(&run(&vm, body));
        assert!(text.starts_with("ERR "), "{body}: {text}");
    }
}

#[test]
fn nothing_that_a_script_does_reaches_the_next_one() {
    let vm = vm();
    run(
        &vm,
        "KEYS.x = 1 ARGV.x = 1 setmetatable(KEYS, {__index = function() return 1 end})",
    );
    run(&vm, "redis.setresp(3)");
    run(&vm, "collectgarbage('stop')");
    run(
        &vm,
        "pcall(function() getmetatable('').__index = function() end end)",
    );
    assert_eq!(run(&vm, "return KEYS.x or ARGV.x or KEYS[1]"), Reply::Null);
    assert_eq!(run(&vm, "return false"), Reply::Null);
    assert_eq!(run(&vm, "return ('x'):rep(2)"), Reply::bulk("xx"));
}

#[test]
fn bytecode_is_refused_as_a_script_too() {
    let text = vm().check(b"\x1bLuaQ").unwrap_err().to_string();
    let expected = "ERR Error compiling script (new function): user_script:1: unexpected symbol near 'char(27)'";
    assert_eq!(text, expected);
}

#[test]
fn check_compiles_and_forgets() {
    let vm = vm();
    assert!(vm.check(b"return 1").is_ok());
    assert!(vm.check(b"#!lua flags=no-writes\nreturn 1").is_ok());
    assert!(vm.check(b"#!lua flags=x\nreturn 1").is_err());
    assert!(vm.scripts.borrow().is_empty());
}

#[test]
fn cache_is_bounded_and_can_be_emptied() {
    let vm = vm();
    for number in 0..1_100 {
        assert_eq!(
            run(&vm, &format!("return {number}")),
            Reply::Integer(number)
        );
    }
    assert!(vm.scripts.borrow().len() <= 1_000);
    vm.forget_all();
    assert!(vm.scripts.borrow().is_empty());
    assert_eq!(run(&vm, "return 5"), Reply::Integer(5));
}

#[test]
fn suspended_script_leaves_the_vm_free_to_compile_only() {
    let vm = vm();
    let pulses = Cell::new(0);
    let body = "local n = 0 for i = 1, 50000 do n = n + i end return n";
    let reply = vm.run(
        "outer",
        body.as_bytes(),
        &[],
        &[],
        &mut Keyspace::default(),
        &|| {
            pulses.set(pulses.get() + 1);
            assert!(vm.check(b"return 1").is_ok());
            assert!(vm.check(b"return (").is_err());
            assert!(error_text(&run(&vm, "return 1")).contains("another script is running"));
            Pulse::Continue
        },
    );
    assert_eq!(reply, Reply::Integer(1_250_025_000));
    assert!(pulses.get() >= 5);
}

#[test]
fn log_reaches_the_server() {
    let mut keyspace = Keyspace::default();
    let body = b"redis.log(redis.LOG_NOTICE, 'a', 5, 'b')";
    vm().run("s", body, &[], &[], &mut keyspace, &|| Pulse::Continue);
    assert_eq!(keyspace.logged, [(2, b"a 5 b".to_vec())]);
}

#[test]
fn protocol_of_one_run_does_not_reach_the_next() {
    let vm = vm();
    assert_eq!(
        run(&vm, "redis.setresp(3) return true"),
        Reply::Boolean(true)
    );
    assert_eq!(run(&vm, "return true"), Reply::Integer(1));
}

#[test]
fn pattern_that_would_overflow_the_native_stack_is_refused() {
    let vm = vm();
    let body = "return string.find(string.rep('a', 3e5), string.rep('a?', 3e5))";
    assert!(error_text(&run(&vm, body)).contains("pattern too complex"));
    assert_eq!(
        run(&vm, "return (string.find('xaaa', string.rep('a?', 900)))"),
        Reply::Integer(1)
    );
    assert_eq!(
        run(&vm, "return #string.gsub('a', string.rep('x', 1e5), '')"),
        Reply::Integer(1)
    );
}

#[test]
fn source_nested_too_deeply_is_refused() {
    let source = format!("return {}1{}", "(".repeat(5_000), ")".repeat(5_000));
    assert!(
        vm().check(source.as_bytes())
            .unwrap_err()
            .to_string()
            .contains("too many syntax levels")
    );
}
