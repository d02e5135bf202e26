// What every scenario has at hand: the package under test, a way to say what happens so that two packages say it alike,
// and waits that end by events.

import { once } from "node:events"
import { createServer } from "node:net"
import type * as zmq from "zeromq"
import type * as draft from "zeromq/draft.js"
import type * as compat from "zeromq/v5-compat.js"

/** The name of the package under test. */
export const from: string = process.argv[2] ?? "zeromq"

/** The package under test, as its own declarations have it. */
export type Zmq = typeof zmq

/** Its draft door. */
export type Draft = typeof draft

/** Its door for programs of versions 4 and 5. */
export type Compat = typeof compat

export interface Stage {
  readonly zmq: Zmq
  readonly draft: Draft
  readonly compat: Compat
  /** Prints a line. Ports and paths that the system chose look the same in every run. */
  say(...words: unknown[]): void
  /** Prints what a call gives, throws, or rejects with, and which of these it is. */
  tell(what: string, action: () => unknown): Promise<void>
}

export type Scenario = (stage: Stage) => Promise<void>

export function stageOf(zmq: Zmq, draft: Draft, compat: Compat): Stage {
  const say = (...words: unknown[]): void => {
    console.log(words.map(shown).join(" "))
  }
  return {
    zmq,
    draft,
    compat,
    say,
    async tell(what, action) {
      let result: unknown
      try {
        result = action()
      } catch (error) {
        say(what, "throws", error)
        return
      }
      if (!(result instanceof Promise)) {
        say(what, "gives", result)
        return
      }
      try {
        say(what, "resolves to", await result)
      } catch (error) {
        say(what, "rejects with", error)
      }
    },
  }
}

function shown(value: unknown): string {
  if (typeof value === "string") return plain(value)
  if (value instanceof Error) {
    const { code, errno, address, status } = value as Error & Record<string, unknown>
    const details = [code, errno, address, status].filter((each) => each !== undefined)
    return plain([value.name, JSON.stringify(value.message), ...details].join(" "))
  }
  if (Buffer.isBuffer(value)) return JSON.stringify(value.toString("latin1"))
  if (Array.isArray(value)) return `[${value.map(shown).join(", ")}]`
  if (typeof value === "object" && value !== null) {
    const fields = Object.entries(value).map(([key, each]) => `${key}: ${shown(each)}`)
    return `{${fields.join(", ")}}`
  }
  return String(value)
}

function plain(text: string): string {
  return text
    .replace(/((?:tcp|udp):\/\/(?:[\w.*-]+|\[[^\]]+\])):\d{2,5}/g, "$1:PORT")
    .replace(/ipc:\/\/[^\s"]*(tmp\w+\/socket|unbinding-\w+\/socket|brokerless-\w+(\/ipc)?)/g, "ipc://CHOSEN")
}

/** A turn of the event loop, so that what is under way gets on. */
export function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}

export function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}

/** Waits until it is so. */
export async function until(condition: () => boolean): Promise<void> {
  for (let waited = 0; !condition(); waited += 5) {
    if (waited > 10_000) throw new Error(`It never came to ${condition}`)
    await sleep(5)
  }
}

/** An address of tcp at which nobody listens. */
export async function freeAddress(): Promise<string> {
  const server = createServer().listen(0, "127.0.0.1")
  await once(server, "listening")
  const { port } = server.address() as { port: number }
  server.close()
  await once(server, "close")
  return `tcp://127.0.0.1:${port}`
}

/** The event of this type, whatever comes before it. */
export async function event(observer: zmq.Observer, type: string): Promise<zmq.Event> {
  for (;;) {
    const event = await observer.receive()
    if (event.type === type) return event
  }
}
