//! The threads that serve connections: one single-threaded runtime each.
//!
//! A connection stays on the thread it was given, so nothing it does is ever handed between
//! threads; the instances of one process share the threads.

use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::thread::JoinHandle;

use parking_lot::Mutex;
use tokio::runtime::{LocalOptions, LocalRuntime};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// What a thread is given: it runs there and may spawn local tasks.
type Job = Box<dyn FnOnce() + Send>;

/// See the module's text. Dropping it ends the threads and what runs on them.
pub struct Workers {
    queues: Vec<UnboundedSender<Job>>,
    next: AtomicUsize,
    /// The other ends of the queues, until the threads start.
    unstarted: Mutex<Vec<UnboundedReceiver<Job>>>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

impl Workers {
    /// What `count` threads, at least one, will do once they [start](Workers::start).
    pub fn new(count: usize) -> Workers {
        let (queues, unstarted) = (0..count.max(1)).map(|_| unbounded_channel()).unzip();
        Workers {
            queues,
            next: AtomicUsize::new(0),
            unstarted: Mutex::new(unstarted),
            threads: Mutex::default(),
        }
    }

    /// Starts the threads; each begins with the jobs that it was given before. A server gives them
    /// all it has first: to wake a sleeping thread costs more than to start one.
    ///
    /// # Errors
    /// The system has no thread, or no event queue for it. The jobs are dropped then.
    pub fn start(&self) -> io::Result<()> {
        let unstarted = std::mem::take(&mut *self.unstarted.lock());
        let (ready, is_ready) = channel();
        for (number, jobs) in unstarted.into_iter().enumerate() {
            self.threads
                .lock()
                .push(start_thread(number, jobs, ready.clone())?);
        }
        drop(ready);
        is_ready.iter().collect()
    }

    /// Runs `job` on the thread whose turn it is.
    pub fn run(&self, job: impl FnOnce() + Send + 'static) {
        let turn = self.next.fetch_add(1, Ordering::Relaxed) % self.queues.len();
        give(&self.queues[turn], Box::new(job));
    }

    /// Runs `job` on every thread.
    pub fn run_on_each(&self, job: impl Fn() + Clone + Send + 'static) {
        for queue in &self.queues {
            give(queue, Box::new(job.clone()));
        }
    }
}

fn give(queue: &UnboundedSender<Job>, job: Job) {
    // Nobody takes it where the thread could not start; whoever asked for that was told.
    let _ = queue.send(job);
}

/// A thread that says on `ready` whether it has an event queue, and then does its jobs.
fn start_thread(
    number: usize,
    mut jobs: UnboundedReceiver<Job>,
    ready: Sender<io::Result<()>>,
) -> io::Result<JoinHandle<()>> {
    std::thread::Builder::new()
        .name(format!("worker-{number}"))
        .spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_io()
                .enable_time()
                .build_local(LocalOptions::default());
            match runtime {
                Ok(runtime) => {
                    let _ = ready.send(Ok(()));
                    drop(ready);
                    run(&runtime, async move {
                        while let Some(job) = jobs.recv().await {
                            job();
                        }
                    });
                }
                Err(error) => {
                    let _ = ready.send(Err(error));
                }
            }
        })
}

fn run(runtime: &LocalRuntime, work: impl Future<Output = ()>) {
    runtime.block_on(work);
}

impl Drop for Workers {
    fn drop(&mut self) {
        self.queues.clear();
        for thread in self.threads.get_mut().drain(..) {
            if thread.thread().id() != std::thread::current().id() {
                let _ = thread.join();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use super::*;

    #[test]
    fn a_job_given_before_the_start_runs_after_it() {
        let workers = Workers::new(2);
        let (done, is_done) = channel();
        workers.run_on_each(move || done.send(std::thread::current().id()).unwrap());
        assert!(is_done.try_recv().is_err());
        workers.start().unwrap();
        let threads = [is_done.recv().unwrap(), is_done.recv().unwrap()];
        assert_ne!(threads[0], threads[1]);
    }

    #[test]
    fn jobs_of_threads_that_never_started_are_dropped() {
        let workers = Workers::new(1);
        let (kept, is_dropped) = channel::<()>();
        workers.run(move || drop(kept));
        drop(workers);
        assert!(is_dropped.recv().is_err());
    }
}
