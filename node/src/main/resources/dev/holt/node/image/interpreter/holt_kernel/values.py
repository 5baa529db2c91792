"""Lists and dictionaries as plain JSON. Imports nothing: every cell that ends with one comes here."""

import datetime
import math

# What is larger has only its text, which IPython shortens.
MOST_VALUES = 100_000
MOST_CHARACTERS = 1_000_000
DEEPEST = 100


class NoJson(Exception):
    """There is something in it that JSON has not, or too much."""


class Converter:
    def __init__(self):
        self.values = 0
        self.characters = 0

    def text(self, value):
        self.characters += len(value)
        if self.characters > MOST_CHARACTERS:
            raise NoJson
        return value

    def key(self, value):
        if isinstance(value, str):
            return self.text(value)
        if value is None or isinstance(value, bool):
            return {None: "null", True: "true", False: "false"}[value]
        if isinstance(value, (int, float)):
            return self.text(str(value))
        if isinstance(value, (datetime.date, datetime.time)):
            return value.isoformat()
        raise NoJson

    def plain(self, value, depth=0):
        self.values += 1
        if self.values > MOST_VALUES or depth > DEEPEST:
            raise NoJson
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, int):
            return int(value)
        if isinstance(value, float):
            return float(value) if math.isfinite(value) else None
        if isinstance(value, dict):
            return {self.key(key): self.plain(inner, depth + 1) for key, inner in value.items()}
        if isinstance(value, (list, tuple)):
            return [self.plain(inner, depth + 1) for inner in value]
        if isinstance(value, (datetime.date, datetime.time)):
            return value.isoformat()
        if type(value).__module__ == "numpy":
            if getattr(value, "size", 1) > MOST_VALUES:
                raise NoJson
            return self.plain(value.tolist(), depth + 1)
        raise NoJson


def of_value(value):
    """The value as JSON has it; None where it can't be said in JSON or is too large. NaN becomes null."""
    try:
        return Converter().plain(value)
    except NoJson:
        return None
