//! What the server promises around every script, whatever it does.
//!
//! What a script answers stands in the transcripts; one that does not end has a file of its own.

use std::time::Duration;

use crate::support::alone::alone;
use crate::support::client::{Connection, REPLY_WAIT, Received};
use crate::support::frame::Frame;
use crate::support::service::{
    assert_no_server_panicked, connect, eventually, start, start_on_real_time,
};

fn sha1_of(client: &mut Connection, body: &str) -> String {
    match client.call(&["SCRIPT", "LOAD", body]) {
        Frame::Blob(_, sha1) => String::from_utf8_lossy(&sha1).into_owned(),
        other => panic!("{other}"),
    }
}

#[test]
fn a_script_that_wants_all_memory_gets_an_error_and_nobody_else_does() {
    let server = start(&[("lua-memory-limit", "8mb")]);
    let mut client = connect(&server);
    for body in [
        "local t = {} for i = 1, 1e9 do t[i] = {i} end",
        "local s = 'x' while true do s = s .. s end",
        "return string.rep('x', 1e9)",
        "local t = {} while true do t[#t + 1] = string.rep('x', 1000) .. #t end",
        "local function deep(n) return deep(n + 1) + 1 end return deep(1)",
        "local t = {} for i = 1, 1000 do pcall(function() t[#t + 1] = string.rep('x', 1e5) .. #t end) \
         if #t > 200 then return #t end end error('full')",
    ] {
        let reply = client.call(&["EVAL", body, "0"]).to_string();
        assert!(reply.starts_with('-'), "{body}: {reply}");
        assert_eq!(client.ask("EVAL 'return string.rep(1, 3)' 0"), r#"$"111""#);
        assert_eq!(connect(&server).ask("PING"), "+PONG");
    }
    assert_no_server_panicked();
}

#[test]
fn the_memory_limit_of_scripts_can_be_changed_while_they_are_known() {
    let server = start(&[("lua-memory-limit", "4mb")]);
    let mut client = connect(&server);
    let body = "return #string.rep('x', tonumber(ARGV[1]))";
    let eight_mb = ["EVAL", body, "0", "8000000"];
    assert!(client.call(&eight_mb).to_string().starts_with('-'));
    assert_eq!(client.ask("CONFIG SET lua-memory-limit 64mb"), "+OK");
    assert_eq!(client.call(&eight_mb).to_string(), ":8000000");
    assert_eq!(client.ask("CONFIG SET lua-memory-limit 4mb"), "+OK");
    assert!(client.call(&eight_mb).to_string().starts_with('-'));
}

#[test]
#[cfg(target_os = "linux")]
fn recursion_that_is_too_deep_ends_the_script_and_not_the_server() {
    // A stack that overflows would take the other tests with it.
    alone(
        "scripts::recursion_that_is_too_deep_ends_the_script_and_not_the_server",
        recurse,
    );
}

fn recurse() {
    let server = start(&[]);
    let mut client = connect(&server);
    for body in [
        "return string.find(string.rep('a', 200000), string.rep('a?', 200000))",
        "return string.find(string.rep('a', 200000), string.rep('a-', 200000) .. 'b')",
        "return string.match(string.rep('(', 200000), string.rep('%(?', 200000))",
        "return string.gsub(string.rep('a', 200000), string.rep('a*', 100000), '')",
        "local t = {} for i = 1, 200000 do t = {t} end return t",
        "local t = {} t[1] = t return t",
        "local t = {} t.map = t return t",
        "local t = {} for i = 1, 200000 do t = {t} end return cjson.encode(t)",
        "return cjson.decode(string.rep('[', 200000))",
        "return cjson.decode(string.rep('[', 900) .. string.rep(']', 900))",
        "local t = {} for i = 1, 200000 do t = {t} end return #cmsgpack.pack(t)",
        "return cmsgpack.unpack(string.rep('\\145', 200000) .. '\\192')",
        "return loadstring(string.rep('(', 200000) .. '1' .. string.rep(')', 200000))",
        "return loadstring('return ' .. string.rep('{', 200000) .. string.rep('}', 200000))",
        "return loadstring('return ' .. string.rep('-', 200000) .. '1')",
        "return loadstring('return ' .. string.rep('not ', 200000) .. '1')",
        "local t = setmetatable({}, {}) getmetatable(t).__index = t return t.x",
        "local m = {} m.__index = function(t, k) return t[k] end return setmetatable({}, m).x",
        "local m = {} m.__tostring = function(t) return tostring(t) end \
         return tostring(setmetatable({}, m))",
        "local f f = function() return pcall(f) end return f()",
        "local f f = function(x) return string.gsub('a', 'a', f) end return f()",
        "local f f = function() local ok, e = pcall(f) error(e) end f()",
    ] {
        match client.receive_reply_to(&["EVAL", body, "0"]) {
            Ok(Received::Frame(_)) => {}
            // The strict reader of replies refuses to follow a reply as deep as that.
            Err(_) => client = connect(&server),
            other => panic!("{body}: {other:?}"),
        }
        assert_eq!(connect(&server).ask("PING"), "+PONG", "{body}");
    }
    // The same as text of a script, which is tried natively first.
    for text in [
        "(",
        "{",
        "-",
        "not ",
        "if 1 then ",
        "f(",
        "a.",
        "a..",
        "1+",
        "1^",
    ] {
        let body = format!("return {}1", text.repeat(200_000));
        let reply = client.call(&["EVAL", &body, "0"]);
        assert!(!matches!(reply, Frame::Line(b'+', _)), "{text}");
        assert_eq!(connect(&server).ask("PING"), "+PONG", "{text}");
    }
    assert_no_server_panicked();
}

impl Connection {
    fn receive_reply_to(&mut self, request: &[&str]) -> Result<Received, String> {
        self.send(request);
        self.receive(REPLY_WAIT)
    }
}

#[test]
fn of_the_scripts_that_came_by_eval_the_latest_are_remembered() {
    let server = start(&[("script-cache-size", "3")]);
    let mut client = connect(&server);
    let loaded = sha1_of(&mut client, "return 'loaded'");
    let sha1s: Vec<String> = (0..5)
        .map(|number| {
            let body = format!("return {number}");
            let reply = client.call(&["EVAL", &body, "0"]);
            assert_eq!(reply.to_string(), format!(":{number}"));
            quintlock_sha1(&body)
        })
        .collect();
    let mut other = connect(&server);
    for (number, sha1) in sha1s.iter().enumerate() {
        let reply = other.call(&["EVALSHA", sha1, "0"]).to_string();
        if number < 2 {
            assert!(reply.starts_with("-NOSCRIPT "), "{number}: {reply}");
        } else {
            assert_eq!(reply, format!(":{number}"));
        }
    }
    assert_eq!(
        other.call(&["EVALSHA", &loaded, "0"]).to_string(),
        r#"$"loaded""#
    );
    // What was loaded stays even if it came by EVAL first.
    assert_eq!(sha1_of(&mut client, "return 2"), sha1s[2]);
    for number in 10..20 {
        client.call(&["EVAL", &format!("return {number}"), "0"]);
    }
    assert_eq!(other.call(&["EVALSHA", &sha1s[2], "0"]).to_string(), ":2");
    assert!(client.info("number_of_cached_scripts") <= 5);
}

fn quintlock_sha1(body: &str) -> String {
    String::from_utf8_lossy(&quintlock::script::cache::sha1_of(body.as_bytes())).into_owned()
}

#[test]
fn a_script_that_was_forgotten_and_came_again_is_remembered_again() {
    let server = start(&[("script-cache-size", "2")]);
    let mut client = connect(&server);
    for round in 0..3 {
        for number in 0..4 {
            let body = format!("return {number}");
            client.call(&["EVAL", &body, "0"]);
            let reply = client.call(&["EVALSHA", &quintlock_sha1(&body), "0"]);
            assert_eq!(reply.to_string(), format!(":{number}"), "round {round}");
        }
        assert_eq!(client.info("number_of_cached_scripts"), 2);
    }
    assert_eq!(client.ask("SCRIPT FLUSH"), "+OK");
    assert_eq!(client.info("number_of_cached_scripts"), 0);
    for number in 0..2 {
        client.call(&["EVAL", &format!("return {number}"), "0"]);
    }
    assert_eq!(client.info("number_of_cached_scripts"), 2);
}

#[test]
fn a_database_selected_in_a_script_stays_in_it() {
    let server = start(&[]);
    let mut client = connect(&server);
    assert_eq!(client.ask("SELECT 3"), "+OK");
    for (body, expected) in [
        (
            "redis.call('SELECT', 5) redis.call('SET', 'k', 'five') return redis.call('GET', 'k')",
            r#"$"five""#,
        ),
        ("redis.call('SELECT', 5) error('x')", "-"),
        ("redis.call('SELECT', 99)", "-ERR DB index is out of range"),
    ] {
        let reply = client.call(&["EVAL", body, "0"]).to_string();
        assert!(reply.starts_with(expected), "{body}: {reply}");
        assert_eq!(client.ask("EXISTS k"), ":0", "{body}");
        assert_eq!(client.ask("SET three 3"), "+OK");
    }
    assert!(client.text("CLIENT INFO").contains(" db=3 "));
    assert_eq!(client.ask("DBSIZE"), ":1");
}

#[test]
fn no_key_expires_in_the_middle_of_a_script() {
    let server = start(&[]);
    let mut client = connect(&server);
    let mut observer = connect(&server);
    assert_eq!(observer.ask("SET go no"), "+OK");
    assert_eq!(client.ask("SET lock token PX 1000"), "+OK");
    // It looks, takes its time until the clock has been moved past the deadline, and looks again.
    let body = "local before = redis.call('GET', 'lock') \
                for i = 1, 5e6 do end \
                return {before, redis.call('GET', 'lock'), redis.call('PTTL', 'lock')}";
    client.send(&["EVAL", body, "0"]);
    observer.send(&["GET", "lock"]);
    eventually("the script has begun", || {
        server.instance().gate.hold() != quintlock::gate::Hold::Brief
    });
    server.instance().clock.advance(Duration::from_millis(1500));
    server.instance().keyspace.alarm().ring();
    assert_eq!(client.next(), r#"*3 $"token" $"token" :1000"#);
    // Afterwards it is gone.
    observer.next();
    assert_eq!(observer.ask("GET lock"), "$-1");
}

/// What a script sets, where it shows, and how it shows before and after.
const LEFT: [(&str, &str, &str, &str); 9] = [
    (
        "cjson.encode_number_precision(3)",
        "cjson.encode(3.14159265)",
        "3.14159265",
        "3.14",
    ),
    (
        "cjson.encode_sparse_array(true)",
        "pcall(cjson.encode, {[99] = 1})",
        "false",
        "true",
    ),
    (
        "cjson.encode_max_depth(1)",
        "pcall(cjson.encode, {{}})",
        "true",
        "false",
    ),
    (
        "cjson.decode_max_depth(1)",
        "pcall(cjson.decode, '[[]]')",
        "true",
        "false",
    ),
    (
        "cjson.encode_invalid_numbers('null')",
        "pcall(cjson.encode, 0/0)",
        "false",
        "true",
    ),
    (
        "cjson.decode_invalid_numbers(false)",
        "pcall(cjson.decode, '0x10')",
        "true",
        "false",
    ),
    (
        "cjson.encode_keep_buffer(false)",
        "cjson.encode_keep_buffer()",
        "true",
        "false",
    ),
    (
        "collectgarbage('setpause', 150)",
        "collectgarbage('setpause', 150)",
        "200",
        "150",
    ),
    (
        "collectgarbage('setstepmul', 300)",
        "collectgarbage('setstepmul', 300)",
        "200",
        "300",
    ),
];

/// In Redis all scripts run in one Lua state. Here the connections are on four threads, and each
/// thread has its own.
#[test]
fn what_a_script_leaves_behind_is_there_for_the_next_one_whoever_runs_it() {
    let server = start(&[("io-threads", "4")]);
    let mut clients: Vec<Connection> = (0..8).map(|_| connect(&server)).collect();
    let ask = |client: &mut Connection, value: &str| {
        let body = format!("return tostring(({value}))");
        client.call(&["EVAL", &body, "0"]).to_string()
    };
    for (number, (set, look, before, after)) in LEFT.into_iter().enumerate() {
        let (before, after) = (format!("$\"{before}\""), format!("$\"{after}\""));
        assert_eq!(ask(&mut clients[0], look), before, "{look}");
        clients[number % 8].call(&[
            "EVAL",
            &format!("{set} error('it stays all the same')"),
            "0",
        ]);
        for client in &mut clients {
            assert_eq!(ask(client, look), after, "{set}");
        }
        assert_eq!(clients[1].ask("SCRIPT FLUSH"), "+OK");
        for client in clients.iter_mut().rev() {
            // Looking at these two sets them.
            if !look.starts_with("collectgarbage") {
                assert_eq!(ask(client, look), before, "{look} after SCRIPT FLUSH");
            }
        }
        assert_eq!(
            ask(&mut clients[7], look),
            before,
            "{look} after SCRIPT FLUSH"
        );
        assert_eq!(clients[1].ask("SCRIPT FLUSH"), "+OK");
    }
}

/// The numbers are those of Redis 7.0.15, 8.2.3 and Valkey 9.1.2, where SCRIPT FLUSH changes nothing.
#[test]
fn math_random_goes_on_where_the_last_script_has_left_it() {
    let server = start(&[("io-threads", "4")]);
    let mut clients: Vec<Connection> = (0..4).map(|_| connect(&server)).collect();
    let mut draw = |client: usize, first: &str| {
        let body = format!("{first} return tostring(math.random())");
        clients[client].call(&["EVAL", &body, "0"]).to_string()
    };
    assert_eq!(draw(0, ""), r#"$"0.39646477363839""#);
    assert_eq!(draw(1, ""), r#"$"0.84048536971234""#);
    assert_eq!(draw(2, "math.randomseed(7)"), r#"$"0.26644419658298""#);
    assert_eq!(draw(3, ""), r#"$"0.68203523041775""#);
    assert_eq!(clients[0].ask("SCRIPT FLUSH"), "+OK");
    let body = "return tostring(math.random())";
    let drawn = clients[1].call(&["EVAL", body, "0"]).to_string();
    assert_eq!(drawn, r#"$"0.26549059351231""#);
}

/// The time that TIME replied, in microseconds.
fn unix_us(time: &Frame) -> u64 {
    let Frame::Aggregate(_, parts) = time else {
        panic!("{time}");
    };
    let parts = parts.iter().map(|part| match part {
        Frame::Blob(_, digits) => String::from_utf8_lossy(digits).parse().unwrap_or(0),
        other => panic!("{other}"),
    });
    let [seconds, micros]: [u64; 2] = parts.collect::<Vec<_>>().try_into().expect("two parts");
    seconds * 1_000_000 + micros
}

/// Redis 7.2 reads its clocks once for a script or a transaction.
#[test]
fn no_time_passes_within_a_script_or_a_transaction() {
    const LOOP: &str = "for i = 1, 1e6 do end ";
    let server = start_on_real_time(&[]);
    let mut client = connect(&server);
    client.ask("SET k v PX 100000");
    for command in ["'time'", "'pexpiretime', KEYS[1]", "'pttl', KEYS[1]"] {
        let body = format!(
            "local a = redis.call({command}) {LOOP} local b = redis.call({command}) \
             if type(a) == 'number' then return a - b end return {{b[1] - a[1], b[2] - a[2]}}"
        );
        let passed = client.call(&["EVAL", &body, "1", "k"]).to_string();
        assert!(
            matches!(passed.as_str(), ":0" | "*2 :0 :0"),
            "{command}: {passed}"
        );
    }
    let wait = format!("{LOOP} return redis.call('time')");
    for request in [
        &["MULTI"][..],
        &["TIME"],
        &["EVAL", &wait, "0"],
        &["PEXPIRETIME", "k"],
        &["EVAL", &wait, "0"],
        &["PEXPIRETIME", "k"],
        &["TIME"],
    ] {
        client.call(request);
    }
    let Frame::Aggregate(_, replies) = client.call(&["EXEC"]) else {
        panic!("not the replies of a transaction");
    };
    let [first, second, end, third, end_again, fourth] = &replies[..] else {
        panic!("{replies:?}");
    };
    assert!(
        [second, third, fourth].iter().all(|time| *time == first),
        "{replies:?}"
    );
    assert_eq!(end, end_again);
    // What comes before and after has times of its own, and none goes back.
    let mut times = vec![unix_us(first)];
    times.push(unix_us(&client.call(&["TIME"])));
    times.push(unix_us(&client.call(&["EVAL", &wait, "0"])));
    times.push(unix_us(&client.call(&["TIME"])));
    assert!(times.is_sorted(), "{times:?}");
}

/// A deadline that a script computes from TIME is as far away as it meant.
#[test]
fn a_step_of_the_wall_clock_between_two_scripts_is_seen_by_the_second() {
    let server = start(&[]);
    let mut client = connect(&server);
    let body = "local now = redis.call('time') local ms = now[1] * 1000 + math.floor(now[2] / 1000) \
                redis.call('set', KEYS[1], 'v', 'PXAT', ms + 5000) \
                return {redis.call('pttl', KEYS[1]), redis.call('pexpiretime', KEYS[1]) - ms}";
    for step_ms in [0, 3_600_000, -7_200_000] {
        server.instance().clock.step_wall(step_ms);
        let reply = client.call(&["EVAL", body, "1", "k"]).to_string();
        assert_eq!(reply, "*2 :5000 :5000");
    }
}

#[test]
fn info_counts_native_and_lua_runs_and_script_explain_tells_which() {
    let server = start(&[]);
    let mut client = connect(&server);
    let release = "if redis.call('get', KEYS[1]) == ARGV[1] then \
                   return redis.call('del', KEYS[1]) else return 0 end";
    let native = sha1_of(&mut client, release);
    let lua = sha1_of(&mut client, "return string.rep('x', 3)");
    for _ in 0..3 {
        let reply = client.call(&["EVALSHA", &native, "1", "lock", "token"]);
        assert_eq!(reply.to_string(), ":0");
    }
    for _ in 0..2 {
        assert_eq!(
            client.call(&["EVALSHA", &lua, "0"]).to_string(),
            r#"$"xxx""#
        );
    }
    assert_eq!(client.info("scripts_run_natively"), 3);
    assert_eq!(client.info("scripts_run_in_lua"), 2);
    let told = client.call(&["SCRIPT", "EXPLAIN", &native]).to_string();
    assert!(told.contains(r#"$"runs" $"native""#), "{told}");
    let told = client.call(&["SCRIPT", "EXPLAIN", &lua]).to_string();
    assert!(told.contains(r#"$"runs" $"lua""#), "{told}");
    assert!(!told.contains("$-1"), "a reason is told: {told}");
    let told = client.ask("SCRIPT EXPLAIN 0000000000000000000000000000000000000000");
    assert!(told.starts_with("-NOSCRIPT "), "{told}");
}

#[test]
fn who_asks_for_the_debugger_runs_no_script_until_it_is_taken_back() {
    let server = start(&[]);
    let mut client = connect(&server);
    let refusal =
        "ERR there is no Lua debugger, and the script was not run; SCRIPT DEBUG NO allows it";
    for mode in ["YES", "SYNC"] {
        assert_eq!(client.ask(&format!("SCRIPT DEBUG {mode}")), "+OK");
        let set = client.call(&["EVAL", "return redis.call('set', 'key', 'value')", "0"]);
        assert_eq!(set.to_string(), r#"*1 +"<endsession>""#);
        assert_eq!(client.next(), format!("-{refusal}"));
    }
    // A transaction has one reply for each request, whatever it is.
    assert_eq!(client.ask("MULTI"), "+OK");
    assert_eq!(client.ask("SCRIPT DEBUG NO"), "+QUEUED");
    assert_eq!(client.ask("EVAL 'return 1' 0"), "+QUEUED");
    let pipelined = "ERR SCRIPT DEBUG must be called outside a pipeline";
    assert_eq!(
        client.ask("EXEC"),
        format!("*2 -{pipelined:?} -{refusal:?}")
    );
    assert_eq!(client.ask("EXISTS key"), ":0");
    assert_eq!(client.ask("SCRIPT DEBUG NO"), "+OK");
    assert_eq!(client.ask("EVAL 'return 1' 0"), ":1");
}
