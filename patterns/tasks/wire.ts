// The messages between ventilator, worker and sink, as octets and back; README.md describes them frame by frame. What
// comes from a peer is checked here: whatever is not a message of this protocol is `undefined`. Nothing here throws.
// Budget: one header per message, however many tasks it carries; a frame of their own only for their values.

import type { Frame } from "brokerless"

/** The first octet of every header. */
const VERSION = 1

const READY = 1
const ANSWERS = 2
const STARTED = 3
const TASKS = 4
const CANCEL = 5
const RESULTS = 6
const TAKEN = 7

/** Octets that tell one ventilator, or one worker, from another. */
export const TOKEN = 8
const HEAD = 2
const NUMBER = 6
const LARGEST_NUMBER = 0xffff_ffff_ffff
/** Tasks, answers or results in one message. */
export const MOST_IN_MESSAGE = 256
/** Octets of a worker's name. */
const LONGEST_NAME = 64
/** Octets of a key. */
export const LONGEST_KEY = 255

/** What an answer says. */
export const DONE = 0
export const SUNK = 1
export const FAILED = 2
export const FAILED_FOR_GOOD = 3
export const RETURNED = 4
export type Status = typeof DONE | typeof SUNK | typeof FAILED | typeof FAILED_FOR_GOOD | typeof RETURNED

/** The worker is to say when it begins with the task. */
const ANNOUNCE = 1

/** A worker tells who it is, and how much it can hold. */
export interface Ready {
  readonly type: "ready"
  /** The same for as long as the worker lives, over all its connections. */
  readonly instance: string
  readonly concurrency: number
  /** Tasks that it wants to hold at once, running ones included. */
  readonly capacity: number
  readonly name: string
}

/** What became of a delivery. */
export interface Answer {
  readonly delivery: number
  readonly status: Status
  /** The result, or the error. */
  readonly body: Frame | undefined
}

/** A task on its way to a worker. */
export interface TaskParcel {
  /** The number of this delivery; each has one of its own. */
  readonly delivery: number
  /** The number of the task; the same in every delivery. */
  readonly id: number
  readonly attempt: number
  readonly announce: boolean
  readonly key: string
  readonly body: Frame
}

/** A result on its way to a sink. */
export interface ResultParcel {
  /** By which the sink says that it has taken it. */
  readonly token: number
  /** Of the ventilator that gave the task; with the id it names the task everywhere. */
  readonly epoch: string
  readonly id: number
  readonly key: string
  readonly body: Frame
}

export interface Answers {
  readonly type: "answers"
  readonly epoch: string
  readonly answers: readonly Answer[]
}

export interface Started {
  readonly type: "started"
  readonly epoch: string
  readonly deliveries: readonly number[]
}

export interface Tasks {
  readonly type: "tasks"
  readonly epoch: string
  readonly tasks: readonly TaskParcel[]
}

export interface Cancel {
  readonly type: "cancel"
  readonly epoch: string
  readonly deliveries: readonly number[]
}

export interface Results {
  readonly type: "results"
  readonly results: readonly ResultParcel[]
}

export interface Taken {
  readonly type: "taken"
  readonly tokens: readonly number[]
}

// ── worker → ventilator ────────────────────────────────────────────────────────────────────────────────────────────

export function encodeReady(instance: Frame, concurrency: number, capacity: number, name: string): Frame[] {
  const text = Buffer.from(name).subarray(0, LONGEST_NAME)
  const header = headerOf(READY, TOKEN + 8 + text.length)
  instance.copy(header, HEAD)
  header.writeUInt32BE(concurrency, HEAD + TOKEN)
  header.writeUInt32BE(capacity, HEAD + TOKEN + 4)
  text.copy(header, HEAD + TOKEN + 8)
  return [header]
}

export function encodeAnswers(epoch: Frame, answers: readonly Answer[]): Frame[] {
  const header = headerOf(ANSWERS, TOKEN + answers.length * (NUMBER + 1))
  epoch.copy(header, HEAD)
  const message: Frame[] = [header]
  let at = HEAD + TOKEN
  for (const { delivery, status, body } of answers) {
    writeNumber(header, delivery, at)
    header[at + NUMBER] = status
    at += NUMBER + 1
    if (body !== undefined) message.push(body)
  }
  return message
}

export function encodeStarted(epoch: Frame, deliveries: readonly number[]): Frame[] {
  return numbered(STARTED, epoch, deliveries)
}

