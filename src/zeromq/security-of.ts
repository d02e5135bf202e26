// How the options of libzmq for its mechanisms become the `security` of a socket: whoever is a server lets in whom the
// ZAP handler of its context lets in.

import { type Bytes, EMPTY } from "../bytes.ts"
import { publicKeyOf } from "../curve/keys.ts"
import { curve, curveServer } from "../curve/security.ts"
import { decodeZ85 } from "../curve/z85.ts"
import type { Applicant } from "../security/authorize.ts"
import { plain } from "../security/plain.ts"
import type { Admitted, Question, Security } from "../security/security.ts"
import type { Mechanism, MechanismSetup } from "../zmtp/mechanism.ts"
import { nullMechanism } from "../zmtp/null.ts"
import { PlainServer } from "../zmtp/plain.ts"
import type { ContextState } from "./context.ts"
import type { OptionValues } from "./option-values.ts"
import * as option from "./option-values.ts"

/** The security that the options ask for; undefined for the NULL mechanism of everybody. */
export function securityOf(values: OptionValues, context: ContextState): Security | undefined {
  const domain = values.octets(option.ZAP_DOMAIN) ?? EMPTY
  const routingId = values.octets(option.ROUTING_ID) ?? EMPTY
  switch (values.number(option.MECHANISM)) {
    case option.PLAIN_MECHANISM:
      if (values.flag(option.PLAIN_SERVER)) return new JudgedByHandler("PLAIN", context, domain, routingId)
      return plain({
        username: String(values.octets(option.PLAIN_USERNAME) ?? ""),
        password: String(values.octets(option.PLAIN_PASSWORD) ?? ""),
      })
    case option.CURVE_MECHANISM:
      return values.flag(option.CURVE_SERVER)
        ? curveServerOf(values, context, domain, routingId)
        : curveClientOf(values)
    default:
      return domain.length > 0 ? new JudgedByHandler("NULL", context, domain, routingId) : undefined
  }
}

/** Mechanisms whose peers are let in by a handler and by nobody else. */
class JudgedByHandler implements Security {
  readonly mechanism: "NULL" | "PLAIN"
  readonly #context: ContextState
  readonly #domain: Bytes
  readonly #routingId: Bytes

  constructor(mechanism: "NULL" | "PLAIN", context: ContextState, domain: Bytes, routingId: Bytes) {
    this.mechanism = mechanism
    this.#context = context
    this.#domain = domain
    this.#routingId = routingId
  }

  create(setup: MechanismSetup): Mechanism {
    return this.mechanism === "PLAIN" ? new PlainServer(setup) : nullMechanism(setup, true)
  }

  async judge({ credentials, address, signal }: Question): Promise<Admitted | undefined> {
    const { zap } = this.#context
    const { mechanism } = this
    const domain = this.#domain
    const userId = await zap.ask({ mechanism, domain, address, routingId: this.#routingId, credentials, signal })
    return userId === undefined ? undefined : { userId, metadata: new Map() }
  }
}

function curveServerOf(values: OptionValues, context: ContextState, domain: Bytes, routingId: Bytes): Security {
  const secretKey = keyIn(values, option.CURVE_SECRET_KEY)
  const enforced = values.flag(option.ZAP_ENFORCE_DOMAIN)
  return curveServer({
    secretKey,
    publicKey: publicKeyOf(secretKey),
    async authorize({ address, publicKey, signal }: Applicant) {
      const { zap } = context
      // Encryption without authentication, unless a domain was asked for.
      if (enforced ? domain.length === 0 : !zap.handled) return true
      const credentials = { publicKey: decodeZ85(publicKey as string) as Bytes }
      const userId = await zap.ask({ mechanism: "CURVE", domain, address, routingId, credentials, signal })
      return userId !== undefined && { userId }
    },
  })
}

function curveClientOf(values: OptionValues): Security {
  return curve({
    serverKey: keyIn(values, option.CURVE_SERVER_KEY),
    publicKey: keyIn(values, option.CURVE_PUBLIC_KEY),
    secretKey: keyIn(values, option.CURVE_SECRET_KEY),
  })
}

/** A key that was not set is missing, which `curve` and `curveServer` refuse. */
function keyIn(values: OptionValues, which: number): string {
  const value = values.octets(which)
  return (value === null ? undefined : option.keyOf(value)) as string
}
