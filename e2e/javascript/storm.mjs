// StormTest's client: in each round many things are asked for at once, Holt is killed at a random moment and started again, and then
// everything that was acknowledged must be true. Lines that begin with @ ask the test to do something; it answers with a line.
import assert from 'node:assert/strict'
import { createInterface } from 'node:readline'
import { Sandbox } from './holt.mjs'
import { Guest, LONG, listed, listedSnapshots, randomFrom } from './storm-world.mjs'

const gvisor = process.env.E2E_RUNTIME === 'gvisor'
const rounds = Number(process.env.STORM_ROUNDS)
const seed = Number(process.env.STORM_SEED)
const random = randomFrom(seed)
const MOST = 8
const WORKERS = 5
const LONGEST_STORM = 2_500

let crashing = false
let number = 0
const guests = new Set()
const killed = new Set()
const snapshots = new Map()
/** What may be there without having been acknowledged: the key in its metadata, what it was made from, whether it ends by time. */
const unknown = new Set()
let unknownSnapshots = 0
const done = new Map()

const answers = createInterface({ input: process.stdin })[Symbol.asyncIterator]()
async function ask(what) {
  console.log(`@${what}`)
  const { value, done: over } = await answers.next()
  assert.ok(!over && value === 'done', `${what}: ${value}`)
}

const below = (limit) => Math.floor(random() * limit)
const pass = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds))
const oneOf = (list) => list[below(list.length)]
const tally = (what) => done.set(what, (done.get(what) ?? 0) + 1)

/**
 * One call: `acknowledged` with its answer makes things certain. One that fails because Holt was killed may have happened or not, which
 * `unsure` has noted before; one that fails without a reason is a failure.
 */
async function call(what, unsure, work, acknowledged) {
  unsure()
  try {
    const answer = await work()
    await acknowledged(answer)
    tally(what)
  } catch (error) {
    if (!crashing) throw new Error(`${what} failed: ${error.message}`, { cause: error })
    tally(`${what}, cut off`)
  }
}

// ---- what is asked for ----------------------------------------------------------------------------------------------

async function begin(options, template, from) {
  const key = `storm-${seed}-${++number}`
  const attempt = { key, from, timed: options.timeoutMs !== undefined }
  const all = { timeoutMs: LONG, metadata: { storm: key }, ...options }
  await call(template ? 'create from a snapshot' : 'create',
    () => { unknown.add(attempt) },
    () => template ? Sandbox.create(template, all) : Sandbox.create(all),
    async (sandbox) => {
      unknown.delete(attempt)
      const guest = new Guest(sandbox, key)
      guest.busy = true
      guests.add(guest)
      try {
        if (options.timeoutMs) {
          guest.onTimeout = options.lifecycle?.onTimeout ?? 'kill'
          guest.deadline = Date.now() + options.timeoutMs
          guest.is('running', guest.onTimeout === 'kill' ? 'gone' : 'paused')
        } else if (from) {
          await guest.startedFrom(from).check()
        } else {
          await write(guest)
        }
      } finally {
        guest.busy = false
      }
    })
}

const create = () => begin({})
const createDoomed = () => begin({ timeoutMs: 1_000 + below(3_000) })
const createSleepy = () => begin({ timeoutMs: 1_000 + below(2_000), lifecycle: { onTimeout: 'pause' } })

async function createFromSnapshot() {
  const choice = [...snapshots].filter(([, snapshot]) => !snapshot.busy)
  if (choice.length === 0) return create()
  const [id, snapshot] = oneOf(choice)
  snapshot.busy = true
  try {
    await begin({}, id, snapshot.from)
  } finally {
    snapshot.busy = false
  }
}

async function write(guest) {
  const name = `file-${++number}`
  const bytes = Buffer.alloc(10 + below(60_000), `${name} `)
  await call('write', () => {}, () => guest.write(name, bytes), () => {})
  if (!crashing && !guest.memory) {
    await call('start of a process', () => {}, () => guest.remember(`keeper-${++number}`, 8000 + number), () => {})
  }
}

const use = (guest) => call('use', () => {}, () => guest.check(), () => {})

