"""Reference scores of three streams, by tools of other authors.

    python anomaly.py > anomaly.csv

pandas 3.1.1, SciPy 1.17.1, NumPy 2.4.6; Python 3.11. A number is compared with the 16 before it, or
with as many as there are, two at least.
"""

import numpy as np
import pandas as pd
from scipy.stats import median_abs_deviation

random = np.random.default_rng(20261125)
STREAMS = {
    "walk": np.cumsum(random.normal(0, 0.1, 150)) + 20,
    "spikes": np.where(random.random(150) < 0.1, random.normal(0, 1e6, 150), random.normal(5, 1, 150)),
    "offset": 1e9 + random.choice([4.0, 7.0, 13.0, 16.0], 150) + random.normal(0, 0.01, 150),
}

print("stream,number,z_score,mad_score")
for name, numbers in STREAMS.items():
    series = pd.Series(numbers)
    for index, number in enumerate(numbers):
        before = series[max(0, index - 16) : index]
        if len(before) < 2:
            print(f"{name},{float(number)!r},,")
            continue
        z = (number - before.mean()) / before.std(ddof=1)
        mad = (number - before.median()) / median_abs_deviation(before, scale="normal")
        print(f"{name},{float(number)!r},{z:.12g},{mad:.12g}")
