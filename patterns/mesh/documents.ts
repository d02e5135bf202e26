// What nodes tell of themselves and of others, as JSON: written here, and read with the suspicion that what comes from
// a peer deserves. What is read is copied field by field into maps; a document never becomes an object of ours.

import type { Frame } from "brokerless"
import { isLabel, isName } from "./wire.ts"

/** The largest document that is read, in octets. */
export const MAX_DOCUMENT: number = 1024 * 1024
/** What one node may offer, and where it may be found. */
export const MAX_SERVICES = 256
export const MAX_METHODS = 256
export const MAX_ENDPOINTS = 8
const MAX_ENDPOINT = 255

/** A method as its node describes it. */
export interface MethodFacts {
  readonly idempotent: boolean
}

/** A service as its node describes it. */
export interface ServiceFacts {
  readonly healthy: boolean
  readonly methods: ReadonlyMap<string, MethodFacts>
}

/** Who a node is. */
export interface Introduction {
  /** 32 hexadecimal digits, drawn anew whenever the node starts: its incarnation. */
  readonly id: string
  /** When this incarnation began, in ms since 1970. */
  readonly since: number
  /** Grows with every change of what the node tells of itself. */
  readonly version: number
  /** Where it can be found. */
  readonly endpoints: readonly string[]
}

/** What a node tells of itself. */
export interface NodeFacts extends Introduction {
  readonly name: string
  readonly draining: boolean
  readonly services: ReadonlyMap<string, ServiceFacts>
}

/** What a handler threw, as it travels. */
export interface ThrownFacts {
  readonly name: string
  readonly message: string
  readonly code?: string | undefined
}

export function writeNode(node: NodeFacts): Frame {
  const services = [...node.services].map(([name, { healthy, methods }]) => [
    name,
    healthy,
    [...methods].map(([method, { idempotent }]) => [method, idempotent]),
  ])
  const { id, since, version, endpoints, name, draining } = node
  return Buffer.from(JSON.stringify({ id, since, version, name, endpoints, draining, services }))
}

/** Undefined if it is not what {@link writeNode} writes. */
export function readNode(frame: Frame | undefined): NodeFacts | undefined {
  const read = parse(frame)
  if (typeof read !== "object" || read === null) return undefined
  const fields = new Map(Object.entries(read))
  const name = fields.get("name")
  const draining = fields.get("draining")
  const introduction = toIntroduction(["id", "since", "version", "endpoints"].map((key) => fields.get(key)))
  const services = toServices(fields.get("services"))
  if (introduction === undefined || services === undefined) return undefined
  if (!isLabel(name) || typeof draining !== "boolean") return undefined
  return { ...introduction, name, draining, services }
}

export function writeKnown(nodes: readonly Introduction[]): Frame {
  return Buffer.from(JSON.stringify(nodes.map(({ id, since, version, endpoints }) => [id, since, version, endpoints])))
}

/** The introductions that are what they must be, at most `most`; undefined if it is no list. */
export function readKnown(frame: Frame | undefined, most: number): Introduction[] | undefined {
  const read = parse(frame)
  if (!Array.isArray(read)) return undefined
  return read
    .slice(0, most)
    .map(toIntroduction)
    .filter((introduction) => introduction !== undefined)
}

export function writeThrown(thrown: unknown): Frame {
  const error = thrown instanceof Error ? thrown : undefined
  const code = error === undefined ? undefined : (error as { code?: unknown }).code
  const facts = {
    name: short(error?.name ?? "Error", 64),
    message: short(error?.message ?? thrown, 1024),
    ...(typeof code === "string" || typeof code === "number" ? { code: short(code, 64) } : {}),
  }
  return Buffer.from(JSON.stringify(facts))
}

export function readThrown(frame: Frame | undefined): ThrownFacts {
  const read = parse(frame)
  const fields = new Map(typeof read === "object" && read !== null ? Object.entries(read) : [])
  const text = (key: string, most: number): string | undefined => {
    const value = fields.get(key)
    return typeof value === "string" ? short(value, most) : undefined
  }
  return { name: text("name", 64) ?? "Error", message: text("message", 1024) ?? "", code: text("code", 64) }
}

function parse(frame: Frame | undefined): unknown {
  if (frame === undefined || frame.length > MAX_DOCUMENT) return undefined
  try {
    return JSON.parse(frame.toString()) as unknown
  } catch {
    return undefined
  }
}

function toIntroduction(read: unknown): Introduction | undefined {
  if (!Array.isArray(read)) return undefined
  const [id, since, version, endpoints] = read as unknown[]
  if (typeof id !== "string" || !/^[0-9a-f]{32}$/.test(id)) return undefined
  if (!isCount(since) || !isCount(version)) return undefined
  if (!Array.isArray(endpoints) || endpoints.length > MAX_ENDPOINTS) return undefined
  const places = endpoints.filter((each) => typeof each === "string" && each !== "" && each.length <= MAX_ENDPOINT)
  return places.length === endpoints.length ? { id, since, version, endpoints: places as string[] } : undefined
}

function toServices(read: unknown): Map<string, ServiceFacts> | undefined {
  if (!Array.isArray(read) || read.length > MAX_SERVICES) return undefined
  const services = new Map<string, ServiceFacts>()
  for (const row of read) {
    if (!Array.isArray(row)) return undefined
    const [name, healthy, list] = row as unknown[]
    if (!isName(name) || typeof healthy !== "boolean") return undefined
    if (!Array.isArray(list) || list.length > MAX_METHODS) return undefined
    const methods = new Map<string, MethodFacts>()
    for (const pair of list) {
      if (!Array.isArray(pair)) return undefined
      const [method, idempotent] = pair as unknown[]
      if (!isName(method) || typeof idempotent !== "boolean") return undefined
      methods.set(method, { idempotent })
    }
    services.set(name, { healthy, methods })
  }
  return services
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0
}

// What an application throws may be anything, and looking at it may run code that throws in turn.
function short(value: unknown, most: number): string {
  try {
    return String(value).slice(0, most)
  } catch {
    return "something that cannot be shown"
  }
}
