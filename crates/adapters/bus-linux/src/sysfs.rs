//! The kernel's own sensors: a tree of attribute files, usually `/sys`.
//!
//! # Deliberately absent
//!
//! What an attribute means, and any open file: the kernel computes an attribute when it is opened and
//! read, and a device that has gone takes its files with it.

use std::{
    fs::File,
    io::{self, Read as _},
    path::{Component, Path, PathBuf},
};

use domain::NoData;
use ports::Attributes;

use crate::BusError;

/// The longest attribute: the kernel gives a page at most (`Documentation/filesystems/sysfs.rst`).
const BYTES_MAX: u64 = 4096;

/// The tree of attributes below one root.
#[derive(Clone, Debug)]
pub struct SysfsTree {
    root: PathBuf,
}

impl Default for SysfsTree {
    /// `/sys`, where the kernel's own is mounted.
    fn default() -> Self {
        Self::new("/sys")
    }
}

impl SysfsTree {
    /// The tree at `root`, which need not exist yet.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// Where `path` is, unless it leaves the tree.
    fn place(&self, path: &str) -> Result<PathBuf, NoData> {
        let path = Path::new(path);
        let stays = path.components().all(|part| matches!(part, Component::Normal(_)));
        stays.then(|| self.root.join(path)).ok_or(NoData::Internal)
    }
}

impl Attributes for SysfsTree {
    fn read(&mut self, path: &str) -> Result<String, NoData> {
        let path = self.place(path)?;
        let mut text = String::new();
        let outcome =
            File::open(&path).and_then(|file| file.take(BYTES_MAX).read_to_string(&mut text));
        match outcome {
            Ok(_) => Ok(text.trim_end_matches('\n').to_owned()),
            Err(error) if error.kind() == io::ErrorKind::InvalidData => Err(NoData::Corrupt),
            Err(source) => Err(BusError::Transaction { path, source }.into()),
        }
    }

    fn write(&mut self, path: &str, text: &str) -> Result<(), NoData> {
        let path = self.place(path)?;
        let fault = |source| BusError::Transaction { path: path.clone(), source };
        // Never made: where the kernel has no such attribute there is nobody to take the value.
        let file = File::options().write(true).truncate(true).open(&path);
        // In one call, which is one value to the kernel.
        Ok(file
            .and_then(|mut file| io::Write::write_all(&mut file, text.as_bytes()))
            .map_err(fault)?)
    }

    fn list(&mut self, path: &str) -> Result<Vec<String>, NoData> {
        let path = self.place(path)?;
        let fault = |source| BusError::Open { path: path.clone(), source };
        let names = std::fs::read_dir(&path).map_err(fault)?;
        let names = names.map(|entry| entry.map(|entry| entry.file_name()));
        let mut names = names.collect::<io::Result<Vec<_>>>().map_err(fault)?;
        names.sort();
        Ok(names.into_iter().filter_map(|name| name.into_string().ok()).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree() -> (tempfile::TempDir, SysfsTree) {
        let folder = tempfile::tempdir().unwrap();
        let tree = SysfsTree::new(folder.path());
        (folder, tree)
    }

    #[test]
    fn attributes_are_read_anew_each_time_and_those_that_are_not_there_are_absent() {
        let (folder, mut tree) = tree();
        assert_eq!(tree.read("temp1_input"), Err(NoData::Absent));
        assert_eq!(tree.list("class"), Err(NoData::Absent));
        for text in ["23500\n", "-1000\n"] {
            std::fs::write(folder.path().join("temp1_input"), text).unwrap();
            assert_eq!(tree.read("temp1_input"), Ok(text.trim().to_owned()));
        }
        assert_eq!(tree.list("temp1_input"), Err(NoData::Absent), "a file is no folder");
    }

    #[test]
    fn names_are_sorted_and_a_value_is_written_only_where_somebody_takes_it() {
        let (folder, mut tree) = tree();
        assert_eq!(tree.write("enable", "1"), Err(NoData::Absent));
        for name in ["enable", "b", "a"] {
            std::fs::write(folder.path().join(name), "0123").unwrap();
        }
        assert_eq!(tree.write("enable", "1"), Ok(()));
        assert_eq!(tree.read("enable"), Ok("1".to_owned()));
        std::fs::create_dir(folder.path().join("sub")).unwrap();
        assert_eq!(tree.list("sub"), Ok(Vec::new()));
    }

    #[test]
    fn a_path_that_leaves_the_tree_is_a_mistake_and_bytes_that_are_no_text_are_corrupt() {
        let (folder, mut tree) = tree();
        for path in ["../etc/passwd", "/etc/passwd", "a/../../b"] {
            assert_eq!(tree.read(path), Err(NoData::Internal));
        }
        std::fs::write(folder.path().join("name"), [0xFF, 0xFE]).unwrap();
        assert_eq!(tree.read("name"), Err(NoData::Corrupt));
    }
}
