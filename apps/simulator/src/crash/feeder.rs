//! The device at the far end of the serial line: it counts up, and remembers what nobody took.

use std::{
    io,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use sim::tty::Pty;

/// One write, with [`LINES`] lines, after each.
const CYCLE: Duration = Duration::from_millis(10);
const LINES: u64 = 10;
/// How often a line that was begun is tried to be ended when it is over.
const ENDINGS_MAX: u32 = 500;

/// Numbers from `from` to `to`, both included, that the line did not take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Unsent {
    pub(crate) why: &'static str,
    pub(crate) from: u64,
    pub(crate) to: u64,
}

/// A thread that counts. Dropping it stops it.
pub(crate) struct Feeder {
    log: Arc<Mutex<Log>>,
    is_over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Log {
    unsent: Vec<Unsent>,
    /// When each cycle began.
    cycles: Vec<Instant>,
}

impl Feeder {
    /// Starts to count from 1.
    pub(crate) fn start(line: Pty) -> io::Result<Self> {
        let (log, is_over) = (Arc::<Mutex<Log>>::default(), Arc::<AtomicBool>::default());
        let (keep, over) = (Arc::clone(&log), Arc::clone(&is_over));
        let run = move || {
            let (mut rest, mut due) = (Vec::new(), Instant::now());
            while !over.load(Relaxed) {
                lock(&keep).cycle(&line, &mut rest);
                due += CYCLE;
                thread::sleep(due.saturating_duration_since(Instant::now()));
            }
            for _ in 0..ENDINGS_MAX {
                match line.send(&rest) {
                    Ok(sent) if sent < rest.len() => drop(rest.drain(..sent)),
                    _ => break,
                }
                thread::sleep(CYCLE);
            }
        };
        let thread = thread::Builder::new().name("feeder".to_owned()).spawn(run)?;
        Ok(Self { log, is_over, thread: Some(thread) })
    }

    /// The number that it sends next.
    pub(crate) fn next(&self) -> u64 {
        lock(&self.log).next()
    }

    /// The number that it sent next at that time.
    pub(crate) fn next_at(&self, when: Instant) -> u64 {
        let log = lock(&self.log);
        log.cycles.partition_point(|cycle| *cycle <= when) as u64 * LINES + 1
    }

    /// Stops counting, and gives what it could not send.
    pub(crate) fn stop(&mut self) -> Vec<Unsent> {
        self.is_over.store(true, Relaxed);
        let _ended = self.thread.take().map(JoinHandle::join);
        lock(&self.log).unsent.clone()
    }
}

impl Log {
    fn next(&self) -> u64 {
        self.cycles.len() as u64 * LINES + 1
    }

    fn cycle(&mut self, line: &Pty, rest: &mut Vec<u8>) {
        let from = self.next();
        self.cycles.push(Instant::now());
        let Some(why) = send(line, rest, from) else { return };
        let new = Unsent { why, from, to: from + LINES - 1 };
        match self.unsent.last_mut() {
            Some(last) if last.why == why && last.to + 1 == from => last.to = new.to,
            _ => self.unsent.push(new),
        }
    }
}

/// Sends the lines from this number on, or says why not. A line that was begun is ended first.
fn send(line: &Pty, rest: &mut Vec<u8>, from: u64) -> Option<&'static str> {
    let is_behind = !rest.is_empty();
    if !is_behind {
        let lines = (from..from + LINES).map(|number| format!("N,{number}\n"));
        rest.extend(lines.flat_map(String::into_bytes));
    }
    match line.send(rest) {
        Ok(0) if !is_behind => rest.clear(),
        Ok(sent) => {
            rest.drain(..sent);
            return is_behind.then_some("the line was full");
        }
        Err(_) => {
            rest.clear();
            return Some("nobody listened");
        }
    }
    Some("the line was full")
}

fn lock(log: &Mutex<Log>) -> MutexGuard<'_, Log> {
    log.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Drop for Feeder {
    fn drop(&mut self) {
        self.stop();
    }
}
