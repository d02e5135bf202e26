// A task as its ventilator knows it, from its acceptance to its end, and one delivery of it to a worker.

import type { Frame } from "brokerless"
import type { CrewMember } from "./crew-member.ts"
import { hashOf } from "./hash.ts"
import type { Queueable, TaskList } from "./task-queue.ts"

/** How a task ended; `undefined` as long as it has not. */
export type Ending = "done" | "failed" | "cancelled"

/** What a task is asked to be, filled in. */
export interface TaskTerms {
  readonly priority: number
  /** Empty: any worker will do. */
  readonly key: string
  /** Milliseconds for one attempt; 0 = no limit. */
  readonly timeout: number
  readonly retries: number
}

export class Task implements Queueable<Task> {
  readonly id: number
  readonly terms: TaskTerms
  /** Of the key, for choosing its worker. */
  readonly keyHash: number
  /** The value as it was given, for the dead letter; gone when the task has ended. */
  value: unknown
  /** The value as it travels; gone when the task has ended. */
  body: Frame | undefined
  /** What it counts against the mark in octets. */
  readonly size: number
  /** Whether it was accepted; else it waits for room. */
  accepted = false
  ending: Ending | undefined
  /** Attempts that failed, or may have begun and came to nothing. */
  attempts = 0
  /** How often it was lost with a worker that had not begun with it. */
  losses = 0
  /** Deliveries that could still bring an answer. */
  deliveries: readonly Delivery[] = NONE
  resolve: (result: unknown) => void
  reject: (error: Error) => void
  /** Takes back what was asked of its signal. */
  release: (() => void) | undefined
  // Its place in a queue.
  list: TaskList<Task> | undefined
  before: Task | undefined
  behind: Task | undefined

  constructor(id: number, terms: TaskTerms, value: unknown, body: Frame) {
    this.id = id
    this.terms = terms
    this.keyHash = terms.key === "" ? 0 : hashOf(terms.key)
    this.value = value
    this.body = body
    this.size = body.length
    this.resolve = nothing
    this.reject = nothing
    this.release = undefined
    this.list = undefined
    this.before = undefined
    this.behind = undefined
  }
}

/** One delivery of a task. It is remembered until its worker answers, although the task may have ended. */
export class Delivery {
  readonly number: number
  readonly task: Task
  readonly member: CrewMember
  /** The first is 1. */
  readonly attempt: number
  /** Whether the worker says when it begins: a task that another attempt failed with. */
  readonly announced: boolean
  /** Whether it may have begun, as far as the ventilator knows. */
  begun: boolean
  /** Not waited for any more: its time has run out, its worker is lost, or its task has ended. */
  state: "out" | "overdue" | "lost" | "withdrawn" = "out"
  timer: ReturnType<typeof setTimeout> | undefined

  constructor(number: number, task: Task, member: CrewMember) {
    this.number = number
    this.task = task
    this.member = member
    this.attempt = task.attempts + 1
    this.announced = task.attempts > 0
    this.begun = !this.announced
    this.timer = undefined
  }
}

/** No deliveries. */
export const NONE: readonly Delivery[] = []

function nothing(): void {}
