// What the system says when it refuses, in words, as the one class of errors that endpoints have.

import { EndpointError } from "../errors.ts"

const MEANINGS: Readonly<Record<string, string>> = {
  EACCES: "permission is denied",
  EPERM: "permission is denied",
  EADDRINUSE: "it is in use already",
  EADDRNOTAVAIL: "this machine has no such address, or no port left",
  EAFNOSUPPORT: "this machine has no such family of addresses",
  ECONNREFUSED: "nobody listens there",
  ECONNRESET: "the peer broke off at once",
  EHOSTUNREACH: "there is no way to that host",
  ENETUNREACH: "there is no way to that network",
  EAI_AGAIN: "the name could not be resolved just now",
  ENOTFOUND: "the name has no address",
  ENOENT: "there is no such path",
  ENAMETOOLONG: "the path of the directory for temporary files is too long to have a socket in",
  ENOTDIR: "a part of the path is not a directory",
  EROFS: "the file system is read-only",
  EMFILE: "this process has no file descriptor left",
  ENFILE: "the system has no file descriptor left",
  ETIMEDOUT: "there was no answer in time",
}

/** What was to be done with the endpoint. */
export type Deed = "bind" | "connect to" | "let anybody in at" | "use"

/** An error of our own finding. */
export function cannot(deed: Deed, endpoint: string, code: string, why: string, cause?: Error): EndpointError {
  return new EndpointError(code, endpoint, `Cannot ${deed} ${endpoint}: ${why} (${code})`, cause && { cause })
}

/** The system's error, or Node's, as one about the endpoint: the code is kept, and the error itself as `cause`. */
export function asEndpointError(deed: Deed, endpoint: string, error: NodeJS.ErrnoException): EndpointError {
  if (error instanceof EndpointError) return error
  const code = error.code ?? "EIO"
  return cannot(deed, endpoint, code, MEANINGS[code] ?? error.message, error)
}
