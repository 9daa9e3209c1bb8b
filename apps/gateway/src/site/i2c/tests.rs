use sensors::Catalogue;

use super::*;
use crate::config::{Config, parse};

const CONFIGURATION: &str = r#"
[gateway]
id = "a"

[buses.i2c1]
kind = "i2c"
path = "/nowhere/i2c-1"

[buses.i2c1.switches.attic]
address = 0x71

[buses.i2c1.recovery]
chip = "/nowhere/gpiochip0"
power = 17
power_off = "4s"
power_settling = "3s"

[devices.air]
driver = "bme280"
bus = "i2c1"
switch = "attic"
channel = 3

[devices.front]
driver = "tmp117"
bus = "i2c1"
"#;

fn config() -> Config {
    parse("f", CONFIGURATION, Catalogue::OWN, []).unwrap_or_else(|problems| panic!("{problems}"))
}

/// Notes how often it was asked, and fails from the second time on.
struct Noted(Arc<Mutex<u32>>);

impl Unwedge for Noted {
    fn worst_case(&self) -> Duration {
        Duration::from_secs(9)
    }

    fn unwedge(&mut self) -> Result<(), NoData> {
        let mut times = self.0.lock().unwrap();
        *times += 1;
        if *times == 1 { Ok(()) } else { Err(NoData::BusFault) }
    }
}

fn made(shared: &SharedI2c, config: &Config, at: usize) -> Box<dyn Device> {
    let device = &config.buses[0].devices[at];
    let attachment = device.entry.attachment(sensors::BusClass::I2c).unwrap();
    let made = attachment.make_nowhere(&device.arguments, Duration::from_secs(1), 0).unwrap();
    shared.around(made, device)
}

#[test]
fn a_device_frees_its_bus_by_what_the_bus_has_and_says_how_long_that_may_take() {
    let (config, times) = (config(), Arc::default());
    let shared = SharedI2c::of(&config.buses[0]).unwrap();
    assert_eq!(made(&shared, &config, 0).worst_case(), Duration::from_secs(7));
    let shared = shared.freed_by(Noted(Arc::clone(&times)));
    let [mut air, mut front] = [0, 1].map(|at| made(&shared, &config, at));
    assert_eq!(air.worst_case(), Duration::from_secs(9));
    assert_eq!((air.unwedge(), front.unwedge()), (Ok(()), Err(NoData::BusFault)));
    assert_eq!(*times.lock().unwrap(), 2, "both ask for the same bus");
}

#[test]
fn the_selection_of_a_channel_is_time_on_the_bus_and_so_is_that_of_none_on_another_switch() {
    let alone = |text: &str| {
        let config = parse("f", text, Catalogue::OWN, []).unwrap();
        config.buses[0].devices[0].time_on_bus
    };
    let two = CONFIGURATION
        .replace("[buses.i2c1.recovery]", "[buses.i2c1.switches.shed]\n[buses.i2c1.recovery]");
    let none = CONFIGURATION.replace("switch = \"attic\"\nchannel = 3\n", "");
    assert_eq!(alone(CONFIGURATION), alone(&none) + SELECTION);
    assert_eq!(alone(&two), alone(&none) + SELECTION * 2);
    let config = config();
    let shared = SharedI2c::of(&config.buses[0]).unwrap();
    assert_eq!(made(&shared, &config, 0).time_on_bus(), alone(CONFIGURATION));
}
