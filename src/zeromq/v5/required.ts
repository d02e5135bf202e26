// As the `required` of zeromq/, of versions 4 and 5.

import * as names from "./names.ts"

export const required: typeof names = { ...names }
