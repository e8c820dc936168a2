//! How a client calls itself, and its line in CLIENT LIST.

use std::sync::atomic::Ordering;

use crate::client::{Client, Mark, NO_COMMAND};
use crate::clock::BootTime;
use crate::command::table;
use crate::error::{CommandError, Quoted};

/// Names a client; an empty name takes the name away.
///
/// # Errors
/// A blank, a line end or a character that is not printable ASCII.
pub fn set_name(client: &Client, name: &[u8]) -> Result<(), CommandError> {
    let name = printable(name).ok_or(CommandError::ClientName)?;
    client.change_labels(|labels| labels.name = name.into());
    Ok(())
}

/// Notes the client's library, or its version.
///
/// # Errors
/// An attribute other than `LIB-NAME` and `LIB-VER`, or a value as in [`set_name`].
pub fn set_library(client: &Client, attribute: &[u8], value: &[u8]) -> Result<(), CommandError> {
    let is_name = match attribute.to_ascii_uppercase().as_slice() {
        b"LIB-NAME" => true,
        b"LIB-VER" => false,
        _ => {
            return Err(CommandError::ClientAttribute {
                attribute: Quoted::whole(attribute),
            });
        }
    };
    let value = printable(value).ok_or_else(|| CommandError::ClientLabel {
        attribute: Quoted::whole(attribute),
    })?;
    client.change_labels(|labels| {
        let label = if is_name {
            &mut labels.library
        } else {
            &mut labels.library_version
        };
        *label = value.into();
    });
    Ok(())
}

/// The text, if all of it is visible ASCII.
fn printable(text: &[u8]) -> Option<&str> {
    let is_printable = text.iter().all(|byte| (b'!'..=b'~').contains(byte));
    std::str::from_utf8(text).ok().filter(|_| is_printable)
}

/// A client as CLIENT LIST shows it, without a line end.
///
/// What this server does not have stands with the value it would always have: no buffer is kept
/// for a connection between its requests.
pub fn line(client: &Client, now: BootTime) -> String {
    let load = Ordering::Relaxed;
    let since = |us: u64| now.micros().saturating_sub(us) / 1_000_000;
    let labels = client.labels();
    let queued = client.queued.load(load);
    let command = match client.last_command.load(load) {
        NO_COMMAND => "NULL",
        index => table::all()
            .find(|row| row.index() == usize::from(index))
            .map_or("NULL", |row| row.name),
    };
    format!(
        "id={id} addr={addr} laddr={laddr} fd={fd} name={name} age={age} idle={idle} \
         flags={flags} db={db} sub={sub} psub={psub} ssub={ssub} multi={multi} \
         qbuf=0 qbuf-free=0 argv-mem=0 multi-mem=0 rbs=0 rbp=0 obl=0 oll=0 omem=0 tot-mem=0 \
         events=r cmd={command} user=default redir=-1 resp={resp} lib-name={library} \
         lib-ver={library_version}",
        id = client.id,
        addr = client.address.peer(),
        laddr = client.address.local(),
        fd = client.descriptor,
        name = labels.name,
        age = since(client.connected.micros()),
        idle = since(client.active_us.load(load)),
        flags = flags(client),
        db = client.database.load(load),
        sub = client.channels.load(load),
        psub = client.patterns.load(load),
        ssub = client.shard_channels.load(load),
        multi = i64::from(queued) - 1,
        resp = client.protocol().version(),
        library = labels.library,
        library_version = labels.library_version,
    )
}

/// Redis's letters: `O` monitor, `P` subscriber, `x` in MULTI, `b` waits or is held back by CLIENT
/// PAUSE, `d` for a watched key that has changed, `U` over a Unix socket, `e` and `T` by CLIENT
/// NO-EVICT and NO-TOUCH, `N` none of these.
fn flags(client: &Client) -> String {
    let load = Ordering::Relaxed;
    let letters = [
        ('O', client.has(Mark::Monitor)),
        ('P', client.is_subscriber()),
        ('x', client.queued.load(load) > 0),
        ('b', client.is_blocked() || client.has(Mark::HeldBack)),
        ('d', client.has(Mark::WatchBroken)),
        ('U', client.address.is_unix()),
        ('e', client.has(Mark::NoEvict)),
        ('T', client.has(Mark::NoTouch)),
    ];
    let shown: String = letters
        .iter()
        .filter_map(|(letter, is_on)| is_on.then_some(*letter))
        .collect();
    if shown.is_empty() {
        "N".to_owned()
    } else {
        shown
    }
}
