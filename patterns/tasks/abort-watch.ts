// One listener per signal, however many tasks hang on it: a signal that bounds a thousand tasks is nothing to warn of.

interface Watch {
  readonly actions: Set<() => void>
  readonly listener: () => void
}

const watches = new WeakMap<AbortSignal, Watch>()

/** Calls `action` when the signal is aborted, until the returned function is called. */
export function onAbort(signal: AbortSignal, action: () => void): () => void {
  let watch = watches.get(signal)
  if (watch === undefined) {
    const actions = new Set<() => void>()
    const listener = (): void => {
      watches.delete(signal)
      for (const each of [...actions]) each()
    }
    watch = { actions, listener }
    watches.set(signal, watch)
    signal.addEventListener("abort", listener, { once: true })
  }
  const { actions, listener } = watch
  actions.add(action)
  return () => {
    if (!actions.delete(action) || actions.size > 0) return
    signal.removeEventListener("abort", listener)
    if (watches.get(signal)?.actions === actions) watches.delete(signal)
  }
}
