//! Machines, each with a disk and two clocks, and the processes that run on them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;

use super::disk::{Disk, Image};
use super::world::{World, with_here};
use crate::torture::random::Random;

/// A computer: what is left of it when its processes are gone.
pub(crate) struct Machine {
    world: Arc<World>,
    clocks: Mutex<Clocks>,
    image: Mutex<Image>,
}

#[derive(Clone, Copy)]
struct Clocks {
    /// Which start of the machine this is.
    boot: u64,
    /// When it started, in the world's time.
    booted_ns: u64,
    /// What the boot clock showed then: no machine starts at 0.
    begin_ns: u64,
    /// How much the boot clock gains, in millionths.
    drift_ppm: i64,
    /// What the wall clock shows when the boot clock shows 0.
    wall_us: i64,
    /// How much the wall clock gains on the boot clock, in millionths.
    wall_drift_ppm: i64,
}

/// One run of a server.
pub(crate) struct Process {
    /// Unique in the world.
    pub(crate) number: u64,
    pub(crate) machine: Arc<Machine>,
    /// What it sees of the machine's disk. Once it is dead it goes on with a copy that nobody else
    /// sees.
    pub(crate) disk: Arc<Disk>,
    is_dead: AtomicBool,
}

/// 1 January 2027.
const EPOCH_US: i64 = 1_798_761_600_000_000;

impl Machine {
    /// A machine that has just started, with an empty disk.
    pub(crate) fn new(world: &Arc<World>, drift_ppm: i64, wall_drift_ppm: i64) -> Arc<Machine> {
        let clocks = Clocks {
            boot: 1,
            booted_ns: world.now_ns(),
            begin_ns: 5_000_000_000,
            drift_ppm,
            wall_us: EPOCH_US,
            wall_drift_ppm,
        };
        Arc::new(Machine {
            world: Arc::clone(world),
            clocks: Mutex::new(clocks),
            image: Mutex::default(),
        })
    }

    /// Starts a process, which has the disk to itself.
    pub(crate) fn start(self: &Arc<Machine>) -> Arc<Process> {
        let image = self.image.lock().clone();
        Arc::new(Process {
            number: self.world.new_key() as u64,
            machine: Arc::clone(self),
            disk: Arc::new(Disk::new(image)),
            is_dead: AtomicBool::new(false),
        })
    }

    /// The machine stops without notice and is started again after `span_ns`: of the disk is left
    /// what the seed lets be left.
    pub(crate) fn crash(&self, random: &mut Random, span_ns: u64) {
        self.image.lock().crash(random);
        let wall_us = self.unix_us();
        self.world.spend(span_ns);
        let mut clocks = self.clocks.lock();
        clocks.boot += 1;
        clocks.booted_ns = self.world.now_ns();
        clocks.begin_ns = random.between(1_000_000_000, 40_000_000_000);
        let span_us = (span_ns / 1000).cast_signed();
        clocks.wall_us = wall_us + span_us - (clocks.begin_ns / 1000).cast_signed();
    }

    /// Steps the wall clock.
    pub(crate) fn step_wall(&self, by_us: i64) {
        self.clocks.lock().wall_us += by_us;
    }

    /// Which start of the machine this is.
    pub(crate) fn boot(&self) -> u64 {
        self.clocks.lock().boot
    }

    /// What a system says of this start of the machine.
    pub(crate) fn boot_id(&self) -> String {
        format!("{:08x}-5a3f-4b1d-9c77-0123456789ab", self.boot())
    }

    /// What the boot clock shows.
    pub(crate) fn boot_ns(&self) -> u64 {
        let clocks = *self.clocks.lock();
        let since_ns = self.world.now_ns() - clocks.booted_ns;
        clocks.begin_ns + gained(since_ns, clocks.drift_ppm)
    }

    /// The world's time at which the boot clock shows `boot_us`.
    pub(crate) fn world_ns_of(&self, boot_us: u64) -> i128 {
        let clocks = *self.clocks.lock();
        let since_ns = i128::from(boot_us) * 1000 - i128::from(clocks.begin_ns);
        let scale = i128::from(1_000_000 + clocks.drift_ppm);
        i128::from(clocks.booted_ns) + since_ns * 1_000_000 / scale
    }

    /// What the wall clock shows, in microseconds since 1970.
    pub(crate) fn unix_us(&self) -> i64 {
        let boot_us = self.boot_ns() / 1000;
        let clocks = *self.clocks.lock();
        clocks.wall_us + gained(boot_us, clocks.wall_drift_ppm).cast_signed()
    }

    /// What is on the disk, once no process runs.
    pub(crate) fn image(&self) -> parking_lot::MutexGuard<'_, Image> {
        self.image.lock()
    }
}

fn gained(span: u64, ppm: i64) -> u64 {
    let gain = i128::from(span) * i128::from(ppm) / 1_000_000;
    u64::try_from(i128::from(span) + gain).unwrap_or(0)
}

impl Process {
    /// It is gone between two instructions: the machine keeps what is in its page cache. What is
    /// left of the process ends by itself and changes nothing any more.
    pub(crate) fn die(&self) {
        if self.is_dead.swap(true, Ordering::SeqCst) {
            return;
        }
        *self.machine.image.lock() = self.disk.leave();
    }

    /// Whether it is gone.
    pub(crate) fn is_dead(&self) -> bool {
        self.is_dead.load(Ordering::SeqCst)
    }
}

/// The boot clock of the present thread's machine, if it is in a simulation.
pub(crate) fn boot_ns() -> Option<u64> {
    with_here(|here| here.process.machine.boot_ns())
}

/// The wall clock of the present thread's machine, if it is in a simulation.
pub(crate) fn unix_us() -> Option<i64> {
    with_here(|here| here.process.machine.unix_us())
}

/// The start of the present thread's machine, if it is in a simulation.
pub(crate) fn boot_id() -> Option<String> {
    with_here(|here| here.process.machine.boot_id())
}

/// Whoever looks how long something takes has taken some time, in a simulation: a script would
/// never have run for long otherwise.
pub(crate) fn take_time() {
    with_here(|here| {
        let span_ns = here.world.below(400_000);
        here.world.spend(span_ns);
    });
}
