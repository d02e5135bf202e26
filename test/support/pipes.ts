// Pipes without a socket or a connection, for tests of what chooses between them and of what fills them.

import { EMPTY } from "../../src/bytes.ts"
import { Peer } from "../../src/peer.ts"
import { Budget } from "../../src/pipe/budget.ts"
import { Pipe, type PipeOwner, type PipeState } from "../../src/pipe/pipe.ts"
import { PeerStats } from "../../src/stats.ts"

const UNLIMITED = Number.POSITIVE_INFINITY

/** An owner that takes everything and wants to know nothing. */
const NOBODY: PipeOwner = {
  pipeReadable() {},
  pipeWritable() {},
  pipeFull() {},
  pipeLimited() {},
  pipeSubscribed() {},
  intake: undefined,
}

export interface TestPipe {
  readonly endpoint?: string
  readonly connecting?: boolean
  readonly state?: PipeState
  /** The routing id that its peer announced. */
  readonly routingId?: string
  /** Messages it takes. */
  readonly room?: number
  readonly window?: number
  readonly owner?: PipeOwner
  readonly budget?: Budget
}

/** A pipe as it would be in a socket; its peer is there unless told otherwise. */
export function testPipe(like: TestPipe = {}): Pipe {
  const { endpoint = "tcp://127.0.0.1:1", connecting = true, state = "ready", room = UNLIMITED } = like
  const pipe = new Pipe(
    {
      owner: like.owner ?? NOBODY,
      outbound: { messages: room, bytes: UNLIMITED },
      inbound: { messages: UNLIMITED, bytes: UNLIMITED },
      budget: like.budget ?? new Budget(UNLIMITED),
      window: like.window ?? 0,
      maxOutstanding: UNLIMITED,
    },
    endpoint,
    connecting,
  )
  pipe.state = state
  if (state !== "waiting") {
    const routingId = like.routingId === undefined ? EMPTY : Buffer.from(like.routingId)
    const facts = { endpoint, address: "127.0.0.1:1", socketType: "DEALER", routingId, metadata: new Map() }
    pipe.peer = new Peer(facts, new PeerStats(), () => {})
  }
  return pipe
}
