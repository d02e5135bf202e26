// The types of erased-copy.mjs, for the tests that import it.

/** A place in a file of src/, and what is to stand there instead. */
export interface Change {
  /** From the root of the repository. */
  readonly file: string
  /** Stands there once. */
  readonly find: string
  readonly replace: string
}

/** Copies these folders of the repository, with these changes; returns the folder of the copy. */
export function erasedCopy(folders: readonly string[], changes?: readonly Change[]): string

/** Removes a copy. */
export function remove(folder: string): void
