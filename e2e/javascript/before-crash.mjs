// First half of CrashTest: leaves a sandbox with a file, an environment and a running command, and prints where they are.
import { Sandbox } from './holt.mjs'

const sandbox = await Sandbox.create({ timeoutMs: 600_000, metadata: { kept: 'yes' }, envs: { KEPT: 'variable' } })
await sandbox.files.write('kept.txt', 'written before the crash')
const handle = await sandbox.commands.run(
  'i=0; while true; do echo tick $i; i=$((i+1)); sleep 0.2; done', { background: true, timeoutMs: 0 })
const failing = await sandbox.commands.run('sleep 1; exit 42', { background: true, timeoutMs: 0 })
console.log(JSON.stringify({ sandboxId: sandbox.sandboxId, pid: handle.pid, failing: failing.pid }))
process.exit(0)
