//! The scripts of locks: compiled, and run natively and by Lua over the same keys.
//!
//! What both call is a keyspace of one lock, so that the difference is the interpreter's.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use quintlock::error::CommandError;
use quintlock::resp::reply::Reply;
use quintlock::script::Calls;
use quintlock::script::lua::{Pulse, Vm, VmLimits};
use quintlock::script::native::Program;

const TOKEN: &[u8] = b"0123456789abcdef0123456789abcdef0123";
const RELEASE: &str = "if redis.call('get', KEYS[1]) == ARGV[1] then \
                       return redis.call('del', KEYS[1]) else return 0 end";
const EXTEND: &str = "if redis.call('get', KEYS[1]) == ARGV[1] then \
                      return redis.call('pexpire', KEYS[1], ARGV[2]) else return 0 end";
const TAKE_ALL: &str = "for _, key in ipairs(KEYS) do \
                        if redis.call('exists', key) == 1 then return 0 end end \
                        for _, key in ipairs(KEYS) do \
                        redis.call('set', key, ARGV[1], 'PX', ARGV[2]) end return #KEYS";

/// A keyspace that always has the lock, and never a lock of another name.
struct OneLock;

impl Calls for OneLock {
    fn call(&mut self, args: &[&[u8]]) -> Result<Reply, CommandError> {
        Ok(match args[0] {
            b"get" => Reply::bulk(TOKEN),
            b"set" => Reply::OK,
            b"exists" => Reply::Integer(0),
            _ => Reply::Integer(1),
        })
    }

    fn log(&mut self, _: u8, _: &[u8]) {}

    fn is_command(&self, _: &[u8]) -> bool {
        true
    }
}

/// A script with what it is given and what it answers.
struct Case {
    name: &'static str,
    body: &'static str,
    keys: &'static [&'static [u8]],
    answer: Reply,
}

fn cases() -> [Case; 3] {
    let case = |name, body, keys, answer| Case {
        name,
        body,
        keys,
        answer: Reply::Integer(answer),
    };
    [
        case("release", RELEASE, &[b"lock:orders:42"], 1),
        case("extend", EXTEND, &[b"lock:orders:42"], 1),
        case(
            "take three",
            TAKE_ALL,
            &[b"lock:a", b"lock:b", b"lock:c"],
            3,
        ),
    ]
}

fn compiling(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("compile");
    for case in cases() {
        group.bench_function(case.name, |bencher| {
            bencher.iter(|| Program::compile(black_box(case.body.as_bytes())).is_ok());
        });
    }
    group.finish();
}

fn running(criterion: &mut Criterion) {
    let argv: [&[u8]; 2] = [TOKEN, b"30000"];
    let vm = match Vm::new(VmLimits::default()) {
        Ok(vm) => vm,
        Err(error) => panic!("{error}"),
    };
    let mut group = criterion.benchmark_group("run");
    for case in cases() {
        let program = match Program::compile(case.body.as_bytes()) {
            Ok(program) => program,
            Err(reason) => panic!("{} is not native: {reason}", case.name),
        };
        let native = || program.run(case.name, case.keys, &argv, &mut OneLock);
        let by_lua = || {
            let body = case.body.as_bytes();
            vm.run(case.name, body, case.keys, &argv, &mut OneLock, &|| {
                Pulse::Continue
            })
        };
        assert_eq!((native(), by_lua()), (case.answer.clone(), case.answer));
        group.bench_function(format!("{} natively", case.name), |bencher| {
            bencher.iter(native);
        });
        group.bench_function(format!("{} in Lua", case.name), |bencher| {
            bencher.iter(by_lua);
        });
    }
    group.finish();
}

criterion_group!(benches, compiling, running);
criterion_main!(benches);
