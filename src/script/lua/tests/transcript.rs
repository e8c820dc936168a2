//! Replays `tests/scripts/*.txt`.
//!
//! A paragraph is one script: its lines begin with `> `, `@ ` gives the number of keys, keys and
//! arguments, `2 ` is the escaped reply in RESP2 and `3 ` the one in RESP3 where it differs.
//! With `REAL_REDIS` set the recorded replies are held against that server's, whose keys are
//! flushed; with `UPDATE=1` beside it those that differ are written anew. Without it the files
//! are only read. The judge of a file is Redis 7.0, unless its name ends in another version.

use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Read, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};

use super::keyspace::Keyspace;
use super::vm;
use crate::double;
use crate::error::CommandError;
use crate::real_redis::{RealRedis, is_update};
use crate::resp::reply::Reply;
use crate::script::lua::{Pulse, Vm};
use crate::script::shebang;

struct Case {
    script: String,
    args: Vec<String>,
    resp2: String,
    resp3: Option<String>,
}

enum Paragraph {
    Comment(String),
    Case(Case),
}

fn parse(text: &str) -> Vec<Paragraph> {
    let mut paragraphs = Vec::new();
    for paragraph in text
        .split("\n\n")
        .map(str::trim_end)
        .filter(|text| !text.is_empty())
    {
        if paragraph.starts_with("# ") {
            paragraphs.push(Paragraph::Comment(paragraph.to_owned()));
            continue;
        }
        let (mut script, mut args, mut resp2, mut resp3) =
            (Vec::new(), vec!["0".into()], String::new(), None);
        for line in paragraph.lines() {
            match line.split_at_checked(2) {
                Some(("> ", code)) => script.push(code),
                Some(("@ ", words)) => args = words.split(' ').map(str::to_owned).collect(),
                Some(("2 ", reply)) => resp2 = reply.to_owned(),
                Some(("3 ", reply)) => resp3 = Some(reply.to_owned()),
                _ if line == ">" => script.push(""),
                _ => panic!("not a line of a script: {line}"),
            }
        }
        paragraphs.push(Paragraph::Case(Case {
            script: script.join("\n"),
            args,
            resp2,
            resp3,
        }));
    }
    paragraphs
}

fn print(paragraphs: &[Paragraph]) -> String {
    let mut text = String::new();
    for paragraph in paragraphs {
        match paragraph {
            Paragraph::Comment(comment) => text.push_str(comment),
            Paragraph::Case(case) => {
                for line in case.script.split('\n') {
                    writeln!(text, "{}", format!("> {line}").trim_end()).unwrap();
                }
                if case.args != ["0"] {
                    writeln!(text, "@ {}", case.args.join(" ")).unwrap();
                }
                write!(text, "2 {}", case.resp2).unwrap();
                if let Some(resp3) = &case.resp3 {
                    write!(text, "\n3 {resp3}").unwrap();
                }
            }
        }
        text.push_str("\n\n");
    }
    text.trim_end().to_owned() + "\n"
}

fn files() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scripts/lua");
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    files
}

#[test]
fn scripts_are_answered_as_redis_answers_them() {
    let (mut cases, mut differences) = (0, String::new());
    for file in files() {
        let paragraphs = parse(&std::fs::read_to_string(&file).unwrap());
        let vm = vm();
        for paragraph in &paragraphs {
            let Paragraph::Case(case) = paragraph else {
                continue;
            };
            cases += 1;
            for version in [2, 3] {
                let expected = if version == 3 {
                    case.resp3.as_ref()
                } else {
                    None
                }
                .unwrap_or(&case.resp2);
                let found = escape(&encode(&replay(&vm, case), version));
                if found != *expected {
                    let script = &case.script;
                    writeln!(
                        differences,
                        "RESP{version} {script}\n  redis {expected}\n  found {found}"
                    )
                    .unwrap();
                }
            }
        }
    }
    assert!(cases > 500, "only {cases} scripts were replayed");
    assert!(differences.is_empty(), "\n{differences}");
}

#[test]
fn recorded_replies_are_still_those_of_a_real_server() {
    let Some(redis) = RealRedis::from_environment() else {
        return;
    };
    let mut judge = Judge::connect(&redis);
    let (mut cases, mut differences) = (0, String::new());
    for file in files() {
        if !judge.is_of(&file) {
            continue;
        }
        let mut paragraphs = parse(&std::fs::read_to_string(&file).unwrap());
        let mut has_changed = false;
        for paragraph in &mut paragraphs {
            let Paragraph::Case(case) = paragraph else {
                continue;
            };
            cases += 1;
            let (resp2, resp3) = judge.replies(case);
            if (&resp2, &resp3) == (&case.resp2, &case.resp3) {
                continue;
            }
            let (script, recorded) = (&case.script, (&case.resp2, &case.resp3));
            let found = (&resp2, &resp3);
            writeln!(
                differences,
                "{script}\n  recorded {recorded:?}\n  redis {found:?}"
            )
            .unwrap();
            (case.resp2, case.resp3) = (resp2, resp3);
            has_changed = true;
        }
        if has_changed && is_update() {
            std::fs::write(&file, print(&paragraphs)).unwrap();
        }
    }
    eprintln!("{cases} scripts were put to the server");
    assert!(differences.is_empty(), "\n{differences}");
}

#[test]
fn a_file_is_printed_as_it_was_read() {
    for file in files() {
        let text = std::fs::read_to_string(&file).unwrap();
        assert!(print(&parse(&text)) == text, "{}", file.display());
    }
}

