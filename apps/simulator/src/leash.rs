//! Children that do not outlive us, even if we are killed.
//!
//! A child is started as ourselves, which asks the kernel to be told of our death and then becomes the
//! program: what has been asked for outlives `exec`. Between `fork` and `exec` it could be asked only by
//! unsafe code.

use std::{
    env,
    ffi::OsString,
    io,
    os::unix::process::CommandExt as _,
    path::Path,
    process::{Command, ExitCode},
};

use rustix::process::{Pid, Signal, getppid, set_parent_process_death_signal};

/// The first word of the command line of a child that is not the program yet.
const WORD: &str = "leashed";

/// A command that runs `program`, which gets SIGTERM when the thread that spawns it ends, as the main
/// thread does with us.
///
/// # Errors
///
/// If it is not known where our own program is.
pub fn command(program: &Path) -> io::Result<Command> {
    let mut command = Command::new(env::current_exe()?);
    command.arg(WORD).arg(std::process::id().to_string()).arg(program);
    Ok(command)
}

/// Becomes the program, if we were started for that; comes back if not, or with why it could not.
#[expect(clippy::print_stderr, reason = "a program of its own, which has not begun")]
pub fn become_program() -> Option<ExitCode> {
    let mut words = env::args_os().skip(1);
    words.next().filter(|word| word == WORD)?;
    let (parent, program) = (words.next()?, words.next()?);
    let error = match be_leashed(&parent) {
        Ok(()) => Command::new(&program).args(words).exec(),
        Err(error) => error,
    };
    eprintln!("cannot start {}: {error}", program.display());
    Some(ExitCode::FAILURE)
}

fn be_leashed(parent: &OsString) -> io::Result<()> {
    set_parent_process_death_signal(Some(Signal::TERM))?;
    // Whoever died before that cannot be told of any more.
    let is_alive = getppid().map(Pid::as_raw_pid).map(|pid| pid.to_string());
    if is_alive.map(OsString::from).as_ref() == Some(parent) {
        Ok(())
    } else {
        Err(io::Error::other("who started it has ended"))
    }
}
