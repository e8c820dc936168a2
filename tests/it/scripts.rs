//! Scripts that misbehave, and what the server promises around every script.
//!
//! What a script answers stands in the transcripts; here stands what it may not do.

use std::time::Duration;

use quintlock::{Cluster, Options, Server};

use crate::support::alone::alone;
use crate::support::client::{Connection, REPLY_WAIT, Received};
use crate::support::frame::Frame;
use crate::support::service::{assert_no_server_panicked, connect, eventually, start};

const ENDLESS: &str = "while true do end";
const BUSY: &str =
    "-BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.";

/// A server that calls itself busy soon.
fn impatient() -> Server {
    start(&[("busy-reply-threshold", "50"), ("io-threads", "2")])
}

/// Starts a script that does not end, and waits until others are told so.
fn keep_busy(server: &Server, body: &str) -> Connection {
    let mut busy = connect(server);
    busy.send(&["EVAL", body, "0"]);
    let mut other = connect(server);
    eventually("others are told that it is busy", || {
        other.ask("GET k") == BUSY
    });
    busy
}

fn sha1_of(client: &mut Connection, body: &str) -> String {
    match client.call(&["SCRIPT", "LOAD", body]) {
        Frame::Blob(_, sha1) => String::from_utf8(sha1).unwrap(),
        other => panic!("{other}"),
    }
}

