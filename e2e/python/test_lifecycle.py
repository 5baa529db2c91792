import concurrent.futures
import time
import uuid

import pytest
from conftest import at_edge, eventually
from e2b import NotFoundException, Sandbox


def test_create_describe_extend_kill():
    sandbox = Sandbox.create(timeout=60, metadata={"purpose": "lifecycle"})
    info = sandbox.get_info()
    assert info.sandbox_id == sandbox.sandbox_id
    assert info.metadata["purpose"] == "lifecycle"
    assert 55 < (info.end_at - info.started_at).total_seconds() < 65
    sandbox.set_timeout(600)
    assert (sandbox.get_info().end_at - info.started_at).total_seconds() > 500
    assert sandbox.is_running()
    assert sandbox.kill() is True
    assert not sandbox.is_running()
    assert Sandbox.kill(sandbox.sandbox_id) is False
    with pytest.raises(NotFoundException):
        Sandbox.get_info(sandbox.sandbox_id)


def test_isolation_is_in_the_metadata(sandbox, runtime):
    assert sandbox.get_info().metadata["isolation"] == runtime


def test_connect_from_a_second_client(sandbox):
    sandbox.files.write("shared.txt", "one")
    assert Sandbox.connect(sandbox.sandbox_id).files.read("shared.txt") == "one"


def test_ends_at_its_deadline():
    sandbox = Sandbox.create(timeout=2)
    eventually("ended", lambda: not sandbox.is_running(), 10)


def test_environment():
    with Sandbox.create(timeout=60, envs={"COLOUR": "green"}) as sandbox:
        assert sandbox.commands.run("echo $COLOUR").stdout == "green\n"
        assert sandbox.commands.run("echo $COLOUR", envs={"COLOUR": "red"}).stdout == "red\n"


def test_list_filters_and_pages():
    from e2b import SandboxQuery

    mark = str(uuid.uuid4())
    made = [Sandbox.create(timeout=120, metadata={"mark": mark}) for _ in range(3)]
    try:
        paginator = Sandbox.list(query=SandboxQuery(metadata={"mark": mark}), limit=2)
        seen = []
        while paginator.has_next:
            page = paginator.next_items()
            assert len(page) <= 2
            seen += [item.sandbox_id for item in page]
        assert sorted(seen) == sorted(s.sandbox_id for s in made)
    finally:
        for sandbox in made:
            sandbox.kill()


def test_creates_at_once():
    with concurrent.futures.ThreadPoolExecutor(20) as threads:
        made = list(threads.map(lambda _: Sandbox.create(timeout=300, request_timeout=240), range(20)))
        try:
            outputs = list(threads.map(lambda s: s.commands.run("hostname").stdout, made))
            assert all(outputs)
        finally:
            assert all(threads.map(lambda s: s.kill(), made))


def test_metrics(sandbox):
    metric = eventually("a sample", lambda: sandbox.get_metrics(), 90)[0]
    assert metric.cpu_count >= 1
    assert 0 < metric.mem_used < metric.mem_total
    assert 0 < metric.disk_total


def test_server_inside(sandbox):
    sandbox.files.write("site/index.html", "hello")
    handle = sandbox.commands.run("python3 -m http.server 8000 --directory site", background=True, timeout=0)
    address = f"http://{sandbox.get_host(8000)}/"
    answer = eventually("listening", lambda: (a := at_edge(address)).status_code == 200 and a)
    assert answer.text == "hello"
    handle.kill()


def test_signed_addresses(sandbox):
    sandbox.files.write("signed.txt", "for the bearer")
    download = sandbox.download_url("signed.txt", use_signature_expiration=60)
    assert at_edge(download).text == "for the bearer"
    assert at_edge(download.replace("signed.txt", "%2Fetc%2Fpasswd")).status_code == 401
    upload = sandbox.upload_url("uploaded.txt")
    assert at_edge(upload, "POST", files={"file": ("name", b"up")}).status_code == 200
    assert sandbox.files.read("uploaded.txt") == "up"
    expired = sandbox.download_url("signed.txt", use_signature_expiration=1)
    time.sleep(2.1)
    answer = at_edge(expired)
    assert answer.status_code == 401
    assert "expired" in answer.text
