// Assertions that stay on in production. A failed one is a bug: nobody catches it to carry on.

export class AssertionError extends Error {
  override readonly name = "AssertionError";
}

/** Throws `AssertionError` unless `claim` holds. `what` says which claim, with the invariant id (I1 ... I11) if it has one. */
export function assert(claim: boolean, what: string): asserts claim {
  if (!claim) throw new AssertionError(what);
}

/** For the `default` of an exhaustive `switch`: a new variant fails to compile here. */
export function unreachable(value: never): never {
  throw new AssertionError(`unreachable: ${String(value)}`);
}
