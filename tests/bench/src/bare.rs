//! Who does nothing but publish: a bare client of the library that the gateway uses too, and a bare
//! socket with packets made beforehand, which shows the broker alone.

use std::{
    io::{Read, Write},
    net::{Ipv4Addr, TcpStream},
    thread::{self, sleep},
    time::{Duration, Instant},
};

use rumqttc::v5::{
    Client, Connection, Event, Incoming, MqttOptions,
    mqttbytes::{QoS, v5::ConnectProperties},
};

fn connect(port: u16, window: u16) -> (Client, Connection) {
    let mut options = MqttOptions::new("bare", "127.0.0.1", port);
    options
        .set_clean_start(true)
        .set_outgoing_inflight_upper_limit(window)
        .set_connect_properties(ConnectProperties::new());
    let mut network = options.network_options();
    network.set_tcp_nodelay(true);
    options.set_network_options(network);
    Client::new(options, usize::from(window))
}

/// Publishes the `payloads` in turn, `count` of them; how many seconds until the last is acknowledged.
pub fn publish(port: u16, window: u16, payloads: &[(String, Vec<u8>)], count: u64) -> f64 {
    let payloads: Vec<_> =
        payloads.iter().map(|(topic, bytes)| (topic.clone(), bytes.clone())).collect();
    let start = Instant::now();
    let (client, mut connection) = connect(port, window);
    let publisher = thread::spawn(move || {
        for n in 0..count {
            let (topic, bytes) = &payloads[(n % payloads.len() as u64) as usize];
            client.publish(topic, QoS::AtLeastOnce, false, bytes.clone()).expect("a publish");
        }
        client
    });
    let acks =
        connection.iter().filter(|event| matches!(event, Ok(Event::Incoming(Incoming::PubAck(_)))));
    assert_eq!(acks.take(count as usize).count() as u64, count);
    let seconds = start.elapsed().as_secs_f64();
    drop(publisher.join());
    seconds
}

/// How long `count` publishes take each, one `every` so long, in seconds: until the library's thread hears
/// of the acknowledgement, and until the thread that has published is told of it.
pub fn latencies(
    port: u16,
    topic: &str,
    payload: &[u8],
    count: usize,
    every: Duration,
) -> [Vec<f64>; 2] {
    let (client, mut connection) = connect(port, 1000);
    let (tell, told) = crossbeam_channel::bounded(1);
    let ear = thread::spawn(move || {
        for event in connection.iter().map_while(Result::ok) {
            let is_news =
                matches!(event, Event::Incoming(Incoming::PubAck(_) | Incoming::ConnAck(_)));
            if is_news && tell.send(Instant::now()).is_err() {
                break;
            }
        }
    });
    let _connected = told.recv();
    let one = |_| {
        sleep(every);
        let start = Instant::now();
        client.publish(topic, QoS::AtLeastOnce, false, payload.to_vec()).expect("a publish");
        let heard: Instant = told.recv().expect("an acknowledgement");
        let told = start.elapsed().as_secs_f64();
        (heard.duration_since(start).as_secs_f64(), told)
    };
    let (heard, told_after) = (0..count).map(one).unzip();
    drop(told);
    let _ = client.disconnect();
    let _ = ear.join();
    [heard, told_after]
}

/// The same as [`publish`] without a library: as many packets in one write as were acknowledged in one
/// read.
pub fn write(port: u16, window: u16, payloads: &[(String, Vec<u8>)], count: u64) -> f64 {
    let start = Instant::now();
    let mut socket = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).expect("a connection");
    socket.set_nodelay(true).expect("no delay");
    // CONNECT: MQTT 5, clean start, keep-alive 60 s, no properties, client id `raw`.
    socket.write_all(b"\x10\x10\x00\x04MQTT\x05\x02\x00\x3c\x00\x00\x03raw").expect("a write");
    let mut buffer = vec![0; 64 * 1024];
    assert!(socket.read(&mut buffer).expect("an answer") > 4, "a CONNACK");
    let packets: Vec<_> = payloads.iter().map(|(topic, bytes)| packet(topic, bytes)).collect();
    let (mut sent, mut acked, mut out, mut open) = (0_u64, 0_u64, Vec::new(), Vec::new());
    while acked < count {
        out.clear();
        while sent < count && sent - acked < u64::from(window) {
            let (packet, id_at) = &packets[(sent % packets.len() as u64) as usize];
            let id = sent % 65_535 + 1;
            out.extend_from_slice(packet);
            let at = out.len() - packet.len() + id_at;
            out[at..at + 2].copy_from_slice(&(id as u16).to_be_bytes());
            sent += 1;
        }
        socket.write_all(&out).expect("a write");
        let read = socket.read(&mut buffer).expect("a read");
        assert!(read > 0, "the broker is there");
        open.extend_from_slice(&buffer[..read]);
        let mut at = 0;
        // A PUBACK has two bytes of header and says how long the rest is.
        while open.len() >= at + 2 && open.len() >= at + 2 + usize::from(open[at + 1]) {
            acked += u64::from(open[at] == 0x40);
            at += 2 + usize::from(open[at + 1]);
        }
        open.drain(..at);
    }
    start.elapsed().as_secs_f64()
}

/// A PUBLISH at `QoS` 1 without properties, and where in it the packet id is.
fn packet(topic: &str, payload: &[u8]) -> (Vec<u8>, usize) {
    let mut rest = (topic.len() as u16).to_be_bytes().to_vec();
    rest.extend_from_slice(topic.as_bytes());
    let id_at = rest.len();
    rest.extend_from_slice(&[0, 0, 0]);
    rest.extend_from_slice(payload);
    let (mut packet, mut length) = (vec![0x32], rest.len());
    loop {
        let more = if length > 127 { 0x80 } else { 0 };
        packet.push((length % 128) as u8 | more);
        length /= 128;
        if length == 0 {
            break;
        }
    }
    let id_at = id_at + packet.len();
    packet.extend(rest);
    (packet, id_at)
}
