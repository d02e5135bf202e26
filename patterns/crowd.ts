// Those who come and go all the time, in the order in which they came: what a Set is for those who stay.

import { Register } from "./register.ts"

export class Crowd<T> {
  readonly #members = new Register<T, T>()

  get size(): number {
    return this.#members.size
  }

  has(member: T): boolean {
    return this.#members.has(member)
  }

  add(member: T): void {
    this.#members.set(member, member)
  }

  delete(member: T): boolean {
    return this.#members.delete(member)
  }

  clear(): void {
    this.#members.clear()
  }

  /** Whoever leaves meanwhile is not shown; whoever comes may be. */
  [Symbol.iterator](): IterableIterator<T> {
    return this.#members.values()
  }
}
