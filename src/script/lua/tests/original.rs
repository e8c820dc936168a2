//! The sandbox's own functions beside those of Lua that they replace.
#![expect(
    unsafe_code,
    reason = "a state of its own, with Lua's libraries as they are"
)]

use mlua::ffi;
use proptest::prelude::*;

use super::{Vm, run_with, vm};
use crate::resp::reply::Reply;

/// Calls `ARGV[1]` of the library `ARGV[2]` with the other arguments, and joins what it answers.
const CALL: &str = "
    local libraries = {string = string, table = table}
    local answers = {pcall(libraries[ARGV[2]][ARGV[1]], unpack(ARGV, 3))}
    local text = ''
    for i = 1, 40 do text = text .. tostring(answers[i]) .. '|' end
    return text";

/// The same for a function that is given a list of numbers or texts, which is shown afterwards.
const WITH_LIST: &str = "
    local list = {}
    for i = 3, #ARGV do list[i - 2] = tonumber(ARGV[i]) or ARGV[i] end
    local calls = {
        sort = function() table.sort(list) end,
        sort_down = function() table.sort(list, function(a, b) return a > b end) end,
        sort_by_tens = function()
            table.sort(list, function(a, b) return math.floor(a / 10) < math.floor(b / 10) end)
        end,
        sort_badly = function() table.sort(list, function(a, b) return true end) end,
        sort_oddly = function() table.sort(list, function(a, b) return (a + b) % 3 < 1 end) end,
        insert = function() table.insert(list, ARGV[2] + 0, 'new') end,
        remove = function() return table.remove(list, ARGV[2] + 0) end,
        remove_last = function() return table.remove(list) end,
        maxn = function() list[ARGV[2] + 0] = 1 return table.maxn(list) end,
        concat = function() return table.concat(list, ARGV[2]) end,
        part = function() return table.concat(list, ',', ARGV[2] + 0, 3) end,
        foreach = function()
            return table.foreach(list, function(k, v) if k == ARGV[2] + 0 then return v end end)
        end,
        foreachi = function()
            return table.foreachi(list, function(k, v) if k == ARGV[2] + 0 then return v end end)
        end,
    }
    local text = ''
    local answers = {pcall(calls[ARGV[1]])}
    for i = 1, 3 do text = text .. tostring(answers[i]) .. '|' end
    for i = -3, #list + 3 do text = text .. tostring(list[i]) .. ',' end
    return (text:gsub('user_script', 'x'))";

/// Runs a script in plain Lua 5.1.
fn in_plain_lua(body: &str, argv: &[&[u8]]) -> Vec<u8> {
    // SAFETY: a state of its own; nothing that may jump is called outside of a protected call.
    unsafe {
        let state = ffi::luaL_newstate();
        ffi::luaL_openlibs(state);
        ffi::lua_createtable(state, 0, 0);
        for (arg, place) in argv.iter().zip(1..) {
            ffi::lua_pushlstring_(state, arg.as_ptr().cast(), arg.len());
            ffi::lua_rawseti_(state, -2, place);
        }
        ffi::lua_setfield(state, ffi::LUA_GLOBALSINDEX, c"ARGV".as_ptr());
        let name = c"@user_script";
        let code = body.as_ptr().cast();
        assert_eq!(
            ffi::luaL_loadbuffer(state, code, body.len(), name.as_ptr()),
            ffi::LUA_OK
        );
        assert_eq!(ffi::lua_pcall(state, 0, 1, 0), ffi::LUA_OK);
        let mut length = 0;
        let start = ffi::lua_tolstring(state, -1, &raw mut length);
        let text = std::slice::from_raw_parts(start.cast::<u8>(), length).to_vec();
        ffi::lua_close(state);
        text
    }
}

thread_local! {
    static VM: Vm = vm();
}

fn check(body: &str, argv: &[&[u8]]) {
    let plain = in_plain_lua(body, argv);
    let Reply::Bulk(own) = VM.with(|vm| run_with(vm, body, argv)) else {
        panic!("{body} fails for {argv:?}");
    };
    assert_eq!(
        String::from_utf8_lossy(&own),
        String::from_utf8_lossy(&plain),
        "for {:?}",
        argv.iter()
            .map(|arg| String::from_utf8_lossy(arg))
            .collect::<Vec<_>>()
    );
}

