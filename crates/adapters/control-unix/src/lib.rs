//! Requests and answers as lines over a unix socket: the local way to a running gateway.
//!
//! # Terms
//!
//! * **Line** — bytes up to `\n`, at most [`LINE_BYTES_MAX`]; one request, or one answer.
//! * **Stale** — a socket file that nobody listens at: what a killed process leaves behind.
//!
//! # Invariants
//!
//! 1. Only the user whom the gateway runs as, and root, can connect: the file has mode 0600.
//! 2. A stale file is replaced; one that somebody listens at is not, nor is a file of another kind.
//! 3. A client that is slow, silent or talks garbage holds up itself only: each has a thread of its own,
//!    there are at most [`CLIENTS_MAX`], and one that says or takes nothing for [`PATIENCE`] is dropped.
//!
//! # Deliberately absent
//!
//! What the lines mean.

use std::{
    fs,
    io::{self, BufRead as _, BufReader, Read as _, Write as _},
    os::unix::{
        fs::{FileTypeExt as _, PermissionsExt as _},
        net::{UnixListener, UnixStream},
    },
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
    thread,
    time::Duration,
};

/// The longest line, in bytes, with its end.
pub const LINE_BYTES_MAX: u64 = 4097;
/// The longest answer that a client takes, in bytes: the status of a thousand devices.
const ANSWER_BYTES_MAX: u64 = 1 << 20;
/// The most clients at one time; one more is turned away.
pub const CLIENTS_MAX: usize = 16;
/// How long a client may say or take nothing.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// Answers one line, without its end, of the one who is named first; the answer has no end either.
pub type Answer = Arc<dyn Fn(&str, &[u8]) -> Vec<u8> + Send + Sync>;

/// Why there is no socket, or no answer from one.
#[derive(Debug, thiserror::Error)]
pub enum ControlError {
    /// Somebody listens there already.
    #[error("another process listens at {}", path.display())]
    InUse {
        /// The socket's file.
        path: PathBuf,
    },
    /// There is a file there that is no socket.
    #[error("{} is not a socket", path.display())]
    NotASocket {
        /// The file.
        path: PathBuf,
    },
    /// Nobody listens there.
    #[error("no gateway listens at {}", path.display())]
    NotReachable {
        /// The socket's file.
        path: PathBuf,
        /// What the system says.
        #[source]
        cause: io::Error,
    },
    /// The system does not make the socket.
    #[error("failed to listen at {}", path.display())]
    Listen {
        /// The socket's file.
        path: PathBuf,
        /// What the system says.
        #[source]
        cause: io::Error,
    },
    /// The connection broke, or nothing came in time.
    #[error("the gateway at {} does not answer", path.display())]
    NoAnswer {
        /// The socket's file.
        path: PathBuf,
        /// What the system says.
        #[source]
        cause: io::Error,
    },
}

/// A socket that is listened at until the process ends. Its file is removed when this is dropped.
#[derive(Debug)]
pub struct UnixControl {
    path: PathBuf,
}

impl UnixControl {
    /// Listens at `path`, and answers each line with `answer`, on threads of its own.
    ///
    /// # Errors
    ///
    /// [`ControlError::InUse`], [`ControlError::NotASocket`] or [`ControlError::Listen`].
    pub fn start(path: &Path, answer: Answer) -> Result<Self, ControlError> {
        let failed = |cause| ControlError::Listen { path: path.to_owned(), cause };
        remove_stale(path)?;
        let listener = bind(path).map_err(failed)?;
        let serve = move || serve(&listener, &answer);
        thread::Builder::new().name("control".to_owned()).spawn(serve).map_err(failed)?;
        Ok(Self { path: path.to_owned() })
    }
}

impl Drop for UnixControl {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}

/// Removes the socket file at `path` if nobody listens there.
fn remove_stale(path: &Path) -> Result<(), ControlError> {
    let path_owned = || path.to_owned();
    let Ok(metadata) = fs::symlink_metadata(path) else { return Ok(()) };
    if !metadata.file_type().is_socket() {
        return Err(ControlError::NotASocket { path: path_owned() });
    }
    match UnixStream::connect(path) {
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => fs::remove_file(path)
            .map_err(|cause| ControlError::Listen { path: path_owned(), cause }),
        Ok(_) => Err(ControlError::InUse { path: path_owned() }),
        Err(cause) => Err(ControlError::Listen { path: path_owned(), cause }),
    }
}

