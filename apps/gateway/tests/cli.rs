//! The command line as a process: exit codes, and what becomes of output that nobody can take.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::{
    fs::File,
    path::Path,
    process::{Command, Stdio},
};

fn gateway(words: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_telemetryhub"));
    command.args(words);
    command
}

/// Exit code, standard output, standard error.
fn run(command: &mut Command) -> (Option<i32>, String, String) {
    let output = command.output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

fn config(name: &str) -> String {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/config").join(name);
    file.to_str().unwrap().to_owned()
}

#[test]
fn output_that_does_not_fit_on_the_disk_is_a_failure_that_is_told() {
    let good = config("good/everything.toml");
    for words in [&["catalogue"][..], &["check", "--config", &good], &["--help"]] {
        let full = File::options().write(true).open("/dev/full").unwrap();
        let mut command = gateway(words);
        command.stdout(full).stderr(Stdio::piped());
        let output = command.spawn().unwrap().wait_with_output().unwrap();
        let told = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{words:?}");
        assert!(told.starts_with("cannot write: No space left on device"), "{words:?}: {told}");
    }
}

#[test]
fn a_reader_that_has_left_is_nobodys_failure_and_hides_none() {
    let (good, bad) = (config("good/everything.toml"), config("bad/empty.toml"));
    for (words, code) in [
        (&["catalogue"][..], 0),
        (&["check", "--config", &good], 0),
        (&["check", "--config", &bad], 2),
        (&["--help"], 0),
        (&["--hlep"], 2),
    ] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let mut command = gateway(words);
        let status = command.stdout(writer.try_clone().unwrap()).stderr(writer).status().unwrap();
        assert_eq!(status.code(), Some(code), "{words:?}");
    }
}

#[test]
fn a_scan_that_names_no_bus_says_how_to_name_one() {
    for (words, told) in [
        (&["scan", "--bus", "i2c1"][..], "or write its path, "),
        (
            &["scan", "--bus", "i2c9", "--config", &config("good/everything.toml")],
            "did you mean `i2c1`",
        ),
        (&["scan", "--bus", "i2c1", "--config", &config("bad/empty.toml")], "gateway.id"),
        (&["scan"], "--bus <BUS>"),
    ] {
        let (code, out, faults) = run(&mut gateway(words));
        assert_eq!((code, out.as_str()), (Some(2), ""), "{words:?}");
        assert!(faults.contains(told), "{words:?}: {faults}");
    }
}

#[test]
fn a_configuration_without_a_device_is_good_but_warned_of() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("gateway.toml");
    std::fs::write(&path, "[gateway]\nid = \"a\"\n").unwrap();
    let (code, out, faults) = run(gateway(&["check", "--config"]).arg(&path));
    assert!(code == Some(0) && out.contains("0 devices"), "{out}");
    assert!(faults.starts_with("warning: no device is configured"), "{faults}");
}

#[test]
fn a_file_in_another_encoding_is_told_the_place_of_its_first_foreign_byte() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("gateway.toml");
    std::fs::write(&path, b"# \xC3\xBC\n[gateway]\nid = \"gr\xFCn\"\n").unwrap();
    let (code, _, faults) = run(gateway(&["check", "--config"]).arg(&path));
    assert_eq!(code, Some(2));
    assert!(faults.contains("gateway.toml:3:9: byte 0xfc is not UTF-8\n  mend: "), "{faults}");
}
