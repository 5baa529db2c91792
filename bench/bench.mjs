// Runs every benchmark beside its peers and writes docs/benchmarks.md. Root, Linux, podman, nginx and wrk are needed.
import crypto from 'node:crypto'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { Sandbox } from 'e2b'
import { Daemon, cgroupMegabytes, freePort, residentMegabytes, root, run } from './host.mjs'
import { Nginx, Podman, RawEngine, cleanUp, requestsPerSecond } from './peers.mjs'
import { interpreter } from './interpreter.mjs'
import { stateBenchmarks } from './state.mjs'
import { percentile, timed, times } from './statistics.mjs'

const rows = []
const cores = os.cpus().length
const runtimes = (process.env.BENCH_RUNTIMES ?? 'container,gvisor').split(',')
const chosen = process.argv[2]

/** `reached` is left out where there is no goal. */
function row(what, measured, goal, reached) {
  const verdict = reached === undefined ? '' : reached ? 'reached' : '**missed**'
  rows.push({ what, measured, goal, verdict })
  console.log(`${verdict.padEnd(10)} ${what}: ${measured} (goal: ${goal})`)
}

const ms = (value) => `${value.toFixed(value < 10 ? 2 : 0)} ms`
const ratio = (value) => `${value.toFixed(2)}x`

/** The root file system that Holt itself made: every peer runs on the same one. */
function baseRootFileSystem() {
  const builds = '/var/lib/holt-bench/templates/base'
  for (const build of fs.readdirSync(builds)) {
    const candidate = path.join(builds, build, 'rootfs')
    if (fs.existsSync(candidate)) return candidate
  }
  throw new Error(`no build of the base template below ${builds}`)
}

async function createUntilOutput() {
  const sandbox = await Sandbox.create({ timeoutMs: 600_000 })
  const { stdout } = await sandbox.commands.run('echo hello')
  if (stdout !== 'hello\n') throw new Error(`unexpected output ${stdout}`)
  return sandbox
}

async function creates(runtime) {
  const goals = { container: [25, 60], gvisor: [45, 120] }[runtime]
  const daemon = await Daemon.start({ HOLT_NODE_RUNTIME: runtime, HOLT_POOL_WARM: '50', HOLT_POOL_SLOTS: '60' })
  const podman = new Podman(baseRootFileSystem())
  try {
    // One at a time, each killed and replaced in the pool before the next: what a create costs when nothing else goes on.
    const single = []
    for (let i = 0; i < 110; i++) {
      await daemon.warm(50)
      const { milliseconds, value } = await timed(createUntilOutput)
      if (i >= 10) single.push(milliseconds) // the first ones warm the JVM and the client up
      await value.kill()
    }
    const [p50, p99] = [percentile(single, 0.5), percentile(single, 0.99)]
    row(`${runtime}: create until first output, warm, p50 / p99`, `${ms(p50)} / ${ms(p99)}`, `${goals[0]} / ${goals[1]} ms`, p50 <= goals[0] && p99 <= goals[1])
    const podmanRun = percentile(await times(10, () => podman.run()), 0.5)
    row(`${runtime}: the same against podman run`, `${ratio(podmanRun / p50)} faster (podman ${ms(podmanRun)})`, 'at least 8x', podmanRun / p50 >= 8)

    await daemon.warm(50)
    const storm = await timed(() => Promise.all(Array.from({ length: 50 }, () => timed(createUntilOutput))))
    const stormTimes = storm.value.map((each) => each.milliseconds)
    const p95 = percentile(stormTimes, 0.95)
    const perCore = p50 * 50 / cores
    row(`${runtime}: 50 creates at once, p95`, `${ms(p95)}, ${ratio(p95 / perCore)} of one core's share of 50 single creates (${ms(perCore)})`, 'under 4x', p95 < 4 * perCore)
    await Promise.all(storm.value.map((each) => each.value.kill()))
    await daemon.warm(50)

    const sandbox = await createUntilOutput()
    const command = percentile(await times(300, () => sandbox.commands.run('true'), 500), 0.5)
    if (runtime === 'container') {
      row('container: commands.run("true") p50', ms(command), '3 ms', command <= 3)
    } else {
      const inside = await sandbox.commands.run(`python3 - <<'P'
import subprocess, time
t = []
for i in range(60):
    a = time.perf_counter(); subprocess.run(['/bin/bash', '-l', '-c', 'true']); t.append(time.perf_counter() - a)
print(sorted(t)[30] * 1000)
P`, { timeoutMs: 120_000 })
      const bare = Number(inside.stdout)
      row('gvisor: commands.run("true") p50', `${ms(command)}, ${ratio(command / bare)} of the bare spawn inside (${ms(bare)})`, 'at most 1.5x', command <= 1.5 * bare)
    }
    await podman.startSleeper()
    const exec = percentile(await times(10, () => podman.exec()), 0.5)
    await podman.stop()
    row(`${runtime}: commands.run("true") against podman exec`, `${ratio(exec / command)} faster (podman ${ms(exec)})`, 'at least 30x', exec / command >= 30)
    await sandbox.kill()
  } finally {
    await daemon.stop()
  }
}

