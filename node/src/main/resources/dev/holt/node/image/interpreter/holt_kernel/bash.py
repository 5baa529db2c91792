"""The Bash kernel: python3 -m holt_kernel.bash -f CONNECTION_FILE. All cells run in one shell, so that its variables,
functions, options and directory last."""

import os
import shlex
import signal

from .wrapper import WrapperKernel, launch

# An interactive shell, because that is the only one that an interrupt brings back to its next command; without a terminal.
# PROMPT_COMMAND runs when a command has ended, however it did.
SETUP = """\
PS1= PS2= HISTFILE=
set +H
PROMPT_COMMAND='printf "{{\\"code\\": %d}}\\\\n" $? >&{status}'
"""


class BashKernel(WrapperKernel):
    banner = "Bash"
    language = "bash"
    language_info = {"name": "bash", "mimetype": "text/x-sh", "file_extension": ".sh", "codemirror_mode": "shell"}

    def command(self, status_descriptor):
        setup = os.path.join(self.directory, "setup")
        with open(setup, "w", encoding="utf-8") as file:
            file.write(SETUP.format(status=status_descriptor))
        return ["/bin/bash", "--noprofile", "--noediting", "--rcfile", setup, "-i"]

    def await_ready(self):
        self.outcomes.get()  # of the first prompt

    def send_cell(self, code):
        cell = os.path.join(self.directory, "cell")
        with open(cell, "w", encoding="utf-8", errors="surrogateescape") as file:
            file.write(code)
        # One line for the shell whatever the cell holds; a cell that reads its input finds none.
        self.child.stdin.write(f"eval \"$(<{shlex.quote(cell)})\" </dev/null\n".encode())
        self.child.stdin.flush()

    def interrupt_cell(self):
        try:
            os.killpg(self.child.pid, signal.SIGINT)
        except ProcessLookupError:
            pass

    def outcome(self):
        outcome = super().outcome()
        if "code" not in outcome or outcome.get("status") == "ended":
            return outcome
        if outcome["code"] == 0:
            return {"status": "ok"}
        if outcome["code"] == 130:
            return {"status": "error", "name": "KeyboardInterrupt", "value": "interrupted"}
        return {"status": "error", "name": "ExitStatus", "value": str(outcome["code"])}


if __name__ == "__main__":
    launch(BashKernel)
