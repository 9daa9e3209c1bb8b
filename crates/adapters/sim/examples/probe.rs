//! Talks to device nodes as told, one command per line of standard input, one answer per line of
//! standard output. Knows nothing of simulation: on a Raspberry Pi it talks to the real ones.
//!
//! ```text
//! i2c NODE ADDRESS REGISTER LENGTH    reads registers, in hexadecimal
//! i2c-messages NODE ADDRESS COUNT     writes one register address COUNT times in one transaction
//! i2c-repeat NODE ADDRESS THREADS COUNT  reads the first register; how often that went well
//! bme280 NODE                         °C, %, Pa
//! mcp3208 NODE CHANNEL                counts of a single-ended channel
//! spi-settings NODE                   mode, bits per word and speed after setting mode 3, 8, 1 MHz
//! ioctl NODE REQUEST ARGUMENT         a bare ioctl
//! open PATH                           opens it, and says what it really is
//! write PATH                          opens it and writes a byte
//! edges NODE LINE COUNT               waits for so many rising edges: how many there were, the level
//! output NODE LINE LEVEL              sets an output and says what is on the line
//! line PATH                           opens it and reads one line
//! ```
//!
//! A failure is answered with `errno` and its number, or with what a driver says.

use std::{
    fs::OpenOptions,
    io::{self, BufRead as _, Write as _},
    os::{fd::AsRawFd as _, unix::fs::OpenOptionsExt as _},
    thread,
    time::Duration,
};

use bus_linux::{GpioInput, GpioOutput, InputSettings};
use embedded_hal::{
    i2c::{I2c as _, Operation},
    spi::SpiDevice as _,
};
use linux_embedded_hal::{
    Delay, I2cdev, SpidevDevice,
    i2cdev::linux::LinuxI2CError,
    spidev::{SpiModeFlags, SpidevOptions},
};
use ports::InputLine as _;

type Answer = Result<String, Box<dyn std::error::Error>>;

fn main() -> io::Result<()> {
    let mut output = io::stdout();
    for line in io::stdin().lock().lines() {
        let line = line?;
        let words: Vec<_> = line.split_whitespace().collect();
        let answer = obey(&words).unwrap_or_else(|error| error.to_string());
        writeln!(output, "{answer}")?;
    }
    Ok(())
}

fn obey(words: &[&str]) -> Answer {
    match *words {
        ["i2c", node, address, register, length] => {
            let mut bytes = vec![0; number(length)?];
            let mut bus = I2cdev::new(node).map_err(|error| in_words(&error))?;
            bus.write_read(number::<u8>(address)?, &[number(register)?], &mut bytes)
                .map_err(|error| in_words(error.inner()))?;
            Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(" "))
        }
        ["i2c-messages", node, address, count] => {
            let mut bus = I2cdev::new(node).map_err(|error| in_words(&error))?;
            let mut operations: Vec<_> =
                (0..number(count)?).map(|_: usize| Operation::Write(&[0])).collect();
            bus.transaction(number::<u8>(address)?, &mut operations)
                .map_err(|error| in_words(error.inner()))?;
            Ok("done".to_owned())
        }
        ["i2c-repeat", node, address, threads, count] => {
            Ok(repeat(node, number(address)?, number(threads)?, number(count)?))
        }
        ["bme280", node] => bme280(node),
        ["mcp3208", node, channel] => mcp3208(node, number(channel)?),
        ["spi-settings", node] => spi_settings(node),
        ["ioctl", node, request, argument] => ioctl(node, number(request)?, number(argument)?),
        ["open", path] => {
            let file = OpenOptions::new()
                .read(true)
                .write(true)
                .open(path)
                .map_err(|error| errno(&error))?;
            let link = format!("/proc/self/fd/{}", file.as_raw_fd());
            Ok(std::fs::read_link(link)?.display().to_string())
        }
        ["write", path] => {
            let mut file = OpenOptions::new()
                .read(true)
                .write(true)
                .open(path)
                .map_err(|error| errno(&error))?;
            file.write_all(&[0]).map_err(|error| errno(&error))?;
            Ok("written".to_owned())
        }
        ["line", path] => {
            let mut options = OpenOptions::new();
            options.read(true).write(true).custom_flags(libc::O_NOCTTY);
            let mut line = String::new();
            io::BufReader::new(options.open(path).map_err(|error| errno(&error))?)
                .read_line(&mut line)?;
            Ok(line.trim_end().to_owned())
        }
        ["edges", node, line, count] => edges(node, number(line)?, number(count)?),
        ["output", node, line, level] => {
            let level = number::<u8>(level)? != 0;
            let mut output = GpioOutput::new(node, number(line)?, false, level);
            let set = output.set(level).and_then(|()| output.level());
            Ok(set.map_err(|reason| reason.to_string())?.to_string())
        }
        _ => Err("what?".into()),
    }
}

