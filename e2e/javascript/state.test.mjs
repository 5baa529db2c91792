// Pause, resume, snapshots, forks, what happens at deadlines and by traffic, rollback, events, and calls that race.
import assert from 'node:assert/strict'
import test from 'node:test'
import { Sandbox, control, edgeRequest, eventually, withSandbox } from './holt.mjs'

const gvisor = process.env.E2E_RUNTIME === 'gvisor'
const inSandbox = (name, body, options) => test(name, () => withSandbox(body, options))
const run = async (sandbox, command) => (await sandbox.commands.run(command)).stdout.trim()
const state = async (sandbox) => (await sandbox.getInfo()).state
const trueState = async (sandbox) => (await control('GET', `/sandboxes/${sandbox.sandboxId}`)).body.holt.state
const pause = (sandbox, body) => control('POST', `/sandboxes/${sandbox.sandboxId}/pause`, { body })
const connect = (sandbox, body = {}) => control('POST', `/v2/sandboxes/${sandbox.sandboxId}/connect`, { body })
const eventsOf = async (sandbox) => {
  const answer = await control('GET', `/sandboxes/${sandbox.sandboxId}/events?limit=100`)
  assert.equal(answer.status, 200, JSON.stringify(answer.body))
  return answer.body
}

/** Something that only lives in memory: a server that counts its requests. */
const COUNTER = `
import http.server, itertools
numbers = itertools.count(1)
class Counter(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = str(next(numbers)).encode()
        self.send_response(200); self.send_header('Content-Length', str(len(body))); self.end_headers(); self.wfile.write(body)
class Server(http.server.ThreadingHTTPServer):
    request_queue_size = 512
Server(('', 8000), Counter).serve_forever()
`

async function startCounter(sandbox) {
  await sandbox.files.write('counter.py', COUNTER)
  const handle = await sandbox.commands.run('exec python3 counter.py', { background: true, timeoutMs: 0 })
  handle.wait().catch(() => {}) // its stream ends with a pause
  await eventually('the counter listens', async () => (await count(sandbox)) === '1')
  return handle.pid
}

async function count(sandbox) {
  const answer = await edgeRequest(sandbox.getHost(8000), '/')
  return answer.status === 200 ? answer.body.toString() : `${answer.status} ${answer.body}`
}

inSandbox('a pause keeps files, memory and processes', async (sandbox) => {
  await sandbox.files.write('kept.txt', 'written before the pause')
  const pid = await startCounter(sandbox)
  const before = await sandbox.getInfo()
  assert.equal(await sandbox.pause(), true)
  const paused = await sandbox.getInfo()
  assert.equal(paused.state, 'paused')
  assert.deepEqual(paused.metadata, before.metadata)
  assert.equal(await sandbox.isRunning(), false)
  await sandbox.connect()
  assert.equal(await state(sandbox), 'running')
  assert.equal(await sandbox.isRunning(), true)
  assert.equal(await sandbox.files.read('kept.txt'), 'written before the pause')
  assert.ok((await sandbox.commands.list()).some((process) => process.pid === pid))
  assert.equal(await count(sandbox), '2')
  assert.equal(await run(sandbox, 'echo $COLOUR'), 'green')
  const again = await sandbox.commands.connect(pid)
  assert.equal(again.pid, pid)
}, { envs: { COLOUR: 'green' }, metadata: { purpose: 'state' } })

inSandbox('many rounds lose nothing', async (sandbox) => {
  for (let round = 1; round <= 5; round++) {
    await sandbox.files.write(`round-${round}.txt`, 'x'.repeat(round * 1000))
    await run(sandbox, `ln -f round-${round}.txt link-${round}; ln -sf round-${round}.txt symbolic-${round}; rm -f link-${round - 1}`)
    assert.equal(await sandbox.pause(), true)
    await sandbox.connect()
    for (let earlier = 1; earlier <= round; earlier++) {
      assert.equal((await sandbox.files.read(`symbolic-${earlier}`)).length, earlier * 1000)
    }
    assert.equal(await run(sandbox, 'ls -d link-*'), `link-${round}`)
  }
})

