// Tasks that wait, by priority and, within one, by age. Linked through the tasks themselves, so that any of them can
// leave at any time and leaves nothing behind.

/** What can wait in a row, and its place in it. */
export interface Queueable<Item extends Queueable<Item>> {
  /** The older, the lower. */
  readonly id: number
  readonly terms: { readonly priority: number }
  list: TaskList<Item> | undefined
  before: Item | undefined
  behind: Item | undefined
}

/** Tasks in a row. */
export class TaskList<Item extends Queueable<Item>> {
  first: Item | undefined
  last: Item | undefined
  length = 0

  push(task: Item): void {
    this.#insert(task, this.last)
  }

  /** By age: where a task goes that has waited before. */
  restore(task: Item): void {
    let before: Item | undefined
    for (let next = this.first; next !== undefined && next.id < task.id; next = next.behind) before = next
    this.#insert(task, before)
  }

  remove(task: Item): void {
    const { before, behind } = task
    if (before === undefined) this.first = behind
    else before.behind = behind
    if (behind === undefined) this.last = before
    else behind.before = before
    task.list = undefined
    task.before = undefined
    task.behind = undefined
    this.length--
  }

  #insert(task: Item, before: Item | undefined): void {
    const behind = before === undefined ? this.first : before.behind
    task.list = this
    task.before = before
    task.behind = behind
    if (before === undefined) this.first = task
    else before.behind = task
    if (behind === undefined) this.last = task
    else behind.before = task
    this.length++
  }
}

/** A list for each priority that is in use, the highest first. */
export class TaskQueue<Item extends Queueable<Item>> {
  readonly #levels: { readonly priority: number; readonly list: TaskList<Item> }[] = []

  get length(): number {
    let length = 0
    for (let i = 0; i < this.#levels.length; i++) length += this.#levels[i]?.list.length ?? 0
    return length
  }

  /** The one that is next. */
  get head(): Item | undefined {
    for (let i = 0; i < this.#levels.length; i++) {
      const first = this.#levels[i]?.list.first
      if (first !== undefined) return first
    }
    return undefined
  }

  push(task: Item): void {
    this.#listOf(task.terms.priority).push(task)
  }

  /** Among those of its priority, by age. */
  restore(task: Item): void {
    this.#listOf(task.terms.priority).restore(task)
  }

  /** All of them, in their order; whoever is shown may leave. */
  *[Symbol.iterator](): IterableIterator<Item> {
    for (const { list } of [...this.#levels]) {
      for (let task = list.first; task !== undefined; ) {
        const next: Item | undefined = task.behind
        yield task
        task = next
      }
    }
  }

  #listOf(priority: number): TaskList<Item> {
    const levels = this.#levels
    let i = 0
    while (i < levels.length && (levels[i]?.priority as number) > priority) i++
    const level = levels[i]
    if (level?.priority === priority) return level.list
    // A level that is empty makes place: there are never more of them than tasks, and one.
    for (let j = levels.length - 1; j >= 0; j--) {
      if (levels[j]?.list.length !== 0) continue
      levels.splice(j, 1)
      if (j < i) i--
    }
    const list = new TaskList<Item>()
    levels.splice(i, 0, { priority, list })
    return list
  }
}

/** Whether one is to be handed out before the other. */
export function precedes<Item extends Queueable<Item>>(task: Item, other: Item): boolean {
  const { priority } = task.terms
  return priority === other.terms.priority ? task.id < other.id : priority > other.terms.priority
}
