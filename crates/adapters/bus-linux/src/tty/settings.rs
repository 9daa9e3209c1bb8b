//! How a UART frames its bytes, and what that is in termios.

use core::time::Duration;
use std::io;

use rustix::termios::{ControlModes, InputModes, SpecialCodeIndex, Termios};

/// The parity bit of each byte.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Parity {
    /// There is none.
    #[default]
    None,
    /// An even number of ones. A byte that has an odd number is read as 0.
    Even,
    /// An odd number of ones. A byte that has an even number is read as 0.
    Odd,
}

/// How many bits of a byte are sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DataBits {
    /// The lower seven; the eighth is read as 0.
    Seven,
    /// All.
    #[default]
    Eight,
}

/// How long the pause is that ends a byte.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum StopBits {
    /// One bit.
    #[default]
    One,
    /// Two bits.
    Two,
}

/// The driver's RS-485 mode: it raises RTS to send and lowers it to listen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rs485 {
    /// From raising RTS to the first bit. Rounded up to milliseconds.
    pub delay_before_send: Duration,
    /// From the last bit to lowering RTS. Rounded up to milliseconds.
    pub delay_after_send: Duration,
    /// Whether the transceiver sends while RTS is low instead.
    pub is_inverted: bool,
}

/// How the device speaks; always without flow control.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TtySettings {
    /// Bits per second. Any number that the UART can divide down to, not only the customary ones.
    pub baud: u32,
    /// The parity bit.
    pub parity: Parity,
    /// Bits per byte.
    pub data_bits: DataBits,
    /// The end of a byte.
    pub stop_bits: StopBits,
    /// The driver's RS-485 mode, if it is to be used. A tty whose driver has none cannot be opened.
    pub rs485: Option<Rs485>,
    /// Whether the receiver hears what we send, as that of many two-wire adapters does.
    pub has_echo: bool,
}

impl Default for TtySettings {
    /// 9600 baud, 8 data bits, no parity, 1 stop bit; no RS-485 and no echo.
    fn default() -> Self {
        Self {
            baud: 9600,
            parity: Parity::None,
            data_bits: DataBits::Eight,
            stop_bits: StopBits::One,
            rs485: None,
            has_echo: false,
        }
    }
}

/// Raw bytes, framed on the wire as `settings` say.
pub(super) fn arrange(attributes: &mut Termios, settings: TtySettings) -> io::Result<()> {
    attributes.make_raw();
    attributes.control_modes.remove(
        ControlModes::CSIZE
            | ControlModes::CSTOPB
            | ControlModes::CRTSCTS
            | ControlModes::PARENB
            | ControlModes::PARODD,
    );
    attributes.control_modes.insert(
        ControlModes::CLOCAL
            | ControlModes::CREAD
            | match settings.data_bits {
                DataBits::Seven => ControlModes::CS7,
                DataBits::Eight => ControlModes::CS8,
            }
            | match settings.stop_bits {
                StopBits::One => ControlModes::empty(),
                StopBits::Two => ControlModes::CSTOPB,
            }
            | match settings.parity {
                Parity::None => ControlModes::empty(),
                Parity::Even => ControlModes::PARENB,
                Parity::Odd => ControlModes::PARENB | ControlModes::PARODD,
            },
    );
    attributes.input_modes.set(InputModes::INPCK, settings.parity != Parity::None);
    attributes.input_modes.set(InputModes::ISTRIP, settings.data_bits == DataBits::Seven);
    attributes.special_codes[SpecialCodeIndex::VMIN] = 1;
    attributes.special_codes[SpecialCodeIndex::VTIME] = 0;
    Ok(attributes.set_speed(settings.baud)?)
}
