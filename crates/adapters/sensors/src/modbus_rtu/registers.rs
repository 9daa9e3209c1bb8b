//! What a register holds, and how bytes of an answer become its quantity.

use domain::{NoData, Quantity, QuantityKind};

use super::blocks::Block;
use crate::number::NumberType;

/// One of the four address spaces (V1.1b3, 4.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Table {
    /// Single bits, read and written.
    Coil,
    /// Single bits, read only.
    Discrete,
    /// Words of 16 bits, read only.
    Input,
    /// Words of 16 bits, read and written.
    Holding,
}

impl Table {
    /// Each with the word that configuration has for it.
    pub const NAMES: &[(&str, Self)] = &[
        ("coil", Self::Coil),
        ("discrete", Self::Discrete),
        ("input", Self::Input),
        ("holding", Self::Holding),
    ];

    /// Whether an address is one bit rather than 16.
    pub(super) const fn is_bits(self) -> bool {
        matches!(self, Self::Coil | Self::Discrete)
    }
}

/// In which order a number's bytes are on the wire; A is the most significant one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    /// AB, ABCD, ABCDEFGH: the standard's.
    #[default]
    Big,
    /// BA, DCBA, HGFEDCBA.
    Little,
    /// AB, CDAB, GHEFCDAB: registers in reverse, each as the standard has it.
    BigSwapped,
    /// BA, BADC, BADCFEHG: registers in order, the bytes of each in reverse.
    LittleSwapped,
}

impl Order {
    /// Each with the word that configuration has for it.
    pub const NAMES: &[(&str, Self)] = &[
        ("big", Self::Big),
        ("little", Self::Little),
        ("big_swapped", Self::BigSwapped),
        ("little_swapped", Self::LittleSwapped),
    ];

    /// The same bytes, most significant first.
    fn to_big(self, wire: &[u8]) -> Vec<u8> {
        let words = wire.chunks(2);
        match self {
            Self::Big => wire.to_vec(),
            Self::Little => wire.iter().rev().copied().collect(),
            Self::BigSwapped => words.rev().flatten().copied().collect(),
            Self::LittleSwapped => words.flat_map(|word| word.iter().rev()).copied().collect(),
        }
    }
}

/// What stands at an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RegisterType {
    /// A number of one, two or four registers.
    Number(NumberType),
    /// 0 or 1: a coil, a discrete input, or a register that is 0 or is not.
    Bool,
    /// 0 or 1: one bit of a register, 0 being the least significant.
    Bit(u8),
}

impl RegisterType {
    /// Each with the word that configuration has for it, but for `bit`, which has a number with it.
    pub const NAMES: &[(&str, Self)] = &[
        ("u16", Self::Number(NumberType::U16)),
        ("i16", Self::Number(NumberType::I16)),
        ("u32", Self::Number(NumberType::U32)),
        ("i32", Self::Number(NumberType::I32)),
        ("u64", Self::Number(NumberType::U64)),
        ("i64", Self::Number(NumberType::I64)),
        ("f32", Self::Number(NumberType::F32)),
        ("f64", Self::Number(NumberType::F64)),
        ("bool", Self::Bool),
    ];
}

/// One place in the slave and what it measures: the number times `scale` plus `offset`, in the kind's
/// unit.
#[derive(Clone, Debug, PartialEq)]
pub struct Register {
    /// The sensor's name.
    pub name: String,
    /// The address space.
    pub table: Table,
    /// The address of the first register, or of the bit, from 0.
    pub address: u16,
    /// What stands there.
    pub holds: RegisterType,
    /// In which order its bytes come.
    pub order: Order,
    /// What it measures, and so the unit.
    pub kind: QuantityKind,
    /// 1, or what turns the slave's unit into the kind's.
    pub scale: f64,
    /// 0, or what is added after scaling.
    pub offset: f64,
}

impl Register {
    /// How many addresses it takes.
    pub(super) const fn width(&self) -> u32 {
        match self.holds {
            RegisterType::Number(
                NumberType::U8 | NumberType::I8 | NumberType::U16 | NumberType::I16,
            )
            | RegisterType::Bool
            | RegisterType::Bit(_) => 1,
            RegisterType::Number(NumberType::U32 | NumberType::I32 | NumberType::F32) => 2,
            RegisterType::Number(NumberType::U64 | NumberType::I64 | NumberType::F64) => 4,
        }
    }

    /// Whether its table can hold such a thing, and has the addresses.
    pub(super) fn is_possible(&self) -> bool {
        let fits = match self.holds {
            RegisterType::Number(number) => number.bytes() > 1 && !self.table.is_bits(),
            RegisterType::Bit(bit) => bit < 16 && !self.table.is_bits(),
            RegisterType::Bool => true,
        };
        fits && u32::from(self.address) + self.width() <= 1 << 16
    }

    /// Its quantity in the data of its block.
    pub(super) fn quantity(&self, block: &Block, data: &[u8]) -> Result<Quantity, NoData> {
        let at = usize::from(self.address.wrapping_sub(block.start()));
        let number = if self.table.is_bits() {
            // The first coil is the least significant bit of the first byte (V1.1b3, 6.1).
            let byte = data.get(at / 8).ok_or(NoData::Internal)?;
            f64::from(byte >> (at % 8) & 1)
        } else {
            self.number(data.get(at * 2..).unwrap_or_default()).ok_or(NoData::Internal)?
        };
        let number = number * self.scale + self.offset;
        self.kind.quantity(number).map_err(|_| NoData::Implausible)
    }

    fn number(&self, data: &[u8]) -> Option<f64> {
        let of =
            |number: NumberType| number.decode(&self.order.to_big(data.get(..number.bytes())?));
        match self.holds {
            RegisterType::Number(number) => of(number),
            RegisterType::Bool => of(NumberType::U16).map(|word| f64::from(u8::from(word != 0.0))),
            RegisterType::Bit(bit) => {
                let [high, low] = *self.order.to_big(data.get(..2)?) else { return None };
                Some(f64::from(u16::from_be_bytes([high, low]) >> bit & 1))
            }
        }
    }
}
