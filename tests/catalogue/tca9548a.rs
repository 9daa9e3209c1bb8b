//! TCA9548A: two chips with one address, each behind a channel of its own.

use domain::NoData;
use embedded_hal::i2c::I2c as _;
use sensors::{Switch, Tca9548a};
use sim::{
    bus::{BusFault, Effect, FaultPlan, I2cBus, SwitchedBus, When},
    chips::{I2cChip, Nak},
};

const SWITCH: u8 = 0x70;
const CHIP: u8 = 0x48;

/// Says who it is.
struct Named(u8);

impl I2cChip for Named {
    fn power_on(&mut self) {}

    fn write(&mut self, _: &[u8]) -> Result<(), Nak> {
        Ok(())
    }

    fn read(&mut self, bytes: &mut [u8]) -> Result<(), Nak> {
        bytes.fill(self.0);
        Ok(())
    }
}

struct Stand {
    board: SwitchedBus,
    behind: [Tca9548a<SwitchedBus>; 2],
}

/// Chip 2 behind channel 2, chip 7 behind channel 7.
fn stand(switch: &Switch) -> Stand {
    let board = SwitchedBus::new(I2cBus::new(), SWITCH);
    let behind = [2, 7].map(|channel| {
        board.channel(channel).unwrap().attach(CHIP, Named(channel));
        Tca9548a::new(board.clone(), switch.clone(), channel).unwrap()
    });
    Stand { board, behind }
}

fn ask(bus: &mut Tca9548a<SwitchedBus>) -> Result<u8, NoData> {
    let mut byte = [0];
    bus.read(CHIP, &mut byte).map_err(NoData::from).map(|()| byte[0])
}

fn switches() -> [Switch; 2] {
    let switch = || Switch::new(SWITCH).unwrap();
    [switch(), switch().cached()]
}

#[test]
fn two_chips_with_one_address_on_two_channels_do_not_mix() {
    for switch in switches() {
        let Stand { behind: [two, seven], .. } = &mut stand(&switch);
        for _ in 0..3 {
            assert_eq!((ask(two), ask(seven)), (Ok(2), Ok(7)));
        }
    }
}

#[test]
fn without_the_switch_all_behind_it_is_absent_and_back_with_it() {
    for switch in switches() {
        let Stand { board, behind: [two, seven] } = &mut stand(&switch);
        assert_eq!(ask(two), Ok(2));
        board.wiring().unplug();
        assert_eq!((ask(two), ask(seven)), (Err(NoData::Absent), Err(NoData::Absent)));
        board.wiring().replug();
        assert_eq!((ask(two), ask(seven)), (Ok(2), Ok(7)));
    }
}

#[test]
fn a_switch_that_lost_its_supply_unnoticed_is_told_its_channel_again() {
    let [shared, cached] = switches();
    for (switch, first) in [(shared, Ok(2)), (cached, Err(NoData::Absent))] {
        let Stand { board, behind: [two, _] } = &mut stand(&switch);
        assert_eq!(ask(two), Ok(2));
        board.wiring().unplug();
        board.wiring().replug();
        // Cached, the register is not looked at until a transaction fails.
        assert_eq!((ask(two), ask(two)), (first, Ok(2)));
    }
}

#[test]
fn a_cached_selection_is_written_once_and_after_forgetting_once_more() {
    let switch = Switch::new(SWITCH).unwrap().cached();
    let Stand { board, behind: [two, _] } = &mut stand(&switch);
    let mut writes = || {
        let before = board.wiring().tally().transactions;
        assert_eq!(ask(two), Ok(2));
        board.wiring().tally().transactions - before
    };
    assert_eq!([writes(), writes()], [1, 0]);
    switch.forget();
    assert_eq!([writes(), writes()], [1, 0]);
}

#[test]
fn a_deselected_switch_connects_nobody_and_a_faulty_one_says_what_is_wrong() {
    let Stand { board, behind: [two, _] } = &mut stand(&Switch::new(SWITCH).unwrap());
    assert_eq!(ask(two), Ok(2));
    two.deselect().unwrap();
    assert_eq!(board.read(CHIP, &mut [0]).map_err(NoData::from), Err(NoData::Absent));
    let effect = Effect::Fail(BusFault::TimedOut);
    board.wiring().inject(FaultPlan { when: When::Always, effect });
    assert_eq!(ask(two), Err(NoData::Timeout));
}

#[test]
fn chips_with_one_address_behind_two_switches_do_not_mix_and_one_switch_can_be_missing() {
    for first in switches() {
        let upstream = I2cBus::new();
        let boards = [SWITCH, 0x71].map(|address| SwitchedBus::new(upstream.clone(), address));
        let second = first.beside(0x71).unwrap().cached();
        let mut behind: Vec<_> = (0_u8..)
            .zip(boards.iter().zip([first, second]))
            .map(|(who, (board, switch))| {
                board.channel(3).unwrap().attach(CHIP, Named(who));
                Tca9548a::new(board.clone(), switch, 3).unwrap()
            })
            .collect();
        let mut both = || [0, 1].map(|at| ask(&mut behind[at]));
        for _ in 0..2 {
            assert_eq!(both(), [Ok(0), Ok(1)]);
        }
        boards[0].wiring().unplug();
        assert_eq!(both(), [Err(NoData::Absent), Ok(1)]);
        boards[0].wiring().replug();
        assert_eq!(both(), [Ok(0), Ok(1)]);
        // One acknowledgement that got lost is no reason to believe that a switch is gone.
        let effect = Effect::Fail(BusFault::RemoteIo);
        boards[0].wiring().inject(FaultPlan { when: When::Next(1), effect });
        assert_eq!(ask(&mut behind[1]), Ok(1));
    }
}

#[test]
fn a_chip_in_front_answers_beside_one_of_its_address_behind_a_connected_channel() {
    let Stand { mut board, behind: [mut two, _] } = stand(&Switch::new(SWITCH).unwrap());
    two.select().unwrap();
    let mut byte = [0];
    assert_eq!(board.read(CHIP, &mut byte).map_err(NoData::from), Ok(()));
    let front = I2cBus::new();
    let board = SwitchedBus::new(front.clone(), SWITCH);
    front.attach(CHIP, Named(0));
    board.channel(2).unwrap().attach(CHIP, Named(2));
    let mut two = Tca9548a::new(board, Switch::new(SWITCH).unwrap(), 2).unwrap();
    assert_eq!(ask(&mut two), Err(NoData::BusFault));
}

#[test]
fn an_address_or_a_channel_that_no_switch_has_is_refused() {
    assert!(Switch::new(0x6F).is_err() && Switch::new(0x78).is_err());
    let board = SwitchedBus::new(I2cBus::new(), SWITCH);
    assert!(Tca9548a::new(board, Switch::new(SWITCH).unwrap(), 8).is_err());
}
