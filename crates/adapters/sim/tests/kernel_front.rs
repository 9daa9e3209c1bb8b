//! Does a separate, unmodified program find the simulated chips behind the kernel's own interface?
//!
//! The program is this crate's example `probe`, which talks to device nodes with linux-embedded-hal
//! and knows nothing of simulation.
#![cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64")))]
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "all of this file is a test")]

use std::{
    io::{BufRead as _, BufReader, Write as _},
    os::unix::{fs::MetadataExt as _, process::CommandExt as _},
    path::PathBuf,
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    time::Duration,
};

use sim::{
    bus::{BusFault, Effect, FaultPlan, I2cBus, SpiLine, When, Wiring},
    chips::{Bme280, Mcp3208},
    environment::Climate,
    gpio::GpioChip,
    kernel::{DeviceNodes, Front},
    time::Elapsed,
    tty::Pty,
};

const ENOENT: &str = "errno 2";
const EREMOTEIO: &str = "errno 121";

/// A bus with a BME280 at 0x76, a converter whose channel n is at n tenths of its reference, a line.
struct Board {
    bus: I2cBus,
    bme280: Wiring,
    converter: SpiLine,
    gps: Pty,
}

impl Board {
    fn new() -> Self {
        Self::with(I2cBus::new())
    }

    fn with(bus: I2cBus) -> Self {
        let air = Climate { celsius: -7.25, humidity_percent: 81.5, hectopascals: 987.6 };
        let bme280 = bus.attach(0x76, Bme280::new(Elapsed::running(), move |_| air));
        let converter = SpiLine::new(Mcp3208::new(1.0, |channel| f64::from(channel) / 10.0));
        Self { bus, bme280, converter, gps: Pty::open().unwrap() }
    }

    fn nodes(&self) -> DeviceNodes {
        let gps = self.gps.clone();
        DeviceNodes::new()
            .i2c("/dev/i2c-1", &self.bus)
            .spi("/dev/spidev0.0", &self.converter)
            .tty("/dev/ttyAMA0", move || gps.terminal())
    }

    fn probe(&self) -> Probe {
        Probe::start(&self.nodes(), &mut probe_command())
    }
}

fn probe_command() -> Command {
    let test = std::env::current_exe().unwrap();
    let profile = test.ancestors().nth(2).unwrap();
    let probe: PathBuf = profile.join("examples/probe");
    assert!(probe.exists(), "{} is missing: cargo build -p sim --examples", probe.display());
    Command::new(probe)
}

/// The program under test, behind a front of its own.
struct Probe {
    child: Child,
    commands: ChildStdin,
    answers: BufReader<ChildStdout>,
    front: Option<Front>,
}

impl Probe {
    fn start(nodes: &DeviceNodes, command: &mut Command) -> Self {
        let front = nodes.serve(command).unwrap();
        Self::spawn(command, Some(front))
    }

    fn spawn(command: &mut Command, front: Option<Front>) -> Self {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let commands = child.stdin.take().unwrap();
        let answers = BufReader::new(child.stdout.take().unwrap());
        Self { child, commands, answers, front }
    }

    fn tell(&mut self, command: &str) {
        writeln!(self.commands, "{command}").unwrap();
    }

    fn answer(&mut self) -> String {
        let mut answer = String::new();
        self.answers.read_line(&mut answer).unwrap();
        answer.trim_end().to_owned()
    }

    fn ask(&mut self, command: &str) -> String {
        self.tell(command);
        self.answer()
    }
}

impl Drop for Probe {
    fn drop(&mut self) {
        let _ended = self.child.kill().and_then(|()| self.child.wait());
        drop(self.front.take());
    }
}

fn assert_measures_the_air(probe: &mut Probe) {
    let answer = probe.ask("bme280 /dev/i2c-1");
    let found: Vec<f64> = answer.split(' ').map(|word| word.parse().expect(&answer)).collect();
    // One sample each: half a step of 16 bits is 0.0025 °C and 1.4 Pa.
    for (found, (expected, bound)) in
        found.iter().zip([(-7.25, 0.003), (81.5, 0.02), (98_760.0, 2.0)])
    {
        assert!((found - expected).abs() < bound, "{answer}");
    }
    assert_eq!(found.len(), 3, "{answer}");
}

#[test]
fn a_bme280_is_found_and_measured_by_the_published_driver() {
    let board = Board::new();
    assert_measures_the_air(&mut board.probe());
    assert!(board.bme280.tally().transactions >= 8);
}

#[test]
fn an_ordinary_user_needs_no_privilege_for_it() {
    let board = Board::new();
    let mut command = probe_command();
    // Whoever is not root shows it in every test of this file.
    if std::fs::metadata("/proc/self").unwrap().uid() == 0 {
        command.uid(65_534).gid(65_534);
    }
    let mut probe = Probe::start(&board.nodes(), &mut command);
    assert_measures_the_air(&mut probe);
    assert_eq!(probe.ask("mcp3208 /dev/spidev0.0 5"), "2048");
}

