"""The first script: a sandbox, a command, a file and a server in it. Needs the variables that `holt up` prints."""

from e2b import Sandbox

with Sandbox.create() as sandbox:
    print("sandbox", sandbox.sandbox_id)

    result = sandbox.commands.run("uname -a && whoami")
    print(result.stdout, end="")

    sandbox.files.write("/home/user/hello.txt", "written from outside\n")
    print(sandbox.files.read("/home/user/hello.txt"), end="")

    sandbox.commands.run("python3 -m http.server 8000", background=True)
    print("a server in the sandbox: http://" + sandbox.get_host(8000))
