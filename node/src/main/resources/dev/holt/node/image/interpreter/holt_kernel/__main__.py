"""Starts the Python kernel: python3 -m holt_kernel -f CONNECTION_FILE."""

import sys

from . import lean_import

with lean_import():
    from ipykernel import kernelapp

kernelapp.launch_new_instance()
