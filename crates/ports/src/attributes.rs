//! The port to a tree of small text files that tell of devices, and take settings of theirs.

use domain::NoData;

/// Devices that somebody else drives, each a folder of attributes: short texts by name.
///
/// # Contract
///
/// * **Shape** — paths are relative to the root of the tree, with `/` between names; one that leaves
///   the tree is [`NoData::Internal`]. A text comes without the end of its line.
/// * **Time** — a call may take as long as the device behind it needs. Nothing is kept: each read asks anew.
/// * **Failure** — an attribute or a folder that is not there is [`NoData::Absent`]; any other reason is
///   the device's own. A tree that has come back works again without being made anew.
pub trait Attributes: Send {
    /// Reads the attribute at `path`.
    ///
    /// # Errors
    ///
    /// The reason that it has no text.
    fn read(&mut self, path: &str) -> Result<String, NoData>;

    /// Gives the attribute at `path` the value `text`.
    ///
    /// # Errors
    ///
    /// The reason that it did not take it.
    fn write(&mut self, path: &str, text: &str) -> Result<(), NoData>;

    /// The names in the folder at `path`, sorted.
    ///
    /// # Errors
    ///
    /// The reason that it cannot be listed.
    fn list(&mut self, path: &str) -> Result<Vec<String>, NoData>;
}

impl<T: Attributes + ?Sized> Attributes for Box<T> {
    fn read(&mut self, path: &str) -> Result<String, NoData> {
        (**self).read(path)
    }

    fn write(&mut self, path: &str, text: &str) -> Result<(), NoData> {
        (**self).write(path, text)
    }

    fn list(&mut self, path: &str) -> Result<Vec<String>, NoData> {
        (**self).list(path)
    }
}
