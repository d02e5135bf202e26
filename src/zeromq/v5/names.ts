// Everything that `zeromq/v5-compat` exports, by the same names. Re-exports only.

export { version } from "../capability.ts"
export * from "./constants.ts"
export { Context } from "./context.ts"
export { curveKeypair } from "./curve-keypair.ts"
export { type ShortOption, shortOptions as options } from "./options.ts"
export { proxy } from "./proxy.ts"
export { type Callback, createSocket, createSocket as socket, Socket, type SocketType } from "./socket.ts"
