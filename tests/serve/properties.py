"""How properties are tested: with fresh examples every time, and no limit on how long one takes."""

from hypothesis import HealthCheck, settings

relaxed = settings(
    deadline=None,
    database=None,
    max_examples=60,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
