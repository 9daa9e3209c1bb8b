//! Installing the filter in a child, and talking to its listener: all of `linux/seccomp.h` we use.

#![expect(unsafe_code, reason = "no safe wrapper has seccomp, and pre_exec is unsafe by nature")]

use std::{
    io::{self, IoSlice},
    mem::MaybeUninit,
    os::{
        fd::{AsFd as _, AsRawFd as _, BorrowedFd, FromRawFd as _, OwnedFd},
        unix::process::CommandExt as _,
    },
    process::Command,
};

use libc::{c_long, c_ulong, pid_t, seccomp_notif, seccomp_notif_addfd, seccomp_notif_resp};
use rustix::{
    io::Errno,
    net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags},
};

/// One suspended system call.
#[derive(Clone, Copy, Debug)]
pub(super) struct Call {
    /// The kernel's number for this suspension.
    id: u64,
    /// Which thread is suspended, in our own numbering.
    pub(super) thread: pid_t,
    /// The system call.
    pub(super) number: c_long,
    pub(super) arguments: [u64; 6],
}

/// Has every process that `command` spawns install `program` and send its listener into `socket`.
pub(super) fn arrange(command: &mut Command, program: Vec<libc::sock_filter>, socket: OwnedFd) {
    let before_exec = move || {
        let listener = install(&program)?;
        hand_over(socket.as_fd(), listener.as_fd())
    };
    // SAFETY: the closure runs between fork and exec, where only async-signal-safe work is allowed.
    // It makes plain system calls on data that was allocated before the fork: it neither allocates
    // nor frees (`io::Error` from an errno does not), takes no lock and cannot panic.
    unsafe { command.pre_exec(before_exec) };
}

/// Fails on a kernel whose notifications have outgrown [`Notification`].
pub(super) fn check_sizes() -> io::Result<()> {
    let mut sizes =
        libc::seccomp_notif_sizes { seccomp_notif: 0, seccomp_notif_resp: 0, seccomp_data: 0 };
    let operation = libc::SECCOMP_GET_NOTIF_SIZES;
    // SAFETY: the operation takes no flags and writes one `struct seccomp_notif_sizes`.
    let outcome = unsafe { libc::syscall(libc::SYS_seccomp, operation, 0, &raw mut sizes) };
    if outcome < 0 {
        return Err(io::Error::last_os_error());
    }
    let response = size_of::<seccomp_notif_resp>();
    let is_known = usize::from(sizes.seccomp_notif) <= size_of::<Notification>()
        && usize::from(sizes.seccomp_notif_resp) == response;
    is_known.then_some(()).ok_or_else(|| io::ErrorKind::Unsupported.into())
}

/// Puts the calling thread, and all it will start, behind `program`.
fn install(program: &[libc::sock_filter]) -> io::Result<OwnedFd> {
    // Without it the kernel lets only the privileged install filters.
    rustix::thread::set_no_new_privs(true)?;
    let len = u16::try_from(program.len()).map_err(|_| Errno::INVAL)?;
    let filter = libc::sock_fprog { len, filter: program.as_ptr().cast_mut() };
    let listener = libc::SECCOMP_FILTER_FLAG_NEW_LISTENER;
    // With the second flag (Linux 5.19) a signal does not make the child repeat a transaction.
    set_filter(&filter, listener | libc::SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV).or_else(|error| {
        if error.raw_os_error() == Some(libc::EINVAL) {
            set_filter(&filter, listener)
        } else {
            Err(error)
        }
    })
}

fn set_filter(filter: &libc::sock_fprog, flags: c_ulong) -> io::Result<OwnedFd> {
    let operation = libc::SECCOMP_SET_MODE_FILTER;
    // SAFETY: `filter` points to `len` instructions that outlive the call; the kernel copies and
    // verifies them.
    let fd = unsafe { libc::syscall(libc::SYS_seccomp, operation, flags, &raw const *filter) };
    match i32::try_from(fd) {
        // SAFETY: with NEW_LISTENER a result that is not negative is a new descriptor, ours alone.
        Ok(fd) if fd >= 0 => Ok(unsafe { OwnedFd::from_raw_fd(fd) }),
        _ => Err(io::Error::last_os_error()),
    }
}

fn hand_over(socket: BorrowedFd<'_>, listener: BorrowedFd<'_>) -> io::Result<()> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut rights = SendAncillaryBuffer::new(&mut space);
    let listeners = [listener];
    rights.push(SendAncillaryMessage::ScmRights(&listeners));
    rustix::net::sendmsg(socket, &[IoSlice::new(&[0])], &mut rights, SendFlags::NOSIGNAL)?;
    Ok(())
}

/// The kernel's end of one child's suspended calls.
#[derive(Debug)]
pub(super) struct Listener(OwnedFd);

/// Room for a notification that a later kernel has made longer.
#[repr(C)]
struct Notification {
    known: seccomp_notif,
    room: [u64; 16],
}

