//! A stack of its own for work that may take long.
//!
//! A Lua script can loop for seconds, deep inside C frames that no `await` can leave. Run on a
//! fiber, it calls [`pause`] from its instruction hook, and the thread goes back to its other
//! connections until the fiber is resumed. Starting one costs some 12 ns, since stacks are reused.

use std::cell::{Cell, RefCell};
use std::ptr::NonNull;
use std::time::Duration;

use corosensei::stack::DefaultStack;
use corosensei::{Coroutine, CoroutineResult, Yielder};

/// Address space of a fiber's stack; memory is used only where the stack has been. Lua nests 200
/// calls of C functions, and `string.gsub` with a buffer of 8 KB is the largest of them.
const STACK_BYTES: usize = 8 << 20;
/// How many unused stacks a thread keeps.
const SPARE_STACKS: usize = 4;

type Pauser = Yielder<(), Nap>;

/// How long a fiber that pauses need not go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Nap {
    /// Until the others on its thread have had their turn.
    Turn,
    /// So long.
    For(Duration),
}

thread_local! {
    /// The fiber that this thread runs at the moment.
    static CURRENT: Cell<Option<NonNull<Pauser>>> = const { Cell::new(None) };
    static SPARE: RefCell<Vec<DefaultStack>> = const { RefCell::new(Vec::new()) };
}

/// Work that has not ended. It stays on its thread.
pub struct Fiber<T: 'static> {
    /// `None` once it has ended.
    coroutine: Option<Coroutine<(), Nap, T>>,
}

/// How far a fiber has come.
pub enum Progress<T: 'static> {
    /// It has ended with this result.
    Done(T),
    /// It called [`pause`].
    Paused(Fiber<T>, Nap),
}

impl<T> Fiber<T> {
    /// Prepares `work` to run on a stack of its own.
    ///
    /// # Errors
    /// The system has no memory for a stack.
    pub fn new(work: impl FnOnce() -> T + 'static) -> std::io::Result<Fiber<T>> {
        let spare = SPARE.with_borrow_mut(Vec::pop);
        let stack = match spare {
            Some(stack) => stack,
            None => DefaultStack::new(STACK_BYTES)?,
        };
        let coroutine = Coroutine::with_stack(stack, move |pauser: &Pauser, ()| {
            CURRENT.set(Some(NonNull::from(pauser)));
            let result = work();
            CURRENT.set(None);
            result
        });
        Ok(Fiber {
            coroutine: Some(coroutine),
        })
    }

    /// Runs until the work ends or pauses.
    pub fn resume(mut self) -> Progress<T> {
        let Some(mut coroutine) = self.coroutine.take() else {
            unreachable!("a fiber that has ended is gone");
        };
        match coroutine.resume(()) {
            CoroutineResult::Yield(nap) => {
                self.coroutine = Some(coroutine);
                Progress::Paused(self, nap)
            }
            CoroutineResult::Return(result) => {
                let stack = coroutine.into_stack();
                SPARE.with_borrow_mut(|spare| {
                    if spare.len() < SPARE_STACKS {
                        spare.push(stack);
                    }
                });
                Progress::Done(result)
            }
        }
    }
}

impl<T> Drop for Fiber<T> {
    /// A paused stack has C frames that must not be unwound; it is left where it is.
    fn drop(&mut self) {
        if let Some(coroutine) = self.coroutine.take() {
            std::mem::forget(coroutine);
        }
    }
}

/// Lets the thread do something else, for as long as `nap` says or until the server stops.
/// Outside a fiber it does nothing.
pub fn pause(nap: Nap) {
    let Some(pauser) = CURRENT.take() else {
        return;
    };
    #[expect(
        unsafe_code,
        reason = "the hook that pauses has no way to be handed the fiber"
    )]
    // SAFETY: CURRENT is set only while the coroutine that owns this yielder runs on this thread,
    // and is cleared before control leaves it; so the yielder lives and is ours.
    unsafe {
        pauser.as_ref().suspend(nap);
    }
    CURRENT.set(Some(pauser));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paused<T>(progress: Progress<T>) -> Fiber<T> {
        match progress {
            Progress::Paused(fiber, Nap::Turn) => fiber,
            Progress::Paused(..) => panic!("nobody asked for a rest"),
            Progress::Done(_) => panic!("the fiber ended early"),
        }
    }

    #[test]
    fn two_fibers_take_turns() {
        let work = |name: i32| {
            move || {
                pause(Nap::Turn);
                pause(Nap::Turn);
                name
            }
        };
        let one = paused(Fiber::new(work(1)).unwrap().resume());
        let two = paused(Fiber::new(work(2)).unwrap().resume());
        let one = paused(one.resume());
        let two = paused(two.resume());
        assert!(matches!(one.resume(), Progress::Done(1)));
        assert!(matches!(two.resume(), Progress::Done(2)));
    }

    #[test]
    fn pausing_outside_a_fiber_does_nothing() {
        pause(Nap::Turn);
    }
}
