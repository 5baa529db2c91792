// State: pause, resume, snapshots, forks, rollback and waking by traffic, each beside the raw engine in the same run where it has the like.
import fs from 'node:fs'
import http from 'node:http'
import { Sandbox } from 'e2b'
import { Daemon } from './host.mjs'
import { RawEngine } from './peers.mjs'
import { percentile, timed } from './statistics.mjs'

const sizes = [10, 200, 1000] // MiB of guest memory that hold random bytes, which nothing compresses or leaves out

/** A process of the guest that holds so many MiB and says so when it does. */
const holder = (megabytes) => `import os, time
held = [os.urandom(1 << 20) for _ in range(${megabytes})]
open('/tmp/held', 'w').write('held')
time.sleep(1000000)`

const sleep = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds))
const median = (values) => percentile(values, 0.5)

/** Calls a route of the control API that the SDK does not know. */
async function control(method, route, body) {
  const answer = await fetch(`${process.env.E2B_API_URL}${route}`, {
    method, headers: { 'X-API-Key': process.env.E2B_API_KEY, 'Content-Type': 'application/json' }, body: body && JSON.stringify(body),
  })
  if (!answer.ok) throw new Error(`${method} ${route}: ${answer.status} ${await answer.text()}`)
  return answer.status === 204 ? undefined : answer.json()
}

async function holding(megabytes, options = {}) {
  const sandbox = await Sandbox.create({ timeoutMs: 3_600_000, ...options })
  await sandbox.commands.run(`python3 -c "${holder(megabytes).replaceAll('"', '\\"')}"`, { background: true, timeoutMs: 0 })
  for (let i = 0; i < 1200 && !(await sandbox.files.exists('/tmp/held')); i++) await new Promise((resolve) => setTimeout(resolve, 50))
  return sandbox
}

/** Longest time between two ticks of a process inside, in milliseconds: how long the guest stood still as it sees it itself. */
const clock = `import time
last = time.time(); worst = 0.0
end = last + 6
while time.time() < end:
    time.sleep(0.001)
    now = time.time(); worst = max(worst, now - last); last = now
print(worst * 1000)`

