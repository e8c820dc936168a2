//! Scripts that would keep a server from its other clients: each ends by itself, or others are told
//! that it is busy and SCRIPT KILL ends it. Meanwhile the others, on each worker thread, get an
//! answer to everything they ask.

use std::time::Duration;

use quintlock::Server;
use quintlock::clock::Stopwatch;
use quintlock::script::native::Program;

use super::BUSY;
use crate::support::client::{Connection, Received};
use crate::support::service::{assert_no_server_panicked, connect, start};

/// How a script ends.
#[derive(Clone, Copy, Debug)]
enum End {
    /// By itself; its reply, or the beginning of an error.
    Reply(&'static str),
    /// By SCRIPT KILL.
    Killed,
}

use End::{Killed, Reply};

const NO_MEMORY: End = Reply("-ERR not enough memory");
const TOO_LARGE: End = Reply("-ERR script reply is larger than script-reply-limit");

/// The keys that the scripts find.
const WORD: &str = "word";
const LONG: &str = "long";

/// One request: the script, and its arguments behind the number of keys.
type Row = (End, &'static str);

/// Functions of C that call no hook, and what is slow about each.
const LIBRARIES: &[Row] = &[
    (
        Killed,
        "return string.gsub(string.rep('a', 1e6), '.-b', '')",
    ),
    (
        Killed,
        "return string.find(string.rep('a', 2000), string.rep('a*', 20) .. 'b')",
    ),
    (
        Killed,
        "return string.match(string.rep('a', 500), string.rep('(.-)', 20) .. 'b')",
    ),
    (Killed, "return string.find(string.rep('(', 2e6), '%b()')"),
    (
        Killed,
        "return string.gsub(string.rep('ab', 5e5), '.-%f[b]c', '')",
    ),
    (
        Killed,
        "return string.find(string.rep('a', 5000), '(a*)%1b')",
    ),
    (
        Killed,
        "for word in string.gmatch(string.rep('a', 1e6), 'a-b') do end",
    ),
    (
        Killed,
        "return string.find(string.rep('a', 4e6), string.rep('a', 1e6) .. 'b', 1, true)",
    ),
    (
        Killed,
        "while true do string.gsub(string.rep('a', 1e5), '.', string.upper) end",
    ),
    (
        Killed,
        "local t = setmetatable({}, {__index = function(t, k) return k end}) \
         while true do string.gsub(string.rep('a', 1e5), '.', t) end",
    ),
    (
        Killed,
        "while true do pcall(string.find, string.rep('a', 400), '.-.-.-.-b') end",
    ),
    (
        Killed,
        "return select(2, xpcall(error, function() return \
              string.find(string.rep('a', 2000), string.rep('a*', 20) .. 'b') end))",
    ),
    (Killed, "while true do string.rep('x', 1e6) end"),
    (
        Killed,
        "local s = string.rep('x', 1e6) while true do s:upper() s:lower() s:reverse() end",
    ),
    (
        Killed,
        "local s = string.rep('x', 2e6) while true do s:byte(1, 7000) end",
    ),
    (
        Killed,
        "local s = string.rep('\\n', 1e5) while true do string.format('%q', s) end",
    ),
    (
        Killed,
        "local f, t = string.rep('%99.99f', 200), {} for i = 1, 200 do t[i] = 1e308 end \
         while true do string.format(f, unpack(t)) end",
    ),
    (
        Killed,
        "local s = string.rep('9', 1e6) while true do tonumber(s) end",
    ),
    (
        Killed,
        "local s = string.rep('z', 1e6) while true do tonumber(s, 36) end",
    ),
    (
        Killed,
        "local t = {} for i = 1, 7000 do t[i] = 65 end \
         while true do string.char(unpack(t)) math.max(unpack(t)) bit.bxor(unpack(t)) end",
    ),
    (
        Killed,
        "local t = {} for i = 1, 5e4 do t[i] = i end while true do table.sort(t) end",
    ),
    (
        Killed,
        "local t = {} for i = 1, 40 do t[i] = string.rep('x', 1e5) .. i end \
         while true do table.sort(t) end",
    ),
    (
        Killed,
        "local t = {} for i = 1, 5e4 do t[i] = i end \
         while true do pcall(table.sort, t, math.max) end",
    ),
    (
        Killed,
        "local t = {} for i = 1, 5e4 do t[i] = i end \
         while true do table.insert(t, 1, 0) table.remove(t, 1) end",
    ),
    (Killed, "return table.insert({}, -2147483648, 1)"),
    (
        Killed,
        "local t = {} for i = 1, 500 do t[i] = string.rep('x', 1000) end \
         while true do table.concat(t, ', ') end",
    ),
    (Reply("$\"\""), "return table.concat({}, '', 1, 0)"),
    (
        Killed,
        "local t = {} for i = 1, 1e5 do t[i] = i end \
         while true do table.maxn(t) table.foreach(t, type) table.foreachi(t, type) end",
    ),
    (
        Killed,
        "local t = {} for i = 1, 7000 do t[i] = i end while true do select(2, unpack(t)) end",
    ),
    (
        Killed,
        "local s = string.rep('x = 1 ', 1e4) while true do loadstring(s) end",
    ),
    (
        Killed,
        "while true do load(function() return 'local x = 1 ' end) end",
    ),
    (
        Killed,
        "local t = {} for i = 1, 3e4 do t[i] = {} end while true do collectgarbage() end",
    ),
    (
        Killed,
        "local t = {} for i = 1, 1e5 do t[i] = i end for i = 1, 1e5 do t[i] = nil end \
         while true do next(t) end",
    ),
];

/// What one instruction of the language may cost.
const INSTRUCTIONS: &[Row] = &[
    (
        Killed,
        "local s = string.rep('x', 1e6) while true do local t = s .. 'y' end",
    ),
    (
        Killed,
        "local s = string.rep('x', 1e6) local a, b = s .. 'a', s .. 'b' while a < b do end",
    ),
    (
        Killed,
        "local s = string.rep('1', 1e6) while true do local t = s + 1 end",
    ),
    (
        Killed,
        "local s = string.rep('x', 1e6) \
         coroutine.wrap(function() while true do local t = s .. 'y' end end)()",
    ),
    (
        Killed,
        "local f = coroutine.wrap(function() \
         while true do coroutine.yield(string.rep('x', 1e5):find('.-.-b')) end end) \
         while true do f() end",
    ),
    (
        Killed,
        "while true do local t = {} for i = 1, 1e4 do t[i] = i end end",
    ),
    (
        Killed,
        "while true do local t = {} for i = 1, 1e4 do t['k' .. i] = i end end",
    ),
    (
        Killed,
        "local t = setmetatable({}, {__lt = function() return true end}) while t < t do end",
    ),
    (
        Killed,
        "local t = {} for i = 1, 90 do t = setmetatable({}, {__index = t}) end \
         while true do local x = t.x end",
    ),
];

/// The libraries of Redis.
const MODULES: &[Row] = &[
    (
        NO_MEMORY,
        "local t = {string.rep('x', 1000)} for i = 1, 900 do t = {t, t} end return #cjson.encode(t)",
    ),
    (
        NO_MEMORY,
        "cjson.encode_sparse_array(false, 0) local t = {} t[2147483647] = 1 return cjson.encode(t)",
    ),
    (
        NO_MEMORY,
        "return #cjson.decode('[' .. string.rep('[],', 5e5) .. '1]')",
    ),
    (
        Killed,
        "local s = '[' .. string.rep('[1, \"x\"],', 1e3) .. '1]' \
         while true do cjson.encode(cjson.decode(s)) end",
    ),
    (
        Killed,
        "local s = string.rep('/', 1e6) while true do cjson.encode(s) end",
    ),
    (
        Killed,
        "local s = string.rep(' ', 1e6) .. '1' while true do cjson.decode(s) end",
    ),
    (
        NO_MEMORY,
        "local t = {string.rep('x', 1e4)} for i = 1, 15 do t = {t, t, t, t, t, t, t, t} end \
         return #cmsgpack.pack(t)",
    ),
    (
        Killed,
        "local t = {} for i = 1, 1e4 do t[i] = i end \
         while true do cmsgpack.unpack(cmsgpack.pack(t)) end",
    ),
    (
        Reply("-ERR user_script:1: Missing bytes"),
        "return cmsgpack.unpack('\\221\\255\\255\\255\\255')",
    ),
    (
        Killed,
        "local f = string.rep('x', 1e6) while true do struct.pack(f) struct.size(f) end",
    ),
    (
        Killed,
        "local s = string.rep('x', 1e6) .. '\\0' while true do struct.unpack('s', s) end",
    ),
    (
        Killed,
        "local s = string.rep('x', 1e6) while true do redis.sha1hex(s) end",
    ),
    (
        Killed,
        "while true do redis.call('lcs', 'word', 'word') end",
    ),
    (Killed, "while true do redis.call('get', 'long') end"),
    (
        Killed,
        "while true do redis.call('keys', string.rep('*a', 50)) end",
    ),
    (
        Killed,
        "while true do redis.call('mget', 'long', 'long', 'long', 'long') end",
    ),
    (
        NO_MEMORY,
        "local t = {} while true do t[#t + 1] = redis.call('get', 'long') .. #t end",
    ),
];

/// Replies that are larger than what the script holds.
const REPLIES: &[Row] = &[
    (
        TOO_LARGE,
        "local t = {1, 1} for i = 1, 40 do t = {t, t} end return t",
    ),
    (
        TOO_LARGE,
        "local a = {1, 1} local b = {a, a, a, a, a, a, a, a} local c = {b, b, b, b, b, b, b, b} \
         local d = {c, c, c, c, c, c, c, c} local e = {d, d, d, d, d, d, d, d} \
         local f = {e, e, e, e, e, e, e, e} local g = {f, f, f, f, f, f, f, f} return g",
    ),
    (
        TOO_LARGE,
        "local s = string.rep('x', 1e5) local t = {} for i = 1, 800 do t[i] = s end return t",
    ),
    (TOO_LARGE, "return string.rep('x', 2e6)"),
    (TOO_LARGE, "return {ok = string.rep('x', 2e6)}"),
    (
        TOO_LARGE,
        "redis.setresp(3) local t = {map = {a = 1, b = 2}} \
         for i = 1, 40 do t = {map = {a = t, b = t}} end return t",
    ),
    (
        TOO_LARGE,
        "redis.setresp(3) local t = {1} \
         for i = 1, 40 do t = {set = {[t] = true, [{t}] = true}} end return t",
    ),
    (
        TOO_LARGE,
        "redis.setresp(3) local s = string.rep('x', 1e6) \
         return {{big_number = s}, {verbatim_string = {format = 'txt', string = s}}}",
    ),
    (
        Reply("$-1"),
        "local t = {} for i = 1, 400 do t = {t} end return nil",
    ),
];

fn server() -> Server {
    let server = start(&[
        ("busy-reply-threshold", "50"),
        ("io-threads", "2"),
        ("lua-memory-limit", "16mb"),
        ("script-reply-limit", "1mb"),
    ]);
    let mut client = connect(&server);
    let word = "lock ".repeat(200);
    assert_eq!(client.call(&["SET", WORD, &word]).to_string(), "+OK");
    let long = "x".repeat(1_000_000);
    assert_eq!(client.call(&["SET", LONG, &long]).to_string(), "+OK");
    server
}

/// Nobody waits longer, on a machine that does much else, for an answer that the threshold bounds.
const OTHERS_WAIT: Duration = Duration::from_secs(10);

/// Sends `request` and sees to it that it ends as it should, while `others` go on.
fn check(server: &Server, others: &mut [Connection], end: End, request: &[&str]) {
    let shown = &request[1][..request[1].len().min(120)];
    let mut client = connect(server);
    client.send(request);
    let mut was_killed = false;
    let reply = 'replied: loop {
        for other in others.iter_mut() {
            let asked = Stopwatch::start();
            let answer = other.ask("GET nothing");
            assert!(asked.elapsed() < OTHERS_WAIT, "{shown}: others wait");
            assert!(answer == "$-1" || answer == BUSY, "{shown}: {answer}");
            if answer == BUSY && matches!(end, Killed) && !was_killed {
                let told = other.ask("SCRIPT KILL");
                was_killed = told == "+OK";
                assert!(
                    was_killed || told.starts_with("-NOTBUSY"),
                    "{shown}: {told}"
                );
            }
        }
        match client.receive(Duration::from_millis(5)) {
            Ok(Received::Frame(frame)) => break 'replied frame.to_string(),
            Ok(Received::Silence) => {}
            other => panic!("{shown}: {other:?}"),
        }
    };
    let expected = match end {
        Killed => "-ERR Script killed by user with SCRIPT KILL...",
        Reply(expected) => expected,
    };
    assert!(reply.starts_with(expected), "{shown}: {reply:.300}");
}

fn check_all(rows: &[Row]) {
    let server = server();
    let mut others: Vec<_> = (0..4).map(|_| connect(&server)).collect();
    for (end, body) in rows {
        check(&server, &mut others, *end, &["EVAL", body, "0"]);
    }
    assert_no_server_panicked();
}

#[test]
fn functions_in_c_look_around() {
    check_all(LIBRARIES);
}

#[test]
fn long_instructions_are_looked_around_between() {
    check_all(INSTRUCTIONS);
}

#[test]
fn redis_libraries_and_commands_look_around() {
    check_all(MODULES);
}

#[test]
fn a_reply_that_is_larger_than_it_may_be_is_an_error_in_bounded_memory() {
    check_all(REPLIES);
}

/// Scripts in the native subset, how many arguments they are given, and how long these are.
const NATIVE: &[(End, &str, &[&str], usize, usize)] = &[
    (
        Killed,
        "local n for i = 1, #ARGV do n = redis.call('get', KEYS[1]) end",
        &[LONG],
        20_000,
        1,
    ),
    (
        Killed,
        "for i = 1, #ARGV do redis.call('getrange', KEYS[1], 0, -1) end return 1",
        &[LONG],
        20_000,
        1,
    ),
    (
        Reply(":0"),
        "local n = 0 for i = 1, #ARGV do if ARGV[1] < ARGV[2] then n = 1 end end return n",
        &[],
        200,
        100_000,
    ),
    (
        Reply(":20000"),
        "local n = 0 for i = 1, #ARGV do n = n + 1 end return n",
        &[],
        20_000,
        1,
    ),
    (
        TOO_LARGE,
        "local v = redis.call('get', KEYS[1]) return {v, v, v, v}",
        &[LONG],
        0,
        0,
    ),
    (TOO_LARGE, "return {ARGV[1], ARGV[2]}", &[], 2, 600_000),
    (
        TOO_LARGE,
        "local a = {ARGV[1], ARGV[1]} local b = {a, a, a, a} local c = {b, b, b, b} \
         return {c, c, c, c}",
        &[],
        1,
        20_000,
    ),
    (
        NO_MEMORY,
        "local a = ARGV[1] .. ARGV[1] local b = a .. a local c = b .. b return 1",
        &[],
        1,
        9_000_000,
    ),
];

#[test]
fn a_native_script_that_might_take_long_is_run_by_lua() {
    let server = server();
    let mut others: Vec<_> = (0..4).map(|_| connect(&server)).collect();
    for (end, body, keys, count, bytes) in NATIVE {
        assert!(Program::compile(body.as_bytes()).is_ok(), "{body}");
        let (numkeys, argument) = (keys.len().to_string(), "x".repeat(*bytes));
        let argv = vec![argument.as_str(); *count];
        let request = [&["EVAL", body, &numkeys][..], keys, &argv].concat();
        check(&server, &mut others, *end, &request);
    }
    let tree = "local t = {ARGV[1], ARGV[1]} for i = 1, #ARGV do t = {t, t} end return t";
    assert!(Program::compile(tree.as_bytes()).is_err());
    let request = [&["EVAL", tree, "0"][..], &["a"; 27]].concat();
    check(&server, &mut others, TOO_LARGE, &request);
    assert_no_server_panicked();
}

#[test]
fn a_native_script_that_has_written_by_lua_goes_on_to_its_end() {
    let server = server();
    let body = "for i = 1, #ARGV do redis.call('append', KEYS[1], ARGV[i]) end return #ARGV";
    assert!(Program::compile(body.as_bytes()).is_ok());
    let ran = |field: &str| connect(&server).info(field);
    let (native, lua) = (ran("scripts_run_natively"), ran("scripts_run_in_lua"));
    for (count, expected) in [(3, (1, 0)), (20_000, (1, 1))] {
        let request = [&["EVAL", body, "1", "grown"][..], &vec!["1"; count]].concat();
        let reply = connect(&server).call(&request).to_string();
        assert_eq!(reply, format!(":{count}"));
        let now = (
            ran("scripts_run_natively") - native,
            ran("scripts_run_in_lua") - lua,
        );
        assert_eq!(now, expected);
    }
    assert_eq!(connect(&server).ask("STRLEN grown"), ":20003");
}

#[test]
fn a_reply_of_the_limit_is_answered_and_one_byte_more_is_not() {
    let server = server();
    let mut client = connect(&server);
    let limit = 1 << 20;
    // Natively and in Lua, and an array, of which each element counts 64 bytes.
    for (body, bytes) in [
        ("return ARGV[1]", limit - 64),
        ("return tostring(ARGV[1]):lower()", limit - 64),
        ("return {ARGV[1]}", limit - 2 * 64),
        ("return {ARGV[1]:lower()}", limit - 2 * 64),
        ("return {{ARGV[1], 5}}", limit - 4 * 64),
        ("return {{ARGV[1]:lower(), 5}}", limit - 4 * 64),
    ] {
        let text = "x".repeat(bytes);
        let reply = client.call(&["EVAL", body, "0", &text]).to_string();
        assert!(reply.contains("xxx"), "{body}: {reply:.100}");
        let text = text + "x";
        let reply = client.call(&["EVAL", body, "0", &text]).to_string();
        let expected = "-ERR script reply is larger than script-reply-limit";
        assert_eq!(reply, expected, "{body}");
    }
    assert_eq!(client.ask("CONFIG SET script-reply-limit 2mb"), "+OK");
    let text = "x".repeat(limit);
    let reply = client
        .call(&["EVAL", "return ARGV[1]", "0", &text])
        .to_string();
    assert!(reply.contains("xxx"), "{reply:.100}");
}