#[test]
fn a_converter_answers_through_spidev_and_keeps_its_settings() {
    let board = Board::new();
    let mut probe = board.probe();
    for (channel, code) in [(0, "0"), (5, "2048"), (7, "2867")] {
        assert_eq!(probe.ask(&format!("mcp3208 /dev/spidev0.0 {channel}")), code);
    }
    assert_eq!(
        probe.ask("spi-settings /dev/spidev0.0"),
        "Some(SpiModeFlags(SPI_CPHA | SPI_CPOL)) Some(8) Some(1000000)"
    );
}

#[test]
fn nobody_at_an_address_has_the_errno_of_the_adapter() {
    let mut raspberry = Board::new().probe();
    assert_eq!(raspberry.ask("i2c /dev/i2c-1 0x77 0xD0 1"), EREMOTEIO);
    assert_eq!(raspberry.ask("i2c /dev/i2c-1 0x76 0xD0 1"), "60");
    let bus = I2cBus::new().reporting_no_acknowledge_as(BusFault::NoAcknowledge);
    assert_eq!(Board::with(bus).probe().ask("i2c /dev/i2c-1 0x77 0xD0 1"), "errno 6");
}

#[test]
fn a_chip_can_be_pulled_and_plugged_in_while_the_program_runs() {
    let board = Board::new();
    let mut probe = board.probe();
    assert_measures_the_air(&mut probe);
    board.bme280.unplug();
    assert_eq!(probe.ask("i2c /dev/i2c-1 0x76 0xD0 1"), EREMOTEIO);
    board.bme280.replug();
    // Freshly powered: the data registers hold their reset values.
    assert_eq!(probe.ask("i2c /dev/i2c-1 0x76 0xF7 8"), "80 00 00 80 00 00 80 00");
    assert_measures_the_air(&mut probe);
}

#[test]
fn injected_faults_arrive_with_their_errno_or_as_wrong_bytes() {
    let board = Board::new();
    let mut probe = board.probe();
    let mut befallen = |effect| {
        board.bme280.inject(FaultPlan { when: When::Always, effect });
        let answer = probe.ask("i2c /dev/i2c-1 0x76 0xD0 1");
        board.bme280.heal();
        answer
    };
    assert_eq!(befallen(Effect::Fail(BusFault::Io)), "errno 5");
    assert_eq!(befallen(Effect::Fail(BusFault::ArbitrationLost)), "errno 11");
    assert_eq!(befallen(Effect::Flip(0x0F)), "6f");
    let time = Elapsed::running();
    assert_eq!(befallen(Effect::Stall(Duration::from_millis(30))), "errno 110");
    assert!(time.now() >= Duration::from_millis(30), "it timed out without taking its time");
    assert_eq!(probe.ask("i2c /dev/i2c-1 0x76 0xD0 1"), "60");
}

#[test]
fn a_chip_that_holds_its_bus_holds_no_other() {
    let board = Board::new();
    let nodes = board.nodes();
    let mut command = probe_command();
    let front = nodes.serve(&mut command).unwrap();
    let mut stuck = Probe::spawn(&mut command, Some(front));
    let mut free = Probe::spawn(&mut command, None);
    let for_ever = Effect::Stall(Duration::from_secs(3600));
    board.bme280.inject(FaultPlan { when: When::Always, effect: for_ever });
    stuck.tell("i2c /dev/i2c-1 0x76 0xD0 1");
    while board.bme280.tally().spoilt == 0 {
        std::thread::yield_now();
    }
    assert_eq!(free.ask("mcp3208 /dev/spidev0.0 5"), "2048");
    assert_eq!(free.ask("open /dev/null"), "/dev/null");
    drop(free); // Before the front, which `stuck` has.
}

#[test]
fn nodes_that_are_not_served_do_not_exist_and_other_files_are_untouched() {
    let mut probe = Board::new().probe();
    assert_eq!(probe.ask("open /dev/i2c-9"), ENOENT);
    assert_eq!(probe.ask("open /dev/spidev1.1"), ENOENT);
    assert_eq!(probe.ask("open /no/such/file"), ENOENT);
    assert_eq!(probe.ask("open /dev/null"), "/dev/null");
    assert_eq!(probe.ask("open /dev/i2c-1"), "/memfd:/dev/i2c-1 (deleted)");
}

#[test]
fn a_serial_line_is_a_terminal_that_comes_and_goes() {
    let board = Board::new();
    let mut probe = board.probe();
    let player =
        board.gps.play(Duration::ZERO, std::iter::repeat(b"$GPGGA,1\r\n".to_vec())).unwrap();
    assert_eq!(probe.ask("line /dev/ttyAMA0"), "$GPGGA,1");
    board.gps.unplug();
    assert_eq!(probe.ask("line /dev/ttyAMA0"), ENOENT);
    board.gps.replug().unwrap();
    assert_eq!(probe.ask("line /dev/ttyAMA0"), "$GPGGA,1");
    assert_eq!(probe.ask("open /dev/ttyAMA0"), board.gps.terminal().unwrap().to_str().unwrap());
    drop(player);
}

