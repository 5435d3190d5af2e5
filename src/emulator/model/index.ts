// The emulated VPC as a pure model: what other folders may import.
export type * from "./types.ts";