/** What a worker says to a ventilator. */
export function decodeFromWorker(frames: readonly Frame[]): Ready | Answers | Started | undefined {
  const header = frames[0]
  if (header === undefined || header.length < HEAD + TOKEN || header[0] !== VERSION) return undefined
  if (header[1] === ANSWERS) return decodeAnswers(header, frames)
  if (frames.length !== 1) return undefined
  if (header[1] === READY) return decodeReady(header)
  if (header[1] !== STARTED) return undefined
  const deliveries = numbersOf(header, HEAD + TOKEN)
  return deliveries && { type: "started", epoch: tokenAt(header, HEAD), deliveries }
}

function decodeReady(header: Frame): Ready | undefined {
  const name = HEAD + TOKEN + 8
  if (header.length < name || header.length > name + LONGEST_NAME) return undefined
  const concurrency = header.readUInt32BE(HEAD + TOKEN)
  if (concurrency === 0) return undefined
  return {
    type: "ready",
    instance: tokenAt(header, HEAD),
    concurrency,
    capacity: header.readUInt32BE(HEAD + TOKEN + 4),
    name: header.toString("utf8", name),
  }
}

function decodeAnswers(header: Frame, frames: readonly Frame[]): Answers | undefined {
  const count = (header.length - HEAD - TOKEN) / (NUMBER + 1)
  if (!Number.isInteger(count) || count > MOST_IN_MESSAGE) return undefined
  const answers: Answer[] = []
  let frame = 1
  for (let at = HEAD + TOKEN; at < header.length; at += NUMBER + 1) {
    const status = header[at + NUMBER] as number
    if (status > RETURNED) return undefined
    const carries = status === DONE || status === FAILED || status === FAILED_FOR_GOOD
    const body = carries ? frames[frame++] : undefined
    if (carries && body === undefined) return undefined
    answers.push({ delivery: readNumber(header, at), status: status as Status, body })
  }
  return frame === frames.length ? { type: "answers", epoch: tokenAt(header, HEAD), answers } : undefined
}

// ── ventilator → worker ────────────────────────────────────────────────────────────────────────────────────────────

export function encodeTasks(epoch: Frame, tasks: readonly TaskParcel[]): Frame[] {
  let size = TOKEN + tasks.length * (2 * NUMBER + 4)
  for (const { key } of tasks) if (key !== "") size += Buffer.byteLength(key)
  const header = headerOf(TASKS, size)
  epoch.copy(header, HEAD)
  const message: Frame[] = [header]
  let at = HEAD + TOKEN
  for (const { delivery, id, attempt, announce, key, body } of tasks) {
    writeNumber(header, delivery, at)
    writeNumber(header, id, at + NUMBER)
    header.writeUInt16BE(Math.min(attempt, 0xffff), at + 2 * NUMBER)
    header[at + 2 * NUMBER + 2] = announce ? ANNOUNCE : 0
    const length = key === "" ? 0 : header.write(key, at + 2 * NUMBER + 4)
    header[at + 2 * NUMBER + 3] = length
    at += 2 * NUMBER + 4 + length
    message.push(body)
  }
  return message
}

export function encodeCancel(epoch: Frame, deliveries: readonly number[]): Frame[] {
  return numbered(CANCEL, epoch, deliveries)
}

/** What a ventilator says to a worker. */
export function decodeFromVentilator(frames: readonly Frame[]): Tasks | Cancel | undefined {
  const header = frames[0]
  if (header === undefined || header.length < HEAD + TOKEN || header[0] !== VERSION) return undefined
  if (header[1] === TASKS) return decodeTasks(header, frames)
  if (header[1] !== CANCEL || frames.length !== 1) return undefined
  const deliveries = numbersOf(header, HEAD + TOKEN)
  return deliveries && { type: "cancel", epoch: tokenAt(header, HEAD), deliveries }
}

function decodeTasks(header: Frame, frames: readonly Frame[]): Tasks | undefined {
  const tasks: TaskParcel[] = []
  let at = HEAD + TOKEN
  for (let frame = 1; frame < frames.length; frame++) {
    const end = at + 2 * NUMBER + 4
    if (end > header.length || tasks.length === MOST_IN_MESSAGE) return undefined
    const length = header[end - 1] as number
    if (end + length > header.length) return undefined
    tasks.push({
      delivery: readNumber(header, at),
      id: readNumber(header, at + NUMBER),
      attempt: header.readUInt16BE(at + 2 * NUMBER),
      announce: ((header[end - 2] as number) & ANNOUNCE) !== 0,
      key: length === 0 ? "" : header.toString("utf8", end, end + length),
      body: frames[frame] as Frame,
    })
    at = end + length
  }
  return at === header.length ? { type: "tasks", epoch: tokenAt(header, HEAD), tasks } : undefined
}

