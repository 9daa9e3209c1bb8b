//! Which addresses are read together.

use super::registers::{Register, Table};

/// A run of addresses of one table, and the sensors in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Block {
    table: Table,
    start: u16,
    /// How many addresses; fits into one frame.
    count: u16,
    sensors: Vec<usize>,
}

impl Block {
    pub(super) const fn table(&self) -> Table {
        self.table
    }

    /// The first address.
    pub(super) const fn start(&self) -> u16 {
        self.start
    }

    /// How many addresses.
    pub(super) const fn count(&self) -> u16 {
        self.count
    }

    /// The indices of the sensors in it.
    pub(super) fn sensors(&self) -> &[usize] {
        &self.sensors
    }

    /// How many bytes of data its answer has.
    pub(super) fn data_bytes(&self) -> usize {
        let count = usize::from(self.count);
        if self.table.is_bits() { count.div_ceil(8) } else { count * 2 }
    }

    /// How many bytes its answer has in all: unit, function, count, data and CRC.
    pub(super) fn answer_bytes(&self) -> usize {
        self.data_bytes() + 5
    }

    fn end(&self) -> u32 {
        u32::from(self.start) + u32::from(self.count)
    }
}

/// Merges `registers` into as few blocks as the limits allow, in the order of tables and addresses.
/// Limits are in words of 16 bits.
pub(super) fn plan(registers: &[Register], gap_max: u16, block_max: u16) -> Vec<Block> {
    let mut indices: Vec<(usize, &Register)> = registers.iter().enumerate().collect();
    indices.sort_by_key(|(_, register)| (register.table, register.address));
    let mut blocks: Vec<Block> = Vec::new();
    for (index, register) in indices {
        let addresses_per_word = if register.table.is_bits() { 16 } else { 1 };
        let end = u32::from(register.address) + register.width();
        let merged = blocks.last_mut().and_then(|last| {
            let end = end.max(last.end());
            let is_near =
                u32::from(register.address) <= last.end() + u32::from(gap_max) * addresses_per_word;
            let count = u16::try_from(end - u32::from(last.start)).ok()?;
            let fits = u32::from(count) <= u32::from(block_max) * addresses_per_word;
            (last.table == register.table && is_near && fits).then_some((last, count))
        });
        if let Some((block, count)) = merged {
            block.count = count;
            block.sensors.push(index);
        } else {
            blocks.push(Block {
                table: register.table,
                start: register.address,
                count: u16::try_from(register.width()).unwrap_or(1),
                sensors: vec![index],
            });
        }
    }
    blocks
}

#[cfg(test)]
mod tests {
    use domain::QuantityKind;
    use proptest::{collection::vec, prelude::*};

    use super::{
        super::registers::{Order, RegisterType},
        *,
    };
    use crate::number::NumberType;

    fn register(table: Table, address: u16, holds: RegisterType) -> Register {
        Register {
            name: format!("at_{address}"),
            table,
            address,
            holds,
            order: Order::Big,
            kind: QuantityKind::Dimensionless,
            scale: 1.0,
            offset: 0.0,
        }
    }

    fn word(address: u16) -> Register {
        register(Table::Holding, address, RegisterType::Number(NumberType::U16))
    }

    /// Start, count and sensors of each block.
    fn runs(registers: &[Register], gap_max: u16, block_max: u16) -> Vec<(u16, u16, Vec<usize>)> {
        let blocks = plan(registers, gap_max, block_max);
        blocks.into_iter().map(|block| (block.start, block.count, block.sensors)).collect()
    }

    #[test]
    fn neighbours_share_a_block_and_others_do_if_the_gap_is_allowed() {
        let registers = [word(12), word(10), word(11), word(15)];
        assert_eq!(runs(&registers, 0, 125), [(10, 3, vec![1, 2, 0]), (15, 1, vec![3])]);
        assert_eq!(runs(&registers, 1, 125).len(), 2);
        assert_eq!(runs(&registers, 2, 125), [(10, 6, vec![1, 2, 0, 3])]);
    }

    #[test]
    fn a_block_ends_at_its_limit_and_a_number_is_never_split() {
        let double = register(Table::Holding, 12, RegisterType::Number(NumberType::F64));
        let registers = [word(10), word(11), double];
        assert_eq!(runs(&registers, 0, 5), [(10, 2, vec![0, 1]), (12, 4, vec![2])]);
        assert_eq!(runs(&registers, 0, 1), [(10, 1, vec![0]), (11, 1, vec![1]), (12, 4, vec![2])]);
    }

    #[test]
    fn tables_are_apart_and_bits_count_by_sixteen() {
        let coil = |address| register(Table::Coil, address, RegisterType::Bool);
        let registers = [word(0), coil(0), coil(1_999), coil(2_000)];
        assert_eq!(
            runs(&registers, 125, 125),
            [(0, 2_000, vec![1, 2]), (2_000, 1, vec![3]), (0, 1, vec![0])]
        );
    }

    proptest! {
        #[test]
        fn each_sensor_is_in_one_block_that_covers_it_and_fits_a_frame(
            addresses in vec((0_u16..300, prop_oneof![
                Just(NumberType::U16), Just(NumberType::F32), Just(NumberType::I64),
            ]), 1..40),
            gap_max in 0_u16..20,
            block_max in 1_u16..=125,
        ) {
            let one = |&(address, number)| {
                register(Table::Input, address, RegisterType::Number(number))
            };
            let registers: Vec<_> = addresses.iter().map(one).collect();
            let blocks = plan(&registers, gap_max, block_max);
            let mut seen: Vec<_> = blocks.iter().flat_map(|block| block.sensors.clone()).collect();
            seen.sort_unstable();
            prop_assert!(seen.into_iter().eq(0..registers.len()));
            for block in &blocks {
                prop_assert!(block.count <= block_max.max(4));
                for &index in &block.sensors {
                    let Register { address, .. } = registers[index];
                    prop_assert!(block.start <= address);
                    prop_assert!(u32::from(address) + registers[index].width() <= block.end());
                }
            }
        }
    }
}
