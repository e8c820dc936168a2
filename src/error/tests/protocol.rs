//! The lines of errors that end a connection.

use super::*;

#[test]
fn every_error_that_ends_a_connection_has_its_line() {
    let requests = [
        (
            ProtocolError::MultibulkLength,
            "ERR Protocol error: invalid multibulk length",
        ),
        (
            ProtocolError::MultibulkHeaderTooLong,
            "ERR Protocol error: too big mbulk count string",
        ),
        (
            ProtocolError::BulkLength,
            "ERR Protocol error: invalid bulk length",
        ),
        (
            ProtocolError::BulkHeaderTooLong,
            "ERR Protocol error: too big bulk count string",
        ),
        (
            ProtocolError::InlineTooLong,
            "ERR Protocol error: too big inline request",
        ),
        (
            ProtocolError::UnbalancedQuotes,
            "ERR Protocol error: unbalanced quotes in request",
        ),
        (
            ProtocolError::UnauthenticatedMultibulkLength,
            "ERR Protocol error: unauthenticated multibulk length",
        ),
        (
            ProtocolError::UnauthenticatedBulkLength,
            "ERR Protocol error: unauthenticated bulk length",
        ),
        (
            ProtocolError::ExpectedBulk(b'P'),
            "ERR Protocol error: expected '$', got 'P'",
        ),
    ];
    let callers = [
        (
            AdmissionError::TooManyClients,
            "ERR max number of clients reached",
        ),
        (
            AdmissionError::Protected,
            "DENIED Redis is running in protected mode: there is no password, so only clients on this machine are let in. Set requirepass, or protected-mode no.",
        ),
    ];
    let source = include_str!("../protocol.rs");
    let (request_source, caller_source) = source.split_once("pub enum AdmissionError").unwrap();
    check(request_source, &requests);
    check(caller_source, &callers);
}
