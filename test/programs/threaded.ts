// A process with threads of its own, as programs have them: it tells what came of it and is to end by itself.
//
//   threaded.js sum | idle | orphans

import { fileURLToPath } from "node:url"
import { isMainThread, Worker, workerData } from "node:worker_threads"

const FILE = fileURLToPath(import.meta.url)
const task = isMainThread ? process.argv[2] : (workerData as { task: string }).task
const start = (part: string): Worker => new Worker(FILE, { workerData: { task: part } })

/** What this process tells its parent. */
export type Said = number | { readonly cpu: number; readonly wall: number }

switch (task) {
  // Work for two threads, and a sum of what comes back.
  case "sum": {
    const { Pull, Push } = await import("brokerless")
    const push = new Push()
    const pull = new Pull()
    await Promise.all([push.bind("inproc://numbers"), pull.bind("inproc://squares")])
    start("square")
    start("square")
    await push.waitForPeers(2)
    const sending = (async () => {
      for (let i = 0; i <= 1000; i++) await push.send(`${i}`)
      await push.close()
    })()
    let sum = 0
    for (let i = 0; i <= 1000; i++) sum += Number(String(await pull.receive()))
    await sending
    await pull.close()
    process.send?.(sum satisfies Said)
    process.disconnect?.()
    break
  }
  case "square": {
    const { Pull, Push } = await import("brokerless")
    const pull = new Pull()
    const push = new Push()
    pull.connect("inproc://numbers")
    push.connect("inproc://squares")
    pull.events.on("peer:leave", () => void pull.drain().then(() => push.close()))
    for await (const [number] of pull) await push.send(`${Number(String(number)) ** 2}`)
    break
  }
  // Two threads with sockets that have nothing to say.
  case "idle": {
    const { Pair } = await import("brokerless")
    const pair = new Pair()
    await pair.bind("inproc://silence")
    const other = start("listener")
    await pair.waitForPeers(1)
    await pair.send("once")
    await pair.receive()
    // What compiling and waking up takes is over then.
    await new Promise((resolve) => setTimeout(resolve, 300))
    const [cpu, wall] = [process.cpuUsage(), performance.now()]
    await new Promise((resolve) => setTimeout(resolve, 1000))
    const { user, system } = process.cpuUsage(cpu)
    process.send?.({ cpu: (user + system) / 1000, wall: performance.now() - wall } satisfies Said)
    await other.terminate()
    await pair.close()
    process.disconnect?.()
    break
  }
  case "listener": {
    const { Pair } = await import("brokerless")
    const pair = new Pair()
    pair.connect("inproc://silence")
    for await (const message of pair) await pair.send(message)
    break
  }
  // Threads of one that has not loaded the library itself.
  case "orphans": {
    const asking = start("orphan that asks")
    start("orphan that answers")
    asking.on("message", (answer: number) => {
      process.send?.(answer satisfies Said)
      process.disconnect?.()
    })
    break
  }
  case "orphan that asks": {
    const { Request } = await import("brokerless")
    const request = new Request()
    request.connect("inproc://orphans")
    const answer = await request.request("6 7")
    const { parentPort } = await import("node:worker_threads")
    parentPort?.postMessage(Number(String(answer)))
    await request.close()
    break
  }
  case "orphan that answers": {
    const { Reply } = await import("brokerless")
    const reply = new Reply()
    await reply.bind("inproc://orphans")
    const question = await reply.receive()
    const [a, b] = String(question).split(" ").map(Number) as [number, number]
    await reply.send(`${a * b}`)
    await reply.close()
    break
  }
}
