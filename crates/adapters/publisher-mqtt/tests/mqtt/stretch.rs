//! A stretch of network that can fail.

#![expect(clippy::unwrap_used, reason = "a part of tests")]

use std::{
    io::{Read, Write},
    net::{Shutdown, TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

/// A stretch of network between us and the broker, which can be made to swallow everything.
pub(crate) struct Stretch {
    port: u16,
    swallows: Arc<AtomicBool>,
}

impl Stretch {
    pub(crate) fn to(broker: u16) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let swallows = Arc::new(AtomicBool::new(false));
        let shared = Arc::clone(&swallows);
        start(move || {
            while let Ok((near, _)) = listener.accept() {
                let Ok(far) = TcpStream::connect(("127.0.0.1", broker)) else { continue };
                for (from, to) in [(near.try_clone(), far.try_clone()), (Ok(far), Ok(near))] {
                    let swallows = Arc::clone(&shared);
                    start(move || carry(from.unwrap(), to.unwrap(), &swallows));
                }
            }
        });
        Self { port, swallows }
    }

    pub(crate) fn swallow(&self, swallows: bool) {
        self.swallows.store(swallows, Ordering::SeqCst);
    }

    pub(crate) fn url(&self) -> String {
        format!("mqtt://127.0.0.1:{}", self.port)
    }
}

/// Runs `body` on a thread of its own.
pub(crate) fn start(body: impl FnOnce() + Send + 'static) {
    thread::Builder::new().spawn(body).unwrap();
}

fn carry(mut from: TcpStream, mut to: TcpStream, swallows: &AtomicBool) {
    let mut buffer = [0; 4096];
    while let Ok(count @ 1..) = from.read(&mut buffer) {
        if !swallows.load(Ordering::SeqCst) && to.write_all(&buffer[..count]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Both);
}
