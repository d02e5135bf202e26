// This thread among the threads of the process: where the directory of names is, which other threads it has a cable
// to, and who waits for a name that nobody has bound. One per thread, whatever the number of copies of this library.
//
// The memory of the directory is inherited: a thread finds it in what the thread that started it has left for it. One
// that was started by a thread that had not loaded this library makes a directory of its own and shows it to all; who
// has an older one shows that, and so all end up with the oldest.

import {
  BroadcastChannel,
  getEnvironmentData,
  isMainThread,
  MessageChannel,
  MessagePort,
  postMessageToThread,
  receiveMessageOnPort,
  setEnvironmentData,
  threadId,
} from "node:worker_threads"
import { after, cancel, now } from "../../clock.ts"
import { type Answering, Cable } from "./cable.ts"
import { Directory, FULL, type Place } from "./directory.ts"

const KEY = "brokerless.inproc.1"
/** Known among other messages between threads by this property, which holds the port of a cable. */
const CABLE = "brokerless.cable.1"
/** How long a thread that inherited no directory waits to be shown one before it binds, ms. */
const SHOWN_MS = 100
/** A thread that does not answer in this time is taken to be busy, not gone, ms. */
const ANSWER_MS = 1000

/** A name that this thread has bound. */
export interface Claim {
  place: Place
  /** Somebody in another thread had bound it before the two directories became one. */
  readonly lost: () => void
}

export class Threads {
  readonly #answering: Answering
  readonly #cables = new Map<number, Cable>()
  readonly #claims = new Map<string, Claim>()
  readonly #watchers = new Set<() => void>()
  #directory: Directory
  #gathering: BroadcastChannel | undefined
  /** Resolves when this thread was shown an older directory; there is none for one that inherited its own. */
  #shown: Promise<void> | undefined
  #adopted: () => void = () => {}
  #watched: Directory | undefined

