//! What the drivers of the kernel's own sensors share: finding a device by name, numbers in texts.

use domain::{NoData, Quantity, QuantityKind};
use ports::Attributes;

use crate::rounded;

/// The folder in `parent`, of those whose name begins with `prefix`, whose attribute `name` is `name`.
///
/// The kernel numbers folders in the order of their coming, so after a re-plug the same device may have
/// another number: only the name is its own. Where two have it, which is meant cannot be told, and
/// that is [`NoData::Internal`] rather than the values of either.
pub(crate) fn find(
    tree: &mut impl Attributes,
    parent: &str,
    prefix: &str,
    name: &str,
) -> Result<String, NoData> {
    let mut found = None;
    for folder in tree.list(parent)?.iter().filter(|folder| folder.starts_with(prefix)) {
        let path = format!("{parent}/{folder}");
        match tree.read(&format!("{path}/name")) {
            Ok(its) if its == name && found.is_some() => return Err(NoData::Internal),
            Ok(its) if its == name => found = Some(path),
            // One that goes, or is none, is not the one that is sought.
            Ok(_) | Err(_) => {}
        }
    }
    found.ok_or(NoData::Absent)
}

/// The number in an attribute.
pub(crate) fn number(tree: &mut impl Attributes, path: &str) -> Result<f64, NoData> {
    let text = tree.read(path)?;
    let number: f64 = text.trim().parse().map_err(|_| NoData::Corrupt)?;
    if number.is_finite() { Ok(number) } else { Err(NoData::Corrupt) }
}

/// The number in an attribute that need not be there.
pub(crate) fn number_if_there(
    tree: &mut impl Attributes,
    path: &str,
) -> Result<Option<f64>, NoData> {
    match number(tree, path) {
        Ok(number) => Ok(Some(number)),
        Err(NoData::Absent) => Ok(None),
        Err(reason) => Err(reason),
    }
}

/// A millionth of any unit: far below what any of these devices resolves.
const STEPS_PER_UNIT: f64 = 1e6;

/// The quantity of that kind, if something can have that number.
pub(crate) fn quantity(kind: QuantityKind, number: f64) -> Result<Quantity, NoData> {
    kind.quantity(rounded(number, STEPS_PER_UNIT)).map_err(|_| NoData::Implausible)
}

/// A tree in memory, for the tests of drivers. Clones are the same tree.
#[cfg(test)]
pub(crate) mod tests {
    use std::{
        collections::{BTreeMap, BTreeSet},
        sync::{Arc, Mutex},
    };

    use super::*;

    #[derive(Clone, Default)]
    pub(crate) struct Tree(pub(crate) Arc<Mutex<BTreeMap<String, Result<String, NoData>>>>);

    impl Tree {
        pub(crate) fn with(self, path: &str, text: &str) -> Self {
            self.set(path, Ok(text));
            self
        }

        pub(crate) fn set(&self, path: &str, text: Result<&str, NoData>) {
            self.0.lock().unwrap().insert(path.to_owned(), text.map(str::to_owned));
        }

        /// Moves a folder, as a re-plug does, or removes it.
        pub(crate) fn shift(&self, from: &str, to: Option<&str>) {
            let mut files = self.0.lock().unwrap();
            let moved: Vec<_> =
                files.extract_if(.., |path, _| path.starts_with(&format!("{from}/"))).collect();
            for (path, text) in moved {
                to.map(|to| files.insert(path.replacen(from, to, 1), text));
            }
        }
    }

    impl Attributes for Tree {
        fn read(&mut self, path: &str) -> Result<String, NoData> {
            self.0.lock().unwrap().get(path).cloned().unwrap_or(Err(NoData::Absent))
        }

        fn write(&mut self, path: &str, text: &str) -> Result<(), NoData> {
            let mut files = self.0.lock().unwrap();
            *files.get_mut(path).ok_or(NoData::Absent)? = Ok(text.to_owned());
            Ok(())
        }

        fn list(&mut self, path: &str) -> Result<Vec<String>, NoData> {
            let (files, folder) = (self.0.lock().unwrap(), format!("{path}/"));
            let below = files.keys().filter_map(|path| path.strip_prefix(&folder));
            let names: BTreeSet<_> = below.filter_map(|below| below.split('/').next()).collect();
            if names.is_empty() {
                Err(NoData::Absent)
            } else {
                Ok(names.into_iter().map(str::to_owned).collect())
            }
        }
    }

    #[test]
    fn a_device_is_found_by_its_name_and_not_at_all_if_two_have_it() {
        let mut tree = Tree::default().with("c/hwmon0/name", "cpu").with("c/hwmon3/name", "lm75");
        assert_eq!(find(&mut tree, "c", "hwmon", "lm75"), Ok("c/hwmon3".to_owned()));
        assert_eq!(find(&mut tree, "c", "hwmon", "tmp102"), Err(NoData::Absent));
        let mut tree = tree.with("c/hwmon4/name", "lm75");
        assert_eq!(find(&mut tree, "c", "hwmon", "lm75"), Err(NoData::Internal));
    }

    #[test]
    fn a_text_that_is_no_number_is_corrupt() {
        for text in ["", "nan", "inf", "12 34", "--"] {
            let mut tree = Tree::default().with("a", text);
            assert_eq!(number(&mut tree, "a"), Err(NoData::Corrupt), "{text}");
        }
    }
}
