"""What Holt adds to the kernels of its code interpreter: data of frames and charts beside the usual representations.

As an IPython extension it only registers formatters; whatever they need is imported when there is something to format.
"""

import contextlib
import os
import sys

# With -m the working directory is first in the path: a user's file must not take the place of a module that a kernel needs.
# IPython puts it back for the user's own imports.
if sys.argv[:1] == ["-m"] and sys.path[:1] in ([""], [os.getcwd()]):
    del sys.path[0]


def load_ipython_extension(shell):
    """Called by IPython when a kernel starts, because /etc/ipython/ipython_kernel_config.py names this package."""
    from . import display

    display.install(shell)


@contextlib.contextmanager
def without_debugger():
    """ipykernel is imported in this: without its debugger, whose import is a good part of a kernel's start. Users can import it."""
    missing = "debugpy" not in sys.modules
    if missing:
        sys.modules["debugpy"] = None
    try:
        yield
    finally:
        if missing:
            del sys.modules["debugpy"]
