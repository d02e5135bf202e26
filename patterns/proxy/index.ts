/// <reference types="node" preserve="true" />
// The door `brokerless/patterns/proxy`. Re-exports only.

/**
 * Devices in one call: forwarder, queue and streamer.
 *
 * @module brokerless/patterns/proxy
 */

export type { ClosingOptions } from "../closing.ts"
export { Emitter, type EventFrom, type EventMap } from "../emitter.ts"
export type { Device, DeviceEvents, DeviceSide, DeviceStats } from "./device.ts"
export { type DeviceOptions, type Ends, forwarder, queue, type Side, streamer } from "./devices.ts"
