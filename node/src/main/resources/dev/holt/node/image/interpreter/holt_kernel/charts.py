"""What a matplotlib figure shows, as numbers and texts, in the shapes that the clients of the code interpreter know.

One chart for each pair of axes; several make a superchart. Axes of which nothing here can tell what they show, a map or an image
for example, become a chart of type "unknown" with their title and nothing more. Of a figure in three dimensions there is none.
"""

import re

import numpy
from matplotlib import dates
from matplotlib.collections import PathCollection
from matplotlib.container import BarContainer, ErrorbarContainer, StemContainer
from matplotlib.lines import Line2D
from matplotlib.patches import PathPatch, Rectangle, Wedge

from . import boxes

# More points than this in one chart are thinned evenly, series by series: the picture shows no more of them either.
MOST_POINTS = 10_000
MOST_ELEMENTS = 10_000

UNIT = re.compile(r"[(\[]([^()\[\]]+)[)\]]\s*$")


def of_figure(figure):
    """The figure's chart, or None when it shows nothing that a chart could say."""
    drawn = [axes for axes in figure.axes if axes.get_visible() and not is_colorbar(axes)]
    if not drawn or all(axes.name == "3d" for axes in drawn):
        return None
    title = text_or_none(figure._suptitle.get_text()) if figure._suptitle is not None else None
    if len(drawn) == 1:
        chart = of_axes(drawn[0])
        chart["title"] = chart["title"] or title
        return chart
    return {"type": "superchart", "title": title, "elements": [of_axes(axes) for axes in drawn]}


def of_axes(axes):
    chart = None
    if axes.name == "rectilinear":
        for kind in (pie, box_and_whisker, bar, points):
            chart = kind(axes)
            if chart is not None:
                break
    if chart is None:
        chart = {"type": "unknown", "elements": []}
    chart["title"] = text_or_none(axes.get_title()) or text_or_none(axes.get_title("left"))
    return chart


def is_colorbar(axes):
    return getattr(axes, "_colorbar", None) is not None or axes.get_label() == "<colorbar>"


def text_or_none(text):
    return text.strip() or None


# ---- points: lines and scatters ------------------------------------------------------------------------------------------


def points(axes):
    stems = [container for container in axes.containers if isinstance(container, StemContainer)]
    bars_of_errors = [container for container in axes.containers if isinstance(container, ErrorbarContainer)]
    apart = {stem.baseline for stem in stems}
    for container in bars_of_errors:
        apart.update(container.lines[1])
    lines = [line for line in axes.lines if line not in apart and in_data(line.get_transform(), axes)]
    clouds = [
        collection
        for collection in axes.collections
        if isinstance(collection, PathCollection) and in_data(collection.get_offset_transform(), axes)
    ]
    if not lines and not clouds:
        return None
    names = legend_names(axes)
    for container in stems + bars_of_errors:  # their label is on the container, not on the line
        line = container.markerline if isinstance(container, StemContainer) else container.lines[0]
        if line is not None:
            names.setdefault(line, own_label(container))

    series = []
    for artist in sorted(lines + clouds, key=axes.get_children().index):
        if isinstance(artist, Line2D):
            x, y = artist.get_xdata(orig=False), artist.get_ydata(orig=False)
        else:
            x, y = numpy.ma.asarray(artist.get_offsets()).reshape(-1, 2).T
        pairs = clean_pairs(x, y)
        if len(pairs):
            series.append((label_of(artist, names), pairs))
    share = fair_share([len(pairs) for _, pairs in series], MOST_POINTS)
    x_axis, y_axis = Axis(axes, axes.xaxis), Axis(axes, axes.yaxis)
    elements = []
    for label, pairs in series:
        if len(pairs) > share:
            pairs = pairs[numpy.linspace(0, len(pairs) - 1, share).round().astype(int)]
        elements.append(
            {"label": label, "points": [list(pair) for pair in zip(x_axis.values(pairs[:, 0]), y_axis.values(pairs[:, 1]))]}
        )
    chart = {"type": "scatter" if clouds else "line", "elements": elements}
    chart.update(plane(axes))
    for letter, axis in (("x", x_axis), ("y", y_axis)):
        ticks, labels = axis.ticks()
        chart[letter + "_ticks"] = ticks
        chart[letter + "_tick_labels"] = labels
        chart[letter + "_scale"] = axis.scale
    return chart


