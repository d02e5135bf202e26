// Whether a peer may come in: asks the security of the socket, once per connection, and says what its answer means.
// Anything but a yes is a no; an answer that is wanted no more changes nothing.

import type { Bytes } from "../bytes.ts"
import type { Admitted, Security } from "../security/security.ts"
import { LimitError } from "../zmtp/decoder.ts"
import { DenialError } from "../zmtp/engine.ts"
import type { Credentials } from "../zmtp/mechanism.ts"

/** How many answers are awaited, by who has to give them: connections come and go faster than a slow authorizer. */
const awaited = new WeakMap<Security, number>()

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
   *
   * @param most how many answers of this security may be awaited at once
   */
  ask(
    security: Security,
    credentials: Credentials,
    address: string,
    most: number,
    settle: (error?: Error) => void,
  ): void {
    const waiting = awaited.get(security) ?? 0
    if (waiting >= most) {
      settle(new LimitError("maxPendingHandshakes", `${waiting} peers are already being judged: ${address} was not`))
      return
    }
    let answer: Admitted | undefined | Promise<Admitted | undefined>
    try {
      answer = security.judge?.({ credentials, address, signal: this.#abort.signal })
    } catch (error) {
      settle(unjudged(address, error))
      return
    }
    if (!(answer instanceof Promise)) {
      settle(this.#verdict(answer, address))
      return
    }
    awaited.set(security, waiting + 1)
    const answered = (error: Error | undefined): void => {
      awaited.set(security, (awaited.get(security) as number) - 1)
      if (this.#wanted) settle(error)
    }
    answer.then(
      (admitted) => answered(this.#verdict(admitted, address)),
      (error) => answered(unjudged(address, error)),
    )
  }

  /** The answer is wanted no more. */
  cancel(): void {
    this.#wanted = false
    this.#abort.abort()
  }

  #verdict(admitted: Admitted | undefined, address: string): Error | undefined {
    this.#wanted = this.#wanted && !this.#abort.signal.aborted
    if (admitted === undefined) return new DenialError(`${address} may not come in`, true)
    this.#answer = admitted
    return undefined
  }
}

/** What a peer claims of itself, under what was attached to it by who judged it. */
export function metadataOf(
  claimed: ReadonlyMap<string, Bytes>,
  admitted: Admitted | undefined,
): ReadonlyMap<string, Bytes> {
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
