// The error of a feed that has grown to a limit of its own.

import { MessagingError } from "brokerless"

/** A feed has met a limit that its options set. */
export class FeedLimitError extends MessagingError {
  readonly code = "ENOBUFS"
  /** The option that sets it. */
  readonly limit: string

  constructor(limit: string, message: string) {
    super(message)
    this.limit = limit
  }
}
