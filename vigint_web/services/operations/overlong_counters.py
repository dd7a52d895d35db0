"""Remove counters in the queue server that would last too long after the clock was set back.

The queue server stores the time at which a key expires. After the clock was set back the counters
of the rate limits live on for the length of the jump, keep counting, and refuse everything.
"""

from redis import Redis
from redis.exceptions import RedisError

from vigint_web.services.core.runtime import runtime

# The longest window of a rate limit is an hour.
_LONGEST_SECONDS = 3_600 + 60
_COUNTERS = "LIMITS:*"


def forget_overlong_counters() -> int:
    """Remove the counters that outlive every window; return their number.

    An unavailable queue is ignored.
    """
    redis: Redis = runtime().redis
    try:
        keys = list(redis.scan_iter(_COUNTERS, count=500))
        with redis.pipeline(transaction=False) as pipeline:
            for key in keys:
                pipeline.ttl(key)
            lives = pipeline.execute()
        over = [key for key, seconds in zip(keys, lives, strict=True) if seconds > _LONGEST_SECONDS]
        return int(redis.delete(*over)) if over else 0
    except RedisError:
        return 0
