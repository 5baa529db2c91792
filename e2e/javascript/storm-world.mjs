// What storm.mjs knows of each sandbox and snapshot: what was acknowledged, and what a crash left unknown. An answer makes things certain;
// a call that the crash cut off may have happened or not, and everything else is a failure.
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { Sandbox, control, edgeRequest, eventually } from './holt.mjs'

/** Nothing here is meant to end by time, but for those that are made for it. */
export const LONG = 3_600_000
const PATIENCE = 120

/** A server that answers each request with its name and how many it has answered: that is only in its memory. */
const KEEPER = (name, port) => `
import socket
served = 0
server = socket.create_server(('', ${port}), backlog=64)
while True:
    client, _ = server.accept()
    try:
        client.settimeout(30)
        client.recv(65536)
        served += 1
        body = '${name} %d' % served
        client.sendall(('HTTP/1.1 200 OK\\r\\nContent-Length: %d\\r\\nConnection: close\\r\\n\\r\\n%s' % (len(body), body)).encode())
    except OSError:
        pass
    client.close()
`

/** Repeatable random numbers (mulberry32); what runs at the same time still differs from run to run. */
export function randomFrom(seed) {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296
  }
}

/** Waits until a sandbox is in no transition: its state, or 'gone'. */
export async function settled(id) {
  return eventually(`${id} is in no transition`, async () => {
    const answer = await control('GET', `/sandboxes/${id}`)
    if (answer.status === 404) return 'gone'
    assert.equal(answer.status, 200, JSON.stringify(answer.body))
    const { state } = answer.body.holt
    return ['running', 'paused', 'lost'].includes(state) && state
  }, PATIENCE)
}

export class Guest {
  /** Names of files that were acknowledged, with the digest of what is in them. */
  files = new Map()
  /** What the keeper's memory holds; `certain` that it runs. */
  memory = undefined
  /** The states that it may be in. */
  states = new Set(['running'])
  busy = false
  /** 'pause' or 'kill' for one that is made to reach its deadline. */
  onTimeout = undefined
  killAsked = false

  constructor(sandbox, key) {
    this.sandbox = sandbox
    this.key = key
  }

  get id() {
    return this.sandbox.sandboxId
  }

  toString() {
    return `${this.id} (${[...this.states].join(' or ')}${this.onTimeout ? `, ${this.onTimeout}s at its deadline` : ''})`
  }

  is(...states) {
    this.states = new Set(states)
  }

  only(state) {
    return this.states.size === 1 && this.states.has(state)
  }

  /** What a capture of it holds now. */
  captured(withMemory) {
    return { files: new Map(this.files), memory: withMemory && this.memory ? { ...this.memory } : undefined }
  }

  /** Is what was captured. */
  startedFrom({ files, memory }) {
    this.files = new Map(files)
    this.memory = memory && { ...memory }
    return this
  }

  /** Writes one more file. */
  async write(name, bytes) {
    await this.sandbox.files.write(name, bytes)
    this.files.set(name, createHash('md5').update(bytes).digest('hex'))
  }

  /** Starts the keeper where none runs. */
  async remember(name, port) {
    this.memory = { name, port, least: 0, most: 0, certain: false }
    const handle = await this.sandbox.commands.run(`exec python3 -S -c "${KEEPER(name, port)}"`, { background: true, timeoutMs: 0 })
    handle.wait().catch(() => {}) // its stream ends with a pause or crash
    await eventually(`the keeper of ${this} listens`, () => this.count(), PATIENCE)
    this.memory.certain = true
  }

  /** Asks the keeper; false when none answers. What it says must be what its memory held, whatever happened since. */
  async count() {
    const memory = this.memory
    memory.most++
    const answer = await edgeRequest(this.sandbox.getHost(memory.port), '/')
    if (answer.status !== 200) {
      assert.equal(answer.status, 502, `${this}: ${answer.status} ${answer.body}`)
      return false
    }
    const [name, served] = answer.body.toString().split(' ')
    assert.equal(name, memory.name, `the memory of ${this}`)
    assert.ok(Number(served) > memory.least && Number(served) <= memory.most,
      `the memory of ${this} counts ${served}; it was at ${memory.least} and asked ${memory.most} times at most`)
    memory.least = Number(served)
    return true
  }

  /** A running one: every acknowledged file is as it was written, and what its memory held is there. */
  async check() {
    if (this.files.size > 0) {
      const sums = (await this.sandbox.commands.run('md5sum file-*', { timeoutMs: PATIENCE * 1000 })).stdout
      const found = new Map(sums.trim().split('\n').map((line) => line.split(/\s+/)).map(([sum, name]) => [name, sum]))
      for (const [name, sum] of this.files) assert.equal(found.get(name), sum, `${name} of ${this}:\n${sums}`)
    } else {
      assert.equal((await this.sandbox.commands.run('echo here')).stdout, 'here\n', `${this}`)
    }
    if (this.memory) {
      const there = await this.count()
      if (!there && this.memory.certain) {
        const events = (await control('GET', `/sandboxes/${this.id}/events?limit=100`)).body
        assert.fail(`the memory of ${this} is gone: ${JSON.stringify(events)}`)
      }
      if (there) this.memory.certain = true
      else this.memory = undefined
    }
  }

  /** Whatever state it may be in: it is in one of those, and if it runs it is whole. */
  async verify() {
    if (this.onTimeout === 'kill' && this.states.has('gone') && Date.now() > this.deadline) {
      await eventually(`${this} has ended`, async () => (await settled(this.id)) === 'gone', PATIENCE)
    }
    const found = await settled(this.id)
    if (!this.states.has(found)) {
      const events = await control('GET', `/sandboxes/${this.id}/events?limit=100`)
      assert.fail(`${this} is ${found}: ${JSON.stringify(events.body)}`)
    }
    if (this.onTimeout) {
      if (found === 'gone') this.is('gone')
      return
    }
    this.is(found)
    if (found === 'running') await this.check()
  }

  /** Brings a paused one back and looks whether all is there. */
  async resumeAndCheck() {
    await this.sandbox.connect({ timeoutMs: LONG })
    this.is('running')
    await this.check()
  }
}

/** Every sandbox of ours as the API lists them. */
export async function listed() {
  const found = []
  const pages = Sandbox.list({ limit: 100 })
  while (pages.hasNext) found.push(...await pages.nextItems())
  return found
}

/** The ids of every snapshot. */
export async function listedSnapshots() {
  const found = []
  const pages = Sandbox.listSnapshots({ limit: 100 })
  while (pages.hasNext) found.push(...(await pages.nextItems()).map((one) => one.snapshotId))
  return found
}
