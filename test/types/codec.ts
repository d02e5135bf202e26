// What the codecs of `brokerless/codec` make of a socket's messages, for every class. Checked by the type-checker alone.

import { type } from "arktype"
import {
  type Codec,
  Dealer,
  Fanout,
  type Frame,
  merge,
  Pair,
  Publisher,
  Pull,
  Push,
  Reply,
  Request,
  Router,
  Subscriber,
  XPublisher,
} from "brokerless"
import { json, msgpack, type StandardSchema, text, validated } from "brokerless/codec"
import * as v from "valibot"
import { z } from "zod"

interface Job {
  readonly id: number
  readonly url?: string
}

interface Result {
  readonly status: number
}

/** The two types are one and the same. */
type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false

/** Compiles only for `true`. */
function sure<_ extends true>(): void {}

type Sent<S extends { send(message: never): unknown }> = Parameters<S["send"]>[0]
type Got<S extends { receive(): Promise<unknown> }> = Awaited<ReturnType<S["receive"]>>

/** Never called. */
export async function oneWay(): Promise<void> {
  const push = new Push({ codec: msgpack<Job>() })
  sure<Equal<typeof push, Push<Job>>>()
  await push.send({ id: 1 })
  await push.send({ id: 1, url: "https://example.org" })
  // @ts-expect-error an id is a number
  await push.send({ id: "1" })
  // @ts-expect-error there is no such property
  await push.send({ id: 1, uri: "https://example.org" })
  // @ts-expect-error the id is missing
  push.trySend({})
  // @ts-expect-error a frame is no job
  await push.send(Buffer.from("octets"))
  // @ts-expect-error nor is a list of jobs
  await push.send([{ id: 1 }])

  const pull = new Pull({ codec: msgpack<Job>() })
  const job = await pull.receive()
  sure<Equal<typeof job, Job>>()
  const many = await pull.receiveMany()
  sure<Equal<typeof many, Job[]>>()
  const { message } = await pull.receiveFrom()
  sure<Equal<typeof message, Job>>()
  for await (const next of pull) {
    sure<Equal<typeof next, Job>>()
    // @ts-expect-error a job has no status
    void next.status
    // @ts-expect-error it may have no url
    void next.url.length
  }
  for await (const [, next] of merge({ jobs: pull })) sure<Equal<typeof next, Job>>()

  const fanout = new Fanout({ codec: json<Job>() })
  sure<Equal<Sent<typeof fanout>, Job>>()
  // @ts-expect-error no job
  await fanout.send({ status: 5 })
  const pair = new Pair({ codec: json<Job>() })
  sure<Equal<[Sent<typeof pair>, Got<typeof pair>], [Job, Job]>>()
  const words = new Push({ codec: text() })
  sure<Equal<typeof words, Push<string>>>()
  // @ts-expect-error a text is one string
  await words.send(["two", "strings"])
  // @ts-expect-error these are texts, not jobs
  new Pull<Job>({ codec: text() })
  // @ts-expect-error results are not jobs
  new Push<Job>({ codec: msgpack<Result>() })
  // @ts-expect-error subscriptions are frames
  new XPublisher({ codec: msgpack<Job>() })
}

/** Never called. */
export async function labelled(): Promise<void> {
  const publisher = new Publisher({ codec: msgpack<Job>() })
  await publisher.send(["topic", { id: 1 }])
  // @ts-expect-error the topic is missing
  await publisher.send({ id: 1 })
  // @ts-expect-error an id is a number
  await publisher.send(["topic", { id: "1" }])

  const subscriber = new Subscriber({ codec: msgpack<Job>() })
  for await (const [topic, job] of subscriber) sure<Equal<[typeof topic, typeof job], [string, Job]>>()

  const router = new Router({ codec: msgpack<Job>() })
  const [id, job] = await router.receive()
  sure<Equal<[typeof id, typeof job], [Frame, Job]>>()
  await router.send([id, { id: 2 }])
  // @ts-expect-error whom to send it to is missing
  await router.send({ id: 2 })
}

