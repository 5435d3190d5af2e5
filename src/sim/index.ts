// The fleet simulator: a cluster file run in virtual time on the production engine.

export {
  type CompareDocument,
  compareDocument,
  type SeedsDocument,
  seedsDocument,
  type Verdict,
} from "./compare.ts";
export { compareText, seedsText } from "./compare-text.ts";
export { Fleet } from "./fleet.ts";
export { type SimInput, SimRefused } from "./input.ts";
export { type SimDocument, simDocument } from "./result.ts";
export { compareCsv, seedsCsv, simCsv } from "./result-csv.ts";
export { compareHtml, seedsHtml, simHtml } from "./result-html.ts";
export { METRICS } from "./result-metrics.ts";
export { simText } from "./result-text.ts";
