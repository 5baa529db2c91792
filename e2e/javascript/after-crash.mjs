// Second half of CrashTest: everything that the first half left is still there and still runs.
import assert from 'node:assert/strict'
import { CommandExitError, Sandbox, eventually } from './holt.mjs'

const { sandboxId, pid, failing } = JSON.parse(process.argv[2])
const sandbox = await Sandbox.connect(sandboxId, { timeoutMs: 600_000 })
assert.equal((await sandbox.getInfo()).metadata.kept, 'yes')
assert.equal(await sandbox.files.read('kept.txt'), 'written before the crash')
assert.equal((await sandbox.commands.run('echo $KEPT')).stdout, 'variable\n')

const listed = await sandbox.commands.list()
assert.ok(listed.some((process) => process.pid === pid && process.args.join(' ').includes('tick')), JSON.stringify(listed))
let output = ''
const handle = await sandbox.commands.connect(pid, { onStdout: (data) => { output += data }, timeoutMs: 0 })
await eventually('the command goes on', () => (output.match(/tick/g) ?? []).length > 3)
const ended = await sandbox.commands.connect(failing).then((command) => command.wait()).catch((error) => error)
assert.ok(ended instanceof CommandExitError && ended.exitCode === 42, String(ended))
await handle.kill()
assert.equal(await sandbox.kill(), true)
process.exit(0)
