// A thread: assesses one flight after the other, until nobody hands out any more.

import { Pull, Push } from "brokerless"
import { json } from "brokerless/codec"
import { readAirports, readFlights } from "../flights.ts"
import { assess } from "../work/assessment.ts"
import { Allowances, factsOf } from "../work/settings.ts"
import { type Finding, findings, type Job, jobs } from "./talk.ts"

const places = readAirports()
const allowances = new Allowances()
for (const fact of factsOf(readFlights())) allowances.learn(fact)

const inbox = new Pull({ codec: json<Job>() })
const outbox = new Push({ codec: json<Finding>() })
inbox.events.once("peer:leave", () => inbox.drain())
outbox.connect(findings)
inbox.connect(jobs)
for await (const { id, flight } of inbox) await outbox.send({ id, assessment: assess(flight, places, allowances) })
await outbox.close()