inSandbox('without memory a resume boots afresh', async (sandbox) => {
  await sandbox.files.write('kept.txt', 'on disk')
  const pid = await startCounter(sandbox)
  const boot = await run(sandbox, 'cat /proc/sys/kernel/random/boot_id')
  assert.equal((await pause(sandbox, { memory: false })).status, 204)
  const detail = await control('GET', `/sandboxes/${sandbox.sandboxId}`)
  assert.equal(detail.body.pauseMode, 'filesystem')
  assert.equal(detail.body.holt.memory, 'none')
  const resumed = await connect(sandbox)
  assert.equal(resumed.status, 201)
  assert.equal(resumed.body.holt.way, 'booted')
  assert.equal(await sandbox.files.read('kept.txt'), 'on disk')
  assert.ok(!(await sandbox.commands.list()).some((process) => process.pid === pid && process.args.join(' ').includes('counter.py')))
  assert.match(await count(sandbox), /^502 /)
  if (gvisor) assert.notEqual(await run(sandbox, 'cat /proc/sys/kernel/random/boot_id'), boot)
})

inSandbox('connect can demand a boot from disk', async (sandbox) => {
  await startCounter(sandbox)
  await sandbox.pause()
  const rescued = await connect(sandbox, { memory: false })
  assert.equal(rescued.status, 201)
  assert.equal(rescued.body.holt.way, 'booted')
  assert.match(await count(sandbox), /^502 /)
  assert.equal((await connect(sandbox, { memory: false })).status, 200, 'nothing to rescue of one that runs')
})

inSandbox('every status is the one that clients expect', async (sandbox) => {
  const id = sandbox.sandboxId
  assert.equal((await control('POST', `/sandboxes/${id}/resume`, { body: {} })).status, 409)
  assert.equal((await connect(sandbox)).status, 200)
  assert.equal(await sandbox.pause(), true)
  assert.equal(await sandbox.pause(), false)
  await assert.rejects(sandbox.setTimeout(60_000))
  const listed = await control('GET', '/v2/sandboxes?state=paused')
  assert.ok(listed.body.some((item) => item.sandboxID === id && item.state === 'paused'))
  assert.ok(!(await control('GET', '/v2/sandboxes?state=running')).body.some((item) => item.sandboxID === id))
  assert.equal((await control('POST', `/sandboxes/${id}/resume`, { body: { timeout: 60 } })).status, 201)
  assert.equal(await state(sandbox), 'running')
  assert.equal((await control('POST', `/sandboxes/${id}/recover`, { body: {} })).status, 409)
  assert.equal(await sandbox.pause(), true)
  assert.equal(await sandbox.kill(), true)
  await assert.rejects(Sandbox.connect(id))
  for (const what of ['pause', 'resume', 'fork', 'snapshots', 'recover']) {
    assert.equal((await control('POST', `/sandboxes/${id}/${what}`, { body: {} })).status, 404, what)
  }
})

test('bad requests are refused by field and lose nothing', () => withSandbox(async (sandbox) => {
  const id = sandbox.sandboxId
  for (const [path, body, field] of [
    [`/sandboxes/${id}/fork`, { count: 0 }, /^count/],
    [`/sandboxes/${id}/fork`, { count: 101 }, /^count/],
    [`/sandboxes/${id}/snapshots`, { name: 'a b' }, /^name/],
    [`/sandboxes/${id}/snapshots`, { name: 'of-nobody/x' }, /^name/],
    [`/sandboxes/${id}/rollback`, {}, /^snapshotID/],
    [`/sandboxes/${id}/rollback`, { snapshotID: 'base' }, /^snapshotID/],
    [`/sandboxes/${id}/pause`, { memory: 'yes' }, /^memory/],
    ['/v2/sandboxes', { templateID: 'base', autoPauseMemory: false }, /^autoPauseMemory/],
    ['/v2/sandboxes', { templateID: 'base', autoPause: true, autoPauseMemory: false, autoResume: { enabled: true } }, /^autoPauseMemory/],
  ]) {
    const answer = await control('POST', path, { body })
    assert.equal(answer.status, 400, `${path} ${JSON.stringify(body)} ${JSON.stringify(answer.body)}`)
    assert.match(answer.body.message, field)
  }
  assert.equal(await run(sandbox, 'echo alive'), 'alive')
}))

inSandbox('the clock is right after a pause', async (sandbox) => {
  await sandbox.pause()
  await new Promise((resolve) => setTimeout(resolve, 4_000))
  await sandbox.connect()
  const from = Date.now()
  const inside = Number(await run(sandbox, 'date +%s'))
  // Between the two is the time that the command took, however long that was.
  assert.ok(inside >= Math.floor(from / 1000) - 1 && inside <= Date.now() / 1000 + 1, `${inside} ${from}`)
})

