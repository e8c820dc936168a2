//! Requests to arguments and replies to bytes, each beside what the redis-protocol crate does.
//!
//! A batch is what a connection reads at once from a client with 16 requests in flight.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use quintlock::resp::encode::encode;
use quintlock::resp::request::{Limits, Parser, Progress};
use quintlock::resp::{Protocol, reply::Reply};
use redis_protocol::resp2::decode::decode;
use redis_protocol::resp2::encode::encode as encode_frame;
use redis_protocol::resp2::types::OwnedFrame;

const REQUESTS: usize = 16;

fn batch() -> Vec<u8> {
    let request = |number: usize| {
        format!(
            "*6\r\n$3\r\nSET\r\n$24\r\nlock:orders:{number:012}\r\n$36\r\n{number:036}\r\n\
             $2\r\nNX\r\n$2\r\nPX\r\n$5\r\n30000\r\n"
        )
    };
    (0..REQUESTS).map(request).collect::<String>().into_bytes()
}

fn parsing(criterion: &mut Criterion) {
    let batch = batch();
    let mut group = criterion.benchmark_group("parse");
    group.throughput(Throughput::Elements(REQUESTS as u64));
    group.bench_function("SET NX PX", |bencher| {
        let (mut parser, limits) = (Parser::default(), Limits::default());
        bencher.iter(|| {
            let mut rest = &batch[..];
            while let Ok(Progress::Request { consumed }) = parser.parse(rest, &limits) {
                black_box(parser.arguments(rest));
                rest = &rest[consumed..];
            }
            assert!(rest.is_empty());
        });
    });
    group.bench_function("SET NX PX by redis-protocol", |bencher| {
        bencher.iter(|| {
            let mut rest = &batch[..];
            while let Ok(Some((frame, consumed))) = decode(rest) {
                black_box(frame);
                rest = &rest[consumed..];
            }
            assert!(rest.is_empty());
        });
    });
    group.finish();
}

fn writing(criterion: &mut Criterion) {
    let token = [b't'; 36];
    let pairs = [
        ("OK", Reply::OK, OwnedFrame::SimpleString(b"OK".to_vec())),
        ("integer", Reply::Integer(1), OwnedFrame::Integer(1)),
        ("null", Reply::Null, OwnedFrame::Null),
        (
            "token",
            Reply::bulk(token),
            OwnedFrame::BulkString(token.to_vec()),
        ),
    ];
    let mut group = criterion.benchmark_group("write");
    for (name, reply, frame) in &pairs {
        group.bench_function(*name, |bencher| {
            let mut out = Vec::with_capacity(64);
            bencher.iter(|| {
                out.clear();
                encode(black_box(reply), Protocol::Resp2, &mut out);
            });
        });
        group.bench_function(format!("{name} by redis-protocol"), |bencher| {
            let mut out = [0; 64];
            bencher.iter(|| encode_frame(&mut out, black_box(frame), false));
        });
    }
    group.finish();
}

criterion_group!(benches, parsing, writing);
criterion_main!(benches);