const pause = (guest) => call('pause',
  () => { guest.is('running', 'paused') },
  () => guest.sandbox.pause(),
  (paused) => {
    assert.equal(paused, true, `${guest} was not paused already`)
    guest.is('paused')
  })

const pauseWithoutMemory = (guest) => call('pause without memory',
  () => {
    guest.is('running', 'paused')
    if (guest.memory) guest.memory.certain = false
  },
  () => guest.sandbox.pause({ keepMemory: false }),
  (paused) => {
    assert.equal(paused, true, `${guest} was not paused already`)
    guest.is('paused')
    guest.memory = undefined
  })

const resume = (guest) => call('resume',
  () => { guest.is('running', 'paused') },
  () => guest.sandbox.connect({ timeoutMs: LONG }),
  async () => {
    guest.is('running')
    await guest.check()
  })

const kill = (guest) => call('kill',
  () => { guest.states.add('gone') },
  () => guest.sandbox.kill(),
  (ended) => {
    assert.equal(ended, true, `${guest} was there`)
    guest.is('gone')
  })

/** Whatever becomes of the pause, the kill wins. */
const killWhilePausing = (guest) => call('kill during a pause',
  () => { guest.is('running', 'paused', 'gone') },
  async () => {
    const pausing = guest.sandbox.pause().catch((error) => error)
    const ended = await guest.sandbox.kill()
    await pausing
    return ended
  },
  (ended) => {
    assert.equal(ended, true, `${guest} was there`)
    guest.is('gone')
  })

async function snapshot(guest) {
  const from = guest.captured(gvisor)
  await call('snapshot',
    () => { unknownSnapshots++ },
    () => guest.sandbox.createSnapshot(),
    (made) => {
      unknownSnapshots--
      snapshots.set(made.snapshotId, { from, busy: false, states: new Set(['there']) })
    })
}

async function deleteSnapshot() {
  const choice = [...snapshots].filter(([, one]) => !one.busy)
  if (choice.length < 3) return
  const [id, one] = oneOf(choice)
  one.busy = true
  await call('delete a snapshot',
    () => { one.states.add('gone') },
    () => Sandbox.deleteSnapshot(id),
    (deleted) => {
      assert.equal(deleted, true, `snapshot ${id} was there`)
      snapshots.delete(id)
    })
  one.busy = false
}

async function fork(guest) {
  const from = guest.captured(gvisor)
  const attempt = { key: guest.key, from, timed: false }
  await call('fork',
    () => { unknown.add(attempt) },
    () => guest.sandbox.fork({ count: 2, timeoutMs: LONG }),
    async (forks) => {
      for (const one of forks) {
        if (one instanceof Error) {
          if (!crashing) throw one
          continue
        }
        guests.add(new Guest(one, guest.key).startedFrom(from))
      }
      if (forks.every((one) => !(one instanceof Error))) unknown.delete(attempt)
    })
}

// ---- a round --------------------------------------------------------------------------------------------------------

const OF_RUNNING = [
  ...Array(3).fill(write), ...Array(2).fill(use), ...Array(5).fill(pause), pauseWithoutMemory, ...Array(2).fill(snapshot),
  ...Array(2).fill(fork), kill, killWhilePausing,
]
const OF_PAUSED = [...Array(8).fill(resume), snapshot, kill]

async function step() {
  const alive = [...guests].filter((guest) => !guest.onTimeout)
  const free = alive.filter((guest) => !guest.busy)
  if (alive.length < 4 || free.length === 0) {
    return alive.length < MOST ? oneOf([create, create, createFromSnapshot])() : undefined
  }
  const wish = below(20)
  if (wish === 0) return deleteSnapshot()
  if (wish === 1) return createDoomed()
  if (wish === 2) return createSleepy()
  if (wish < 6 && alive.length < MOST) return oneOf([create, createFromSnapshot])()
  const guest = oneOf(free)
  let work = guest.only('paused') ? oneOf(OF_PAUSED) : oneOf(OF_RUNNING)
  if (work === fork && alive.length >= MOST) work = kill
  guest.busy = true
  try {
    await work(guest)
  } finally {
    guest.busy = false
    if (guest.only('gone')) forget(guest)
  }
}

