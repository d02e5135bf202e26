// What a fuzz target is, and how its cases are run: those of the corpus first, then as many new ones as are wanted.
// A case is made from a seed alone. A run of n cases that begins at seed s has the seeds s, s + 1, … s + n - 1, so a
// case that fails is repeated by its own seed, and if it takes what came before it, by the run's.

import { setImmediate as turn } from "node:timers/promises"
import { Random } from "./random.ts"

/**
 * @typeParam Input - what a case consists of: numbers, texts, booleans, octets, and lists and records of these, so that
 * it can be kept in a file and means the same when its generator has changed
 */
export interface FuzzTarget<Input> {
  readonly name: string
  /** How many cases an ordinary run tries. */
  readonly cases: number
  generate(random: Random): Input
  /** Sets up what the cases of a run have in common. */
  open(): Stage<Input> | Promise<Stage<Input>>
}

/** Where cases are tried. */
export interface Stage<Input> {
  /** Throws, now or later, when something is not as it has to be. */
  check(input: Input): void | Promise<void>
  /** Takes everything down, and throws when something is left. */
  close?(): Promise<void>
}

/** A case that is tried in every run. */
export interface CorpusCase {
  /** What it was made from, once. */
  readonly seed: number
  /** What it showed. */
  readonly about: string
  readonly input: unknown
}

/** A case that failed. */
export interface Failure {
  readonly target: string
  /** The seed of the case; nothing if it came from the corpus, or if only the end of the run failed. */
  readonly seed: number | undefined
  readonly input: unknown
  readonly error: unknown
}

export interface Run {
  readonly corpus?: readonly CorpusCase[]
  /** The seed of the first new case. */
  readonly seed: number
  /** Whether there is to be one more case after so many new ones. */
  more(done: number): boolean
  /** Told after every case. */
  tried?(done: number): void
}

/** Runs until there are to be no more cases, or one fails. */
export async function fuzz(target: FuzzTarget<unknown>, run: Run): Promise<Failure | undefined> {
  const escaped: unknown[] = []
  const note = (error: unknown): void => {
    escaped.push(error)
  }
  process.on("unhandledRejection", note)
  process.on("uncaughtException", note)
  let seed: number | undefined
  let input: unknown
  try {
    const stage = await target.open()
    const attempt = async (): Promise<void> => {
      const checking = stage.check(input)
      if (checking !== undefined) await inTime(checking)
      if (escaped.length > 0) throw new Error("Something escaped into the process", { cause: escaped[0] })
    }
    for (const each of run.corpus ?? []) {
      input = each.input
      await attempt()
    }
    for (let done = 0; run.more(done); done++) {
      seed = (run.seed + done) >>> 0
      input = target.generate(new Random(seed))
      await attempt()
      run.tried?.(done + 1)
      // Cases that wait for nothing leave others no turn by themselves.
      if (done % 64 === 63) await turn()
    }
    seed = undefined
    input = undefined
    await stage.close?.()
    // A rejection that nobody handles is told of after the turn in which it happened.
    for (let i = 0; i < 3; i++) await turn()
    if (escaped.length > 0) throw new Error("Something escaped into the process", { cause: escaped[0] })
    return undefined
  } catch (error) {
    return { target: target.name, seed, input, error }
  } finally {
    process.off("unhandledRejection", note)
    process.off("uncaughtException", note)
  }
}

/** How long a case may take. */
const LONGEST_CASE = 60_000

/** Rejects if the case does not come to an end. */
async function inTime(checking: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error("The case does not come to an end")), LONGEST_CASE).unref()
  })
  try {
    await Promise.race([checking, late])
  } finally {
    clearTimeout(timer)
  }
}

/** A corpus as it stands in its file. */
export function readCorpus(text: string): CorpusCase[] {
  return JSON.parse(text, (_key, value) =>
    typeof value === "object" && value !== null && typeof value.octets === "string" && Object.keys(value).length === 1
      ? Buffer.from(value.octets, "hex")
      : value,
  ) as CorpusCase[]
}

/** The inverse of {@link readCorpus}. */
export function writeCorpus(corpus: readonly CorpusCase[]): string {
  const lines = corpus.map((each) => JSON.stringify(each, octetsAsHex))
  return lines.length === 0 ? "[]\n" : `[\n  ${lines.join(",\n  ")}\n]\n`
}

/** An input as somebody can read it. */
export function show(input: unknown): string {
  const text = inFull(input)
  return text.length > 4000 ? `${text.slice(0, 4000)}… (${text.length} characters)` : text
}

function inFull(input: unknown): string {
  return JSON.stringify(input, octetsAsHex) ?? "undefined"
}

function octetsAsHex(this: unknown, key: string, value: unknown): unknown {
  const original = (this as Record<string, unknown>)[key]
  return Buffer.isBuffer(original) ? { octets: original.toString("hex") } : value
}

/** The two are the same, or an error that shows both. */
export function same(actual: unknown, expected: unknown, what: string): void {
  if (inFull(actual) === inFull(expected)) return
  throw new Error(`${what}\n   is        ${show(actual)}\n   should be ${show(expected)}`)
}

/** An error unless it holds. */
export function holds(condition: boolean, what: () => string): void {
  if (!condition) throw new Error(what())
}
