// The octets in front of a frame's body (RFC 37): flags, then the size in one octet or in eight.

/** Another frame of this message follows. */
export const MORE = 0x01
/** The size takes eight octets. */
export const LONG = 0x02
/** The body is a command. */
export const COMMAND = 0x04
/** Must be zero. */
export const RESERVED = 0xf8

/** Inside a sealed frame (RFC 26) MORE is as above, but a command has this flag. */
export const SEALED_COMMAND = 0x02

/** The largest body with a size of one octet. */
export const SHORT_MAX = 255
export const SHORT_HEADER = 2
export const LONG_HEADER = 9
