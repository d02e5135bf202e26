/// <reference types="node" preserve="true" />
// The door `brokerless/patterns/exchange`. Re-exports only.

/**
 * Direct, topic, headers and fanout routing to named queues, evaluated at the publisher.
 *
 * @module brokerless/patterns/exchange
 */

export type { ClosingOptions } from "../closing.ts"
export { Emitter, type EventFrom, type EventMap } from "../emitter.ts"
export { Participant, type ParticipantSocketOptions } from "../participant.ts"
export { Consumer } from "./consumer.ts"
export type { ConsumeOptions, ConsumerEvents, ConsumerOptions, ConsumerStats } from "./consumer-face.ts"
export type { Delivery } from "./delivery.ts"
export { Exchange } from "./exchange.ts"
export type { DeadReason, ExchangeEvents, ExchangeStats, QueueInfo } from "./exchange-face.ts"
export type { ExchangeOptions, PublishOptions, QueueOverflow } from "./exchange-options.ts"
export type { Headers, HeadersBinding, HeaderValue } from "./headers.ts"
export type { ExchangeType } from "./routing.ts"
