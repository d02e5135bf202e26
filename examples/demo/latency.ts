// Latencies of millions of messages in a few kilobytes: a histogram whose buckets grow by 2 % each, so that counts
// from several processes can be added and every quantile is right to that precision.

const bucketsPerDoubling = 32
const buckets = 32 * bucketsPerDoubling // up to 2³² µs, more than an hour

export class Latency {
  /** How many were in each bucket. Plain memory, so that it travels between processes. */
  readonly counts: Uint32Array

  constructor(...parts: readonly Uint32Array[]) {
    this.counts = new Uint32Array(buckets)
    for (const part of parts) for (const [bucket, count] of part.entries()) this.counts[bucket]! += count
  }

  /** One more message took that long. */
  add(milliseconds: number): void {
    const bucket = Math.floor(Math.log2(Math.max(1, milliseconds * 1000)) * bucketsPerDoubling)
    this.counts[Math.min(bucket, buckets - 1)]! += 1
  }

  /** The time that this share of all messages did not exceed; `undefined` without any. In ms. */
  quantile(share: number): number | undefined {
    const total = this.counts.reduce((sum, count) => sum + count, 0)
    let rank = Math.ceil(total * share)
    for (const [bucket, count] of this.counts.entries()) {
      rank -= count
      if (count > 0 && rank <= 0) return 2 ** ((bucket + 0.5) / bucketsPerDoubling) / 1000
    }
    return undefined
  }
}