#[test]
fn edges_on_a_gpio_line_are_counted_by_the_programs_own_adapter() {
    let chip = GpioChip::new();
    let nodes = DeviceNodes::new().gpio("/dev/gpiochip0", &chip);
    let mut probe = Probe::start(&nodes, &mut probe_command());
    probe.tell("edges /dev/gpiochip0 17 1000");
    while !chip.is_used(17) {
        std::thread::yield_now();
    }
    for _ in 0..1_000 {
        chip.set(17, true);
        chip.set(17, false);
    }
    assert_eq!(probe.answer(), "1000 false");
    assert_eq!(probe.ask("edges /dev/gpiochip1 17 1"), "absent");
}

#[test]
fn an_output_line_is_what_the_program_sets() {
    let chip = GpioChip::new();
    let nodes = DeviceNodes::new().gpio("/dev/gpiochip0", &chip);
    let mut probe = Probe::start(&nodes, &mut probe_command());
    for (level, is_high) in [(1, true), (0, false), (1, true)] {
        assert_eq!(probe.ask(&format!("output /dev/gpiochip0 4 {level}")), is_high.to_string());
        assert_eq!(chip.is_high(4), is_high);
    }
    assert!(!chip.is_used(4), "given back");
}

#[test]
fn malformed_requests_get_the_kernels_errno_and_the_server_goes_on() {
    let board = Board::new();
    let mut probe = board.probe();
    for (request, errno) in [
        ("ioctl /dev/i2c-1 0x0707 8", "errno 14"), // I2C_RDWR at an unmapped address
        ("ioctl /dev/i2c-1 0x0705 8", "errno 14"), // I2C_FUNCS to one
        ("ioctl /dev/i2c-1 0x0703 200", "errno 22"), // An address of more than 7 bits
        ("ioctl /dev/i2c-1 0x0720 8", "errno 95"), // I2C_SMBUS
        ("ioctl /dev/i2c-1 0x07FF 0", "errno 25"), // No such request
        ("ioctl /dev/i2c-1 0x80016B01 8", "errno 25"), // SPI_IOC_RD_MODE of an I2C adapter
        ("ioctl /dev/spidev0.0 0x40206B00 8", "errno 14"), // A message at an unmapped address
        ("ioctl /dev/spidev0.0 0x401F6B00 8", "errno 22"), // One that is not a whole transfer
        ("ioctl /dev/spidev0.0 0x80016BFF 8", "errno 25"), // No such request
        ("ioctl /dev/null 0x0703 0x76", "errno 25"), // Not a node: the kernel's own answer
        ("i2c-messages /dev/i2c-1 0x76 42", "done"),
        ("i2c-messages /dev/i2c-1 0x76 43", "errno 22"),
        ("write /dev/i2c-1", "errno 1"),
    ] {
        assert_eq!(probe.ask(request), errno, "{request}");
    }
    assert_measures_the_air(&mut probe);
}

#[test]
fn many_threads_of_several_children_share_one_bus() {
    let board = Board::new();
    let mut command = probe_command();
    let front = board.nodes().serve(&mut command).unwrap();
    let mut probes: Vec<_> = (0..3).map(|_| Probe::spawn(&mut command, None)).collect();
    for probe in &mut probes {
        probe.tell("i2c-repeat /dev/i2c-1 0x76 4 250");
    }
    for probe in &mut probes {
        assert_eq!(probe.answer(), "1000");
    }
    assert_eq!(board.bme280.tally().transactions, 3_000);
    drop(probes);
    drop(front);
}

#[test]
fn children_that_come_and_go_leave_the_front_serving() {
    let board = Board::new();
    let mut command = probe_command();
    let front = board.nodes().serve(&mut command).unwrap();
    for _ in 0..3 {
        let mut probe = Probe::spawn(&mut command, None);
        probe.tell("i2c-repeat /dev/i2c-1 0x76 4 1000000");
        let before = board.bme280.tally().transactions;
        while board.bme280.tally().transactions < before + 100 {
            std::thread::yield_now();
        }
        drop(probe); // Killed in the middle of its transactions.
    }
    assert_eq!(Probe::spawn(&mut command, Some(front)).ask("i2c /dev/i2c-1 0x76 0xD0 1"), "60");
}

#[test]
fn a_child_whose_front_has_gone_is_told_so_and_does_not_hang() {
    let mut probe = Board::new().probe();
    assert_eq!(probe.ask("open /dev/null"), "/dev/null");
    drop(probe.front.take());
    assert_eq!(probe.ask("open /dev/null"), "errno 38");
}
