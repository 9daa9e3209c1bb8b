//! Threads that are to be on time: the real-time class, cores of their own, memory that stays.
//!
//! All of it needs a right that not every process has. What the kernel refuses is told and left as it
//! is: a late sample is better than none.
//!
//! # Deliberately absent
//!
//! Deadlines and periods for the kernel (`SCHED_DEADLINE`): a bus answers when it likes.

#![expect(unsafe_code, reason = "the scheduling class has no safe call")]

use std::io;

use rustix::{
    mm::{MlockAllFlags, mlockall},
    thread::{CpuSet, sched_setaffinity},
};

/// What is wished for a thread.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Realtime {
    /// The priority in the real-time class `SCHED_FIFO`, 1 to 99 (`sched(7)`); not in it if there is none.
    pub priority: Option<u8>,
    /// The cores it may run on; all if there is none here.
    pub cores: Vec<usize>,
}

/// What the kernel refused, and how it is granted.
#[derive(Debug, thiserror::Error)]
#[error("the kernel refuses {what}; {mend}")]
pub struct Denied {
    /// What was wished.
    pub what: &'static str,
    /// Whoever runs the machine can do this.
    pub mend: &'static str,
    /// What the kernel said.
    #[source]
    pub source: io::Error,
}

impl Realtime {
    /// Grants it to the calling thread, as far as the kernel does; the rest comes back.
    pub fn apply(&self) -> Vec<Denied> {
        let class = self.priority.map_or(Ok(()), enter_class).map_err(|source| Denied {
            what: "the real-time class",
            mend: "give the service LimitRTPRIO=99, or the program CAP_SYS_NICE",
            source,
        });
        let cores = pin(&self.cores).map_err(|source| Denied {
            what: "these cores",
            mend: "write the numbers of cores that are there and that this service may use",
            source,
        });
        class.err().into_iter().chain(cores.err()).collect()
    }
}

fn enter_class(priority: u8) -> io::Result<()> {
    let wished = libc::sched_param { sched_priority: priority.into() };
    // SAFETY: 0 means the calling thread, and `wished` is a whole `sched_param` that outlives the call.
    match unsafe { libc::sched_setscheduler(0, libc::SCHED_FIFO, &raw const wished) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

fn pin(cores: &[usize]) -> io::Result<()> {
    if cores.is_empty() {
        return Ok(());
    }
    let mut set = CpuSet::new();
    for &core in cores.iter().filter(|&&core| core < CpuSet::MAX_CPU) {
        set.set(core);
    }
    Ok(sched_setaffinity(None, &set)?)
}

/// Keeps all memory of the process, present and future, from being paged out.
///
/// # Errors
///
/// [`Denied`] if the process may not lock as much.
pub fn lock_memory() -> Result<(), Denied> {
    mlockall(MlockAllFlags::CURRENT | MlockAllFlags::FUTURE).map_err(|errno| Denied {
        what: "to lock memory",
        mend: "give the service LimitMEMLOCK=infinity, or the program CAP_IPC_LOCK",
        source: errno.into(),
    })
}

#[cfg(test)]
mod tests {
    use rustix::thread::sched_getaffinity;

    use super::*;

    #[test]
    fn a_thread_is_pinned_and_one_without_wishes_is_left_alone() {
        let pinned = std::thread::Builder::new();
        let pinned = pinned.spawn(|| {
            let before = sched_getaffinity(None).unwrap();
            let first = (0..CpuSet::MAX_CPU).find(|&core| before.is_set(core)).unwrap();
            assert!(Realtime::default().apply().is_empty());
            assert_eq!(sched_getaffinity(None).unwrap().count(), before.count());
            let wish = Realtime { cores: vec![first], ..Realtime::default() };
            assert!(wish.apply().is_empty());
            let after = sched_getaffinity(None).unwrap();
            assert!(after.is_set(first) && after.count() == 1);
        });
        pinned.unwrap().join().unwrap();
    }

    #[test]
    fn what_is_refused_is_told_with_its_mend_and_the_rest_is_granted() {
        let wish = Realtime { priority: None, cores: vec![CpuSet::MAX_CPU + 1] };
        let denied = wish.apply();
        let [denied] = denied.as_slice() else { panic!("{denied:?}") };
        assert!(denied.to_string().contains("these cores"), "{denied}");
        assert_eq!(denied.source.raw_os_error(), Some(libc::EINVAL));
    }

    /// Granted to root, refused to others: either way it says so.
    #[test]
    fn the_real_time_class_is_entered_or_refused() {
        let thread = std::thread::Builder::new().spawn(|| {
            let denied = Realtime { priority: Some(1), cores: Vec::new() }.apply();
            // SAFETY: 0 means the calling thread; the call has no other argument.
            let class = unsafe { libc::sched_getscheduler(0) };
            assert_eq!(denied.is_empty(), class == libc::SCHED_FIFO, "{denied:?}");
        });
        thread.unwrap().join().unwrap();
    }
}
