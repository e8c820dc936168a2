//! Where a connection comes from, in 24 bytes: there is one for each of many idle clients.
//!
//! Every text in which the server names a client (CLIENT LIST, MONITOR, SLOWLOG, LOCK) is made here,
//! and CLIENT KILL compares with it.

use std::net::{SocketAddr, SocketAddrV4};
use std::sync::Arc;

/// Both ends of a connection.
#[derive(Clone, Debug)]
pub struct Address(Place);

#[derive(Clone, Debug)]
enum Place {
    TcpV4 {
        peer: SocketAddrV4,
        local: SocketAddrV4,
    },
    /// Addresses of IPv6 are four times as long, and rarer.
    Tcp(Box<Ends>),
    Unix(Arc<str>),
}

#[derive(Clone, Debug)]
struct Ends {
    peer: SocketAddr,
    local: SocketAddr,
}

impl Address {
    /// Over TCP: the client's end and the server's.
    pub fn tcp(peer: SocketAddr, local: SocketAddr) -> Address {
        Address(match (peer, local) {
            (SocketAddr::V4(peer), SocketAddr::V4(local)) => Place::TcpV4 { peer, local },
            _ => Place::Tcp(Box::new(Ends { peer, local })),
        })
    }

    /// Over the socket at this path.
    pub fn unix(path: &Arc<str>) -> Address {
        Address(Place::Unix(Arc::clone(path)))
    }

    /// The client's end, as `addr` in CLIENT LIST.
    pub fn peer(&self) -> String {
        match &self.0 {
            Place::TcpV4 { peer, .. } => peer.to_string(),
            Place::Tcp(ends) => socket_text(&ends.peer),
            Place::Unix(path) => format!("{path}:0"),
        }
    }

    /// The server's end, as `laddr` in CLIENT LIST.
    pub fn local(&self) -> String {
        match &self.0 {
            Place::TcpV4 { local, .. } => local.to_string(),
            Place::Tcp(ends) => socket_text(&ends.local),
            Place::Unix(path) => format!("{path}:0"),
        }
    }

    /// Whether the peer is on this machine.
    pub fn is_local(&self) -> bool {
        match &self.0 {
            Place::TcpV4 { peer, .. } => peer.ip().is_loopback(),
            Place::Tcp(ends) => ends.peer.ip().to_canonical().is_loopback(),
            Place::Unix(_) => true,
        }
    }

    /// Whether it is a Unix socket.
    pub fn is_unix(&self) -> bool {
        matches!(self.0, Place::Unix(_))
    }
}

/// Brackets keep the colons of an IPv6 address apart from that of the port. Its zone is left out, as
/// in Redis.
fn socket_text(address: &SocketAddr) -> String {
    match address {
        SocketAddr::V4(address) => address.to_string(),
        SocketAddr::V6(address) => format!("[{}]:{}", address.ip(), address.port()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ends_are_shown_as_redis_shows_them() {
        let shown = |peer: &str, local: &str| {
            let address = Address::tcp(peer.parse().unwrap(), local.parse().unwrap());
            (address.peer(), address.local())
        };
        let pair = |peer: &str, local: &str| (peer.to_owned(), local.to_owned());
        assert_eq!(
            shown("192.0.2.7:50000", "192.0.2.1:6379"),
            pair("192.0.2.7:50000", "192.0.2.1:6379")
        );
        assert_eq!(
            shown("[2001:db8::7]:50000", "[::1]:6379"),
            pair("[2001:db8::7]:50000", "[::1]:6379")
        );
        assert_eq!(
            shown("[fe80::7%2]:50000", "[::ffff:192.0.2.1]:6379"),
            pair("[fe80::7]:50000", "[::ffff:192.0.2.1]:6379")
        );
        let unix = Address::unix(&"/run/lock.sock".into());
        assert_eq!(
            (unix.peer(), unix.local()),
            pair("/run/lock.sock:0", "/run/lock.sock:0")
        );
    }

    #[test]
    fn an_address_is_small() {
        assert!(size_of::<Address>() <= 24);
    }
}
