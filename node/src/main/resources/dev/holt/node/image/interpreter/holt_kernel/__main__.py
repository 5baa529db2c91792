"""Starts the Python kernel: python3 -m holt_kernel -f CONNECTION_FILE."""

import sys

from . import without_debugger

with without_debugger():
    from ipykernel import kernelapp

kernelapp.launch_new_instance()
