// What Holt is measured against: the raw engines, podman and nginx, each driven as its own users drive it.
import { spawn } from 'node:child_process'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { freePort, run } from './host.mjs'

const scratch = fs.mkdtempSync(path.join(os.tmpdir(), 'holt-bench-'))

export function cleanUp() {
  fs.rmSync(scratch, { recursive: true, force: true })
}

/** Podman with runc on the same root file system. Without network and with the limits that a host without CAP_SYS_RESOURCE allows. */
export class Podman {
  constructor(rootFileSystem) {
    this.common = ['--network=none', '--ulimit', 'nofile=1024:1024', '--ulimit', 'nproc=1000:1000', '--rootfs', `${rootFileSystem}:O`]
    this.global = ['--root', path.join(scratch, 'podman'), '--runroot', path.join(scratch, 'podman-run'), '--runtime', 'runc', '--cgroup-manager=cgroupfs', '--events-backend=none']
  }

  run() {
    return run('podman', ...this.global, 'run', '--rm', ...this.common, 'echo', 'hello')
  }

  async startSleeper() {
    this.sleeper = (await run('podman', ...this.global, 'run', '--detach', ...this.common, 'sleep', '100000')).trim()
  }

  exec() {
    return run('podman', ...this.global, 'exec', this.sleeper, 'true')
  }

  stop() {
    return run('podman', ...this.global, 'rm', '--force', '--time', '0', this.sleeper)
  }
}

/** One engine driven by its own command line: create and start of an instance in a network namespace, then delete, untimed. */
export class RawEngine {
  constructor(name, binary, flags, prefix = []) {
    Object.assign(this, { name, binary, flags, prefix, count: 0 })
    this.bundle = path.join(scratch, `bundle-${name}`)
    this.state = path.join(scratch, `state-${name}`)
    fs.mkdirSync(this.bundle, { recursive: true })
  }

  async prepare(rootFileSystem, memoryMegabytes = 512) {
    const upper = path.join(this.bundle, 'upper')
    const work = path.join(this.bundle, 'work')
    this.rootfs = path.join(this.bundle, 'rootfs')
    for (const directory of [upper, work, this.rootfs]) fs.mkdirSync(directory, { recursive: true })
    await run('mount', '-t', 'overlay', 'overlay', '-o', `lowerdir=${rootFileSystem},upperdir=${upper},workdir=${work}`, this.rootfs)
    this.namespace = `hb${process.pid % 10000}${this.name.slice(0, 4)}`
    await run('ip', 'netns', 'add', this.namespace)
    this.memoryMegabytes = memoryMegabytes
    this.configure(['sleep', '100000'])
  }

  /** Writes the bundle's configuration for a first process. */
  configure(args) {
    const capabilities = ['CAP_CHOWN', 'CAP_SETUID', 'CAP_SETGID', 'CAP_KILL', 'CAP_NET_BIND_SERVICE']
    fs.writeFileSync(path.join(this.bundle, 'config.json'), JSON.stringify({
      ociVersion: '1.0.2', root: { path: 'rootfs' }, hostname: 'raw',
      process: {
        user: { uid: 0, gid: 0 }, cwd: '/', args, env: ['PATH=/usr/bin:/bin'],
        capabilities: { bounding: capabilities, effective: capabilities, permitted: capabilities },
      },
      mounts: [
        { destination: '/proc', type: 'proc', source: 'proc' },
        { destination: '/dev', type: 'tmpfs', source: 'tmpfs', options: ['nosuid', 'mode=755'] },
        { destination: '/dev/pts', type: 'devpts', source: 'devpts', options: ['nosuid', 'noexec', 'newinstance', 'ptmxmode=0666', 'mode=0620', 'gid=5'] },
        { destination: '/dev/shm', type: 'tmpfs', source: 'shm', options: ['nosuid', 'nodev', 'mode=1777'] },
        { destination: '/sys', type: 'sysfs', source: 'sysfs', options: ['nosuid', 'noexec', 'nodev', 'ro'] },
      ],
      linux: {
        cgroupsPath: `/holt-bench/${this.name}`,
        namespaces: [{ type: 'pid' }, { type: 'ipc' }, { type: 'uts' }, { type: 'mount' }, { type: 'network', path: `/run/netns/${this.namespace}` }],
        resources: { memory: { limit: this.memoryMegabytes * 2 ** 20 }, cpu: { quota: 200000, period: 100000 } },
      },
    }))
  }

  /** One run of the engine. A detached one keeps the descriptors of its caller: a pipe would never end. */
  call(...args) {
    const [binary, ...before] = [...this.prefix, this.binary, '--root', this.state, ...this.flags]
    return new Promise((resolve, reject) => {
      const child = spawn(binary, [...before, ...args], { stdio: ['ignore', 'ignore', 'ignore'] })
      child.on('exit', (code) => code === 0 ? resolve() : reject(new Error(`${this.name} ${args[0]} ended with ${code}`)))
    })
  }

  newId() {
    return `raw${process.pid}x${this.count++}`
  }

