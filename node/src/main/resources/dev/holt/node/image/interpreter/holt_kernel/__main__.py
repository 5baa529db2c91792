"""Starts the Python kernel: python3 -m holt_kernel -f CONNECTION_FILE."""

import sys

# With -m the working directory is first in the path: a user's file must not take the place of a module that the kernel needs.
# IPython puts it back for the user's own imports.
if sys.path[0] in ("", __import__("os").getcwd()):
    del sys.path[0]

from ipykernel import kernelapp  # noqa: E402

kernelapp.launch_new_instance()
