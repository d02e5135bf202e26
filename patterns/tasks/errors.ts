// Why a task was not done, as classes; and how the error of a handler travels: its name, message and code, bounded.

import { type Frame, MessagingError, UnreachableError } from "brokerless"

/** Characters of each that travel. */
const LONGEST = { name: 128, code: 128, message: 2048 } as const
/** Octets of an error that are looked at: the characters above, each escaped, and what stands around them. */
const LARGEST_FRAME = 16_384

/** What a worker tells of an error. */
export interface ErrorFacts {
  readonly name: string
  readonly message: string
  readonly code?: string | number
}

/** The handler threw. Its stack stays with the worker. */
export class TaskError extends MessagingError {
  /** `ETASK`, or the code that the thrown error had. */
  readonly code: string
  /** The name of the thrown error, such as `TypeError`. */
  readonly thrown: string
  /** The id of the task. */
  readonly id: number

  constructor(id: number, { name, message, code }: ErrorFacts) {
    super(message)
    this.id = id
    this.thrown = name
    this.code = code === undefined ? "ETASK" : String(code)
  }
}

/** The worker was lost while it had the task: it died, was cut off, or closed before it was done. */
export class WorkerLostError extends UnreachableError {
  /** The id of the task. */
  readonly id: number

  constructor(id: number, worker: string) {
    super(`The worker ${JSON.stringify(worker)} was lost with the task`)
    this.id = id
  }
}

/** All attempts failed, and no more are made. `cause` is the error of the last one. */
export class DeadLetterError extends MessagingError {
  readonly code = "EDEAD"
  /** The id of the task. */
  readonly id: number
  /** How often it was tried. */
  readonly attempts: number

  constructor(id: number, attempts: number, cause: Error) {
    super(`The task was given up after ${attempts} attempts: ${cause.message}`, { cause })
    this.id = id
    this.attempts = attempts
  }
}

/** What a handler threw, as it travels. Never throws, whatever that is. */
export function encodeError(thrown: unknown): Frame {
  return Buffer.from(JSON.stringify(factsOf(thrown)))
}

/** What a worker said; nothing that it says throws. */
export function decodeError(frame: Frame): ErrorFacts {
  try {
    if (frame.length > LARGEST_FRAME) throw new RangeError("too large")
    const { name, message, code } = JSON.parse(frame.toString()) as Record<string, unknown>
    return facts(String(name), String(message), code)
  } catch {
    return { name: "Error", message: "The handler threw, and what it threw cannot be read" }
  }
}

/** Whether what was thrown says that another attempt is of no use. */
export function isPermanent(thrown: unknown): boolean {
  try {
    return typeof thrown === "object" && thrown !== null && (thrown as { permanent?: unknown }).permanent === true
  } catch {
    return false
  }
}

function factsOf(thrown: unknown): ErrorFacts {
  try {
    if (thrown instanceof Error) {
      return facts(String(thrown.name), String(thrown.message), (thrown as { code?: unknown }).code)
    }
    return facts("Error", typeof thrown === "object" ? JSON.stringify(thrown) : String(thrown), undefined)
  } catch {
    return { name: "Error", message: "The handler threw what cannot be looked at" }
  }
}

function facts(name: string, message: string, code: unknown): ErrorFacts {
  const known = { name: name.slice(0, LONGEST.name), message: message.slice(0, LONGEST.message) }
  if (typeof code === "number" && Number.isFinite(code)) return { ...known, code }
  return typeof code === "string" ? { ...known, code: code.slice(0, LONGEST.code) } : known
}
