// What a process of the demo has in common with every other: it gets a brief, plays its role, and tells the director
// how it goes. This talk runs over the channel that Node.js gives to a child process, never over the sockets that
// are being tried.

/** What the director says. */
export type Word = { readonly brief: unknown } | { readonly order: string }

/** What a process says: how far it is, or a report, which has a name. */
export type Answer = { readonly progress: number } | { readonly report: NamedReport }

/** A report; `is` tells which. */
export interface NamedReport {
  readonly is: string
}

/** The director, as a role sees it. */
export interface Director<Report extends NamedReport> {
  /** Hands in a report. */
  tell(report: Report): void
  /** Shows the director ten times a second how far this role is. */
  showProgress(count: () => number): void
  /** Waits until the director gives this order; one that was given already counts. */
  order(name: string): Promise<void>
}

/**
 * Plays a role in this process, from brief to end. Afterwards the process must end by itself: a socket that is left
 * open would keep it, and the demo would notice.
 */
export function play<Brief, Report extends NamedReport>(
  role: (brief: Brief, director: Director<Report>) => Promise<void>,
): void {
  const given = new Set<string>()
  const awaited = new Map<string, () => void>()
  let progress: NodeJS.Timeout | undefined

  const answer = (word: Answer) => process.send?.(word)
  const director: Director<Report> = {
    tell: (report) => answer({ report }),
    showProgress(count) {
      progress = setInterval(() => answer({ progress: count() }), 100)
    },
    order: (name) => (given.has(name) ? Promise.resolve() : new Promise((resolve) => awaited.set(name, resolve))),
  }

  process.on("message", async (word: Word) => {
    if ("order" in word) {
      given.add(word.order)
      awaited.get(word.order)?.()
      return
    }
    await role(word.brief as Brief, director)
    clearInterval(progress)
    process.channel?.unref()
  })

  // Nobody plays on without a director.
  process.on("disconnect", () => process.exit(1))
}
