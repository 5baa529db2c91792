"""Kernels whose language runs in a process of its own: the Jupyter side of them.

The process gets cells in its own way, writes to its standard output and error, which become streams, and says in a line of JSON
on a third pipe how each cell ended: {"status": "ok", "text": ...} or {"status": "error", "name": ..., "value": ..., "traceback":
[...]}.
"""

import codecs
import json
import os
import queue
import select
import shutil
import signal
import subprocess
import tempfile
import threading
import time

from . import lean_import

with lean_import():
    from ipykernel.kernelapp import IPKernelApp
    from ipykernel.kernelbase import Kernel

# How long an interrupted cell has to end before its process is ended.
INTERRUPT_PATIENCE = 5.0
# How long one interrupt has to work: one can get lost between two commands of a cell.
INTERRUPT_AGAIN = 1.0
# How long a process that has ended is listened to.
LAST_WORDS = 0.5
CHUNK = 65536


class WrapperKernel(Kernel):
    implementation = "holt"
    implementation_version = "1"

    def __init__(self, **options):
        super().__init__(**options)
        self.directory = tempfile.mkdtemp(prefix="holt-kernel-")
        self.child = None
        self.start_process()

    # ---- what a language says ----

    def command(self, status_descriptor):
        """The words that start the process; it writes how cells ended to that descriptor."""
        raise NotImplementedError

    def send_cell(self, code):
        """Hands the process one cell."""
        raise NotImplementedError

    def interrupt_cell(self):
        """Stops the running cell."""
        raise NotImplementedError

    def await_ready(self):
        """Returns when the process takes cells; what it has written till then is nobody's."""

    # ---- the process ----

    def start_process(self):
        ended_reading, ended_writing = os.pipe()
        os.set_inheritable(ended_writing, True)
        # A kernel ignores interrupts between cells; what it starts would, too, for ever.
        before = signal.signal(signal.SIGINT, signal.SIG_DFL)
        try:
            self.child = subprocess.Popen(
                self.command(ended_writing),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                pass_fds=(ended_writing,),
                start_new_session=True,  # an interrupt of the kernel is not one of the process
            )
        finally:
            signal.signal(signal.SIGINT, before)
        os.close(ended_writing)
        self.outcomes = queue.Queue()
        self.publishing = threading.Lock()
        self.silent = True
        pipes = {self.child.stdout.fileno(): "stdout", self.child.stderr.fileno(): "stderr"}
        child, outcomes = self.child, self.outcomes
        self.publisher = in_background(lambda: self.publish_output(child, pipes))
        in_background(lambda: read_outcomes(ended_reading, outcomes))
        in_background(lambda: outcomes.put({"status": "ended", "code": child.wait()}))
        self.await_ready()
        self.drain()
        self.silent = False

    def publish_output(self, child, pipes):
        """Sends on what the process writes, as it comes, also between cells."""
        decoders = {pipe: codecs.getincrementaldecoder("utf-8")("replace") for pipe in pipes}
        open_pipes = list(pipes)
        while open_pipes:
            for pipe in select.select(open_pipes, [], [])[0]:
                with self.publishing:
                    chunk = os.read(pipe, CHUNK)
                    text = decoders[pipe].decode(chunk, final=not chunk)
                    if text and not self.silent:
                        self.send_response(self.iopub_socket, "stream", {"name": pipes[pipe], "text": text})
                if not chunk:
                    open_pipes.remove(pipe)

    def drain(self):
        """Returns when all is sent that the process had written when this was called."""
        while True:
            # Whoever holds the lock has read what was there and not sent it yet.
            with self.publishing:
                if not select.select([self.child.stdout, self.child.stderr], [], [], 0)[0]:
                    return
            if self.child.poll() is not None:  # what it left running may hold the pipes open, and write for ever
                self.publisher.join(LAST_WORDS)
                return
            time.sleep(0.001)

    def end_process(self):
        if self.child is not None and self.child.poll() is None:
            try:
                os.killpg(self.child.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass

    # ---- Jupyter ----

    def do_execute(self, code, silent, store_history=True, user_expressions=None, allow_stdin=False, **more):
        if not code.strip():
            return self.ok()
        if self.child.poll() is not None:
            self.start_process()
        self.silent = silent
        try:
            self.send_cell(code)
        except BrokenPipeError:
            pass  # it has ended, which is told as the outcome
        outcome = self.outcome()
        self.drain()
        self.silent = False
        if outcome["status"] == "ok":
            if outcome.get("text") is not None and not silent:
                self.send_response(
                    self.iopub_socket,
                    "execute_result",
                    {
                        "execution_count": self.execution_count,
                        "data": {"text/plain": outcome["text"]},
                        "metadata": {},
                    },
                )
            return self.ok()
        if outcome["status"] == "ended":
            outcome = {
                "name": "ProcessEnded",
                "value": f"the {self.language} process ended with {described(outcome['code'])}; a new one without its"
                " variables takes the next cell",
            }
        error = {"ename": outcome["name"], "evalue": outcome["value"], "traceback": outcome.get("traceback", [])}
        if not error["traceback"]:
            error["traceback"] = [f"{error['ename']}: {error['evalue']}"]
        if not silent:
            self.send_response(self.iopub_socket, "error", error)
        return {"status": "error", "execution_count": self.execution_count, **error}

    def outcome(self):
        patience = None
        interrupted = False
        left = INTERRUPT_PATIENCE
        while True:
            try:
                outcome = self.outcomes.get(timeout=patience)
                if interrupted and outcome.get("status") == "ok":
                    return {"status": "error", "name": "KeyboardInterrupt", "value": "interrupted"}
                return outcome
            except KeyboardInterrupt:
                patience, interrupted, left = INTERRUPT_AGAIN, True, INTERRUPT_PATIENCE
                self.interrupt_cell()
            except queue.Empty:
                left -= INTERRUPT_AGAIN
                if left > 0:
                    self.interrupt_cell()
                else:
                    patience = None
                    self.end_process()

    def ok(self):
        return {
            "status": "ok",
            "execution_count": self.execution_count,
            "payload": [],
            "user_expressions": {},
        }

    def do_shutdown(self, restart):
        self.end_process()
        shutil.rmtree(self.directory, ignore_errors=True)
        return {"status": "ok", "restart": restart}


def in_background(work):
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    return thread


def read_outcomes(pipe, outcomes):
    with open(pipe, encoding="utf-8", errors="replace") as lines:
        for line in lines:
            try:
                outcomes.put(json.loads(line))
            except ValueError:
                pass  # somebody in the process found the pipe and wrote to it


def described(code):
    return f"status {code}" if code >= 0 else f"signal {signal.Signals(-code).name}"


def launch(kernel):
    IPKernelApp.launch_instance(kernel_class=kernel)
