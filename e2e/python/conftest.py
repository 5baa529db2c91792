"""Fixtures of the suites that drive Holt through the E2B Python SDK; run by SdkSuitesTest."""

import os
import time
from urllib.parse import urlsplit

import httpx
import pytest
from e2b import Sandbox


@pytest.fixture
def sandbox():
    made = Sandbox.create(timeout=300)
    yield made
    made.kill()


@pytest.fixture
def runtime():
    return os.environ["E2E_RUNTIME"]


def eventually(what, probe, seconds=15):
    """The first true answer of probe; fails after so many seconds."""
    end = time.monotonic() + seconds
    while True:
        found = probe()
        if found:
            return found
        assert time.monotonic() < end, f"still not: {what}"
        time.sleep(0.05)


def at_edge(address, method="GET", **kwargs):
    """A request to Holt's edge as if the address' host name had been resolved to it."""
    parts = urlsplit(address)
    target = os.environ["E2B_SANDBOX_URL"] + parts.path + (f"?{parts.query}" if parts.query else "")
    headers = {**kwargs.pop("headers", {}), "Host": parts.netloc}
    return httpx.request(method, target, headers=headers, trust_env=False, **kwargs)
