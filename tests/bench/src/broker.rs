//! A mosquitto of our own, on a port of its own.

use std::{
    fs,
    io::{BufRead, BufReader},
    net::{Ipv4Addr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

use publisher_mqtt::{Event, Session, Subscription, SubscriptionOptions};

/// Where Debian puts it, and where others do.
const PLACES: [&str; 3] =
    ["/usr/sbin/mosquitto", "/usr/bin/mosquitto", "/usr/local/sbin/mosquitto"];

/// Killed when dropped.
pub struct Broker {
    pub port: u16,
    child: Child,
}

/// mosquitto's program, if there is one.
pub fn find() -> Option<PathBuf> {
    PLACES.iter().map(PathBuf::from).find(|place| place.is_file())
}

impl Broker {
    /// One that lets `receive_max` messages of a client wait for their acknowledgement.
    pub fn start(program: &Path, folder: &Path, receive_max: u16) -> Self {
        let probe = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a socket");
        let port = probe.local_addr().expect("an address").port();
        drop(probe);
        let configuration = folder.join(format!("mosquitto-{port}.conf"));
        let text = format!(
            "listener {port} 127.0.0.1\nallow_anonymous true\npersistence false\nset_tcp_nodelay true\n\
             max_inflight_messages {receive_max}\nmax_queued_messages 1000000\nuser root\nlog_dest none\n",
        );
        fs::write(&configuration, text).expect("a configuration");
        let child = Command::new(program)
            .arg("-c")
            .arg(configuration)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("mosquitto starts");
        let begun = Instant::now();
        while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err() {
            assert!(begun.elapsed() < Duration::from_secs(10), "mosquitto does not listen");
            sleep(Duration::from_millis(10));
        }
        Self { port, child }
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Someone who takes everything, in a process of its own. Killed when dropped.
pub struct Listener(Child);

impl Listener {
    pub fn start(port: u16) -> Self {
        let program = std::env::current_exe().expect("this program");
        let mut listen = Command::new(program);
        listen.args(["--listen", &port.to_string()]).stdout(Stdio::piped());
        let mut child = listen.spawn().expect("it runs");
        let up = child.stdout.take().map(|out| BufReader::new(out).lines().next());
        assert!(up.flatten().is_some(), "it is connected");
        Self(child)
    }

    /// The child's end of [`start`](Self::start): the subscription that the cloud side uses.
    pub fn listen(port: &str) {
        let options = SubscriptionOptions {
            broker: format!("mqtt://127.0.0.1:{port}").parse().expect("a broker"),
            client_id: "ear".to_owned(),
            filters: vec!["#".to_owned()],
            session: Session::Clean,
        };
        let subscription = Subscription::connect(options).expect("a subscription");
        loop {
            if let Some(Event::Up) = subscription.next(Duration::from_secs(60)) {
                println!("up");
            }
        }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
