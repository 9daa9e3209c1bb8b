//! From tables to a [`Config`]: the sections that there is one of, and the whole.

use std::{
    num::{NonZeroU16, NonZeroU64, NonZeroUsize},
    path::PathBuf,
    time::Duration,
};

use domain::GatewayId;
use sensors::Catalogue;
use wire::Topics;

use super::{
    buses, classes, derived, devices,
    key::Key,
    reader::Reader,
    settings::{
        Config, Credentials, HistoryOrder, Log, LogFormat, LogLevel, Mqtt, Pipeline, Realtime,
        Secret, Spool, Time, Unsynchronised, WhenFull,
    },
    tables,
    values::{BrokerUrl, BrokerUrls, Bytes},
};

/// What `sockaddr_un` has room for, but for the end that is added while the socket is made.
const SOCKET_PATH_MAX: usize = 100;
/// The longest client identifier, in bytes.
const CLIENT_ID_MAX: usize = 128;
const MILLISECOND: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3600);

/// Reads everything; nothing comes back only if something is wrong.
pub(super) fn config(reader: &mut Reader<'_>, catalogue: Catalogue) -> Option<Config> {
    reader.table::<tables::Root>(&Key::root());
    let gateway = gateway(reader);
    let mqtt = mqtt(reader, gateway.as_ref());
    let (spool, pipeline, log) = (spool(reader), pipeline(reader), log(reader));
    let time = time(reader);
    let (control, realtime) = (control(reader, &spool), realtime(reader));
    let buses = buses::read(reader);
    let buses = devices::read(reader, catalogue, buses);
    let derived = derived::read(reader, &buses);
    Some(Config {
        gateway: gateway?,
        mqtt,
        spool,
        pipeline,
        time,
        log,
        control,
        realtime,
        buses,
        derived,
    })
}

fn gateway(reader: &mut Reader<'_>) -> Option<GatewayId> {
    let section = Key::of("gateway");
    let table: tables::Gateway = reader.table(&section);
    let key = section.child("id");
    let id = reader.required(&key, table.id, "\"greenhouse\"")?;
    GatewayId::new(&id)
        .map_err(|error| reader.refuse_name(reader.place_of_value(&key), &key, &error))
        .ok()
}

fn mqtt(reader: &mut Reader<'_>, gateway: Option<&GatewayId>) -> Mqtt {
    let section = Key::of("mqtt");
    let table: tables::Mqtt = reader.table(&section);
    let key = |name| section.child(name);
    let local = BrokerUrl { host: "localhost".to_owned(), port: 1883 };
    let root = table.root.unwrap_or_else(|| "telemetryhub".to_owned());
    check_root(reader, &key("root"), &root);
    let default_id = || format!("telemetryhub-{}", gateway.map_or("", GatewayId::as_str));
    let client_id = table.client_id.unwrap_or_else(default_id);
    if client_id.is_empty()
        || client_id.len() > CLIENT_ID_MAX
        || client_id.contains(char::is_control)
    {
        let mend = format!("write 1 to {CLIENT_ID_MAX} characters, or leave the key out");
        reader.value_problem(&key("client_id"), "this identifies no client".to_owned(), mend);
    }
    let keep_alive = SECOND * 5..=HOUR * 18;
    Mqtt {
        url: table.url.unwrap_or_else(|| BrokerUrls(vec![local])),
        return_after: reader.duration(
            &key("return_after"),
            table.return_after,
            SECOND * 10..=HOUR * 24,
            SECOND * 600,
        ),
        root,
        client_id,
        credentials: credentials(reader, &section, table.username, table.password),
        keep_alive: reader.whole_seconds(
            &key("keep_alive"),
            table.keep_alive,
            keep_alive,
            SECOND * 15,
        ),
        window: non_zero_u16(reader.integer(&key("window"), table.window, 1..=10_000, 100)),
        batch_samples_max: non_zero(reader.integer(
            &key("batch_samples_max"),
            table.batch_samples_max,
            1..=10_000,
            100,
        )),
        batch_bytes_max: batch_bytes_max(reader, &key("batch_bytes_max"), table.batch_bytes_max),
        batch_age_max: reader.duration(
            &key("batch_age_max"),
            table.batch_age_max,
            Duration::ZERO..=SECOND * 60,
            MILLISECOND * 50,
        ),
        compression: table.compression.unwrap_or_default(),
        stall_timeout: reader.duration(
            &key("stall_timeout"),
            table.stall_timeout,
            SECOND..=HOUR,
            SECOND * 30,
        ),
        refused_samples_max: reader.integer(
            &key("refused_samples_max"),
            table.refused_samples_max,
            0..=1_000_000_000,
            1_000_000,
        ),
        history_order: table.history_order.unwrap_or(HistoryOrder::OldestFirst),
        history_rate: NonZeroU64::new(reader.integer(
            &key("history_rate"),
            table.history_rate,
            0..=1_000_000_000,
            0,
        )),
        history_share_percent: reader.integer(
            &key("history_share"),
            table.history_share,
            1..=100,
            80,
        ),
        is_replayed: table.replay.unwrap_or(false),
    }
}

