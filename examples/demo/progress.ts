// How far every part is: lines that redraw themselves on a terminal, and elsewhere one plain line a second.

import { now } from "./clock.ts"
import { count, dim, green, perSecond, red } from "./print.ts"
import type { Outcome } from "./report.ts"

const barWidth = 20

// What a terminal does with a line that is too long: a wrapped one would spoil the counting of lines.
const cutLongLines = "\x1b[?7l"
const wrapLongLines = "\x1b[?7h"

/** The lines of all parts, in the order in which they were added. */
export class Progress {
  readonly #live: boolean = process.stdout.isTTY === true
  readonly #lines: Line[] = []
  #drawn = 0
  #timer: NodeJS.Timeout | undefined

  /** Adds the line of a part; it begins to move with {@link Line.begin}. */
  line(title: string): Line {
    const line = new Line(title, () => this.#changed(line))
    this.#lines.push(line)
    return line
  }

  /** Draws from now on. */
  start(): void {
    this.#timer = setInterval(() => this.#tick(), this.#live ? 100 : 1000)
    if (this.#live) this.#draw()
  }

  /** Draws a last time. */
  stop(): void {
    clearInterval(this.#timer)
    if (this.#live) this.#draw()
  }

  #tick(): void {
    if (this.#live) this.#draw()
    else for (const line of this.#lines) if (line.state === "running") console.log(line.text("plain"))
  }

  #changed(line: Line): void {
    if (!this.#live) console.log(line.text("plain"))
  }

  #draw(): void {
    const up = this.#drawn > 0 ? `\x1b[${this.#drawn}A` : ""
    const lines = this.#lines.map((line) => `\x1b[2K${line.text("bar")}\n`).join("")
    process.stdout.write(`${cutLongLines}${up}${lines}${wrapLongLines}`)
    this.#drawn = this.#lines.length
  }
}

/** The line of one part. */
export class Line {
  /** Where the part is in its life. */
  state: "waiting" | "running" | "done" = "waiting"
  readonly #title: string
  readonly #changed: () => void
  #sources: readonly { readonly progress: number }[] = []
  #total = 0
  #startedAt = 0
  #note = ""
  #right = false

  constructor(title: string, changed: () => void) {
    this.#title = title
    this.#changed = changed
  }

  /** The part begins: `sources` together will get to `total`. */
  begin(total: number, sources: readonly { readonly progress: number }[], note = ""): void {
    this.state = "running"
    this.#note = note
    this.#total = total
    this.#sources = sources
    this.#startedAt = now()
    this.#changed()
  }

  /** What is going on just now. */
  note(text: string): void {
    this.#note = text
    this.#changed()
  }

  /** The part is over, and this came of it. */
  finish(outcome: Outcome): Outcome {
    this.state = "done"
    this.#right = outcome.checks.every((check) => check.right)
    this.#note = outcome.summary
    this.#changed()
    return outcome
  }

  /** The line as it reads now, with a bar or in plain words. */
  text(style: "bar" | "plain"): string {
    const done = this.#sources.reduce((sum, source) => sum + source.progress, 0)
    const share = this.#share(done)
    const bar = style === "bar" ? `${this.#bar(share)}  ` : ""
    return `  ${this.#title.padEnd(14)}${bar}${this.#words(done, share)}`
  }

  #share(done: number): number {
    return this.state === "done" ? 1 : this.state === "waiting" ? 0 : Math.min(1, done / this.#total)
  }

  #bar(share: number): string {
    const color = this.state === "done" && !this.#right ? red : green
    const filled = Math.floor(share * barWidth)
    return color("━".repeat(filled)) + dim("─".repeat(barWidth - filled))
  }

  #words(done: number, share: number): string {
    if (this.state === "waiting") return ""
    if (this.state === "done") return `${this.#right ? green("✓") : red("✗")} ${this.#note}`
    const rate = perSecond(done, (now() - this.#startedAt) / 1000)
    return `${Math.floor(share * 100)} %  ${count(done)}  ${dim(`${rate} a second`)}  ${this.#note}`.trimEnd()
  }
}
