// Counting who has ever joined a socket: unlike the number of peers it never goes down when somebody dies.

import type { Fanout, Push } from "brokerless"

/** Returns a function that resolves once that many peers have joined since now. */
export function joins<S>(socket: Fanout<S> | Push<S>): (count: number) => Promise<void> {
  let joined = 0
  let awaited = { count: 0, resolve: () => {} }
  socket.events.on("peer:join", () => {
    if (++joined === awaited.count) awaited.resolve()
  })
  return (count) =>
    new Promise((resolve) => {
      awaited = { count, resolve }
      if (joined >= count) resolve()
    })
}
