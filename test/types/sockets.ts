// What a socket sends and receives, by its class, its codec and its type arguments. Checked by the type-checker alone.

import {
  type ByKey,
  byKey,
  type Codec,
  Dealer,
  Fanout,
  type Frame,
  type Message,
  type MessageLike,
  merge,
  Pair,
  type Peer,
  Publisher,
  Pull,
  Push,
  proxy,
  Reply,
  Request,
  Router,
  type Socket,
  Subscriber,
  type Writable,
  XPublisher,
  XSubscriber,
} from "brokerless"
import { json } from "../support/json.ts"

interface Job {
  readonly user: string
}

interface News {
  readonly headline: string
}

/** The two types are one and the same. */
type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false

/** Compiles only for `true`. */
function sure<_ extends true>(): void {}

type Sent<S extends { send(message: never): unknown }> = Parameters<S["send"]>[0]
type Got<S extends { receive(): Promise<unknown> }> = Awaited<ReturnType<S["receive"]>>

/** Never called. */
export async function frames(): Promise<void> {
  const push = new Push()
  sure<Equal<Sent<typeof push>, MessageLike>>()
  await push.send("text")
  await push.send(Buffer.from("octets"))
  await push.send(new Float64Array(3))
  await push.send(new ArrayBuffer(3))
  await push.send(null)
  await push.send(["text", null, new Uint8Array(3)] as const)
  push.trySend("text")
  await push.send("text", { timeout: 5, signal: new AbortController().signal })
  // @ts-expect-error a number is no frame
  await push.send(5)
  // @ts-expect-error neither in a list
  await push.send(["text", 5])
  // @ts-expect-error nor is an object
  push.trySend({ user: "ann" })
  // @ts-expect-error nothing is not a message
  await push.send()
  // @ts-expect-error there is no such option of a call
  await push.send("text", { patience: 5 })
  // @ts-expect-error a Push does not receive
  await push.receive()

  const pull = new Pull()
  sure<Equal<Got<typeof pull>, Message>>()
  for await (const [first] of pull) sure<Equal<typeof first, Frame | undefined>>()
  const { message, peer } = await pull.receiveFrom()
  sure<Equal<typeof message, Message>>()
  sure<Equal<typeof peer, Peer>>()
  sure<Equal<ReturnType<typeof pull.tryReceive>, Message | undefined>>()
  const many = await pull.receiveMany(5)
  sure<Equal<typeof many, Message[]>>()
  sure<Equal<ReturnType<typeof pull.toReadableStream>, ReadableStream<Message>>>()
  // @ts-expect-error a Pull does not send
  await pull.send("text")

  sure<Equal<Sent<Publisher>, MessageLike>>()
  sure<Equal<Got<Subscriber>, Message>>()
  sure<Equal<[Sent<Router>, Got<Router>], [MessageLike, Message]>>()
  sure<Equal<[Sent<Dealer>, Got<Dealer>], [MessageLike, Message]>>()
  sure<Equal<[Sent<Request>, Got<Request>], [MessageLike, Message]>>()
  sure<Equal<[Sent<Reply>, Got<Reply>], [MessageLike, Message]>>()
  sure<Equal<[Sent<Pair>, Got<Pair>], [MessageLike, Message]>>()
  sure<Equal<[Sent<XPublisher>, Got<XPublisher>], [MessageLike, Message]>>()
  sure<Equal<[Sent<XSubscriber>, Got<XSubscriber>], [MessageLike, Message]>>()
  sure<Equal<Sent<Fanout>, MessageLike>>()
}

/** Never called. */
export async function values(): Promise<void> {
  const codec = json<Job>()
  const push = new Push({ codec })
  sure<Equal<typeof push, Push<Job>>>()
  sure<Equal<Sent<typeof push>, Job>>()
  await push.send({ user: "ann" })
  // @ts-expect-error not a job
  await push.send("text")
  // @ts-expect-error not quite a job
  await push.send({ name: "ann" })
  // @ts-expect-error a frame is not a job
  push.trySend(Buffer.from("octets"))
  await push.toWritableStream().getWriter().write({ user: "ann" })

  const pull = new Pull<Job>({ codec })
  for await (const job of pull) sure<Equal<typeof job, Job>>()
  const { message } = await pull.receiveFrom()
  sure<Equal<typeof message, Job>>()
  const many = await pull.receiveMany()
  sure<Equal<typeof many, Job[]>>()

  // @ts-expect-error a Push of jobs needs a codec
  new Push<Job>()
  // @ts-expect-error whatever other options it has
  new Push<Job>({ linger: 0 })
  // @ts-expect-error one of jobs
  new Push<Job>({ codec: json<News>() })
  // @ts-expect-error so does a Pull
  new Pull<Job>()
  // @ts-expect-error and a Pair
  new Pair<Job>()
  // @ts-expect-error and a Publisher
  new Publisher<Job>()
  // @ts-expect-error and a Subscriber
  new Subscriber<Job>({})
  // @ts-expect-error and a Request
  new Request<Job>()
  // @ts-expect-error and a Reply
  new Reply<Job>()
  // @ts-expect-error and a Dealer
  new Dealer<Job>()
  // @ts-expect-error and a Router
  new Router<Job>()
  // @ts-expect-error and a Fanout
  new Fanout<Job>()

  sure<Equal<Sent<Fanout<Job>>, Job>>()
  sure<Equal<[Sent<Pair<Job>>, Got<Pair<Job>>], [Job, Job]>>()
  sure<Equal<[Sent<Dealer<Job>>, Got<Dealer<Job>>], [Job, Job]>>()
  const fanout = new Fanout({ codec, overflow: "drop" })
  await fanout.send({ user: "ann" })
}

