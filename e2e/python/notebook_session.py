"""A sandbox's kernels through Jupyter's own clients: nbclient, jupyter_client's interface, and a Jupyter server in gateway mode, which is
what JupyterLab runs on; run by NotebookTest.

Argument: the URL that `holt sandbox notebook` prints.
"""

import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.request

URL = sys.argv[1]
os.environ["JUPYTER_GATEWAY_URL"] = URL

import nbformat  # noqa: E402
import websocket  # noqa: E402
from jupyter_server.gateway.managers import GatewayKernelManager  # noqa: E402
from nbclient import NotebookClient  # noqa: E402
from nbclient.exceptions import CellExecutionError  # noqa: E402

MANAGER = "jupyter_server.gateway.managers.GatewayKernelManager"


def notebook(*cells):
    made = nbformat.v4.new_notebook()
    made.cells = [nbformat.v4.new_code_cell(cell) for cell in cells]
    return made


def executed(*cells):
    made = notebook(*cells)
    NotebookClient(made, kernel_name="python3", kernel_manager_class=MANAGER, timeout=120).execute()
    return made.cells


def a_notebook_is_executed():
    cells = executed("print('one'); x = 6 * 7; x", "import os; os.getcwd()", "from IPython.display import HTML; HTML('<b>b</b>')")
    assert [output["output_type"] for output in cells[0].outputs] == ["stream", "execute_result"]
    assert cells[0].outputs[0]["text"] == "one\n"
    assert cells[0].outputs[1]["data"]["text/plain"] == "42"
    assert cells[1].outputs[0]["data"]["text/plain"] == "'/home/user'"
    assert cells[2].outputs[0]["data"]["text/html"] == "<b>b</b>"


def an_exception_and_a_dead_kernel_are_told():
    for code, name in (("1/0", "ZeroDivisionError"), ("import os; os._exit(3)", "KernelGone")):
        try:
            executed(code)
        except CellExecutionError as error:
            assert error.ename == name, error.ename
        else:
            raise AssertionError(code + " raised nothing")


async def reply(client, request, timeout=60):
    while True:
        message = await client.get_shell_msg(timeout=timeout)
        if message["parent_header"].get("msg_id") == request:
            return message["content"]


async def value(client, expression):
    content = await reply(client, client.execute("", user_expressions={"value": expression}))
    return content["user_expressions"]["value"]["data"]["text/plain"]


async def kernels_are_interrupted_restarted_and_asked():
    manager = GatewayKernelManager()
    await manager.start_kernel(kernel_name="python3")
    client = manager.client()
    client.session.key = b""
    await client.start_channels()
    try:
        assert await manager.is_alive()
        assert (await reply(client, client.execute("kept = 5")))["status"] == "ok"
        endless = client.execute("import time\nwhile True: time.sleep(0.1)")
        await asyncio.sleep(1)
        await manager.interrupt_kernel()
        assert (await reply(client, endless))["ename"] == "KeyboardInterrupt"
        assert await value(client, "kept") == "5"

        asking = client.execute("name = input('who? ')", allow_stdin=True)
        question = await client.get_stdin_msg(timeout=60)
        assert question["content"]["prompt"] == "who? "
        client.input("it is me")
        assert (await reply(client, asking))["status"] == "ok"
        assert await value(client, "name") == "'it is me'"

        waiting = client.execute("time.sleep(1000)")
        await asyncio.sleep(1)
        await manager.restart_kernel()
        assert (await reply(client, waiting))["evalue"] == "the kernel was restarted"
        answer = await reply(client, client.execute("kept"))
        assert answer["ename"] == "NameError", answer
    finally:
        client.stop_channels()
        await manager.shutdown_kernel()
    gone = await manager.refresh_model()
    assert gone is None


def request(url, method="GET", body=None, token=None):
    made = urllib.request.Request(url, method=method, data=None if body is None else json.dumps(body).encode())
    if token:
        made.add_header("Authorization", "token " + token)
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(made, timeout=60) as answer:
        content = answer.read()
        return json.loads(content) if content else None


def frame_version_1(channel, *parts):
    """As jupyter_server's serialize_msg_to_ws_v1 says."""
    whole = [channel.encode(), *(json.dumps(part).encode() for part in parts)]
    offsets = [8 * (len(whole) + 2)]
    for part in whole:
        offsets.append(offsets[-1] + len(part))
    numbers = [len(offsets), *offsets]
    return b"".join(number.to_bytes(8, "little") for number in numbers) + b"".join(whole)