/** Never called. */
export async function bothWays(): Promise<void> {
  const request = new Request({ codec: msgpack<Job, Result>() })
  sure<Equal<typeof request, Request<Job, Result>>>()
  const result = await request.request({ id: 1 })
  sure<Equal<typeof result, Result>>()
  // @ts-expect-error results are what it gets
  await request.request({ status: 5 })

  const reply = new Reply({ codec: json<Result, Job>() })
  await reply.serve((job) => {
    sure<Equal<typeof job, Job>>()
    return { status: job.id }
  })
  // @ts-expect-error that is no result
  await reply.serve((job) => job)

  const dealer = new Dealer({ codec: { encode: msgpack<Job>().encode, decode: msgpack<Result>().decode } })
  sure<Equal<[Sent<typeof dealer>, Got<typeof dealer>], [Job, Result]>>()
}

/** Without a type argument a value may be anything, and has to be looked at. Never called. */
export async function unknownValues(): Promise<void> {
  const pull = new Pull({ codec: msgpack() })
  const value = await pull.receive()
  sure<Equal<typeof value, unknown>>()
  // @ts-expect-error who knows what it is
  void value.id
  await new Push({ codec: json() }).send({ what: "ever" })
}

/** What is sent is what the schema accepts, what is received is what it makes of that. Never called. */
export async function schemas(): Promise<void> {
  interface Input {
    id: number
    at: string
  }
  interface Output {
    id: number
    at: Date
  }
  const byZod = validated(msgpack(), z.object({ id: z.number(), at: z.string().transform((at) => new Date(at)) }))
  sure<Equal<typeof byZod, Codec<Input, Output>>>()
  const byValibot = validated(
    json(),
    v.object({
      id: v.number(),
      at: v.pipe(
        v.string(),
        v.transform((at) => new Date(at)),
      ),
    }),
  )
  sure<Equal<typeof byValibot, Codec<Input, Output>>>()
  const byArktype = validated(msgpack(), type({ id: "number", at: "string.date.parse" }))
  sure<Equal<typeof byArktype, Codec<Input, Output>>>()
  const plain = validated(msgpack(), type({ id: "number" }))
  sure<Equal<typeof plain, Codec<{ id: number }>>>()

  const request = new Request({ codec: byZod })
  sure<Equal<[Sent<typeof request>, Got<typeof request>], [Input, Output]>>()
  // @ts-expect-error it takes a string and gives a Date
  await request.send({ id: 1, at: new Date() })
  const push = new Push({ codec: byZod })
  // @ts-expect-error neither does a Push
  await push.send({ id: 1, at: new Date() })
  await push.send({ id: 1, at: "2026-11-27" })
  for await (const { at } of new Pull({ codec: byZod })) sure<Equal<typeof at, Date>>()
  for await (const [, { at }] of new Subscriber({ codec: byArktype })) sure<Equal<typeof at, Date>>()

  // @ts-expect-error text() carries strings, and these are none
  validated(text(), z.object({ id: z.number() }))
  validated(text(), z.string().min(1))
  // @ts-expect-error a schema, not what it infers
  validated(msgpack(), z.object)
  // @ts-expect-error the schema is missing
  validated(msgpack())
  // @ts-expect-error what follows no standard is no schema
  validated(msgpack(), { parse: (value: unknown) => value as Job })
}

/** Never called. */
export function options(schema: StandardSchema<Job, Result>): void {
  msgpack<Job>({ maxDepth: 5, maxSize: 5, maxValues: 5, int64: "number" })
  sure<Equal<ReturnType<typeof msgpack<Job>>, Codec<Job>>>()
  // @ts-expect-error there is no such option
  msgpack<Job>({ maxDepht: 5 })
  // @ts-expect-error there is no such type
  msgpack({ int64: "string" })
  // @ts-expect-error JSON has one kind of number
  json({ int64: "number" })
  // @ts-expect-error texts have no options
  text({ maxSize: 5 })
  const codec = validated(json(), schema)
  sure<Equal<typeof codec, Codec<Job, Result>>>()
}

/** The type argument is never guessed from where the codec goes. Never called. */
export function unguessed(): void {
  // @ts-expect-error what is received may be anything
  new Pull<Job>({ codec: msgpack() })
  const pull = new Pull({ codec: json() })
  sure<Equal<typeof pull, Pull<unknown>>>()
}
