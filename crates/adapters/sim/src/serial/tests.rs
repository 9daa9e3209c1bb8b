use domain::{Monotonic, Timestamp, WallTime};
use ports::contract::serial_line::{self, FarEnd};

use super::*;

fn clock() -> VirtualClock {
    let start = Timestamp::new(WallTime::from_nanos(0), Monotonic::from_nanos(0));
    VirtualClock::starting_at(start)
}

struct Bench(MemoryLine);

impl FarEnd for Bench {
    type Line = MemoryLine;

    fn line(&mut self) -> MemoryLine {
        let mut line = self.0.clone();
        assert_eq!(line.read(&mut [0], Duration::ZERO), Err(NoData::Silent));
        line
    }

    fn say(&mut self, bytes: &[u8]) {
        self.0.say(Duration::ZERO, bytes);
    }

    fn hear(&mut self, count: usize) -> Vec<u8> {
        let heard = self.0.heard();
        assert_eq!(heard.len(), count);
        heard
    }

    fn unplug(&mut self) {
        self.0.unplug();
    }

    fn replug(&mut self) {
        self.0.replug();
    }
}

#[test]
fn a_memory_line_keeps_the_contract_of_a_serial_line() {
    serial_line::holds(|| Bench(MemoryLine::new(&clock())));
}

#[test]
fn waiting_moves_the_clock_to_the_next_bytes_and_no_further() {
    let clock = clock();
    let mut line = MemoryLine::new(&clock);
    assert_eq!(line.read(&mut [0; 9], Duration::ZERO), Err(NoData::Silent));
    line.say(Duration::from_secs(5), b"later");
    assert_eq!(line.read(&mut [0; 9], Duration::from_secs(2)), Err(NoData::Silent));
    let received = line.read(&mut [0; 9], Duration::from_secs(60)).unwrap();
    assert_eq!(received, Received { len: 5, waited: Duration::from_secs(3) });
    assert_eq!(clock.elapsed().now(), Duration::from_secs(5));
}
