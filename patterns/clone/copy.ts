// The copy of a table, or of a subtree, that a client keeps: values by their keys, within bounds, and the next copy
// while its snapshot is still coming in. It knows no server; whoever keeps it is told what has changed.

import { type Codec, CodecError, type Frame } from "brokerless"
import type { Item } from "./commands.ts"
import { ENTRY_CHARGE } from "./options.ts"
import { kept } from "./table.ts"

/** A value as it is kept. */
export interface Held<T> {
  readonly value: T
  /** As it came: what has not changed is no change. */
  readonly octets: Frame
  readonly bytes: number
}

export interface CopySetup<T> {
  readonly codec: Codec<T>
  readonly maxKeys: number
  readonly maxBytes: number
  /** A key has a value, another one, or none any more. */
  readonly changed: (key: string, former: Held<T> | undefined, held: Held<T> | undefined) => void
  /** A key is not kept, because there would be too many, or too many octets. */
  readonly refused: (key: string, limit: "maxKeys" | "maxBytes") => void
  /** A key is not kept, because its value does not decode. */
  readonly invalid: (key: string, error: Error) => void
}

/** Values by their keys, and the octets they take. */
class Entries<T> extends Map<string, Held<T>> {
  bytes = 0

  put(key: string, held: Held<T> | undefined): void {
    this.bytes += (held?.bytes ?? 0) - (this.get(key)?.bytes ?? 0)
    if (held === undefined) this.delete(key)
    else this.set(key, held)
  }
}

export class Copy<T> {
  readonly #setup: CopySetup<T>
  #entries = new Entries<T>()
  /** What a snapshot is becoming. */
  #staging = new Entries<T>()

  constructor(setup: CopySetup<T>) {
    this.#setup = setup
  }

  get entries(): ReadonlyMap<string, Held<T>> {
    return this.#entries
  }

  /** Octets of what there is. */
  get bytes(): number {
    return this.#entries.bytes
  }

  /** A snapshot begins. */
  begin(): void {
    this.#staging = new Entries()
  }

  /** A part of the snapshot. */
  stage(item: Item): void {
    this.#staging.put(item.key, this.#hold(item, this.#staging))
  }

  /** What the snapshot says is all there is. */
  adopt(): void {
    const former = this.#entries
    this.#entries = this.#staging
    this.begin()
    for (const [key, held] of former) if (!this.#entries.has(key)) this.#tell(key, held, undefined)
    for (const [key, held] of this.#entries) this.#tell(key, former.get(key), held)
  }

  /** A change of one key; without octets it is gone. */
  update(item: Item): void {
    const { key } = item
    const former = this.#entries.get(key)
    const held = item.value.length === 0 ? undefined : this.#hold(item, this.#entries)
    this.#entries.put(key, held)
    this.#tell(key, former, held)
  }

  /** What is to be kept of an item, or nothing if that cannot be. */
  #hold({ key, value }: Item, among: Entries<T>): Held<T> | undefined {
    const former = among.get(key)
    const size = Buffer.byteLength(key) + value.length + ENTRY_CHARGE
    const { maxBytes, maxKeys, codec } = this.#setup
    const full = former === undefined && among.size >= maxKeys
    if (full || among.bytes - (former?.bytes ?? 0) + size > maxBytes) {
      this.#setup.refused(key, full ? "maxKeys" : "maxBytes")
      return undefined
    }
    if (former?.octets.equals(value)) return former
    const octets = kept(value)
    try {
      return { value: codec.decode(octets), octets, bytes: size }
    } catch (error) {
      this.#setup.invalid(key, new CodecError("The codec could not decode a value", { cause: error }))
      return undefined
    }
  }

  #tell(key: string, former: Held<T> | undefined, held: Held<T> | undefined): void {
    if (held === former || (held !== undefined && former?.octets.equals(held.octets))) return
    this.#setup.changed(key, former, held)
  }
}
