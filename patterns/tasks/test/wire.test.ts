import fc from "fast-check"
import { describe, expect, it } from "vitest"
import { decodeError, encodeError } from "../errors.ts"
import {
  DONE,
  decodeFromVentilator,
  decodeFromWorker,
  decodeResults,
  decodeTaken,
  encodeAnswers,
  encodeCancel,
  encodeReady,
  encodeResults,
  encodeStarted,
  encodeTaken,
  encodeTasks,
  FAILED,
  RETURNED,
  SUNK,
  tokenOf,
} from "../wire.ts"

const epoch = Buffer.from("0102030405060708", "hex")
const body = (text: string): Buffer => Buffer.from(text)
// The last one is half of a character, and has no octets of its own.
const key = fc.array(fc.constantFrom("a", "ü", "€", "😀", "\ud800"), { maxLength: 60 }).map((parts) => parts.join(""))
const number = fc.maxSafeNat().map((n) => n % 2 ** 48)

const EXAMPLES = {
  ready: encodeReady(epoch, 4, 100, "worker"),
  answers: encodeAnswers(epoch, [
    { delivery: 1, status: DONE, body: body("one") },
    { delivery: 2 ** 48 - 1, status: RETURNED, body: undefined },
    { delivery: 3, status: SUNK, body: undefined },
    { delivery: 4, status: FAILED, body: body("four") },
  ]),
  started: encodeStarted(epoch, [7, 8]),
  tasks: encodeTasks(epoch, [
    { delivery: 1, id: 10, attempt: 1, announce: false, key: "", body: body("a") },
    { delivery: 2, id: 20, attempt: 3, announce: true, key: "schlüssel", body: body("") },
  ]),
  cancel: encodeCancel(epoch, [1, 2, 3]),
  results: encodeResults([{ token: 1, epoch: tokenOf(epoch), id: 2, key: "k", body: body("r") }]),
  taken: encodeTaken([1, 2]),
}
const DECODERS = [decodeFromWorker, decodeFromVentilator, decodeResults, decodeTaken]

