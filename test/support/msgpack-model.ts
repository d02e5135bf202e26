// MessagePack by its specification, read value by value with all octets at once: what the codec's decoder is held
// against. Too greedy to be used, but so plain that one can see it is right.

export interface ModelLimits {
  readonly maxSize: number
  readonly maxDepth: number
  readonly maxValues: number
}

/** What a frame means: a value in words (see {@link inWords}), or that it is none. */
export function readMsgpack(octets: Buffer, limits: ModelLimits): { readonly words: unknown } | "invalid" {
  if (octets.length > limits.maxSize) return "invalid"
  try {
    const reader = new Reader(octets, limits)
    const words = reader.value(0)
    return reader.at === octets.length ? { words } : "invalid"
  } catch (error) {
    if (error instanceof Invalid) return "invalid"
    throw error
  }
}

class Invalid extends Error {}

class Reader {
  at = 0
  #values = 0
  readonly #octets: Buffer
  readonly #limits: ModelLimits

  constructor(octets: Buffer, limits: ModelLimits) {
    this.#octets = octets
    this.#limits = limits
  }

  value(depth: number): unknown {
    if (++this.#values > this.#limits.maxValues) throw new Invalid()
    const token = this.#take(1).readUInt8()
    if (token < 0x80) return inWords(token)
    if (token < 0x90) return this.#map(token & 15, depth)
    if (token < 0xa0) return this.#array(token & 15, depth)
    if (token < 0xc0) return inWords(this.#take(token & 31).toString())
    if (token >= 0xe0) return inWords(token - 256)
    const number = (size: number): Buffer => this.#take(size)
    switch (token) {
      case 0xc0:
        return inWords(null)
      case 0xc2:
        return inWords(false)
      case 0xc3:
        return inWords(true)
      case 0xc4:
      case 0xc5:
      case 0xc6:
        return inWords(Buffer.from(this.#take(this.#length(2 ** (token - 0xc4)))))
      case 0xca:
        return inWords(number(4).readFloatBE())
      case 0xcb:
        return inWords(number(8).readDoubleBE())
      case 0xcc:
      case 0xcd:
      case 0xce:
        return inWords(this.#length(2 ** (token - 0xcc)))
      case 0xcf:
        return inWords(number(8).readBigUInt64BE())
      case 0xd0:
        return inWords(number(1).readInt8())
      case 0xd1:
        return inWords(number(2).readInt16BE())
      case 0xd2:
        return inWords(number(4).readInt32BE())
      case 0xd3:
        return inWords(number(8).readBigInt64BE())
      case 0xd9:
      case 0xda:
      case 0xdb:
        return inWords(this.#take(this.#length(2 ** (token - 0xd9))).toString())
      case 0xdc:
      case 0xdd:
        return this.#array(this.#length(2 * (token - 0xdb)), depth)
      case 0xde:
      case 0xdf:
        return this.#map(this.#length(2 * (token - 0xdd)), depth)
      default:
        throw new Invalid()
    }
  }

  #array(count: number, depth: number): unknown {
    if (depth + 1 > this.#limits.maxDepth) throw new Invalid()
    const list: unknown[] = []
    for (let i = 0; i < count; i++) list.push(this.value(depth + 1))
    return { list }
  }

  #map(count: number, depth: number): unknown {
    if (depth + 1 > this.#limits.maxDepth) throw new Invalid()
    const entries = new Map<string, unknown>()
    for (let i = 0; i < count; i++) {
      const key = this.value(depth + 1) as Record<string, unknown>
      // Only what has one name as the key of an object.
      if (!("text" in key || "number" in key || "bigint" in key || "word" in key)) throw new Invalid()
      const name = String(key.text ?? key.number ?? key.bigint ?? key.word)
      // A key that is no text cannot have this name.
      if (name === "__proto__") throw new Invalid()
      entries.set(name, this.value(depth + 1))
    }
    return { entries: [...entries].sort(byName) }
  }

  #length(size: number): number {
    return this.#take(size).readUIntBE(0, size)
  }

  #take(count: number): Buffer {
    if (count > this.#octets.length - this.at) throw new Invalid()
    this.at += count
    return this.#octets.subarray(this.at - count, this.at)
  }
}

/**
 * A value as JSON can say it, so that two can be compared: numbers that are none, bigints, octets, and the entries of
 * objects whatever their order. Octets that are no UTF-8 are U+FFFD, once for a run of them: how many decoders make of
 * it differs.
 */
export function inWords(value: unknown): unknown {
  if (value === null || typeof value === "boolean") return { word: String(value) }
  if (typeof value === "number") return { number: Object.is(value, -0) ? "-0" : String(value) }
  if (typeof value === "bigint") return { bigint: String(value) }
  if (typeof value === "string") return { text: once(value) }
  if (Buffer.isBuffer(value)) return { octets: value.toString("hex"), length: value.length }
  if (Array.isArray(value)) return { list: value.map(inWords) }
  if (typeof value !== "object" || Object.getPrototypeOf(value) !== Object.prototype) return { stranger: true }
  const entries = Object.entries(value).map(([name, inner]) => [once(name), inWords(inner)] as const)
  return { entries: [...new Map(entries)].sort(byName) }
}

function once(text: string): string {
  return text.replaceAll(/\ufffd+/g, "\ufffd")
}

function byName([one]: readonly [string, unknown], [other]: readonly [string, unknown]): number {
  return one < other ? -1 : one > other ? 1 : 0
}
