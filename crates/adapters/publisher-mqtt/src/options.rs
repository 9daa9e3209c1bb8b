//! How to connect.

use core::{num::NonZeroU16, time::Duration};

use rumqttc::{
    NetworkOptions,
    v5::{
        MqttOptions,
        mqttbytes::{
            QoS,
            v5::{ConnectProperties, LastWill},
        },
    },
};

use crate::Broker;

/// The library panics below this.
const KEEP_ALIVE_MIN: Duration = Duration::from_secs(5);

/// What the broker publishes in our stead when it loses the connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Will {
    /// Where.
    pub topic: String,
    /// What.
    pub payload: Vec<u8>,
    /// Whether the broker keeps it for those who subscribe later.
    pub is_retained: bool,
}

/// How a [`MqttPublisher`](crate::MqttPublisher) connects, and its limits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// The brokers in the order of preference; at least one.
    pub brokers: Vec<Broker>,
    /// Who we are. Unique among all clients of the broker: of two with one id, each throws the other
    /// out.
    pub client_id: String,
    /// After this much silence the broker is asked whether it is still there; unanswered for as long
    /// again, the connection is given up. At least 5 s; less is raised to that. Default 15 s.
    pub keep_alive: Duration,
    /// How long the broker may take to accept the connection. Default 5 s.
    pub connect_timeout: Duration,
    /// How long acknowledgements may all stay away while some are due. Default 30 s.
    pub stall_timeout: Duration,
    /// The most messages that wait for their acknowledgement; the broker may lower it. Default 100.
    pub window: NonZeroU16,
    /// The largest payload, in bytes; the broker may lower it. Times the window, it bounds the
    /// memory. Default 256 KiB.
    pub payload_bytes_max: usize,
    /// What the broker says when it loses us.
    pub will: Option<Will>,
    /// The topic on which we are asked for something; none by default. A broker that hangs up over a
    /// subscription that its rules forbid, instead of refusing it, lets no epoch begin then.
    pub requests: Option<String>,
}

impl Options {
    /// The defaults.
    pub fn new(brokers: Vec<Broker>, client_id: impl Into<String>) -> Self {
        const WINDOW: NonZeroU16 = NonZeroU16::new(100).unwrap();
        Self {
            brokers,
            client_id: client_id.into(),
            keep_alive: Duration::from_secs(15),
            connect_timeout: Duration::from_secs(5),
            stall_timeout: Duration::from_secs(30),
            window: WINDOW,
            payload_bytes_max: 256 * 1024,
            will: None,
            requests: None,
        }
    }

    /// For the library, to connect to `broker`.
    pub(crate) fn for_library(&self, broker: &Broker) -> MqttOptions {
        let properties = ConnectProperties {
            session_expiry_interval: Some(0),
            // What comes in is acknowledgements and reasons, and at most requests, which are short.
            max_packet_size: Some(64 * 1024),
            ..ConnectProperties::new()
        };
        let mut options = basics(broker, &self.client_id, self.keep_alive, properties);
        options.set_clean_start(true).set_outgoing_inflight_upper_limit(self.window.get());
        if let Some(Will { topic, payload, is_retained }) = self.will.clone() {
            let qos = QoS::AtLeastOnce;
            options.set_last_will(LastWill::new(topic, payload, qos, is_retained, None));
        }
        options
    }
}

/// Where the broker says that it watches no keep-alive (a Server Keep Alive of 0, MQTT 5.0, 3.2.2.3.14),
/// we go on at our own pace: the library would probe it without a pause. Any other that the broker
/// gives is kept by the library.
pub(crate) fn probe_at_a_pace(options: &mut MqttOptions, given: Option<u16>, keep_alive: Duration) {
    if given == Some(0) {
        options.set_keep_alive(within_limits(keep_alive));
    }
}

fn within_limits(keep_alive: Duration) -> Duration {
    keep_alive.clamp(KEEP_ALIVE_MIN, Duration::from_secs(u64::from(u16::MAX)))
}

/// What publisher and subscription have in common.
pub(crate) fn basics(
    broker: &Broker,
    client_id: &str,
    keep_alive: Duration,
    properties: ConnectProperties,
) -> MqttOptions {
    let mut options = MqttOptions::new(client_id, &broker.host, broker.port);
    let mut network = NetworkOptions::new();
    network.set_tcp_nodelay(true);
    options
        .set_keep_alive(within_limits(keep_alive))
        // The time to connect is kept by the epoch, to the millisecond; here only out of its way.
        .set_connection_timeout(u64::from(u16::MAX))
        .set_connect_properties(properties)
        .set_network_options(network);
    if let Some(login) = &broker.login {
        options.set_credentials(&login.user, &login.password);
    }
    options
}
