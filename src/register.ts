// What is under way, by its id: a Map for entries that come and go all the time.
//
// A Map replaces its table now and then, deleted entries taking up room as well, and the tables it has left point to
// those that followed. Once one of them has grown old, the collector of young objects keeps all later ones, with
// everything that was in them, until the next full collection. So a register begins a new Map before that happens.
// docs/design/0023 has the figures.

/** Deletions after which it begins anew, unless more entries than that are there. */
const MANY = 512

export class Register<K, V> {
  #map = new Map<K, V>()
  #deletions = 0

  get size(): number {
    return this.#map.size
  }

  get(key: K): V | undefined {
    return this.#map.get(key)
  }

  has(key: K): boolean {
    return this.#map.has(key)
  }

  /** Whoever iterates meanwhile may not see it, nor what is deleted after it. */
  set(key: K, value: V): void {
    if (this.#deletions >= MANY && this.#deletions >= this.#map.size) {
      this.#map = new Map(this.#map)
      this.#deletions = 0
    }
    this.#map.set(key, value)
  }

  delete(key: K): boolean {
    if (!this.#map.delete(key)) return false
    this.#deletions++
    return true
  }

  clear(): void {
    this.#map = new Map()
    this.#deletions = 0
  }

  /** All entries in the order in which they came; what is deleted meanwhile is not shown. */
  [Symbol.iterator](): IterableIterator<[K, V]> {
    return this.#map[Symbol.iterator]()
  }

  keys(): IterableIterator<K> {
    return this.#map.keys()
  }

  values(): IterableIterator<V> {
    return this.#map.values()
  }
}