inSandbox('a stream ends with an error, and its command goes on', async (sandbox) => {
  const handle = await sandbox.commands.run('while true; do echo tick >> ticks; sleep 0.2; done', { background: true, timeoutMs: 0 })
  const end = handle.wait().then(() => 'clean', () => 'error')
  await sandbox.pause()
  assert.equal(await end, 'error')
  await sandbox.connect()
  const lines = Number(await run(sandbox, 'wc -l < ticks'))
  await eventually('it goes on', async () => Number(await run(sandbox, 'wc -l < ticks')) > lines)
  assert.equal(await sandbox.commands.kill(handle.pid), true)
})

test('at its deadline a sandbox is paused, and connect brings it back', async () => {
  const sandbox = await Sandbox.create({ timeoutMs: 3_000, lifecycle: { onTimeout: 'pause' } })
  try {
    await sandbox.files.write('kept.txt', 'kept')
    // E2B's word is the same while it is being paused and afterwards.
    await eventually('paused', async () => (await trueState(sandbox)) === 'paused', 60)
    assert.equal(await state(sandbox), 'paused')
    const info = await sandbox.getInfo()
    assert.deepEqual(info.lifecycle, { onTimeout: 'pause', autoResume: false })
    const refused = await edgeRequest(sandbox.getHost(8000), '/')
    assert.equal(refused.status, 502)
    assert.match(JSON.parse(refused.body).message, /was not found.*paused/)
    assert.equal(await state(sandbox), 'paused')
    await sandbox.connect({ timeoutMs: 300_000 })
    assert.equal(await sandbox.files.read('kept.txt'), 'kept')
    const events = await eventsOf(sandbox)
    assert.ok(events.some((event) => event.type === 'paused' && event.fields.cause === 'timeout'), JSON.stringify(events))
  } finally {
    await sandbox.kill()
  }
})

test('traffic resumes a sandbox, once for all who come', async () => {
  const sandbox = await Sandbox.create({ timeoutMs: 300_000, lifecycle: { onTimeout: 'pause', autoResume: true } })
  try {
    await startCounter(sandbox)
    await sandbox.pause()
    const answers = await Promise.all(Array.from({ length: 100 }, () => count(sandbox)))
    assert.deepEqual(answers.filter((answer) => !/^\d+$/.test(answer)), [], 'every request is served')
    assert.deepEqual(answers.map(Number).sort((a, b) => a - b), Array.from({ length: 100 }, (_, i) => i + 2))
    assert.equal(await state(sandbox), 'running')
    const resumes = (await eventsOf(sandbox)).filter((event) => event.type === 'resumed')
    assert.equal(resumes.length, 1, JSON.stringify(resumes))
    assert.match(JSON.stringify(resumes[0]), /8000/)
    await sandbox.pause()
    assert.equal(await run(sandbox, 'echo woken by envd'), 'woken by envd')
    await sandbox.pause()
    // Whoever does not know its token does not wake it.
    const stranger = await edgeRequest(`49983-${sandbox.sandboxId}.example.com`, '/files?path=counter.py')
    assert.equal(stranger.status, 403)
    assert.equal(await state(sandbox), 'paused')
    await sandbox.files.write('woken.txt', 'with all of its body')
    assert.equal(await sandbox.files.read('woken.txt'), 'with all of its body')
  } finally {
    await sandbox.kill()
  }
})

test('a sandbox without time pauses or ends at once', async () => {
  const made = await control('POST', '/v2/sandboxes', { body: { templateID: 'base', timeout: 0, autoPause: true } })
  assert.equal(made.status, 201, JSON.stringify(made.body))
  const path = `/sandboxes/${made.body.sandboxID}`
  await eventually('paused', async () => (await control('GET', path)).body.holt.state === 'paused', 60)
  assert.equal((await control('DELETE', path)).status, 204)
  const ended = await control('POST', '/v2/sandboxes', { body: { templateID: 'base', timeout: 0 } })
  await eventually('ended', async () => (await control('GET', `/sandboxes/${ended.body.sandboxID}`)).status === 404, 60)
})

