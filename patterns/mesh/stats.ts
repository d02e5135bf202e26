// What a mesh node counts. Plain numbers, cheap to read.

/** Counters of a node since it began. */
export class MeshStats {
  /** Calls made, retries not counted. */
  calls = 0
  /** Of these: ended in an answer, or in a stream that began. */
  answered = 0
  /** Of these: ended in an error, by its class. A stream that breaks off counts as answered, and here as well. */
  readonly failed: Record<CallFailure, number> = {
    NotOfferedError: 0,
    UnavailableError: 0,
    LostError: 0,
    DeadlineError: 0,
    RemoteError: 0,
    AbortError: 0,
    ClosedError: 0,
    CodecError: 0,
  }
  /** Further attempts after one was lost. */
  retries = 0
  /** Further attempts while one had not answered yet. */
  hedges = 0
  /** Attempts that a node did not begin, and that went to another. */
  passedOn = 0
  /** Answers that nobody waited for any more. */
  late = 0
  /** Items of streams received. */
  itemsReceived = 0
  /** Calls that came and were begun. */
  served = 0
  /** Of these: the handler failed. */
  handlerFailures = 0
  /** Calls that came and were not begun: draining, overloaded or not offered. */
  refused = 0
  /** Calls that were cancelled by the caller, by its loss or by the deadline, running or not yet begun. */
  cancelled = 0
  /** Items of streams sent. */
  itemsSent = 0
  /** Messages that are not of this protocol, or were not for us. */
  invalid = 0
  /** Times that a limit kept something out: a node, a peer or a call. */
  limited = 0
}

/** The errors that a call can end with. */
export type CallFailure =
  | "NotOfferedError"
  | "UnavailableError"
  | "LostError"
  | "DeadlineError"
  | "RemoteError"
  | "AbortError"
  | "ClosedError"
  | "CodecError"
