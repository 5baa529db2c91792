// Creates without end until it is killed itself.
import { Sandbox } from './holt.mjs'

for (let round = 0; round < 1000; round++) {
  await Promise.allSettled(Array.from({ length: 8 }, () => Sandbox.create({ timeoutMs: 60_000 })))
}
