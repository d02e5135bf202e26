// What is made of a stream: a session of ZMTP, unless somebody wants something else.

import { Session, type SessionSetup } from "./session.ts"

/** One connection, as endpoints see it. */
export interface Conversation {
  /** Ends it at once. */
  abort(error: Error | undefined): void
}

/** Begins to talk through a stream. */
export type OpenConversation = (setup: SessionSetup) => Conversation

/** In ZMTP. */
export const converse: OpenConversation = (setup) => new Session(setup)
