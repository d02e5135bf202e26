// A worker thread of piscina, for the benchmark: it calls what the module exports by this name.

export { job } from "./tasks-job.ts"
