"""Every kernel starts, answers, is interrupted and goes on. Runs inside a sandbox of the code interpreter's template."""

import queue
import time
import unittest

from jupyter_client.manager import KernelManager

LIMIT = 60


class Cell:
    """What one cell brought forth."""

    def __init__(self):
        self.stdout = ""
        self.stderr = ""
        self.results = []
        self.error = None
        self.status = None


class Kernel:
    def __init__(self, name):
        self.manager = KernelManager(kernel_name=name)
        self.manager.start_kernel()
        self.client = self.manager.client()
        self.client.start_channels()
        self.client.wait_for_ready(timeout=LIMIT)

    def __enter__(self):
        return self

    def __exit__(self, *failure):
        self.client.stop_channels()
        self.manager.shutdown_kernel(now=True)

    def start(self, code):
        return self.client.execute(code, stop_on_error=False)

    def run(self, code):
        return self.finish(self.start(code))

    def finish(self, request):
        cell = Cell()
        idle = False
        while True:
            try:
                # Deno tells a result from another task than the end of its cell: it may come just behind it.
                message = self.client.get_iopub_msg(timeout=0.2 if idle else LIMIT)
            except queue.Empty:
                if idle:
                    break
                raise
            if message["parent_header"].get("msg_id") != request:
                continue
            kind, content = message["msg_type"], message["content"]
            if kind == "stream":
                setattr(cell, content["name"], getattr(cell, content["name"]) + content["text"])
            elif kind in ("execute_result", "display_data"):
                cell.results.append(content["data"])
            elif kind == "error":
                cell.error = content
            elif kind == "status" and content["execution_state"] == "idle":
                idle = True
        while cell.status is None:
            reply = self.client.get_shell_msg(timeout=LIMIT)
            if reply["parent_header"].get("msg_id") == request:
                cell.status = reply["content"]["status"]
        return cell

    def result(self, code):
        cell = self.run(code)
        assert cell.results, f"no result but {vars(cell)}"
        return cell.results[-1]

    def text(self, code):
        return self.result(code)["text/plain"]