  /** Times nothing itself: creates and starts, in that order, and returns the way to remove the instance. */
  async createAndStart() {
    const id = this.newId()
    await this.call('create', '--bundle', this.bundle, id)
    await this.call('start', id)
    return () => this.call('delete', '--force', id)
  }

  /** Starts an instance whose first process holds so much memory that is no zeros, and returns its id once it does. */
  async startHolding(megabytes) {
    const ready = path.join(this.rootfs, 'holding')
    fs.rmSync(ready, { force: true })
    this.configure(['python3', '-c', `import os, time; block = os.urandom(1 << 20); held = [bytearray(block) for _ in range(${megabytes})]; open('/holding', 'w').close(); time.sleep(100000)`])
    const id = this.newId()
    await this.call('create', '--bundle', this.bundle, id)
    await this.call('start', id)
    while (!fs.existsSync(ready)) await new Promise((resolve) => setTimeout(resolve, 20))
    return id
  }

  /** Writes an image of a running instance, which goes on, and returns its directory. `flags`: as a user would give them, or as Holt does. */
  async checkpoint(id, flags = ['--compression=none', '--direct']) {
    const image = fs.mkdtempSync(path.join(scratch, 'image-'))
    await this.call('checkpoint', '--leave-running', ...flags, '--image-path', image, id)
    return image
  }

  /** Creates an instance and restores the image into it; returns the way to remove it. The instance of the image must be gone: both have the same root. */
  async createAndRestore(image) {
    const id = this.newId()
    await this.call('create', '--bundle', this.bundle, id)
    await this.call('restore', '--detach', '--image-path', image, id)
    return () => this.call('delete', '--force', id)
  }

  /** As `createAndRestore`, leaving the creation to the engine. */
  async restore(image) {
    const id = this.newId()
    await this.call('restore', '--detach', '--bundle', this.bundle, '--image-path', image, id)
    return () => this.call('delete', '--force', id)
  }

  /** Brings an image, which went to the disk past it, into the host's page cache. */
  async read(image) {
    for (const file of fs.readdirSync(image)) await run('sh', '-c', 'cat "$1" >/dev/null', 'sh', path.join(image, file))
  }

  remove(id) {
    return this.call('delete', '--force', id)
  }

  async close() {
    await run('umount', this.rootfs)
    await run('ip', 'netns', 'del', this.namespace)
  }
}

/** An nginx of our own: serves and takes files below `directory` and proxies everything else to `upstream`. */
export class Nginx {
  static async start(upstream) {
    const nginx = new Nginx()
    nginx.port = await freePort()
    nginx.directory = path.join(scratch, 'files')
    fs.mkdirSync(nginx.directory, { recursive: true, mode: 0o777 })
    fs.chmodSync(nginx.directory, 0o777)
    fs.chmodSync(scratch, 0o755)
    const configuration = path.join(scratch, 'nginx.conf')
    fs.writeFileSync(configuration, `
load_module /usr/lib/nginx/modules/ngx_http_dav_module.so;
worker_processes 2; daemon off; pid ${scratch}/nginx.pid; error_log ${scratch}/nginx.log;
events { worker_connections 1024; }
http {
  access_log off; sendfile on; tcp_nopush on; client_max_body_size 0; client_body_temp_path ${scratch}/body; proxy_temp_path ${scratch}/proxy;
  fastcgi_temp_path ${scratch}/f; uwsgi_temp_path ${scratch}/u; scgi_temp_path ${scratch}/s;
  upstream guest { server ${upstream ?? '127.0.0.1:1'}; keepalive 64; }
  server {
    listen 127.0.0.1:${nginx.port};
    location /files/ { alias ${nginx.directory}/; dav_methods PUT; }
    location / { proxy_pass http://guest; proxy_http_version 1.1; proxy_set_header Connection ""; }
  }
}`.replace(/^load_module.*\n/m, (line) => (fs.existsSync('/usr/lib/nginx/modules/ngx_http_dav_module.so') ? line : '')))
    nginx.child = spawn('nginx', ['-c', configuration], { stdio: 'ignore' })
    for (let i = 0; i < 200; i++) {
      try {
        await fetch(`http://127.0.0.1:${nginx.port}/files/none`)
        return nginx
      } catch {
        await new Promise((resolve) => setTimeout(resolve, 25))
      }
    }
    throw new Error(`nginx did not start: see ${scratch}/nginx.log`)
  }

  get url() {
    return `http://127.0.0.1:${this.port}`
  }

  async stop() {
    const ended = new Promise((resolve) => this.child.on('exit', resolve))
    this.child.kill('SIGTERM')
    await ended
  }
}

/** Requests per second that wrk reaches. */
export async function requestsPerSecond(url, { host, seconds = 6, connections = 16 } = {}) {
  const output = await run('wrk', '-t1', `-c${connections}`, `-d${seconds}s`, ...(host ? ['-H', `Host: ${host}`] : []), url)
  const bad = /Non-2xx or 3xx responses: (\d+)/.exec(output)
  if (bad) throw new Error(`${url}: ${bad[1]} bad answers`)
  return Number(/Requests\/sec:\s+([\d.]+)/.exec(output)[1])
}