inSandbox('a snapshot is a start for others and leaves its sandbox alone', async (sandbox) => {
  await sandbox.files.write('state.txt', 'as captured')
  await startCounter(sandbox)
  const snapshot = await sandbox.createSnapshot()
  try {
    assert.match(snapshot.snapshotId, /^[a-z0-9]+:default$/)
    assert.equal(await count(sandbox), '2')
    await sandbox.files.write('state.txt', 'changed since')
    for (let i = 0; i < 2; i++) {
      const other = await Sandbox.create(snapshot.snapshotId, { timeoutMs: 120_000 })
      try {
        assert.equal(await other.files.read('state.txt'), 'as captured')
        assert.notEqual(other.sandboxId, sandbox.sandboxId)
        if (gvisor) assert.equal(await count(other), '2')
        await other.files.write('state.txt', 'changed by another')
      } finally {
        await other.kill()
      }
    }
    assert.equal(await sandbox.files.read('state.txt'), 'changed since')
  } finally {
    assert.equal(await Sandbox.deleteSnapshot(snapshot.snapshotId), true)
  }
  assert.equal(await Sandbox.deleteSnapshot(snapshot.snapshotId), false)
  await assert.rejects(Sandbox.create(snapshot.snapshotId))
})

inSandbox('snapshots have names, tags and lists', async (sandbox) => {
  const name = `state-${Date.now()}`
  const first = await sandbox.createSnapshot({ name })
  try {
    assert.match(first.snapshotId, new RegExp(`^[a-z0-9_-]+/${name}:default$`))
    assert.ok(first.names.some((found) => found.includes(name)))
    await sandbox.files.write('second.txt', 'second')
    const second = await sandbox.createSnapshot({ name: `${name}:v2` })
    const query = (await control('GET', `/snapshots?name=${name}`)).body.map((found) => found.snapshotID)
    assert.deepEqual(query.sort(), [first.snapshotId, second.snapshotId].sort())
    const pages = sandbox.listSnapshots({ limit: 1 })
    const seen = []
    while (pages.hasNext) seen.push(...(await pages.nextItems()).map((found) => found.snapshotId))
    assert.deepEqual(seen, [second.snapshotId, first.snapshotId], 'newest first')
    const other = await Sandbox.create(`${name}:v2`, { timeoutMs: 120_000 })
    try {
      assert.equal(await other.files.read('second.txt'), 'second')
      assert.equal((await other.getInfo()).name, name)
    } finally {
      await other.kill()
    }
    assert.equal(await Sandbox.deleteSnapshot(second.snapshotId), true)
    await assert.rejects(Sandbox.create(`${name}:v2`))
  } finally {
    await Sandbox.deleteSnapshot(name)
  }
  assert.deepEqual((await control('GET', `/snapshots?name=${name}`)).body, [])
})

inSandbox('forks go on from one moment, each for itself', async (sandbox) => {
  await sandbox.files.write('state.txt', 'before the fork')
  await startCounter(sandbox)
  const answer = await control('POST', `/sandboxes/${sandbox.sandboxId}/fork`, { body: { count: 3, timeout: 120 } })
  assert.equal(answer.status, 201, JSON.stringify(answer.body))
  const forks = await Promise.all(answer.body.map((result) => Sandbox.connect(result.sandbox.sandboxID)))
  try {
    assert.equal(new Set([sandbox, ...forks].map((one) => one.sandboxId)).size, 4)
    assert.equal(new Set(answer.body.map((result) => result.sandbox.envdAccessToken)).size, 3)
    const random = await Promise.all(forks.map((fork) => run(fork, 'head -c 16 /dev/urandom | base64')))
    assert.equal(new Set(random).size, 3)
    for (const fork of forks) {
      assert.equal(await fork.files.read('state.txt'), 'before the fork')
      assert.equal((await fork.getInfo()).metadata.purpose, 'fork')
      if (gvisor) assert.equal(await count(fork), '2')
      await fork.files.write('state.txt', fork.sandboxId)
    }
    for (const fork of forks) assert.equal(await fork.files.read('state.txt'), fork.sandboxId)
    assert.equal(await sandbox.files.read('state.txt'), 'before the fork')
    assert.equal(await count(sandbox), '2')
  } finally {
    await Promise.all(forks.map((fork) => fork.kill()))
  }
}, { metadata: { purpose: 'fork' } })

