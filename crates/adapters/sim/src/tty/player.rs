//! Sending frames at the pace of a device.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
        mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel},
    },
    thread::JoinHandle,
    time::Duration,
};

use super::{Pty, nmea};
use crate::time::Elapsed;

/// How often to look whether somebody listens, or whether a full buffer has room again.
const LOOK_AGAIN: Duration = Duration::from_millis(5);

/// A thread that sends frames over a line. Dropping it stops it.
#[derive(Debug)]
pub struct Player {
    stop: SyncSender<()>,
    counts: Arc<Counts>,
    thread: Option<JoinHandle<()>>,
}

/// What a player has done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Played {
    /// Frames that a listener took whole.
    pub frames_sent: u64,
    /// Frames cut short because the listener went away or the device was unplugged.
    pub frames_cut: u64,
}

#[derive(Debug, Default)]
struct Counts {
    frames_sent: AtomicU64,
    frames_cut: AtomicU64,
}

impl Pty {
    /// Sends `frames` in their order, the next one `cycle` after the last. While nobody listens it
    /// holds the next frame back, so that a test knows which were offered.
    ///
    /// # Errors
    ///
    /// What the kernel says if it has no more threads.
    pub fn play<F>(&self, cycle: Duration, frames: F) -> io::Result<Player>
    where
        F: Iterator<Item = Vec<u8>> + Send + 'static,
    {
        let (stop, stopped) = sync_channel(1);
        let counts = Arc::<Counts>::default();
        let playing = Playing { line: self.clone(), cycle, stopped, counts: Arc::clone(&counts) };
        let thread = std::thread::Builder::new()
            .name("serial-device".to_owned())
            .spawn(move || playing.run(frames))?;
        Ok(Player { stop, counts, thread: Some(thread) })
    }

    /// Plays the log of an NMEA-0183 receiver, one fix with all its sentences per `cycle`; over and
    /// over if it `repeats`. Lines that begin with `#` are the log's own and are not sent.
    ///
    /// # Errors
    ///
    /// As [`play`](Self::play).
    pub fn play_nmea(&self, log: &[u8], cycle: Duration, repeats: bool) -> io::Result<Player> {
        let cycles = nmea::cycles(log);
        if repeats {
            self.play(cycle, cycles.into_iter().cycle())
        } else {
            self.play(cycle, cycles.into_iter())
        }
    }
}

/// The count of a player, which outlives it.
#[derive(Clone, Debug)]
pub struct PlayedCount(Arc<Counts>);

impl PlayedCount {
    /// What the player has done so far.
    pub fn now(&self) -> Played {
        Played {
            frames_sent: self.0.frames_sent.load(Ordering::Relaxed),
            frames_cut: self.0.frames_cut.load(Ordering::Relaxed),
        }
    }
}

impl Player {
    /// What it has done so far.
    pub fn played(&self) -> Played {
        self.count().now()
    }

    /// Its count.
    pub fn count(&self) -> PlayedCount {
        PlayedCount(Arc::clone(&self.counts))
    }

    /// Whether the last frame was sent.
    pub fn has_ended(&self) -> bool {
        self.thread.as_ref().is_none_or(JoinHandle::is_finished)
    }
}

impl Drop for Player {
    fn drop(&mut self) {
        // Fails only if it has been told already or has ended.
        let _told = self.stop.try_send(());
        let _ended = self.thread.take().map(JoinHandle::join);
    }
}

/// The player's own side.
struct Playing {
    line: Pty,
    cycle: Duration,
    stopped: Receiver<()>,
    counts: Arc<Counts>,
}

/// The player was told to stop.
struct Stopped;

impl Playing {
    fn run(self, frames: impl Iterator<Item = Vec<u8>>) {
        let time = Elapsed::running();
        let mut due = time.now();
        for frame in frames {
            let is_going_on = self
                .pause(due.saturating_sub(time.now()))
                .and_then(|()| self.await_listener())
                .and_then(|plugged_count| self.send(plugged_count, &frame));
            if is_going_on.is_err() {
                return;
            }
            // Frames held back are not made up for.
            due = (due + self.cycle).max(time.now());
        }
    }

    fn await_listener(&self) -> Result<u64, Stopped> {
        loop {
            match self.line.listened() {
                Some(plugged_count) => return Ok(plugged_count),
                None => self.pause(LOOK_AGAIN)?,
            }
        }
    }

    /// The rest of a frame never goes to another line than its beginning.
    fn send(&self, plugged_count: u64, frame: &[u8]) -> Result<(), Stopped> {
        let mut rest = frame;
        while !rest.is_empty() {
            match self.line.send_on(plugged_count, rest) {
                Ok(0) => self.pause(LOOK_AGAIN)?,
                Ok(sent) => rest = &rest[sent..],
                Err(_) => {
                    self.counts.frames_cut.fetch_add(1, Ordering::Relaxed);
                    return Ok(());
                }
            }
        }
        self.counts.frames_sent.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    fn pause(&self, span: Duration) -> Result<(), Stopped> {
        match self.stopped.recv_timeout(span) {
            Err(RecvTimeoutError::Timeout) => Ok(()),
            Ok(()) | Err(RecvTimeoutError::Disconnected) => Err(Stopped),
        }
    }
}
