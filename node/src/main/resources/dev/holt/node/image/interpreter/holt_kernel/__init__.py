"""What Holt adds to the kernels of its code interpreter: data of frames and charts beside the usual representations.

As an IPython extension it only registers formatters; whatever they need is imported when there is something to format.
"""


def load_ipython_extension(shell):
    """Called by IPython when a kernel starts, because /etc/ipython/ipython_kernel_config.py names this package."""
    from . import display

    display.install(shell)