inSandbox('the SDK forks', async (sandbox) => {
  if (typeof sandbox.fork !== 'function') return // an SDK of before forks
  const [fork] = await sandbox.fork({ timeoutMs: 60_000 })
  assert.ok(fork instanceof Sandbox, String(fork))
  try {
    assert.equal(await run(fork, 'echo forked'), 'forked')
  } finally {
    await fork.kill()
  }
})

inSandbox('a sandbox is returned to its own snapshot', async (sandbox) => {
  const rollback = (snapshotID) => control('POST', `/sandboxes/${sandbox.sandboxId}/rollback`, { body: { snapshotID } })
  await sandbox.files.write('state.txt', 'good')
  const snapshot = await sandbox.createSnapshot()
  try {
    await sandbox.files.write('state.txt', 'bad')
    await sandbox.files.write('more.txt', 'worse')
    const back = await rollback(snapshot.snapshotId)
    assert.equal(back.status, 200, JSON.stringify(back.body))
    assert.equal(back.body.sandboxID, sandbox.sandboxId)
    assert.equal(await sandbox.files.read('state.txt'), 'good')
    await assert.rejects(sandbox.files.read('more.txt'))
    await withSandbox(async (other) => {
      const foreign = await control('POST', `/sandboxes/${other.sandboxId}/rollback`, { body: { snapshotID: snapshot.snapshotId } })
      assert.equal(foreign.status, 400)
    })
  } finally {
    await Sandbox.deleteSnapshot(snapshot.snapshotId)
  }
  assert.equal((await rollback(snapshot.snapshotId)).status, 404)
  assert.equal(await sandbox.files.read('state.txt'), 'good')
})

test('events tell the story, and outlive it', async () => {
  const sandbox = await Sandbox.create({ timeoutMs: 120_000 })
  await sandbox.pause()
  await sandbox.connect()
  await sandbox.kill()
  await eventually('the end is told', async () => {
    const types = (await eventsOf(sandbox)).map((event) => event.type)
    const order = ['created', 'paused', 'resumed']
    assert.deepEqual(types.filter((type) => order.includes(type)), order)
    return ['killed', 'ended'].includes(types.at(-1))
  })
  const first = await control('GET', `/sandboxes/${sandbox.sandboxId}/events?limit=1`)
  const next = await control('GET', `/sandboxes/${sandbox.sandboxId}/events?limit=1&nextToken=${first.headers.get('x-next-token')}`)
  assert.equal(first.body[0].type, 'created')
  assert.notDeepEqual(next.body, first.body)
  assert.equal((await control('GET', '/sandboxes/iabcdefghijklmnopqr1/events')).status, 404)
})

inSandbox('of pauses at once one pauses', async (sandbox) => {
  const outcomes = await Promise.all(Array.from({ length: 10 }, () => sandbox.pause()))
  assert.equal(outcomes.filter((paused) => paused).length, 1)
  assert.equal(await state(sandbox), 'paused')
})

inSandbox('of connects at once all succeed, by one resume', async (sandbox) => {
  await sandbox.pause()
  await Promise.all(Array.from({ length: 20 }, () => Sandbox.connect(sandbox.sandboxId)))
  assert.equal(await run(sandbox, 'echo here'), 'here')
  assert.equal((await eventsOf(sandbox)).filter((event) => event.type === 'resumed').length, 1)
})

test('a kill wins over every other call', async () => {
  for (const rival of [pause, connect, (sandbox) => control('POST', `/sandboxes/${sandbox.sandboxId}/fork`, { body: {} })]) {
    const sandbox = await Sandbox.create({ timeoutMs: 120_000 })
    if (rival === connect) await sandbox.pause()
    const [other, killed] = await Promise.all([rival(sandbox), sandbox.kill()])
    assert.equal(killed, true)
    assert.ok([200, 201, 204, 404, 409, 503].includes(other.status), JSON.stringify(other.body))
    assert.equal((await control('GET', `/sandboxes/${sandbox.sandboxId}`)).status, 404)
    if (other.status === 201 && Array.isArray(other.body)) {
      for (const result of other.body) if (result.sandbox) await Sandbox.kill(result.sandbox.sandboxID)
    }
  }
})

inSandbox('whatever a pause and a connect at once make of a sandbox, it can be used', async (sandbox) => {
  for (let round = 0; round < 3; round++) {
    await Promise.all([pause(sandbox), connect(sandbox)])
    await sandbox.connect()
    assert.equal(await run(sandbox, `echo ${round}`), String(round))
  }
})