/** Never called. */
export async function labelled(): Promise<void> {
  const publisher = new Publisher({ codec: json<News>() })
  sure<Equal<Sent<typeof publisher>, readonly [label: string, value: News]>>()
  await publisher.send(["topic", { headline: "…" }])
  // @ts-expect-error the topic is missing
  await publisher.send({ headline: "…" })
  // @ts-expect-error a topic is a string
  await publisher.send([5, { headline: "…" }])
  // @ts-expect-error the value is another
  await publisher.send(["topic", { user: "ann" }])
  await publisher.waitForSubscribers("topic", 2, { timeout: 5 })

  const subscriber = new Subscriber<News>({ codec: json<News>() })
  for await (const [topic, news] of subscriber) {
    sure<Equal<typeof topic, string>>()
    sure<Equal<typeof news, News>>()
  }
  subscriber.subscribe("text", Buffer.from("octets"))
  // @ts-expect-error a prefix is text or octets
  subscriber.subscribe(5)

  const router = new Router({ codec: json<Job>() })
  const [id, job] = await router.receive()
  sure<Equal<typeof id, Frame>>()
  sure<Equal<typeof job, Job>>()
  await router.send([id, { user: "ann" }])
  await router.send(["name", { user: "ann" }])
  // @ts-expect-error whom to send it to is missing
  await router.send({ user: "ann" })
  router.connect("tcp://127.0.0.1:5555", { routingId: "name" })
  // @ts-expect-error only a Router names its peers
  new Dealer().connect("tcp://127.0.0.1:5555", { routingId: "name" })
}

/** Never called. */
export async function bothWays(codec: Codec<Job, News>): Promise<void> {
  const request = new Request({ codec })
  sure<Equal<typeof request, Request<Job, News>>>()
  const answer = await request.request({ user: "ann" }, { timeout: 5, retries: 2 })
  sure<Equal<typeof answer, News>>()
  sure<Equal<[Sent<typeof request>, Got<typeof request>], [Job, News]>>()
  const explicit = new Request<Job, News>({ codec })
  sure<Equal<typeof explicit, typeof request>>()
  // @ts-expect-error it takes jobs, not news
  await request.request({ headline: "…" })
  // @ts-expect-error the wrong way round
  new Request<News, Job>({ codec })

  // What one sends the other receives.
  const reply = new Reply<News, Job>({ codec: json<News>() as Codec<unknown> as Codec<News, Job> })
  await reply.serve((job, { peer, signal }) => {
    sure<Equal<typeof job, Job>>()
    sure<Equal<typeof peer, Peer>>()
    sure<Equal<typeof signal, AbortSignal>>()
    return { headline: job.user }
  })
  // @ts-expect-error that is no news
  await reply.serve((job) => job.user)
  await reply.serve(async () => ({ headline: "…" }), { concurrency: 5, onError: () => undefined })

  const raw = new Reply()
  await raw.serve((frames) => frames)
  await raw.serve(() => "text")
  // @ts-expect-error a number is no answer
  await raw.serve(() => 5)

  sure<Equal<[Sent<Dealer<Job, News>>, Got<Dealer<Job, News>>], [Job, News]>>()
  sure<Equal<Got<Router<Job, News>>, [label: Frame, value: News]>>()
}

