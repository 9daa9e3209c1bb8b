//! The built-in MQTT broker: rumqttd, on a port of its own, with nothing on disk.
//!
//! It keeps what it acknowledged in memory only, which is enough to watch and to verify; tests that
//! kill a broker use mosquitto.

use std::{
    collections::HashMap,
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    thread::{self, Builder},
    time::{Duration, Instant},
};

use anyhow::{Context as _, bail};
use rumqttd::{Broker, Config, ConnectionSettings, RouterConfig, ServerSettings};

/// How long it may take to listen.
const START_MAX: Duration = Duration::from_secs(10);

/// Starts a broker that lives as long as the process, and gives its URL.
pub(crate) fn start() -> anyhow::Result<String> {
    let probe = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("no port for the broker")?;
    let address = probe.local_addr().context("no port for the broker")?;
    drop(probe);
    let mut broker = Broker::new(config(address));
    Builder::new()
        .name("broker".to_owned())
        .spawn(move || {
            if let Err(error) = broker.start() {
                eprintln!("the built-in broker ended: {error}");
            }
        })
        .context("failed to start the broker's thread")?;
    wait_for(address)?;
    Ok(format!("mqtt://{address}"))
}

#[expect(clippy::disallowed_methods, reason = "waits for a real server in real time")]
fn wait_for(address: SocketAddr) -> anyhow::Result<()> {
    let begun = Instant::now();
    while TcpStream::connect(address).is_err() {
        if begun.elapsed() > START_MAX {
            bail!("the built-in broker does not listen on {address}");
        }
        thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}

fn config(listen: SocketAddr) -> Config {
    let connections = ConnectionSettings {
        connection_timeout_ms: 5_000,
        max_payload_size: 1 << 20,
        max_inflight_count: 100,
        auth: None,
        external_auth: None,
        dynamic_filters: true,
    };
    let server = ServerSettings {
        name: "mqtt5".to_owned(),
        listen,
        tls: None,
        next_connection_delay_ms: 1,
        connections,
    };
    Config {
        router: RouterConfig {
            max_connections: 100,
            max_outgoing_packet_count: 200,
            max_segment_size: 16 << 20,
            max_segment_count: 10,
            ..RouterConfig::default()
        },
        v5: Some(HashMap::from([("1".to_owned(), server)])),
        ..Config::default()
    }
}
