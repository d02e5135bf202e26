// What can be a topic, and what can be a prefix of topics.

import { MessageError } from "brokerless"
import { MAX_TOPIC } from "./update.ts"

/** @throws MessageError if it is not 1 to 1024 octets of text */
export function checkTopic(topic: string): void {
  if (typeof topic !== "string") throw new MessageError("EINVAL", `A topic must be a string, got ${typeof topic}`)
  const size = Buffer.byteLength(topic)
  if (size === 0 || size > MAX_TOPIC || !isText(topic)) {
    throw new MessageError("EINVAL", `A topic must be 1 to ${MAX_TOPIC} octets of UTF-8, got ${size} octets`)
  }
}

/** @throws MessageError if it is not 0 to 1024 octets of text */
export function checkPrefix(prefix: string): void {
  if (prefix !== "") checkTopic(prefix)
}

/** Half a surrogate pair would come out of the octets as something else. */
function isText(text: string): boolean {
  return !/[\ud800-\udfff]/.test(text) || Buffer.from(text).toString() === text
}
