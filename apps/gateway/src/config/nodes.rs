//! The device nodes that there are, to be named to whoever has to choose one.
//!
//! Nothing is opened: a node that is listed may lead nowhere. One that is not listed may come later.

use std::{
    fs,
    path::{Path, PathBuf},
};

use sensors::BusClass;

/// How many a message names.
const NAMED: usize = 6;

/// Device nodes, in alphabetical order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Nodes(Vec<PathBuf>);

impl Nodes {
    /// Those in `folder`, which is `/dev`; none if it cannot be read.
    pub(crate) fn in_folder(folder: &Path) -> Self {
        let list = |folder: PathBuf| fs::read_dir(folder).into_iter().flatten().flatten();
        let all = list(folder.to_owned()).chain(list(folder.join("serial/by-id")));
        let mut nodes: Vec<_> = all.map(|entry| entry.path()).collect();
        nodes.sort();
        Self(nodes)
    }

    /// Those of one class of bus, as they would be written; nothing if there are none.
    pub(crate) fn found(&self, class: BusClass) -> Option<String> {
        let is_of = |node: &&PathBuf| {
            let name = node.file_name().unwrap_or_default().to_string_lossy();
            let is_by_id = node.parent().is_some_and(|folder| folder.ends_with("by-id"));
            match class {
                BusClass::I2c => name.starts_with("i2c-"),
                BusClass::Spi => name.starts_with("spidev"),
                // Of ttyS a PC has 32, most of which lead nowhere.
                BusClass::Uart => {
                    is_by_id
                        || ["ttyUSB", "ttyACM", "ttyAMA"].iter().any(|kind| name.starts_with(kind))
                }
                BusClass::Gpio => name.starts_with("gpiochip"),
                BusClass::Sysfs => false,
            }
        };
        let found = self.0.iter().filter(is_of).take(NAMED);
        let found: Vec<_> = found.map(|node| format!("\"{}\"", node.display())).collect();
        (!found.is_empty()).then(|| found.join(" or "))
    }

    /// The same, or what a path of that class begins with.
    pub(crate) fn offered(&self, class: BusClass) -> String {
        let beginning = if class == BusClass::Sysfs { "\"/sys\"" } else { "\"/dev/…\"" };
        self.found(class).unwrap_or_else(|| beginning.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_class_of_bus_is_offered_the_nodes_that_there_are_of_it() {
        let folder = tempfile::tempdir().unwrap();
        let by_id = folder.path().join("serial/by-id");
        fs::create_dir_all(&by_id).unwrap();
        for name in ["i2c-2", "i2c-1", "spidev0.1", "gpiochip0", "ttyS0", "ttyUSB0", "null"] {
            fs::write(folder.path().join(name), "").unwrap();
        }
        fs::write(by_id.join("usb-gps"), "").unwrap();
        let nodes = Nodes::in_folder(folder.path());
        let offered = |class| nodes.offered(class).replace(folder.path().to_str().unwrap(), "D");
        assert_eq!(offered(BusClass::I2c), r#""D/i2c-1" or "D/i2c-2""#);
        assert_eq!(offered(BusClass::Spi), r#""D/spidev0.1""#);
        assert_eq!(offered(BusClass::Gpio), r#""D/gpiochip0""#);
        assert_eq!(offered(BusClass::Uart), r#""D/serial/by-id/usb-gps" or "D/ttyUSB0""#);
        assert_eq!(offered(BusClass::Sysfs), r#""/sys""#);
        let none = Nodes::in_folder(Path::new("/nowhere"));
        assert_eq!(
            (none.clone(), none.offered(BusClass::I2c)),
            (Nodes::default(), "\"/dev/…\"".to_owned())
        );
    }
}
