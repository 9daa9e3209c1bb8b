#!/usr/bin/env python3
"""Makes vibration.csv: figures of blocks of samples by NumPy 2.4.6 and SciPy 1.17.1.

    python3 -m venv v && v/bin/pip install numpy==2.4.6 scipy==1.17.1 && v/bin/python vibration.py > vibration.csv

The signals are made by the formulas below; tests/vibration_reference.rs has the same. Columns: signal, its
length, function, window, a and b: the band's edges in Hz, or the line; the value, or `undefined`.
"""

import warnings

import numpy as np
from scipy import signal, stats

warnings.simplefilter("ignore")


def noise(n):
    """Knuth's MMIX generator, its upper 53 bits, -0.5 to 0.5."""
    state, out = 1, []
    for _ in range(n):
        state = (state * 6364136223846793005 + 1442695040888963407) % 2**64
        out.append((state >> 11) / 2**53 - 0.5)
    return np.array(out)


def sine(n, rate, hz, phase=0.0):
    return np.sin(2 * np.pi * hz * np.arange(n) / rate + phase)


def signals():
    yield "tone", 1000.0, 2 * sine(1024, 1000.0, 50.0)
    mixed = 0.5 + 3 * sine(4096, 3200.0, 49.7) + 1.2 * sine(4096, 3200.0, 311.3, 0.4)
    yield "mixed", 3200.0, mixed + noise(4096)
    yield "noise", 100.0, 10 * noise(2048)
    yield "offset", 50.0, 1e9 + np.array([4.0, 7.0, 13.0, 16.0] * 256)
    i = np.arange(8192)
    yield "shocks", 25600.0, np.exp(-(i % 256) / 20) * sine(8192, 25600.0, 1850.0)
    yield "impulse", 1000.0, np.where(np.arange(256) == 100, 1.0, 0.0)
    yield "dc_only", 1000.0, np.full(512, 9.81)
    yield "zeros", 1000.0, np.zeros(64)
    yield "len_1", 1000.0, np.array([3.5])
    yield "len_3", 1000.0, np.array([1.0, 4.0, -2.0])


def row(name, x, function, value, window="", a="", b=""):
    text = repr(float(value)) if np.isfinite(value) else "undefined"
    print(f"{name},{len(x)},{function},{window},{a},{b},{text}")


def in_time(name, x):
    rms, rms_dc = np.std(x), np.sqrt(np.mean(x**2))
    peak, peak_dc = np.max(np.abs(x - np.mean(x))), np.max(np.abs(x))
    is_flat = np.ptp(x) == 0
    row(name, x, "rms", 0.0 if is_flat else rms)
    row(name, x, "rms_dc", rms_dc)
    row(name, x, "peak", 0.0 if is_flat else peak)
    row(name, x, "peak_dc", peak_dc)
    row(name, x, "peak_to_peak", np.ptp(x))
    row(name, x, "crest_factor", np.nan if is_flat else peak / rms)
    row(name, x, "crest_factor_dc", peak_dc / rms_dc if rms_dc > 0 else np.nan)
    row(name, x, "kurtosis", np.nan if is_flat else stats.kurtosis(x, fisher=False, bias=True))


def density(x, rate, window):
    return signal.periodogram(x, rate, window=window, detrend="constant", scaling="density")


def bands(name, x, rate):
    half = rate / 2
    edges = [0.0, half / 50, half / 5, half]
    for window, ours in (("boxcar", "rectangular"), ("hann", "hann"), ("flattop", "flat_top")):
        f, p = density(x, rate, window)
        for low, high in zip(edges, edges[1:]):
            inside = (f >= low) & ((f < high) | (high == half))
            square = np.sum(p[inside]) * f[1]
            row(name, x, "band_rms", np.sqrt(square), ours, low, high)
    f, p = density(x, rate, "hann")
    for low, high in ((10.0, 1000.0), (half / 50, half / 5)):
        inside = (f >= low) & ((f < high) | (high >= half)) & (f > 0)
        if not inside.any():
            continue
        metres = np.sqrt(np.sum(p[inside] / (2 * np.pi * f[inside]) ** 2) * f[1])
        row(name, x, "velocity_rms", 1000 * metres, "hann", low, high)


def lines(name, x, rate):
    for window, ours in (("boxcar", "rectangular"), ("hann", "hann"), ("flattop", "flat_top")):
        _, p = signal.periodogram(x, rate, window=window, detrend="constant", scaling="spectrum")
        amplitude = np.sqrt(2 * p)
        amplitude[0] = abs(np.mean(x))
        if len(x) % 2 == 0:
            amplitude[-1] /= np.sqrt(2)
        top = int(np.argmax(amplitude[1:])) + 1 if len(amplitude) > 1 else 0
        for line in sorted({0, 1, top - 1, top, top + 1, len(amplitude) - 1}):
            if 0 <= line < len(amplitude):
                row(name, x, "spectrum", amplitude[line], ours, line)


def dominant(name, x, rate):
    """The summit of the windowed block's transform, 128 points to a line, beyond half a line of DC."""
    n = len(x)
    if np.ptp(x) == 0:
        return row(name, x, "dominant_frequency", np.nan)
    windowed = (x - np.mean(x)) * signal.windows.hann(n, sym=False)
    fine = np.abs(np.fft.rfft(windowed, 128 * n))
    fine[:64] = 0
    row(name, x, "dominant_frequency", np.argmax(fine) * rate / (128 * n))


print("signal,length,function,window,a,b,value")
for name, rate, x in signals():
    in_time(name, x)
    if name not in ("len_1", "dc_only", "zeros"):
        lines(name, x, rate)
    if len(x) >= 64 and np.ptp(x) > 0:
        bands(name, x, rate)
    if name not in ("impulse", "len_1", "len_3"):
        dominant(name, x, rate)
