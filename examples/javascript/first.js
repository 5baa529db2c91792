// The first script: a sandbox, a command, a file and a server in it. Needs the variables that `holt up` prints.
import { Sandbox } from 'e2b'

const sandbox = await Sandbox.create()
try {
  console.log('sandbox', sandbox.sandboxId)

  const result = await sandbox.commands.run('uname -a && whoami')
  process.stdout.write(result.stdout)

  await sandbox.files.write('/home/user/hello.txt', 'written from outside\n')
  process.stdout.write(await sandbox.files.read('/home/user/hello.txt'))

  await sandbox.commands.run('python3 -m http.server 8000', { background: true })
  console.log('a server in the sandbox: http://' + sandbox.getHost(8000))
} finally {
  await sandbox.kill()
}
