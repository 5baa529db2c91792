# Settings of every Python kernel in this template. A user's own in ~/.ipython/profile_default win.
c = get_config()  # noqa: F821

c.InteractiveShellApp.extensions = ["holt_kernel"]
# In and Out stay; only the file of earlier sessions is not kept, whose database costs each start some time.
c.HistoryManager.enabled = False
# Tracebacks are read by programs: no colours in them.
c.InteractiveShell.colors = "NoColor"
