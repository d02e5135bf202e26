/// <reference types="node" preserve="true" />
// The door `brokerless/patterns`: all patterns at once, each also behind a door of its own. Re-exports only.

export * from "./clone/index.ts"
export * from "./exchange/index.ts"
export * from "./feed/index.ts"
export * from "./majordomo/index.ts"
export * from "./mesh/index.ts"
export * from "./proxy/index.ts"
export * from "./reliable-request/index.ts"
export * from "./survey/index.ts"
export * from "./tasks/index.ts"
