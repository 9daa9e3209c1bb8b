"""Reference values of humid air and pressure, by tools of other authors.

    python humid_air.py > humid_air.csv

PsychroLib 2.5.0 (ASHRAE), MetPy 1.7.1, CoolProp 8.0.0, pythermalcomfort 4.8.1, ambiance 1.3.1
(ICAO Doc 7488); Python 3.11.
A row is: function, parameter (if it has one), inputs in the order of the roles, expected, tool.
"""

import math
import sys

import psychrolib as ashrae
from ambiance import Atmosphere
from CoolProp.HumidAirProp import HAPropsSI
from metpy import calc
from metpy.units import units
from pythermalcomfort.models import humidex

ashrae.SetUnitSystem(ashrae.SI)
AIR = [-40, -30, -20, -10, -5, -2, 0, 5, 10, 20, 27, 30, 35, 40, 50, 60]
HUMIDITY = [0, 1, 5, 20, 40, 60, 80, 90, 100]
PRESSURE = [700, 850, 1013.25, 1060]


def row(function, parameter, inputs, expected, tool):
    if math.isfinite(expected):
        print(f"{function},{parameter},{' '.join(f'{i:.9g}' for i in inputs)},{expected:.6g},{tool}")


def magnitude(quantity, unit):
    return float(quantity.to(unit).magnitude)


def saturated_pascal(air):
    """Over water: PsychroLib above 0.01 °C, where its curve is over water; MetPy below."""
    if air > 0.01:
        return ashrae.GetSatVapPres(air), "psychrolib"
    phase = calc.saturation_vapor_pressure(air * units.degC, phase="liquid")
    return magnitude(phase, "Pa"), "metpy"


def of_air(air, humidity):
    saturated, tool = saturated_pascal(air)
    vapour = humidity / 100 * saturated
    here = (air, humidity)
    row("vapour_pressure", "", here, vapour / 100, tool)
    row("vapour_pressure_deficit", "", here, (saturated - vapour) / 1000, tool)
    density = calc.density(
        max(vapour, 1e-12) * units.Pa, air * units.degC, 0 * units.dimensionless
    )  # of dry air at the vapour's pressure; times the ratio of gas constants, of vapour
    row("absolute_humidity", "", here, magnitude(density, "g/m^3") * 0.621945, "metpy")
    if humidity > 0:
        if air > 0.01 and ashrae.GetTDewPointFromVapPres(air, vapour) >= 0:
            dew = ashrae.GetTDewPointFromVapPres(air, vapour)
            row("dew_point", "", here, dew, "psychrolib")
        else:
            row("dew_point", "", here, dew_by_halving(vapour), "metpy")
        if vapour < 611:
            frost = ashrae.GetTDewPointFromVapPres(0.0, vapour)
            if frost > -80:
                row("frost_point", "", here, frost, "psychrolib")
    heat(air, humidity)


def dew_by_halving(vapour):
    low, high = -150.0, 100.0
    for _ in range(60):
        middle = (low + high) / 2
        phase = calc.saturation_vapor_pressure(middle * units.degC, phase="liquid")
        low, high = (low, middle) if magnitude(phase, "Pa") > vapour else (middle, high)
    return low if low > -80 else math.nan


def heat(air, humidity):
    fahrenheit = air * 1.8 + 32
    simple = 1.1 * fahrenheit - 10.3 + 0.047 * humidity
    # MetPy's threshold is 79 °F, the published procedure's 80 °F; and MetPy adjusts the simple form too.
    if not 78.9 < simple < 80 and (simple >= 80 or fahrenheit < 80):
        index = calc.heat_index(
            air * units.degC, humidity * units.percent, mask_undefined=False
        )
        row("heat_index", "", (air, humidity), float(index.to("degC").magnitude.flat[0]), "metpy")
    if humidity > 0 and air >= 20:
        index = humidex(tdb=air, rh=humidity, model="masterson").humidex
        row("humidex", "", (air, humidity), float(index), "pythermalcomfort")


def of_moist_air(air, humidity, pressure):
    saturated, tool = saturated_pascal(air)
    ratio = ashrae.GetHumRatioFromVapPres(humidity / 100 * saturated, pressure * 100)
    here = (air, humidity, pressure)
    row("mixing_ratio", "", here, 1000 * ratio, "psychrolib")
    row("enthalpy", "", here, ashrae.GetMoistAirEnthalpy(air, ratio) / 1000, "psychrolib")
    bulb = ashrae.GetTWetBulbFromHumRatio(air, ratio, pressure * 100)
    if not -0.5 < bulb < 0.5:  # where bulbs of ice and of water both solve the equation
        row("wet_bulb", "", here, bulb, "psychrolib")
    if pressure == 1013.25 and 5 <= humidity <= 99 and -20 <= air <= 50:
        if humidity >= 27.7 - 2.27 * air:
            row("wet_bulb_stull", "", (air, humidity), bulb, "psychrolib")
    if pressure == 1013.25 and air > 0.01 and air < 60 and humidity:
        real = HAPropsSI("Vda", "T", air + 273.15, "R", humidity / 100, "P", pressure * 100)
        water = HAPropsSI("W", "T", air + 273.15, "R", humidity / 100, "P", pressure * 100)
        row("absolute_humidity", "", (air, humidity), 1000 * water / real, "coolprop")


def of_pressure():
    for elevation in (-100, 0, 120, 500, 750, 1500):
        for pressure in PRESSURE:
            for air in (-40, -20, 0, 15, 30, 60):
                sea = ashrae.GetSeaLevelPressure(pressure * 100, elevation, air) / 100
                row("sea_level_pressure", elevation, (pressure, air), sea, "psychrolib")
    for height in range(-1000, 10_501, 500):
        row("altitude", "", (standard(height),), height, "ambiance")
    for elevation in (-100, 0, 120, 500, 1500, 4000):
        row("sea_level_pressure_standard", elevation, (standard(elevation),), 1013.25, "ambiance")


def standard(geopotential_metres):
    """The ICAO pressure in hPa."""
    geometric = Atmosphere.geop2geom_height(geopotential_metres)
    return float(Atmosphere(geometric).pressure[0]) / 100


def wind():
    for air in (-45, -40, -30, -20, -10, -5, 0, 5, 10):
        for speed in (0.5, 1.4, 2, 5, 10, 15, 25):
            chill = calc.windchill(air * units.degC, speed * units("m/s"), mask_undefined=False)
            if speed > 1.35:
                row("wind_chill", "", (air, speed), magnitude(chill, "degC"), "metpy")


def main():
    print("function,parameter,inputs,expected,tool")
    for air in AIR:
        for humidity in HUMIDITY:
            of_air(air, humidity)
            for pressure in PRESSURE:
                of_moist_air(air, humidity, pressure)
    of_pressure()
    wind()


if __name__ == "__main__":
    sys.exit(main())
