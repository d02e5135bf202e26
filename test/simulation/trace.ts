// What happened, in order: a hash of all of it, by which two runs are compared, and the last lines in words.

const KEPT = 400

export class Trace {
  readonly #now: () => number
  readonly #lines: string[] = []
  /** Told of each line as it comes. */
  readonly #listener: ((line: string) => void) | undefined
  #hash = 0x811c9dc5
  #other = 0x9747b28c

  constructor(now: () => number, listener?: (line: string) => void) {
    this.#now = now
    this.#listener = listener
  }

  /** Sixteen digits that stand for everything that was noted. */
  get hash(): string {
    return hex(this.#hash) + hex(this.#other)
  }

  /** The last lines. */
  get lines(): readonly string[] {
    return this.#lines.slice(-KEPT)
  }

  note(what: string): void {
    const line = `${this.#now().toFixed(3).padStart(12)} ${what}`
    for (let at = 0; at < line.length; at++) {
      const code = line.charCodeAt(at)
      this.#hash = Math.imul(this.#hash ^ code, 0x01000193)
      this.#other = Math.imul(this.#other + code, 0x5bd1e995) ^ (this.#other >>> 13)
    }
    this.#lines.push(line)
    if (this.#lines.length > KEPT * 2) this.#lines.splice(0, KEPT)
    this.#listener?.(line)
  }
}

function hex(word: number): string {
  return (word >>> 0).toString(16).padStart(8, "0")
}
