// The envelope of a request (RFC 28): all frames up to and including the first empty one.

import type { Frame, Message } from "../../message.ts"

/** How many frames the envelope has, 0 when there is none. */
export function envelopeLength(message: Message): number {
  for (let i = 0; i < message.length; i++) if ((message[i] as Frame).length === 0) return i + 1
  return 0
}
