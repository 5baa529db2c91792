import assert from 'node:assert/strict'
import test from 'node:test'
import { control, edgeRequest, withSandbox } from './holt.mjs'

const rejects = (name, expected, ...call) => test(name, async () => {
  const answer = await control(...call)
  assert.equal(answer.status, expected.status, JSON.stringify(answer.body))
  assert.equal(answer.body.code, expected.status)
  assert.match(answer.body.message, expected.message)
})

rejects('no key', { status: 401, message: /./ }, 'GET', '/sandboxes', { key: '' })
rejects('a wrong key', { status: 401, message: /./ }, 'GET', '/sandboxes', { key: 'e2b_0123456789abcdef' })
rejects('an unknown route', { status: 404, message: /./ }, 'GET', '/no/such/route')
rejects('malformed JSON', { status: 400, message: /JSON/i }, 'POST', '/sandboxes', { body: '{"templateID": ' })
rejects('a missing template', { status: 400, message: /templateID/ }, 'POST', '/sandboxes', { body: {} })
rejects('a wrong type', { status: 400, message: /timeout/ }, 'POST', '/sandboxes', { body: { templateID: 'base', timeout: 'soon' } })
rejects('out of range', { status: 400, message: /timeout/ }, 'POST', '/sandboxes', { body: { templateID: 'base', timeout: -1 } })
rejects('an unknown template', { status: 404, message: /no-such-template/ }, 'POST', '/v2/sandboxes', { body: { templateID: 'no-such-template' } })
rejects('an oversized body', { status: 413, message: /./ }, 'POST', '/sandboxes', { body: { templateID: 'base', metadata: { a: 'x'.repeat(3_000_000) } } })
rejects('an unknown sandbox', { status: 404, message: /iabcdefghijklmnopqr1/ }, 'GET', '/sandboxes/iabcdefghijklmnopqr1')
rejects('a bad page size', { status: 400, message: /limit/ }, 'GET', '/v2/sandboxes?limit=0')
rejects('a bad page token', { status: 400, message: /nextToken/ }, 'GET', '/v2/sandboxes?nextToken=%20nonsense')
rejects('a bad state', { status: 400, message: /state/ }, 'GET', '/v2/sandboxes?state=asleep')

test('envd answers errors as the Connect protocol says', () => withSandbox(async (sandbox) => {
  const host = `49983-${sandbox.sandboxId}.example.com`
  const token = sandbox.envdAccessToken ?? ''
  const call = (path, body, headers = {}) => edgeRequest(host, path, {
    method: 'POST', headers: { 'Content-Type': 'application/json', 'X-Access-Token': token, ...headers }, body: JSON.stringify(body),
  })
  const stat = await call('/filesystem.Filesystem/Stat', { path: '/nowhere' })
  assert.equal(stat.status, 404)
  assert.equal(JSON.parse(stat.body).code, 'not_found')
  const signal = await call('/process.Process/SendSignal', { process: { pid: 999_999 }, signal: 'SIGNAL_SIGKILL' })
  assert.equal(signal.status, 404)
  assert.match(JSON.parse(signal.body).message, /process with pid 999999 not found/)
  const list = await call('/filesystem.Filesystem/ListDir', { path: '/etc/passwd' })
  assert.equal([list.status, JSON.parse(list.body).code].join(), '400,invalid_argument')
  const taken = await call('/filesystem.Filesystem/MakeDir', { path: '/etc' })
  assert.equal([taken.status, JSON.parse(taken.body).code].join(), '409,already_exists')
  const stranger = await call('/filesystem.Filesystem/Stat', { path: '/' }, { Authorization: `Basic ${Buffer.from('stranger:').toString('base64')}` })
  assert.equal(stranger.status, 401)
  assert.match(JSON.parse(stranger.body).message, /invalid username: 'stranger'/)
  const tokenless = await call('/filesystem.Filesystem/Stat', { path: '/' }, { 'X-Access-Token': 'wrong' })
  assert.equal(tokenless.status, 401)
  assert.deepEqual(JSON.parse(tokenless.body), {
    code: 401, message: 'unauthorized access, please provide a valid access token or method signing if supported',
  })
  const health = await edgeRequest(host, '/health')
  assert.equal(health.status, 204)
  const internal = await edgeRequest(host, '/init', { method: 'POST', headers: { 'X-Access-Token': token } })
  assert.equal(internal.status, 404)
}))
