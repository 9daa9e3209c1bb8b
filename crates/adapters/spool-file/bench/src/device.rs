//! A file system whose device counts what is written: ext4 in a file, mounted through a loop device.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// Unmounted when dropped.
pub struct Device {
    pub mount: PathBuf,
    name: String,
}

/// What the device was asked for since it was made.
#[derive(Clone, Copy)]
pub struct Count {
    pub bytes: u64,
    pub flushes: u64,
}

impl Device {
    /// `None`, and why on standard error, where that is not allowed or there is no such tool.
    pub fn new(folder: &Path) -> Option<Self> {
        let (image, mount) = (folder.join("image"), folder.join("mount"));
        fs::create_dir(&mount).ok()?;
        fs::File::create(&image).ok()?.set_len(512 << 20).ok()?;
        // No initialisation in the background: it would be counted.
        let eager = "lazy_itable_init=0,lazy_journal_init=0";
        run(Command::new("mkfs.ext4").args(["-q", "-E", eager]).arg(&image))?;
        run(Command::new("mount").args(["-o", "loop"]).arg(&image).arg(&mount))?;
        let source = Command::new("findmnt").args(["-no", "SOURCE"]).arg(&mount).output().ok()?;
        let name = String::from_utf8(source.stdout).ok()?.trim().strip_prefix("/dev/")?.to_owned();
        Some(Self { mount, name })
    }

    /// After everything outstanding was written.
    pub fn count(&self) -> Count {
        let folder = fs::File::open(&self.mount).expect("the mount");
        rustix::fs::syncfs(&folder).expect("a sync");
        let stat = fs::read_to_string(format!("/sys/block/{}/stat", self.name)).expect("counters");
        let fields: Vec<u64> =
            stat.split_whitespace().filter_map(|field| field.parse().ok()).collect();
        Count { bytes: fields[6] * 512, flushes: fields.get(15).copied().unwrap_or(0) }
    }
}

impl Drop for Device {
    fn drop(&mut self) {
        let _ = run(Command::new("umount").arg(&self.mount));
    }
}

fn run(command: &mut Command) -> Option<()> {
    match command.output() {
        Ok(output) if output.status.success() => Some(()),
        Ok(output) => {
            eprintln!("{command:?}: {}", String::from_utf8_lossy(&output.stderr).trim());
            None
        }
        Err(error) => {
            eprintln!("{command:?}: {error}");
            None
        }
    }
}
