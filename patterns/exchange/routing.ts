// Which queues a message goes to, by the type of the exchange: what a binding of that type may be, and the index in
// which it is looked up.

import type { Headers } from "./headers.ts"
import { readHeaders } from "./headers.ts"
import { HeadersIndex } from "./headers-index.ts"
import { canonical, TopicIndex, wordsOf } from "./topic-index.ts"
import type { Form } from "./wire.ts"

/** How an exchange routes, as RabbitMQ's of the same names do. */
export type ExchangeType = "direct" | "topic" | "headers" | "fanout"

/** Words of a topic pattern at most. */
export const MAX_WORDS = 32

/** Keys and targets that are remembered, together. */
const REMEMBERED = 100_000

/** The bindings of an exchange. */
export interface Routing<Target> {
  /** The text by which a binding is known, or why it cannot be one. */
  accept(form: Form, text: string): { readonly text: string } | { readonly reason: string }
  /** `text` as {@link Routing.accept} gave it. */
  add(text: string, target: Target): void
  remove(text: string, target: Target): void
  /** Who gets a message. */
  match(key: string, headers: Headers | undefined): ReadonlySet<Target>
}

export function routingOf<Target>(type: ExchangeType): Routing<Target> {
  switch (type) {
    case "direct":
      return new DirectRouting()
    case "topic":
      return new TopicRouting()
    case "headers":
      return new HeadersRouting()
    case "fanout":
      return new FanoutRouting()
  }
}

const NOT_A_KEY = { reason: "this exchange takes bindings by key" } as const
const NOBODY: ReadonlySet<never> = new Set<never>()

class DirectRouting<Target> implements Routing<Target> {
  readonly #byKey = new Map<string, Set<Target>>()

  accept(form: Form, text: string): { readonly text: string } | { readonly reason: string } {
    return form === "key" ? { text } : NOT_A_KEY
  }

  add(text: string, target: Target): void {
    const targets = this.#byKey.get(text)
    if (targets === undefined) this.#byKey.set(text, new Set([target]))
    else targets.add(target)
  }

  remove(text: string, target: Target): void {
    const targets = this.#byKey.get(text)
    targets?.delete(target)
    if (targets?.size === 0) this.#byKey.delete(text)
  }

  match(key: string): ReadonlySet<Target> {
    return this.#byKey.get(key) ?? NOBODY
  }
}

class TopicRouting<Target> implements Routing<Target> {
  readonly #index = new TopicIndex<Target>()
  /** What was found for keys since the bindings changed last. */
  readonly #remembered = new Map<string, ReadonlySet<Target>>()
  #size = 0

  accept(form: Form, text: string): { readonly text: string } | { readonly reason: string } {
    if (form !== "key") return NOT_A_KEY
    if (wordsOf(text).length > MAX_WORDS) return { reason: `a pattern may have at most ${MAX_WORDS} words` }
    return { text: canonical(text) }
  }

  add(text: string, target: Target): void {
    this.#forget()
    this.#index.add(text, target)
  }

  remove(text: string, target: Target): void {
    this.#forget()
    this.#index.remove(text, target)
  }

  match(key: string): ReadonlySet<Target> {
    const known = this.#remembered.get(key)
    if (known !== undefined) return known
    const found = new Set<Target>()
    this.#index.match(key, found)
    this.#size += 1 + found.size
    if (this.#size > REMEMBERED) this.#forget()
    this.#remembered.set(key, found)
    return found
  }

  #forget(): void {
    this.#remembered.clear()
    this.#size = 0
  }
}

class HeadersRouting<Target> implements Routing<Target> {
  readonly #index = new HeadersIndex<Target>()

  accept(form: Form, text: string): { readonly text: string } | { readonly reason: string } {
    if (form !== "headers") return { reason: "this exchange takes bindings by headers" }
    const headers = readHeaders(text)
    if (headers === undefined) return { reason: "these are no headers" }
    const match = headers.get("x-match")
    if (match !== undefined && match !== "all" && match !== "any") return { reason: 'x-match must be "all" or "any"' }
    return { text }
  }

  add(text: string, target: Target): void {
    this.#index.add(text, target)
  }

  remove(text: string, target: Target): void {
    this.#index.remove(text, target)
  }

  match(_key: string, headers: Headers | undefined): ReadonlySet<Target> {
    const found = new Set<Target>()
    this.#index.match(new Map(Object.entries(headers ?? {})), found)
    return found
  }
}

class FanoutRouting<Target> implements Routing<Target> {
  readonly #targets = new Set<Target>()

  accept(form: Form): { readonly text: string } | { readonly reason: string } {
    return form === "key" ? { text: "" } : NOT_A_KEY
  }

  add(_text: string, target: Target): void {
    this.#targets.add(target)
  }

  remove(_text: string, target: Target): void {
    this.#targets.delete(target)
  }

  match(): ReadonlySet<Target> {
    return this.#targets
  }
}