fn batch_bytes_max(reader: &mut Reader<'_>, key: &Key, written: Option<Bytes>) -> usize {
    let (least, most, default) = (Bytes(1 << 10), Bytes(1 << 20), Bytes(64 << 10));
    let bytes = written.unwrap_or(default);
    if !(least..=most).contains(&bytes) {
        let message = format!("{bytes} is out of range");
        reader.value_problem(key, message, format!("write {least} to {most}"));
    }
    usize::try_from(bytes.0).unwrap_or(usize::MAX)
}

fn check_root(reader: &mut Reader<'_>, key: &Key, root: &str) {
    if Topics::new(root).is_err() {
        let mend = "write levels of letters, digits, `-`, `_` and `.`, joined by `/`".to_owned();
        reader.value_problem(key, "no topic can begin with this".to_owned(), mend);
    }
}

fn credentials(
    reader: &mut Reader<'_>,
    section: &Key,
    username: Option<String>,
    password: Option<Secret>,
) -> Option<Credentials> {
    let key = section.child("username");
    match username {
        Some(name) if name.is_empty() => {
            let mend = "write the user's name, or leave the key out".to_owned();
            reader.value_problem(&key, "this names no user".to_owned(), mend);
            None
        }
        Some(username) => Some(Credentials { username, password: password.unwrap_or_default() }),
        None if password.is_some() && !reader.is_faulty(&key) => {
            let mend = "add username = \"…\", or remove the password".to_owned();
            let message = "there is a password but no user name".to_owned();
            reader.value_problem(&section.child("password"), message, mend);
            None
        }
        None => None,
    }
}

fn spool(reader: &mut Reader<'_>) -> Spool {
    let section = Key::of("spool");
    let table: tables::Spool = reader.table(&section);
    let folder = table.folder.unwrap_or_else(|| PathBuf::from("/var/lib/telemetryhub"));
    if folder.as_os_str().is_empty() || folder.to_string_lossy().contains(char::is_control) {
        let mend = "write the path of a folder, without control characters".to_owned();
        reader.value_problem(&section.child("folder"), "this names no folder".to_owned(), mend);
    }
    let bytes_max = table.bytes_max.unwrap_or(Bytes(256 << 20));
    let retain = table.retain.unwrap_or(Bytes(bytes_max.0 / 4));
    let free_min = table.free_min.unwrap_or(Bytes(64 << 20));
    let most = Bytes(1 << 40);
    for (key, found, bounds) in [
        ("bytes_max", bytes_max, Bytes(4 << 20)..=most),
        ("retain", retain, Bytes(0)..=bytes_max),
        ("free_min", free_min, Bytes(0)..=most),
    ] {
        if !bounds.contains(&found) {
            let message = format!("{found} is out of range");
            let mend = format!("write {} to {}", bounds.start(), bounds.end());
            reader.value_problem(&section.child(key), message, mend);
        }
    }
    let interval = MILLISECOND * 10..=HOUR;
    let key = section.child("sync_interval");
    let sync_interval = reader.duration(&key, table.sync_interval, interval, SECOND);
    let (bytes_max, retain, free_min) = (bytes_max.0, retain.0, free_min.0);
    let when_full = classes::when_full(table.when_full);
    Spool { folder, bytes_max, retain, free_min, sync_interval, when_full }
}

