//! A cable between gateway and broker that can be cut, delayed, or turned into a black hole, and that
//! records what goes through it.

use std::{
    io::{self, ErrorKind, Read as _, Write as _},
    net::{Ipv4Addr, Shutdown, TcpListener, TcpStream},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    thread,
    time::Duration,
};

use crate::{
    mqtt::{Packet, Splitter},
    record::{Pending, Recorder},
};

/// How often a cable looks whether something was done to it.
const LOOK: Duration = Duration::from_millis(20);

/// What was done: each cable that there was then has it done, later ones do not.
#[derive(Default)]
struct Deeds {
    cuts: AtomicU64,
    black_holes: AtomicU64,
    delay_ms: AtomicU64,
}

/// Where the gateway finds its broker. Its threads end with the process.
pub(crate) struct Proxy {
    port: u16,
    deeds: Arc<Deeds>,
}

/// One direction of a cable.
struct Way {
    from: TcpStream,
    to: TcpStream,
    cable: u32,
    deeds: Arc<Deeds>,
    /// Cuts and black holes when it was laid.
    at_start: [u64; 2],
    pending: Arc<Mutex<Pending>>,
    recorder: Recorder,
}

impl Proxy {
    /// Listens, and passes what comes on to `broker`'s port.
    pub(crate) fn start(broker: u16, recorder: Recorder) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let (port, deeds) = (listener.local_addr()?.port(), Arc::<Deeds>::default());
        let done = Arc::clone(&deeds);
        thread::Builder::new().name("proxy".to_owned()).spawn(move || {
            for (cable, near) in (0..).zip(listener.incoming().flatten()) {
                // Without a broker the connection ends at once.
                let far = TcpStream::connect((Ipv4Addr::LOCALHOST, broker));
                let _refused = far.and_then(|far| lay(&near, &far, cable, &done, &recorder));
            }
        })?;
        Ok(Self { port, deeds })
    }

    pub(crate) fn url(&self) -> String {
        format!("mqtt://127.0.0.1:{}", self.port)
    }

    /// Ends the cables that there are.
    pub(crate) fn cut(&self) {
        self.deeds.cuts.fetch_add(1, Relaxed);
    }

    /// The cables that there are swallow everything from now on, both ways, for ever.
    pub(crate) fn swallow(&self) {
        self.deeds.black_holes.fetch_add(1, Relaxed);
    }

    /// Everything takes so much longer from now on.
    pub(crate) fn delay(&self, by: Duration) {
        self.deeds.delay_ms.store(u64::try_from(by.as_millis()).unwrap_or(u64::MAX), Relaxed);
    }
}

/// Joins the two ends.
fn lay(
    near: &TcpStream,
    far: &TcpStream,
    cable: u32,
    deeds: &Arc<Deeds>,
    recorder: &Recorder,
) -> io::Result<()> {
    let at_start = [deeds.cuts.load(Relaxed), deeds.black_holes.load(Relaxed)];
    let pending = Arc::default();
    for (from, to, name) in [(near, far, "upward"), (far, near, "downward")] {
        from.set_read_timeout(Some(LOOK))?;
        from.set_nodelay(true)?;
        let way = Way {
            from: from.try_clone()?,
            to: to.try_clone()?,
            cable,
            deeds: Arc::clone(deeds),
            at_start,
            pending: Arc::clone(&pending),
            recorder: recorder.clone(),
        };
        thread::Builder::new().name(name.to_owned()).spawn(move || {
            let _ended = way.pass();
            for end in [way.from, way.to] {
                let _gone = end.shutdown(Shutdown::Both);
            }
        })?;
    }
    Ok(())
}

impl Way {
    /// Until one end hangs up or the cable is cut.
    fn pass(&self) -> io::Result<()> {
        let (mut from, mut to) = (&self.from, &self.to);
        let (mut buffer, mut splitter) = (vec![0; 65_536], Splitter::default());
        while self.deeds.cuts.load(Relaxed) == self.at_start[0] {
            let len = match from.read(&mut buffer) {
                Ok(0) => break,
                Ok(len) => len,
                Err(error)
                    if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) =>
                {
                    continue;
                }
                Err(error) => return Err(error),
            };
            if self.deeds.black_holes.load(Relaxed) == self.at_start[1] {
                let bytes = buffer.get(..len).unwrap_or_default();
                self.record(&mut splitter, bytes)?;
                thread::sleep(Duration::from_millis(self.deeds.delay_ms.load(Relaxed)));
                to.write_all(bytes)?;
            }
        }
        Ok(())
    }

    /// Before the bytes go on, so that no answer comes before its message is known.
    fn record(&self, splitter: &mut Splitter, bytes: &[u8]) -> io::Result<()> {
        let Ok(packets) = splitter.push(bytes) else {
            self.recorder.garbled(self.cable);
            return Err(ErrorKind::InvalidData.into());
        };
        let mut pending = self.pending.lock().unwrap_or_else(PoisonError::into_inner);
        for packet in packets {
            match packet {
                Packet::Publish { id, topic, payload } => pending.sent(id, topic, payload),
                Packet::Answer { id, is_taken } => {
                    self.recorder.answered(self.cable, &mut pending, id, is_taken);
                }
                Packet::Other => {}
            }
        }
        Ok(())
    }
}
