"""Formatters for the two kinds of results that Jupyter has no type for, and for lists and dictionaries as JSON."""

import sys

from IPython.core.formatters import BaseFormatter, JSONFormatter
from traitlets import ObjectName, Unicode

from . import pictures, values


def careful(function):
    """What goes wrong while looking at a result must not spoil the result: there is just nothing to add then."""

    def formatted(value):
        try:
            return function(value)
        except Exception:
            return None

    return formatted


@careful
def frame_data(frame):
    from . import data

    return data.of_frame(frame)


@careful
def series_data(series):
    from . import data

    return data.of_series(series)


@careful
def plain_json(value):
    return values.of_value(value)


@careful
def figure_chart(figure):
    from . import charts

    return charts.of_figure(figure)


class DataFormatter(BaseFormatter):
    """The columns of a table."""

    format_type = Unicode("e2b/data")
    print_method = ObjectName("_repr_e2b_data_")
    _return_type = dict


class ChartFormatter(BaseFormatter):
    """What a figure shows, as numbers."""

    format_type = Unicode("e2b/chart")
    print_method = ObjectName("_repr_e2b_chart_")
    _return_type = dict

    def __call__(self, value):
        # Not registered by type: the inline backend removes what all formatters know of figures when it is chosen.
        figures = sys.modules.get("matplotlib.figure")
        if self.enabled and figures is not None and isinstance(value, figures.Figure):
            return figure_chart(value)
        return super().__call__(value)


class ValueFormatter(JSONFormatter):
    """Lists and dictionaries as what they are, besides what says itself how it looks as JSON."""

    def __call__(self, value):
        if self.enabled and isinstance(value, (list, dict)):
            found = plain_json(value)
            return None if found is None else (found, {"expanded": True})
        return super().__call__(value)


def install(shell):
    """Registers both, by the names of the types, so that neither pandas nor matplotlib is imported for it."""
    display = shell.display_formatter
    data = DataFormatter(parent=display)
    data.for_type_by_name("pandas.core.frame", "DataFrame", frame_data)
    data.for_type_by_name("pandas.core.series", "Series", series_data)
    chart = ChartFormatter(parent=display)
    for formatter in (data, chart, ValueFormatter(parent=display)):
        display.formatters[formatter.format_type] = formatter
    pictures.watch()
