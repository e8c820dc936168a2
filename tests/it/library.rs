//! Servers inside a Rust program: started on ports of the system's choice, ended by a drop that
//! leaves nothing behind.

use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use quintlock::{Cluster, Options};

use crate::support::alone::{alone, descriptors, resident_bytes, threads};
use crate::support::client::Connection;
use crate::support::service::{connect, eventually, start, start_on_real_time};

const MIB: usize = 1 << 20;

fn open(address: SocketAddr) -> Connection {
    Connection::open(address).unwrap_or_else(|error| panic!("cannot connect: {error}"))
}

fn listens(address: SocketAddr) -> bool {
    TcpStream::connect(address).is_ok()
}

#[test]
fn a_dropped_server_listens_no_more_and_has_closed_its_connections() {
    let server = start(&[("io-threads", "3")]);
    let address = server.address();
    let mut plain = connect(&server);
    let mut subscriber = connect(&server);
    let mut watcher = connect(&server);
    let mut half = connect(&server);
    assert_eq!(plain.ask("SET k v"), "+OK");
    subscriber.ask("SUBSCRIBE news");
    assert_eq!(watcher.ask("WATCH k"), "+OK");
    assert_eq!(watcher.ask("MULTI"), "+OK");
    half.send_raw(b"*3\r\n$3\r\nSET\r\n");
    drop(server);
    assert!(!listens(address));
    for mut client in [plain, subscriber, watcher, half] {
        assert_eq!(client.next(), "closed");
    }
}

#[test]
fn two_servers_started_at_once_share_neither_port_nor_keys() {
    let (one, other) = (start(&[]), start_on_real_time(&[]));
    assert_ne!(one.address(), other.address());
    assert!(one.address().ip().is_loopback());
    assert_eq!(connect(&one).ask("SET k v"), "+OK");
    assert_eq!(connect(&other).ask("EXISTS k"), ":0");
}

#[test]
fn a_wrong_setting_is_an_error_and_no_panic() {
    for (name, value) in [("nosuch", "1"), ("databases", "0"), ("maxclients", "many")] {
        let started = quintlock::Server::start(&Options::new().set(name, value));
        let error = started.err().expect("it does not start").to_string();
        assert!(error.contains(name), "{error}");
    }
}

#[test]
fn four_of_five_go_on_when_one_is_stopped() {
    let cluster = Cluster::start(5, &Options::manual_clock()).unwrap();
    let addresses = cluster.addresses();
    let mut clients: Vec<Connection> = addresses.iter().map(|at| open(*at)).collect();
    for client in &mut clients {
        assert_eq!(client.ask("SET lock token NX PX 1000"), "+OK");
    }
    cluster.stop(2);
    assert_eq!(clients[2].next(), "closed");
    eventually("the stopped one listens no more", || !listens(addresses[2]));
    for index in [0, 1, 3, 4] {
        assert_eq!(clients[index].ask("GET lock"), r#"$"token""#);
        assert_eq!(open(addresses[index]).ask("PING"), "+PONG");
    }
    // It stays stopped, and stopping it again is nothing.
    cluster.stop(2);
    drop(cluster);
    assert!(addresses.into_iter().all(|address| !listens(address)));
}

#[test]
fn a_shut_down_instance_does_not_take_the_others_with_it() {
    let cluster = Cluster::start(2, &Options::manual_clock()).unwrap();
    let addresses = cluster.addresses();
    let mut first = open(addresses[0]);
    first.send(&["SHUTDOWN", "NOSAVE"]);
    assert_eq!(first.next(), "closed");
    eventually("it listens no more", || !listens(addresses[0]));
    assert_eq!(open(addresses[1]).ask("PING"), "+PONG");
}

#[test]
fn the_clocks_of_the_instances_are_independent() {
    let cluster = Cluster::start(3, &Options::manual_clock()).unwrap();
    let mut clients: Vec<Connection> = cluster.addresses().into_iter().map(open).collect();
    for client in &mut clients {
        assert_eq!(client.ask("SET lock token PX 1000"), "+OK");
    }
    cluster.instances()[0].advance(Duration::from_millis(400));
    cluster.instances()[1].advance(Duration::from_millis(1000));
    let left: Vec<String> = clients.iter_mut().map(|one| one.ask("PTTL lock")).collect();
    assert_eq!(left, [":600", ":-2", ":1000"]);
}

#[test]
#[cfg(target_os = "linux")]
fn a_server_starts_and_stops_fifty_times_and_leaves_nothing() {
    alone(
        "library::a_server_starts_and_stops_fifty_times_and_leaves_nothing",
        || {
            let cycle = || {
                let server = start_on_real_time(&[("io-threads", "2")]);
                let mut client = connect(&server);
                assert_eq!(client.ask("SET k v PX 60000"), "+OK");
                let script = "EVAL 'return string.rep(ARGV[1], 3)' 0 x";
                assert_eq!(client.ask(script), r#"$"xxx""#);
                drop(server);
                assert_eq!(client.next(), "closed");
            };
            // What the first ones load stays loaded.
            (0..5).for_each(|_| cycle());
            let before = (threads(), descriptors(), resident_bytes());
            (0..50).for_each(|_| cycle());
            eventually("threads and descriptors are as many as before", || {
                (threads(), descriptors()) == (before.0, before.1)
            });
            let grown = resident_bytes().saturating_sub(before.2);
            assert!(grown < 16 * MIB, "{grown} bytes for 50 servers");
        },
    );
}

#[test]
#[cfg(target_os = "linux")]
fn a_cluster_has_the_threads_it_asked_for_and_takes_them_with_it() {
    alone(
        "library::a_cluster_has_the_threads_it_asked_for_and_takes_them_with_it",
        || {
            let before = threads();
            let options = Options::new().set("io-threads", "3");
            let cluster = Cluster::start(5, &options).unwrap();
            for address in cluster.addresses() {
                assert_eq!(open(address).ask("PING"), "+PONG");
            }
            // Three workers for all, and the expiry thread of each.
            assert_eq!(threads(), before + 3 + 5);
            cluster.stop(0);
            eventually("the stopped one's thread is gone", || {
                threads() == before + 3 + 4
            });
            drop(cluster);
            assert_eq!(threads(), before);
        },
    );
}

#[test]
#[cfg(target_os = "linux")]
fn the_lua_of_a_stopped_instance_is_freed_while_the_others_go_on() {
    alone(
        "library::the_lua_of_a_stopped_instance_is_freed_while_the_others_go_on",
        || {
            let cluster = Cluster::start(5, &Options::manual_clock()).unwrap();
            let before = resident_bytes();
            // Code that stays compiled.
            let body = format!(
                "local s = '{}' return #s + tonumber('0')",
                "x".repeat(2 * MIB)
            );
            for address in cluster.addresses() {
                let reply = open(address).call(&["EVAL", &body, "0"]).to_string();
                assert_eq!(reply, format!(":{}", 2 * MIB));
            }
            let full = resident_bytes().saturating_sub(before);
            assert!(full > 5 * 2 * MIB, "{full}");
            (0..4).for_each(|index| cluster.stop(index));
            eventually("four of five are free", || {
                resident_bytes().saturating_sub(before) + 4 * 3 * MIB / 2 < full
            });
            let mut last = open(cluster.addresses()[4]);
            assert_eq!(last.ask("EVAL 'return string.rep(1, 2)' 0"), r#"$"11""#);
        },
    );
}
