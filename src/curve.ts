/// <reference types="node" preserve="true" />
// The door `brokerless/curve`: CURVE for those who use it, and nothing of it for those who do not. Re-exports only.

/**
 * CURVE: who may come in, and that nobody reads along.
 *
 * @module brokerless/curve
 */

export { type CurveKey, type CurveKeyPair, curveKeyPair } from "./curve/keys.ts"
export {
  type CurveClientConfiguration,
  type CurveServerConfiguration,
  type CurveServerSecurity,
  curve,
  curveProvider,
  curveServer,
} from "./curve/security.ts"
export type { Applicant, Authorize, Grant } from "./security/authorize.ts"
export type { Security } from "./security/security.ts"