async function cold(runtime) {
  const daemon = await Daemon.start({ HOLT_NODE_RUNTIME: runtime, HOLT_POOL_WARM: '0' })
  const runsc = ['/usr/local/lib/holt/runsc', '/usr/local/bin/runsc', '/usr/bin/runsc'].find((file) => fs.existsSync(file))
  const engine = runtime === 'container'
    ? new RawEngine('runc', 'runc', [])
    : new RawEngine('runsc', runsc, ['--overlay2=none', '--network=sandbox', '--file-access=shared'],
        ['unshare', '-m', 'sh', '-c', 'mount -t tmpfs tmpfs /proc/sys/net && exec "$@"', 'sh'])
  await engine.prepare(baseRootFileSystem())
  try {
    const holt = []
    const raw = []
    for (let i = 0; i < 25; i++) { // in turns, so that a noisy neighbour hits both
      const ours = await timed(createUntilOutput)
      await ours.value.kill()
      const theirs = await timed(() => engine.createAndStart())
      await theirs.value()
      if (i >= 5) {
        holt.push(ours.milliseconds)
        raw.push(theirs.milliseconds)
      }
    }
    const [ours, theirs] = [percentile(holt, 0.5), percentile(raw, 0.5)]
    row(`${runtime}: create until first output, cold, p50`, `${ms(ours)}, ${ratio(ours / theirs)} of raw create + start (${ms(theirs)})`, 'at most 1.3x', ours <= 1.3 * theirs)
  } finally {
    await engine.close()
    await daemon.stop()
  }
}

async function transfers() {
  const daemon = await Daemon.start({ HOLT_NODE_RUNTIME: 'container', HOLT_POOL_WARM: '1' })
  const nginx = await Nginx.start()
  const file = path.join(nginx.directory, 'big')
  const chunk = crypto.randomBytes(8 << 20)
  const size = 1 << 30
  const blob = new Blob(Array.from({ length: size / chunk.length }, () => chunk))
  const drain = async (stream) => {
    let bytes = 0
    for await (const part of stream) bytes += part.length
    if (bytes !== size) throw new Error(`${bytes} bytes instead of ${size}`)
  }
  try {
    const sandbox = await Sandbox.create({ timeoutMs: 3_600_000 })
    const uploads = { holt: [], nginx: [] }
    const downloads = { holt: [], nginx: [] }
    for (let i = 0; i < 4; i++) {
      const results = [
        ['nginx', uploads, () => fetch(`${nginx.url}/files/big`, { method: 'PUT', body: blob }).then((answer) => { if (!answer.ok) throw new Error(`nginx ${answer.status}`) })],
        ['holt', uploads, () => sandbox.files.write('/home/user/big', blob, { useOctetStream: true, requestTimeoutMs: 600_000 })],
        ['nginx', downloads, async () => drain((await fetch(`${nginx.url}/files/big`)).body)],
        ['holt', downloads, async () => drain(await sandbox.files.read('/home/user/big', { format: 'stream', requestTimeoutMs: 600_000 }))],
      ]
      for (const [who, where, work] of results) {
        const { milliseconds } = await timed(work)
        if (i > 0) where[who].push(size / 1e6 / (milliseconds / 1000))
      }
      fs.rmSync(file, { force: true })
    }
    for (const [name, measured] of [['upload', uploads], ['download', downloads]]) {
      const [ours, theirs] = [percentile(measured.holt, 0.5), percentile(measured.nginx, 0.5)]
      row(`container: 1 GiB ${name} by SDK`, `${ours.toFixed(0)} MB/s, ${ratio(ours / theirs)} of nginx (${theirs.toFixed(0)} MB/s)`, 'at least 0.5x', ours >= 0.5 * theirs)
    }
    await sandbox.kill()
  } finally {
    await nginx.stop()
    await daemon.stop()
  }
}