def parts_version_1(frame):
    count = int.from_bytes(frame[:8], "little")
    offsets = [int.from_bytes(frame[8 * (i + 1) : 8 * (i + 2)], "little") for i in range(count)]
    parts = [frame[start:end] for start, end in zip(offsets, offsets[1:])]
    return parts[0].decode(), *(json.loads(part) for part in parts[1:5])


def header(name, kind):
    return {"msg_id": name, "msg_type": kind, "session": "s", "username": "u", "date": "", "version": "5.3"}


def the_binary_subprotocol_is_spoken():
    kernel = request(URL + "/api/kernels", "POST", {"name": "python3"})
    socket = websocket.create_connection(
        URL.replace("http", "ws", 1) + f"/api/kernels/{kernel['id']}/channels",
        subprotocols=["v1.kernel.websocket.jupyter.org"],
        timeout=60,
    )
    assert socket.getsubprotocol() == "v1.kernel.websocket.jupyter.org"
    content = {"code": "print('raw')", "silent": False}
    socket.send_binary(frame_version_1("shell", header("request-1", "execute_request"), {}, {}, content))
    seen = []
    while not any(kind == "execute_reply" for _, kind, _ in seen) or not any("idle" in str(c) for _, _, c in seen):
        channel, head, parent, _, content = parts_version_1(socket.recv())
        if parent.get("msg_id") == "request-1":
            seen.append((channel, head["msg_type"], content))
    assert ("iopub", "stream", {"name": "stdout", "text": "raw\n"}) in seen, seen
    assert request(URL + "/api/kernels/" + kernel["id"])["connections"] == 1
    socket.send("this is no message")
    socket.close()
    assert request(URL + "/api/kernels/" + kernel["id"])["name"] == "python3"
    request(URL + "/api/kernels/" + kernel["id"], "DELETE")


def a_jupyter_server_is_served():
    """JupyterLab's server with --gateway-url: the browser speaks to it, it speaks to the gateway."""
    with tempfile.TemporaryDirectory() as home:
        log = open(os.path.join(home, "log"), "w+")
        environment = {**os.environ, "HOME": home, "JUPYTER_RUNTIME_DIR": home + "/run", "JUPYTER_CONFIG_DIR": home + "/config"}
        environment.pop("JUPYTER_GATEWAY_URL")
        port = free_port()
        server = subprocess.Popen(
            [sys.executable, "-m", "jupyter_server", "--gateway-url=" + URL, "--no-browser", "--allow-root", "--ip=127.0.0.1",
             f"--port={port}", "--IdentityProvider.token=t0ken", "--ServerApp.port_retries=0", "--notebook-dir=" + home],
            stdout=log, stderr=subprocess.STDOUT, env=environment, cwd=home,
        )
        base = f"http://127.0.0.1:{port}"
        try:
            wait_until_served(base, server, log)
            specs = request(base + "/api/kernelspecs", token="t0ken")
            assert "python3" in specs["kernelspecs"], specs
            kernel = request(base + "/api/kernels", "POST", {"name": "python3"}, token="t0ken")
            socket = websocket.create_connection(
                base.replace("http", "ws", 1) + f"/api/kernels/{kernel['id']}/channels?token=t0ken", timeout=60
            )
            message = {"channel": "shell", "header": header("m1", "execute_request"), "parent_header": {}, "metadata": {},
                       "content": {"code": "print(6 * 7)", "silent": False}, "buffers": []}
            socket.send(json.dumps(message))
            while True:
                answer = json.loads(socket.recv())
                if answer["msg_type"] == "stream":
                    assert answer["content"]["text"] == "42\n"
                    break
            socket.close()
            request(base + "/api/kernels/" + kernel["id"], "DELETE", token="t0ken")
        except BaseException:
            log.seek(0)
            print(log.read())
            raise
        finally:
            server.terminate()
            server.wait(60)
            log.close()


def wait_until_served(base, server, log):
    end = time.monotonic() + 60
    while True:
        try:
            request(base + "/api", token="t0ken")
            return
        except OSError:
            assert server.poll() is None and time.monotonic() < end, "the Jupyter server did not start"
            time.sleep(0.2)


def free_port():
    import socket

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


a_notebook_is_executed()
an_exception_and_a_dead_kernel_are_told()
asyncio.run(kernels_are_interrupted_restarted_and_asked())
the_binary_subprotocol_is_spoken()
a_jupyter_server_is_served()
left = request(URL + "/api/kernels")
assert all(kernel["connections"] == 0 for kernel in left), left
print("Jupyter's clients are served")
