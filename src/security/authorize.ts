// The application's own judgement of who may come in: what it is told, what it may answer, and what its answer means.

import type { Bytes } from "../bytes.ts"
import { OptionError } from "../errors.ts"
import { describe, type FrameLike, toFrame } from "../message.ts"
import { isPlainObject } from "./configuration.ts"
import type { Admitted } from "./security.ts"

/**
 * A peer that wants to come in. The secret it brought is not shown when this is logged or inspected.
 */
export class Applicant {
  /** `PLAIN` or `CURVE`. */
  readonly mechanism: string
  /** Where the peer is: `192.0.2.7:49152`, or the path of an ipc endpoint. */
  readonly address: string
  /** PLAIN only: who it says it is. */
  readonly username?: string
  /** CURVE only: its long-term public key in Z85, whose secret it has proved to hold. */
  readonly publicKey?: string
  /** Aborted when the answer is wanted no more: the peer has left, or its time has run out. */
  readonly signal: AbortSignal
  readonly #password: string | undefined

  static {
    // Who inspects it with its getters is shown its fields alone.
    const value = function (this: Applicant): object {
      return { ...this }
    }
    Object.defineProperty(Applicant.prototype, Symbol.for("nodejs.util.inspect.custom"), { value })
  }

  constructor(facts: {
    mechanism: string
    address: string
    username?: string
    password?: string
    publicKey?: string
    signal: AbortSignal
  }) {
    this.mechanism = facts.mechanism
    this.address = facts.address
    if (facts.username !== undefined) this.username = facts.username
    if (facts.publicKey !== undefined) this.publicKey = facts.publicKey
    this.signal = facts.signal
    this.#password = facts.password
  }

  /** PLAIN only: what it gives as proof. */
  get password(): string | undefined {
    return this.#password
  }
}

/**
 * What an authorizer may say of a peer that it lets in: one of the two at least, and nothing else. So an empty object,
 * or a record in which nobody was found, lets nobody in.
 */
export type Grant =
  | {
      /** Who the peer is, for `peer.userId`. */
      readonly userId: string
      readonly metadata?: Readonly<Record<string, FrameLike>> | undefined
    }
  | {
      /** By default the user name, or the public key in Z85. */
      readonly userId?: string | undefined
      /** Properties for `peer.metadata`, where they override whatever the peer claims. */
      readonly metadata: Readonly<Record<string, FrameLike>>
    }

/**
 * Says whether a peer may come in. Anything but `true` and a {@link Grant} is a no, of which the peer is told. An
 * exception is a no as well, and so is an answer that does not come before the handshake's deadline
 * (`handshakeInterval`, or 10 s where that is 0): the peer is not told, and may try again.
 */
export type Authorize = (peer: Applicant) => boolean | Grant | Promise<boolean | Grant>

/** Throws {@link OptionError} unless `value` can be asked. */
export function checkAuthorize(maker: string, value: unknown): asserts value is Authorize {
  if (typeof value === "function") return
  // What was given here by mistake may be a secret: it is not repeated.
  throw new OptionError("security", `${maker}: authorize must be a function, got a value of type ${typeof value}`)
}

/** Asks. Resolves to undefined for a no; rejects when there was no proper answer. */
export async function ask(authorize: Authorize, applicant: Applicant): Promise<Admitted | undefined> {
  const answer: unknown = await authorize(applicant)
  const name = applicant.username ?? applicant.publicKey
  if (answer === true) return { userId: name, metadata: new Map() }
  if (typeof answer !== "object" || answer === null) return undefined
  const { userId, metadata, ...others } = answer as { readonly userId?: unknown; readonly metadata?: unknown }
  if (userId === undefined && metadata === undefined) return undefined
  // From here on somebody meant a grant and made a mistake, which is said; what was given is not repeated.
  const [other] = Object.keys(others)
  if (other !== undefined) throw new TypeError(`authorize gave ${describe(other)}, which is no part of a grant`)
  if (userId !== undefined && typeof userId !== "string") {
    throw new TypeError(`authorize gave a userId that is no string, but of type ${typeof userId}`)
  }
  return { userId: userId ?? name, metadata: granted(metadata === undefined ? {} : metadata) }
}

function granted(metadata: unknown): ReadonlyMap<string, Bytes> {
  // Anything but a plain object, a Map say, would look like no properties at all.
  if (!isPlainObject(metadata)) throw new TypeError("authorize gave metadata that is no plain object")
  const properties = new Map<string, Bytes>()
  for (const [name, value] of Object.entries(metadata)) {
    properties.set(name.toLowerCase(), toFrame(value as FrameLike))
  }
  return properties
}
