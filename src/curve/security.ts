// CURVE as the application configures it: keys on clients; on servers keys, and who may come in.

import { type Bytes, toKey } from "../bytes.ts"
import { OptionError, StateError } from "../errors.ts"
import { Applicant, type Authorize, ask, checkAuthorize } from "../security/authorize.ts"
import { checkConfiguration } from "../security/configuration.ts"
import type { Admitted, Question, Security } from "../security/security.ts"
import { CurveClient, type CurveClientKeys } from "../zmtp/curve/client.ts"
import type { KeyPair } from "../zmtp/curve/primitives.ts"
import { CurveServer } from "../zmtp/curve/server.ts"
import type { Mechanism, MechanismSetup } from "../zmtp/mechanism.ts"
import { type CurveKey, parseKey, parseKeyPair } from "./keys.ts"
import { loadProvider, provider } from "./provider.ts"
import { encodeZ85 } from "./z85.ts"

/** The keys of a CURVE client. */
export interface CurveClientConfiguration {
  /** The public key of the server: whoever does not hold its secret is not talked to. */
  readonly serverKey: CurveKey
  /** Our own public key, by which the server knows us. */
  readonly publicKey: CurveKey
  readonly secretKey: CurveKey
}

/** The keys of a CURVE server, and who may come in: those of a list, those for whom a function says so, or anyone. */
export type CurveServerConfiguration = {
  readonly publicKey: CurveKey
  readonly secretKey: CurveKey
} & (
  | {
      /** Public keys of clients. */
      readonly allow: readonly CurveKey[]
      readonly authorize?: undefined
      readonly anyone?: undefined
    }
  | { readonly authorize: Authorize; readonly allow?: undefined; readonly anyone?: undefined }
  | { readonly anyone: true; readonly allow?: undefined; readonly authorize?: undefined }
)

/** The security of CURVE servers. What it lets in can be changed while sockets use it; who is in stays in. */
export interface CurveServerSecurity extends Security {
  /**
   * Lets the holders of these public keys in from now on.
   * @throws OptionError for what is no key, StateError when there is no list
   */
  allow(...publicKeys: CurveKey[]): void
  /**
   * Lets the holders of these public keys in no more. Those that are in stay: `peer.disconnect()` expels them.
   * @throws OptionError for what is no key, StateError when there is no list
   */
  revoke(...publicKeys: CurveKey[]): void
}

/**
 * The client's side of CURVE (RFC 25, RFC 26): the traffic is encrypted and authenticated, and the server is the one
 * that holds the secret of `serverKey`. Clients may bind as well as connect.
 *
 * @throws OptionError for keys that are missing, malformed, or do not belong to each other
 */
export function curve(configuration: CurveClientConfiguration): Security {
  const names = ["serverKey", "publicKey", "secretKey"] as const
  const { serverKey, publicKey, secretKey } = checkConfiguration("curve", configuration, names)
  return new CurveClientSecurity({
    serverKey: parseKey("curve: serverKey", serverKey),
    ...parseKeyPair("curve", publicKey, secretKey),
  })
}

/**
 * The server's side of CURVE (RFC 25, RFC 26). It has to be told who may come in: by the list `allow`, by the function
 * `authorize`, or by `anyone: true`, which lets in every client that knows our public key. Servers may connect as well
 * as bind.
 *
 * @throws OptionError for keys that are missing, malformed, or do not belong to each other, and unless there is exactly
 * one of the three
 */
export function curveServer(configuration: CurveServerConfiguration): CurveServerSecurity {
  const names = ["publicKey", "secretKey", "allow", "authorize", "anyone"] as const
  const { publicKey, secretKey, allow, authorize, anyone } = checkConfiguration("curveServer", configuration, names)
  const keys = parseKeyPair("curveServer", publicKey, secretKey)
  if ([allow, authorize, anyone].filter((each) => each !== undefined).length !== 1) {
    const accepted = "allow, authorize or anyone: true, one of them"
    throw new OptionError("security", `curveServer must be told who may come in: by ${accepted}`)
  }
  if (authorize !== undefined) {
    checkAuthorize("curveServer", authorize)
    return new CurvePolicy(keys, authorize)
  }
  if (anyone !== undefined) {
    if (anyone === true) return new CurvePolicy(keys, "anyone")
    throw new OptionError("security", `curveServer: anyone can only be true, got a value of type ${typeof anyone}`)
  }
  if (!Array.isArray(allow)) throw new OptionError("security", "curveServer: allow must be an array of public keys")
  const policy = new CurvePolicy(keys, new Set())
  policy.allow(...(allow as CurveKey[]))
  return policy
}

/**
 * The library that does the cryptography here: `"sodium-native"` where it is installed and runs, else
 * `"libsodium (WebAssembly)"`, which comes along. Loads it if nothing has yet.
 */
export async function curveProvider(): Promise<string> {
  return (await loadProvider()).name
}

/** What both sides do: load a library at the first use. */
abstract class Curve implements Security {
  readonly mechanism = "CURVE"
  #ready = false

  prepare(): Promise<void> | undefined {
    if (this.#ready) return undefined
    return loadProvider().then(() => {
      this.#ready = true
    })
  }

  abstract create(setup: MechanismSetup): Mechanism
}

class CurveClientSecurity extends Curve {
  readonly #keys: CurveClientKeys

  constructor(keys: CurveClientKeys) {
    super()
    this.#keys = keys
  }

  create(setup: MechanismSetup): Mechanism {
    return new CurveClient(setup, provider().primitives, this.#keys)
  }
}

class CurvePolicy extends Curve implements CurveServerSecurity {
  readonly #keys: KeyPair
  /** Public keys, as texts that can be compared. */
  readonly #who: Set<string> | Authorize | "anyone"

  constructor(keys: KeyPair, who: Set<string> | Authorize | "anyone") {
    super()
    this.#keys = keys
    this.#who = who
  }

  create(setup: MechanismSetup): Mechanism {
    return new CurveServer(setup, provider().primitives, this.#keys)
  }

  allow(...publicKeys: CurveKey[]): void {
    const list = this.#list()
    // All of them or none.
    for (const key of publicKeys.map((each) => parseKey("curveServer: a key to allow", each))) list.add(toKey(key))
  }

  revoke(...publicKeys: CurveKey[]): void {
    const list = this.#list()
    for (const key of publicKeys.map((each) => parseKey("curveServer: a key to revoke", each))) list.delete(toKey(key))
  }

  judge({ credentials, address, signal }: Question): Admitted | undefined | Promise<Admitted | undefined> {
    const key = credentials.publicKey as Bytes
    const publicKey = encodeZ85(key)
    const who = this.#who
    if (typeof who === "function") {
      return ask(who, new Applicant({ mechanism: this.mechanism, address, publicKey, signal }))
    }
    if (who !== "anyone" && !who.has(toKey(key))) return undefined
    return { userId: publicKey, metadata: new Map() }
  }

  #list(): Set<string> {
    if (this.#who instanceof Set) return this.#who
    throw new StateError("This curveServer has no list to change: it was made with authorize or anyone")
  }
}
