// A handler of ZAP, as an application has one.

import type { Router } from "zeromq"
import { sleep, type Zmq } from "./stage.ts"

/** Answers with the status that `judge` gives; says what it was asked. */
export async function answering(
  zmq: Zmq,
  say: (...words: unknown[]) => void,
  judge: (texts: string[]) => string,
): Promise<Router> {
  const router = new zmq.Router()
  // A name is free again a moment after its socket was closed.
  const bind = (): Promise<void> => router.bind("inproc://zeromq.zap.01")
  await bind().catch(() => sleep(100).then(bind))
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