export function stateBenchmarks({ row, ms, ratio, rootFileSystem }) {
  const gvisor = (megabytes = 512) => Daemon.start({ HOLT_NODE_RUNTIME: 'gvisor', HOLT_POOL_WARM: '2', HOLT_SANDBOX_MEMORY: String(megabytes) })
  const runsc = ['/usr/local/lib/holt/runsc', '/usr/local/bin/runsc', '/usr/bin/runsc'].find((file) => fs.existsSync(file))

  async function pauses() {
    const daemon = await gvisor(3072)
    const raw = new RawEngine('runsc', runsc, ['--overlay2=none', '--network=sandbox', '--file-access=shared', '--net-disconnect-ok=true'],
      ['unshare', '-m', 'sh', '-c', 'mount -t tmpfs tmpfs /proc/sys/net && exec "$@"', 'sh'])
    await raw.prepare(rootFileSystem(), 3072)
    try {
      for (const size of sizes) {
        const ours = { pause: [], resume: [] }
        const theirs = { pause: [], resume: [], restore: [] }
        const sandbox = await holding(size)
        const held = await raw.startHolding(size)
        let image
        for (let i = 0; i < 5; i++) { // in turns, so that a noisy neighbour hits both; the first round warms up
          const pause = await timed(() => sandbox.pause())
          await sleep(2000) // a pause that is over at once is no pause; and the raw engine's image is in memory as well when it restores
          const resume = await timed(() => Sandbox.connect(sandbox.sandboxId, { timeoutMs: 3_600_000 }))
          if (image) fs.rmSync(image, { recursive: true })
          const checkpoint = await timed(async () => { image = await raw.checkpoint(held) })
          if (i === 0) continue
          ours.pause.push(pause.milliseconds)
          ours.resume.push(resume.milliseconds)
          theirs.pause.push(checkpoint.milliseconds)
        }
        await raw.remove(held) // the restored one has its root
        await raw.read(image)
        for (let i = 0; i < 4; i++) {
          for (const [what, restoring] of [['resume', () => raw.createAndRestore(image)], ['restore', () => raw.restore(image)]]) {
            const restore = await timed(restoring)
            theirs[what].push(restore.milliseconds)
            await restore.value()
          }
        }
        fs.rmSync(image, { recursive: true })
        await sandbox.kill()
        ours.restore = ours.resume
        for (const [what, name, most] of [['pause', 'checkpoint', 1.3], ['resume', 'create + restore', 1.3], ['restore', 'restore alone', 1.15]]) {
          const [mine, its] = [median(ours[what]), median(theirs[what])]
          row(`gvisor: ${what === 'pause' ? 'pause' : 'resume'} with ${size} MiB of memory`, `${ms(mine)}, ${ratio(mine / its)} of raw ${name} (${ms(its)})`, `at most ${most}x`, mine <= most * its)
        }
      }
    } finally {
      await raw.close()
      await daemon.stop()
    }
  }

  async function snapshots() {
    const daemon = await gvisor()
    try {
      const sandbox = await holding(10)
      const stood = []
      for (let i = 0; i < 4; i++) {
        const ticking = await sandbox.commands.run(`python3 -c "${clock.replaceAll('"', '\\"')}"`, { background: true, timeoutMs: 60_000 })
        await new Promise((resolve) => setTimeout(resolve, 1500))
        const snapshot = await sandbox.createSnapshot()
        const { stdout } = await ticking.wait()
        stood.push(Number(stdout))
        await Sandbox.deleteSnapshot(snapshot.snapshotId)
      }
      row('gvisor: snapshot, as long as the guest stood still by its own clock, 10 MiB', ms(median(stood)), 'none')
      for (const count of [1, 10, 100]) {
        const all = []
        for (let i = 0; i < (count === 100 ? 1 : 3); i++) {
          const forked = await timed(() => sandbox.fork({ count, timeoutMs: 600_000 }))
          const failed = forked.value.filter((fork) => fork instanceof Error)
          if (failed.length > 0) throw new Error(`${failed.length} of ${count} forks failed: ${failed[0].message}`)
          all.push(forked.milliseconds)
          await Promise.all(forked.value.map((fork) => fork.kill()))
        }
        row(`gvisor: fork of ${count}, until the last one serves`, `${ms(median(all))}, ${ms(median(all) / count)} each`, 'none')
      }
      const rollbacks = []
      const snapshot = await sandbox.createSnapshot()
      for (let i = 0; i < 5; i++) rollbacks.push((await timed(() => control('POST', `/sandboxes/${sandbox.sandboxId}/rollback`, { snapshotID: snapshot.snapshotId }))).milliseconds)
      row('gvisor: rollback, 10 MiB', ms(median(rollbacks)), 'none')
      await sandbox.kill()
    } finally {
      await daemon.stop()
    }
  }

  async function wakes() {
    const daemon = await gvisor()
    try {
      const sandbox = await holding(10, { lifecycle: { onTimeout: 'pause', autoResume: true } })
      await sandbox.commands.run('python3 -m http.server 8000 --directory /tmp', { background: true, timeoutMs: 0 })
      const get = () => new Promise((resolve, reject) => {
        const url = new URL(process.env.E2B_SANDBOX_URL)
        http.get({ host: url.hostname, port: url.port, path: '/held', agent: false, headers: { Host: `8000-${sandbox.sandboxId}.localhost` } }, (answer) => {
          if (answer.statusCode !== 200) reject(new Error(`status ${answer.statusCode}`))
          answer.once('data', () => resolve())
          answer.on('error', reject)
        }).on('error', reject)
      })
      for (let i = 0; i < 100; i++) { if (await get().then(() => true, () => false)) break; await new Promise((resolve) => setTimeout(resolve, 50)) }
      const first = []
      for (let i = 0; i < 6; i++) {
        await sandbox.pause()
        const answered = await timed(get)
        if (i > 0) first.push(answered.milliseconds)
      }
      row('gvisor: first byte of a request that wakes a paused sandbox, 10 MiB', ms(median(first)), 'none')
      await sandbox.kill()
    } finally {
      await daemon.stop()
    }
  }

  async function freezes() {
    const daemon = await Daemon.start({ HOLT_NODE_RUNTIME: 'container', HOLT_POOL_WARM: '2' })
    try {
      const sandbox = await holding(10)
      const pauses = []
      const resumes = []
      for (let i = 0; i < 20; i++) {
        pauses.push((await timed(() => sandbox.pause())).milliseconds)
        resumes.push((await timed(() => Sandbox.connect(sandbox.sandboxId, { timeoutMs: 3_600_000 }))).milliseconds)
      }
      row('container: pause / resume by SDK, everything written to disk, p50', `${ms(median(pauses))} / ${ms(median(resumes))}`, 'none')
      const stops = (await control('GET', `/sandboxes/${sandbox.sandboxId}/events`)).filter((event) => event.type === 'paused')
        .map((event) => Number(event.fields['stop-microseconds']) / 1000)
      row('container: freeze, until nothing in it runs any more, p50', ms(median(stops)), 'under 5 ms', median(stops) < 5)
      await sandbox.kill()
    } finally {
      await daemon.stop()
    }
  }

  return { pauses, forks: snapshots, wakes, freezes }
}