function forget(guest) {
  guests.delete(guest)
  killed.add(guest.id)
}

async function worker() {
  while (!crashing) {
    await step()
    await pass(10) // when there is nothing to do at the moment
  }
}

async function verify() {
  await Promise.all([...guests].map(async (guest) => {
    await guest.verify()
    if (guest.only('gone')) forget(guest)
    else if (guest.only('paused') && random() < 0.4) {
      await guest.resumeAndCheck()
      tally('resume after a crash')
    }
  }))
  await verifyUnknown()
  await verifySnapshots()
}

/** What was made and not acknowledged: it works, and nobody misses it. */
async function verifyUnknown() {
  const known = new Set([...guests].map((guest) => guest.id))
  for (const found of await listed()) {
    if (known.has(found.sandboxId)) continue
    assert.ok(!killed.has(found.sandboxId), `${found.sandboxId} was killed and is listed`)
    const attempts = [...unknown].filter((attempt) => attempt.key === found.metadata.storm)
    assert.ok(attempts.length > 0, `nobody asked for ${found.sandboxId}: ${JSON.stringify(found)}`)
    if (attempts[0].timed) {
      await Sandbox.kill(found.sandboxId) // if its time is not over yet
    } else {
      const guest = new Guest(await Sandbox.connect(found.sandboxId, { timeoutMs: LONG }), attempts[0].key)
      if (attempts.length === 1 && attempts[0].from) guest.startedFrom(attempts[0].from)
      await guest.check()
      assert.equal(await guest.sandbox.kill(), true)
    }
    killed.add(found.sandboxId)
    tally('made without being acknowledged')
  }
  unknown.clear()
}

async function verifySnapshots() {
  const found = new Set(await listedSnapshots())
  for (const [id, one] of [...snapshots]) {
    if (found.delete(id)) one.states = new Set(['there'])
    else {
      assert.ok(one.states.has('gone'), `snapshot ${id} is gone`)
      snapshots.delete(id)
    }
  }
  assert.ok(found.size <= unknownSnapshots, `nobody made the snapshots ${[...found]}`)
  unknownSnapshots = 0
  for (const id of found) assert.equal(await Sandbox.deleteSnapshot(id), true)
}

/** Those that reach their deadline: by now they have, or do soon. */
async function endOfTheTimed() {
  for (const guest of [...guests].filter((one) => one.onTimeout)) {
    if (guest.onTimeout === 'kill') {
      await guest.verify()
      if (guest.only('gone')) forget(guest)
    } else {
      guest.onTimeout = undefined
      await guest.resumeAndCheck()
    }
  }
}

for (const left of await listed()) await Sandbox.kill(left.sandboxId)
for (const left of await listedSnapshots()) await Sandbox.deleteSnapshot(left)
console.log(`the storm's seed is ${seed}`)
for (let round = 1; round <= rounds; round++) {
  crashing = false
  const storm = Promise.all(Array.from({ length: WORKERS }, worker))
  storm.catch(() => {}) // told below, after Holt was killed
  await pass(30 + below(LONGEST_STORM))
  crashing = true
  await ask('crash')
  await storm
  if (below(5) === 0) await ask(`crash-while-starting ${200 + below(1_300)}`)
  await ask('restart')
  try {
    await verify()
    if (round % 5 === 0) await endOfTheTimed()
  } catch (error) {
    throw new Error(`in round ${round} of seed ${seed}: ${error.message}`, { cause: error })
  }
}

await endOfTheTimed()
for (const guest of guests) {
  if (guest.only('paused')) await guest.resumeAndCheck()
  if (!guest.only('gone')) assert.equal(await guest.sandbox.kill(), true, `${guest} is there`)
}
for (const id of snapshots.keys()) {
  const other = await Sandbox.create(id, { timeoutMs: LONG })
  await new Guest(other).startedFrom(snapshots.get(id).from).check()
  await other.kill()
  assert.equal(await Sandbox.deleteSnapshot(id), true)
}
assert.deepEqual(await listed(), [])
assert.deepEqual(await listedSnapshots(), [])
console.log(`${rounds} rounds: ${[...done].sort().map(([what, times]) => `${what} ${times}`).join(', ')}`)
process.exit(0)
