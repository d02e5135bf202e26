// What `require("brokerless/zeromq")` gives: an object of its own, parts of which tests of a program may replace.

import * as names from "./names.ts"

export const required: typeof names = { ...names }
