"""Waiting for a condition with a deadline: the only way in which these suites wait for a server.

No test is right because a pause was long enough. A condition that never comes true fails with its own description.
"""

import asyncio
import time

DEADLINE_SECONDS = 30
POLL_SECONDS = 0.005


def until(description, condition, deadline_seconds=DEADLINE_SECONDS):
    """Returns the first true value of `condition()`; raises `TimeoutError` when the deadline passes first."""
    deadline = time.monotonic() + deadline_seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {deadline_seconds} s: {description}")
        time.sleep(POLL_SECONDS)


async def until_async(description, condition, deadline_seconds=DEADLINE_SECONDS):
    """As `until`, for a condition that is awaited."""
    deadline = time.monotonic() + deadline_seconds
    while True:
        value = await condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {deadline_seconds} s: {description}")
        await asyncio.sleep(POLL_SECONDS)
