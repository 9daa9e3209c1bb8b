//! What is asked of the operating system beyond `std`: where and how a worker's thread runs.
//!
//! Linux only; elsewhere the options are accepted and have no effect, and thread states are
//! unknown.

#![expect(unsafe_code, reason = "system calls")]

use std::thread;

/// How the system is to schedule the workers.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub enum Scheduling {
    /// Like any other thread.
    #[default]
    Normal,
    /// As batch work (`SCHED_BATCH`): a worker that wakes does not push the submitter off its
    /// core. `submit` returns sooner and the job starts later.
    Batch,
    /// In real time (`SCHED_FIFO`), at this priority, 1 to 99. Needs the right to it (`CAP_SYS_NICE`
    /// or an rlimit); without it the workers run as `Normal`.
    Fifo(u8),
}

/// How workers' threads are made.
#[derive(Clone, Debug, Default)]
pub(crate) struct ThreadOptions {
    pub(crate) name: String,
    pub(crate) stack_size: Option<usize>,
    /// Cores to pin workers to, the worker in place n to entry n modulo the length.
    pub(crate) affinity: Vec<usize>,
    pub(crate) scheduling: Scheduling,
}

impl ThreadOptions {
    pub(crate) fn thread_name(&self, place: usize) -> String {
        format!("{}-{place}", self.name)
    }

    pub(crate) fn builder(&self, place: usize) -> thread::Builder {
        let builder = thread::Builder::new().name(self.thread_name(place));
        match self.stack_size {
            Some(size) => builder.stack_size(size),
            None => builder,
        }
    }
}

/// Pins and schedules the calling thread. What the system refuses is left as it is: a worker in the
/// wrong class is still a worker.
#[cfg(target_os = "linux")]
pub(crate) fn apply(options: &ThreadOptions, place: usize) {
    if !options.affinity.is_empty() {
        pin(options.affinity[place % options.affinity.len()]);
    }
    let (policy, priority) = match options.scheduling {
        Scheduling::Normal => return,
        Scheduling::Batch => (libc::SCHED_BATCH, 0),
        Scheduling::Fifo(priority) => (libc::SCHED_FIFO, i32::from(priority)),
    };
    // SAFETY: all-zero is a valid `sched_param`, a plain struct of integers.
    let mut parameter: libc::sched_param = unsafe { std::mem::zeroed() };
    parameter.sched_priority = priority;
    // SAFETY: the parameter lives through the call; 0 means the calling thread.
    let _refused = unsafe { libc::sched_setscheduler(0, policy, &raw const parameter) };
}

#[cfg(target_os = "linux")]
fn pin(core: usize) {
    // SAFETY: all-zero is the empty set of cores.
    let mut set: libc::cpu_set_t = unsafe { std::mem::zeroed() };
    if core >= libc::CPU_SETSIZE.unsigned_abs() as usize {
        return;
    }
    // SAFETY: the core's bit lies within the set, by the check above.
    unsafe { libc::CPU_SET(core, &mut set) };
    // SAFETY: the set lives through the call, its size is its own; 0 means the calling thread.
    let _refused = unsafe { libc::sched_setaffinity(0, size_of_val(&set), &raw const set) };
}

/// The system's number for the calling thread.
#[cfg(target_os = "linux")]
pub(crate) fn thread_id() -> i32 {
    // SAFETY: takes nothing, touches nothing, always succeeds.
    unsafe { libc::gettid() }
}

/// What the system says a thread of this process is doing: its state letter (`R` runs, `S` sleeps,
/// `D` waits for a device, …) and, where the kernel tells, what it waits in.
#[cfg(target_os = "linux")]
pub(crate) fn thread_state(thread: i32) -> Option<ThreadState> {
    let read = |file| std::fs::read_to_string(format!("/proc/self/task/{thread}/{file}")).ok();
    // "tid (name) S …": the name may hold anything, so the last parenthesis counts.
    let state = read("stat")?.rsplit_once(')')?.1.trim_start().chars().next()?;
    let waits_in = read("wchan").filter(|function| !function.is_empty() && function != "0");
    Some(ThreadState { state, waits_in, kernel_stack: read("stack").filter(|s| !s.is_empty()) })
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn apply(_options: &ThreadOptions, _place: usize) {}

#[cfg(not(target_os = "linux"))]
pub(crate) fn thread_id() -> i32 {
    0
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn thread_state(_thread: i32) -> Option<ThreadState> {
    None
}

/// What a worker's thread was doing when the watchdog looked (`proc_pid_stat(5)`).
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct ThreadState {
    /// `R` runs, `S` sleeps, `D` waits for a device, …
    pub state: char,
    /// The kernel function it sleeps in, where the kernel tells.
    pub waits_in: Option<String>,
    /// Its kernel stack, for those allowed to read it (root).
    pub kernel_stack: Option<String>,
}

impl ThreadState {
    /// Whether the thread waits for something rather than computes.
    pub fn is_asleep(&self) -> bool {
        matches!(self.state, 'S' | 'D')
    }
}
