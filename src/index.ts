/// <reference types="node" preserve="true" />

// The public door: re-exports only. The reference above makes the declarations compile for consumers whose tsconfig
// does not name the types of Node.js.

export {}
