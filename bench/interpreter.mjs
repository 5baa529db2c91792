// What running code costs, beside the same kernel driven by jupyter_client from inside the same sandbox.
import { spawnSync } from 'node:child_process'
import path from 'node:path'
import { Sandbox } from '@e2b/code-interpreter'
import { Daemon, residentMegabytes, root } from './host.mjs'
import { percentile, timed, times } from './statistics.mjs'

const template = 'code-interpreter-v1'
const kernels = 20

/** Runs `1` in the standard kernel many times, as Jupyter's own client does it; prints the milliseconds of the median. */
const direct = `
import glob, time
from jupyter_client import BlockingKernelClient
client = BlockingKernelClient(connection_file=glob.glob('/run/holt/kernels/*.json')[0])
client.load_connection_file()
client.ip = '127.0.0.1'
client.start_channels()
client.wait_for_ready()
taken = []
for i in range(250):
    start = time.perf_counter()
    client.execute_interactive('1', output_hook=lambda message: None)
    if i >= 50: taken.append(time.perf_counter() - start)
print(sorted(taken)[100] * 1000)
`

async function ready() {
  const sandbox = await Sandbox.create(template, { timeoutMs: 600_000 })
  await sandbox.runCode('1')
  return sandbox
}

/** The rows of one runtime, told to `row`. */
export async function interpreter(runtime, row, { ms, ratio }) {
  const built = spawnSync(path.join(root, 'holt'), ['template', 'build', template], {
    env: { ...process.env, HOLT_STATE_DIRECTORY: '/var/lib/holt-bench' }, stdio: ['ignore', 'ignore', 'inherit'],
  })
  if (built.status !== 0) throw new Error(`template ${template} could not be built`)
  const daemon = await Daemon.start({ HOLT_NODE_RUNTIME: runtime, HOLT_POOL_WARM: '2', HOLT_TEMPLATES_PREPARED: `base,${template}` })
  try {
    const sandbox = await ready()
    const ours = []
    const theirs = []
    for (let turn = 0; turn < 5; turn++) { // in turns, so that a noisy neighbour hits both
      ours.push(...await times(200, () => sandbox.runCode('1'), turn === 0 ? 500 : 50))
      const { stdout } = await sandbox.commands.run(`python3 - <<'P'${direct}P`, { user: 'root', timeoutMs: 120_000 })
      theirs.push(Number(stdout))
    }
    const [run, bare] = [percentile(ours, 0.5), percentile(theirs, 0.5)]
    row(`${runtime}: run_code("1") p50 against jupyter_client inside`, `${ms(run)}, ${ratio(run / bare)} of ${ms(bare)}`, 'at most 1.3x', run <= 1.3 * bare)

    const latencies = []
    await sandbox.runCode('import time\nfor i in range(100):\n  print(time.time(), flush=True)\n  time.sleep(0.02)', {
      onStdout: ({ line }) => line.trim().split('\n').forEach((sent) => latencies.push(Date.now() - Number(sent) * 1000)),
    })
    row(`${runtime}: from a printed line to the client, p50`, ms(percentile(latencies, 0.5)), 'under 10 ms', percentile(latencies, 0.5) < 10)

    const contexts = []
    for (let i = 0; i < 10; i++) contexts.push(await sandbox.createCodeContext({ language: 'bash' }))
    const together = await timed(() => Promise.all(contexts.map((context) => sandbox.runCode('sleep 1', { context }))))
    row(`${runtime}: ten contexts that sleep 1 s at once`, ms(together.milliseconds), 'under 2 s', together.milliseconds < 2000)
    await sandbox.kill()

    const firsts = []
    for (let i = 0; i < 15; i++) {
      await daemon.warm(4)
      const made = await Sandbox.create(template, { timeoutMs: 600_000 })
      const first = await timed(() => made.runCode('1'))
      if (i >= 5) firsts.push(first.milliseconds)
      await made.kill()
    }
    const first = percentile(firsts, 0.5)
    const goal = runtime === 'container' ? 'under 100 ms' : 'as the second'
    row(`${runtime}: first run_code after create, warm, p50`, ms(first), goal, first < (runtime === 'container' ? 100 : 2 * run + 20))

    if (runtime === 'container') {
      const many = await ready()
      const add = async () => {
        const added = []
        for (let i = 0; i < kernels; i++) {
          added.push(await many.createCodeContext({ language: 'bash' }))
          await many.runCode('echo', { context: added.at(-1) })
        }
        return added
      }
      const used = async () => {
        await daemon.collect()
        return [await daemon.liveHeap(), residentMegabytes(daemon.pid) * 2 ** 20]
      }
      // What the first kernels ever load and the heap's own growth are not the cost of a kernel.
      for (const context of await add()) await many.removeCodeContext(context)
      const before = await used()
      await add()
      const [heap, resident] = (await used()).map((bytes, i) => (bytes - before[i]) / 1024 / kernels)
      row('memory of Holt for each kernel', `${heap.toFixed(0)} KB of live heap, ${resident.toFixed(0)} KB RSS`, 'under 200 KB', Math.max(heap, resident) < 200)
      await many.kill()
    }
  } finally {
    await daemon.stop()
  }
}