/** Never called. */
export function options(): void {
  new Push({ linger: 0, sendHighWaterMark: undefined })
  // @ts-expect-error there is no such option
  new Push({ lingr: 0 })
  // @ts-expect-error neither with a codec
  new Push({ codec: json<Job>(), lingr: 0 })
  // @ts-expect-error not of this type
  new Push({ linger: "0" })
  // @ts-expect-error a Push receives nothing
  new Push({ receiveHighWaterMark: 5 })
  // @ts-expect-error a Pull sends nothing
  new Pull({ sendHighWaterMark: 5 })
  // @ts-expect-error a Pull does not balance
  new Pull({ balance: "round-robin" })
  // @ts-expect-error there is no such strategy
  new Push({ balance: "random" })
  // @ts-expect-error a Pair is no publisher
  new Pair({ overflow: "drop" })
  new Publisher({ overflow: "conflate", invertMatching: true, maxTopicSize: 5 })
  // @ts-expect-error there is no such overflow
  new Publisher({ overflow: "explode" })
  new Fanout({ overflow: "disconnect" })
  // @ts-expect-error a Fanout knows three of them
  new Fanout({ overflow: "conflate" })
  new XPublisher({ verbosity: "allSubs", manual: true, welcomeMessage: null })
  // @ts-expect-error there is no such verbosity
  new XPublisher({ verbosity: "some" })
  // @ts-expect-error subscriptions are frames, so there is no codec
  new XPublisher({ codec: json<Job>() })
  // @ts-expect-error and none of an XSubscriber
  new XSubscriber({ codec: json<Job>() })
  // @ts-expect-error an XPublisher has no type of messages
  new XPublisher<Job>()
  new Dealer({ routingId: "name", metadata: { "X-Name": "value" } })
  // @ts-expect-error a Push has no name
  new Push({ routingId: "name" })
  // @ts-expect-error properties of an application begin with X-
  new Push({ metadata: { Name: "value" } })
  new Request({ relaxed: true, correlate: false })
  // @ts-expect-error half a codec
  new Push({ codec: { encode: (job: Job) => job.user } })
  // @ts-expect-error options are frozen
  new Push().options.linger = 5
}

/** Never called. */
export function events(socket: Socket): void {
  const remove = socket.events.on("handshake", (event) => {
    sure<Equal<typeof event.type, "handshake">>()
    sure<Equal<typeof event.peer, Peer>>()
    // @ts-expect-error a handshake that was completed has no error
    void event.error
  })
  sure<Equal<typeof remove, () => void>>()
  socket.events.once("connect:retry", ({ interval, endpoint }) => `${interval.toFixed()} ${endpoint.length}`)
  // @ts-expect-error there is no such event
  socket.events.on("connected", () => {})
  void (async () => {
    const { reason, count } = await socket.events.once("message:dropped")
    void [reason === "peer-left", count.toFixed()]
    // @ts-expect-error there is no such reason
    void (reason === "boredom")
    for await (const event of socket.events) {
      switch (event.type) {
        case "limit":
          sure<Equal<typeof event.limit, string>>()
          break
        case "disconnect":
          sure<Equal<typeof event.error, Error | undefined>>()
          break
        case "handshake:error":
          sure<Equal<typeof event.fatal, boolean>>()
          break
        // @ts-expect-error there is no such event
        case "nothing":
          break
        default:
          // @ts-expect-error most events have no count
          void event.count
      }
    }
  })()
  // @ts-expect-error counters are read
  socket.stats.dropped = {}
  // @ts-expect-error there is no such reason
  void socket.stats.dropped.boredom
}

/** Never called. */
export async function several(jobs: Pull<Job>, news: Subscriber<News>, raw: Dealer): Promise<void> {
  for await (const found of merge({ jobs, news, raw })) {
    sure<
      Equal<
        typeof found,
        | [name: "jobs", message: Job]
        | [name: "news", message: [label: string, value: News]]
        | [name: "raw", message: Message]
      >
    >()
    const [name, message] = found
    if (name === "jobs") sure<Equal<typeof message, Job>>()
    else if (name === "news") sure<Equal<typeof message, [label: string, value: News]>>()
    else sure<Equal<typeof message, Message>>()
    // @ts-expect-error there is no such socket
    void (name === "others")
  }
  // @ts-expect-error a Push does not receive
  merge({ push: new Push() })

  const router = new Router()
  proxy(router, raw, { capture: new Push() })
  proxy(new XSubscriber(), new XPublisher())
  // @ts-expect-error a proxy forwards frames
  proxy(jobs, new Push())
  // @ts-expect-error what captures has to send
  proxy(new Pull(), new Push(), { capture: new Pull() })
}

/** Never called. */
export async function balancing(): Promise<void> {
  const key = byKey<Job>((job) => job.user)
  sure<Equal<typeof key, ByKey<Job>>>()
  new Push({ codec: json<Job>(), balance: key })
  new Request<Job, News>({ codec: json<unknown>() as Codec<Job, News>, balance: key })
  new Push<Job>({ codec: json<Job>(), balance: byKey((job) => job.user) })
  // @ts-expect-error a key of jobs is none of news
  new Push<News>({ codec: json<News>(), balance: key })
  // @ts-expect-error nor of frames
  new Push({ balance: key })
}

/** A function may ask for any socket that sends jobs. Never called. */
export async function dispatch(to: Writable<Job>): Promise<void> {
  await to.send({ user: "ann" })
  await using push = new Push({ codec: json<Job>() })
  await dispatch(push)
  // @ts-expect-error this one sends frames
  await dispatch(new Push())
  // @ts-expect-error and this one sends news
  await dispatch(new Push({ codec: json<News>() }))
}
