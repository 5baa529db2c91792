import assert from 'node:assert/strict'
import crypto from 'node:crypto'
import test from 'node:test'
import { NotFoundError, edgeRequest, eventually, withSandbox } from './holt.mjs'

const inSandbox = (name, body) => test(name, () => withSandbox(body))

inSandbox('text, bytes and streams come back as written', async (sandbox) => {
  const written = await sandbox.files.write('notes/today.txt', 'grüße\n')
  assert.deepEqual([written.name, written.path, written.type], ['today.txt', '/home/user/notes/today.txt', 'file'])
  assert.equal(await sandbox.files.read('notes/today.txt'), 'grüße\n')
  const bytes = crypto.randomBytes(3_000_000)
  await sandbox.files.write('/tmp/blob', bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length))
  assert.ok(Buffer.from(await sandbox.files.read('/tmp/blob', { format: 'bytes' })).equals(bytes))
  const chunks = []
  for await (const chunk of await sandbox.files.read('/tmp/blob', { format: 'stream' })) chunks.push(chunk)
  assert.ok(Buffer.concat(chunks).equals(bytes))
  await sandbox.files.write('empty', '')
  assert.equal(await sandbox.files.read('empty'), '')
})

inSandbox('several files in one request, kept slashes, owner', async (sandbox) => {
  const written = await sandbox.files.write([{ path: 'a/one.txt', data: '1' }, { path: 'a/b/two.txt', data: '2' }])
  assert.deepEqual(written.map((info) => info.path), ['/home/user/a/one.txt', '/home/user/a/b/two.txt'])
  assert.equal((await sandbox.commands.run('stat -c %U a a/b a/b/two.txt')).stdout, 'user\nuser\nuser\n')
})

inSandbox('an overwritten file is as long as the new content', async (sandbox) => {
  await sandbox.files.write('file', 'a long first version')
  await sandbox.files.write('file', 'short')
  assert.equal(await sandbox.files.read('file'), 'short')
})

inSandbox('uploads as octet stream and compressed', async (sandbox) => {
  const text = 'abc'.repeat(100_000)
  await sandbox.files.write('octets', text, { useOctetStream: true })
  assert.equal(await sandbox.files.read('octets'), text)
  await sandbox.files.write('squeezed', text, { useOctetStream: true, gzip: true })
  assert.equal(await sandbox.files.read('squeezed'), text)
  assert.equal(await sandbox.files.read('squeezed', { gzip: true }), text)
})

inSandbox('directories are made, listed, renamed and removed', async (sandbox) => {
  assert.equal(await sandbox.files.makeDir('tree/deep'), true)
  assert.equal(await sandbox.files.makeDir('tree/deep'), false)
  await sandbox.files.write('tree/deep/leaf', 'x')
  await sandbox.commands.run('ln -s deep/leaf tree/link')
  const flat = await sandbox.files.list('tree')
  assert.deepEqual(flat.map((entry) => entry.name).sort(), ['deep', 'link'])
  const deep = await sandbox.files.list('tree', { depth: 2 })
  assert.deepEqual(deep.map((entry) => entry.path).sort(), ['/home/user/tree/deep', '/home/user/tree/deep/leaf', '/home/user/tree/link'])
  const link = flat.find((entry) => entry.name === 'link')
  assert.ok(link.symlinkTarget?.endsWith('leaf'), JSON.stringify(link))
  const moved = await sandbox.files.rename('tree/deep/leaf', 'tree/fallen')
  assert.equal(moved.path, '/home/user/tree/fallen')
  assert.equal(await sandbox.files.exists('tree/deep/leaf'), false)
  await sandbox.files.remove('tree')
  assert.equal(await sandbox.files.exists('tree'), false)
})

inSandbox('information about a file', async (sandbox) => {
  await sandbox.files.write('info.txt', '12345')
  const info = await sandbox.files.getInfo('info.txt')
  assert.equal(info.size, 5)
  assert.equal(info.owner, 'user')
  assert.equal(info.group, 'user')
  assert.match(info.permissions, /^-rw-r--r--$/)
  assert.ok(Math.abs(info.modifiedTime.getTime() - Date.now()) < 60_000)
})

inSandbox('what is not there is not found', async (sandbox) => {
  await assert.rejects(sandbox.files.read('nothing'), NotFoundError)
  await assert.rejects(sandbox.files.list('/nowhere'), NotFoundError)
  await assert.rejects(sandbox.files.getInfo('nothing'), NotFoundError)
  assert.equal(await sandbox.files.exists('nothing'), false)
  await assert.rejects(sandbox.files.read('/etc'), /director/)
})

inSandbox('a watcher hears of changes below it', async (sandbox) => {
  await sandbox.files.makeDir('watched/inner')
  const events = []
  const watch = await sandbox.files.watchDir('watched', (event) => { events.push(`${event.type} ${event.name}`) }, { recursive: true, timeoutMs: 0 })
  await sandbox.files.write('watched/new', 'x')
  await sandbox.files.write('watched/inner/deep', 'x')
  await eventually('create and write', () => events.includes('create new') && events.includes('write new') && events.includes('create inner/deep'))
  await sandbox.commands.run('chmod 600 watched/new; mv watched/new watched/other; rm watched/other')
  await eventually('chmod, rename and remove', () =>
    events.includes('chmod new') && events.includes('rename new') && events.includes('remove other'))
  await watch.stop()
})

inSandbox('signed addresses work without a token, and only as signed', async (sandbox) => {
  await sandbox.files.write('signed.txt', 'for the bearer')
  const download = new URL(await sandbox.downloadUrl('signed.txt', { useSignatureExpiration: 60 }))
  const fetched = await edgeRequest(download.host, download.pathname + download.search)
  assert.equal(fetched.status, 200)
  assert.equal(fetched.body.toString(), 'for the bearer')
  download.searchParams.set('path', '/etc/passwd')
  assert.equal((await edgeRequest(download.host, download.pathname + download.search)).status, 401)
  const unsigned = await edgeRequest(sandbox.getHost(49983), '/files?path=signed.txt')
  assert.equal(unsigned.status, 401)
  const upload = new URL(await sandbox.uploadUrl('uploaded.txt'))
  const boundary = 'holt-boundary'
  const stored = await edgeRequest(upload.host, upload.pathname + upload.search, {
    method: 'POST',
    headers: { 'Content-Type': `multipart/form-data; boundary=${boundary}` },
    body: `--${boundary}\r\nContent-Disposition: form-data; name="file"; filename="ignored"\r\n\r\nup\r\n--${boundary}--\r\n`,
  })
  assert.equal(stored.status, 200, stored.body.toString())
  assert.equal(await sandbox.files.read('uploaded.txt'), 'up')
})

inSandbox('git helpers', async (sandbox) => {
  await sandbox.git.init('repository', { initialBranch: 'main' })
  await sandbox.git.configureUser('Test', 'test@example.com')
  await sandbox.files.write('repository/file.txt', 'content')
  await sandbox.git.add('repository')
  await sandbox.git.commit('repository', 'first')
  const status = await sandbox.git.status('repository')
  assert.equal(status.currentBranch, 'main')
  await sandbox.git.createBranch('repository', 'topic')
  assert.deepEqual((await sandbox.git.branches('repository')).branches.sort(), ['main', 'topic'])
  await sandbox.git.clone('/home/user/repository', { path: 'copy' })
  assert.equal(await sandbox.files.read('copy/file.txt'), 'content')
})
