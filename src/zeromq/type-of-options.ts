// What the options of a class are, as a type: the properties of its instances that can be assigned.

/** A if X and Y are the same type, which `extends` alone does not tell of what is read only; else B. */
export type IfEquals<X, Y, A, B = never> = (<T>() => T extends X ? 1 : 2) extends <T>() => T extends Y ? 1 : 2 ? A : B

/** Shows the members of a type instead of how it was made. */
export type Expand<T> = T extends infer O ? { [K in keyof O]: O[K] } : never

/** The names of properties that can be assigned and are no methods. */
export type WritableKeys<T> = {
  [P in keyof T]-?: T[P] extends (...parameters: never[]) => unknown
    ? never
    : IfEquals<{ [Q in P]: T[P] }, { -readonly [Q in P]: T[P] }, P>
}[keyof T]

/** Those properties, each of them optional, and whatever there is besides. */
export type Options<T, E = object> = Expand<Partial<E & Pick<T, WritableKeys<T>>>>
