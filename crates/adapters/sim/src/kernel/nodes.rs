//! Paths under `/dev` and what stands behind them.

use std::{
    collections::BTreeMap,
    io,
    os::{fd::OwnedFd, unix::ffi::OsStrExt as _},
    path::{Path, PathBuf},
    process::Command,
    sync::Arc,
};

use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, memfd_create};

use super::{
    server::{self, Front},
    spidev::SpiNode,
};
use crate::{
    bus::{I2cBus, SpiLine},
    gpio::GpioChip,
};

/// What [`DeviceNodes::serve`] could not do.
#[derive(Debug, thiserror::Error)]
pub enum NodeError {
    /// The file that stands in for a node could not be made.
    #[error("cannot make a file for {}", path.display())]
    File {
        /// The node.
        path: PathBuf,
        /// What the kernel says.
        #[source]
        source: io::Error,
    },
    /// The server could not start.
    #[error("cannot start the server of device nodes")]
    Start(#[source] io::Error),
}

/// What a path leads to.
#[derive(Clone)]
pub(super) enum Target {
    I2c(I2cBus),
    Spi(SpiNode),
    Gpio(GpioChip),
    /// The terminal to open in its place, if there is one now.
    Tty(Arc<dyn Fn() -> Option<PathBuf> + Send + Sync>),
}

/// One node as the server keeps it.
pub(super) struct Node {
    pub(super) target: Target,
    /// What a child gets for it; a terminal is opened anew each time.
    pub(super) file: Option<Arc<OwnedFd>>,
}

/// The nodes of one server, by path.
pub(super) type Nodes = BTreeMap<PathBuf, Node>;

/// The device nodes that children are to see.
///
/// ```no_run
/// # use sim::{bus::I2cBus, kernel::DeviceNodes};
/// # use std::process::Command;
/// let bus = I2cBus::new();
/// let mut command = Command::new("telemetryhub");
/// let front = DeviceNodes::new().i2c("/dev/i2c-1", &bus).serve(&mut command)?;
/// let status = command.status()?;
/// drop(front);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Default)]
pub struct DeviceNodes {
    targets: BTreeMap<PathBuf, Target>,
}

impl DeviceNodes {
    /// No nodes.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an I2C adapter, such as `/dev/i2c-1`, with the chips of `bus`.
    #[must_use]
    pub fn i2c(self, path: impl Into<PathBuf>, bus: &I2cBus) -> Self {
        self.with(path, Target::I2c(bus.clone()))
    }

    /// Adds a chip select, such as `/dev/spidev0.0`, with the chip of `line`.
    #[must_use]
    pub fn spi(self, path: impl Into<PathBuf>, line: &SpiLine) -> Self {
        self.with(path, Target::Spi(SpiNode::new(line.clone())))
    }

    /// Adds a GPIO chip, such as `/dev/gpiochip0`, with the lines of `chip`.
    #[must_use]
    pub fn gpio(self, path: impl Into<PathBuf>, chip: &GpioChip) -> Self {
        self.with(path, Target::Gpio(chip.clone()))
    }

    /// Adds a serial line, such as `/dev/ttyAMA0`: each open opens the terminal that `terminal`
    /// names then, or finds no such file if it names none.
    #[must_use]
    pub fn tty(
        self,
        path: impl Into<PathBuf>,
        terminal: impl Fn() -> Option<PathBuf> + Send + Sync + 'static,
    ) -> Self {
        self.with(path, Target::Tty(Arc::new(terminal)))
    }

    /// Arranges that every process which `command` spawns from now on sees these nodes, and starts
    /// the thread that serves them. Keep the [`Front`] until the last of them has ended: afterwards
    /// their calls fail with ENOSYS.
    ///
    /// # Errors
    ///
    /// [`NodeError`] if the kernel is too old or has no descriptors or threads left. That it lets us install no
    /// filter shows when `command` is spawned.
    pub fn serve(&self, command: &mut Command) -> Result<Front, NodeError> {
        let mut nodes = Nodes::new();
        for (path, target) in &self.targets {
            let file = match target {
                Target::I2c(_) | Target::Spi(_) | Target::Gpio(_) => {
                    Some(Arc::new(stand_in(path)?))
                }
                Target::Tty(_) => None,
            };
            nodes.insert(path.clone(), Node { target: target.clone(), file });
        }
        server::start(nodes, command).map_err(NodeError::Start)
    }

    fn with(mut self, path: impl Into<PathBuf>, target: Target) -> Self {
        self.targets.insert(path.into(), target);
        self
    }
}

/// An empty file that names its node and that nobody can write to.
fn stand_in(path: &Path) -> Result<OwnedFd, NodeError> {
    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
    let seals = SealFlags::WRITE | SealFlags::GROW | SealFlags::SHRINK | SealFlags::SEAL;
    memfd_create(path.as_os_str().as_bytes(), flags)
        .and_then(|file| fcntl_add_seals(&file, seals).map(|()| file))
        .map_err(|errno| NodeError::File { path: path.into(), source: errno.into() })
}

/// Which node a descriptor's link in `/proc` names, if it is one of our stand-ins.
pub(super) fn named_by(link: &Path) -> Option<&Path> {
    let name = link.to_str()?.strip_prefix("/memfd:")?.strip_suffix(" (deleted)")?;
    Some(Path::new(name))
}
