// What a ventilator tells while it works.

/** What happens at a ventilator: each event, and what it carries besides its `type`. */
export type VentilatorEvents = {
  /** A worker came and said what it can hold. */
  readonly "worker:join": { readonly worker: string; readonly address: string; readonly concurrency: number }
  /** A worker is gone. */
  readonly "worker:leave": {
    readonly worker: string
    readonly address: string
    /** Tasks that it had and had not answered: they go to others, or are given up. */
    readonly lost: number
  }
  /** A task exceeded its time at a worker. */
  readonly "task:overdue": { readonly id: number; readonly attempt: number; readonly worker: string }
  /** An attempt came to nothing, and there will be another. */
  readonly "task:retry": { readonly id: number; readonly attempt: number; readonly error: Error }
  /** A task was given up. */
  readonly "task:dead": { readonly id: number; readonly attempts: number; readonly error: Error }
  /** A task was done again after it had been done: its first answer came late. The first answer counted. */
  readonly "task:duplicate": { readonly id: number; readonly attempt: number; readonly worker: string }
  /** A peer sent what is no message of this protocol, and was parted with. */
  readonly "message:invalid": { readonly address: string }
}

/** The types of {@link VentilatorEvents}. */
export const VENTILATOR_EVENTS: readonly (keyof VentilatorEvents & string)[] = [
  "worker:join",
  "worker:leave",
  "task:overdue",
  "task:retry",
  "task:dead",
  "task:duplicate",
  "message:invalid",
]

/** A task that was given up. */
export interface DeadLetter<Task> {
  /** Its number at this ventilator. */
  readonly id: number
  /** The task, as it was given to `run`. */
  readonly task: Task
  readonly key: string | undefined
  /** How often a worker began with it, or may have. */
  readonly attempts: number
  /** Of the last attempt. */
  readonly error: Error
}
