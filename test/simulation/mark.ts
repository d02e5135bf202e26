// The mark at the end of every message that the simulation sends. Counting marks in a run of octets tells how many
// messages went by without understanding anything of the protocol: a witness that the library cannot influence.

/** No body of ours contains these octets anywhere but at the end of its last frame. */
export const MARK: Buffer = Buffer.from([0xf1, 0xe2, 0xd3, 0xc4, 0xb5, 0xa6, 0x97, 0x88])

/** Counts marks in a stream of octets, however it is cut. */
export class MarkCounter {
  count = 0
  #tail: Buffer = Buffer.alloc(0)

  feed(octets: Uint8Array): void {
    const chunk = Buffer.from(octets.buffer, octets.byteOffset, octets.byteLength)
    const reach = MARK.length - 1
    if (this.#tail.length > 0) this.#countIn(Buffer.concat([this.#tail, chunk.subarray(0, reach)]))
    this.#countIn(chunk)
    const rest = chunk.length >= reach ? chunk.subarray(-reach) : Buffer.concat([this.#tail, chunk]).subarray(-reach)
    this.#tail = Buffer.from(rest)
  }

  #countIn(octets: Buffer): void {
    for (let at = octets.indexOf(MARK); at >= 0; at = octets.indexOf(MARK, at + MARK.length)) this.count++
  }
}
