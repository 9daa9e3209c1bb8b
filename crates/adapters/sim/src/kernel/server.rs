//! The thread that answers the calls of the children of one command.

use std::{
    collections::BTreeMap,
    io,
    mem::MaybeUninit,
    os::fd::{AsFd as _, BorrowedFd, OwnedFd},
    path::PathBuf,
    process::Command,
    sync::Arc,
    thread::JoinHandle,
    time::Duration,
};

use rustix::{
    event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll},
    io::Errno,
    net::{
        AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SocketFlags,
        SocketType, recvmsg, socketpair,
    },
};

use super::{
    answer::{Answer, Refusal},
    child::Child,
    filter, gpiochip, i2c_dev,
    nodes::{Nodes, Target, named_by},
    open::open,
    seccomp::{self, Call, Listener},
};
use crate::time::Elapsed;

/// Serves device nodes to the children of one command while it lives. See [`super::DeviceNodes::serve`].
#[must_use = "children lose their device nodes when the front is dropped"]
#[derive(Debug)]
pub struct Front {
    stop: OwnedFd,
    thread: Option<JoinHandle<()>>,
}

impl Drop for Front {
    fn drop(&mut self) {
        // Both can fail only if the thread is gone already.
        let _told = rustix::io::write(&self.stop, &1_u64.to_ne_bytes());
        let _ended = self.thread.take().map(JoinHandle::join);
    }
}

/// Starts the server of `nodes` and puts what `command` spawns in its care.
pub(super) fn start(nodes: Nodes, command: &mut Command) -> io::Result<Front> {
    seccomp::check_sizes()?;
    let stop = eventfd(0, EventfdFlags::CLOEXEC)?;
    let (ours, childs) =
        socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)?;
    let server = Server {
        nodes,
        stop: stop.try_clone()?,
        newcomers: Some(ours),
        listeners: Vec::new(),
        time: Elapsed::running(),
        busy_until: BTreeMap::new(),
        postponed: Vec::new(),
    };
    let thread =
        std::thread::Builder::new().name("device-nodes".to_owned()).spawn(move || server.run())?;
    seccomp::arrange(command, filter::program(), childs);
    Ok(Front { stop, thread: Some(thread) })
}

struct Server {
    nodes: Nodes,
    /// Readable once the front is dropped.
    stop: OwnedFd,
    /// Where children send their listeners; closed when the command is dropped.
    newcomers: Option<OwnedFd>,
    listeners: Vec<Arc<Listener>>,
    time: Elapsed,
    /// Buses that a transaction still holds.
    busy_until: BTreeMap<PathBuf, Duration>,
    /// In the order of arrival.
    postponed: Vec<Postponed>,
}

/// A call that has to wait.
struct Postponed {
    due: Duration,
    listener: Arc<Listener>,
    call: Call,
    /// What to tell then, or `None` to look at the call again.
    answer: Option<Answer>,
}

/// What there is to do.
struct Ready {
    must_stop: bool,
    has_newcomer: bool,
    calls: Vec<bool>,
    gone: Vec<bool>,
}

impl Server {
    /// Until the front is dropped, or the command is and the last child has ended.
    fn run(mut self) {
        while self.newcomers.is_some() || !self.listeners.is_empty() {
            let ready = match self.wait() {
                Ok(ready) => ready,
                Err(Errno::INTR) => continue,
                Err(_) => return,
            };
            if ready.must_stop {
                return;
            }
            self.resume_due();
            for (listener, _) in self.listeners.clone().iter().zip(ready.calls).filter(|(_, c)| *c)
            {
                if let Ok(Some(call)) = listener.receive() {
                    self.take(listener, call);
                }
            }
            let mut gone = ready.gone.into_iter();
            self.listeners.retain(|_| !gone.next().unwrap_or(false));
            if ready.has_newcomer {
                self.welcome();
            }
        }
    }

    fn wait(&self) -> Result<Ready, Errno> {
        let watch = |fd| PollFd::from_borrowed_fd(fd, PollFlags::IN);
        let listeners = self.listeners.iter().map(|listener| listener.as_fd());
        let newcomers = self.newcomers.as_ref().map(OwnedFd::as_fd);
        let watched: Vec<BorrowedFd<'_>> =
            [self.stop.as_fd()].into_iter().chain(listeners).chain(newcomers).collect();
        let mut watched: Vec<_> = watched.into_iter().map(watch).collect();
        let next = self.postponed.iter().map(|postponed| postponed.due).min();
        let left = next.map(|due| due.saturating_sub(self.time.now()));
        let left = left.and_then(|left| Timespec::try_from(left).ok());
        poll(&mut watched, left.as_ref())?;

        let events: Vec<_> = watched.iter().map(PollFd::revents).collect();
        let (stop, rest) = events.split_first().ok_or(Errno::INVAL)?;
        let (listeners, newcomers) = rest.split_at(self.listeners.len());
        let has_call = |events: &PollFlags| events.contains(PollFlags::IN);
        let is_gone = |events: &PollFlags| !events.is_empty() && !has_call(events);
        Ok(Ready {
            must_stop: !stop.is_empty(),
            has_newcomer: newcomers.first().is_some_and(|events| !events.is_empty()),
            calls: listeners.iter().map(has_call).collect(),
            gone: listeners.iter().map(is_gone).collect(),
        })
    }

