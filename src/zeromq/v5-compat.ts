/// <reference types="node" preserve="true" />
// The door `brokerless/zeromq/v5-compat`: what `zeromq/v5-compat` exports. Re-exports only.

/**
 * The API that the npm package `zeromq` had in its versions 4 and 5, on the sockets of this library: sockets that emit
 * what they receive.
 *
 * @module brokerless/zeromq/v5-compat
 */

export * from "./v5/names.ts"
export * as default from "./v5/names.ts"
/** @internal What `require` gives. */
export { required as "module.exports" } from "./v5/required.ts"
