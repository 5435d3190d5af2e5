// The fleet simulator: a cluster file run in virtual time on the production engine.

export {
  type CompareDocument,
  compareDocument,
  type SeedsDocument,
  seedsDocument,
  type Verdict,
  verdictOf,
} from "./compare.ts";
export { type Estimate, estimate } from "./compare-statistics.ts";
export { compareText, seedsPhrase, seedsText } from "./compare-text.ts";
export { Fleet } from "./fleet.ts";
export { type SimFault, type SimInput, SimRefused, START_WALL_MS } from "./input.ts";
export { ASSUMPTIONS, type SimDocument, simDocument } from "./result.ts";
export { compareCsv, csv, seedsCsv, simCsv } from "./result-csv.ts";
export { compareHtml, seedsHtml, simHtml } from "./result-html.ts";
export { METRICS, metricText } from "./result-metrics.ts";
export { simText } from "./result-text.ts";