// ── worker ⇄ sink ──────────────────────────────────────────────────────────────────────────────────────────────────

export function encodeResults(results: readonly ResultParcel[]): Frame[] {
  let size = results.length * (2 * NUMBER + TOKEN + 1)
  for (const { key } of results) if (key !== "") size += Buffer.byteLength(key)
  const header = headerOf(RESULTS, size)
  const message: Frame[] = [header]
  let at = HEAD
  for (const { token, epoch, id, key, body } of results) {
    writeNumber(header, token, at)
    header.write(epoch, at + NUMBER, "latin1")
    writeNumber(header, id, at + NUMBER + TOKEN)
    const length = key === "" ? 0 : header.write(key, at + 2 * NUMBER + TOKEN + 1)
    header[at + 2 * NUMBER + TOKEN] = length
    at += 2 * NUMBER + TOKEN + 1 + length
    message.push(body)
  }
  return message
}

/** What a worker says to a sink. */
export function decodeResults(frames: readonly Frame[]): Results | undefined {
  const header = frames[0]
  if (header === undefined || header.length < HEAD || header[0] !== VERSION || header[1] !== RESULTS) return undefined
  const results: ResultParcel[] = []
  let at = HEAD
  for (let frame = 1; frame < frames.length; frame++) {
    const end = at + 2 * NUMBER + TOKEN + 1
    if (end > header.length || results.length === MOST_IN_MESSAGE) return undefined
    const length = header[end - 1] as number
    if (end + length > header.length) return undefined
    results.push({
      token: readNumber(header, at),
      epoch: tokenAt(header, at + NUMBER),
      id: readNumber(header, at + NUMBER + TOKEN),
      key: length === 0 ? "" : header.toString("utf8", end, end + length),
      body: frames[frame] as Frame,
    })
    at = end + length
  }
  return at === header.length ? { type: "results", results } : undefined
}

export function encodeTaken(tokens: readonly number[]): Frame[] {
  const header = headerOf(TAKEN, tokens.length * NUMBER)
  for (let i = 0; i < tokens.length; i++) writeNumber(header, tokens[i] as number, HEAD + i * NUMBER)
  return [header]
}

/** What a sink says to a worker. */
export function decodeTaken(frames: readonly Frame[]): Taken | undefined {
  const header = frames[0]
  if (header === undefined || frames.length !== 1 || header.length < HEAD) return undefined
  if (header[0] !== VERSION || header[1] !== TAKEN) return undefined
  const tokens = numbersOf(header, HEAD)
  return tokens && { type: "taken", tokens }
}

// ── octets ─────────────────────────────────────────────────────────────────────────────────────────────────────────

/** A token as text: one character per octet. */
export function tokenOf(bytes: Frame): string {
  return tokenAt(bytes, 0)
}

function tokenAt(bytes: Frame, offset: number): string {
  return bytes.toString("latin1", offset, offset + TOKEN)
}

function headerOf(kind: number, size: number): Frame {
  const header = Buffer.allocUnsafe(HEAD + size)
  header[0] = VERSION
  header[1] = kind
  return header
}

function numbered(kind: number, epoch: Frame, numbers: readonly number[]): Frame[] {
  const header = headerOf(kind, TOKEN + numbers.length * NUMBER)
  epoch.copy(header, HEAD)
  for (let i = 0; i < numbers.length; i++) writeNumber(header, numbers[i] as number, HEAD + TOKEN + i * NUMBER)
  return [header]
}

function numbersOf(header: Frame, from: number): number[] | undefined {
  const count = (header.length - from) / NUMBER
  if (!Number.isInteger(count) || count > 4 * MOST_IN_MESSAGE) return undefined
  const numbers: number[] = []
  for (let at = from; at < header.length; at += NUMBER) numbers.push(readNumber(header, at))
  return numbers
}

function writeNumber(bytes: Frame, number: number, at: number): void {
  bytes.writeUIntBE(number % (LARGEST_NUMBER + 1), at, NUMBER)
}

function readNumber(bytes: Frame, at: number): number {
  return bytes.readUIntBE(at, NUMBER)
}
