// Proxies in the middle: theirs between sockets of ours, and ours between sockets of theirs.

import {
  Dealer,
  Publisher,
  Pull,
  Push,
  proxy,
  Reply,
  Request,
  Router,
  Subscriber,
  XPublisher,
  XSubscriber,
} from "brokerless"
import { describe, expect, it } from "vitest"
import * as zmq from "zeromq"
import { type End, frames, Meeting } from "../support/meeting.ts"
import { turns } from "../support/sockets.ts"

/** What stands in the middle: a frontend and a backend that are bound and forwarded. */
type Middle = (meeting: Meeting, kind: keyof typeof KINDS) => Promise<{ front: string; back: string }>

const KINDS = {
  queue: {
    ours: () => [new Router(), new Dealer()] as const,
    theirs: () => [new zmq.Router(), new zmq.Dealer()] as const,
  },
  forwarder: {
    ours: () => [new XSubscriber(), new XPublisher()] as const,
    theirs: () => [new zmq.XSubscriber(), new zmq.XPublisher()] as const,
  },
  streamer: {
    ours: () => [new Pull(), new Push()] as const,
    theirs: () => [new zmq.Pull(), new zmq.Push()] as const,
  },
}

const theirProxy: Middle = async (meeting, kind) => {
  const [frontend, backend] = KINDS[kind].theirs().map((socket) => meeting.theirs(socket as zmq.Socket))
  const front = await meeting.bind(frontend as zmq.Socket)
  const back = await meeting.bind(backend as zmq.Socket)
  const running = new zmq.Proxy(frontend as zmq.Router, backend as zmq.Dealer)
  const finished = running.run()
  meeting.use({
    close() {
      running.terminate()
      return finished
    },
  })
  return { front, back }
}

const ourProxy: Middle = async (meeting, kind) => {
  const [frontend, backend] = KINDS[kind].ours()
  const front = await meeting.bind(meeting.ours(frontend))
  const back = await meeting.bind(meeting.ours(backend))
  const running = proxy(frontend, backend)
  meeting.use({
    close() {
      running.terminate()
      return running.finished
    },
  })
  return { front, back }
}

const SIDES = {
  "theirs between ours": {
    middle: theirProxy,
    request: () => new Request(),
    reply: () => new Reply(),
    publisher: () => new Publisher(),
    subscriber: () => new Subscriber(),
    push: () => new Push(),
    pull: () => new Pull(),
  },
  "ours between theirs": {
    middle: ourProxy,
    request: () => new zmq.Request(),
    reply: () => new zmq.Reply(),
    publisher: () => new zmq.Publisher(),
    subscriber: () => new zmq.Subscriber(),
    push: () => new zmq.Push(),
    pull: () => new zmq.Pull(),
  },
}

describe.each(Object.entries(SIDES))("a proxy, %s", (_, side) => {
  it("REQREP-20: brings each answer to the one who asked", async () => {
    await using meeting = new Meeting()
    const { front, back } = await side.middle(meeting, "queue")
    const repliers = [1, 2].map(() => meeting.either(side.reply()))
    for (const reply of repliers) {
      reply.connect(back)
      void (async () => {
        for await (const question of reply) await reply.send(["re", ...question])
      })()
    }
    const askers = [1, 2, 3].map(() => meeting.either(side.request()))
    await Promise.all(
      askers.map(async (asker, who) => {
        asker.connect(front)
        for (let i = 0; i < 50; i++) {
          await asker.send([`${who}.${i}`, ""])
          expect(await asker.receive()).toEqual(frames("re", `${who}.${i}`, ""))
        }
      }),
    )
  })

  it("PUBSUB-26: carries subscriptions one way and messages the other", async () => {
    await using meeting = new Meeting()
    const { front, back } = await side.middle(meeting, "forwarder")
    const publisher = meeting.either(side.publisher())
    const subscriber = meeting.either(side.subscriber())
    publisher.connect(front)
    subscriber.connect(back)
    subscriber.subscribe("wanted")
    let arrived = false
    const receiving = subscriber.receive().then((message) => {
      arrived = true
      return message
    })
    while (!arrived) {
      await publisher.send(["unwanted", "x"])
      await publisher.send(["wanted", "y"])
      await turns(1)
    }
    expect(await receiving).toEqual(frames("wanted", "y"))
  })

  it("PIPE-8: carries a stream whole and in order", async () => {
    await using meeting = new Meeting()
    const { front, back } = await side.middle(meeting, "streamer")
    const push = meeting.either(side.push())
    const pull = meeting.either(side.pull())
    push.connect(front)
    pull.connect(back)
    const count = 5000
    const sending = (async () => {
      for (let i = 0; i < count; i++) await push.send([`${i}`, "", "body"])
    })()
    let inOrder = 0
    for (let i = 0; i < count; i++) if (String((await (pull as unknown as End).receive())[0]) === `${i}`) inOrder++
    await sending
    expect(inOrder).toBe(count)
  })
})
