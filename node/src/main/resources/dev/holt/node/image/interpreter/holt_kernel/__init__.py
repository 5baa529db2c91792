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


# ipykernel works without them, and a third of the time that its import takes is theirs.
LEFT_OUT = ("debugpy", "jedi")


@contextlib.contextmanager
def lean_import():
    """ipykernel is imported in this: without its debugger and the slower of its two completers. Users can import both."""
    missing = [name for name in LEFT_OUT if name not in sys.modules]
    sys.modules.update(dict.fromkeys(missing))
    try:
        yield
    finally:
        for name in missing:
            del sys.modules[name]
