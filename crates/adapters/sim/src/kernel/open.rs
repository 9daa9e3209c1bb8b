//! Opens of device nodes.

use std::{ffi::OsStr, os::unix::ffi::OsStrExt as _, path::Path, sync::Arc};

use libc::c_int;
use rustix::{
    fs::{Mode, OFlags},
    io::Errno,
};

use super::{
    answer::{Answer, Refusal},
    child::Child,
    nodes::{Nodes, Target},
    seccomp::Call,
};

/// Nodes of these families are never the machine's own.
const SHIELDED: [&[u8]; 3] = [b"/dev/i2c-", b"/dev/spidev", b"/dev/gpiochip"];

/// Answers `open`, `openat` or `openat2`.
pub(super) fn open(nodes: &Nodes, call: &Call) -> Result<Answer, Refusal> {
    let child = Child(call.thread);
    // A path or flags that we cannot read, the kernel will not be able to read either.
    let Ok((path, flags)) = request(child, call) else { return Ok(Answer::Continue) };
    let Some(node) = nodes.get(Path::new(OsStr::from_bytes(&path))) else {
        let is_shielded = SHIELDED.iter().any(|family| path.starts_with(family));
        return if is_shielded { Err(Errno::NOENT.into()) } else { Ok(Answer::Continue) };
    };
    let file = match (&node.file, &node.target) {
        (Some(file), _) => Arc::clone(file),
        (None, Target::Tty(terminal)) => {
            let terminal = terminal().ok_or(Errno::NOENT)?;
            // Never our own controlling terminal, and never inherited by a process we spawn.
            let kept = flags & (OFlags::ACCMODE | OFlags::NONBLOCK);
            let ours = OFlags::NOCTTY | OFlags::CLOEXEC;
            Arc::new(rustix::fs::open(terminal, kept | ours, Mode::empty())?)
        }
        (None, Target::I2c(_) | Target::Spi(_) | Target::Gpio(_)) => {
            return Err(Errno::NOENT.into());
        }
    };
    Ok(Answer::Opened { file, closes_on_exec: flags.contains(OFlags::CLOEXEC) })
}

/// The path and the flags of the call.
fn request(child: Child, call: &Call) -> Result<(Vec<u8>, OFlags), Errno> {
    let [first, second, third, ..] = call.arguments;
    let (path, flags) = match call.number {
        libc::SYS_openat => (second, third),
        // `struct open_how` begins with the flags.
        libc::SYS_openat2 => (second, u64::from_ne_bytes(child.array(third)?)),
        _ => (first, second),
    };
    #[expect(clippy::cast_possible_truncation, reason = "the kernel takes the low half, too")]
    let flags = OFlags::from_bits_retain((flags as c_int).cast_unsigned());
    Ok((child.path(path)?, flags))
}
