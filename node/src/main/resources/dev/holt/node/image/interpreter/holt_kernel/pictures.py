"""Pictures that code saves to a file are shown, too: clients of E2B's code interpreter expect it."""

import functools
import importlib.abc
import importlib.util
import sys

PIXELS_MAXIMUM = 4_000_000


def watch():
    """Waits for PIL to be imported, if it ever is."""
    if "PIL.Image" in sys.modules:
        prepare(sys.modules["PIL.Image"])
    else:
        sys.meta_path.insert(0, Waiting())


class Waiting(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name != "PIL.Image":
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        if spec is not None and spec.loader is not None:
            execute = spec.loader.exec_module

            def exec_module(module):
                execute(module)
                prepare(module)

            spec.loader.exec_module = exec_module
        return spec


def prepare(module):
    original = module.Image.save

    @functools.wraps(original)
    def save(self, fp, *arguments, **options):
        original(self, fp, *arguments, **options)
        if isinstance(fp, str):
            show(self)

    module.Image.save = save


def show(picture):
    """What can't be shown was saved all the same."""
    try:
        from IPython.display import display

        if picture.width * picture.height <= PIXELS_MAXIMUM:
            display(picture)
    except Exception:
        pass
