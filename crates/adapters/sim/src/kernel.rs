//! The kernel's device nodes, served to an unmodified program (Linux 5.14 or newer; no privilege).
//!
//! # How
//!
//! A seccomp filter with a listener, installed between `fork` and `exec`, suspends the child in
//! the system calls that open a file and in the ioctls of i2c-dev, spidev and GPIO chips. A thread of ours
//! looks at each: an open of a served path gets a file of ours injected, an ioctl on such a file is
//! answered from the chips by reading and writing the child's memory, and everything else is
//! handed on to the kernel untouched. So the child, static or not, runs the very code that it runs
//! on a Raspberry Pi.
//!
//! # Terms
//!
//! * **Node** — a path under `/dev` and what stands behind it. See [`DeviceNodes`].
//! * **Call** — one suspended system call of a child.
//! * **Listener** — the descriptor through which the kernel hands us the calls of one child and its
//!   descendants.
//!
//! # Invariants
//!
//! 1. Only opens and ioctls of type 0x07, `k` and 0xB4 are ever suspended; the filter decides that.
//! 2. A child's memory is written only after the kernel has confirmed that its call still waits.
//! 3. A malformed request is answered with the errno the kernel would give; it never ends the server.
//! 4. A transaction that holds its bus delays that bus and no other.
//! 5. A real `/dev/i2c-*`, `/dev/spidev*` or `/dev/gpiochip*` is out of the child's reach, served or not.
//!
//! # Deliberately absent
//!
//! Version 1 of the GPIO interface, several lines in one request. `read` and `write` on a node (they fail with EPERM or find nothing), `SMBus` ioctls (the adapter
//! says that it has none), `stat` and `readdir` of `/dev`, relative paths, 32-bit children, `io_uring`.
//! A process that already lives behind such a listener cannot be given another (EBUSY).

mod answer;
mod child;
mod filter;
mod gpiochip;
mod i2c_dev;
mod nodes;
mod open;
mod seccomp;
mod server;
mod spidev;

pub use nodes::{DeviceNodes, NodeError};
pub use server::Front;
