// A broker as a process of its own: tells where it is.
//
//   broker.js <endpoint>

import { MajordomoBroker } from "brokerless/patterns/majordomo"

const [endpoint] = process.argv.slice(2) as [string]
const broker = new MajordomoBroker({ heartbeatInterval: 1000 })
process.send?.(await broker.bind(endpoint))
