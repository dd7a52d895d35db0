"""Histograms of durations whose buckets grow by a constant factor. Pure."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

# Four buckets until a duration is twice as long: a value read from one is within 10 % of the true
# one, and a year needs a hundred.
_PER_DOUBLING = 4


def bucket_of(seconds: float) -> int:
    """Return the bucket of a duration; 0 is below a second, also of a clock that was set back."""
    return 0 if seconds < 1 else 1 + math.floor(_PER_DOUBLING * math.log2(seconds))


def seconds_of(bucket: int) -> float:
    """Return the duration in the middle of a bucket, in seconds; 0 for the first."""
    return 0.0 if bucket == 0 else float(2 ** ((bucket - 0.5) / _PER_DOUBLING))


def quantile(histogram: Mapping[int, int], part: float) -> float | None:
    """Return the duration that a part of all does not exceed, in seconds; None: there are none.

    Args:
        histogram: numbers by bucket.
        part: above 0, at most 1.
    """
    rank = math.ceil(part * sum(histogram.values()))
    for bucket in sorted(histogram):
        rank -= histogram[bucket]
        if rank <= 0 and histogram[bucket]:
            return seconds_of(bucket)
    return None


@dataclass(frozen=True)
class Usual:
    """The duration that half of all do not exceed, and nine tenths; in seconds, None: there are
    none.
    """

    median: float | None
    nine_tenths: float | None


def usual(histogram: Mapping[int, int]) -> Usual:
    """Return the median and the 90th percentile of a histogram."""
    return Usual(quantile(histogram, 0.5), quantile(histogram, 0.9))
