"""Pause, resume, snapshots, forks and lifecycles through the Python client."""

import asyncio
import concurrent.futures
import os
import uuid

import httpx
import pytest
from conftest import at_edge, eventually
from e2b import AsyncSandbox, NotFoundException, Sandbox


def control(method, path, body=None):
    return httpx.request(
        method,
        os.environ["E2B_API_URL"] + path,
        json=body,
        headers={"X-API-Key": os.environ["E2B_API_KEY"]},
        timeout=300,
        trust_env=False,
    )


def state(sandbox):
    return str(sandbox.get_info().state.value)


def run(sandbox, command):
    return sandbox.commands.run(command).stdout.strip()


def test_pause_keeps_files_and_processes(sandbox):
    sandbox.files.write("kept.txt", "kept")
    process = sandbox.commands.run("sleep 3600", background=True, timeout=0)
    sandbox.pause()
    assert state(sandbox) == "paused"
    assert not sandbox.is_running()
    assert sandbox.connect().sandbox_id == sandbox.sandbox_id
    assert state(sandbox) == "running"
    assert sandbox.is_running()
    assert sandbox.files.read("kept.txt") == "kept"
    assert process.pid in [found.pid for found in sandbox.commands.list()]
    assert sandbox.commands.connect(process.pid).pid == process.pid


def test_details_parse_in_every_state(sandbox, runtime):
    sandbox.pause()
    detail = control("GET", f"/sandboxes/{sandbox.sandbox_id}").json()
    assert detail["pauseMode"] == "full"
    assert detail["holt"]["state"] == "paused"
    assert detail["holt"]["memory"] == ("disk" if runtime == "gvisor" else "host")
    found = []
    paginator = Sandbox.list()
    while paginator.has_next:
        found += paginator.next_items()
    assert [item.state.value for item in found if item.sandbox_id == sandbox.sandbox_id] == ["paused"]


def test_without_memory_it_boots_afresh(sandbox, runtime):
    sandbox.files.write("kept.txt", "kept")
    before = run(sandbox, "cat /proc/sys/kernel/random/boot_id")
    process = sandbox.commands.run("sleep 3600", background=True, timeout=0)
    assert control("POST", f"/sandboxes/{sandbox.sandbox_id}/pause", {"memory": False}).status_code == 204
    sandbox.connect()
    assert sandbox.files.read("kept.txt") == "kept"
    assert not [p for p in sandbox.commands.list() if p.pid == process.pid and "sleep" in " ".join(p.args)]
    if runtime == "gvisor":
        assert run(sandbox, "cat /proc/sys/kernel/random/boot_id") != before


def test_what_is_gone_is_not_found():
    sandbox = Sandbox.create(timeout=60)
    sandbox.pause()
    assert Sandbox.kill(sandbox.sandbox_id) is True
    with pytest.raises(NotFoundException):
        sandbox.connect()
    with pytest.raises(NotFoundException):
        sandbox.pause()


def test_timeout_of_a_paused_one_cannot_move(sandbox):
    sandbox.pause()
    with pytest.raises(NotFoundException):
        sandbox.set_timeout(60)


def test_lifecycle_pauses_and_traffic_resumes():
    sandbox = Sandbox.create(timeout=3, lifecycle={"on_timeout": "pause", "auto_resume": True})
    try:
        sandbox.commands.run("python3 -m http.server 8000", background=True, timeout=0)
        eventually("paused", lambda: state(sandbox) == "paused", 60)
        answer = at_edge(f"http://{sandbox.get_host(8000)}/", timeout=120)
        assert answer.status_code == 200
        assert state(sandbox) == "running"
        info = sandbox.get_info()
        assert info.lifecycle["on_timeout"] == "pause"
        assert info.lifecycle["auto_resume"] is True
    finally:
        sandbox.kill()


