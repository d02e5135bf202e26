// Bits of `Pipe.turns` that order the pipes of one endpoint. The other bits say which rotations a pipe is
// in, and belong to routing.

/** Another pipe is to be read after this one. */
export const LEADS = 8
/** This one is to be read after another. */
export const HELD = 16