#[test]
fn an_endless_script_is_answered_with_busy_and_ended_by_script_kill() {
    let server = impatient();
    let mut busy = keep_busy(&server, ENDLESS);
    let mut other = connect(&server);
    for refused in ["GET k", "SET k v", "PING", "EVAL 'return 1' 0", "INFO"] {
        assert_eq!(other.ask(refused), BUSY, "{refused}");
    }
    assert_eq!(other.ask("SCRIPT KILL"), "+OK");
    let told = busy.next();
    assert!(
        told.starts_with("-ERR Script killed by user with SCRIPT KILL..."),
        "{told}"
    );
    assert_eq!(connect(&server).ask("SET k v"), "+OK");
    assert_eq!(busy.ask("GET k"), r#"$"v""#);
    assert_eq!(
        busy.ask("SCRIPT KILL"),
        "-NOTBUSY No scripts in execution right now."
    );
    assert_no_server_panicked();
}

#[test]
fn a_script_that_catches_every_error_is_ended_all_the_same() {
    let server = impatient();
    for body in [
        "while true do pcall(function() while true do end end) end",
        "local function again() pcall(again) while true do end end again()",
        "while true do pcall(redis.call, 'GET', 'k') end",
        "while true do redis.pcall('NOSUCH') end",
        "local f = coroutine and coroutine.wrap(function() while true do end end) or \
         function() while true do end end while true do pcall(f) end",
        "while true do xpcall(function() error('x') end, function() while true do end end) end",
        "return xpcall(function() while true do end end, function() while true do end end)",
        "local function again() return xpcall(again, again) end while true do again() end",
        "return setmetatable({}, {__index = function() while true do end end}).x",
        "while true do pcall(string.gsub, 'aaaa', '.', function() while true do end end) end",
        "while true do pcall(table.sort, {3, 2, 1}, function() while true do end end) end",
    ] {
        let mut busy = keep_busy(&server, body);
        assert_eq!(connect(&server).ask("SCRIPT KILL"), "+OK", "{body}");
        let told = busy.next();
        assert!(told.starts_with("-ERR Script killed by user"), "{told}");
        assert_eq!(connect(&server).ask("PING"), "+PONG", "{body}");
    }
    assert_no_server_panicked();
}

#[test]
fn a_script_that_has_written_cannot_be_killed_but_the_server_can_be_shut_down() {
    let server = impatient();
    let address = server.address();
    let body = format!("redis.call('SET', 'k', 'v') {ENDLESS}");
    let mut busy = keep_busy(&server, &body);
    let mut other = connect(&server);
    let told = other.ask("SCRIPT KILL");
    assert!(told.starts_with("-UNKILLABLE "), "{told}");
    assert_eq!(other.ask("GET k"), BUSY);
    other.send(&["SHUTDOWN", "NOSAVE"]);
    assert_eq!(other.next(), "closed");
    assert!(matches!(
        busy.receive(REPLY_WAIT),
        Ok(Received::Eof | Received::Frame(_))
    ));
    eventually("nobody listens any more", || {
        Connection::open(address).is_err()
    });
    drop(server);
    assert_no_server_panicked();
}

#[test]
fn a_transaction_of_endless_scripts_does_not_keep_the_server_from_stopping() {
    let server = impatient();
    let mut busy = connect(&server);
    assert_eq!(busy.ask("MULTI"), "+OK");
    for _ in 0..3 {
        assert_eq!(busy.call(&["EVAL", ENDLESS, "0"]).to_string(), "+QUEUED");
    }
    busy.send(&["EXEC"]);
    let mut other = connect(&server);
    eventually("others are told that it is busy", || {
        other.ask("GET k") == BUSY
    });
    let before = quintlock::clock::Stopwatch::start();
    drop(server);
    assert!(before.elapsed() < Duration::from_secs(4));
}

#[test]
fn script_kill_ends_one_script_of_a_transaction_and_the_others_run() {
    let server = impatient();
    let mut busy = connect(&server);
    assert_eq!(busy.ask("MULTI"), "+OK");
    assert_eq!(busy.ask("SET before 1"), "+QUEUED");
    assert_eq!(busy.call(&["EVAL", ENDLESS, "0"]).to_string(), "+QUEUED");
    assert_eq!(busy.ask("SET after 1"), "+QUEUED");
    busy.send(&["EXEC"]);
    let mut other = connect(&server);
    eventually("others are told that it is busy", || {
        other.ask("GET k") == BUSY
    });
    // Of the transaction nobody sees a part.
    assert_eq!(other.ask("GET before"), BUSY);
    assert_eq!(other.ask("SCRIPT KILL"), "+OK");
    let replies = busy.next();
    assert!(replies.starts_with("*3 +OK -"), "{replies}");
    assert!(replies.ends_with(" +OK"), "{replies}");
    assert_eq!(other.ask("MGET before after"), r#"*2 $"1" $"1""#);
}

#[test]
fn other_connections_wait_for_a_slow_script_and_then_see_all_of_it() {
    let server = start(&[("io-threads", "1")]);
    let mut slow = connect(&server);
    let body = "redis.call('SET', 'a', '1') for i = 1, 2e6 do end redis.call('SET', 'b', '1')";
    let mut other = connect(&server);
    assert_eq!(other.ask("PING"), "+PONG");
    slow.send(&["EVAL", body, "0"]);
    eventually("the script has begun or ended", || {
        let seen = other.ask("MGET a b");
        assert!(seen == "*2 $-1 $-1" || seen == r#"*2 $"1" $"1""#, "{seen}");
        seen != "*2 $-1 $-1"
    });
    assert_eq!(slow.next(), "$-1");
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
        "local t = {} while true do pcall(function() t[#t + 1] = string.rep('x', 1e5) .. #t end) \
         if #t > 200 then return #t end if not pcall(string.rep, 'x', 1e5) then error('full') end end",
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

#[test]
fn instances_of_one_process_run_scripts_at_the_same_time() {
    let options = Options::manual_clock().set("busy-reply-threshold", "50");
    let cluster = Cluster::start(2, &options).unwrap();
    let [first, second] = cluster.instances() else {
        panic!("two instances");
    };
    // Both have the same, single thread.
    let mut one = keep_busy(first, ENDLESS);
    let mut two = keep_busy(second, ENDLESS);
    assert_eq!(connect(first).ask("SCRIPT KILL"), "+OK");
    assert!(one.next().starts_with("-ERR Script killed by user"));
    assert_eq!(connect(first).ask("SET k v"), "+OK");
    let lua = "EVAL 'return string.rep(KEYS[1], 2)' 1 ab";
    assert_eq!(connect(first).ask(lua), r#"$"abab""#);
    assert_eq!(connect(second).ask("GET k"), BUSY);
    assert_eq!(connect(second).ask("SCRIPT KILL"), "+OK");
    assert!(two.next().starts_with("-ERR Script killed by user"));
    assert_eq!(connect(second).ask("EXISTS k"), ":0");
    assert_no_server_panicked();
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
fn a_client_that_leaves_while_its_script_runs_harms_nobody() {
    let server = impatient();
    let busy = keep_busy(&server, ENDLESS);
    drop(busy);
    let mut other = connect(&server);
    assert_eq!(other.ask("GET k"), BUSY);
    assert_eq!(other.ask("SCRIPT KILL"), "+OK");
    eventually("it is served again", || other.ask("GET k") == "$-1");
    eventually("nothing is left of the client", || {
        other.text("CLIENT LIST").lines().count() == 1
    });
    assert_no_server_panicked();
}
