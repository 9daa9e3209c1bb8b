//! A small file system of its own for the spool, which can be filled, and whose power can be cut.
//!
//! # Terms
//!
//! * **Den** — a mount namespace that only we and our children are in: what is mounted there is gone, and its
//!   loop device free, when the last of us has ended, however that comes.
//!
//! # Invariants
//!
//! * After a power cut there is what the loop device had been given until then, and nothing that was only
//!   in the kernel's memory.
//!
//! # Deliberately absent
//!
//! Disks that reorder writes or tear sectors: the image is what was issued, in the order of issue.

use std::{
    env,
    fs::{self, File},
    io::{ErrorKind, Write as _},
    os::unix::process::CommandExt as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context as _, bail, ensure};

/// 32 MiB: twice what the spool may take.
const BYTES: u64 = 32 << 20;
/// A copy of a disk that was written to meanwhile is none of one instant.
const TRIES_MAX: u32 = 500;
/// Set, to the kind of disk, in the process that is in the den.
const DEN: &str = "TELEMETRYHUB_CRASH_DEN";

/// What kind of disk there can be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// ext4 on a loop device: it can be filled, and its power can be cut.
    Loop,
    /// A tmpfs of limited size, for want of root: it can be filled.
    Memory,
}

/// Becomes a process in a den, or stays what it was; says what kind of disk there can be.
pub(crate) fn enter_den() -> Option<Kind> {
    if let Some(word) = env::var_os(DEN) {
        return Some(if word == "loop" { Kind::Loop } else { Kind::Memory });
    }
    let mine = ["--mount", "--propagation", "private"];
    let dens = [("loop", vec![]), ("memory", vec!["--user", "--map-root-user"])];
    // As root we are left without a den only where even root may not make one.
    let is_root = rustix::process::geteuid().is_root();
    for (word, more) in dens.into_iter().skip(usize::from(!is_root)) {
        let den = || {
            let mut command = Command::new("unshare");
            command.args(mine).args(&more);
            command
        };
        let is_possible =
            den().arg("true").stderr(Stdio::null()).status().is_ok_and(|s| s.success());
        if let (true, Ok(program)) = (is_possible, env::current_exe()) {
            let _error = den().arg(program).args(env::args_os().skip(1)).env(DEN, word).exec();
        }
    }
    None
}

/// A mounted file system. Unmounted when dropped.
pub(crate) struct Disk {
    kind: Kind,
    image: PathBuf,
    mount: PathBuf,
}

impl Disk {
    /// Makes one in `folder` and mounts it.
    pub(crate) fn new(kind: Kind, folder: &Path) -> anyhow::Result<Self> {
        let disk = Self { kind, image: folder.join("disk"), mount: folder.join("mount") };
        fs::create_dir(&disk.mount)?;
        if kind == Kind::Loop {
            File::create(&disk.image)?.set_len(BYTES)?;
            ask(Command::new("mkfs.ext4").args(["-q", "-F"]).arg(&disk.image))?;
        }
        disk.mount()?;
        Ok(disk)
    }

    /// Where the spool goes.
    pub(crate) fn spool(&self) -> PathBuf {
        self.mount.join("spool")
    }

    /// Whether its power can be cut.
    pub(crate) fn has_power(&self) -> bool {
        self.kind == Kind::Loop
    }

    fn mount(&self) -> anyhow::Result<()> {
        let mut command = Command::new("mount");
        match self.kind {
            Kind::Loop => command.args(["-o", "loop"]).arg(&self.image),
            Kind::Memory => command.args(["-t", "tmpfs", "-o", &format!("size={BYTES}"), "crash"]),
        };
        ask(command.arg(&self.mount))
    }

    /// What is on the disk at this instant; whoever writes to it has to be halted.
    pub(crate) fn remember(&self) -> anyhow::Result<()> {
        for _ in 0..TRIES_MAX {
            let before = self.writes()?;
            fs::copy(&self.image, self.copy())?;
            if self.writes()? == before {
                return Ok(());
            }
        }
        bail!("the disk was written to during each of {TRIES_MAX} copies")
    }

    /// Puts in place what was remembered; whoever used the disk has to be gone.
    pub(crate) fn fall_back(&self) -> anyhow::Result<()> {
        ask(Command::new("umount").arg(&self.mount))?;
        fs::rename(self.copy(), &self.image)?;
        self.mount()
    }

    fn copy(&self) -> PathBuf {
        self.image.with_extension("copy")
    }

    /// The kernel's counts of the loop device: writes that ended, their sectors, and what is under way.
    fn writes(&self) -> anyhow::Result<Vec<String>> {
        let mounts = fs::read_to_string("/proc/self/mounts")?;
        let place = self.mount.to_str().context("the folder's name is no text")?;
        let device = mounts.lines().rev().find_map(|line| {
            let (device, rest) = line.split_once(' ')?;
            (rest.split(' ').next() == Some(place)).then(|| device.strip_prefix("/dev/"))?
        });
        let device = device.context("the disk is not mounted")?;
        let stat = fs::read_to_string(format!("/sys/block/{device}/stat"))?;
        let fields: Vec<_> = stat.split_whitespace().collect();
        Ok([4, 6, 8].iter().filter_map(|i| fields.get(*i)).map(ToString::to_string).collect())
    }

    /// Fills it to the last byte.
    pub(crate) fn fill(&self) -> anyhow::Result<()> {
        let mut ballast = File::create(self.ballast())?;
        for size in [65_536, 512, 1] {
            while ballast.write_all(&vec![0; size]).is_ok() {}
        }
        Ok(())
    }

    /// Makes room again. After a power cut there may be nothing to be done.
    pub(crate) fn free(&self) -> anyhow::Result<()> {
        match fs::remove_file(self.ballast()) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(error.into()),
            _ => Ok(()),
        }
    }

    fn ballast(&self) -> PathBuf {
        self.mount.join("ballast")
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ended = ask(Command::new("umount").arg("-l").arg(&self.mount));
    }
}

fn ask(command: &mut Command) -> anyhow::Result<()> {
    let output = command.output().with_context(|| format!("failed to run {command:?}"))?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{command:?}: {}", said.trim());
    Ok(())
}
