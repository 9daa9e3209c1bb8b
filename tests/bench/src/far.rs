//! A far broker: whatever passes arrives so much later, in either direction.

use std::{
    io::{Read, Write},
    net::{Ipv4Addr, Shutdown, TcpListener, TcpStream},
    sync::mpsc::channel,
    thread::{self, sleep},
    time::{Duration, Instant},
};

/// Listens in front of the broker on `port`; says where. Ends with the process.
pub fn in_front_of(port: u16, delay: Duration) -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a socket");
    let far = listener.local_addr().expect("an address").port();
    thread::spawn(move || {
        for client in listener.incoming().map_while(Result::ok) {
            let broker = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).expect("the broker");
            let clone = |socket: &TcpStream| socket.try_clone().expect("a socket");
            delayed(clone(&client), clone(&broker), delay);
            delayed(broker, client, delay);
        }
    });
    far
}

fn delayed(mut from: TcpStream, mut to: TcpStream, delay: Duration) {
    let _ = to.set_nodelay(true);
    let (put, take) = channel::<(Instant, Vec<u8>)>();
    thread::spawn(move || {
        let mut buffer = vec![0; 64 * 1024];
        while let Ok(read @ 1..) = from.read(&mut buffer) {
            if put.send((Instant::now() + delay, buffer[..read].to_vec())).is_err() {
                break;
            }
        }
    });
    thread::spawn(move || {
        for (due, bytes) in take {
            sleep(due.saturating_duration_since(Instant::now()));
            if to.write_all(&bytes).is_err() {
                break;
            }
        }
        let _ = to.shutdown(Shutdown::Both);
    });
}
