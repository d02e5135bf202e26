/// <reference types="node" preserve="true" />
// The door `brokerless/zeromq/draft`: what `zeromq/draft` exports. Re-exports only.

/**
 * The draft classes of the npm package `zeromq` 6, on the sockets of this library.
 *
 * @module brokerless/zeromq/draft
 */

export * from "./draft-sockets.ts"
export * as default from "./draft-sockets.ts"
/** @internal What `require` gives. */
export * as "module.exports" from "./draft-sockets.ts"
