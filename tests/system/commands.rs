//! The command line to a running gateway, through its socket.

use std::{
    io::{Read as _, Write as _},
    os::unix::net::UnixStream,
    process::Command,
};

use blackbox::site::{gateway_binary, until};

use crate::parts::{Bench, Wires};

impl Bench {
    /// Gives a command as an operator does: exit code, standard output, standard error.
    fn command(&self, words: &[&str]) -> (Option<i32>, String, String) {
        let mut command = Command::new(gateway_binary());
        command.arg("command").args(words).arg("--socket");
        let output = command.arg(self.site.folder().join("spool/control.sock")).output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (output.status.code(), text(output.stdout), text(output.stderr))
    }

    /// Says a line that is no command.
    fn babble(&self) {
        let socket = self.site.folder().join("spool/control.sock");
        let mut socket = UnixStream::connect(socket).unwrap();
        socket.write_all(b"nonsense\n").unwrap();
        assert_eq!(socket.read(&mut [0; 8]).unwrap(), 8);
    }

    fn is_reachable(&self) -> bool {
        self.command(&["status"]).0 == Some(0)
    }
}

#[test]
fn a_kept_rate_is_in_force_at_once_and_after_a_kill() {
    let Some(bench) = Bench::new("commands", Wires::quiet()) else { return };
    assert_eq!(bench.command(&["status"]).0, Some(3), "no gateway yet");
    let gateway = bench.site.start_gateway().unwrap();
    until("commands are taken", || bench.is_reachable()).unwrap();
    let (code, out, _) = bench.command(&["set-rate", "outdoor", "70ms", "--keep"]);
    assert!(code == Some(0) && out.contains("every 70ms"), "{out}");
    let (code, _, faults) = bench.command(&["reset", "outdor"]);
    assert!(code == Some(1) && faults.contains("did you mean `outdoor`"), "{faults}");
    assert_eq!(bench.command(&["set-rate", "outdoor", "soon"]).0, Some(2));
    let words = ["calibrate", "outdoor", "--procedure", "forced_recalibration", "--target", "420"];
    let (code, _, faults) = bench.command(&words);
    assert!(
        code == Some(1) && faults.contains("`outdoor` has no calibration procedure"),
        "{faults}"
    );
    assert_eq!(bench.command(&["calibrate", "outdoor", "--target", "420"]).0, Some(2));
    let (code, out, _) = bench.command(&["stop", "outdoor", "--json"]);
    assert!(code == Some(0) && out.contains(r#""stopped":true"#), "{out}");
    let is_stopped = || {
        let gap = bench.listener.heard.stream("outdoor.temperature").pop();
        gap.is_some_and(|gap| gap.reading.outcome == Err(domain::NoData::Stopped))
    };
    until("the gap arrives", is_stopped).unwrap();

    bench.babble();
    let (_, out, _) = bench.command(&["status"]);
    for told in ["1 not understood", "1 reset refused", "1 set_rate done", "1 stop done"] {
        assert!(out.contains(told), "{told}: {out}");
    }

    gateway.kill().unwrap();
    let gateway = bench.site.start_gateway().unwrap();
    until("commands are taken again", || bench.is_reachable()).unwrap();
    let (_, out, _) = bench.command(&["status", "outdoor"]);
    assert!(
        out.contains("every 70ms") && !out.contains("stopped"),
        "only the rate was kept: {out}"
    );
    let audit = std::fs::read_to_string(bench.site.folder().join("spool/audit.jsonl")).unwrap();
    let count = |word: &str| audit.lines().filter(|line| line.contains(word)).count();
    assert_eq!([count("set_rate"), count("no_device"), count("\"stop\"")], [1, 1, 1], "{audit}");
    assert!(gateway.stop().unwrap().success());
    assert_eq!(bench.command(&["status"]).0, Some(3));
}
