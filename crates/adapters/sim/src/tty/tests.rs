use std::{
    fs::{File, OpenOptions},
    io::Read as _,
    os::unix::fs::OpenOptionsExt as _,
    time::Duration,
};

use super::*;

fn listen(line: &Pty) -> File {
    let terminal = line.terminal().unwrap();
    OpenOptions::new().read(true).write(true).custom_flags(libc::O_NOCTTY).open(terminal).unwrap()
}

fn hear(listener: &mut File, count: usize) -> Vec<u8> {
    let mut bytes = vec![0; count];
    listener.read_exact(&mut bytes).unwrap();
    bytes
}

fn poll_until(condition: impl Fn() -> bool) {
    while !condition() {
        std::thread::yield_now();
    }
}

#[test]
fn bytes_arrive_as_they_are() {
    let line = Pty::open().unwrap();
    let mut listener = listen(&line);
    let all: Vec<u8> = (0..=255).collect();
    assert_eq!(line.send(&all).unwrap(), 256);
    assert_eq!(hear(&mut listener, 256), all, "raw: no echo, no CR/LF mapping, no ^C");
}

#[test]
fn what_is_sent_to_nobody_is_lost_and_said_so() {
    let line = Pty::open().unwrap();
    let lost = line.send(b"lost").map_err(|error| error.kind());
    assert_eq!(lost, Err(io::ErrorKind::NotConnected));
    let mut listener = listen(&line);
    line.send(b"heard").unwrap();
    assert_eq!(hear(&mut listener, 5), b"heard");
}

#[test]
fn a_listener_that_comes_back_does_not_hear_what_the_last_one_left() {
    let line = Pty::open().unwrap();
    let first = listen(&line);
    line.send(b"stale").unwrap();
    drop(first);
    assert!(!line.has_listener());
    let mut second = listen(&line);
    line.send(b"fresh").unwrap();
    assert_eq!(hear(&mut second, 5), b"fresh");
}

#[test]
fn unplugging_is_the_end_of_the_file_and_replugging_a_new_line() {
    let line = Pty::open().unwrap();
    let mut listener = listen(&line);
    line.unplug();
    assert_eq!(line.terminal(), None);
    assert!(matches!(listener.read(&mut [0; 8]), Ok(0) | Err(_)));
    line.replug().unwrap();
    let mut again = listen(&line);
    line.send(b"back").unwrap();
    assert_eq!(hear(&mut again, 4), b"back");
}

#[test]
fn a_log_is_played_whole_to_a_listener_slower_than_it() {
    let line = Pty::open().unwrap();
    let sentence = format!("$GPGGA,{}*00\n", "7".repeat(60));
    let log = format!("# header\n{}", sentence.repeat(500)); // Eight times the tty's buffer.
    let player = line.play_nmea(log.as_bytes(), Duration::ZERO, false).unwrap();
    let mut listener = listen(&line);
    let expected = sentence.replace('\n', "\r\n").repeat(500);
    assert_eq!(hear(&mut listener, expected.len()), expected.as_bytes());
    poll_until(|| player.has_ended());
    assert_eq!(player.played(), Played { frames_sent: 500, frames_cut: 0 });
}

#[test]
fn a_repeating_player_survives_its_listeners_and_stops_when_dropped() {
    let line = Pty::open().unwrap();
    let cycle = Duration::from_millis(1);
    let player = line.play_nmea(b"$GPGGA,1\n$GPGGA,2\n", cycle, true).unwrap();
    for _ in 0..3 {
        assert!(hear(&mut listen(&line), 30).starts_with(b"$GPGGA,"));
    }
    line.unplug();
    line.replug().unwrap();
    assert!(hear(&mut listen(&line), 30).starts_with(b"$GPGGA,"));
    poll_until(|| player.played().frames_sent >= 12);
    assert!(!player.has_ended());
    drop(player);
    assert!(line.send(b"nobody").is_err());
}

#[test]
fn a_frame_cut_by_unplugging_does_not_go_on_after_replugging() {
    let line = Pty::open().unwrap();
    let frame = [b"A".to_vec(), vec![b'b'; 20_000]].concat(); // More than the tty holds.
    let player = line.play(Duration::ZERO, std::iter::repeat(frame)).unwrap();
    let mut first = listen(&line);
    assert_eq!(hear(&mut first, 2), b"Ab", "it is in the middle of a frame");
    line.unplug();
    line.replug().unwrap();
    assert_eq!(hear(&mut listen(&line), 2), b"Ab");
    assert_eq!(player.played().frames_sent, 0);
}
