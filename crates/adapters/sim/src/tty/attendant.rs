//! A device that hears and answers at the far end of a pseudo-terminal.

use std::{
    io,
    sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel},
    thread::JoinHandle,
    time::Duration,
};

use super::Pty;
use crate::{
    serial::{SerialDevice, Utterance},
    time::Elapsed,
};

/// How often to look whether something was said.
const LOOK_AGAIN: Duration = Duration::from_micros(500);

/// A thread in which devices attend to a line. Dropping it stops it.
#[derive(Debug)]
pub struct Attendant {
    stop: SyncSender<()>,
    thread: Option<JoinHandle<()>>,
}

impl Pty {
    /// Hangs `devices` on the line: each hears what the listener writes, and what it answers is sent.
    /// Plugged in again, they are there again.
    ///
    /// # Errors
    ///
    /// What the kernel says if it has no more threads.
    pub fn attach(&self, devices: Vec<Box<dyn SerialDevice>>) -> io::Result<Attendant> {
        let (stop, stopped) = sync_channel(1);
        let attending = Attending { line: self.clone(), devices, coming: Vec::new() };
        let thread = std::thread::Builder::new()
            .name("serial-devices".to_owned())
            .spawn(move || attending.run(&stopped))?;
        Ok(Attendant { stop, thread: Some(thread) })
    }
}

impl Drop for Attendant {
    fn drop(&mut self) {
        // Fails only if it has been told already or has ended.
        let _told = self.stop.try_send(());
        let _ended = self.thread.take().map(JoinHandle::join);
    }
}

struct Attending {
    line: Pty,
    devices: Vec<Box<dyn SerialDevice>>,
    /// What is to be said, and when.
    coming: Vec<(Duration, Vec<u8>)>,
}

impl Attending {
    fn run(mut self, stopped: &Receiver<()>) {
        let time = Elapsed::running();
        while stopped.recv_timeout(LOOK_AGAIN) == Err(RecvTimeoutError::Timeout) {
            let mut buffer = [0; 256];
            let heard = self.line.receive(&mut buffer).unwrap_or(0);
            if heard > 0 {
                self.answer(&buffer[..heard], time.now());
            }
            self.say(time.now());
        }
    }

    fn answer(&mut self, bytes: &[u8], now: Duration) {
        for device in &mut self.devices {
            let mut at = now;
            for Utterance { pause, bytes } in device.hear(bytes, now) {
                at += pause;
                self.coming.push((at, bytes));
            }
        }
        // Stable: what is said at one time keeps its order.
        self.coming.sort_by_key(|&(at, _)| at);
    }

    /// Says what is due. An answer that nobody is there to hear is lost, as on a wire.
    fn say(&mut self, now: Duration) {
        let due = self.coming.partition_point(|&(at, _)| at <= now);
        for (_, bytes) in self.coming.drain(..due) {
            let _heard = self.line.send(&bytes);
        }
    }
}
