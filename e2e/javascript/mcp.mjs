// Holt's MCP server through the protocol's reference client, over both transports; run by McpTest.
// Arguments: the holt program, and the URL of a `holt mcp --listen`.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js'
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js'

const [holt, url] = process.argv.slice(2)
const transports = {
  stdio: () => new StdioClientTransport({ command: holt, args: ['mcp'], env: process.env, stderr: 'inherit' }),
  http: (key = process.env.E2B_API_KEY) =>
    new StreamableHTTPClientTransport(new URL(url), { requestInit: { headers: { Authorization: `Bearer ${key}` } } }),
}

async function connect(transport) {
  const client = new Client({ name: 'holt-e2e', version: '1' })
  const problems = []
  client.onerror = (error) => problems.push(error)
  await client.connect(transport)
  const call = async (name, args, options) => {
    const result = await client.callTool({ name, arguments: args }, undefined, options)
    return {
      ...result,
      text: result.content.filter((part) => part.type === 'text').map((part) => part.text).join('\n'),
      data: result.structuredContent,
    }
  }
  return { client, call, problems }
}

for (const kind of ['stdio', 'http']) {
  test(`an agent works in a sandbox over ${kind}`, async () => {
    const { client, call, problems } = await connect(transports[kind]())
    try {
      assert.equal(client.getServerVersion().name, 'holt')
      const { tools } = await client.listTools()
      assert.ok(tools.length >= 10)
      assert.equal(tools.find((tool) => tool.name === 'kill_sandbox').annotations.destructiveHint, true)

      const created = await call('create_sandbox', { timeout_seconds: 300, metadata: { made: 'by mcp' }, env: { WORD: 'a b' } })
      assert.ok(!created.isError, created.text)
      const sandbox_id = created.data.sandbox_id
      try {
        const listed = await call('list_sandboxes', { metadata: { made: 'by mcp' } })
        assert.deepEqual(listed.data.sandboxes.map((sandbox) => sandbox.sandbox_id), [sandbox_id])

        const ran = await call('run_command', { sandbox_id, command: 'echo "$WORD $MORE"; echo bad >&2; exit 3', env: { MORE: 'c' } })
        assert.ok(!ran.isError)
        assert.equal(ran.text, 'exit code: 3\n--- stdout ---\na b c\n\n--- stderr ---\nbad\n')

        const flood = await call('run_command', { sandbox_id, command: 'echo first; yes | head -c 50000000; echo last' })
        assert.match(flood.text, /first[^]*\[\.\.\. \d+ bytes left out \.\.\.\][^]*last/)
        assert.ok(flood.text.length < 100_000)

        const endless = await call('run_command', { sandbox_id, command: 'echo so far; sleep 3600', timeout_seconds: 1 })
        assert.ok(endless.isError)
        assert.match(endless.text, /still running after 1 seconds[^]*so far/)

        const written = await call('write_file', { sandbox_id, path: 'a/b c/ü.txt', content: 'ünï\nzwei\n' })
        assert.ok(!written.isError, written.text)
        assert.equal((await call('read_file', { sandbox_id, path: 'a/b c/ü.txt' })).text, 'ünï\nzwei\n')
        assert.match((await call('read_file', { sandbox_id, path: 'a/b c/ü.txt', max_bytes: 4 })).text, /^ün\n\[bytes 0 to 3 of 11/)
        assert.match((await call('read_file', { sandbox_id, path: '/proc/version' })).text, /^Linux/)
        const entries = await call('list_files', { sandbox_id, path: 'a', depth: 2 })
        assert.deepEqual(entries.data.entries.map((entry) => entry.type).sort(), ['directory', 'file'])
        const missing = await call('read_file', { sandbox_id, path: '/no/such/file' })
        assert.ok(missing.isError)
        assert.match(missing.text, /does not exist/)

        const server = await call('run_command', { sandbox_id, command: 'python3 -m http.server 8000 > /tmp/server.log 2>&1', background: true })
        assert.match(server.text, /process id: \d+/)
        const { data } = await call('get_port_url', { sandbox_id, port: 8000 })
        assert.equal(await eventuallyServed(data.url), 200)

        const wrong = await call('run_command', { sandbox_id, command: 'ls', timeout_seconds: 'soon' })
        assert.ok(wrong.isError)
        assert.match(wrong.text, /timeout_seconds/)
        assert.ok((await call('set_sandbox_timeout', { sandbox_id, timeout_seconds: 600 })).text.includes('600'))
        const noKernel = await call('run_code', { sandbox_id, code: '1' })
        assert.ok(noKernel.isError)
        assert.match(noKernel.text, /code-interpreter-v1/)

        const abort = new AbortController()
        const marker = 'echo started > /tmp/started; exec sleep 4242'
        const hopeless = call('run_command', { sandbox_id, command: marker, timeout_seconds: 3000 }, { signal: abort.signal })
        await eventually(async () => (await call('run_command', { sandbox_id, command: 'cat /tmp/started' })).text.includes('started'))
        abort.abort()
        await assert.rejects(hopeless)
        await eventually(async () => !(await call('run_command', { sandbox_id, command: 'pgrep -fx "sleep 4242"' })).text.includes('exit code: 0'))
      } finally {
        const killed = await call('kill_sandbox', { sandbox_id })
        assert.ok(!killed.isError, killed.text)
      }
      const gone = await call('run_command', { sandbox_id, command: 'true' })
      assert.ok(gone.isError)
      assert.deepEqual(problems.filter((problem) => !/abort|unknown message ID/i.test(String(problem))), [])
    } finally {
      await client.close()
    }
  })
}

test('an agent runs code, whose state and pictures it gets', async () => {
  const { client, call } = await connect(transports.stdio())
  try {
    const created = await call('create_sandbox', { template: 'code-interpreter-v1', timeout_seconds: 300 })
    assert.ok(!created.isError, created.text)
    const sandbox_id = created.data.sandbox_id
    try {
      assert.ok(!(await call('run_code', { sandbox_id, code: 'x = 41' })).isError)
      assert.match((await call('run_code', { sandbox_id, code: 'print("out"); x + 1' })).text, /out[^]*42/)
      const plot = await call('run_code', { sandbox_id, code: 'import matplotlib.pyplot as plt\nplt.plot([1, 2])\nplt.show()' })
      assert.equal(plot.content.find((part) => part.type === 'image')?.mimeType, 'image/png')
      const endless = await call('run_code', { sandbox_id, code: 'while True: pass', timeout_seconds: 1 })
      assert.ok(endless.isError)
      assert.match((await call('run_code', { sandbox_id, code: 'x' })).text, /41/)
      assert.match((await call('run_code', { sandbox_id, code: 'echo $((6 * 7))', language: 'bash' })).text, /42/)
      const failed = await call('run_code', { sandbox_id, code: '1 / 0' })
      assert.ok(failed.isError)
      assert.match(failed.text, /ZeroDivisionError/)
    } finally {
      assert.ok(!(await call('kill_sandbox', { sandbox_id })).isError)
    }
  } finally {
    await client.close()
  }
})

test('over HTTP a key that Holt does not know is refused', async () => {
  await assert.rejects(connect(transports.http('e2b_00000000000000000000000000000000')), /401|unauthorized/i)
})

async function eventually(probe, seconds = 30) {
  const end = Date.now() + seconds * 1000
  while (!(await probe())) {
    assert.ok(Date.now() < end, 'it did not happen in time')
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
}

/** The status at a URL whose host name need not resolve here. */
async function eventuallyServed(address) {
  const { edgeRequest } = await import('./holt.mjs')
  const { host, pathname } = new URL(address)
  let status
  await eventually(async () => (status = (await edgeRequest(host, pathname)).status) === 200)
  return status
}