  /** `answering` takes part in what other threads begin. */
  constructor(answering: Answering) {
    this.#answering = answering
    const inherited = getEnvironmentData(KEY)
    if (inherited instanceof SharedArrayBuffer) {
      this.#directory = new Directory(inherited)
      return
    }
    this.#directory = Directory.create()
    setEnvironmentData(KEY, this.#directory.memory)
    if (isMainThread) return
    this.#shown = new Promise((resolve) => {
      this.#adopted = resolve
    })
  }

  /** Binds a name for this thread: resolves to `false` if another has it, and to {@link FULL} if none can be bound. */
  async claim(name: string, lost: () => void): Promise<boolean | typeof FULL> {
    this.#gather()
    if (this.#shown !== undefined) await this.#beShown()
    for (;;) {
      const claimed = this.#directory.claim(name)
      if (claimed === FULL) return FULL
      if (!("holder" in claimed)) {
        this.#claims.set(name, { place: claimed, lost })
        return true
      }
      const { thread } = claimed.holder
      if (thread === threadId || (await this.#lives(thread))) return false
      this.#directory.bury(thread)
    }
  }

  /**
   * As {@link Threads.claim}, at once. Whether the thread that has a name still lives cannot be known so soon: it keeps
   * the name, and if it does not live, whoever tries again has it.
   */
  claimNow(name: string, lost: () => void): boolean | typeof FULL {
    this.#gather()
    if (this.#shown !== undefined) this.#beShownNow()
    const claimed = this.#directory.claim(name)
    if (claimed === FULL) return FULL
    if ("holder" in claimed) {
      const { thread } = claimed.holder
      if (!this.isOwn(thread)) this.reach(thread)
      return false
    }
    this.#claims.set(name, { place: claimed, lost })
    return true
  }

  release(name: string): void {
    const claim = this.#claims.get(name)
    if (claim === undefined) return
    this.#claims.delete(name)
    this.#directory.release(claim.place)
  }

  /** The other thread in which a name is bound. */
  find(name: string): number | undefined {
    this.#gather()
    const thread = this.#directory.find(name)?.thread
    return thread === undefined || this.isOwn(thread) ? undefined : thread
  }

  /** Whether sockets here meet those of that thread without a cable. */
  protected isOwn(thread: number): boolean {
    return thread === threadId
  }

  /** Calls `look` after each change of the directory, until the returned function is called. */
  watch(look: () => void): () => void {
    this.#watchers.add(look)
    void this.#watch(this.#directory)
    return () => this.#watchers.delete(look)
  }

  /** The cable to another thread; it ends at once if there is no such thread. */
  reach(thread: number): Cable {
    const known = this.#cables.get(thread)
    if (known !== undefined) return known
    const { port1, port2 } = new MessageChannel()
    const cable = new Cable(port1, undefined, () => {
      this.#cables.delete(thread)
      this.#directory.bury(thread)
    })
    this.#cables.set(thread, cable)
    this.hand(port2, thread).catch(() => cable.end())
    return cable
  }

  /** Gives another thread its end of a cable; rejects if there is no such thread. */
  protected hand(port: MessagePort, thread: number): Promise<void> {
    return postMessageToThread(thread, { [CABLE]: port }, [port])
  }

  /** This thread's end of a cable that another one has laid. */
  protected take(port: MessagePort, thread: number): void {
    new Cable(port, this.#answering, () => this.#directory.bury(thread))
  }

  /** Whether a thread is there; one that is too busy to say so is. */
  #lives(thread: number): Promise<boolean> {
    return new Promise((resolve) => {
      const patience = after(ANSWER_MS, () => settle(true))
      const line = this.reach(thread).begin(undefined, [], { heard: () => settle(true), ended: () => settle(false) })
      const settle = (lives: boolean): void => {
        cancel(patience)
        line.leave()
        resolve(lives)
      }
    })
  }

  /** From the first use on, this thread can be reached by others and takes part in finding the oldest directory. */
  #gather(): void {
    if (this.#gathering !== undefined) return
    process.on("workerMessage", (message: unknown, thread: number) => {
      const port = portIn(message)
      if (port !== undefined) this.take(port, thread)
    })
    this.#gathering = new BroadcastChannel(KEY)
    this.#gathering.unref()
    this.#gathering.onmessage = (event: unknown) => this.#seen((event as { readonly data: SharedArrayBuffer }).data)
    this.#gathering.postMessage(this.#directory.memory)
  }

  #seen(memory: SharedArrayBuffer): void {
    const other = new Directory(memory)
    if (other.equals(this.#directory)) return
    if (other.isOlderThan(this.#directory)) this.#adopt(other)
    else this.#gathering?.postMessage(this.#directory.memory)
  }

  #adopt(directory: Directory): void {
    this.#directory = directory
    setEnvironmentData(KEY, directory.memory)
    for (const [name, claim] of [...this.#claims]) {
      const claimed = directory.claim(name)
      if (claimed !== FULL && !("holder" in claimed)) {
        claim.place = claimed
        continue
      }
      this.#claims.delete(name)
      claim.lost()
    }
    this.#shown = undefined
    this.#adopted()
    this.#tellWatchers()
    void this.#watch(directory)
  }

  async #beShown(): Promise<void> {
    const patience = after(SHOWN_MS, this.#adopted)
    await this.#shown
    cancel(patience)
    this.#shown = undefined
  }

  /** As {@link Threads.#beShown}, without a turn in between. */
  #beShownNow(): void {
    const until = now() + SHOWN_MS
    const word = new Int32Array(new SharedArrayBuffer(4))
    while (this.#shown !== undefined && now() < until) {
      const received = receiveMessageOnPort(this.#gathering as unknown as MessagePort)
      if (received !== undefined) this.#seen(received.message)
      else Atomics.wait(word, 0, 0, 1)
    }
    this.#shown = undefined
  }

  async #watch(directory: Directory): Promise<void> {
    if (this.#watched === directory) return
    this.#watched = directory
    let seen = directory.changes
    while (this.#watchers.size > 0 && directory === this.#directory) {
      await directory.change(seen)
      seen = directory.changes
      this.#tellWatchers()
    }
    if (this.#watched === directory) this.#watched = undefined
  }

  #tellWatchers(): void {
    for (const look of [...this.#watchers]) if (this.#watchers.has(look)) look()
  }
}

function portIn(message: unknown): MessagePort | undefined {
  if (typeof message !== "object" || message === null) return undefined
  const port = (message as { readonly [CABLE]?: unknown })[CABLE]
  return port instanceof MessagePort ? port : undefined
}
