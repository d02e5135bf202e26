import { Reply, UnreachableError } from "brokerless"
import { describe, expect, it } from "vitest"
import { LOOPBACK } from "../../../test/support/loopback.ts"
import { Interest } from "../interest.ts"
import { EPOCH_SIZE } from "../octets.ts"
import { encodeAnswer } from "../recovery.ts"
import { type Part, RecoveryClient } from "../recovery-client.ts"
import { pack } from "../update.ts"

const EPOCH = Buffer.alloc(EPOCH_SIZE, 1)

/** A publisher that has ever more changes. */
async function publisher(endpoint: string, through: number): Promise<Reply & { endpoint: string }> {
  const reply = new Reply()
  let next = through
  void reply.serve(() => [encodeAnswer({ kind: "changes", epoch: EPOCH, through: next++, more: next < 10 }), pack([])])
  return Object.assign(reply, { endpoint: await reply.bind(endpoint) })
}

describe("a client of recovery", () => {
  const question = { kind: "changes", epoch: EPOCH, since: 0, newestOnly: false } as const
  const everything = new Interest([""])

  it("gets all parts of the changes of a publisher that stays", async () => {
    await using one = await publisher(`tcp://${LOOPBACK}:*`, 5)
    const client = new RecoveryClient(one.endpoint, undefined)
    const parts: Part[] = []
    for await (const part of client.fetch(question, everything, { timeout: 30_000 })) parts.push(part)
    expect(parts.map(({ answer }) => answer.kind === "changes" && answer.through)).toEqual([5, 6, 7, 8, 9])
    await client.close()
  })

  it("takes no part of another publisher, or of one that has restarted, for the rest of an answer", async () => {
    const one = await publisher(`tcp://${LOOPBACK}:*`, 5)
    const { endpoint } = one
    const client = new RecoveryClient(endpoint, undefined)
    const parts = client.fetch(question, everything, { timeout: 30_000 })
    expect((await parts.next()).value?.answer).toMatchObject({ through: 5, more: true })
    await one.close()
    await using _ = await publisher(endpoint, 7)
    await expect(parts.next()).rejects.toThrow(UnreachableError)
    // What is asked anew is answered.
    for await (const { answer } of client.fetch(question, everything, { timeout: 30_000 })) {
      expect(answer.kind).toBe("changes")
    }
    await client.close()
  })
})
