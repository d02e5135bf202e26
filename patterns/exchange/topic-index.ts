// Which topic patterns a routing key matches: a trie of words that is walked with all its live nodes at once. A node is
// visited once per word at most, however the wildcards are arranged, so the work for a key is bounded by its words
// times the nodes of the trie, and is mostly far less. There is no backtracking.

/** Patterns of words between dots, where `*` stands for one word and `#` for any number of words, none included. */
export class TopicIndex<Target> {
  readonly #root: Node<Target> = new Node(undefined, undefined)
  #stamp = 0
  /** Nodes visited since this index was made. */
  visits = 0

  /** `pattern` as {@link canonical} gives it. */
  add(pattern: string, target: Target): void {
    let node = this.#root
    for (const word of wordsOf(pattern)) node = node.grow(word)
    node.targets.add(target)
  }

  remove(pattern: string, target: Target): void {
    let node: Node<Target> | undefined = this.#root
    for (const word of wordsOf(pattern)) {
      node = node.child(word)
      if (node === undefined) return
    }
    node.targets.delete(target)
    for (let empty: Node<Target> | undefined = node; empty?.isEmpty; ) {
      const above: Node<Target> | undefined = empty.above
      above?.cut(empty)
      empty = above
    }
  }

  /** Adds to `found` the targets of all patterns that match. */
  match(key: string, found: Set<Target>): void {
    let live: Node<Target>[] = []
    this.#stamp++
    this.#enter(this.#root, live)
    for (const word of wordsOf(key)) {
      const next: Node<Target>[] = []
      this.#stamp++
      for (const node of live) {
        const exact = node.words.get(word)
        if (exact !== undefined) this.#enter(exact, next)
        if (node.one !== undefined) this.#enter(node.one, next)
        // What stands for any number of words takes this one, too.
        if (node.word === "#") this.#enter(node, next)
      }
      if (next.length === 0) return
      live = next
    }
    for (const node of live) for (const target of node.targets) found.add(target)
  }

  #enter(node: Node<Target>, live: Node<Target>[]): void {
    if (node.stamp === this.#stamp) return
    node.stamp = this.#stamp
    this.visits++
    live.push(node)
    // What stands for any number of words may stand for none.
    if (node.any !== undefined) this.#enter(node.any, live)
  }
}

class Node<Target> {
  readonly above: Node<Target> | undefined
  readonly word: string | undefined
  readonly words: Map<string, Node<Target>> = new Map()
  readonly targets: Set<Target> = new Set()
  one: Node<Target> | undefined
  any: Node<Target> | undefined
  /** When it was visited last. */
  stamp = 0

  constructor(above: Node<Target> | undefined, word: string | undefined) {
    this.above = above
    this.word = word
  }

  get isEmpty(): boolean {
    const { one, any } = this
    return this.targets.size === 0 && this.words.size === 0 && one === undefined && any === undefined
  }

  child(word: string): Node<Target> | undefined {
    if (word === "*") return this.one
    return word === "#" ? this.any : this.words.get(word)
  }

  grow(word: string): Node<Target> {
    const there = this.child(word)
    if (there !== undefined) return there
    const node = new Node(this, word)
    if (word === "*") this.one = node
    else if (word === "#") this.any = node
    else this.words.set(word, node)
    return node
  }

  cut(node: Node<Target>): void {
    if (this.one === node) this.one = undefined
    else if (this.any === node) this.any = undefined
    else this.words.delete(node.word as string)
  }
}

/** The words of a key or pattern; an empty one has none. */
export function wordsOf(text: string): string[] {
  return text === "" ? [] : text.split(".")
}

/**
 * The pattern by which all that mean the same are known: among wildcards that stand together, first those for one word,
 * then a single one for any number.
 */
export function canonical(pattern: string): string {
  const words: string[] = []
  let any = false
  for (const word of wordsOf(pattern)) {
    if (word === "#") any = true
    else if (word === "*") words.push(word)
    else {
      if (any) words.push("#")
      any = false
      words.push(word)
    }
  }
  if (any) words.push("#")
  return words.join(".")
}
