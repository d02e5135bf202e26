// Faults that the simulation has to find: what a slip in one line of the source would do. Each is a change of text that
// has to fit exactly once, so that a fault whose place has changed is noticed, and planted anew.

import type { Fault } from "./laboratory.ts"

export const FAULTS: readonly Fault[] = [
  {
    name: "lost on reconnect",
    about: "what was queued for a lost peer goes to nobody and is not counted",
    file: "socket/distribution.ts",
    find: "for (const message of pipe.outbound.drain()) {",
    replace: "for (const message of pipe.outbound.drain().slice(0, 0)) {",
  },
  {
    name: "doubled",
    about: "the last message of an encoding shared by many stays in the queue of the second",
    file: "session/shared-batch.ts",
    find: "for (let i = 0; i < length; i++) queue.shift()",
    replace: "for (let i = 1; i < length; i++) queue.shift()",
  },
  {
    name: "torn",
    about: "the memory of a write is used again before the system has taken all of it",
    file: "session/session.ts",
    find: "        this.#inFlight = batch\n",
    replace: "        this.#inFlight = batch\n        batch.users = 1\n        releaseBatch(batch)\n        batch.users = 9\n",
  },
  {
    name: "reordered",
    about: "what a lost peer could not get is dealt out anew, the newest first",
    file: "socket/distribution.ts",
    find: "for (const message of pipe.outbound.drain()) {",
    replace: "for (const message of pipe.outbound.drain().reverse()) {",
  },
  {
    name: "overtaken",
    about: "what comes over a new connection is read before what came over the old one",
    file: "session/connector.ts",
    find: "      this.pipe.follow(before)\n",
    replace: "",
  },
  {
    name: "unbounded queue",
    about: "a queue takes any number of messages",
    file: "pipe/queue.ts",
    find: "    return (\n      this.#tail - this.#head < this.marks.messages &&\n",
    replace: "    return (\n",
  },
  {
    name: "forgotten subscription",
    about: "after a reconnect the publisher is not told what is wanted",
    file: "socket/pubsub/subscriber.ts",
    find: "joined: (pipe) => wishes.tell(pipe)",
    replace: "joined: (pipe) => { if (hub.stats.reconnects === 0) wishes.tell(pipe) }",
  },
  {
    name: "a drop not counted",
    about: "what was queued for a peer that left disappears from the books",
    file: "socket/hub.ts",
    find: 'if (lost > 0) this.dropped("peer-left", lost, pipe)',
    replace: "void lost",
  },
  {
    name: "half a message",
    about: "the frames that one chunk brought are taken for the whole message",
    file: "zmtp/decoder.ts",
    find: "    this.#frames.push(body)\n    if ((flags & MORE) !== 0) {",
    replace: "    this.#frames.push(body)\n    if ((flags & MORE) !== 0 && !this.idle) {",
  },
  {
    name: "a timer left",
    about: "the deadline for the peer's FIN outlives the connection",
    file: "session/session.ts",
    find: '    this.#state = "over"\n    cancel(this.#deadline)\n',
    replace: '    this.#state = "over"\n',
  },
  {
    name: "a receiver that never wakes",
    about: "a peer that was told to wait is not told to go on when the last message was read",
    file: "pipe/pipe.ts",
    find: "if (this.inbound.relieved) this.#resume()",
    replace: "if (this.inbound.relieved && this.inbound.length > 0) this.#resume()",
  },
  {
    name: "a sender that never wakes",
    about: "those who wait for room are not served when a peer has some again",
    file: "socket/hub.ts",
    find: "    this.outbox?.serve(pipe)\n",
    replace: "",
  },
  {
    name: "refused and sent all the same",
    about: "a send that timed out stays in the line",
    file: "socket/waiting.ts",
    find: "waiter.line?.fail(waiter, new TimeoutError(",
    replace: "waiter.reject(new TimeoutError(",
  },
  {
    name: "a busy peer condemned",
    about: "a peer that reads nothing because it is full is given up for its silence",
    file: "session/heartbeat.ts",
    find: "const allRead = this.#proven === this.#written",
    replace: "const allRead = true",
  },
  {
    name: "an endpoint given up",
    about: "an endpoint is not tried again after a handshake that failed",
    file: "session/connector.ts",
    find: "if (end.refused) this.#giveUp(end.error)",
    replace: "if (end.refused || !end.established) this.#giveUp(end.error)",
  },
  {
    name: "a stream left open",
    about: "a connection that the peer has ended is never destroyed",
    file: "session/session.ts",
    find: '    this.#leave(error)\n    this.#state = "over"\n    this.#stream.destroy()\n',
    replace: '    this.#leave(error)\n    this.#state = "over"\n    if (error !== undefined) this.#stream.destroy()\n',
  },
]
