// Makes the sockets of this thread meet as if each lived in another one: over a cable, rings and bells. What runs so is
// all that runs between threads, in one place where a debugger sees both ends.

import type { MessagePort } from "node:worker_threads"
import { answerStranger } from "../../src/transport/inproc/arrival.ts"
import type { Bound } from "../../src/transport/inproc/meeting.ts"
import { NAMES, Names } from "../../src/transport/inproc/names.ts"
import { Threads } from "../../src/transport/inproc/threads.ts"

class Loopback extends Threads {
  protected override isOwn(): boolean {
    return false
  }

  protected override async hand(port: MessagePort, thread: number): Promise<void> {
    this.take(port, thread)
  }
}

class DistantNames extends Names {
  override meet(): Bound | undefined {
    return undefined
  }
}

/** For the rest of this test file. */
export function asTwoThreads(): void {
  const distant: DistantNames = new DistantNames(
    new Loopback((opening, line) => answerStranger(opening, line, (name) => distant.bound(name))),
  )
  Object.assign(globalThis, { [NAMES]: distant })
}
