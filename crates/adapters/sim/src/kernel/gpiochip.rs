//! The ioctls of `linux/gpio.h`, version 2, answered from a chip in memory.

use std::{path::Path, sync::Arc};

use rustix::io::Errno;

use super::{
    answer::{Answer, Refusal, Write},
    child::Child,
};
use crate::gpio::{GpioChip, Usage};

/// `_IOC_TYPE` of all of them, and the requests in full.
pub(super) const TYPE: u32 = 0xB4;
const GET_LINE: u32 = 0xC250_B407;
const GET_VALUES: u32 = 0xC010_B40E;
const SET_VALUES: u32 = 0xC010_B40F;

/// `struct gpio_v2_line_request`: its size, and where its members are.
const REQUEST_SIZE: usize = 592;
const FLAGS: usize = 288;
const ATTRIBUTE_COUNT: usize = 296;
const ATTRIBUTES: usize = 320;
const LINE_COUNT: usize = 560;
const FD: u64 = 588;

const ACTIVE_LOW: u64 = 1 << 1;
const INPUT: u64 = 1 << 2;
const OUTPUT: u64 = 1 << 3;
const EDGE_RISING: u64 = 1 << 4;
const EDGE_FALLING: u64 = 1 << 5;
/// `GPIO_V2_LINE_ATTR_ID_OUTPUT_VALUES`
const OUTPUT_VALUES: u64 = 2;

/// Answers `request` with `argument` on the node of `chip`.
pub(super) fn ioctl(
    child: Child,
    chip: &GpioChip,
    request: u32,
    argument: u64,
) -> Result<Answer, Refusal> {
    if request != GET_LINE {
        return Err(Errno::NOTTY.into());
    }
    let wanted = child.array::<REQUEST_SIZE>(argument)?;
    let (offset, usage) = usage(&wanted).ok_or(Errno::INVAL)?;
    let line = chip.request(offset, usage);
    let line = line.map_err(|error| Errno::from_io_error(&error).unwrap_or(Errno::IO))?;
    let at = argument.checked_add(FD).ok_or(Errno::FAULT)?;
    Ok(Answer::Granted { file: Arc::new(line), at })
}

/// Answers `request` on the line whose descriptor is called `link`, if it is one of `chip`.
pub(super) fn line_ioctl(
    child: Child,
    chip: &GpioChip,
    link: &Path,
    (request, argument): (u32, u64),
) -> Option<Result<Answer, Refusal>> {
    let level = chip.level(link, None)?;
    Some(match request {
        GET_VALUES => {
            let bytes = u64::from(level).to_ne_bytes().to_vec();
            Ok(Answer::Done { value: 0, writes: vec![Write { address: argument, bytes }] })
        }
        SET_VALUES => child.array(argument).map_err(Refusal::from).map(|bits| {
            let _level = chip.level(link, Some(u64::from_ne_bytes(bits) & 1 != 0));
            Answer::done(0)
        }),
        _ => Err(Errno::NOTTY.into()),
    })
}

/// The one line that is asked for, and how; `None` if the chip cannot do that.
fn usage(wanted: &[u8; REQUEST_SIZE]) -> Option<(u32, Usage)> {
    let word = |at: usize| wanted.get(at..at + 4)?.try_into().ok().map(u32::from_ne_bytes);
    let double = |at: usize| wanted.get(at..at + 8)?.try_into().ok().map(u64::from_ne_bytes);
    let flags = double(FLAGS)?;
    let has = |flag| flags & flag != 0;
    if word(LINE_COUNT)? != 1 || has(INPUT) == has(OUTPUT) {
        return None;
    }
    let first_is_values =
        word(ATTRIBUTE_COUNT)? > 0 && double(ATTRIBUTES)? & 0xFFFF_FFFF == OUTPUT_VALUES;
    let level = first_is_values && double(ATTRIBUTES + 8)? & 1 != 0;
    let usage = Usage {
        is_active_low: has(ACTIVE_LOW),
        tells_rising: has(EDGE_RISING),
        tells_falling: has(EDGE_FALLING),
        output: has(OUTPUT).then_some(level),
    };
    Some((word(0)?, usage))
}
