import os

import pytest
from conftest import eventually
from e2b import FilesystemEventType, NotFoundException


def test_write_and_read(sandbox):
    info = sandbox.files.write("notes/today.txt", "grüße\n")
    assert info.path == "/home/user/notes/today.txt"
    assert sandbox.files.read("notes/today.txt") == "grüße\n"
    data = os.urandom(3_000_000)
    sandbox.files.write("/tmp/blob", data)
    assert bytes(sandbox.files.read("/tmp/blob", format="bytes")) == data
    assert b"".join(sandbox.files.read("/tmp/blob", format="stream")) == data
    sandbox.files.write("empty", "")
    assert sandbox.files.read("empty") == ""


def test_several_files(sandbox):
    infos = sandbox.files.write_files([{"path": "a/one", "data": "1"}, {"path": "a/b/two", "data": b"2"}])
    assert [info.path for info in infos] == ["/home/user/a/one", "/home/user/a/b/two"]
    assert sandbox.files.read("a/b/two") == "2"


def test_directories(sandbox):
    assert sandbox.files.make_dir("tree/deep") is True
    assert sandbox.files.make_dir("tree/deep") is False
    sandbox.files.write("tree/deep/leaf", "x")
    assert [entry.name for entry in sandbox.files.list("tree")] == ["deep"]
    assert sorted(entry.name for entry in sandbox.files.list("tree", depth=2)) == ["deep", "leaf"]
    assert sandbox.files.rename("tree/deep/leaf", "tree/fallen").path == "/home/user/tree/fallen"
    assert not sandbox.files.exists("tree/deep/leaf")
    sandbox.files.remove("tree")
    assert not sandbox.files.exists("tree")


def test_information(sandbox):
    sandbox.files.write("info.txt", "12345")
    info = sandbox.files.get_info("info.txt")
    assert (info.size, info.owner, info.group, info.permissions) == (5, "user", "user", "-rw-r--r--")


def test_not_found(sandbox):
    with pytest.raises(NotFoundException):
        sandbox.files.read("nothing")
    with pytest.raises(NotFoundException):
        sandbox.files.list("/nowhere")


def test_watch(sandbox):
    sandbox.files.make_dir("watched")
    watch = sandbox.files.watch_dir("watched", recursive=True)
    sandbox.files.write("watched/new", "x")
    seen = []

    def created():
        seen.extend(watch.get_new_events())
        return any(event.name == "new" and event.type == FilesystemEventType.CREATE for event in seen)

    eventually("created", created)
    watch.stop()


def test_git(sandbox):
    sandbox.git.init("repository", initial_branch="main")
    sandbox.git.configure_user("Test", "test@example.com")
    sandbox.files.write("repository/file.txt", "content")
    sandbox.git.add("repository")
    sandbox.git.commit("repository", "first")
    assert sandbox.git.status("repository").current_branch == "main"
    sandbox.git.clone("/home/user/repository", path="copy")
    assert sandbox.files.read("copy/file.txt") == "content"
