import assert from 'node:assert/strict'
import test from 'node:test'
import { CommandExitError, Sandbox, eventually, withSandbox } from './holt.mjs'

const inSandbox = (name, body) => test(name, () => withSandbox(body))

inSandbox('a command answers with output and exit code', async (sandbox) => {
  const result = await sandbox.commands.run('echo out; echo err >&2')
  assert.deepEqual([result.stdout, result.stderr, result.exitCode], ['out\n', 'err\n', 0])
})

inSandbox('a failing command throws with its exit code and output', async (sandbox) => {
  await assert.rejects(sandbox.commands.run('echo before; exit 7'), (error) => {
    assert.ok(error instanceof CommandExitError)
    assert.equal(error.exitCode, 7)
    assert.equal(error.stdout, 'before\n')
    return true
  })
})

inSandbox('user, working directory and variables', async (sandbox) => {
  assert.equal((await sandbox.commands.run('whoami; pwd; echo $HOME')).stdout, 'user\n/home/user\n/home/user\n')
  assert.equal((await sandbox.commands.run('whoami; pwd', { user: 'root' })).stdout, 'root\n/root\n')
  assert.equal((await sandbox.commands.run('pwd', { cwd: '/tmp' })).stdout, '/tmp\n')
  assert.equal((await sandbox.commands.run('sudo whoami')).stdout, 'root\n')
  await assert.rejects(sandbox.commands.run('true', { cwd: '/no/such/directory' }), /cwd '\/no\/such\/directory' does not exist/)
  await assert.rejects(sandbox.commands.run('true', { user: 'nobody-of-that-name' }), /nobody-of-that-name/)
})

inSandbox('output streams while the command runs', async (sandbox) => {
  let seen = ''
  const handle = await sandbox.commands.run('echo first; cat; echo second', { background: true, stdin: true, onStdout: (data) => { seen += data } })
  await eventually('the first line before the end', () => seen === 'first\n')
  await sandbox.commands.closeStdin(handle.pid)
  assert.equal((await handle.wait()).stdout, 'first\nsecond\n')
})

inSandbox('standard input, end of input and a background command', async (sandbox) => {
  const handle = await sandbox.commands.run('cat', { background: true, stdin: true })
  await sandbox.commands.sendStdin(handle.pid, 'one\n')
  await sandbox.commands.sendStdin(handle.pid, 'two\n')
  await sandbox.commands.closeStdin(handle.pid)
  const result = await handle.wait()
  assert.equal(result.stdout, 'one\ntwo\n')
})

inSandbox('a command without stdin sees its end', async (sandbox) => {
  assert.equal((await sandbox.commands.run('cat | wc -c', { stdin: false })).stdout.trim(), '0')
})

inSandbox('running commands are listed, connected to and killed', async (sandbox) => {
  const handle = await sandbox.commands.run('echo ready; sleep 300', { background: true, timeoutMs: 0 })
  const listed = await sandbox.commands.list()
  const mine = listed.find((process) => process.pid === handle.pid)
  assert.ok(mine, JSON.stringify(listed))
  assert.ok(mine.args.join(' ').includes('sleep 300'))
  const connected = await sandbox.commands.connect(handle.pid)
  assert.equal(connected.pid, handle.pid)
  assert.equal(await sandbox.commands.kill(handle.pid), true)
  await assert.rejects(connected.wait(), CommandExitError)
  await assert.rejects(handle.wait(), CommandExitError)
  assert.equal(await sandbox.commands.kill(handle.pid), false)
})

inSandbox('a kill reaches the whole process group', async (sandbox) => {
  const handle = await sandbox.commands.run('sleep 4321 & sleep 4321', { background: true, timeoutMs: 0 })
  await eventually('both sleep', async () => (await sandbox.commands.run('pgrep -fc "^sleep 4321" || true')).stdout.trim() === '2')
  await handle.kill()
  await eventually('none sleeps', async () => (await sandbox.commands.run('pgrep -fc "^sleep 4321" || true')).stdout.trim() === '0')
  await handle.wait().catch(() => {})
})

inSandbox('a command is killed at its timeout', async (sandbox) => {
  await assert.rejects(sandbox.commands.run('sleep 300', { timeoutMs: 1_000 }))
  await eventually('nothing sleeps', async () => (await sandbox.commands.run('pgrep -fc "^sleep 300" || true')).stdout.trim() === '0')
})

inSandbox('a client that disconnects leaves the command running', async (sandbox) => {
  const handle = await sandbox.commands.run('sleep 2; echo finished > result.txt', { background: true, timeoutMs: 0 })
  await handle.disconnect()
  await eventually('the result', () => sandbox.files.exists('result.txt'))
})

inSandbox('a great deal of output arrives whole', async (sandbox) => {
  const result = await sandbox.commands.run("head -c 20000000 /dev/zero | tr '\\0' x; echo; seq 1 100000 >&2", { timeoutMs: 120_000 })
  assert.equal(result.stdout.length, 20_000_001)
  assert.equal(result.stderr.split('\n').length, 100_001)
})

inSandbox('letters split over packets come out whole', async (sandbox) => {
  const result = await sandbox.commands.run("printf '\\xe2'; sleep 0.2; printf '\\x82\\xac'")
  assert.equal(result.stdout, '€')
})

inSandbox('many commands at once', async (sandbox) => {
  const results = await Promise.all(Array.from({ length: 30 }, (_, i) => sandbox.commands.run(`echo ${i}`)))
  assert.deepEqual(results.map((result) => result.stdout), Array.from({ length: 30 }, (_, i) => `${i}\n`))
})

inSandbox('a terminal echoes, resizes and ends', async (sandbox) => {
  let screen = ''
  const decoder = new TextDecoder()
  const terminal = await sandbox.pty.create({ cols: 80, rows: 24, timeoutMs: 0, onData: (data) => { screen += decoder.decode(data, { stream: true }) } })
  const type = (text) => sandbox.pty.sendInput(terminal.pid, new TextEncoder().encode(text))
  await type('stty size\n')
  await eventually('24 80', () => screen.includes('24 80'))
  await sandbox.pty.resize(terminal.pid, { cols: 132, rows: 43 })
  await type('stty size\n')
  await eventually('43 132', () => screen.includes('43 132'))
  await type('echo $TERM; tty\n')
  await eventually('a terminal', () => /\/dev\/pts\/\d+/.test(screen))
  await type('exit 3\n')
  await assert.rejects(terminal.wait(), (error) => error.exitCode === 3)
})

test('a sandbox killed in mid-stream breaks the stream', async () => {
  const sandbox = await Sandbox.create({ timeoutMs: 60_000 })
  const handle = await sandbox.commands.run('while true; do echo tick; sleep 0.1; done', { background: true, timeoutMs: 0 })
  const ended = handle.wait().then(() => 'ended well', () => 'broke')
  await sandbox.kill()
  assert.equal(await ended, 'broke')
})
