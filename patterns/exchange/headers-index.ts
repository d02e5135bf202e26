// Which bindings the headers of a message satisfy. A binding is found by the headers that it wants: one that wants all
// of them by the first, one that wants any by each. So a message looks only at bindings that share a header with it.

import { type HeaderValue, readHeaders } from "./headers.ts"

type Wanted = ReadonlyMap<string, HeaderValue | null>

interface Entry<Target> {
  readonly wanted: Wanted
  readonly any: boolean
  readonly targets: Set<Target>
}

/** Bindings by headers, as text. */
export class HeadersIndex<Target> {
  readonly #entries = new Map<string, Entry<Target>>()
  /** By a header that has to be there, and by one that has to say this. */
  readonly #byHeader = new Map<string, Set<Entry<Target>>>()
  /** Those that want nothing, and get everything. */
  readonly #undemanding = new Set<Entry<Target>>()

  /** `text` is what `writeHeaders` writes, or what `readHeaders` can read. */
  add(text: string, target: Target): void {
    const there = this.#entries.get(text)
    if (there !== undefined) {
      there.targets.add(target)
      return
    }
    const given = readHeaders(text) ?? new Map()
    const wanted: Wanted = new Map([...given].filter(([name]) => !name.startsWith("x-")))
    const entry: Entry<Target> = { wanted, any: given.get("x-match") === "any", targets: new Set([target]) }
    this.#entries.set(text, entry)
    for (const place of placesOf(entry)) {
      const entries = this.#byHeader.get(place)
      if (entries === undefined) this.#byHeader.set(place, new Set([entry]))
      else entries.add(entry)
    }
    if (wanted.size === 0 && !entry.any) this.#undemanding.add(entry)
  }

  remove(text: string, target: Target): void {
    const entry = this.#entries.get(text)
    if (entry === undefined || !entry.targets.delete(target) || entry.targets.size > 0) return
    this.#entries.delete(text)
    this.#undemanding.delete(entry)
    for (const place of placesOf(entry)) {
      const entries = this.#byHeader.get(place)
      entries?.delete(entry)
      if (entries?.size === 0) this.#byHeader.delete(place)
    }
  }

  /** Adds to `found` the targets of all bindings that these headers satisfy. */
  match(headers: ReadonlyMap<string, HeaderValue | null>, found: Set<Target>): void {
    for (const entry of this.#undemanding) for (const target of entry.targets) found.add(target)
    for (const [name, value] of headers) {
      for (const place of [placeOf(name, null), placeOf(name, value)]) {
        for (const entry of this.#byHeader.get(place) ?? []) {
          if (entry.any || satisfiesAll(headers, entry.wanted)) for (const target of entry.targets) found.add(target)
        }
      }
    }
  }
}

function placesOf<Target>({ wanted, any }: Entry<Target>): string[] {
  const places = [...wanted].map(([name, value]) => placeOf(name, value))
  return any ? places : places.slice(0, 1)
}

function placeOf(name: string, value: HeaderValue | null): string {
  return JSON.stringify(value === null ? [name] : [name, value])
}

function satisfiesAll(headers: ReadonlyMap<string, HeaderValue | null>, wanted: Wanted): boolean {
  for (const [name, value] of wanted) {
    if (!headers.has(name) || (value !== null && headers.get(name) !== value)) return false
  }
  return true
}
