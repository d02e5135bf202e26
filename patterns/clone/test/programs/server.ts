// A server as a process of its own: tells where it is, and whatever state it enters.
//
//   server.js <endpoint> primary | backup <endpoint of the other>

import { CloneServer, type CloneServerRole } from "brokerless/patterns/clone"

const [endpoint, role, peer] = process.argv.slice(2) as [string, CloneServerRole, string]
const server = new CloneServer({ role, peer, heartbeatInterval: 100, failoverTimeout: 2500 })
server.events.on("state", ({ state }) => process.send?.(state))
process.send?.(await server.bind(endpoint))
