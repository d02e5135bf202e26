// Programs of another library, written by hand from the table in README.md: libzmq sockets and octets, nothing of ours.

import { TaskWorker, Ventilator } from "brokerless/patterns/tasks"
import { describe, expect, it } from "vitest"
import * as zmq from "zeromq"
import { json } from "./programs/jobs.ts"

const [READY, ANSWERS, STARTED, TASKS, CANCEL, RESULTS, TAKEN] = [1, 2, 3, 4, 5, 6, 7]
const [DONE, FAILED, RETURNED] = [0, 2, 4]

/** Octets of numbers: [value, how many octets], or octets as they are. */
function octets(...parts: (readonly [number, number] | Buffer)[]): Buffer {
  return Buffer.concat(
    parts.map((part) => {
      if (Buffer.isBuffer(part)) return part
      const bytes = Buffer.alloc(part[1])
      bytes.writeUIntBE(part[0], 0, part[1])
      return bytes
    }),
  )
}

interface Given {
  readonly delivery: number
  readonly id: number
  readonly attempt: number
  readonly flags: number
  readonly key: string
  readonly value: string
}

function tasksOf([header, ...values]: Buffer[]): { readonly epoch: Buffer; readonly tasks: readonly Given[] } {
  const bytes = header as Buffer
  expect([bytes[0], bytes[1]]).toEqual([1, TASKS])
  let at = 10
  const tasks = values.map((value) => {
    const length = bytes[at + 15] as number
    const task = {
      delivery: bytes.readUIntBE(at, 6),
      id: bytes.readUIntBE(at + 6, 6),
      attempt: bytes.readUInt16BE(at + 12),
      flags: bytes[at + 14] as number,
      key: bytes.toString("utf8", at + 16, at + 16 + length),
      value: String(value),
    }
    at += 16 + length
    return task
  })
  expect(at).toBe(bytes.length)
  return { epoch: bytes.subarray(2, 10), tasks }
}

describe("a worker in another language", () => {
  it("gets tasks, fails, announces, is told of what is cancelled, and answers", async () => {
    await using ventilator = new Ventilator<number, number>({ codec: json() })
    const worker = new zmq.Dealer()
    worker.connect(await ventilator.bind("tcp://127.0.0.1:*"))
    const joined = ventilator.events.once("worker:join")
    const instance = Buffer.from("instance")
    await worker.send(octets([1, 1], [READY as number, 1], instance, [1, 4], [2, 4], Buffer.from("fremd")))
    expect(await joined).toMatchObject({ worker: "fremd", concurrency: 1 })

    const first = ventilator.run(6, { key: "schlüssel" })
    const stop = new AbortController()
    const second = ventilator.run(7, { signal: stop.signal })
    const { epoch, tasks } = tasksOf(await worker.receive())
    expect(tasks).toMatchObject([
      { id: 1, attempt: 1, flags: 0, key: "schlüssel", value: "6" },
      { id: 2, attempt: 1, flags: 0, key: "", value: "7" },
    ])
    const [six, seven] = tasks as [Given, Given]

    // What is cancelled is answered all the same.
    stop.abort()
    await expect(second).rejects.toMatchObject({ name: "AbortError" })
    const [cancel] = await worker.receive()
    expect(cancel).toEqual(octets([1, 1], [CANCEL as number, 1], epoch, [seven.delivery, 6]))
    const failure = JSON.stringify({ name: "RangeError", message: "too much", code: "ERANGE" })
    const retry = ventilator.events.once("task:retry")
    await worker.send([
      octets(
        [1, 1],
        [ANSWERS as number, 1],
        epoch,
        [seven.delivery, 6],
        [RETURNED as number, 1],
        [six.delivery, 6],
        [FAILED as number, 1],
      ),
      failure,
    ])
    expect(await retry).toMatchObject({ id: 1, error: { thrown: "RangeError", message: "too much", code: "ERANGE" } })

    // From the second attempt on it says what it begins with.
    const [again] = tasksOf(await worker.receive()).tasks as [Given]
    expect(again).toMatchObject({ id: 1, attempt: 2, flags: 1, value: "6" })
    await worker.send(octets([1, 1], [STARTED as number, 1], epoch, [again.delivery, 6]))
    await worker.send([octets([1, 1], [ANSWERS as number, 1], epoch, [again.delivery, 6], [DONE as number, 1]), "36"])
    expect(await first).toBe(36)
    expect(ventilator.stats).toMatchObject({ done: 1, cancelled: 1, retries: 1, invalid: 0, unexpected: 0 })
    expect(ventilator.workers).toMatchObject([{ held: 0, capacity: 2 }])
    worker.close()
  })
})

