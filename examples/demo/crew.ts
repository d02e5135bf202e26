// The child processes of the demo: started, listened to, and ended in every case.

import { type ChildProcess, fork } from "node:child_process"
import { extname } from "node:path"
import { fileURLToPath } from "node:url"
import type { Answer, NamedReport, Word } from "./role.ts"

/** All processes of the demo. */
export class Crew {
  readonly #members = new Set<Member<NamedReport>>()

  /** Rejects as soon as a process ends that should not have, or ends badly. */
  readonly failed: Promise<never>
  /** Gives up, for that reason. */
  readonly fail: (error: Error) => void

  constructor() {
    let fail!: (error: Error) => void
    this.failed = new Promise((_, reject) => {
      fail = reject
    })
    this.fail = fail
    // Whatever ends the director ends everybody.
    process.on("exit", () => this.killAll())
  }

  /** Starts a process: `role` is its file beneath this folder, without extension; `name` is what reports call it. */
  start<Brief, Report extends NamedReport>(name: string, role: string, brief: Brief): Member<Report> {
    const file = new URL(`./${role}${extname(import.meta.url)}`, import.meta.url)
    const member = new Member<Report>(name, fork(fileURLToPath(file), { serialization: "advanced" }), this.fail)
    this.#members.add(member)
    void member.ended.then(() => this.#members.delete(member))
    member.say({ brief })
    return member
  }

  /** Resolves when nobody is left. */
  async allEnded(): Promise<void> {
    await Promise.all([...this.#members].map((member) => member.ended))
  }

  /** Ends every process at once. */
  killAll(): void {
    for (const member of this.#members) void member.kill()
  }
}

/** One process, as the director sees it. */
export class Member<Report extends NamedReport> {
  readonly name: string
  /** How far it says it is. */
  progress = 0
  /** Resolves when the process is gone and everything it said has been heard. */
  readonly ended: Promise<void>
  readonly #process: ChildProcess
  readonly #heard = new Map<string, NamedReport>()
  readonly #awaited = new Map<string, (report: NamedReport) => void>()
  #killed = false

  constructor(name: string, child: ChildProcess, fail: (error: Error) => void) {
    this.name = name
    this.#process = child
    child.on("message", (answer: Answer) => this.#hear(answer))
    child.on("error", fail)
    const gone = new Promise<void>((resolve) => child.once("exit", () => resolve()))
    const silent = new Promise<void>((resolve) => child.once("disconnect", resolve))
    this.ended = Promise.all([gone, silent]).then(() => {
      const [missing] = this.#awaited.keys()
      if (this.#killed) return
      if (child.exitCode !== 0) fail(new Error(`${name} ended with ${child.signalCode ?? `code ${child.exitCode}`}`))
      else if (missing !== undefined) fail(new Error(`${name} ended before its report "${missing}"`))
    })
  }

  /** The report of this name, given already or yet to come. */
  report<Name extends Report["is"]>(name: Name): Promise<Extract<Report, { is: Name }>> {
    const heard = this.#heard.get(name)
    return new Promise((resolve) => {
      const take = (report: NamedReport) => resolve(report as Extract<Report, { is: Name }>)
      if (heard === undefined) this.#awaited.set(name, take)
      else take(heard)
    })
  }

  /** Gives an order that the role waits for. */
  order(order: string): void {
    this.say({ order })
  }

  /** Ends the process as nothing else does: at once, without a chance to clean up. */
  kill(): Promise<void> {
    this.#killed = true
    this.#process.kill("SIGKILL")
    return this.ended
  }

  say(word: Word): void {
    if (this.#process.connected) this.#process.send(word)
  }

  #hear(answer: Answer): void {
    if ("progress" in answer) {
      this.progress = answer.progress
      return
    }
    const { report } = answer
    this.#heard.set(report.is, report)
    this.#awaited.get(report.is)?.(report)
    this.#awaited.delete(report.is)
  }
}
