"""Makes signal_window.csv beside this file: one stream, and what other authors' tools say of it.

Made with numpy 2.4.6, pandas 3.1.1, scipy 1.17.1 and the statistics module of Python 3.11.7:

    python3 -m venv venv && venv/bin/pip install numpy==2.4.6 pandas==3.1.1 scipy==1.17.1
    venv/bin/python signal_window.py

The columns t (nanoseconds) and x are the stream; an empty x is a gap. The columns hard_* are of a stream
around 1e9 whose variance is 22.5, at the same times and without gaps. An empty result is none.
"""

import pathlib
import statistics

import numpy as np
import pandas as pd
import scipy.integrate
import scipy.stats

rng = np.random.default_rng(5)
COUNT = 150
steps = rng.integers(200_000_000, 9_000_000_000, COUNT)
t = 1_700_000_017_000_000_000 + np.cumsum(steps)
x = np.round(20 + np.cumsum(rng.normal(0, 0.7, COUNT)), 2)
x[rng.choice(np.arange(1, COUNT), 12, replace=False)] = np.nan
hard = 1e9 + np.resize([4.0, 7.0, 13.0, 16.0], COUNT)

index = pd.to_datetime(t)
stream = pd.Series(x, index)
whole = stream.dropna()
table = pd.DataFrame({"t": t, "x": x}, index=index)


def slope(window):
    seconds = (window.index - window.index[0]).total_seconds()
    return scipy.stats.linregress(seconds, window).slope if len(window) > 1 else np.nan


def sliding(window, name, statistic):
    table[name] = pd.Series([statistic(w) for w in whole.rolling(window, min_periods=1)], whole.index)


def tumbling(name, statistic):
    """At the row that is the first at or after the end of each minute."""
    values = whole.resample("60s", origin="epoch", closed="left", label="right").apply(
        lambda w: statistic(w) if len(w) else np.nan)
    column = pd.Series(np.nan, index)
    for end, value in values.items():
        after = index[index >= end]
        if len(after):
            column[after[0]] = value
    table[name] = column


STATISTICS = {
    "mean": lambda w: np.mean(w.to_numpy()),
    "median": lambda w: np.median(w.to_numpy()),
    "p90": lambda w: np.percentile(w.to_numpy(), 90),
    "min": lambda w: np.min(w.to_numpy()),
    "max": lambda w: np.max(w.to_numpy()),
    "range": lambda w: np.ptp(w.to_numpy()),
    "std": lambda w: np.std(w.to_numpy(), ddof=1) if len(w) > 1 else np.nan,
    "std0": lambda w: np.std(w.to_numpy(), ddof=0),
    "sum": lambda w: np.sum(w.to_numpy()),
    "count": lambda w: float(len(w)),
}
for name, statistic in STATISTICS.items():
    sliding("45s", f"span_{name}", statistic)
    if name in ("mean", "median", "p90", "std"):
        sliding(7, f"samples_{name}", statistic)
        tumbling(f"tumbling_{name}", statistic)
sliding("45s", "trend", slope)

seconds = (whole.index - whole.index[0]).total_seconds().to_numpy()
# pandas takes times as f64: nanoseconds since 1970 would be right to 256 ns only.
since = pd.to_datetime(whole.index.astype("int64") - t[0])
table["ewma"] = whole.ewm(halflife="20s", times=since, adjust=False).mean()
table["trapezoid"] = pd.Series(
    scipy.integrate.cumulative_trapezoid(whole, seconds, initial=0), whole.index)
dt = np.diff(seconds)
table["left"] = pd.Series(np.concatenate([[0], np.cumsum(whole.to_numpy()[:-1] * dt)]), whole.index)
table["right"] = pd.Series(np.concatenate([[0], np.cumsum(whole.to_numpy()[1:] * dt)]), whole.index)
table["rate"] = pd.Series(np.concatenate([[np.nan], np.diff(whole) / dt]), whole.index)
table["polynomial"] = np.polynomial.Polynomial([1.5, -2.25, 0.125, 0.001])(stream)
table["table"] = np.interp(stream, [15, 18, 20.5, 24], [0, 30, 31, 100])

hard_stream = pd.Series(hard, index)
table["hard_x"] = hard
table["hard_std"] = [
    statistics.stdev(w) if len(w) > 1 else np.nan for w in hard_stream.rolling(40, min_periods=1)]
table["hard_mean"] = [statistics.mean(w) for w in hard_stream.rolling(40, min_periods=1)]

table.map(lambda v: "" if v != v else repr(float(v)) if isinstance(v, float) else v).to_csv(
    pathlib.Path(__file__).with_suffix(".csv"), index=False)
