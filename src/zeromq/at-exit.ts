// The end of the process, or of a thread. Sockets of this door do not keep a process alive by being open; what they
// have accepted and not sent yet is sent before it ends, as libzmq does when its contexts are terminated.

import { after, cancel, holdProcess, type Timer } from "../clock.ts"

/** What has to be parted with at the end. */
export interface Leaving {
  /** Whether messages may be left for which the process is to wait. */
  readonly lingers: boolean
  /** Whether its context asks for that by default. */
  readonly blocky: boolean
  /** Ends it in good order; resolves when nothing is left to send. */
  leave(): Promise<void>
  /** There is no time left: gives what it can to the operating system. */
  flush(): void
}

/** After how long people are told what their process waits for, ms. */
const PATIENCE = 500

const open = new Set<Leaving>()
const leaving = new Map<Promise<void>, Leaving>()
let watching = false

/** From now on it is taken care of. */
export function watch(each: Leaving): void {
  open.add(each)
  if (watching) return
  watching = true
  process.on("beforeExit", waitForLeavers)
  process.on("exit", () => {
    for (const left of open) left.flush()
  })
}

/** It has been ended; until `parting` settles, messages may be on their way. */
export function left(each: Leaving, parting: Promise<void>): void {
  leaving.set(parting, each)
  void parting.finally(() => {
    leaving.delete(parting)
    open.delete(each)
  })
}

/** Nothing of it is left. */
export function forget(each: Leaving): void {
  open.delete(each)
}

function waitForLeavers(): void {
  for (const each of open) if (each.lingers) void each.leave()
  if (leaving.size === 0) return
  const hold = holdProcess()
  const warning: Timer = after(PATIENCE, warn)
  void Promise.allSettled(leaving.keys()).then(() => {
    cancel(hold)
    cancel(warning)
  })
}

/** Not by `process.emitWarning`: the package does it when that is over, so that options of Node.js do not matter. */
function warn(): void {
  const advice = [...leaving.values()].some(({ blocky }) => blocky)
    ? " Set 'context.blocky = false' to change this behaviour."
    : ""
  process.stderr.write(`(node:${process.pid}) WARNING: Waiting for queued ZeroMQ messages to be delivered.${advice}\n`)
}