fn pattern() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop::sample::select(vec![
        &b"a"[..],
        b"b",
        b".",
        b"%a",
        b"%D",
        b"%w",
        b"%s",
        b"%z",
        b"%x",
        b"%P",
        b"[ab]",
        b"[^a]",
        b"[a-c]",
        b"[%a-]",
        b"[]]",
        b"[^]a]",
        b"[a",
        b"[",
        b"]",
        b"(",
        b")",
        b"()",
        b"(a)",
        b"*",
        b"+",
        b"-",
        b"?",
        b"%b()",
        b"%bab",
        b"%b",
        b"%f[a]",
        b"%f[%s]",
        b"%f",
        b"%1",
        b"%2",
        b"%0",
        b"%",
        b"^",
        b"$",
        b"%%",
        b"%.",
        b"\0",
        b"1",
    ]);
    prop::collection::vec(piece, 0..7).prop_map(|pieces| pieces.concat())
}

fn text() -> impl Strategy<Value = Vec<u8>> {
    let byte = prop::sample::select(b"aaabbc(()) 1-\0A%\xff\n".to_vec());
    prop::collection::vec(byte, 0..16)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn matching_is_that_of_lua(
        text in text(),
        pattern in pattern(),
        template in pattern(),
        start in -20_i32..20,
    ) {
        let start = start.to_string();
        for function in [&b"find"[..], b"match"] {
            check(CALL, &[function, b"string", &text, &pattern]);
            check(CALL, &[function, b"string", &text, &pattern, start.as_bytes()]);
        }
        check(CALL, &[b"find", b"string", &text, &pattern, start.as_bytes(), b"plain"]);
        check(CALL, &[b"gsub", b"string", &text, &pattern, &template]);
        check(CALL, &[b"gsub", b"string", &text, &pattern, &template, start.as_bytes()]);
        let all = "local parts = {} local ok, why = pcall(function()
            for a, b in string.gmatch(ARGV[1], ARGV[2]) do
                parts[#parts + 1] = tostring(a) .. ':' .. tostring(b) end end)
            return table.concat(parts, '|') .. tostring(why)";
        check(all, &[&text, &pattern]);
        let called = "local count = 0 local ok, text = pcall(string.gsub, ARGV[1], ARGV[2],
            function(a, b) count = count + 1
                if count % 3 == 0 then return nil end
                return '<' .. tostring(a) .. tostring(b) .. '>' end)
            return tostring(text)";
        check(called, &[&text, &pattern]);
        let looked_up = "return tostring(select(2, pcall(string.gsub, ARGV[1], ARGV[2],
            {a = 'x', b = 1, c = false, [1] = 'one'})))";
        check(looked_up, &[&text, &pattern]);
    }

    #[test]
    fn texts_are_made_as_by_lua(text in text(), count in "[-0-9.e]{0,6}") {
        for function in [&b"lower"[..], b"upper", b"reverse"] {
            check(CALL, &[function, b"string", &text]);
        }
        if count.parse::<f64>().is_ok_and(|count| count < 1e5) {
            check(CALL, &[b"rep", b"string", &text, count.as_bytes()]);
        }
    }

    #[test]
    fn lists_are_handled_as_by_lua(
        call in prop::sample::select(vec![
            "sort", "sort_down", "sort_by_tens", "sort_badly", "sort_oddly", "insert", "remove",
            "remove_last", "maxn", "concat", "part", "foreach", "foreachi",
        ]),
        place in -3_i32..12,
        list in prop::collection::vec(
            prop_oneof![30 => "[0-9]{1,3}", 1 => "[a-z]{1,3}"],
            0..40,
        ),
    ) {
        let place = place.to_string();
        let mut argv = vec![call.as_bytes(), place.as_bytes()];
        argv.extend(list.iter().map(|item| item.as_bytes()));
        check(WITH_LIST, &argv);
    }
}

#[test]
fn wrong_arguments_are_refused_as_by_lua() {
    for (function, library, argv) in [
        ("lower", "string", &[][..]),
        ("rep", "string", &["x"]),
        ("rep", "string", &["x", "y"]),
        ("rep", "string", &["", "2000000000"]),
        ("find", "string", &[]),
        ("find", "string", &["x"]),
        ("find", "string", &["x", "x", "y"]),
        ("gsub", "string", &["x", "x"]),
        ("gmatch", "string", &["x"]),
        ("concat", "table", &[]),
        ("concat", "table", &["x"]),
        ("sort", "table", &["x"]),
        ("insert", "table", &["x"]),
        ("remove", "table", &["x"]),
        ("maxn", "table", &[]),
        ("foreach", "table", &["x"]),
        ("foreachi", "table", &["x"]),
        ("format", "string", &["%d %s", "5"]),
    ] {
        let mut all: Vec<&[u8]> = vec![function.as_bytes(), library.as_bytes()];
        all.extend(argv.iter().map(|arg| arg.as_bytes()));
        check(CALL, &all);
    }
}
