// The host side of a run: commands, files of /proc and the cgroups, a daemon of our own.
import { execFile, spawn } from 'node:child_process'
import fs from 'node:fs'
import net from 'node:net'
import path from 'node:path'
import { promisify } from 'node:util'

export const root = path.resolve(import.meta.dirname, '..')
const execute = promisify(execFile)

/** Runs a command to its end and returns its output; throws with its error text when it fails. */
export async function run(command, ...args) {
  const { stdout } = await execute(command, args, { maxBuffer: 64 << 20 })
  return stdout
}

export async function freePort() {
  const server = net.createServer()
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address()
  await new Promise((resolve) => server.close(resolve))
  return port
}

/** Resident memory of a process in MiB. */
export function residentMegabytes(pid) {
  return Number(/VmRSS:\s+(\d+) kB/.exec(fs.readFileSync(`/proc/${pid}/status`, 'utf8'))[1]) / 1024
}

const networkName = 'holtb'

/** The control groups of all sandboxes of the daemon under test in one hierarchy of version 1, or in the one of version 2. */
function controlGroups(hierarchy) {
  const parent = [`/sys/fs/cgroup/${hierarchy}/${networkName}`, `/sys/fs/cgroup/${networkName}`].find((directory) => fs.existsSync(directory))
  if (parent === undefined) return []
  const directories = (of) => fs.readdirSync(of, { withFileTypes: true }).filter((entry) => entry.isDirectory()).map((entry) => path.join(of, entry.name))
  return directories(parent).flatMap(directories)
}

function read(file) {
  try {
    return fs.readFileSync(file, 'utf8')
  } catch {
    return '' // removed meanwhile, or of the other version
  }
}

function frozenGroups() {
  return controlGroups('freezer').filter((group) =>
    read(path.join(group, 'freezer.state')).startsWith('FROZEN') || read(path.join(group, 'cgroup.events')).includes('frozen 1')).length
}

/** Memory charged to the cgroup of one sandbox in MiB. */
export function cgroupMegabytes(sandboxId) {
  const group = controlGroups('memory').find((directory) => path.basename(directory) === sandboxId)
  const file = ['memory.usage_in_bytes', 'memory.current'].map((name) => path.join(group, name)).find((name) => fs.existsSync(name))
  return Number(fs.readFileSync(file, 'utf8')) / 2 ** 20
}

/** A `holt serve` with state, ports and settings of its own. */
export class Daemon {
  static async start(settings) {
    const directory = '/var/lib/holt-bench'
    const environmentFile = path.join(directory, 'client.env')
    fs.rmSync(environmentFile, { force: true })
    const environment = {
      ...process.env,
      HOLT_STATE_DIRECTORY: directory,
      HOLT_RUN_DIRECTORY: '/run/holt-bench',
      HOLT_NETWORK_NAME: networkName,
      HOLT_NETWORK_ADDRESSES: '10.93.0.0/20',
      HOLT_CONTROL_LISTEN: `127.0.0.1:${await freePort()}`,
      HOLT_TRAFFIC_LISTEN: `127.0.0.1:${await freePort()}`,
      HOLT_NODE_KILL_ON_STOP: 'true', // a benchmark that failed leaves nothing to the next one
      ...settings,
    }
    const started = performance.now()
    const log = fs.openSync('/tmp/holt-bench.log', 'a')
    const child = spawn(path.join(root, 'holt'), ['serve'], { env: environment, stdio: ['ignore', log, log] })
    const daemon = new Daemon()
    daemon.child = child
    let ended = false
    child.on('exit', () => { ended = true })
    while (!fs.existsSync(environmentFile)) {
      if (ended) throw new Error('holt ended before it was ready: see /tmp/holt-bench.log')
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
    daemon.readyMilliseconds = performance.now() - started
    daemon.exports = Object.fromEntries(
      fs.readFileSync(environmentFile, 'utf8').split('\n').filter((line) => line.includes('=')).map((line) => line.split(/=(.*)/s)))
    Object.assign(process.env, daemon.exports)
    return daemon
  }

  /** The process that serves: the script replaces itself by it. */
  get pid() {
    return this.child.pid
  }

  /** Waits until so many sandboxes are warm (they are frozen then, and nothing else is) and nothing else goes on. */
  async warm(count) {
    for (let i = 0; i < 6000; i++) {
      if (frozenGroups() >= count) {
        await new Promise((resolve) => setTimeout(resolve, 300))
        return
      }
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
    throw new Error(`no ${count} warm sandboxes`)
  }

  /** Collects the garbage of its JVM, so that its resident memory grows only by what is kept. */
  async collect() {
    await run(path.join(process.env.JAVA_HOME, 'bin', 'jcmd'), String(this.pid), 'GC.run')
  }

  /** Bytes that live objects of its JVM take, after a collection. */
  async liveHeap() {
    const histogram = await run(path.join(process.env.JAVA_HOME, 'bin', 'jcmd'), String(this.pid), 'GC.class_histogram')
    return Number(/(\d+)\s*$/.exec(histogram.trim())?.[1] ?? NaN)
  }

  async stop() {
    const ended = new Promise((resolve) => this.child.on('exit', resolve))
    this.child.kill('SIGTERM')
    await ended
  }
}
