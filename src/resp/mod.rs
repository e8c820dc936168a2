//! The Redis protocol: requests in, replies out.
//!
//! Nothing here does I/O or knows a command. Requests are parsed in place by [`request`], which
//! is handed every byte a client sends and so must never panic or trust a length; replies are
//! values until [`encode`] turns them into bytes. No other module knows the wire format.

pub mod encode;
mod header;
mod inline;
pub mod reply;
pub mod request;
pub mod whole;

#[cfg(test)]
mod differential;
#[cfg(test)]
mod hostile;
#[cfg(test)]
mod recorded;

/// The protocol version in which a client wants its replies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Protocol {
    /// What every connection begins with.
    #[default]
    Resp2,
    /// Chosen by `HELLO 3`.
    Resp3,
}

impl Protocol {
    /// The protocol of a version number as HELLO takes it, if there is such a version.
    pub const fn from_version(version: i64) -> Option<Protocol> {
        match version {
            2 => Some(Protocol::Resp2),
            3 => Some(Protocol::Resp3),
            _ => None,
        }
    }

    /// 2 or 3, as HELLO and CLIENT LIST show it.
    pub const fn version(self) -> u8 {
        match self {
            Protocol::Resp2 => 2,
            Protocol::Resp3 => 3,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_names_its_protocol_and_back() {
        assert_eq!(Protocol::from_version(2), Some(Protocol::Resp2));
        assert_eq!(Protocol::from_version(3), Some(Protocol::Resp3));
        for unknown in [i64::MIN, -2, 0, 1, 4, 258, i64::MAX] {
            assert_eq!(Protocol::from_version(unknown), None);
        }
        assert_eq!(
            (Protocol::Resp2.version(), Protocol::Resp3.version()),
            (2, 3)
        );
    }
}
