/// <reference types="node" preserve="true" />
// The door `brokerless/zeromq`: what the `zeromq` package exports, for programs that were written for it. It can be
// imported by name, as a namespace or as a default, and required. Re-exports only.

/**
 * The classes of the npm package `zeromq` 6, on the sockets of this library.
 *
 * @module brokerless/zeromq
 */

export * from "./zeromq/names.ts"
export * as default from "./zeromq/names.ts"
/** @internal What `require` gives. */
export { required as "module.exports" } from "./zeromq/required.ts"
