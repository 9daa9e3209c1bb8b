//! The gateway's configuration, made of what its catalogue says.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, ensure};

/// What every configuration begins with.
pub(super) const HEAD: &str = "\
[gateway]
id = \"simulated\"

[pipeline]
status_interval = \"2s\"
drain_timeout = \"20s\"
";

/// The catalogue of the gateway that is to run.
pub(super) struct Configuration {
    gateway_binary: PathBuf,
    /// The keys of each driver's example, as they are asked for.
    examples: BTreeMap<String, Vec<(String, String)>>,
}

/// A table of a bus.
pub(super) fn bus(name: &str, kind: &str, path: &str, more: &str) -> String {
    format!("\n[buses.{name}]\nkind = \"{kind}\"\npath = \"{path}\"\n{more}")
}

impl Configuration {
    pub(super) fn of(gateway_binary: &Path) -> Self {
        Self { gateway_binary: gateway_binary.to_owned(), examples: BTreeMap::new() }
    }

    /// The table of a device: the example of the catalogue, with these keys in place of its own.
    pub(super) fn device(
        &mut self,
        name: &str,
        driver: &str,
        bus: &str,
        keys: &[(&str, String)],
    ) -> anyhow::Result<String> {
        if !self.examples.contains_key(driver) {
            let example = example(&self.gateway_binary, driver)?;
            self.examples.insert(driver.to_owned(), example);
        }
        let mut table: BTreeMap<&str, String> = self.examples[driver]
            .iter()
            .map(|(key, value)| (key.as_str(), value.clone()))
            .collect();
        table.insert("bus", format!("\"{bus}\""));
        table.extend(keys.iter().cloned());
        let lines: Vec<_> =
            table.into_iter().map(|(key, value)| format!("{key} = {value}\n")).collect();
        Ok(format!("\n[devices.{name}]\n{}", lines.concat()))
    }
}

/// The keys of the device in the first example of a driver's entry.
fn example(gateway_binary: &Path, driver: &str) -> anyhow::Result<Vec<(String, String)>> {
    let output = Command::new(gateway_binary)
        .args(["catalogue", driver])
        .output()
        .with_context(|| format!("failed to start {}", gateway_binary.display()))?;
    let text = String::from_utf8_lossy(&output.stdout);
    ensure!(output.status.success(), "the catalogue has no {driver}");
    let head = format!("[devices.my_{driver}]");
    let after = text.lines().skip_while(|line| *line != head).skip(1);
    let keys: Vec<_> = after
        .take_while(|line| !line.is_empty())
        .filter_map(|line| line.split_once(" = "))
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .collect();
    ensure!(!keys.is_empty(), "the catalogue gives no example of {driver}");
    Ok(keys)
}
