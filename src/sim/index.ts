// The fleet simulator: a cluster file run in virtual time on the production engine.

export { Fleet } from "./fleet.ts";
export { type SimInput, SimRefused } from "./input.ts";
export { type SimDocument, simDocument } from "./result.ts";
export { simText } from "./result-text.ts";