describe("a ventilator in another language", () => {
  it("hears what a worker can hold, gives it tasks, and is answered", async () => {
    const router = new zmq.Router()
    await router.bind("tcp://127.0.0.1:*")
    await using worker = new TaskWorker<number, number>({ codec: json(), name: "ours", prefetch: 3 })
    worker.connect(router.lastEndpoint as string)
    void worker.serve((n) => {
      if (n === 3) throw Object.assign(new RangeError("no three"), { permanent: true })
      return n * n
    })
    const [address, ready] = (await router.receive()) as [Buffer, Buffer]
    expect(ready.subarray(0, 2)).toEqual(octets([1, 1], [READY as number, 1]))
    expect(ready.readUInt32BE(10)).toBe(1)
    expect(ready.readUInt32BE(14)).toBe(4)
    expect(ready.toString("utf8", 18)).toBe("ours")
    const epoch = Buffer.from("an epoch")
    const none: readonly [number, number] = [0, 1]
    await router.send([
      address,
      octets(
        [1, 1],
        [TASKS as number, 1],
        epoch,
        ...([[11, 6], [1, 6], [1, 2], none, none] as const),
        ...([[12, 6], [2, 6], [1, 2], none, none] as const),
      ),
      "12",
      "3",
    ])
    const bodies: string[] = []
    const states: number[][] = []
    while (states.length < 2) {
      const [, header, ...rest] = (await router.receive()) as [Buffer, Buffer, ...Buffer[]]
      // A worker may also say anew what it can hold.
      if (header[1] !== ANSWERS) continue
      expect(header.subarray(2, 10)).toEqual(epoch)
      for (let at = 10; at < header.length; at += 7) {
        states.push([header.readUIntBE(at, 6), header[at + 6] as number])
      }
      bodies.push(...rest.map(String))
    }
    expect(states).toEqual([
      [11, 0],
      [12, 3],
    ])
    expect(bodies).toEqual(["144", JSON.stringify({ name: "RangeError", message: "no three" })])
    router.close()
  })
})

describe("a sink in another language", () => {
  it("gets results, and the ventilator hears of each when it has said that it took it", async () => {
    const router = new zmq.Router()
    await router.bind("tcp://127.0.0.1:*")
    await using ventilator = new Ventilator<number, undefined>({ codec: json() })
    await using worker = new TaskWorker<number, number>({ codec: json(), sink: router.lastEndpoint as string })
    worker.connect(await ventilator.bind("inproc://foreign/sink"))
    void worker.serve((n) => n * n)
    const done = ventilator.run(9, { key: "k" })
    const [address, header, body] = (await router.receive()) as [Buffer, Buffer, Buffer]
    expect(header.subarray(0, 2)).toEqual(octets([1, 1], [RESULTS as number, 1]))
    const token = header.readUIntBE(2, 6)
    expect(header.readUIntBE(16, 6)).toBe(1)
    expect(header.subarray(22)).toEqual(octets([1, 1], Buffer.from("k")))
    expect(String(body)).toBe("81")
    expect(ventilator.progress).toMatchObject({ done: 0, running: 1 })
    await router.send([address, octets([1, 1], [TAKEN as number, 1], [token, 6])])
    expect(await done).toBeUndefined()
    router.close()
  })
})
