//! The scans of a kernel's IIO buffer, from `/dev/iio:deviceN`, as bytes.
//!
//! `Documentation/iio/iio_devbuf.rst`: a read gives whole scans, as many as fit. How a scan is laid out, and
//! what makes the kernel take one, is set by attributes; see the driver `iio_buffer`.

use core::time::Duration;
use std::{io, os::fd::OwnedFd, path::PathBuf};

use domain::NoData;
use ports::{ByteSource, Received};
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    fs::{Mode, OFlags},
    io::Errno,
    time::{ClockId, clock_gettime},
};

use crate::node::Node;

/// The node of one IIO device.
#[derive(Debug)]
pub struct ScanNode {
    node: Node<OwnedFd>,
}

impl ScanNode {
    /// The node at `path`, which need not exist yet.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { node: Node::new(path.into()) }
    }
}

impl ByteSource for ScanNode {
    fn read(&mut self, buffer: &mut [u8], patience: Duration) -> Result<Received, NoData> {
        let began = monotonic();
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let len = self
            .node
            .with(
                |path| Ok(rustix::fs::open(path, flags, Mode::empty())?),
                |node| take(node, buffer, began.saturating_add(patience)),
            )?
            .ok_or(NoData::Silent)?;
        Ok(Received { len, waited: monotonic().saturating_sub(began) })
    }
}

/// Reads what is there or comes until `deadline`; `None` if nothing does.
fn take(node: &OwnedFd, buffer: &mut [u8], deadline: Duration) -> io::Result<Option<usize>> {
    loop {
        // First of all, since the kernel wakes nobody before its watermark is reached.
        match rustix::io::read(node, &mut *buffer) {
            // The end of a buffer whose device is gone.
            Ok(0) => return Err(Errno::NODEV.into()),
            Ok(len) => return Ok(Some(len)),
            Err(Errno::INTR) => continue,
            Err(Errno::AGAIN) => {}
            Err(errno) => return Err(errno.into()),
        }
        let wait = deadline.saturating_sub(monotonic());
        if wait.is_zero() {
            return Ok(None);
        }
        let mut polled = [PollFd::new(node, PollFlags::IN)];
        // A wait too long for the kernel is as good as one without end.
        match poll(&mut polled, Timespec::try_from(wait).ok().as_ref()) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(errno) => return Err(errno.into()),
        }
    }
}

/// Time since boot. Only differences are used, and only in here: a deadline across several waits.
pub(crate) fn monotonic() -> Duration {
    Duration::try_from(clock_gettime(ClockId::Monotonic)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use rustix::fs::{CWD, FileType, mknodat};

    use super::*;

    #[test]
    fn a_node_gives_what_is_there_is_silent_when_empty_and_absent_when_gone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("iio:device0");
        let mut node = ScanNode::new(&path);
        let mut buffer = [0; 16];
        let mut read = |node: &mut ScanNode| {
            node.read(&mut buffer, Duration::from_millis(5)).map(|received| received.len)
        };
        assert_eq!(read(&mut node), Err(NoData::Absent));
        mknodat(CWD, &path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
        let mut kernel = std::fs::File::options().read(true).write(true).open(&path).unwrap();
        assert_eq!(read(&mut node), Err(NoData::Silent));
        kernel.write_all(&[1; 12]).unwrap();
        assert_eq!(read(&mut node), Ok(12));
        drop(kernel);
        assert_eq!(read(&mut node), Err(NoData::Absent));
    }
}
