"""Finds box plots: matplotlib keeps no record of them, only the lines that they were drawn with."""

import dataclasses

import numpy


# How many corners the outline of a box with a notch has at least, the first one being its last, too.
NOTCHED = 11


@dataclasses.dataclass
class Box:
    """One box. Place and width are along the axis of what is compared, all else is along that of the values."""

    place: float
    width: float
    first: float
    third: float
    low: float = None
    high: float = None
    median: float = None
    median_span: float = 0.0
    outliers: list = dataclasses.field(default_factory=list)


def find(lines, patches):
    """The boxes among these, drawn upright or lying, and whether they lie. No box unless each has whiskers and a median."""
    shapes = []
    strokes = []
    clouds = []
    for patch in patches:
        shapes.append(numpy.asarray(patch.get_transform().transform_path(patch.get_path()).vertices))
    if shapes:  # back from the screen to data
        back = patches[0].axes.transData.inverted()
        shapes = [back.transform(shape) for shape in shapes]
    for line in lines:
        try:
            track = numpy.column_stack(
                (numpy.asarray(line.get_xdata(orig=False), float), numpy.asarray(line.get_ydata(orig=False), float))
            )
        except (TypeError, ValueError):
            continue
        marks_only = line.get_linestyle() in ("None", "none", " ", "")
        if marks_only:
            clouds.append(track)
        elif len(track) == 2:
            strokes.append(track)
        elif len(track) >= 5 and numpy.allclose(track[0], track[-1]):
            shapes.append(track)
        elif len(track):
            return [], False  # a curve: these axes show something else, too
    if not shapes or not strokes:
        return [], False
    for sideways in (False, True):
        found = arrange(shapes, strokes, clouds, sideways)
        if found:
            return found, sideways
    return [], False


def arrange(shapes, strokes, clouds, sideways):
    if sideways:
        shapes, strokes, clouds = ([track[:, ::-1] for track in tracks] for tracks in (shapes, strokes, clouds))
    found = []
    for shape in shapes:
        left, first = shape.min(axis=0)
        right, third = shape.max(axis=0)
        if len(shape) >= NOTCHED:  # the notch may reach beyond the box; its corners come in this order
            first, third = sorted((shape[0][1], shape[5][1]))
        found.append(Box((left + right) / 2, right - left, first, third))
    for stroke in strokes:
        (x1, y1), (x2, y2) = stroke
        low, high = min(y1, y2), max(y1, y2)
        for box in found:
            near = box.width * 1e-6 or 1e-9
            if abs(x1 - x2) <= near and abs(x1 - box.place) <= near:  # a whisker, maybe of no length
                if same(high, box.first) and box.low is None:
                    box.low = low
                elif same(low, box.third) and box.high is None:
                    box.high = high
            elif same(y1, y2) and min(x1, x2) >= box.place - box.width / 2 - near:
                inside = max(x1, x2) <= box.place + box.width / 2 + near
                across = box.first <= y1 <= box.third or same(y1, box.first) or same(y1, box.third)
                centred = abs((x1 + x2) / 2 - box.place) <= max(near, box.width * 1e-3)
                # A cap may lie on the box's edge where the whisker has no length; the median is as wide as the box.
                span = abs(x1 - x2)
                if inside and across and centred and span > box.median_span:
                    box.median, box.median_span = y1, span
    for cloud in clouds:
        for box in found:
            if len(cloud) and numpy.allclose(cloud[:, 0], box.place):
                # The mark of the mean, if there is one, was drawn before the outliers, and no mean is beyond the whiskers
                # where there are none.
                box.outliers = [value for value in cloud[:, 1] if not between(value, box.low, box.high)]
                break
    complete = [box for box in found if None not in (box.low, box.high, box.median)]
    return distinct(complete) if len(complete) == len(found) else []


def distinct(found):
    """Without those that were drawn twice over one another."""
    kept = []
    for box in found:
        twins = (
            same(box.place, other.place) and same(box.first, other.first) and same(box.third, other.third)
            for other in kept
        )
        if not any(twins):
            kept.append(box)
    return kept


def between(value, low, high):
    return low is not None and high is not None and low <= value <= high


def same(one, other):
    return bool(numpy.isclose(one, other, rtol=1e-9, atol=1e-12))
