// Those who are in, in the order in which they came, where they come and go all the time.
//
// A Set would do, but it pays for each that leaves it empty with a new table, and every table it has left goes on
// pointing to the next one. Once one of them has grown old, the collector of young objects keeps all that follow, with
// everybody who was in them, until the next full collection. docs/design/0023 has the figures.

/** Where one of them sits. */
export interface Seat<T> {
  readonly item: T
  /** False once it was given up. */
  taken: boolean
  before: Seat<T> | undefined
  behind: Seat<T> | undefined
}

export class Roster<T> implements Iterable<T> {
  #first: Seat<T> | undefined
  #last: Seat<T> | undefined
  #size = 0
  /** All seats, for as long as nobody comes or goes. */
  #shown: readonly Seat<T>[] | undefined

  get size(): number {
    return this.#size
  }

  /** Who came before all others. */
  get first(): T | undefined {
    return this.#first?.item
  }

  add(item: T): Seat<T> {
    const last = this.#last
    const seat: Seat<T> = { item, taken: true, before: last, behind: undefined }
    if (last === undefined) this.#first = seat
    else last.behind = seat
    this.#last = seat
    this.#size++
    this.#shown = undefined
    return seat
  }

  /** Gives up a seat of this roster; false if that was done before. */
  remove(seat: Seat<T>): boolean {
    if (!seat.taken) return false
    const { before, behind } = seat
    if (before === undefined) this.#first = behind
    else before.behind = behind
    if (behind === undefined) this.#last = before
    else behind.before = before
    seat.taken = false
    seat.before = seat.behind = undefined
    this.#size--
    this.#shown = undefined
    return true
  }

  /** Everybody who is in when it begins; whoever leaves meanwhile is not shown any more. */
  *[Symbol.iterator](): IterableIterator<T> {
    for (const seat of this.#seats()) if (seat.taken) yield seat.item
  }

  #seats(): readonly Seat<T>[] {
    if (this.#shown !== undefined) return this.#shown
    const seats: Seat<T>[] = []
    for (let seat = this.#first; seat !== undefined; seat = seat.behind) seats.push(seat)
    this.#shown = seats
    return seats
  }
}
