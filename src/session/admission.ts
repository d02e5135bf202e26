// Whether a peer may come in: asks the security of the socket, once per connection, and says what its answer means.
// Anything but a yes is a no; an answer that is wanted no more changes nothing.

import type { Bytes } from "../bytes.ts"
import { now } from "../clock.ts"
import type { ResolvedOptions } from "../options.ts"
import type { PeerFacts } from "../peer.ts"
import type { Admitted, Security } from "../security/security.ts"
import { LimitError } from "../zmtp/decoder.ts"
import { DenialError, type EnginePeer } from "../zmtp/engine.ts"
import type { Credentials } from "../zmtp/mechanism.ts"
import { addressGroup, LOCAL } from "./address-group.ts"

/**
 * The questions without an answer, the oldest first, by who has to answer, each with the time at which that runs out.
 * Connections come and go faster than a slow authorizer answers; one that never answers must not keep out everybody.
 */
const awaited = new WeakMap<Security, Set<Question>>()

/** How long an answer is awaited where the handshake itself has no deadline, ms. */
export const ANSWER_DEADLINE = 10_000

interface Question {
  readonly until: number
  /** Who asks to come in, as limits per address see it. */
  readonly group: string
}

/** How many answers may be awaited at once. */
export interface AdmissionBounds {
  /** In all, of one security. */
  readonly most: number
  /** For peers of one address; this machine's own have the total alone. */
  readonly mostPerAddress: number
  /** Milliseconds for which one is awaited. */
  readonly patience: number
}

/** What the options of a socket say of it. */
export function boundsOf(options: Readonly<ResolvedOptions>): AdmissionBounds {
  return {
    most: options.maxPendingHandshakes,
    mostPerAddress: options.maxPendingHandshakesPerAddress,
    patience: options.handshakeInterval || ANSWER_DEADLINE,
  }
}

/** Properties that only we may attach to a peer: what it claims by these names is not passed on. */
const OURS: readonly string[] = ["user-id", "peer-address"]

export class Admission {
  #answer: Admitted | undefined
  #wanted = true
  readonly #abort = new AbortController()

  /** Who the peer is, once it may come in. */
  get answer(): Admitted | undefined {
    return this.#answer
  }

  /**
   * Asks. `settle` is called at most once, perhaps before this returns: without an error when the peer may come in.
   */
  ask(
    security: Security,
    credentials: Credentials,
    address: string,
    bounds: AdmissionBounds,
    settle: (error?: Error) => void,
  ): void {
    const questions = questionsTo(security)
    const group = addressGroup(address)
    const limit = limitMet(questions, group, bounds)
    if (limit !== undefined) {
      this.#wanted = false
      settle(new LimitError(limit, `${questions.size} peers are being judged: ${address} was not`))
      return
    }
    const answered = (admitted: Admitted | undefined, error?: Error): void => {
      if (!this.#wanted) return
      this.#wanted = false
      this.#answer = admitted
      settle(error ?? (admitted === undefined ? new DenialError(`${address} may not come in`, true) : undefined))
    }
    let answer: Admitted | undefined | Promise<Admitted | undefined>
    try {
      answer = security.judge?.({ credentials, address, signal: this.#abort.signal })
    } catch (error) {
      answered(undefined, unjudged(address, error))
      return
    }
    if (!(answer instanceof Promise)) {
      answered(answer)
      return
    }
    const question = { until: now() + bounds.patience, group }
    questions.add(question)
    void answer
      .finally(() => questions.delete(question))
      .then(answered, (error) => answered(undefined, unjudged(address, error)))
  }

  /** The answer is wanted no more. */
  cancel(): void {
    if (!this.#wanted) return
    this.#wanted = false
    this.#abort.abort()
  }
}

/** The questions that wait for an answer of this security, without those that were to have one by now. */
function questionsTo(security: Security): Set<Question> {
  const questions = awaited.get(security) ?? new Set<Question>()
  awaited.set(security, questions)
  for (const question of questions) {
    if (question.until > now()) break
    questions.delete(question)
  }
  return questions
}

/** The option whose limit one more question of this group would break. */
function limitMet(questions: ReadonlySet<Question>, group: string, bounds: AdmissionBounds): string | undefined {
  if (questions.size >= bounds.most) return "maxPendingHandshakes"
  if (group === LOCAL || questions.size < bounds.mostPerAddress) return undefined
  let same = 0
  for (const question of questions) if (question.group === group) same++
  return same >= bounds.mostPerAddress ? "maxPendingHandshakesPerAddress" : undefined
}

/** What is known of a peer: what it claims of itself, under what was attached to it by who judged it. */
export function factsOf(
  claimed: EnginePeer,
  admitted: Admitted | undefined,
  endpoint: string,
  address: string,
): PeerFacts {
  const { socketType, routingId } = claimed
  // One shape for all, written out: a copy by `...claimed` would get a hidden class of its own for every peer.
  return {
    endpoint,
    address,
    socketType,
    routingId,
    metadata: metadataOf(claimed.metadata, admitted),
    userId: admitted?.userId,
  }
}

function metadataOf(claimed: ReadonlyMap<string, Bytes>, admitted: Admitted | undefined): ReadonlyMap<string, Bytes> {
  if (admitted === undefined && !OURS.some((name) => claimed.has(name))) return claimed
  const metadata = new Map(claimed)
  for (const name of OURS) metadata.delete(name)
  for (const [name, value] of admitted?.metadata ?? []) metadata.set(name, value)
  return metadata
}

/** Whoever had to judge failed to: the peer may try again. */
function unjudged(address: string, cause: unknown): DenialError {
  return new DenialError(`Whether ${address} may come in could not be found out`, false, { cause })
}
