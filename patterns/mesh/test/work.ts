// What tests and the processes they start agree upon: the service, and what is said between parent and child.

/** What the processes offer. */
export interface Work {
  double(n: number): Promise<{ readonly by: string; readonly value: number }>
  /** Writes `id` into the ledger each time that it is begun. */
  book(id: string): Promise<string>
  /** Answers when its process is told to. */
  hold(): Promise<string>
  /** Never answers. */
  hang(): Promise<void>
  count(from: number): AsyncIterable<number>
}

export type Said =
  | { readonly type: "bound"; readonly endpoint: string }
  | { readonly type: "holding" }
  | { readonly type: "hanging" }
  | { readonly type: "aborted" }

export type Told = "drain" | "answer"