    /// Takes the listener that a child sent, or notes that there will be no more children.
    fn welcome(&mut self) {
        let Some(socket) = &self.newcomers else { return };
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut rights = RecvAncillaryBuffer::new(&mut space);
        let mut byte = [0];
        let mut byte = [io::IoSliceMut::new(&mut byte)];
        match recvmsg(socket, &mut byte, &mut rights, RecvFlags::CMSG_CLOEXEC) {
            Ok(message) if message.bytes > 0 => {}
            Err(Errno::INTR) => return,
            _ => {
                self.newcomers = None;
                return;
            }
        }
        for message in rights.drain() {
            if let RecvAncillaryMessage::ScmRights(fds) = message {
                self.listeners.extend(fds.map(|fd| Arc::new(Listener::new(fd))));
            }
        }
    }

    /// Answers what has waited long enough.
    fn resume_due(&mut self) {
        let now = self.time.now();
        let due: Vec<_> = self.postponed.extract_if(.., |postponed| postponed.due <= now).collect();
        for Postponed { listener, call, answer, .. } in due {
            match answer {
                Some(answer) => tell(&listener, &call, answer),
                None => self.take(&listener, call),
            }
        }
    }

    /// Answers `call`, now or when its bus is free.
    fn take(&mut self, listener: &Arc<Listener>, call: Call) {
        let is_open = filter::OPENS.contains(&call.number);
        let node = (!is_open).then(|| node_of(&call)).flatten();
        let now = self.time.now();
        let busy = node.as_ref().and_then(|node| self.busy_until.get(node)).filter(|&&t| t > now);
        if let Some(&due) = busy {
            return self.postpone(due, listener, call, None);
        }
        let outcome =
            if is_open { open(&self.nodes, &call) } else { self.ioctl(node.as_ref(), &call) };
        let answer = outcome.unwrap_or_else(|refusal| Answer::Refused(refusal).after(refusal.held));
        if let Answer::Later { held, answer } = answer {
            let due = now + held;
            self.busy_until.extend(node.map(|node| (node, due)));
            self.postpone(due, listener, call, Some(*answer));
        } else {
            tell(listener, &call, answer);
        }
    }

    fn postpone(&mut self, due: Duration, to: &Arc<Listener>, call: Call, answer: Option<Answer>) {
        self.postponed.push(Postponed { due, listener: Arc::clone(to), call, answer });
    }

    fn ioctl(&self, node: Option<&PathBuf>, call: &Call) -> Result<Answer, Refusal> {
        let [_, request, argument, ..] = call.arguments;
        #[expect(clippy::cast_possible_truncation, reason = "the kernel takes the low half, too")]
        let request = request as u32;
        let Some(node) = node.and_then(|path| self.nodes.get(path)) else {
            return self.line_ioctl(call, request, argument);
        };
        match &node.target {
            Target::I2c(bus) => i2c_dev::ioctl(Child(call.thread), bus, request, argument),
            Target::Spi(node) => node.ioctl(Child(call.thread), request, argument),
            Target::Gpio(chip) => gpiochip::ioctl(Child(call.thread), chip, request, argument),
            Target::Tty(_) => Ok(Answer::Continue),
        }
    }

    /// An ioctl on a line of one of our chips, or on some other file: that one the kernel knows.
    fn line_ioctl(&self, call: &Call, request: u32, argument: u64) -> Result<Answer, Refusal> {
        let child = Child(call.thread);
        let link = child.descriptor(call.arguments[0] & 0xFFFF_FFFF);
        let Some(link) = link.filter(|_| request >> 8 & 0xFF == gpiochip::TYPE) else {
            return Ok(Answer::Continue);
        };
        let chips = self.nodes.values().filter_map(|node| match &node.target {
            Target::Gpio(chip) => Some(chip),
            Target::I2c(_) | Target::Spi(_) | Target::Tty(_) => None,
        });
        let mut answers =
            chips.filter_map(|chip| gpiochip::line_ioctl(child, chip, &link, (request, argument)));
        answers.next().unwrap_or(Ok(Answer::Continue))
    }
}

/// Which node the ioctl's descriptor was opened from.
fn node_of(call: &Call) -> Option<PathBuf> {
    // A descriptor is an int; the register's upper half is whatever it happens to be.
    let link = Child(call.thread).descriptor(call.arguments[0] & 0xFFFF_FFFF)?;
    named_by(&link).map(PathBuf::from)
}

fn tell(listener: &Listener, call: &Call, answer: Answer) {
    match answer {
        Answer::Continue => listener.let_through(call),
        Answer::Refused(refusal) => listener.fail(call, refusal.errno),
        Answer::Later { answer, .. } => tell(listener, call, *answer),
        Answer::Opened { file, closes_on_exec } => {
            if let Err(errno) = listener.inject(call, file.as_fd(), closes_on_exec) {
                listener.fail(call, errno);
            }
        }
        Answer::Granted { file, at } => {
            let granted = listener.grant(call, file.as_fd()).and_then(|fd| {
                if !listener.is_waiting(call) {
                    return Err(Errno::NOENT);
                }
                Child(call.thread).write(at, &fd.to_ne_bytes())
            });
            match granted {
                Ok(()) => listener.succeed(call, 0),
                Err(errno) => listener.fail(call, errno),
            }
        }
        Answer::Done { value, writes } => {
            // The thread may have been killed and its number given to a stranger.
            if !listener.is_waiting(call) {
                return;
            }
            let child = Child(call.thread);
            match writes.iter().try_for_each(|write| child.write(write.address, &write.bytes)) {
                Ok(()) => listener.succeed(call, value),
                Err(errno) => listener.fail(call, errno),
            }
        }
    }
}
