//! A device made from nothing but its entry, to ask it what it would do.

use core::time::Duration;

use ports::Device;

use super::{
    Arguments, Attachment, BadOptions, Entry, GpioPlace, I2cPlace, Made, SpiPlace, SysfsPlace,
    UartPlace,
};

/// The clock of a chip select for which nothing else is said, in hertz, unless the chip is slower.
const SPI_CLOCK_HZ: u32 = 1_000_000;

impl Attachment {
    /// The clock rate for which nothing else is said, in hertz: 1 MHz, which wires of some length
    /// carry, or the chip's fastest below it; 0 on other buses.
    pub fn bits_per_second_default(&self) -> u32 {
        match self {
            Self::Spi { clock_hz_max, .. } => SPI_CLOCK_HZ.min(*clock_hz_max),
            Self::Uart { .. } => 9600,
            Self::I2c { .. } | Self::Sysfs { .. } | Self::Gpio { .. } => 0,
        }
    }

    /// Makes a device where nothing is. `bus_timeout` and `bits_per_second` are those of the bus on which
    /// it would be; only that of its class matters.
    ///
    /// # Errors
    ///
    /// [`BadOptions`] if the driver refuses `arguments`.
    pub fn make_nowhere(
        &self,
        arguments: &Arguments,
        bus_timeout: Duration,
        bits_per_second: u32,
    ) -> Made {
        match self {
            Self::I2c { addresses, make } => {
                let address = addresses.first().copied().unwrap_or_default();
                make(I2cPlace::nowhere(address, bus_timeout), arguments)
            }
            Self::Spi { make, .. } => make(SpiPlace::nowhere(bits_per_second), arguments),
            Self::Uart { make, .. } => make(UartPlace::nowhere(bits_per_second), arguments),
            Self::Sysfs { make } => make(SysfsPlace::nowhere(), arguments),
            Self::Gpio { make } => make(GpioPlace::nowhere(), arguments),
        }
    }
}

impl Entry {
    /// Makes a device where nothing is, with the default of each parameter or an example, for each
    /// attachment.
    ///
    /// # Errors
    ///
    /// [`BadOptions`] if the driver refuses its own examples.
    pub fn examples(&self, bus_timeout: Duration) -> Result<Vec<Box<dyn Device>>, BadOptions> {
        let arguments = Arguments::example(self.parameters);
        let make = |attachment: &Attachment| {
            attachment.make_nowhere(&arguments, bus_timeout, attachment.bits_per_second_default())
        };
        self.attachments.iter().map(make).collect()
    }
}
