// Out of file descriptors: told of, survived, and recovered from. A child process has the few, so that this one has not
// to go without.

import { Pull, Push } from "brokerless"
import { describe, expect, it } from "vitest"
import type { Order, Said } from "./programs/crowded.ts"
import { Program } from "./support/program.ts"
import { RawPeer } from "./support/raw-peer.ts"

const OPEN_FILES = 60
/** More than there is room for. */
const FLOOD = 200

class Crowded extends Program<Said> {
  constructor(elsewhere: string) {
    super({ name: "crowded", openFiles: OPEN_FILES }, elsewhere)
  }

  order(order: Order): void {
    this.process.send(order)
  }

  /** The next of these. */
  async until<W extends Said["what"]>(what: W): Promise<Extract<Said, { readonly what: W }>> {
    for (;;) {
      const said = await this.next()
      if (said.what === what) return said as Extract<Said, { readonly what: W }>
    }
  }
}

describe.skipIf(process.platform === "win32")("T8, LIMIT-10: out of file descriptors", () => {
  it("newcomers are turned away and that is told; when the flood has gone, honest ones get in again", async () => {
    await using child = new Crowded("tcp://127.0.0.1:1")
    const { endpoint } = await child.until("bound")
    await using honest = new Push({ reconnectInterval: 5, reconnectMaxInterval: 20, linger: 0 })
    honest.connect(endpoint)
    await honest.send("before")
    expect(await child.until("received")).toMatchObject({ text: "before" })

    // Each that gets in stays; each that is turned away is closed at once.
    const flood = await Promise.all(Array.from({ length: FLOOD }, () => RawPeer.connect(endpoint)))
    let gone = 0
    for (const peer of flood) void peer.closed.then(() => gone++)
    expect(await child.until("limit")).toMatchObject({ detail: "maxOpenFiles" })
    expect((await child.until("accept:error")).detail).toMatch(/EMFILE/)

    // Who was there is served as before, and who comes now has to wait.
    await honest.send("meanwhile")
    expect(await child.until("received")).toMatchObject({ text: "meanwhile" })
    await using late = new Push({ reconnectInterval: 5, reconnectMaxInterval: 20, linger: 0 })
    const retried = late.events.once("connect:retry")
    late.connect(endpoint)
    await retried
    expect(late.peers).toEqual([])
    // Every one of those that were turned away is known to have been.
    expect(gone).toBeGreaterThan(FLOOD - OPEN_FILES)

    for (const peer of flood) peer[Symbol.dispose]()
    await late.send("after")
    expect(await child.until("received")).toMatchObject({ text: "after" })
    expect(honest.stats.reconnects).toBe(0)
  })

  it("bind rejects, and what connects says so and tries again until there is one", async () => {
    await using pull = new Pull()
    await using child = new Crowded(await pull.bind("tcp://127.0.0.1:*"))
    await child.until("bound")
    child.order("exhaust")
    expect((await child.until("exhausted")).files).toBeGreaterThan(10)
    expect([(await child.until("refused")).detail, (await child.until("refused")).detail]).toEqual(["EMFILE", "EMFILE"])
    expect(await child.until("limit")).toMatchObject({ detail: "maxOpenFiles" })
    await child.until("connect:retry")
    expect(pull.peers).toEqual([])
    child.order("release")
    expect(String(await pull.receive())).toBe("there is room again")
  })
})