fn replay(vm: &Vm, case: &Case) -> Reply {
    let count: usize = case.args[0].parse().unwrap();
    let args: Vec<&[u8]> = case.args[1..].iter().map(String::as_bytes).collect();
    let (keys, argv) = args.split_at(count);
    let flags = match shebang::parse(case.script.as_bytes()) {
        Ok((flags, _)) => flags,
        Err(error) => return CommandError::from(error).into_reply(),
    };
    let mut keyspace = Keyspace {
        flags,
        ..Keyspace::default()
    };
    let sha1 = sha1_smol::Sha1::from(&case.script).digest().to_string();
    vm.run(
        &sha1,
        case.script.as_bytes(),
        keys,
        argv,
        &mut keyspace,
        &|| Pulse::Continue,
    )
}

fn escape(bytes: &[u8]) -> String {
    bytes.escape_ascii().to_string()
}

fn encode(reply: &Reply, version: u8) -> Vec<u8> {
    let bulk = |bytes: &[u8]| [format!("${}\r\n", bytes.len()).as_bytes(), bytes, b"\r\n"].concat();
    let line = |mark: &[u8], bytes: &[u8]| [mark, bytes, b"\r\n"].concat();
    let many = |mark: char, count: usize, items: Vec<Vec<u8>>| {
        [format!("{mark}{count}\r\n").into_bytes(), items.concat()].concat()
    };
    let is_resp3 = version == 3;
    match reply {
        Reply::Status(text) => line(b"+", text),
        Reply::Error(text) => line(b"-", text),
        Reply::Integer(value) => line(b":", value.to_string().as_bytes()),
        Reply::Bulk(bytes) => bulk(bytes),
        Reply::Null | Reply::NullArray if is_resp3 => b"_\r\n".to_vec(),
        Reply::Null => b"$-1\r\n".to_vec(),
        Reply::NullArray => b"*-1\r\n".to_vec(),
        Reply::Array(items) | Reply::Push(items) => many(
            '*',
            items.len(),
            items.iter().map(|item| encode(item, version)).collect(),
        ),
        Reply::Set(items) => {
            let mark = if is_resp3 { '~' } else { '*' };
            many(
                mark,
                items.len(),
                items.iter().map(|item| encode(item, version)).collect(),
            )
        }
        Reply::Map(pairs) => {
            let items = pairs
                .iter()
                .flat_map(|(key, value)| [encode(key, version), encode(value, version)]);
            let (mark, count) = if is_resp3 {
                ('%', pairs.len())
            } else {
                ('*', pairs.len() * 2)
            };
            many(mark, count, items.collect())
        }
        Reply::Double(value) if is_resp3 => line(b",", &double::text(*value)),
        Reply::Double(value) => bulk(&double::text(*value)),
        Reply::Boolean(value) if is_resp3 => line(b"#", if *value { b"t" } else { b"f" }),
        Reply::Boolean(value) => line(b":", if *value { b"1" } else { b"0" }),
        Reply::BigNumber(digits) if is_resp3 => line(b"(", digits),
        Reply::BigNumber(digits) => bulk(digits),
        Reply::Verbatim(text) if is_resp3 => {
            format!("={}\r\ntxt:{text}\r\n", text.len() + 4).into_bytes()
        }
        Reply::Verbatim(text) => bulk(text.as_bytes()),
    }
}

/// Connections to the server that is the judge, in protocol version 2 and in 3.
struct Judge([Connection; 2]);

impl Judge {
    fn connect(redis: &RealRedis) -> Judge {
        Judge(["2", "3"].map(|version| {
            let mut connection = Connection(BufReader::new(redis.connect()));
            connection.ask(&["HELLO", version]);
            connection
        }))
    }

    /// Whether this server is the one that a file was recorded from.
    fn is_of(&mut self, file: &Path) -> bool {
        let name = file.file_stem().unwrap_or_default().to_string_lossy();
        let recorded = name.split_once('-').map_or("7.0.", |(_, version)| version);
        let [connection, _] = &mut self.0;
        let info = connection.ask(&["INFO", "server"]);
        let version = format!("redis_version:{recorded}");
        String::from_utf8_lossy(&info).contains(&version)
    }

    /// The escaped replies to a script: in RESP2, and in RESP3 where it differs.
    fn replies(&mut self, case: &Case) -> (String, Option<String>) {
        let mut request = vec!["EVAL", &case.script];
        request.extend(case.args.iter().map(String::as_str));
        let [resp2, resp3] = self.0.each_mut().map(|connection| {
            connection.ask(&["FLUSHALL"]);
            escape(&connection.ask(&request))
        });
        let differing = (resp3 != resp2).then_some(resp3);
        (resp2, differing)
    }
}

struct Connection(BufReader<TcpStream>);

impl Connection {
    fn ask(&mut self, words: &[&str]) -> Vec<u8> {
        let mut request = format!("*{}\r\n", words.len());
        for word in words {
            write!(request, "${}\r\n{word}\r\n", word.len()).unwrap();
        }
        self.0.get_mut().write_all(request.as_bytes()).unwrap();
        self.reply()
    }

    fn reply(&mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        self.0.read_until(b'\n', &mut bytes).unwrap();
        let count = String::from_utf8_lossy(&bytes[1..])
            .trim()
            .parse::<i64>()
            .unwrap_or(0);
        match bytes[0] {
            b'$' | b'=' if count >= 0 => {
                let mut body = vec![0; usize::try_from(count).unwrap() + 2];
                self.0.read_exact(&mut body).unwrap();
                bytes.extend(body);
            }
            mark @ (b'*' | b'~' | b'%') => {
                for _ in 0..if mark == b'%' { count * 2 } else { count } {
                    bytes.extend(self.reply());
                }
            }
            _ => {}
        }
        bytes
    }
}
