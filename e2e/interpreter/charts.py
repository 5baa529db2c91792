"""What the Python kernel says of figures and tables. Runs inside a sandbox of the code interpreter's template."""

import datetime
import json
import unittest
import warnings

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from holt_kernel import charts, data, display

# What the clients' classes read without asking whether it is there.
CHART = {"type", "title", "elements"}
PLANE = CHART | {"x_label", "y_label", "x_unit", "y_unit"}
POINTS = PLANE | {f"{letter}_{name}" for letter in "xy" for name in ("ticks", "tick_labels", "scale")}


def chart(figure=None):
    """The chart as a client gets it: through JSON, which has no NaN."""
    return json.loads(json.dumps(charts.of_figure(figure or plt.gcf()), allow_nan=False))


class Figures(unittest.TestCase):
    def setUp(self):
        warnings.simplefilter("ignore")
        plt.close("all")

    def tearDown(self):
        plt.close("all")

    def test_line(self):
        x = np.linspace(0, 6, 100)
        plt.plot(x, np.sin(x), label="sin(x)")
        plt.plot(x, np.cos(x), label="cos(x)")
        plt.xlabel("Time (s)")
        plt.ylabel("Amplitude [Hz]")
        plt.title("Waves")
        got = chart()
        self.assertEqual(POINTS, set(got))
        self.assertEqual(("line", "Waves"), (got["type"], got["title"]))
        self.assertEqual(("Time (s)", "s", "Amplitude [Hz]", "Hz"), tuple(got[k] for k in ("x_label", "x_unit", "y_label", "y_unit")))
        self.assertEqual(["sin(x)", "cos(x)"], [one["label"] for one in got["elements"]])
        self.assertEqual([100, 100], [len(one["points"]) for one in got["elements"]])
        self.assertEqual([6.0, float(np.sin(6.0))], got["elements"][0]["points"][-1])
        self.assertEqual(("linear", "linear"), (got["x_scale"], got["y_scale"]))
        self.assertEqual(len(got["x_ticks"]), len(got["x_tick_labels"]))
        self.assertTrue(all(isinstance(tick, float) for tick in got["x_ticks"]))

    def test_labels_without_units_titles_and_names(self):
        plt.plot([1, 2])
        plt.xlabel("f(x) of something")
        got = chart()
        self.assertIsNone(got["title"])
        self.assertEqual(("f(x) of something", None), (got["x_label"], got["x_unit"]))
        self.assertEqual("", got["elements"][0]["label"])

    def test_names_come_from_the_legend_too(self):
        plt.plot([1, 2])
        plt.plot([2, 3])
        plt.legend(["first", "second"])
        self.assertEqual(["first", "second"], [one["label"] for one in chart()["elements"]])

    def test_lines_through_the_picture_are_no_data(self):
        plt.plot([1, 2, 3])
        plt.axhline(2)
        plt.axvline(1)
        self.assertEqual(1, len(chart()["elements"]))

    def test_gaps(self):
        plt.plot([1, 2, 3, 4], [1, np.nan, np.inf, 4])
        self.assertEqual([[1.0, 1.0], [4.0, 4.0]], chart()["elements"][0]["points"])
        plt.close("all")
        plt.plot(np.ma.masked_equal([1, 2, 3], 2))
        self.assertEqual([[0.0, 1.0], [2.0, 3.0]], chart()["elements"][0]["points"])

    def test_scatter(self):
        plt.scatter([1, 2, 3], [4, 5, 6], label="a")
        plt.scatter([1.5], [2], label="b", marker="x", c="red")
        got = chart()
        self.assertEqual(POINTS, set(got))
        self.assertEqual("scatter", got["type"])
        self.assertEqual(["a", "b"], [one["label"] for one in got["elements"]])
        self.assertEqual([[1.0, 4.0], [2.0, 5.0], [3.0, 6.0]], got["elements"][0]["points"])

    def test_scatter_with_a_line_keeps_both(self):
        plt.scatter([1, 2], [3, 4], label="measured")
        plt.plot([1, 2], [3, 4], label="fitted")
        got = chart()
        self.assertEqual("scatter", got["type"])
        self.assertEqual({"measured", "fitted"}, {one["label"] for one in got["elements"]})

    def test_a_huge_scatter_is_thinned(self):
        plt.scatter(np.arange(1_000_000), np.arange(1_000_000), label="many")
        plt.scatter([1, 2], [3, 4], label="few")
        got = chart()
        self.assertLessEqual(sum(len(one["points"]) for one in got["elements"]), charts.MOST_POINTS)
        many, few = got["elements"]
        self.assertEqual(2, len(few["points"]))
        self.assertEqual(([0.0, 0.0], [999999.0, 999999.0]), (many["points"][0], many["points"][-1]))

    def test_log_axes(self):
        plt.plot([1, 10, 100], [1, 2, 3])
        plt.xscale("log")
        plt.yscale("symlog")
        plt.ylabel("Y-axis (log scale)")
        got = chart()
        self.assertEqual(("log", "symlog", "log scale"), (got["x_scale"], got["y_scale"], got["y_unit"]))
        self.assertIn(10.0, got["x_ticks"])

    def test_every_scale_is_one_that_clients_know(self):
        for scale in ("linear", "log", "symlog", "logit", "asinh"):
            with self.subTest(scale):
                plt.close("all")
                plt.plot([0.1, 0.5], [1, 2])
                plt.xscale(scale)
                self.assertEqual(scale, chart()["x_scale"])
        plt.close("all")
        plt.plot([1, 2])
        plt.yscale("function", functions=(np.sqrt, np.square))
        self.assertEqual("function", chart()["y_scale"])

    def test_dates(self):
        days = [datetime.date(2023, 9, 1) + datetime.timedelta(days=n) for n in range(5)]
        for name, x in (
            ("dates", days),
            ("numpy", np.array(days, dtype="datetime64[D]")),
            ("pandas", pd.to_datetime(days)),
        ):
            with self.subTest(name):
                plt.close("all")
                plt.plot(x, range(5))
                got = chart()
                self.assertEqual(("datetime", "linear"), (got["x_scale"], got["y_scale"]))
                self.assertEqual(["2023-09-02T00:00:00", 1.0], got["elements"][0]["points"][1])
                self.assertTrue(all(isinstance(tick, str) for tick in got["x_ticks"]))

    def test_periods_of_pandas(self):
        frame = pd.DataFrame({"v": [1, 2, 3]}, index=pd.date_range("2024-03-01", periods=3, freq="D"))
        frame.plot()
        got = chart()
        self.assertEqual("datetime", got["x_scale"])
        self.assertEqual(["2024-03-02T00:00:00", 2.0], got["elements"][0]["points"][1])

    def test_categories(self):
        plt.plot([1, 2, 3], ["A", "B", "C"])
        got = chart()
        self.assertEqual(("linear", "categorical"), (got["x_scale"], got["y_scale"]))
        self.assertEqual([[1.0, "A"], [2.0, "B"], [3.0, "C"]], got["elements"][0]["points"])
        self.assertEqual(["A", "B", "C"], got["y_ticks"])
        self.assertEqual(["A", "B", "C"], got["y_tick_labels"])

    def test_bars(self):
        plt.bar(["A", "B", "C"], [100, 200.5, 300], label="Sold")
        plt.xlabel("Authors")
        plt.ylabel("Books")
        got = chart()
        self.assertEqual(PLANE, set(got))
        self.assertEqual(("bar", "Authors", "Books"), (got["type"], got["x_label"], got["y_label"]))
        self.assertEqual(
            [{"label": label, "group": "Sold", "value": value} for label, value in (("A", 100), ("B", 200.5), ("C", 300))],
            got["elements"],
        )

    def test_bars_of_one_height(self):
        plt.bar(["A", "B"], [5, 5])
        self.assertEqual([("A", 5, ""), ("B", 5, "")], [(e["label"], e["value"], e["group"]) for e in chart()["elements"]])

    def test_lying_bars(self):
        plt.barh(["A", "B"], [1, 2])
        plt.xlabel("Books")
        plt.ylabel("Authors")
        got = chart()
        self.assertEqual(("Authors", "Books"), (got["x_label"], got["y_label"]))
        self.assertEqual([("A", 1), ("B", 2)], [(e["label"], e["value"]) for e in got["elements"]])

    def test_bars_in_groups(self):
        places = np.arange(3)
        plt.bar(places - 0.2, [1, 2, 3], 0.4, label="2023")
        plt.bar(places + 0.2, [4, 5, 6], 0.4, label="2024", yerr=[0.1, 0.1, 0.1])
        plt.xticks(places, ["A", "B", "C"])
        got = chart()
        self.assertEqual("bar", got["type"])
        self.assertEqual(
            [("A", "2023", 1), ("B", "2023", 2), ("C", "2023", 3), ("A", "2024", 4), ("B", "2024", 5), ("C", "2024", 6)],
            [(e["label"], e["group"], e["value"]) for e in got["elements"]],
        )

    def test_bars_of_pandas(self):
        pd.DataFrame({"x": [1, 2], "y": [3, 4]}, index=["A", "B"]).plot.bar()
        self.assertEqual(
            [("A", "x", 1), ("B", "x", 2), ("A", "y", 3), ("B", "y", 4)],
            [(e["label"], e["group"], e["value"]) for e in chart()["elements"]],
        )

    def test_histogram(self):
        plt.hist([1, 1, 2, 3, 4], bins=[0, 2, 4, 6])
        self.assertEqual(
            [("0 - 2", 2), ("2 - 4", 2), ("4 - 6", 1)], [(e["label"], e["value"]) for e in chart()["elements"]]
        )

    def test_pie(self):
        plt.pie([90, 10], labels=["No", "No, in blue"], autopct="%1.1f%%", startangle=90)
        plt.title("Early?")
        got = chart()
        self.assertEqual(CHART, set(got))
        self.assertEqual(("pie", "Early?"), (got["type"], got["title"]))
        self.assertEqual(
            [{"label": "No", "angle": 324.0, "radius": 1.0}, {"label": "No, in blue", "angle": 36.0, "radius": 1.0}],
            got["elements"],
        )

    def test_pie_named_by_its_legend(self):
        plt.pie([1, 3])
        plt.legend(["a", "b"])
        self.assertEqual(["a", "b"], [e["label"] for e in chart()["elements"]])

    def test_boxes(self):
        values = [[1, 2, 3, 4, 5, 20], [2, 3, 4, 5, 6]]
        for name, options in (
            ("lines", {}),
            ("patches", {"patch_artist": True}),
            ("notches", {"notch": True}),
            ("no caps", {"showcaps": False}),
            ("means", {"showmeans": True}),
        ):
            with self.subTest(name):
                plt.close("all")
                plt.boxplot(values, labels=["A", "B"], **options)
                plt.ylabel("Score")
                got = chart()
                self.assertEqual(PLANE, set(got))
                self.assertEqual(("box_and_whisker", "Score"), (got["type"], got["y_label"]))
                first, second = got["elements"]
                self.assertEqual("A", first["label"])
                self.assertEqual(np.percentile(values[0], [25, 50, 75]).tolist(), [first[k] for k in ("first_quartile", "median", "third_quartile")])
                self.assertEqual((1, 5, [20]), (first["min"], first["max"], first["outliers"]))
                self.assertEqual(("B", 2, 6, []), (second["label"], second["min"], second["max"], second["outliers"]))

    def test_lying_boxes(self):
        plt.boxplot([[1, 2, 3, 4, 5], [2, 3, 4, 5, 60]], vert=False, labels=["A", "B"])
        plt.xlabel("Score")
        got = chart()
        self.assertEqual(("box_and_whisker", "Score"), (got["type"], got["y_label"]))
        self.assertEqual([("A", 3.0), ("B", 4.0)], [(e["label"], e["median"]) for e in got["elements"]])
        self.assertEqual([60.0], got["elements"][1]["outliers"])

    def test_boxes_without_whiskers_of_any_length(self):
        plt.boxplot([[5, 5, 5, 5]], labels=["A"])
        box = chart()["elements"][0]
        self.assertEqual({5.0}, {box[k] for k in ("min", "first_quartile", "median", "third_quartile", "max")})

    def test_boxes_drawn_twice_are_told_once(self):
        figure, axes = plt.subplots()
        for filled in (False, True):
            axes.boxplot([[1, 2, 3], [4, 5, 6], [7, 8, 9]], labels=["A", "B", "C"], patch_artist=filled)
        self.assertEqual(["A", "B", "C"], [e["label"] for e in chart()["elements"]])

    def test_seaborn(self):
        import seaborn

        frame = pd.DataFrame({"kind": ["a", "a", "a", "b", "b", "b"], "size": [1, 2, 3, 4, 5, 6]})
        seaborn.boxplot(data=frame, x="kind", y="size")
        got = chart()
        self.assertEqual("box_and_whisker", got["type"])
        self.assertEqual([("a", 2.0), ("b", 5.0)], [(e["label"], e["median"]) for e in got["elements"]])
        plt.close("all")
        seaborn.barplot(data=frame, x="kind", y="size", errorbar=None)
        self.assertEqual([("a", 2), ("b", 5)], [(e["label"], e["value"]) for e in chart()["elements"]])
        plt.close("all")
        seaborn.lineplot(data=frame, x="size", y="size")
        self.assertEqual("line", chart()["type"])
        plt.close("all")
        seaborn.regplot(data=frame, x="size", y="size")
        self.assertEqual("scatter", chart()["type"])

    def test_subplots(self):
        figure, axes = plt.subplots(1, 2)
        figure.suptitle("Several")
        axes[0].plot([1, 2, 3])
        axes[0].set_title("left one")
        axes[1].scatter([1], [2])
        got = chart()
        self.assertEqual(CHART, set(got))
        self.assertEqual(("superchart", "Several"), (got["type"], got["title"]))
        self.assertEqual([("line", "left one"), ("scatter", None)], [(e["type"], e["title"]) for e in got["elements"]])

    def test_a_colour_bar_is_no_chart(self):
        points = plt.scatter([1, 2], [3, 4], c=[5, 6])
        plt.colorbar(points)
        self.assertEqual("scatter", chart()["type"])

    def test_the_title_of_the_figure_is_that_of_its_only_chart(self):
        plt.plot([1])
        plt.suptitle("Over all")
        self.assertEqual("Over all", chart()["title"])

    def test_what_nothing_is_known_of(self):
        drawings = {
            "circles": lambda: plt.gca().add_artist(plt.Circle((0, 0), 1)),
            "image": lambda: plt.imshow([[1, 2], [3, 4]]),
            "contours": lambda: plt.contourf([[1, 2], [3, 4]]),
            "polar": lambda: plt.subplot(projection="polar").plot([1, 2], [1, 2]),
            "nothing": lambda: plt.gca(),
            "text": lambda: plt.text(0, 0, "hello"),
        }
        for name, draw in drawings.items():
            with self.subTest(name):
                plt.close("all")
                draw()
                plt.title("T")
                self.assertEqual({"type": "unknown", "title": "T", "elements": []}, chart())

    def test_figures_without_a_chart(self):
        self.assertIsNone(charts.of_figure(plt.figure()))
        plt.figure().add_subplot(projection="3d").plot([1, 2], [1, 2], [1, 2])
        self.assertIsNone(charts.of_figure(plt.gcf()))

    def test_stems_and_error_bars(self):
        plt.stem([1, 2], [3, 4], label="stems")
        self.assertEqual([("stems", 2)], [(e["label"], len(e["points"])) for e in chart()["elements"]])
        plt.close("all")
        plt.errorbar([1, 2], [3, 4], yerr=[0.1, 0.2], capsize=3, label="measured")
        self.assertEqual([("measured", 2)], [(e["label"], len(e["points"])) for e in chart()["elements"]])

    def test_a_figure_that_breaks_is_still_a_picture(self):
        figure, axes = plt.subplots()
        axes.get_title = lambda *any: 1 / 0
        self.assertIsNone(display.figure_chart(figure))