describe("what travels between ventilator, worker and sink", () => {
  it("arrives as it was sent", () => {
    expect(decodeFromWorker(EXAMPLES.ready)).toEqual({
      type: "ready",
      instance: tokenOf(epoch),
      concurrency: 4,
      capacity: 100,
      name: "worker",
    })
    expect(decodeFromWorker(EXAMPLES.answers)).toEqual({
      type: "answers",
      epoch: tokenOf(epoch),
      answers: [
        { delivery: 1, status: DONE, body: body("one") },
        { delivery: 2 ** 48 - 1, status: RETURNED, body: undefined },
        { delivery: 3, status: SUNK, body: undefined },
        { delivery: 4, status: FAILED, body: body("four") },
      ],
    })
    expect(decodeFromWorker(EXAMPLES.started)).toMatchObject({ type: "started", deliveries: [7, 8] })
    expect(decodeFromVentilator(EXAMPLES.tasks)).toMatchObject({
      type: "tasks",
      tasks: [
        { delivery: 1, id: 10, attempt: 1, announce: false, key: "", body: body("a") },
        { delivery: 2, id: 20, attempt: 3, announce: true, key: "schlüssel", body: body("") },
      ],
    })
    expect(decodeFromVentilator(EXAMPLES.cancel)).toMatchObject({ type: "cancel", deliveries: [1, 2, 3] })
    expect(decodeResults(EXAMPLES.results)).toEqual({
      type: "results",
      results: [{ token: 1, epoch: tokenOf(epoch), id: 2, key: "k", body: body("r") }],
    })
    expect(decodeTaken(EXAMPLES.taken)).toEqual({ type: "taken", tokens: [1, 2] })
  })

  it("keeps numbers of 48 bits and keys of any characters", () => {
    fc.assert(
      fc.property(number, number, key, (delivery, id, key) => {
        const sent = encodeTasks(epoch, [{ delivery, id, attempt: 2, announce: false, key, body: body("x") }])
        const said = decodeFromVentilator(sent)
        expect(said).toMatchObject({ tasks: [{ delivery, id, key: Buffer.from(key).toString() }] })
      }),
    )
  })

  it("is the layout that README.md describes", () => {
    expect(EXAMPLES.ready[0]?.toString("hex")).toBe(`01010102030405060708${"00000004"}${"00000064"}776f726b6572`)
    expect(encodeTasks(epoch, [{ delivery: 5, id: 9, attempt: 2, announce: true, key: "k", body: body("b") }])).toEqual(
      [Buffer.from(`01040102030405060708${"000000000005"}${"000000000009"}0002${"01"}${"01"}6b`, "hex"), body("b")],
    )
    expect(encodeAnswers(epoch, [{ delivery: 5, status: DONE, body: body("r") }])).toEqual([
      Buffer.from(`01020102030405060708${"000000000005"}00`, "hex"),
      body("r"),
    ])
  })

  it("is refused when it is cut anywhere, or has a frame too many or too few", () => {
    for (const message of Object.values(EXAMPLES)) {
      const header = message[0] as Buffer
      for (let length = 0; length < header.length; length++) {
        const cut = [header.subarray(0, length), ...message.slice(1)]
        for (const decode of DECODERS) {
          const said = decode(cut)
          // Cut at the end of an entry it is shorter, and says less; of a name any part is a name.
          if (said === undefined) continue
          expect(["ready", "started", "cancel", "taken"]).toContain(said.type)
        }
      }
      if (message.length === 1) continue
      for (const other of [message.slice(0, -1), [...message, body("more")]]) {
        for (const decode of DECODERS) expect(decode(other)).toBeUndefined()
      }
    }
  })

  it("never throws, whatever octets come", () => {
    const examples = Object.values(EXAMPLES)
    const frame = fc.uint8Array({ maxLength: 80 }).map((octets) => Buffer.from(octets))
    const changed = fc.tuple(fc.constantFrom(...examples), fc.nat(), fc.nat(255)).map(([message, at, octet]) => {
      const header = Buffer.from(message[0] as Buffer)
      header[at % header.length] = octet
      return [header, ...message.slice(1)]
    })
    fc.assert(
      fc.property(fc.oneof(fc.array(frame, { maxLength: 4 }), changed), (message) => {
        for (const decode of DECODERS) expect(() => decode(message)).not.toThrow()
      }),
      { numRuns: 2000 },
    )
  })
})

describe("an error", () => {
  it("travels with its name, its message and its code", () => {
    const error = Object.assign(new RangeError("no more"), { code: "ENONE" })
    expect(decodeError(encodeError(error))).toEqual({ name: "RangeError", message: "no more", code: "ENONE" })
    expect(decodeError(encodeError("a string"))).toEqual({ name: "Error", message: "a string" })
    expect(decodeError(encodeError(undefined))).toEqual({ name: "Error", message: "undefined" })
  })

  it("is bounded, whatever it holds", () => {
    const error = Object.assign(new Error("m".repeat(100_000)), { name: "n".repeat(1000), code: "c".repeat(1000) })
    const frame = encodeError(error)
    expect(frame.length).toBeLessThan(3000)
    expect(decodeError(frame).message).toBe("m".repeat(2048))
    // Each of these characters takes six octets.
    expect(decodeError(encodeError(new Error("\u0001".repeat(5000)))).message).toBe("\u0001".repeat(2048))
  })

  it("never makes anybody throw", () => {
    const { proxy, revoke } = Proxy.revocable({}, {})
    revoke()
    expect(decodeError(encodeError(proxy)).message).toContain("cannot be looked at")
    for (const octets of ["", "{", "null", "7", '{"name":{}}', "x".repeat(20_000)]) {
      expect(typeof decodeError(body(octets)).message).toBe("string")
    }
  })
})
