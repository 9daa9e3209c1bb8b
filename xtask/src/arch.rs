//! `cargo xtask arch`: fails when a dependency between two of our crates points outwards, when a crate
//! other than its one place names a technology, or when the top level grows.
//!
//! Fails closed: a crate that no line here knows may know nobody.

use std::{collections::BTreeSet, fs};

use anyhow::{Context as _, ensure};
use serde_json::Value;

use crate::command::{cargo, root};

const ADAPTERS: [&str; 8] = [
    "bus-linux",
    "clock-linux",
    "control-unix",
    "publisher-mqtt",
    "sensors",
    "sim",
    "spool-file",
    "state-file",
];

/// The dependency rule. To review this function is to review the architecture.
fn may_know(who: &str, whom: &str) -> bool {
    match who {
        "domain" | "executor" | "xtask" => false,
        "ports" | "wire" => whom == "domain",
        "pipeline" => matches!(whom, "domain" | "ports" | "wire" | "executor"),
        // The format of bytes on disk is the wire's; the files are the adapter's.
        "spool-file" | "state-file" => matches!(whom, "domain" | "ports" | "wire"),
        // Composition roots. None of them ships a simulation, and only one is the gateway.
        "gateway" => !matches!(whom, "sim" | "simulator" | "subscriber" | "xtask" | "blackbox"),
        "subscriber" => {
            matches!(whom, "domain" | "ports" | "wire" | "publisher-mqtt" | "clock-linux")
        }
        "simulator" => {
            matches!(whom, "domain" | "ports" | "wire" | "sim" | "publisher-mqtt" | "clock-linux")
        }
        // Stands for a crate of somebody else: the gateway with a driver of its own.
        "third-party-driver" => matches!(whom, "domain" | "ports" | "sensors" | "gateway"),
        // Judges from outside; nobody depends on it.
        "blackbox" => whom != "xtask",
        // Tests of decoders wherever they are.
        "fuzz" => {
            matches!(whom, "domain" | "ports" | "wire" | "sensors" | "spool-file" | "state-file")
        }
        adapter if ADAPTERS.contains(&adapter) => matches!(whom, "domain" | "ports"),
        _ => false,
    }
}

/// Technologies, and the only crates that may name them.
const ONLY_IN: [(&str, &[&str]); 6] = [
    ("rumqttc", &["publisher-mqtt"]),
    ("rumqttd", &["simulator"]),
    ("linux-embedded-hal", &["bus-linux"]),
    ("config", &["gateway"]),
    ("toml", &["gateway"]),
    ("embedded-hal", &["sensors", "bus-linux", "sim", "third-party-driver"]),
];

/// Folders of the top level; files are free.
const FOLDERS: [&str; 6] = ["apps", "crates", "docs", "examples", "tests", "xtask"];

struct Arrow {
    who: String,
    whom: String,
    is_ours: bool,
}

pub(crate) fn run() -> anyhow::Result<()> {
    let arrows = arrows()?;
    let mut offences = BTreeSet::new();
    for Arrow { who, whom, is_ours } in &arrows {
        if *is_ours && !may_know(who, whom) {
            offences.insert(format!("{who} -> {whom} points outwards"));
        }
        let confined = ONLY_IN.iter().find(|(technology, _)| technology == whom);
        if let Some((_, places)) = confined.filter(|(_, places)| !places.contains(&who.as_str())) {
            offences.insert(format!("{who} names {whom}, which belongs in {}", places.join(", ")));
        }
    }
    offences.extend(foreign_folders()?);
    let list: Vec<_> = offences.into_iter().collect();
    ensure!(list.is_empty(), "the architecture is broken:\n  {}", list.join("\n  "));
    let ours = arrows.iter().filter(|arrow| arrow.is_ours).count();
    println!("{ours} dependencies between our crates, none points outwards");
    Ok(())
}

/// Every normal and build dependency of every member. Test dependencies may point anywhere.
fn arrows() -> anyhow::Result<Vec<Arrow>> {
    let output = cargo()
        .args(["metadata", "--format-version", "1", "--no-deps"])
        .output()
        .context("failed to run cargo metadata")?;
    let metadata: Value =
        serde_json::from_slice(&output.stdout).context("failed to read cargo metadata")?;
    let packages = metadata["packages"].as_array().context("cargo metadata has no packages")?;
    ensure!(packages.len() > 10, "cargo metadata lists only {} packages", packages.len());
    let mut arrows = Vec::new();
    for package in packages {
        let who = text(&package["name"]);
        for dependency in package["dependencies"].as_array().into_iter().flatten() {
            if dependency["kind"] != "dev" {
                let is_ours = !dependency["path"].is_null();
                arrows.push(Arrow { who: who.clone(), whom: text(&dependency["name"]), is_ours });
            }
        }
    }
    Ok(arrows)
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn foreign_folders() -> anyhow::Result<Vec<String>> {
    let entries = fs::read_dir(root()).context("failed to list the top level")?;
    let folders = entries.filter_map(Result::ok).filter(|entry| entry.path().is_dir());
    let names = folders.map(|entry| entry.file_name().to_string_lossy().into_owned());
    let is_foreign = |name: &String| {
        !name.starts_with('.') && name != "target" && !FOLDERS.contains(&name.as_str())
    };
    Ok(names.filter(is_foreign).map(|name| format!("folder {name} on the top level")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_workspace_keeps_its_own_rule() {
        run().unwrap();
    }

    #[test]
    fn an_unknown_crate_knows_nobody_and_adapters_do_not_know_each_other() {
        assert!(!may_know("newcomer", "domain"));
        for adapter in ADAPTERS {
            assert!(may_know(adapter, "ports") && may_know(adapter, "domain"));
            assert!(ADAPTERS.iter().all(|other| !may_know(adapter, other)));
            assert!(!may_know(adapter, "pipeline"));
        }
        assert!(!may_know("pipeline", "spool-file") && !may_know("gateway", "sim"));
    }
}