def test_lifecycle_without_memory_and_without_traffic(runtime):
    made = control(
        "POST", "/v2/sandboxes", {"templateID": "base", "timeout": 2, "autoPause": True, "autoPauseMemory": False}
    ).json()
    sandbox = made["sandboxID"]
    try:
        detail = lambda: control("GET", f"/sandboxes/{sandbox}").json()
        # E2B's word is the same while it is being paused and afterwards.
        eventually("paused", lambda: detail()["holt"]["state"] == "paused", 60)
        assert detail()["pauseMode"] == "filesystem"
        answer = at_edge(f"http://8000-{sandbox}.example.com/")
        assert answer.status_code == 502
        assert "was not found" in answer.json()["message"]
        assert detail()["state"] == "paused"
        resumed = control("POST", f"/v2/sandboxes/{sandbox}/connect", {})
        assert resumed.status_code == 201
        assert resumed.json()["holt"]["way"] == "booted"
    finally:
        control("DELETE", f"/sandboxes/{sandbox}")


def test_snapshots(sandbox):
    name = f"python-{uuid.uuid4()}"
    sandbox.files.write("state.txt", "captured")
    snapshot = sandbox.create_snapshot(name=name) if takes_names(sandbox) else sandbox.create_snapshot()
    try:
        sandbox.files.write("state.txt", "changed")
        with Sandbox.create(snapshot.snapshot_id, timeout=120) as other:
            assert other.files.read("state.txt") == "captured"
        assert sandbox.files.read("state.txt") == "changed"
        found = []
        paginator = sandbox.list_snapshots()
        while paginator.has_next:
            found += paginator.next_items()
        assert [item.snapshot_id for item in found] == [snapshot.snapshot_id]
    finally:
        assert Sandbox.delete_snapshot(snapshot.snapshot_id) is True
    assert Sandbox.delete_snapshot(snapshot.snapshot_id) is False


def takes_names(sandbox):
    import inspect

    return "name" in inspect.signature(Sandbox._cls_create_snapshot).parameters


def test_snapshot_without_memory(sandbox):
    made = control("POST", f"/sandboxes/{sandbox.sandbox_id}/snapshots", {"memory": False})
    assert made.status_code == 201
    assert made.json()["holt"]["memory"] == "none"
    with Sandbox.create(made.json()["snapshotID"], timeout=60) as other:
        assert run(other, "echo booted") == "booted"
    assert Sandbox.delete_snapshot(made.json()["snapshotID"]) is True


def test_forks(sandbox):
    if not hasattr(sandbox, "fork"):
        return  # an SDK of before forks
    sandbox.files.write("state.txt", "before")
    forks = sandbox.fork(count=2, timeout=120)
    try:
        assert all(isinstance(fork, Sandbox) for fork in forks), forks
        assert len({sandbox.sandbox_id, *(fork.sandbox_id for fork in forks)}) == 3
        for fork in forks:
            assert fork.files.read("state.txt") == "before"
            fork.files.write("state.txt", "in the fork")
        assert sandbox.files.read("state.txt") == "before"
    finally:
        for fork in forks:
            if isinstance(fork, Sandbox):
                fork.kill()


def test_rollback_and_events(sandbox):
    sandbox.files.write("state.txt", "good")
    snapshot = control("POST", f"/sandboxes/{sandbox.sandbox_id}/snapshots", {}).json()["snapshotID"]
    sandbox.files.write("state.txt", "bad")
    back = control("POST", f"/sandboxes/{sandbox.sandbox_id}/rollback", {"snapshotID": snapshot})
    assert back.status_code == 200, back.text
    assert sandbox.files.read("state.txt") == "good"
    events = control("GET", f"/sandboxes/{sandbox.sandbox_id}/events").json()
    assert "rolled-back" in [event["type"] for event in events]
    assert Sandbox.delete_snapshot(snapshot) is True


def test_connects_at_once_are_one_resume(sandbox):
    sandbox.pause()
    with concurrent.futures.ThreadPoolExecutor(10) as threads:
        assert list(threads.map(lambda _: Sandbox.connect(sandbox.sandbox_id).sandbox_id, range(10))) == [
            sandbox.sandbox_id
        ] * 10
    events = control("GET", f"/sandboxes/{sandbox.sandbox_id}/events").json()
    assert [event["type"] for event in events].count("resumed") == 1


def test_the_asynchronous_client_too():
    async def story():
        sandbox = await AsyncSandbox.create(timeout=120)
        try:
            await sandbox.files.write("kept.txt", "kept")
            await sandbox.pause()
            assert (await sandbox.get_info()).state.value == "paused"
            await sandbox.connect()
            assert await sandbox.files.read("kept.txt") == "kept"
        finally:
            await sandbox.kill()

    asyncio.run(story())