async function proxied() {
  const daemon = await Daemon.start({ HOLT_NODE_RUNTIME: 'container', HOLT_POOL_WARM: '1' })
  const program = path.join(os.tmpdir(), `holt-bench-server-${process.pid}`)
  await run('musl-gcc', '-O2', '-static', '-o', program, path.join(root, 'bench', 'server.c'))
  try {
    const sandbox = await Sandbox.create({ timeoutMs: 3_600_000 })
    await sandbox.files.write('server', new Blob([fs.readFileSync(program)]))
    await sandbox.commands.run('chmod +x server')
    await sandbox.commands.run('./server 8000', { background: true, timeoutMs: 0 })
    const address = (await sandbox.commands.run("hostname -I || ip -4 -o addr show eth0 | sed 's/.*inet \\([0-9.]*\\).*/\\1/'")).stdout.trim().split(/\s+/)[0]
    const nginx = await Nginx.start(`${address}:8000`)
    const ours = []
    const theirs = []
    for (let i = 0; i < 6; i++) {
      theirs.push(await requestsPerSecond(`${nginx.url}/`))
      ours.push(await requestsPerSecond(`${daemon.exports.E2B_SANDBOX_URL}/`, { host: sandbox.getHost(8000) }))
    }
    await nginx.stop()
    const [holt, peer] = [percentile(ours.slice(2), 0.5), percentile(theirs.slice(2), 0.5)]
    row('container: proxied requests per second', `${holt.toFixed(0)}/s, ${ratio(holt / peer)} of nginx (${peer.toFixed(0)}/s)`, 'at least 0.6x', holt >= 0.6 * peer)
    await sandbox.kill()
  } finally {
    fs.rmSync(program, { force: true })
    await daemon.stop()
  }
}

async function memory(runtime) {
  const goal = { container: 4, gvisor: 18 }[runtime]
  const daemon = await Daemon.start({ HOLT_NODE_RUNTIME: runtime, HOLT_POOL_WARM: '0' })
  try {
    await new Promise((resolve) => setTimeout(resolve, 10_000))
    const idle = residentMegabytes(daemon.pid)
    row(`${runtime}: daemon, idle`, `${idle.toFixed(0)} MiB RSS`, 'under 350 MB', idle < 350)
    const first = await createUntilOutput() // what the first sandbox ever loads is not the cost of a sandbox
    const before = await daemon.liveHeap()
    const count = 40
    const made = []
    for (let i = 0; i < count; i++) made.push(await Sandbox.create({ timeoutMs: 600_000 }))
    await new Promise((resolve) => setTimeout(resolve, 15_000))
    const after = await daemon.liveHeap()
    const each = (after - before) / count / 2 ** 20
    row(`${runtime}: daemon, for each idle sandbox`, `${each.toFixed(3)} MiB of live heap`, 'under 0.5 MB', each < 0.5)
    const guests = made.map((sandbox) => cgroupMegabytes(sandbox.sandboxId))
    const guest = percentile(guests, 0.5)
    row(`${runtime}: an idle sandbox, everything in its cgroup, p50`, `${guest.toFixed(1)} MiB`, `under ${goal} MB`, guest < goal)
    for (const sandbox of [...made, first]) await sandbox.kill()
  } finally {
    await daemon.stop()
  }
}

async function start() {
  const all = []
  for (let i = 0; i < 6; i++) {
    const daemon = await Daemon.start({ HOLT_NODE_RUNTIME: 'container', HOLT_POOL_WARM: '0' })
    if (i > 0) all.push(daemon.readyMilliseconds)
    await daemon.stop()
  }
  const p50 = percentile(all, 0.5)
  row('daemon: start until ready, template present, p50', ms(p50), 'under 2 s', p50 < 2000)
}

const benchmarks = {
  start,
  ...Object.fromEntries(runtimes.flatMap((runtime) => [
    [`creates-${runtime}`, () => creates(runtime)],
    [`cold-${runtime}`, () => cold(runtime)],
    [`memory-${runtime}`, () => memory(runtime)],
    [`interpreter-${runtime}`, () => interpreter(runtime, row, { ms, ratio })],
  ])),
  transfers,
  proxied,
  ...stateBenchmarks({ row, ms, ratio, rootFileSystem: baseRootFileSystem }),
}

let failed = false
for (const [name, benchmark] of Object.entries(benchmarks)) {
  if (chosen && name !== chosen) continue
  try {
    await benchmark()
  } catch (error) {
    failed = true
    row(name, `failed: ${error.message.split('\n')[0]}`, '', false)
  }
}
cleanUp()

const table = ['| what | measured | must reach | |', '|---|---|---|---|',
  ...rows.map((each) => `| ${each.what} | ${each.measured} | ${each.goal} | ${each.verdict} |`)].join('\n')
console.log(`\n${table}`)
if (!chosen && !failed) {
  const document = path.join(root, 'docs', 'benchmarks.md')
  const before = fs.existsSync(document) ? fs.readFileSync(document, 'utf8') : ''
  const [opening, , closing] = before.split(/<!-- results: (?:begin|end) -->\n/)
  const heading = `${new Date().toISOString().slice(0, 10)}, ${cores} cores, Linux ${os.release().split('-')[0]}, Java 25, Node ${process.version}`
  fs.writeFileSync(document, `${opening ?? '# Benchmarks\n\n'}<!-- results: begin -->\n${heading}\n\n${table}\n<!-- results: end -->\n${closing ?? ''}`)
}
process.exit(failed ? 1 : 0)
