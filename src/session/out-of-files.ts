// Whether an error means that this process, or the whole system, has as many files open as it may.

/** The code is the system's, or that of the transport, which turns newcomers away a little before. */
export function isOutOfFiles(error: NodeJS.ErrnoException): boolean {
  return error.code === "EMFILE" || error.code === "ENFILE"
}
