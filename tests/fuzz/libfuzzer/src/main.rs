//! One target of `fuzz` under libFuzzer.
//!
//! The environment says which: `FUZZ_TARGET` is its name, `FUZZ_CORPUS` the folder that its seeds are
//! written to before the run begins. If it names none, the targets are listed.

#![no_main]
use std::{env, fs, path::Path, process, sync::OnceLock};

use fuzz::{TARGETS, Target};
use libfuzzer_sys::fuzz_target;

static CHOSEN: OnceLock<&'static Target> = OnceLock::new();

fn choose() -> &'static Target {
    CHOSEN.get_or_init(|| {
        let name = env::var("FUZZ_TARGET").unwrap_or_default();
        fuzz::target(&name).unwrap_or_else(|| {
            TARGETS.iter().for_each(|target| println!("{}", target.name));
            process::exit(i32::from(!name.is_empty()))
        })
    })
}

fn plant() {
    let target = choose();
    let Some(folder) = env::var_os("FUZZ_CORPUS") else { return };
    for (number, seed) in (target.seeds)().into_iter().enumerate() {
        let path = Path::new(&folder).join(format!("seed-{number}"));
        fs::write(path, seed).expect("the corpus cannot be written");
    }
}

fuzz_target!(init: plant(), |bytes: &[u8]| {
    (choose().run)(bytes);
});
