// What must compile, and what must not: checked by the type-checker, never run.

import type { Message } from "brokerless"
import { json } from "brokerless/codec"
import { MajordomoClient, MajordomoWorker } from "brokerless/patterns/majordomo"

interface Task {
  readonly url: string
}

export async function typed(): Promise<void> {
  const worker = new MajordomoWorker("fetch", (task, { signal }) => (signal.aborted ? "" : task.url), {
    codec: { encode: (text: string) => text, decode: (frame: Buffer): Task => ({ url: frame.toString() }) },
    onError: (error, task) => `${error} ${task?.url}`,
  })
  worker.connect("tcp://127.0.0.1:5555")
  // @ts-expect-error what the handler returns is not what the codec encodes
  new MajordomoWorker("fetch", () => 7, { codec: json<string>() })
  // @ts-expect-error values need a codec
  new MajordomoWorker<Task, string>("fetch", ({ url }) => url)
  new MajordomoWorker(
    "fetch",
    async function* (n) {
      yield n
    },
    { codec: json<number>() },
  )

  const client = new MajordomoClient({ codec: json<Task>() })
  const answer: Task = await client.request("fetch", { url: "/" })
  for await (const part of client.stream("fetch", answer)) part.url satisfies string
  // @ts-expect-error not a task
  await client.request("fetch", { uri: "/" })
  // @ts-expect-error no such option
  new MajordomoClient({ codec: json<Task>(), retry: 3 })
  // @ts-expect-error values need a codec
  new MajordomoClient<Task>()

  const frames: Message = await new MajordomoClient().request("fetch", ["a", Buffer.of(1), null])
  frames.length satisfies number
}