class Kernels(unittest.TestCase):
    def interrupted(self, kernel, endless, afterwards, expected):
        """An endless cell ends with an error when it is interrupted, and the kernel answers as before."""
        request = kernel.start(endless)
        time.sleep(1)  # it must be under way; whether it is can't be seen from here
        kernel.manager.interrupt_kernel()
        cell = kernel.finish(request)
        self.assertEqual(expected, kernel.text(afterwards))
        return cell

    def test_python(self):
        with Kernel("python3") as kernel:
            self.assertEqual("42", kernel.text("x = 41\nx + 1"))
            cell = kernel.run("import sys; print('out'); print('err', file=sys.stderr)")
            self.assertEqual(("out\n", "err\n"), (cell.stdout, cell.stderr))
            cell = kernel.run("1 / 0")
            self.assertEqual(("ZeroDivisionError", "division by zero"), (cell.error["ename"], cell.error["evalue"]))
            self.assertNotIn("\x1b", "".join(cell.error["traceback"]))
            data = kernel.result("import pandas; pandas.DataFrame({'a': [1, 2]})")
            self.assertEqual({"a": [1, 2]}, data["e2b/data"])
            self.assertIn("<table", data["text/html"])
            data = kernel.result("import matplotlib.pyplot as plt; plt.plot([1, 2]); plt.title('T'); plt.show()")
            self.assertEqual(("line", "T"), (data["e2b/chart"]["type"], data["e2b/chart"]["title"]))
            self.assertTrue(data["image/png"].startswith("iVBOR"))
            self.assertEqual({"a": [1, None, "ü"]}, kernel.result("{'a': (1, float('nan'), 'ü')}")["application/json"])
            self.assertEqual([0, 1], kernel.result("import numpy; list(numpy.arange(2))")["application/json"])
            for without in ("[object()]", "list(range(200_000))", "'text'", "endless = []; endless.append(endless); endless"):
                self.assertNotIn("application/json", kernel.result(without))
            cell = kernel.run("from PIL import Image; Image.new('RGB', (2, 2)).save('/tmp/saved.png'); print('saved')")
            self.assertEqual("saved\n", cell.stdout)
            self.assertIn("image/png", cell.results[0])
            cell = kernel.run("Image.new('RGB', (3000, 2000)).save('/tmp/large.png'); open('/tmp/large.png').close()")
            self.assertEqual(([], None), (cell.results, cell.error))
            data = kernel.run("plt.bar(['a'], [1])\nplt.gcf()").results
            self.assertEqual("bar", data[0]["e2b/chart"]["type"])
            self.assertEqual("KeyboardInterrupt", self.interrupted(kernel, "while True: pass", "x", "41").error["ename"])

    def test_every_package_is_there(self):
        names = (
            "numpy pandas matplotlib scipy sklearn PIL seaborn sympy plotly requests openpyxl bs4 nltk skimage docx xlrd"
            " aiohttp joblib imageio xarray statsmodels networkx pytest soundfile h5py lxml tabulate debugpy jedi"
        )
        with Kernel("python3") as kernel:
            for name in names.split():
                with self.subTest(name):
                    self.assertIsNone(kernel.run(f"import {name}").error)

    def test_javascript(self):
        with Kernel("javascript") as kernel:
            kernel.run("const x = 41")
            self.assertEqual("42", kernel.text("x + 1"))
            self.assertEqual("hi\n", kernel.run("console.log('hi')").stdout)
            self.assertEqual('"later"', kernel.text("await Promise.resolve('later')"))
            kernel.run("import path from 'node:path'")
            self.assertEqual('"/"', kernel.text("path.sep"))
            self.assertEqual("bad", kernel.run("throw new Error('bad')").error["evalue"])
            self.assertEqual("error", self.interrupted(kernel, "while (true) {}", "x", "41").status)

    def test_typescript(self):
        with Kernel("typescript") as kernel:
            self.assertEqual("3", kernel.text("function add(a: number, b: number): number { return a + b }\nadd(1, 2)"))

    def test_r(self):
        with Kernel("r") as kernel:
            kernel.run("x <- 41")
            self.assertEqual("[1] 42", kernel.text("x + 1"))
            self.assertEqual('[1] "hi"\n', kernel.run("print('hi')").stdout)
            self.assertIn("text/html", kernel.result("data.frame(a = 1:3)"))
            self.assertTrue(kernel.result("plot(1:3)")["image/png"].startswith("iVBOR"))
            self.assertIn("bad", kernel.run("stop('bad')").error["evalue"])
            self.assertIsNone(kernel.run("library(ggplot2)").error)
            self.interrupted(kernel, "repeat {}", "x", "[1] 41")

    def test_java(self):
        with Kernel("java") as kernel:
            kernel.run("int x = 41;")
            self.assertEqual("42", kernel.text("x + 1"))
            self.assertEqual("hi\n", kernel.run('System.out.println("hi");').stdout)
            self.assertEqual("oops\n", kernel.run('System.err.println("oops");').stderr)
            self.assertEqual("a\"b\né", kernel.text('"a\\"b\\n" + "\\u00e9"'))
            self.assertEqual("[2, 4]", kernel.text("List.of(1, 2).stream().map(n -> n * 2).collect(Collectors.toList())"))
            kernel.run("record Point(int x, int y) {}\nint norm(Point p) {\n  return p.x() + p.y();\n}")
            self.assertEqual("7", kernel.text("norm(new Point(3, 4))"))
            cell = kernel.run('System.out.println("before");\nthrow new IllegalStateException("bad");')
            self.assertEqual("before\n", cell.stdout)
            self.assertEqual(("java.lang.IllegalStateException", "bad"), (cell.error["ename"], cell.error["evalue"]))
            self.assertEqual("CompilationError", kernel.run("int y = ;").error["ename"])
            self.assertIsNone(kernel.run("// nothing").error)
            self.assertEqual("KeyboardInterrupt", self.interrupted(kernel, "while (true);", "x", "41").error["ename"])

    def test_bash(self):
        with Kernel("bash") as kernel:
            kernel.run("x=41; cd /tmp; f() { echo \"f $1\"; }")
            self.assertEqual("41 /tmp\nf a\n", kernel.run("echo $x $PWD; f a").stdout)
            cell = kernel.run("echo out; echo err >&2; (exit 3)")
            self.assertEqual(("out\n", "err\n", "3"), (cell.stdout, cell.stderr, cell.error["evalue"]))
            self.assertEqual("read: \n", kernel.run("read line; echo \"read: $line\"").stdout)
            self.assertEqual("1\n2\n", kernel.run("for i in 1 2\ndo\n  echo $i\ndone").stdout)
            self.assertEqual(200_000, len(kernel.run("head -c 200000 /dev/zero | tr '\\0' x").stdout))
            request = kernel.start("while true; do sleep 0.1; done; echo not this")
            time.sleep(1)
            kernel.manager.interrupt_kernel()
            cell = kernel.finish(request)
            self.assertEqual(("KeyboardInterrupt", ""), (cell.error["ename"], cell.stdout))
            self.assertEqual("41\n", kernel.run("echo $x").stdout)
            self.assertEqual("ProcessEnded", kernel.run("exit 4").error["ename"])
            self.assertEqual("again\n", kernel.run("echo again $x").stdout)


if __name__ == "__main__":
    unittest.main()
