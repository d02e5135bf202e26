// Preloaded: whoever asks for `zeromq` gets `brokerless/zeromq`, as an override in a package.json would have it.

import { createRequire } from "node:module"

const require = createRequire(import.meta.url)
const Module = require("node:module") as {
  _resolveFilename(request: string, ...rest: unknown[]): string
}
const ours = require.resolve("brokerless/zeromq")
const resolve = Module._resolveFilename
Module._resolveFilename = (request, ...rest) => (request === "zeromq" ? ours : resolve(request, ...rest))
