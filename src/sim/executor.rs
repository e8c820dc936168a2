//! What polls the connections of a simulated worker thread.
//!
//! The future that is polled next is chosen by the seed among those that were woken. Timers are the
//! world's.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};

use parking_lot::Mutex;

use super::world::{World, here};

/// Work that is given to a worker: it makes a future there.
type Job = Box<dyn FnOnce() -> Pin<Box<dyn Future<Output = ()>>> + Send>;

/// A worker thread, as others see it.
pub(crate) struct Worker {
    shared: Arc<Shared>,
}

struct Shared {
    world: Arc<World>,
    /// What the worker waits by.
    key: usize,
    inbox: Mutex<Inbox>,
}

#[derive(Default)]
struct Inbox {
    jobs: Vec<Job>,
    /// Futures that were woken.
    woken: Vec<usize>,
    is_ending: bool,
}

struct TaskWaker {
    shared: Arc<Shared>,
    task: usize,
}

thread_local! {
    /// Timers of the futures of this thread.
    static TIMERS: RefCell<Vec<(u64, Waker)>> = const { RefCell::new(Vec::new()) };
}

/// Wakes a future of this worker at a time of the world.
pub(super) fn wake_at(at_ns: u64, waker: &Waker) {
    TIMERS.with_borrow_mut(|timers| timers.push((at_ns, waker.clone())));
}

impl Wake for TaskWaker {
    fn wake(self: Arc<TaskWaker>) {
        let mut inbox = self.shared.inbox.lock();
        if !inbox.woken.contains(&self.task) {
            inbox.woken.push(self.task);
        }
        drop(inbox);
        self.shared.world.wake(self.shared.key);
    }
}

impl Worker {
    /// A worker without work.
    pub(crate) fn new(world: &Arc<World>) -> Worker {
        let shared = Shared {
            world: Arc::clone(world),
            key: world.new_key(),
            inbox: Mutex::default(),
        };
        Worker {
            shared: Arc::new(shared),
        }
    }

    /// What the thread of the worker does.
    pub(crate) fn work(&self) -> impl FnOnce() + Send + 'static {
        let shared = Arc::clone(&self.shared);
        move || run(&shared)
    }

    /// Gives it work.
    pub(crate) fn give<F>(&self, job: impl FnOnce() -> F + Send + 'static)
    where
        F: Future<Output = ()> + 'static,
    {
        let job: Job = Box::new(move || Box::pin(job()));
        self.shared.inbox.lock().jobs.push(job);
        self.shared.world.wake(self.shared.key);
    }

    /// It ends once it has no work.
    pub(crate) fn end(&self) {
        self.shared.inbox.lock().is_ending = true;
        self.shared.world.wake(self.shared.key);
    }
}

fn run(shared: &Arc<Shared>) {
    let mut tasks: BTreeMap<usize, Pin<Box<dyn Future<Output = ()>>>> = BTreeMap::new();
    let mut next = 0;
    loop {
        let now_ns = shared.world.now_ns();
        let due: Vec<Waker> = TIMERS.with_borrow_mut(|timers| {
            let due = timers.extract_if(.., |(at_ns, _)| *at_ns <= now_ns);
            due.map(|(_, waker)| waker).collect()
        });
        due.into_iter().for_each(Waker::wake);
        let jobs = std::mem::take(&mut shared.inbox.lock().jobs);
        for job in jobs {
            tasks.insert(next, job());
            shared.inbox.lock().woken.push(next);
            next += 1;
        }
        let (mut woken, is_ending) = {
            let mut inbox = shared.inbox.lock();
            (std::mem::take(&mut inbox.woken), inbox.is_ending)
        };
        // Who was woken first is not always who is polled first, and never the order of a table.
        woken.sort_unstable();
        woken.retain(|task| tasks.contains_key(task));
        if woken.is_empty() {
            if is_ending && tasks.is_empty() {
                return;
            }
            let until_ns = TIMERS.with_borrow(|timers| timers.iter().map(|(at, _)| *at).min());
            here().wait(shared.key, until_ns);
            continue;
        }
        let chosen = woken.swap_remove(shared.world.below(woken.len() as u64) as usize);
        shared.inbox.lock().woken.extend(woken);
        let waker = Waker::from(Arc::new(TaskWaker {
            shared: Arc::clone(shared),
            task: chosen,
        }));
        let Some(task) = tasks.get_mut(&chosen) else {
            continue;
        };
        if let Poll::Ready(()) = task.as_mut().poll(&mut Context::from_waker(&waker)) {
            tasks.remove(&chosen);
        }
        here().step();
    }
}