fn bme280(node: &str) -> Answer {
    let mut sensor =
        bme280::i2c::BME280::new_primary(I2cdev::new(node).map_err(|error| in_words(&error))?);
    let settings = bme280::Configuration::default(); // Every sample once: 8 ms.
    sensor.init_with_config(&mut Delay, settings).map_err(|error| format!("{error:?}"))?;
    let found = sensor.measure(&mut Delay).map_err(|error| format!("{error:?}"))?;
    Ok(format!("{} {} {}", found.temperature, found.humidity, found.pressure))
}

fn edges(node: &str, line: u32, count: u32) -> Answer {
    let mut input = GpioInput::new(node, line, InputSettings::default());
    let mut last = 0;
    while last < count {
        let edges = input.edges(Duration::from_secs(10)).map_err(|reason| reason.to_string())?;
        last = edges.last().ok_or("no edge in 10 s")?.number;
    }
    Ok(format!("{last} {}", input.level().map_err(|reason| reason.to_string())?))
}

fn mcp3208(node: &str, channel: u8) -> Answer {
    let mut device = SpidevDevice::open(node).map_err(|error| errno(error.inner()))?;
    let mut frame = [0x06 | channel >> 2, channel << 6, 0];
    device.transfer_in_place(&mut frame).map_err(|error| errno(error.inner()))?;
    Ok((u16::from(frame[1] & 0x0F) << 8 | u16::from(frame[2])).to_string())
}

fn spi_settings(node: &str) -> Answer {
    let mut device = SpidevDevice::open(node).map_err(|error| errno(error.inner()))?;
    let mut options = SpidevOptions::new();
    options.mode(SpiModeFlags::SPI_MODE_3).bits_per_word(8).max_speed_hz(1_000_000);
    device.configure(&options.build()).map_err(|error| errno(&error))?;
    let found = device.query_configuration().map_err(|error| errno(&error))?;
    Ok(format!("{:?} {:?} {:?}", found.spi_mode, found.bits_per_word, found.max_speed_hz))
}

fn repeat(node: &str, address: u8, threads: usize, count: usize) -> String {
    let read_often = || {
        let Ok(mut bus) = I2cdev::new(node) else { return 0 };
        (0..count).filter(|_| bus.write_read(address, &[0], &mut [0]).is_ok()).count()
    };
    let total: usize = thread::scope(|scope| {
        let readers: Vec<_> = (0..threads).map(|_| scope.spawn(read_often)).collect();
        readers.into_iter().map(|reader| reader.join().unwrap_or(0)).sum()
    });
    total.to_string()
}

#[expect(unsafe_code, reason = "asks for what no safe program would")]
fn ioctl(node: &str, request: u64, argument: usize) -> Answer {
    let file =
        OpenOptions::new().read(true).write(true).open(node).map_err(|error| errno(&error))?;
    // SAFETY: the arguments that are sent here are integers or addresses where nothing is mapped, so
    // there is no memory of ours to be read or written.
    let outcome = unsafe { libc::ioctl(file.as_raw_fd(), request as libc::Ioctl, argument) };
    if outcome < 0 {
        Err(errno(&io::Error::last_os_error()).into())
    } else {
        Ok(outcome.to_string())
    }
}

/// Decimal, or hexadecimal after `0x`.
fn number<T: TryFrom<u64>>(text: &str) -> Result<T, String> {
    let parsed = match text.strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16),
        None => text.parse(),
    };
    let refused = || format!("`{text}` is not a number for this");
    T::try_from(parsed.map_err(|_| refused())?).map_err(|_| refused())
}

fn in_words(error: &LinuxI2CError) -> String {
    match error {
        LinuxI2CError::Errno(number) => format!("errno {number}"),
        LinuxI2CError::Io(error) => errno(error),
    }
}

fn errno(error: &io::Error) -> String {
    error.raw_os_error().map_or_else(|| error.to_string(), |number| format!("errno {number}"))
}
