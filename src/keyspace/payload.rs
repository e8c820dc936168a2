//! What an entry holds: key, value and, where it fits, a signature, in one cache line.

use super::signature::SIGNATURE_BYTES;
use super::signature::Signature;

/// Bytes of key and value together that an entry holds without an allocation.
pub(super) const INLINE_BYTES: usize = 61;
/// Bits of an inline value's length; the two above them are its [`Form`].
pub(super) const LENGTH_BITS: u32 = 6;
const _: () = assert!(INLINE_BYTES < 1 << LENGTH_BITS);
/// Bytes of key and value together that leave room for a signature.
pub(super) const SIGNED_BYTES: usize = INLINE_BYTES - SIGNATURE_BYTES;
/// What entries have allocated is summed up in such steps: four bytes then count 256 GiB.
pub(super) const STEP_BYTES: usize = 64;

/// How a value came to be, as far as its bytes do not tell: OBJECT shows it, nothing else depends
/// on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Form {
    /// A client gave it as a whole.
    Given = 0,
    /// COPY made it of one that was given.
    Copied = 1,
    /// The server wrote it as text (INCRBYFLOAT).
    Written = 2,
    /// A client changed a part of it (APPEND, SETRANGE).
    Edited = 3,
}

/// What an entry holds, in one cache line.
#[repr(align(64))]
pub(super) enum Payload {
    /// Free.
    Vacant,
    Inline {
        key_len: u8,
        value_len_and_form: u8,
        bytes: [u8; INLINE_BYTES],
    },
    Boxed {
        form: Form,
        key_len: usize,
        bytes: Box<[u8]>,
        signature: [u8; SIGNATURE_BYTES],
    },
}

impl Payload {
    /// Puts a key and its value in place of what is here. Short ones are written where they stay:
    /// a whole line that was made elsewhere would have to be copied.
    pub(super) fn put(&mut self, key: &[u8], value: &[u8], form: Form) {
        let total = key.len() + value.len();
        if total > INLINE_BYTES {
            *self = Payload::Boxed {
                form,
                key_len: key.len(),
                bytes: [key, value].concat().into_boxed_slice(),
                signature: Signature::NONE,
            };
            return;
        }
        *self = Payload::Inline {
            key_len: key.len() as u8,
            value_len_and_form: value.len() as u8 | (form as u8) << LENGTH_BITS,
            bytes: [0; INLINE_BYTES],
        };
        if let Payload::Inline { bytes, .. } = self {
            copy_short(&mut bytes[..key.len()], key);
            copy_short(&mut bytes[key.len()..total], value);
        }
    }

    /// How many steps of [`STEP_BYTES`] it has allocated.
    #[inline]
    pub(super) fn steps(&self) -> u32 {
        match self {
            Payload::Vacant | Payload::Inline { .. } => 0,
            Payload::Boxed { bytes, .. } => steps(bytes.len()),
        }
    }

    /// Where a signature stands, if there is room for one here. What was just put has none.
    pub(super) fn signature_mut(&mut self) -> Option<&mut [u8; SIGNATURE_BYTES]> {
        match self {
            Payload::Inline {
                key_len,
                value_len_and_form,
                bytes,
            } if leaves_room(*key_len, *value_len_and_form) => bytes.last_chunk_mut(),
            Payload::Boxed { signature, .. } => Some(signature),
            Payload::Inline { .. } | Payload::Vacant => None,
        }
    }

    pub(super) fn signature(&self) -> Option<&[u8; SIGNATURE_BYTES]> {
        match self {
            Payload::Inline {
                key_len,
                value_len_and_form,
                bytes,
            } if leaves_room(*key_len, *value_len_and_form) => bytes.last_chunk(),
            Payload::Boxed { signature, .. } => Some(signature),
            Payload::Inline { .. } | Payload::Vacant => None,
        }
    }
}

/// Copies what is as long as a key or a token without a call: as two pieces, which may overlap.
#[inline]
fn copy_short(to: &mut [u8], from: &[u8]) {
    let is_done = match from.len() {
        16..=32 => copy_ends::<16>(to, from),
        33..=64 => copy_ends::<32>(to, from),
        _ => None,
    };
    if is_done.is_none() {
        to.copy_from_slice(from);
    }
}

#[inline]
fn copy_ends<const BYTES: usize>(to: &mut [u8], from: &[u8]) -> Option<()> {
    *to.first_chunk_mut::<BYTES>()? = *from.first_chunk()?;
    *to.last_chunk_mut::<BYTES>()? = *from.last_chunk()?;
    Some(())
}

/// How many steps a key and a value of so many bytes together allocate.
#[inline]
pub(super) fn steps(total: usize) -> u32 {
    if total > INLINE_BYTES {
        u32::try_from(total.div_ceil(STEP_BYTES)).unwrap_or(u32::MAX)
    } else {
        0
    }
}

/// Whether an inline key and value leave room for a signature.
fn leaves_room(key_len: u8, value_len_and_form: u8) -> bool {
    let value_len = value_len_and_form & ((1 << LENGTH_BITS) - 1);
    usize::from(key_len) + usize::from(value_len) <= SIGNED_BYTES
}

impl Form {
    pub(super) fn from_bits(bits: u8) -> Form {
        match bits {
            0 => Form::Given,
            1 => Form::Copied,
            2 => Form::Written,
            _ => Form::Edited,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_copy_is_whole_at_every_length() {
        let from: Vec<u8> = (1..=100).collect();
        for len in 0..=from.len() {
            let mut to = vec![0; len];
            copy_short(&mut to, &from[..len]);
            assert_eq!(to, from[..len]);
        }
    }
}
