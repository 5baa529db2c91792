// CyclesTest's client: the same again and again. Lines that begin with @ ask the test to look at the host; it answers with a line.
import assert from 'node:assert/strict'
import { createInterface } from 'node:readline'
import { Sandbox } from './holt.mjs'

const [what, warmUps, cycles] = [process.argv[2], Number(process.argv[3]), Number(process.argv[4])]
const answers = createInterface({ input: process.stdin })[Symbol.asyncIterator]()
async function ask(question) {
  console.log(`@${question}`)
  const { value, done } = await answers.next()
  assert.ok(!done && value === 'done', `${question}: ${value}`)
}

/** Runs `times` cycles, `lanes` at once. */
async function repeat(times, lanes, cycle) {
  let left = times
  await Promise.all(Array.from({ length: lanes }, async (_, lane) => {
    while (left-- > 0) await cycle(lane)
  }))
}

async function measured(lanes, cycle) {
  await repeat(warmUps, lanes, cycle)
  await ask('before')
  const from = Date.now()
  await repeat(cycles, lanes, cycle)
  console.log(`${cycles} cycles of ${what} in ${((Date.now() - from) / 1000).toFixed(1)} s`)
  await ask('after')
}

if (what === 'creates') {
  await measured(3, async () => {
    const sandbox = await Sandbox.create({ timeoutMs: 300_000 })
    assert.equal((await sandbox.commands.run('echo here')).stdout, 'here\n')
    assert.equal(await sandbox.kill(), true)
  })
} else {
  const sandboxes = await Promise.all(Array.from({ length: 3 }, () => Sandbox.create({ timeoutMs: 3_600_000 })))
  const written = new Map()
  for (const sandbox of sandboxes) {
    const handle = await sandbox.commands.run('sleep infinity', { background: true, timeoutMs: 0 })
    handle.wait().catch(() => {}) // its stream ends with the first pause
    written.set(sandbox, { pid: handle.pid, rounds: 0 })
  }
  await measured(sandboxes.length, async (lane) => {
    const sandbox = sandboxes[lane]
    const known = written.get(sandbox)
    known.rounds++
    await sandbox.files.write('rounds', String(known.rounds).padEnd(100_000))
    assert.equal(await sandbox.pause(), true)
    await sandbox.connect({ timeoutMs: 3_600_000 })
    assert.equal((await sandbox.files.read('rounds')).trim(), String(known.rounds))
    assert.ok((await sandbox.commands.list()).some((process) => process.pid === known.pid), 'its process is there')
  })
  for (const sandbox of sandboxes) assert.equal(await sandbox.kill(), true)
}
process.exit(0)
