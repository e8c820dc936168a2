//! Where a server listens: the words of `bind`, and the port.

use std::net::IpAddr;

/// Where to listen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BindAddress {
    /// An address, or a name to look up.
    pub host: BindHost,
    /// Whether the start fails when the address is not there.
    pub presence: Presence,
}

/// The host of a [`BindAddress`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BindHost {
    /// `*` is 0.0.0.0, `::*` is `::`; an IPv6 socket must then be told to leave IPv4 alone.
    Address(IpAddr),
    /// A name for the resolver.
    Name(String),
}

/// Whether something must be there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presence {
    /// It is an error if it is not.
    Required,
    /// Written with `-` before the address: passed over if it is not there.
    Optional,
}

/// The TCP port to listen on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TcpPort {
    /// `port 0`: no TCP, as in Redis.
    Closed,
    /// The system chooses a free port.
    SystemChosen,
    /// This port.
    Fixed(u16),
}

impl BindAddress {
    /// Reads one word of `bind`.
    pub(super) fn parse(word: &[u8]) -> BindAddress {
        let (presence, host) = match word {
            [b'-', host @ ..] => (Presence::Optional, host),
            host => (Presence::Required, host),
        };
        let host = String::from_utf8_lossy(host);
        let host = match host.as_ref() {
            "*" => BindHost::Address(IpAddr::from([0; 4])),
            "::*" => BindHost::Address(IpAddr::from([0; 16])),
            other => match other.parse() {
                Ok(address) => BindHost::Address(address),
                Err(_) => BindHost::Name(other.to_owned()),
            },
        };
        BindAddress { host, presence }
    }
}
