// Percentiles and the timing of repeated asynchronous work.

/** The value below which `share` (0 to 1) of the values lie, by the nearest-rank method. */
export function percentile(values, share) {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)]
}

/** How long `work` took, in milliseconds, and what it returned. */
export async function timed(work) {
  const start = performance.now()
  const value = await work()
  return { milliseconds: performance.now() - start, value }
}

/** The times of `count` runs of `work`, one after the other, in milliseconds; `warmUp` runs before them are not counted. */
export async function times(count, work, warmUp = 3) {
  for (let i = 0; i < warmUp; i++) await work()
  const all = []
  for (let i = 0; i < count; i++) all.push((await timed(work)).milliseconds)
  return all
}
