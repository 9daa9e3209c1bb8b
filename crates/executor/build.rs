//! Tells the compiler that `cfg(loom)` is meant: the model checker's build sets it.

fn main() {
    println!("cargo::rustc-check-cfg=cfg(loom)");
    println!("cargo::rerun-if-changed=build.rs");
}