/// A socket at `path` that is never open to others, not even for an instant: it is bound under another
/// name, closed to them, and renamed.
fn bind(path: &Path) -> io::Result<UnixListener> {
    let mut name = path.as_os_str().to_owned();
    name.push(".new");
    let new = PathBuf::from(name);
    let _ = fs::remove_file(&new);
    let listener = UnixListener::bind(&new)?;
    fs::set_permissions(&new, fs::Permissions::from_mode(0o600))?;
    fs::rename(&new, path)?;
    Ok(listener)
}

fn serve(listener: &UnixListener, answer: &Answer) {
    let clients = Arc::new(AtomicUsize::new(0));
    for stream in listener.incoming() {
        // Such as too many open files: wait for some to be closed rather than spin.
        let Ok(stream) = stream else {
            pause();
            continue;
        };
        if clients.load(SeqCst) >= CLIENTS_MAX {
            continue;
        }
        clients.fetch_add(1, SeqCst);
        let (answer, leaves) = (Arc::clone(answer), Leaves(Arc::clone(&clients)));
        let client = move || {
            let _leaves = leaves;
            let _ = converse(&stream, &answer);
        };
        // A thread that cannot be started has dropped its client, which sees the connection closed.
        let _ = thread::Builder::new().name("control-client".to_owned()).spawn(client);
    }
}

/// Counts a client off, even after a panic, or if its thread never started.
struct Leaves(Arc<AtomicUsize>);

impl Drop for Leaves {
    fn drop(&mut self) {
        self.0.fetch_sub(1, SeqCst);
    }
}

#[expect(clippy::disallowed_methods, reason = "a thread that nobody waits for, after a rare fault")]
fn pause() {
    thread::sleep(Duration::from_millis(100));
}

/// Answers line after line until the client leaves, is too slow, or sends a line that is too long.
fn converse(stream: &UnixStream, answer: &Answer) -> io::Result<()> {
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let who = peer(stream);
    let mut reader = BufReader::new(stream);
    loop {
        let mut line = Vec::new();
        reader.by_ref().take(LINE_BYTES_MAX).read_until(b'\n', &mut line)?;
        if line.pop() != Some(b'\n') {
            return Ok(());
        }
        let mut told = answer(&who, &line);
        told.push(b'\n');
        (&*stream).write_all(&told)?;
    }
}

/// Who is at the other end, as the kernel knows him.
fn peer(stream: &UnixStream) -> String {
    match rustix::net::sockopt::socket_peercred(stream) {
        Ok(peer) => {
            format!("uid {} pid {}", peer.uid.as_raw(), peer.pid.as_raw_nonzero())
        }
        Err(_) => "unknown".to_owned(),
    }
}

/// Asks whoever listens at `path`, and waits no longer than `patience` for the answer. Both are without
/// the end of the line.
///
/// # Errors
///
/// [`ControlError::NotReachable`] if nobody listens there, [`ControlError::NoAnswer`] if nothing comes.
pub fn ask(path: &Path, line: &[u8], patience: Duration) -> Result<Vec<u8>, ControlError> {
    let unreachable = |cause| ControlError::NotReachable { path: path.to_owned(), cause };
    let silent = |cause| ControlError::NoAnswer { path: path.to_owned(), cause };
    let stream = UnixStream::connect(path).map_err(unreachable)?;
    stream.set_read_timeout(Some(patience)).map_err(silent)?;
    stream.set_write_timeout(Some(patience)).map_err(silent)?;
    (&stream).write_all(&[line, b"\n"].concat()).map_err(silent)?;
    let mut answer = Vec::new();
    let mut reader = BufReader::new(&stream).take(ANSWER_BYTES_MAX);
    reader.read_until(b'\n', &mut answer).map_err(silent)?;
    match answer.pop() {
        Some(b'\n') => Ok(answer),
        _ => Err(silent(io::ErrorKind::UnexpectedEof.into())),
    }
}

#[cfg(test)]
mod tests;