def clean_pairs(x, y):
    """Both as one array of two columns, without what is masked or no number."""
    x = numpy.ma.filled(numpy.ma.asarray(x, dtype=float), numpy.nan).ravel()
    y = numpy.ma.filled(numpy.ma.asarray(y, dtype=float), numpy.nan).ravel()
    pairs = numpy.column_stack((x, y))
    return pairs[numpy.isfinite(pairs).all(axis=1)]


def fair_share(lengths, most):
    """The greatest number of points for each series with which all together are at most so many, short ones being whole."""
    share, left, room = most, len(lengths), most
    for length in sorted(lengths):
        share = max(1, room // left)
        if length > share:
            return share
        room, left = room - length, left - 1
    return most


def in_data(transform, axes):
    """Whether something is placed by data and not, as a line through the whole picture, by the axes."""
    return all(transform.contains_branch_seperately(axes.transData))


# ---- bars ----------------------------------------------------------------------------------------------------------------


def bar(axes):
    containers = [
        container
        for container in axes.containers
        if isinstance(container, BarContainer) and len(container) and all(isinstance(one, Rectangle) for one in container)
    ]
    if not containers:
        return None
    lying = [getattr(container, "orientation", None) == "horizontal" for container in containers]
    if any(lying) != all(lying):
        return None
    sideways = all(lying)
    axis = Axis(axes, axes.yaxis if sideways else axes.xaxis)
    tick_names = names_of_ticks(axis)
    elements = []
    for number, container in enumerate(containers):
        group = own_label(container) or (f"Group {number + 1}" if len(containers) > 1 else "")
        spans = []
        for one in container:
            if sideways:
                spans.append((one.get_y(), one.get_height(), one.get_width()))
            else:
                spans.append((one.get_x(), one.get_width(), one.get_height()))
        adjoining = len(spans) > 2 and all(
            numpy.isclose(left + width, right) for (left, width, _), (right, _, _) in zip(spans, spans[1:])
        )
        for start, width, value in spans:
            if not numpy.isfinite(value):
                continue
            label = None if adjoining else nearest(tick_names, start + width / 2, abs(width))
            if label is None and adjoining:  # a histogram: the bar stands for a range
                low, high = axis.values([start, start + width])
                label = f"{short(low)} - {short(high)}"
            elif label is None:
                label = short(axis.values([start + width / 2])[0])
            elements.append({"label": label, "group": group, "value": number_of(value)})
    chart = {"type": "bar", "elements": elements[:MOST_ELEMENTS]}
    chart.update(plane(axes, sideways))
    return chart


def names_of_ticks(axis):
    """Position and text of each tick whose text says something else than the position."""
    names = []
    for place, label in zip(*axis.raw_ticks()):
        try:
            spoken = float(label.replace("\N{MINUS SIGN}", "-"))
        except ValueError:
            spoken = None
        if label and spoken != place:
            names.append((place, label))
    return names


def nearest(names, place, width):
    """The text of the tick under a bar; grouped bars stand a little beside theirs."""
    if not names:
        return None
    distance, label = min((abs(tick - place), label) for tick, label in names)
    return label if distance <= max(0.5, width) else None


def short(value):
    return value if isinstance(value, str) else f"{value:.6g}"


def number_of(value):
    value = float(value)
    return int(value) if value.is_integer() and abs(value) < 2**53 else value


# ---- boxes and pies ------------------------------------------------------------------------------------------------------


def exact(value):
    """A quartile without what its computation from binary fractions has left in the last digits."""
    return float(f"{value:.12g}")


def box_and_whisker(axes):
    if not axes.lines or any(not isinstance(patch, PathPatch) for patch in axes.patches):
        return None
    found, sideways = boxes.find(axes.lines, axes.patches)
    if not found:
        return None
    axis = Axis(axes, axes.yaxis if sideways else axes.xaxis)
    names = names_of_ticks(axis) or list(zip(*axis.raw_ticks()))
    elements = []
    for box in found[:MOST_ELEMENTS]:
        label = nearest(names, box.place, box.width) or short(axis.values([box.place])[0])
        elements.append(
            {
                "label": label,
                "min": exact(box.low),
                "first_quartile": exact(box.first),
                "median": exact(box.median),
                "third_quartile": exact(box.third),
                "max": exact(box.high),
                "outliers": [exact(one) for one in box.outliers[:MOST_ELEMENTS] if numpy.isfinite(one)],
            }
        )
    chart = {"type": "box_and_whisker", "elements": elements}
    chart.update(plane(axes, sideways))
    return chart


def pie(axes):
    wedges = axes.patches
    if not wedges or not all(isinstance(wedge, Wedge) for wedge in wedges) or axes.lines or axes.collections:
        return None
    names = legend_names(axes)
    legend = axes.get_legend()
    if legend is not None and len(legend.get_texts()) == len(wedges):
        names.update({wedge: text.get_text() for wedge, text in zip(wedges, legend.get_texts())})
    elements = [
        {
            "label": label_of(wedge, names),
            "angle": round(abs(float(wedge.theta2 - wedge.theta1)), 4),
            "radius": float(wedge.r),
        }
        for wedge in wedges
    ]
    return {"type": "pie", "elements": elements[:MOST_ELEMENTS]}


# ---- axes ----------------------------------------------------------------------------------------------------------------


def plane(axes, sideways=False):
    """Labels and units of both axes. In a chart that lies on its side x is still the axis of what is compared."""
    labels = {"x": text_or_none(axes.get_xlabel()), "y": text_or_none(axes.get_ylabel())}
    if sideways:
        labels = {"x": labels["y"], "y": labels["x"]}
    described = {}
    for letter, label in labels.items():
        unit = UNIT.search(label or "")
        described[letter + "_label"] = label
        described[letter + "_unit"] = unit.group(1).strip() if unit else None
    return described


class Axis:
    """One axis: what its numbers stand for."""

    def __init__(self, axes, axis):
        self.axis = axis
        self.scale = axis.get_scale()
        self.names = {}
        self.frequency = None
        converter = axis.get_converter() if hasattr(axis, "get_converter") else axis.converter
        kinds = {kind.__name__ for kind in type(converter).__mro__}
        if self.scale == "linear":
            if "StrCategoryConverter" in kinds:
                self.scale = "categorical"
                self.names = {place: name for name, place in axis.units._mapping.items()}
            elif kinds & {"DateConverter", "_SwitchableDateConverter", "DatetimeConverter"}:
                self.scale = "datetime"
            elif "PeriodConverter" in kinds or (axis is axes.xaxis and getattr(axes, "freq", None) is not None):
                self.frequency = getattr(axes, "freq", None)
                self.scale = "datetime" if self.frequency is not None else self.scale
        if self.scale not in KNOWN_SCALES:
            self.scale = "unknown"

    def values(self, numbers):
        """Those numbers as clients get them: dates in ISO 8601, names of categories, or as they are."""
        if self.scale == "categorical":
            return [self.names.get(int(round(number)), number_of(number)) for number in numbers]
        if self.scale != "datetime":
            return [float(number) for number in numbers]
        if self.frequency is not None:
            import pandas

            return [
                pandas.Period(ordinal=int(round(number)), freq=self.frequency).to_timestamp().isoformat()
                for number in numbers
            ]
        return [moment.replace(tzinfo=None).isoformat() for moment in dates.num2date(list(numbers))]

    def raw_ticks(self):
        """Positions and texts of the ticks in view."""
        low, high = sorted(self.axis.get_view_interval())
        slack = (high - low) * 1e-9
        places = [float(place) for place in self.axis.get_majorticklocs()]
        labels = self.axis.get_major_formatter().format_ticks(places)
        shown = [(place, label) for place, label in zip(places, labels) if low - slack <= place <= high + slack]
        return [place for place, _ in shown], [label for _, label in shown]

    def ticks(self):
        """What clients get of them."""
        places, labels = self.raw_ticks()
        return self.values(places), labels


KNOWN_SCALES = {
    "linear",
    "datetime",
    "categorical",
    "log",
    "symlog",
    "logit",
    "function",
    "functionlog",
    "asinh",
}


# ---- labels --------------------------------------------------------------------------------------------------------------


def own_label(artist):
    label = str(artist.get_label() or "")
    return "" if label.startswith("_") else label


def label_of(artist, names):
    return own_label(artist) or names.get(artist, "")


def legend_names(axes):
    """By artist: what a legend that was given its own texts calls it."""
    legend = axes.get_legend()
    if legend is None:
        return {}
    drawn = [
        artist
        for artist in axes.get_children()
        if isinstance(artist, Line2D) or isinstance(artist, PathCollection)
    ]
    texts = [text.get_text() for text in legend.get_texts()]
    return dict(zip(drawn, texts)) if len(drawn) == len(texts) else {}
