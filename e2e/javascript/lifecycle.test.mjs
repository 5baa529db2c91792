import assert from 'node:assert/strict'
import test from 'node:test'
import { Sandbox, control, edgeRequest, eventually, withSandbox } from './holt.mjs'

test('a sandbox is created, described, extended and killed', async () => {
  const sandbox = await Sandbox.create({ timeoutMs: 60_000, metadata: { purpose: 'lifecycle' } })
  assert.match(sandbox.sandboxId, /^[a-z0-9]+$/)
  assert.equal(await sandbox.isRunning(), true)
  const info = await sandbox.getInfo()
  assert.equal(info.sandboxId, sandbox.sandboxId)
  assert.equal(info.metadata.purpose, 'lifecycle')
  assert.equal(info.state, 'running')
  assert.ok(info.cpuCount >= 1 && info.memoryMB >= 128)
  assert.ok(Math.abs(info.endAt - info.startedAt - 60_000) < 5_000)
  await sandbox.setTimeout(600_000)
  const extended = await sandbox.getInfo()
  assert.ok(extended.endAt - Date.now() > 500_000)
  assert.equal(await sandbox.kill(), true)
  assert.equal(await sandbox.kill(), false)
  assert.equal(await sandbox.isRunning(), false)
  await assert.rejects(sandbox.commands.run('true'))
  await assert.rejects(Sandbox.connect(sandbox.sandboxId))
})

test('what isolates a sandbox is in its metadata', () => withSandbox(async (sandbox) => {
  const info = await sandbox.getInfo()
  assert.equal(info.metadata.isolation, process.env.E2E_RUNTIME)
}))

test('a second client connects to a running sandbox', () => withSandbox(async (sandbox) => {
  await sandbox.files.write('shared.txt', 'from the first client')
  const second = await Sandbox.connect(sandbox.sandboxId)
  assert.equal(second.sandboxId, sandbox.sandboxId)
  assert.equal(await second.files.read('shared.txt'), 'from the first client')
}))

test('a sandbox ends by itself at its deadline', async () => {
  const sandbox = await Sandbox.create({ timeoutMs: 2_000 })
  await eventually('ended at its deadline', async () => !(await sandbox.isRunning()), 10)
  assert.equal((await control('GET', `/sandboxes/${sandbox.sandboxId}`)).status, 404)
})

test('variables of the sandbox reach every command', () => withSandbox(async (sandbox) => {
  assert.equal((await sandbox.commands.run('echo $COLOUR')).stdout, 'green\n')
  assert.equal((await sandbox.commands.run('echo $COLOUR', { envs: { COLOUR: 'red' } })).stdout, 'red\n')
}, { envs: { COLOUR: 'green' } }))

test('listing filters by metadata and pages through everything once', async () => {
  const mark = `paging-${Date.now()}-${Math.random()}`
  const made = []
  try {
    for (let i = 0; i < 5; i++) made.push(await Sandbox.create({ timeoutMs: 120_000, metadata: { mark } }))
    const seen = []
    const pages = Sandbox.list({ query: { metadata: { mark } }, limit: 2 })
    let count = 0
    while (pages.hasNext) {
      const page = await pages.nextItems()
      assert.ok(page.length <= 2)
      seen.push(...page.map((item) => item.sandboxId))
      assert.ok(++count <= 5)
    }
    assert.deepEqual(seen.slice().sort(), made.map((sandbox) => sandbox.sandboxId).sort())
    assert.deepEqual(seen, made.map((sandbox) => sandbox.sandboxId).reverse(), 'newest first')
  } finally {
    for (const sandbox of made) await sandbox.kill()
  }
})

test('fifty creates at once all succeed', async () => {
  const created = await Promise.allSettled(
    Array.from({ length: 50 }, () => Sandbox.create({ timeoutMs: 300_000, requestTimeoutMs: 240_000 })))
  const sandboxes = created.filter((result) => result.status === 'fulfilled').map((result) => result.value)
  try {
    assert.deepEqual(created.filter((result) => result.status === 'rejected').map((result) => String(result.reason)), [])
    assert.equal(new Set(sandboxes.map((sandbox) => sandbox.sandboxId)).size, 50)
    const answers = await Promise.all(sandboxes.map((sandbox, i) => sandbox.commands.run(`echo ${i}`)))
    assert.deepEqual(answers.map((answer) => answer.stdout), sandboxes.map((_, i) => `${i}\n`))
  } finally {
    await Promise.all(sandboxes.map((sandbox) => sandbox.kill()))
  }
})

test('metrics describe the sandbox', () => withSandbox(async (sandbox) => {
  const [metric] = await eventually('a first sample', async () => {
    const metrics = await sandbox.getMetrics()
    return metrics.length > 0 && metrics
  }, 90)
  assert.ok(metric.cpuCount >= 1)
  assert.ok(metric.memTotal >= 128 << 20)
  assert.ok(metric.memUsed > 0 && metric.memUsed < metric.memTotal)
  assert.ok(metric.diskTotal > 0 && metric.diskUsed < metric.diskTotal)
}))

test('a server inside answers under its own host name', () => withSandbox(async (sandbox) => {
  await sandbox.files.write('site/index.html', 'hello from inside')
  const server = await sandbox.commands.run('python3 -m http.server 8000 --directory site', { background: true, timeoutMs: 0 })
  const host = sandbox.getHost(8000)
  const answer = await eventually('server listens', async () => {
    const tried = await edgeRequest(host, '/')
    return tried.status === 200 && tried
  })
  assert.equal(answer.body.toString(), 'hello from inside')
  const closed = await edgeRequest(sandbox.getHost(8001), '/')
  assert.equal(closed.status, 502)
  assert.deepEqual(JSON.parse(closed.body), {
    sandboxId: sandbox.sandboxId, message: 'The sandbox is running but port is not open', port: 8001, code: 502,
  })
  await server.kill()
}))

test('traffic for no sandbox is a 502 that says so', async () => {
  const answer = await edgeRequest('8000-iabcdefghijklmnopqr1.example.com', '/')
  assert.equal(answer.status, 502)
  assert.deepEqual(JSON.parse(answer.body), {
    sandboxId: 'iabcdefghijklmnopqr1', message: 'The sandbox was not found', code: 502,
  })
})
