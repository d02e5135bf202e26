/// <reference types="node" preserve="true" />
// The door `brokerless/patterns`: all patterns at once, each also behind a door of its own. Re-exports only.

export * from "./tasks/index.ts"
