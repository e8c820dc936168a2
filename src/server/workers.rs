//! The threads that serve connections: one single-threaded runtime each.
//!
//! A connection stays on the thread it was given, so nothing it does is ever handed between
//! threads; the instances of one process share the threads.

use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::JoinHandle;

use tokio::runtime::{LocalOptions, LocalRuntime};
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

/// What a thread is given: it runs there and may spawn local tasks.
type Job = Box<dyn FnOnce() + Send>;

/// See the module's text. Dropping it ends the threads and what runs on them.
pub struct Workers {
    threads: Vec<Worker>,
    next: AtomicUsize,
}

struct Worker {
    /// `None` once the thread was told to end.
    jobs: Option<UnboundedSender<Job>>,
    thread: Option<JoinHandle<()>>,
}

impl Workers {
    /// Starts `count` threads, at least one.
    ///
    /// # Errors
    /// The system has no thread, or no event queue for it.
    pub fn start(count: usize) -> io::Result<Workers> {
        let threads = (0..count.max(1))
            .map(Worker::start)
            .collect::<Result<_, _>>()?;
        Ok(Workers {
            threads,
            next: AtomicUsize::new(0),
        })
    }

    /// Runs `job` on the thread whose turn it is.
    pub fn run(&self, job: impl FnOnce() + Send + 'static) {
        let turn = self.next.fetch_add(1, Ordering::Relaxed) % self.threads.len();
        self.threads[turn].run(Box::new(job));
    }

    /// Runs `job` on every thread.
    pub fn run_on_each(&self, job: impl Fn() + Clone + Send + 'static) {
        for worker in &self.threads {
            worker.run(Box::new(job.clone()));
        }
    }
}

impl Worker {
    fn run(&self, job: Job) {
        if let Some(jobs) = &self.jobs {
            // The thread ends only when the workers are dropped.
            let _ = jobs.send(job);
        }
    }

    fn start(number: usize) -> io::Result<Worker> {
        let (jobs, mut incoming) = unbounded_channel::<Job>();
        let (ready, is_ready) = std::sync::mpsc::channel();
        let thread = std::thread::Builder::new()
            .name(format!("worker-{number}"))
            .spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread()
                    .enable_io()
                    .enable_time()
                    .build_local(LocalOptions::default());
                match runtime {
                    Ok(runtime) => {
                        let _ = ready.send(Ok(()));
                        run(&runtime, async move {
                            while let Some(job) = incoming.recv().await {
                                job();
                            }
                        });
                    }
                    Err(error) => {
                        let _ = ready.send(Err(error));
                    }
                }
            })?;
        is_ready
            .recv()
            .unwrap_or_else(|_| Err(io::Error::other("a worker thread ended early")))?;
        Ok(Worker {
            jobs: Some(jobs),
            thread: Some(thread),
        })
    }
}

fn run(runtime: &LocalRuntime, work: impl Future<Output = ()>) {
    runtime.block_on(work);
}

impl Drop for Workers {
    fn drop(&mut self) {
        for worker in &mut self.threads {
            worker.jobs = None;
        }
        for worker in &mut self.threads {
            if let Some(thread) = worker.thread.take()
                && thread.thread().id() != std::thread::current().id()
            {
                let _ = thread.join();
            }
        }
    }
}
