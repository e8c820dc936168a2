//! `quintlock fault`: the program makes trouble for instances of another process.

use super::{REFUSED, is_silent};
use crate::support::client::Connection;
use crate::support::program::{Running, free_port, run};
use crate::support::service::eventually;

/// A cluster of its own process, on ports that follow each other.
fn cluster_program(more: &[&str]) -> (Running, String) {
    for _ in 0..20 {
        let base = free_port();
        let base_text = base.to_string();
        let neighbours = (1..3).map(|step| std::net::TcpListener::bind(("127.0.0.1", base + step)));
        if neighbours.collect::<Result<Vec<_>, _>>().is_err() {
            continue;
        }
        let fixed = ["cluster", "--instances", "3", "--base-port", &base_text];
        let running = Running::start(&[&fixed, more].concat());
        if running.line().starts_with("instance 1 ") {
            return (running, base_text);
        }
    }
    panic!("no three free ports in a row");
}

/// Runs `quintlock fault` with these words, and tells its exit code and what it said.
fn fault(base: &str, words: &str) -> (Option<i32>, String) {
    let fixed = ["fault", "--instances", "3", "--base-port", base];
    let words: Vec<&str> = fixed.into_iter().chain(words.split(' ')).collect();
    let output = run(&words);
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8(said).expect("text");
    (output.status.code(), said.trim_end().to_owned())
}

#[test]
fn the_program_makes_trouble_for_the_instances_of_a_running_cluster() {
    let (_cluster, base) = cluster_program(&[]);
    let port = |number: u16| base.parse::<u16>().unwrap() + number - 1;
    let open = |number: u16| Connection::open(([127, 0, 0, 1], port(number)).into());
    let mut clients: Vec<Connection> = (1..=3).map(|number| open(number).unwrap()).collect();
    for client in &mut clients {
        assert_eq!(client.ask("SET lock mine PX 60000"), "+OK");
    }
    let told = |number: u16, words: &str| {
        let line = format!("instance {number} (127.0.0.1:{}): {words}", port(number));
        (Some(0), line)
    };
    assert_eq!(fault(&base, "2 refuse 1"), told(2, "REFUSE 1"));
    let replies: Vec<String> = clients.iter_mut().map(|one| one.ask("GET lock")).collect();
    assert_eq!(replies, [r#"$"mine""#, REFUSED, r#"$"mine""#]);
    let (code, said) = fault(&base, "all advance 61s");
    assert_eq!((code, said.lines().count()), (Some(0), 3), "{said}");
    assert!(clients.iter_mut().all(|one| one.ask("GET lock") == "$-1"));
    assert_eq!(
        fault(&base, "3 delay 1h jitter 5m"),
        told(3, "DELAY 3600000 300000")
    );
    clients[2].send(&["PING"]);
    assert!(is_silent(&mut clients[2]));
    assert_eq!(fault(&base, "3 reset"), told(3, "RESET"));
    assert_eq!(clients[2].next(), "+PONG");
    let by_address = format!("127.0.0.1:{}", port(3));
    assert_eq!(fault(&base, &format!("{by_address} pause 1h")).0, Some(0));
    assert_eq!(fault(&base, &format!("{by_address} pause 0")).0, Some(0));
    assert_eq!(fault(&base, "1 restart-empty"), told(1, "RESTART-EMPTY"));
    assert_eq!(clients[0].next(), "closed");
    assert_eq!(fault(&base, "2 crash"), told(2, "CRASH"));
    assert_eq!(clients[1].next(), "closed");
    eventually("it listens no more", || open(2).is_err());
    let (code, said) = fault(&base, "2 reset");
    let expected = format!(
        "quintlock: cannot reach instance 2 (127.0.0.1:{}): ",
        port(2)
    );
    assert!(code == Some(1) && said.starts_with(&expected), "{said}");
    let (code, said) = fault(&base, "all reset");
    assert!(
        said.ends_with("quintlock: 1 of 3 instances did not get the fault"),
        "{said}"
    );
    assert_eq!(code, Some(1));
    assert_eq!(open(1).unwrap().ask("PING"), "+PONG");
}

#[test]
fn the_program_says_why_an_instance_does_not_obey() {
    let (_cluster, base) = cluster_program(&["--", "--enable-debug-command", "no"]);
    let (code, said) = fault(&base, "1 reset");
    assert!(
        said.contains("does not allow DEBUG (start it with"),
        "{said}"
    );
    assert_eq!(code, Some(1));
    let (_cluster, base) = cluster_program(&["--", "--requirepass", "hush"]);
    for (words, told) in [
        ("1 reset", "NOAUTH Authentication required."),
        ("1 reset --password loud", "WRONGPASS"),
    ] {
        let (code, said) = fault(&base, words);
        assert!(
            said.contains("wants another password (--password): "),
            "{said}"
        );
        assert!(said.contains(told), "{said}");
        assert_eq!(code, Some(1));
    }
    // No fault stands between the password and DEBUG.
    for words in ["pause 1h", "delay 1h", "refuse", "reset"] {
        let (code, said) = fault(&base, &format!("1 {words} --password hush"));
        assert_eq!(code, Some(0), "{said}");
    }
    for (words, told) in [
        (
            "4 reset",
            "quintlock: there is no instance '4': name one of 1 to 3, all, or HOST:PORT (--instances says how many there are)",
        ),
        ("0 reset", "quintlock: there is no instance '0': "),
        (
            "1 burn",
            "quintlock: there is no fault 'burn'; the faults are advance, ",
        ),
        (
            "1 delay 200",
            "quintlock: '200' is no span: write a number and a unit",
        ),
        (":x reset", "quintlock: ':x' is no HOST:PORT"),
    ] {
        let (code, said) = fault(&base, words);
        assert!(code == Some(2) && said.starts_with(told), "{said}");
    }
}
