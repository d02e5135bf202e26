// What a socket class can be made with: nothing or options for a socket of frames; options with a codec for one of
// values. `new Push<Job>()` without a codec does not compile. And what its messages then are.

import type { Codec } from "../codec/codec.ts"
import type { Message, MessageLike } from "../message.ts"

/** `Then` if the two types are the same, else `Else`. */
export type Same<A, B, Then, Else> = [A, B] extends [B, A] ? Then : Else

/**
 * The arguments of a socket's constructor. Without a codec it sends any message and receives frames, so that is what
 * its type has to allow.
 *
 * @typeParam S - what this socket sends; never if it does not
 * @typeParam R - what this socket receives; unknown if it does not
 * @typeParam Options - its options without a codec
 * @typeParam TypedOptions - its options beside a codec
 */
export type SocketArguments<S, R, Options, TypedOptions> =
  | [options: TypedOptions & { readonly codec: Codec<S, R> }]
  | ([S, Message] extends [MessageLike, R] ? [options?: Options & { readonly codec?: undefined }] : never)

/** What a balancing strategy is shown of a message: the value, or its frames; no hint of what the socket sends. */
export type Shown<S> = Same<MessageLike, NoInfer<S>, Message, NoInfer<S>>

/** What a socket without a codec carries, or a value with what stands before it: a topic, a routing id. */
export type Labelled<Raw, Value, Label> = Same<Raw, Value, Raw, readonly [label: Label, value: Value]>

/** As {@link Labelled}, for what is received: it is the receiver's own. */
export type LabelledOwn<Raw, Value, Label> = Same<Raw, Value, Raw, [label: Label, value: Value]>