fn pipeline(reader: &mut Reader<'_>) -> Pipeline {
    let section = Key::of("pipeline");
    let table: tables::Pipeline = reader.table(&section);
    let key = |name| section.child(name);
    let drain = MILLISECOND * 100..=SECOND * 300;
    Pipeline {
        workers: non_zero(reader.integer(&key("workers"), table.workers, 1..=64, 2)),
        queue: non_zero(reader.integer(&key("queue"), table.queue, 1..=1_000_000, 1024)),
        when_full: table.when_full.unwrap_or(WhenFull::Block),
        drain_timeout: reader.duration(
            &key("drain_timeout"),
            table.drain_timeout,
            drain,
            SECOND * 10,
        ),
        status_interval: reader.duration(
            &key("status_interval"),
            table.status_interval,
            SECOND..=HOUR,
            SECOND * 30,
        ),
        state_interval: reader.duration(
            &key("state_interval"),
            table.state_interval,
            SECOND..=HOUR,
            SECOND * 60,
        ),
    }
}

fn time(reader: &mut Reader<'_>) -> Time {
    let section = Key::of("time");
    let table: tables::Time = reader.table(&section);
    let most = SECOND * 10..=HOUR * 24 * 7;
    Time {
        unsynchronised: table.unsynchronised.unwrap_or(Unsynchronised::Mark),
        wait_max: reader.duration(&section.child("wait_max"), table.wait_max, most, HOUR),
    }
}

fn log(reader: &mut Reader<'_>) -> Log {
    let table: tables::Log = reader.table(&Key::of("log"));
    let (level, format) = (LogLevel::Info, LogFormat::Text);
    Log { level: table.level.unwrap_or(level), format: table.format.unwrap_or(format) }
}

/// The socket for commands: in the spool's folder if nothing is said, none if the text is empty.
fn control(reader: &mut Reader<'_>, spool: &Spool) -> Option<PathBuf> {
    let section = Key::of("control");
    let table: tables::Control = reader.table(&section);
    let path = table.socket.unwrap_or_else(|| spool.folder.join("control.sock"));
    if path.as_os_str().len() > SOCKET_PATH_MAX {
        let message = "the kernel takes no path as long for a socket".to_owned();
        let mend = format!("write a path of at most {SOCKET_PATH_MAX} bytes in `socket`");
        reader.value_problem(&section.child("socket"), message, mend);
    }
    (!path.as_os_str().is_empty()).then_some(path)
}

fn realtime(reader: &mut Reader<'_>) -> Realtime {
    let section = Key::of("realtime");
    let table: tables::Realtime = reader.table(&section);
    let (priority, cores) = (section.child("priority"), section.child("cores"));
    let core = |written| reader.integer(&cores, Some(written), 0..=1023, 0);
    let cores = table.cores.unwrap_or_default().into_iter().map(core).collect();
    Realtime {
        priority: table.priority.map(|written| reader.integer(&priority, Some(written), 1..=99, 1)),
        cores,
        is_memory_locked: table.lock_memory.unwrap_or(false),
    }
}

/// `number`, of which the range is known to begin at 1.
fn non_zero(number: usize) -> NonZeroUsize {
    NonZeroUsize::new(number).unwrap_or(NonZeroUsize::MIN)
}

fn non_zero_u16(number: u16) -> NonZeroU16 {
    NonZeroU16::new(number).unwrap_or(NonZeroU16::MIN)
}
