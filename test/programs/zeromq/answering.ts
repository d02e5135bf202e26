// A handler of ZAP, as an application has one.

import type { Reply, Router } from "zeromq"
import { sleep, type Zmq } from "./stage.ts"

/** Binds to where handlers are asked. The name is free again a moment after the socket that had it was closed. */
export async function bindAsHandler(socket: Router | Reply): Promise<void> {
  for (let tries = 1; ; tries++) {
    try {
      await socket.bind("inproc://zeromq.zap.01")
      return
    } catch (error) {
      if (tries === 300) throw error
      await sleep(20)
    }
  }
}

/** Answers with the status that `judge` gives; says what it was asked. */
export async function answering(
  zmq: Zmq,
  say: (...words: unknown[]) => void,
  judge: (texts: string[]) => string,
): Promise<Router> {
  const router = new zmq.Router()
  await bindAsHandler(router)
  void (async () => {
    for await (const [path, delimiter, version, id, ...question] of router) {
      const texts = question.map((frame) => (frame.length === 32 ? "a key" : String(frame)))
      say("asked", String(version), texts)
      const answer = [path, delimiter, version, id, judge(texts), "text", "user", ""]
      await router.send(answer as Buffer[])
    }
  })()
  return router
}
