//! Telling the processor what memory is wanted next.
//!
//! A key is a few bytes somewhere in gigabytes: fetching its cache lines takes longer than
//! everything else that a lock command does. When several requests have arrived together, the
//! memory of the later ones is fetched while the earlier ones run.

/// Has the cache line of `place` on its way to the processor.
#[inline]
pub fn prefetch<T>(place: *const T) {
    #[cfg(target_arch = "x86_64")]
    #[expect(unsafe_code, reason = "the instruction has no safe face")]
    // SAFETY: a prefetch reads nothing and cannot fault, whatever the address.
    unsafe {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        _mm_prefetch::<_MM_HINT_T0>(place.cast());
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = place;
}
