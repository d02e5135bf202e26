// Questions and answers by which a subscriber gets what it has missed. Each question has one answer, and each answer
// is of a limited size: the subscriber asks again for what is left, so it sets the pace and the publisher keeps nothing
// for it but, for a while, a large snapshot.

import { EPOCH_SIZE, readUint64, writeUint64 } from "./octets.ts"

/** Octets of an answer, after which there is another one; a single larger update makes a larger answer. */
export const ANSWER_SIZE: number = 256 * 1024

export type Question =
  /** All changes behind a feed sequence of that epoch; `newestOnly`: of each topic only the last. */
  | { readonly kind: "changes"; readonly epoch: Buffer; readonly since: number; readonly newestOnly: boolean }
  /** The last value of every topic. */
  | { readonly kind: "snapshot" }
  /** The rest of a snapshot. */
  | { readonly kind: "more"; readonly epoch: Buffer; readonly snapshot: number; readonly offset: number }

export type Answer =
  /** Changes, complete up to `through`; `more`: ask again for what is behind that. */
  | { readonly kind: "changes"; readonly epoch: Buffer; readonly through: number; readonly more: boolean }
  /** A part of a snapshot taken at `sequence`; `more`: ask again, beginning with `offset`. */
  | {
      readonly kind: "snapshot"
      readonly epoch: Buffer
      readonly sequence: number
      readonly snapshot: number
      readonly offset: number
      readonly more: boolean
    }
  /** Malformed question, a snapshot that is no longer kept, or too many snapshots at once. */
  | { readonly kind: "refused"; readonly reason: Refusal }

/** An answer that is no refusal. */
export type Given = Exclude<Answer, { kind: "refused" }>

const REFUSALS = ["malformed", "gone", "busy"] as const

/** Why a question was refused. */
export type Refusal = (typeof REFUSALS)[number]

const CHANGES = 1
const SNAPSHOT = 2
const MORE_OF_SNAPSHOT = 3
const REFUSED = 4
const FLAG = 1

/** The first frame of a question; the second is the list of prefixes. */
export function encodeQuestion(question: Question): Buffer {
  if (question.kind === "snapshot") return Buffer.from([SNAPSHOT])
  if (question.kind === "changes") {
    return header(CHANGES, question.newestOnly, question.epoch, question.since)
  }
  return header(MORE_OF_SNAPSHOT, false, question.epoch, question.snapshot, question.offset)
}

export function decodeQuestion(octets: Buffer): Question | undefined {
  if (octets[0] === SNAPSHOT) return octets.length === 1 ? { kind: "snapshot" } : undefined
  const fields = numbersOf(octets)
  if (fields === undefined) return undefined
  const { epoch, flag, numbers } = fields
  const [first = 0, second = 0] = numbers
  if (octets[0] === CHANGES && numbers.length === 1) {
    return { kind: "changes", epoch, since: first, newestOnly: flag }
  }
  if (octets[0] === MORE_OF_SNAPSHOT && numbers.length === 2) {
    return { kind: "more", epoch, snapshot: first, offset: second }
  }
  return undefined
}

/** The first frame of an answer; the second holds the updates. */
export function encodeAnswer(answer: Answer): Buffer {
  if (answer.kind === "refused") return Buffer.from([REFUSED, REFUSALS.indexOf(answer.reason) + 1])
  if (answer.kind === "changes") return header(CHANGES, answer.more, answer.epoch, answer.through)
  return header(SNAPSHOT, answer.more, answer.epoch, answer.sequence, answer.snapshot, answer.offset)
}

export function decodeAnswer(octets: Buffer): Answer | undefined {
  if (octets[0] === REFUSED) {
    const reason = REFUSALS[(octets[1] ?? 0) - 1]
    return octets.length === 2 && reason !== undefined ? { kind: "refused", reason } : undefined
  }
  const fields = numbersOf(octets)
  if (fields === undefined) return undefined
  const { epoch, flag, numbers } = fields
  const [first = 0, second = 0, third = 0] = numbers
  if (octets[0] === CHANGES && numbers.length === 1) {
    return { kind: "changes", epoch, through: first, more: flag }
  }
  if (octets[0] === SNAPSHOT && numbers.length === 3) {
    return { kind: "snapshot", epoch, sequence: first, snapshot: second, offset: third, more: flag }
  }
  return undefined
}

/** What is left to ask after an answer. */
export function followUp(answer: Given, last: Question): Question | undefined {
  if (!answer.more) return undefined
  const { epoch } = answer
  if (answer.kind === "snapshot") return { kind: "more", epoch, snapshot: answer.snapshot, offset: answer.offset }
  const newestOnly = last.kind === "changes" && last.newestOnly
  return { kind: "changes", epoch, since: answer.through, newestOnly }
}

function header(kind: number, flag: boolean, epoch: Buffer, ...numbers: readonly number[]): Buffer {
  const octets = Buffer.alloc(2 + EPOCH_SIZE + 8 * numbers.length)
  octets[0] = kind
  octets[1] = flag ? FLAG : 0
  epoch.copy(octets, 2)
  for (const [i, number] of numbers.entries()) writeUint64(octets, number, 2 + EPOCH_SIZE + 8 * i)
  return octets
}

function numbersOf(octets: Buffer): { epoch: Buffer; flag: boolean; numbers: number[] } | undefined {
  const size = octets.length - 2 - EPOCH_SIZE
  if (size < 8 || size > 24 || size % 8 !== 0) return undefined
  const numbers: number[] = []
  for (let at = 2 + EPOCH_SIZE; at < octets.length; at += 8) {
    const number = readUint64(octets, at)
    if (number < 0) return undefined
    numbers.push(number)
  }
  const epoch = Buffer.from(octets.subarray(2, 2 + EPOCH_SIZE))
  return { epoch, flag: ((octets[1] ?? 0) & FLAG) !== 0, numbers }
}
