//! The catalogue: each driver against the model of its chip, over the whole physical range, and
//! through what befalls chips in the field: unplugged, replugged, without supply for a moment,
//! another one at the address.

#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests are tests too, and a failed one shows its place"
)]

mod accelerometer;
mod ads1115;
mod adxl345;
mod aht20;
mod bh1750;
mod bme280;
mod ds3231;
mod ina219;
mod ina226;
mod lis3dh;
mod lm75;
mod max31855;
mod max6675;
mod mcp9808;
mod modbus_rtu;
mod mpu6050;
mod pms7003;
mod scd41;
mod sensirion;
mod sgp40;
mod sht31;
mod sht4x;
mod shtc3;
mod stand;
mod support;
mod tca9548a;
mod tmp102;
mod tmp117;
mod veml7700;
