// A task as its worker knows it: where it came from, and what its handler is told of it.

import { type Frame, OptionError } from "brokerless"
import type { Status } from "./wire.ts"

/** What a handler is told besides the task. */
export interface TaskContext {
  /** Aborted when nobody waits for the result any more: cancelled, out of time, or the worker is to close. */
  readonly signal: AbortSignal
  /** The first is 1. */
  readonly attempt: number
  /** The task's number at its ventilator: the same in every attempt. */
  readonly id: number
  /** What it was given to keep it with others of its kind. */
  readonly key: string | undefined
}

/** Does a task. What it throws goes back; with a property `permanent` that is true, it is not tried again. */
export type TaskHandler<T, R> = (task: T, context: TaskContext) => R | Promise<R>

/** Where a job comes from, and what it wants to be told of it. */
export interface JobSource {
  /** Whether its frames may be the very memory of the ventilator, which delivers them again when an attempt fails. */
  readonly sharesMemory: boolean
  /** It is about to begin. */
  announce(job: Job): void
  /** It has begun. */
  running(job: Job): void
  /** It has ended. */
  answer(job: Job, status: Status, body: Frame | undefined): void
}

export class Job implements TaskContext {
  readonly link: JobSource
  readonly epoch: string
  /** By which the ventilator knows the delivery: a later one, when the task was delivered again meanwhile. */
  delivery: number
  readonly id: number
  attempt: number
  readonly key: string | undefined
  readonly body: Frame
  readonly announce: boolean
  state: "waiting" | "running" | "cancelled" | "ended" = "waiting"
  /** When its handler was called. */
  begun = 0
  #aborter: AbortController | undefined

  constructor(link: JobSource, epoch: string, delivery: Delivered) {
    this.link = link
    this.epoch = epoch
    this.delivery = delivery.delivery
    this.id = delivery.id
    this.attempt = delivery.attempt
    this.key = delivery.key === "" ? undefined : delivery.key
    this.body = delivery.body
    this.announce = delivery.announce
  }

  /** Made only when a handler asks for it. */
  get signal(): AbortSignal {
    this.#aborter ??= new AbortController()
    if (this.state === "cancelled") this.#aborter.abort()
    return this.#aborter.signal
  }

  /** Nobody waits for it any more. */
  cancel(): void {
    if (this.state === "ended") return
    this.state = "cancelled"
    this.#aborter?.abort()
  }
}

interface Delivered {
  readonly delivery: number
  readonly id: number
  readonly attempt: number
  readonly announce: boolean
  readonly key: string
  readonly body: Frame
}

/** Throws OptionError unless it is a function. */
export function checkHandler(handler: unknown): void {
  if (typeof handler !== "function") throw new OptionError("handler", "A handler must be a function")
}
