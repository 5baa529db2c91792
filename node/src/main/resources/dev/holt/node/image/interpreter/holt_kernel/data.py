"""The cells of pandas' tables as plain JSON: a list for each column, as the clients of the code interpreter expect."""

import datetime
import decimal
import math
import numbers

import numpy
import pandas

# A table with more cells than this is not sent as data, only as text and HTML, which pandas shortens.
MOST_CELLS = 200_000


def of_frame(frame):
    """Every column's name with its values, top to bottom. None when the table is too large."""
    if frame.shape[0] * max(1, frame.shape[1]) > MOST_CELLS:
        return None
    columns = {}
    for place in range(frame.shape[1]):
        name = unused(column_name(frame.columns[place]), columns)
        columns[name] = values(frame.iloc[:, place])
    return columns


def of_series(series):
    """As a table of one column; of two where the index says more than the position."""
    if len(series) > MOST_CELLS:
        return None
    columns = {}
    if not isinstance(series.index, pandas.RangeIndex):
        columns[column_name(series.index.name, "index")] = values(series.index)
    columns[unused(column_name(series.name, "value"), columns)] = values(series)
    return columns


def column_name(name, missing="None"):
    if name is None:
        return missing
    if isinstance(name, tuple):
        return ", ".join(str(part) for part in name)
    return str(name)


def unused(name, taken):
    """The name, made different from those taken as pandas itself does it on reading."""
    if name not in taken:
        return name
    number = 1
    while f"{name}.{number}" in taken:
        number += 1
    return f"{name}.{number}"


def values(column):
    whole = isinstance(column.dtype, numpy.dtype) and column.dtype.kind in "iub"
    return column.tolist() if whole else [plain(value) for value in column.tolist()]


def plain(value):
    """The value as JSON has it. What JSON has not, NaN and missing ones among them, becomes null or text."""
    if value is None or value is pandas.NaT or value is pandas.NA:
        return None
    if isinstance(value, (bool, str)):
        return value
    if isinstance(value, numbers.Integral):
        return int(value)
    if isinstance(value, (numbers.Real, decimal.Decimal)):
        number = float(value)
        return number if math.isfinite(number) else None
    if isinstance(value, (datetime.date, datetime.time)):
        return value.isoformat()
    if isinstance(value, dict):
        return {str(key): plain(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [plain(inner) for inner in value]
    if hasattr(value, "tolist"):  # numpy's arrays and scalars
        return plain(value.tolist())
    return str(value)
