// The thread of the `threads` part of living.ts.

import { workerData } from "node:worker_threads"
import type { Zmq } from "./stage.ts"

const zmq = (await import((workerData as { from: string }).from)) as Zmq
const push = new zmq.Push()
push.connect("inproc://threads")
for (const word of ["one", "two", "three"]) await push.send(word)
push.close()