impl Listener {
    /// Takes what [`arrange`] sent.
    pub(super) fn new(fd: OwnedFd) -> Self {
        let sync_wake_up = 1_u64; // SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP
        // Child and server take turns, so they go faster on one processor. Before Linux 6.6 there is
        // no such request, and they are only slower.
        // SAFETY: the request takes its flags by value and touches no memory.
        let _as_before = unsafe {
            libc::ioctl(fd.as_raw_fd(), libc::SECCOMP_IOCTL_NOTIF_SET_FLAGS, sync_wake_up)
        };
        Self(fd)
    }

    pub(super) fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }

    /// The next suspended call, or `None` if its thread was killed meanwhile. Blocks if there is none.
    pub(super) fn receive(&self) -> Result<Option<Call>, Errno> {
        // SAFETY: both structs are plain integers, for which zero is a value; the kernel wants zeros.
        let mut notification: Notification = unsafe { MaybeUninit::zeroed().assume_init() };
        // SAFETY: RECV writes the kernel's own `struct seccomp_notif`, which `check_sizes` has found to
        // fit into a `Notification`; this one is exclusively ours.
        let outcome = unsafe { self.ioctl(libc::SECCOMP_IOCTL_NOTIF_RECV, &raw mut notification) };
        match outcome {
            Ok(_) => {}
            Err(Errno::NOENT | Errno::INTR) => return Ok(None),
            Err(errno) => return Err(errno),
        }
        let seccomp_notif { id, pid, data, .. } = notification.known;
        Ok(Some(Call {
            id,
            thread: pid.cast_signed(),
            number: data.nr.into(),
            arguments: data.args,
        }))
    }

    /// Whether the call still waits for its answer, and its thread's number is therefore its own.
    pub(super) fn is_waiting(&self, call: &Call) -> bool {
        let mut id = call.id;
        // SAFETY: ID_VALID reads one u64, which `id` is.
        unsafe { self.ioctl(libc::SECCOMP_IOCTL_NOTIF_ID_VALID, &raw mut id) }.is_ok()
    }

    /// Has the kernel run the call as if it had not been suspended.
    pub(super) fn let_through(&self, call: &Call) {
        self.respond(call, 0, 0, 1); // SECCOMP_USER_NOTIF_FLAG_CONTINUE
    }

    /// Has the call return `value`.
    pub(super) fn succeed(&self, call: &Call, value: i64) {
        self.respond(call, value, 0, 0);
    }

    /// Has the call fail with `errno`.
    pub(super) fn fail(&self, call: &Call, errno: Errno) {
        self.respond(call, 0, -errno.raw_os_error(), 0);
    }

    /// Gives the child a descriptor of `file` and has the call return it.
    ///
    /// # Errors
    ///
    /// Why the child can have none; the call waits still.
    pub(super) fn inject(
        &self,
        call: &Call,
        file: BorrowedFd<'_>,
        closes_on_exec: bool,
    ) -> Result<(), Errno> {
        const SEND: u32 = 2; // SECCOMP_ADDFD_FLAG_SEND
        self.add(call, file, closes_on_exec, SEND).map(drop)
    }

    /// Gives the child a descriptor of `file` and tells its number.
    ///
    /// # Errors
    ///
    /// Why the child can have none; the call waits still, as it does after success.
    pub(super) fn grant(&self, call: &Call, file: BorrowedFd<'_>) -> Result<i32, Errno> {
        self.add(call, file, true, 0)
    }

    fn add(
        &self,
        call: &Call,
        file: BorrowedFd<'_>,
        closes_on_exec: bool,
        flags: u32,
    ) -> Result<i32, Errno> {
        let mut addfd = seccomp_notif_addfd {
            id: call.id,
            flags,
            srcfd: file.as_raw_fd().cast_unsigned(),
            newfd: 0,
            newfd_flags: if closes_on_exec { libc::O_CLOEXEC.cast_unsigned() } else { 0 },
        };
        // SAFETY: ADDFD reads one `struct seccomp_notif_addfd`, whose size is part of its number;
        // `file` is open for the whole call.
        unsafe { self.ioctl(libc::SECCOMP_IOCTL_NOTIF_ADDFD, &raw mut addfd) }
    }

    /// A response that the kernel no longer wants, because the thread was killed, is of no interest.
    fn respond(&self, call: &Call, val: i64, error: i32, flags: u32) {
        let mut response = seccomp_notif_resp { id: call.id, val, error, flags };
        // SAFETY: SEND reads one `struct seccomp_notif_resp`, whose size `check_sizes` has found to be ours.
        let _gone = unsafe { self.ioctl(libc::SECCOMP_IOCTL_NOTIF_SEND, &raw mut response) };
    }

    /// # Safety
    ///
    /// `argument` must be what `request` of `linux/seccomp.h` wants, valid for the whole call.
    unsafe fn ioctl<T>(&self, request: libc::Ioctl, argument: *mut T) -> Result<i32, Errno> {
        // SAFETY: passed on to the caller; the descriptor is open.
        let outcome = unsafe { libc::ioctl(self.0.as_raw_fd(), request, argument) };
        if outcome >= 0 {
            return Ok(outcome);
        }
        Err(Errno::from_io_error(&io::Error::last_os_error()).unwrap_or(Errno::IO))
    }
}
