//! The examples of docs/testing-redlock.md for Rust: a vote over the `redis` crate, and a cluster
//! that fails on demand. What stands between `guide:` marks stands in the document as it is here.

// guide: setup
use std::time::Duration;

use quintlock::{Cluster, Fault, Options};
use redis::{Client, Cmd, FromRedisValue, RedisResult, cmd};

const PATIENCE: Duration = Duration::from_millis(300);

fn start() -> (Cluster, Vec<Client>) {
    let cluster = Cluster::start(5, &Options::manual_clock()).expect("five free ports");
    let urls = cluster
        .addresses()
        .into_iter()
        .map(|address| format!("redis://{address}"));
    let five = urls.map(|url| Client::open(url).expect("an address"));
    (cluster, five.collect())
}

fn ask<T: FromRedisValue>(client: &Client, command: &Cmd) -> RedisResult<T> {
    let mut connection = client.get_connection_with_timeout(PATIENCE)?;
    connection.set_read_timeout(Some(PATIENCE))?;
    command.query(&mut connection)
}

/// Redlock: a majority, or nothing.
fn acquire(five: &[Client], token: &str) -> bool {
    let mut set = cmd("SET");
    set.arg("order:42")
        .arg(token)
        .arg("NX")
        .arg("PX")
        .arg(10_000);
    let has_set = |one: &&Client| ask(one, &set).is_ok_and(|reply: Option<String>| reply.is_some());
    let votes = five.iter().filter(has_set).count();
    let is_mine = votes > five.len() / 2;
    if !is_mine {
        release(five, token);
    }
    is_mine
}

/// On how many it was released.
fn release(five: &[Client], token: &str) -> usize {
    let mut delete = cmd("DELEX");
    delete.arg("order:42").arg("IFEQ").arg(token);
    let has_deleted = |one: &&Client| ask(one, &delete).is_ok_and(|deleted: u32| deleted == 1);
    five.iter().filter(has_deleted).count()
}
// guide: end

// guide: two of five down
#[test]
fn two_of_five_down() {
    let (cluster, five) = start();
    cluster.instances()[0].fault(Fault::Crash);
    cluster.instances()[1].fault(Fault::Crash);
    assert!(acquire(&five, "mine"));
    assert!(!acquire(&five, "theirs"));
    assert_eq!(release(&five, "mine"), 3);
    cluster.instances()[2].fault(Fault::Crash);
    assert!(!acquire(&five, "mine"));
    assert_eq!(release(&five, "mine"), 0); // a minority was given back
}
// guide: end

// guide: lost reply
#[test]
fn lost_reply() {
    let (cluster, five) = start();
    cluster.instances()[0].fault(Fault::Drop(1));
    assert!(acquire(&five, "mine")); // four answered,
    assert_eq!(release(&five, "mine"), 5); // and the first had set the key all the same
    for instance in &cluster.instances()[..3] {
        instance.fault(Fault::Drop(1));
    }
    assert!(!acquire(&five, "mine"));
    assert_eq!(release(&five, "mine"), 0); // set on all five, and released on all five
}
// guide: end

// guide: slow node
#[test]
fn slow_node() {
    let (cluster, five) = start();
    let (by, jitter) = (Duration::from_secs(5), Duration::from_secs(1));
    cluster.instances()[2].fault(Fault::Delay { by, jitter });
    assert!(acquire(&five, "mine"));
    assert_eq!(release(&five, "mine"), 4); // released on the fifth too, but it said so too late
    for instance in &cluster.instances()[..2] {
        instance.fault(Fault::Delay { by, jitter });
    }
    assert!(!acquire(&five, "mine"));
}
// guide: end

// guide: expired while held
#[test]
fn expired_while_held() {
    let (cluster, five) = start();
    assert!(acquire(&five, "mine"));
    for instance in cluster.instances() {
        instance.advance(Duration::from_secs(10));
    }
    assert!(acquire(&five, "theirs")); // somebody else has it
    assert_eq!(release(&five, "mine"), 0); // and the first one is told
    assert_eq!(release(&five, "theirs"), 5);
}
// guide: end