class Tables(unittest.TestCase):
    def frame(self, value):
        return json.loads(json.dumps(data.of_frame(value), allow_nan=False))

    def test_a_list_for_each_column(self):
        self.assertEqual({"a": [1, 2], "b": ["x", None]}, self.frame(pd.DataFrame({"a": [1, 2], "b": ["x", None]})))

    def test_numbers_that_json_has_not(self):
        got = self.frame(pd.DataFrame({"f": [1.5, np.nan, np.inf], "i": pd.array([1, None, 3], dtype="Int64"), "b": [True, False, True]}))
        self.assertEqual({"f": [1.5, None, None], "i": [1, None, 3], "b": [True, False, True]}, got)

    def test_times(self):
        got = self.frame(
            pd.DataFrame({"t": pd.to_datetime(["2024-01-02 03:04:05", None]), "d": pd.to_timedelta([1, 2], unit="s")})
        )
        self.assertEqual(["2024-01-02T03:04:05", None], got["t"])
        self.assertEqual("0 days 00:00:01", got["d"][0])

    def test_names(self):
        frame = pd.DataFrame([[1, 2, 3]], columns=["a", "a", 7])
        self.assertEqual({"a": [1], "a.1": [2], "7": [3]}, self.frame(frame))
        several = pd.DataFrame({("a", "x"): [1], ("a", "y"): [2]})
        self.assertEqual({"a, x": [1], "a, y": [2]}, self.frame(several))

    def test_odd_cells(self):
        frame = pd.DataFrame({"o": [{"k": np.int64(1)}, [np.float64(2.5)], object, datetime.date(2024, 1, 2)]})
        got = self.frame(frame)["o"]
        self.assertEqual([{"k": 1}, [2.5]], got[:2])
        self.assertEqual("2024-01-02", got[3])
        self.assertEqual({"c": ["a", "b"]}, self.frame(pd.DataFrame({"c": pd.Categorical(["a", "b"])})))

    def test_empty(self):
        self.assertEqual({}, self.frame(pd.DataFrame()))
        self.assertEqual({"a": []}, self.frame(pd.DataFrame({"a": []})))

    def test_too_large(self):
        self.assertIsNone(data.of_frame(pd.DataFrame(np.zeros((data.MOST_CELLS, 2)))))

    def test_series(self):
        self.assertEqual({"n": [1, 2]}, data.of_series(pd.Series([1, 2], name="n")))
        self.assertEqual({"index": ["a", "b"], "value": [1, 2]}, data.of_series(pd.Series([1, 2], index=["a", "b"])))


if __name__ == "__main__":
    unittest.main()
