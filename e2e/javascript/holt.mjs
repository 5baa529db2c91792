// What every suite shares: the SDK under test, sandboxes that end with their test, and requests with a Host of their own.
import http from 'node:http'

const sdk = await import(process.env.E2E_SDK ?? 'e2b')
export const { Sandbox, CommandExitError, NotFoundError } = sdk

/** Runs `body` with a new sandbox and ends the sandbox however the body ends. */
export async function withSandbox(body, options = {}) {
  const sandbox = await Sandbox.create({ timeoutMs: 300_000, ...options })
  try {
    return await body(sandbox)
  } finally {
    await sandbox.kill()
  }
}

/** Polls until `probe` answers something true; fails after `seconds`. */
export async function eventually(what, probe, seconds = 15) {
  const end = Date.now() + seconds * 1000
  for (;;) {
    const found = await probe()
    if (found) return found
    if (Date.now() > end) throw new Error(`still not: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

/** One HTTP request to Holt's edge as if `host` had been resolved to it. */
export function edgeRequest(host, path, { method = 'GET', headers = {}, body } = {}) {
  const edge = new URL(process.env.E2B_SANDBOX_URL)
  return new Promise((resolve, reject) => {
    const request = http.request(
      { host: edge.hostname, port: edge.port, path, method, headers: { ...headers, host } },
      (response) => {
        const chunks = []
        response.on('data', (chunk) => chunks.push(chunk))
        response.on('error', reject)
        response.on('end', () =>
          resolve({ status: response.statusCode, headers: response.headers, body: Buffer.concat(chunks) }))
      })
    request.on('error', reject)
    request.end(body)
  })
}

/** A request to the control API without any SDK. */
export async function control(method, path, { body, headers = {}, key = process.env.E2B_API_KEY } = {}) {
  const response = await fetch(process.env.E2B_API_URL + path, {
    method,
    headers: { 'X-API-Key': key, ...(body === undefined ? {} : { 'Content-Type': 'application/json' }), ...headers },
    body: body === undefined || typeof body === 'string' ? body : JSON.stringify(body),
  })
  const text = await response.text()
  return { status: response.status, headers: response.headers, body: text === '' ? undefined : JSON.parse(text) }
}
