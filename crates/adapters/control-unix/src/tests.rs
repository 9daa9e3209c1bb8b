use super::*;

/// Answers with the line itself in front of who asked.
fn echo() -> Answer {
    Arc::new(|who, line| [line, b" of ", who.as_bytes()].concat())
}

const SECOND: Duration = Duration::from_secs(10);

fn place() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("control.sock");
    (folder, path)
}

#[test]
fn a_line_is_answered_and_the_kernel_says_who_asked() {
    let (_folder, path) = place();
    let _control = UnixControl::start(&path, echo()).unwrap();
    let answer = String::from_utf8(ask(&path, b"hello", SECOND).unwrap()).unwrap();
    assert_eq!(answer.split(" of uid ").next(), Some("hello"));
    assert!(answer.ends_with(&format!("pid {}", std::process::id())), "{answer}");
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn silent_and_garbage_clients_do_not_keep_others_from_being_answered() {
    let (_folder, path) = place();
    let _control = UnixControl::start(&path, echo()).unwrap();
    let silent: Vec<_> = (0..8).map(|_| UnixStream::connect(&path).unwrap()).collect();
    let mut garbage = UnixStream::connect(&path).unwrap();
    let _ = garbage.write_all(&vec![0xFF; 100_000]);
    let mut rest = Vec::new();
    let _ = garbage.read_to_end(&mut rest);
    assert!(rest.is_empty(), "a line too long has no answer, and its sender is dropped");
    assert!(ask(&path, b"hello", SECOND).unwrap().starts_with(b"hello of"));
    drop(silent);
}

#[test]
fn a_socket_in_use_is_left_alone_a_stale_one_replaced_and_another_file_kept() {
    let (_folder, path) = place();
    let control = UnixControl::start(&path, echo()).unwrap();
    assert!(matches!(UnixControl::start(&path, echo()), Err(ControlError::InUse { .. })));
    drop(control);
    assert!(!path.exists());
    drop(UnixListener::bind(&path).unwrap());
    assert!(matches!(ask(&path, b"x", SECOND), Err(ControlError::NotReachable { .. })));
    let control = UnixControl::start(&path, echo()).unwrap();
    assert!(ask(&path, b"hello", SECOND).is_ok());
    drop(control);
    fs::write(&path, "mine").unwrap();
    assert!(matches!(UnixControl::start(&path, echo()), Err(ControlError::NotASocket { .. })));
    assert_eq!(fs::read_to_string(&path).unwrap(), "mine");
}
