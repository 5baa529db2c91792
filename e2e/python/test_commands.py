import pytest
from conftest import eventually
from e2b import CommandExitException, PtySize, Sandbox


def test_output_and_exit_code(sandbox):
    result = sandbox.commands.run("echo out; echo err >&2")
    assert (result.stdout, result.stderr, result.exit_code) == ("out\n", "err\n", 0)
    with pytest.raises(CommandExitException) as failure:
        sandbox.commands.run("echo before; exit 7")
    assert failure.value.exit_code == 7
    assert failure.value.stdout == "before\n"


def test_users_and_directories(sandbox):
    assert sandbox.commands.run("whoami; pwd").stdout == "user\n/home/user\n"
    assert sandbox.commands.run("whoami; pwd", user="root").stdout == "root\n/root\n"
    assert sandbox.commands.run("pwd", cwd="/tmp").stdout == "/tmp\n"
    assert sandbox.commands.run("sudo whoami").stdout == "root\n"


def test_stdin_and_background(sandbox):
    handle = sandbox.commands.run("read line; echo got $line", background=True, stdin=True)
    sandbox.commands.send_stdin(handle.pid, "this\n")
    assert handle.wait().stdout == "got this\n"


def test_streams_callbacks(sandbox):
    lines = []
    sandbox.commands.run("for i in 1 2 3; do echo $i; sleep 0.1; done", on_stdout=lines.append)
    assert "".join(lines) == "1\n2\n3\n"


def test_list_connect_kill(sandbox):
    handle = sandbox.commands.run("sleep 300", background=True, timeout=0)
    assert handle.pid in [process.pid for process in sandbox.commands.list()]
    connected = sandbox.commands.connect(handle.pid)
    assert sandbox.commands.kill(handle.pid) is True
    with pytest.raises(CommandExitException):
        connected.wait()
    assert sandbox.commands.kill(handle.pid) is False


def test_timeout(sandbox):
    with pytest.raises(Exception):
        sandbox.commands.run("sleep 300", timeout=1)
    eventually(
        "nothing sleeps",
        lambda: sandbox.commands.run("pgrep -fc '^sleep 300' || true").stdout.strip() == "0",
    )


def test_big_output(sandbox):
    result = sandbox.commands.run("head -c 5000000 /dev/zero | tr '\\0' x", timeout=60)
    assert len(result.stdout) == 5_000_000


def test_terminal(sandbox):
    terminal = sandbox.pty.create(PtySize(rows=24, cols=80), timeout=60)
    sandbox.pty.resize(terminal.pid, PtySize(rows=43, cols=132))
    sandbox.pty.send_stdin(terminal.pid, b"stty size\nexit\n")
    screen = b""
    for _, _, data in terminal:
        if data:
            screen += data
    assert b"43 132" in screen


def test_sandbox_killed_in_mid_stream():
    sandbox = Sandbox.create(timeout=60)
    handle = sandbox.commands.run("while true; do echo tick; sleep 0.1; done", background=True, timeout=0)
    sandbox.kill()
    with pytest.raises(Exception):
        handle.wait()
