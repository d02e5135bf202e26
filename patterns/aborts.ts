// One listener for each signal, however many calls hang on it: Node.js warns of a leak from the eleventh on.

const listening = new WeakMap<AbortSignal, Set<() => void>>()

/** Calls `aborted` when the signal, if there is one, is aborted. Returns the function that takes that back. */
export function onAbort(signal: AbortSignal | undefined, aborted: () => void): () => void {
  if (signal === undefined) return () => {}
  let all = listening.get(signal)
  if (all === undefined) {
    const hanging = new Set<() => void>()
    const tell = (): void => {
      for (const each of [...hanging]) each()
    }
    signal.addEventListener("abort", tell, { once: true })
    listening.set(signal, hanging)
    all = hanging
  }
  all.add(aborted)
  return () => all.delete(aborted)
}
