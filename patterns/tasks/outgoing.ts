// What a ventilator says to its workers at the end of a tick: to each in as few messages as may be.

import type { Frame } from "brokerless"
import type { CrewMember } from "./crew-member.ts"
import type { Delivery } from "./task.ts"
import { encodeCancel, encodeTasks, MOST_IN_MESSAGE, type TaskParcel } from "./wire.ts"

/** Octets of tasks after which a message is long enough. */
const ENOUGH_IN_MESSAGE = 262_144

interface Letter {
  readonly deliveries: Delivery[]
  /** Numbers of deliveries that are not waited for any more. */
  readonly withdrawn: number[]
}

export class Outgoing {
  readonly #epoch: Frame
  readonly #send: (member: CrewMember, message: Frame[]) => void
  readonly #letters = new Map<CrewMember, Letter>()

  constructor(epoch: Frame, send: (member: CrewMember, message: Frame[]) => void) {
    this.#epoch = epoch
    this.#send = send
  }

  deliver(delivery: Delivery): void {
    this.#letterTo(delivery.member).deliveries.push(delivery)
  }

  withdraw(delivery: Delivery): void {
    this.#letterTo(delivery.member).withdrawn.push(delivery.number)
  }

  /** Says nothing to a member that is gone. */
  drop(member: CrewMember): void {
    this.#letters.delete(member)
  }

  flush(): void {
    for (const [member, { deliveries, withdrawn }] of this.#letters) {
      this.#letters.delete(member)
      for (let from = 0; from < deliveries.length; ) {
        const parcels = parcelsOf(deliveries, from)
        this.#send(member, encodeTasks(this.#epoch, parcels))
        from += parcels.length
      }
      for (let from = 0; from < withdrawn.length; from += MOST_IN_MESSAGE) {
        this.#send(member, encodeCancel(this.#epoch, withdrawn.slice(from, from + MOST_IN_MESSAGE)))
      }
    }
  }

  #letterTo(member: CrewMember): Letter {
    let letter = this.#letters.get(member)
    if (letter === undefined) {
      letter = { deliveries: [], withdrawn: [] }
      this.#letters.set(member, letter)
    }
    return letter
  }
}

/** As many of the deliveries, from one on, as go into one message. */
function parcelsOf(deliveries: readonly Delivery[], from: number): TaskParcel[] {
  const parcels: TaskParcel[] = []
  let size = 0
  for (let i = from; i < deliveries.length && size < ENOUGH_IN_MESSAGE && parcels.length < MOST_IN_MESSAGE; i++) {
    const { number, task, attempt, announced } = deliveries[i] as Delivery
    const body = task.body as Frame
    parcels.push({ delivery: number, id: task.id, attempt, announce: announced, key: task.terms.key, body })
    size += body.length
  }
  return parcels
}
