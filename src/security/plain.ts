// PLAIN as the application configures it: a user name and a password on clients; on servers, who may come in.

import { type Bytes, fromString } from "../bytes.ts"
import { OptionError, StateError } from "../errors.ts"
import type { Mechanism, MechanismSetup } from "../zmtp/mechanism.ts"
import { MAX_CREDENTIAL, PlainClient, PlainServer } from "../zmtp/plain.ts"
import { Applicant, type Authorize, ask, checkAuthorize } from "./authorize.ts"
import { checkConfiguration, isPlainObject } from "./configuration.ts"
import { sameSecret } from "./same-secret.ts"
import type { Admitted, Question, Security } from "./security.ts"

/** What a PLAIN client says of itself. Each is at most 255 octets of UTF-8. */
export interface PlainClientConfiguration {
  readonly username: string
  readonly password: string
}

/** Who may come in: those of a list, or those for whom a function says so. */
export type PlainServerConfiguration =
  | {
      /** Passwords by user name. */
      readonly allow: Readonly<Record<string, string>>
      readonly authorize?: undefined
    }
  | { readonly authorize: Authorize; readonly allow?: undefined }

/** The security of PLAIN servers. What it lets in can be changed while sockets use it; who is in stays in. */
export interface PlainServerSecurity extends Security {
  /**
   * Lets a user in from now on, or gives a user another password.
   * @throws StateError when a function judges
   */
  allow(username: string, password: string): void
  /**
   * Lets users in no more. Those that are in stay: `peer.disconnect()` expels them.
   * @throws StateError when a function judges
   */
  revoke(...usernames: string[]): void
}

/**
 * The client's side of PLAIN (RFC 24). Name and password cross the wire in clear: it is for networks that nobody else
 * can read.
 *
 * @throws OptionError for anything but two strings of at most 255 octets
 */
export function plain(configuration: PlainClientConfiguration): Security {
  const { username, password } = checkConfiguration("plain", configuration, ["username", "password"])
  return new PlainClientSecurity(credential("plain: username", username), credential("plain: password", password))
}

/**
 * The server's side of PLAIN (RFC 24): every peer that comes in has given a user name and a password that `allow` lists
 * or `authorize` accepts.
 *
 * @throws OptionError unless there is exactly one of the two
 */
export function plainServer(configuration: PlainServerConfiguration): PlainServerSecurity {
  const { allow, authorize } = checkConfiguration("plainServer", configuration, ["allow", "authorize"])
  if ((allow === undefined) === (authorize === undefined)) {
    throw new OptionError("security", "plainServer must be told who may come in: by allow or by authorize, one of them")
  }
  if (authorize !== undefined) {
    checkAuthorize("plainServer", authorize)
    return new PlainServerPolicy(authorize)
  }
  // Anything but a plain object, a Map say, would look like a list of nobody.
  if (!isPlainObject(allow)) {
    throw new OptionError("security", "plainServer: allow must be a plain object of passwords by user name")
  }
  const policy = new PlainServerPolicy(undefined)
  for (const [username, password] of Object.entries(allow)) policy.allow(username, password as string)
  return policy
}

class PlainClientSecurity implements Security {
  readonly mechanism = "PLAIN"
  readonly #username: Bytes
  readonly #password: Bytes

  constructor(username: Bytes, password: Bytes) {
    this.#username = username
    this.#password = password
  }

  create(setup: MechanismSetup): Mechanism {
    return new PlainClient(setup, this.#username, this.#password)
  }
}

const NOBODY = fromString("")

class PlainServerPolicy implements PlainServerSecurity {
  readonly mechanism = "PLAIN"
  readonly #authorize: Authorize | undefined
  readonly #passwords = new Map<string, Bytes>()

  constructor(authorize: Authorize | undefined) {
    this.#authorize = authorize
  }

  create(setup: MechanismSetup): Mechanism {
    return new PlainServer(setup)
  }

  allow(username: string, password: string): void {
    this.#checkList()
    const octets = credential("plainServer: a password", password)
    credential("plainServer: a user name", username)
    this.#passwords.set(username, octets)
  }

  revoke(...usernames: string[]): void {
    this.#checkList()
    for (const username of usernames) this.#passwords.delete(username)
  }

  judge({ credentials, address, signal }: Question): Admitted | undefined | Promise<Admitted | undefined> {
    const username = text(credentials.username)
    if (username === undefined || credentials.password === undefined) return undefined
    if (this.#authorize !== undefined) {
      const password = text(credentials.password)
      if (password === undefined) return undefined
      return ask(this.#authorize, new Applicant({ mechanism: this.mechanism, address, username, password, signal }))
    }
    // A name that nobody has takes as long to refuse as a wrong password.
    const expected = this.#passwords.get(username)
    const right = sameSecret(credentials.password, expected ?? NOBODY)
    return right && expected !== undefined ? { userId: username, metadata: new Map() } : undefined
  }

  #checkList(): void {
    if (this.#authorize === undefined) return
    throw new StateError("This plainServer has no list to change: a function judges who may come in")
  }
}

/** The octets of a user name or password. What is neither may be a secret in the wrong place: it is not repeated. */
function credential(what: string, value: unknown): Bytes {
  if (typeof value !== "string") {
    throw new OptionError("security", `${what} must be a string, got a value of type ${typeof value}`)
  }
  const octets = fromString(value)
  if (octets.length <= MAX_CREDENTIAL) return octets
  throw new OptionError("security", `${what} must be of at most ${MAX_CREDENTIAL} octets, got ${octets.length}`)
}

const UTF8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true })

/** What a peer sent, if it is text: two different names must never look the same. */
function text(octets: Bytes | undefined): string | undefined {
  if (octets === undefined) return undefined
  try {
    return UTF8.decode(octets)
  } catch {
    return undefined
  }
}
